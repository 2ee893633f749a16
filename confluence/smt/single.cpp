#include "confluence/smt/single.h"

#include "confluence/smt/invariant.h"

namespace anabranch::confluence::smt {

bool can_hold(const Analysis& analysis, std::uint32_t invariant) {
    try {
        Terms terms(analysis.constants(), analysis.context());
        Universe universe(analysis.schema(), terms, analysis.touched, analysis.claimed);
        const auto rows = rows_of_violation(analysis.schema(), analysis.schema().invariants[invariant]);
        for (const auto& [table, count] : rows) universe.add_slot(table, Owner::base);
        std::vector<z3::expr> hard;
        const State state = universe.start(hard);
        std::vector<RestKey> keys;
        InvariantEncoder encoder(universe, &keys);
        const auto violated = encoder.violated(analysis.schema().invariants[invariant], state);
        if (!violated || violated->opaque) return true;
        z3::solver solver(terms.context(), Z3_mk_simple_solver(terms.context()));
        z3::params params(terms.context());
        params.set("rlimit", analysis.rlimit);
        solver.set(params);
        for (const z3::expr& e : hard) solver.add(e);
        for (const z3::expr& e : terms.axioms()) solver.add(e);
        for (const auto& [table, count] : rows) {
            solver.add(universe.alive(state, table, 0));
            // Every column has a value: a NULL passes any CHECK.
            for (const Val& v : universe.row(state, table, 0)) solver.add(!v.null);
        }
        solver.add(!violated->holds);
        return solver.check() != z3::unsat;
    } catch (const z3::exception&) {
        return true;
    }
}

}  // namespace anabranch::confluence::smt
