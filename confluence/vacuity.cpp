#include "confluence/vacuity.h"

#include "confluence/history.h"
#include "confluence/smt/pair.h"
#include "confluence/smt/single.h"

namespace anabranch::confluence {

namespace {

using catalog::InvariantKind;

bool worth_asking(InvariantKind kind) {
    return kind == InvariantKind::check || kind == InvariantKind::assertion;
}

}  // namespace

std::vector<Vacuous> find_vacuous(const smt::Analysis& analysis, const std::set<std::uint32_t>& committed) {
    std::vector<Vacuous> out;
    const catalog::Schema& schema = analysis.schema();
    for (std::uint32_t i = 0; i < schema.invariants.size(); ++i) {
        const catalog::Invariant& invariant = schema.invariants[i];
        if (!worth_asking(invariant.kind) || smt::can_hold(analysis, i)) continue;
        const bool row = invariant.kind == InvariantKind::check;
        out.push_back(
            {invariant.name, row ? "no row without NULLs can satisfy it"
                                 : "it is violated as soon as there is a row in each table that it reads"});
    }
    if (!schema.assumed_transactions) {
        for (std::uint32_t t = 0; t < schema.transactions.size(); ++t) {
            const catalog::Transaction& transaction = schema.transactions[t];
            if (transaction.skipped || !analysis.access[t].writes_any() || committed.contains(t)) continue;
            smt::Pair pair(analysis, t, t, {});
            if (pair.commits() == smt::Answer::no) {
                out.push_back({transaction.display(),
                               "it can never commit: its guards and the invariants leave no state and no "
                               "arguments with which it succeeds"});
            }
        }
    }
    World world(analysis.schema_ptr(), 1);
    if (const auto started = world.start(); !started) {
        const std::string& name = started.error().constraint;
        out.push_back({name.empty() ? std::string("initial rows") : name,
                       "the rows that the schema inserts fail: " + started.error().message});
    }
    return out;
}

}  // namespace anabranch::confluence
