#include "confluence/smt/pair.h"

#include <algorithm>
#include <optional>

#include "confluence/smt/call.h"
#include "confluence/smt/invariant.h"
#include "confluence/smt/literal.h"

namespace anabranch::confluence::smt {

namespace {

z3::solver simple_solver(z3::context& context) {
    return z3::solver(context, Z3_mk_simple_solver(context));
}

}  // namespace

class Pair::Impl {
  public:
    Impl(const Analysis& analysis, std::uint32_t first, std::uint32_t second,
         std::vector<std::uint32_t> targets, Lane& lane)
        : analysis_(analysis),
          patience_(lane.patience),
          terms_(analysis.constants(), *lane.context),
          universe_(analysis.schema(), terms_, analysis.touched, analysis.claimed),
          solver_(simple_solver(terms_.context())),
          e_(universe_, analysis.schema().transactions[first], Owner::first, &rest_keys_),
          f_(universe_, analysis.schema().transactions[second], Owner::second, &rest_keys_),
          first_(first),
          second_(second),
          targets_(std::move(targets)) {
        z3::params params(terms_.context());
        params.set("arith.solver", 2U);  // Z3's older simplex: a tenth faster on questions of this size
        solver_.set(params);
        universe_.compute = [this](const sql::Expr& e, const std::vector<Val>& row) {
            Evaluator evaluator(universe_, nullptr);
            Env env;
            env.rows.push_back({&row, std::nullopt, false, false});
            return evaluator.expression(e, env);
        };
        try {
            reserve_slots();
            encode();
        } catch (const z3::exception&) {
            failed_ = true;
        }
    }

    const std::vector<std::string>& facts(Side side) const { return side == Side::first ? e_keys_ : f_keys_; }

    Dropped met_by(Side side, const Touches& touches) const {
        Dropped out;
        for (const auto& [key, reads] : side == Side::first ? e_reads_ : f_reads_) {
            if (reads.met_by(touches)) out.insert(key);
        }
        return out;
    }

    Dropped falsified(Side side, const Dropped& first, const Dropped& second) {
        Dropped out;
        const auto& candidates = side == Side::first ? e_unsure_ : f_unsure_;
        const Dropped& known = side == Side::first ? first : second;
        while (true) {
            z3::expr_vector some(terms_.context());
            for (const auto& [key, violation] : candidates) {
                if (!known.contains(key) && !out.contains(key)) some.push_back(violation);
            }
            if (some.empty()) return out;
            const z3::expr any = terms_.boolean("any");
            solver_.add(z3::implies(any, z3::mk_or(some)));
            z3::expr_vector assumptions = believed(side == Side::first ? join(first, out) : first,
                                                   side == Side::second ? join(second, out) : second);
            assumptions.push_back(any);
            const z3::check_result result = check(assumptions);
            if (result == z3::unsat) return out;
            const std::size_t before = out.size();
            if (result == z3::sat) {
                const z3::model model = solver_.get_model();
                for (const auto& [key, violation] : candidates) {
                    if (!known.contains(key) && !out.contains(key) && model.eval(violation, true).is_true())
                        out.insert(key);
                }
            }
            if (out.size() > before) continue;
            for (const auto& [key, violation] : candidates) {
                if (!known.contains(key)) out.insert(key);
            }
        }
    }

    Answer breaks(std::uint32_t invariant, const Dropped& first, const Dropped& second) {
        return breaks(invariant, first, second, std::vector<Distinct>{});
    }

    Outcome settle(std::uint32_t invariant, const Dropped& first, const Dropped& second, Expect expect) {
        Outcome out;
        if (!unmodelled(invariant) && !failed_ && !goals_.contains(invariant)) out.proved = true;
        if (out.proved || unmodelled(invariant) || failed_) return out;
        const bool all_believed = first.empty() && second.empty();
        if (expect == Expect::proof && !all_believed) {
            const Answer weak = breaks(invariant, first, second);
            out.proved = weak == Answer::no;
            if (out.proved) return out;
            const std::optional<z3::model> weaker = model_;
            const Answer story = breaks(invariant, {}, {});
            out.story = story == Answer::yes;
            out.undecided = weak == Answer::unknown && story == Answer::unknown;
            if (!out.story) model_ = weaker;
            return out;
        }
        const Answer story = breaks(invariant, {}, {});
        out.story = story == Answer::yes;
        if (out.story) return out;
        out.undecided = story == Answer::unknown;  // with fewer facts it is harder still
        if (story == Answer::no) out.refuted = needed();
        out.proved = out.refuted && out.refuted->without(first, second);
        if (out.proved || out.undecided || all_believed) return out;
        out.proved = breaks(invariant, first, second) == Answer::no;
        return out;
    }

    std::vector<Distinct> equal_in_model(std::vector<Distinct> candidates) {
        std::erase_if(candidates, [&](const Distinct& d) {
            return model_ && model_->eval(differing(d), true).is_true();
        });
        return candidates;
    }

    // Each model in which the invariant breaks clears all candidates that hold in it; the first one is asked
    // for with all of them at once.
    Scope excluding(std::uint32_t invariant, const Dropped& first, const Dropped& second,
                    std::vector<Distinct> candidates, std::uint32_t part) {
        Scope out;
        const std::uint32_t brief = std::max(part, brief_part);
        if (candidates.size() > 1 && breaks(invariant, first, second, candidates, brief) == Answer::yes)
            return out;
        while (!candidates.empty()) {
            const Distinct asked = candidates.back();
            candidates.pop_back();
            const Answer answer = breaks(invariant, first, second, {asked}, part);
            if (answer == Answer::no) out.needed.push_back(asked);
            if (answer == Answer::unknown) out.unsure.push_back(asked);
            if (answer != Answer::yes) continue;
            std::erase_if(candidates,
                          [&](const Distinct& d) { return model_->eval(differing(d), true).is_true(); });
        }
        std::reverse(out.needed.begin(), out.needed.end());
        return out;
    }

    std::set<std::size_t> bounds_broken_alone(const std::set<std::size_t>& candidates,
                                              const std::set<std::size_t>& assumed) {
        if (failed_) return candidates;
        z3::expr_vector assumptions(terms_.context());
        for (const auto& [key, literal] : e_literals_) assumptions.push_back(literal);
        for (std::size_t b : assumed) assumptions.push_back(bounds_[b].at_start);
        std::set<std::size_t> out, asked;
        for (std::size_t b : candidates) (unseen(b) ? out : asked).insert(b);
        out.merge(refuted(asked, assumptions, [&](std::size_t b) { return bounds_[b].alone; }));
        return out;
    }

    std::set<std::size_t> bounds_not_implied(const std::set<std::size_t>& candidates) {
        if (failed_) return candidates;
        std::set<std::size_t> out, asked;
        for (std::size_t b : candidates) {
            const auto& slots = universe_.shape(analysis_.bounds[b].table).slots;
            const bool seen = std::find(slots.begin(), slots.end(), Owner::base) != slots.end();
            (seen ? asked : out).insert(b);
        }
        out.merge(refuted(asked, z3::expr_vector(terms_.context()),
                          [&](std::size_t b) { return bounds_[b].not_at_start; }));
        return out;
    }

    Answer breaks_bound(std::size_t bound, const std::set<std::size_t>& assumed, const Dropped& first,
                        const Dropped& second) {
        if (failed_ || unseen(bound)) return Answer::unknown;
        z3::expr_vector assumptions = believed(first, second);
        for (std::size_t b : assumed) assumptions.push_back(bounds_[b].everywhere);
        assumptions.push_back(bounds_[bound].broken);
        return answer(assumptions);
    }

    void assume_bounds(const std::set<std::size_t>& bounds) {
        for (std::size_t b : bounds) solver_.add(bounds_[b].everywhere);
    }

    std::vector<ReadSign> read_signs() {
        std::map<std::string, ReadSign> by_value;
        const auto prove = [&](const z3::expr& negated) {
            const z3::expr literal = terms_.boolean("sign");
            solver_.add(z3::implies(literal, negated));
            z3::expr_vector assumptions(terms_.context());
            for (const auto& [key, believed] : e_literals_) assumptions.push_back(believed);
            assumptions.push_back(literal);
            return check(assumptions) == z3::unsat;
        };
        for (const auto& [name, read] : e_.read_values()) {
            const Val& value = read.value;
            if (value.kind == Kind::boolean) continue;
            // One statement's value goes by one name for all slots.
            const std::string key = name.substr(0, name.find('@'));
            const bool low = prove(read.when && !value.null && value.value < terms_.zero(value.kind));
            const bool high = prove(read.when && !value.null && value.value > terms_.zero(value.kind));
            const auto [entry, fresh] = by_value.emplace(key, ReadSign{key, low, high});
            if (!fresh) {
                entry->second.at_least_zero &= low;
                entry->second.at_most_zero &= high;
            }
        }
        std::vector<ReadSign> out;
        for (const auto& [key, sign] : by_value) {
            if (sign.at_least_zero || sign.at_most_zero) out.push_back(sign);
        }
        return out;
    }

    Answer lowers(const LinearBound& bound, const Cost& cost, const Dropped& first) {
        if (failed_ || !s_ || !e_.unmodelled().empty()) return Answer::unknown;
        const auto sum = [&](const State& state, std::uint32_t slot) {
            z3::expr total = terms_.integer(bound.constant);
            for (const auto& [factor, column] : bound.terms) {
                total =
                    total + terms_.integer(factor) * universe_.row(state, bound.table, slot)[column].value;
            }
            return total;
        };
        z3::expr price = terms_.integer(cost.constant);
        if (cost.parameter) {  // nothing is spent with a NULL
            const Val& p = e_.parameters()[*cost.parameter];
            price = terms_.ite(p.null, terms_.integer(0), p.value);
        }
        std::vector<z3::expr> ways;
        for (std::uint32_t slot = 0; slot < universe_.slots(bound.table); ++slot) {
            if (universe_.shape(bound.table).slots[slot] != Owner::base) continue;
            ways.push_back(s_->tables[bound.table.value][slot].born &&
                           sum(*se_, slot) - sum(*s_, slot) < -price);
        }
        if (cost.parameter) ways.push_back(price < 0);
        const z3::expr literal = terms_.boolean("lowers");
        solver_.add(z3::implies(literal, terms_.or_(ways)));
        z3::expr_vector assumptions(terms_.context());
        for (const auto& [key, believed] : e_literals_) {
            if (!first.contains(key)) assumptions.push_back(believed);
        }
        assumptions.push_back(literal);
        return answer(assumptions);
    }

    Answer commits() {
        z3::expr_vector assumptions(terms_.context());
        for (const auto& [key, literal] : e_literals_) assumptions.push_back(literal);
        return answer(assumptions);
    }

    bool inexact(std::uint32_t invariant) const {
        return opaque_.contains(invariant) || unmodelled(invariant);
    }

    std::vector<SuggestedCall> model_calls() const {
        std::vector<SuggestedCall> calls;
        if (!model_) return calls;
        calls.push_back({first_, arguments(e_)});
        calls.push_back({second_, arguments(f_)});
        return calls;
    }

  private:
    Answer breaks(std::uint32_t invariant, const Dropped& first, const Dropped& second,
                  const std::vector<Distinct>& distinct, std::uint32_t part = 1) {
        if (unmodelled(invariant)) return Answer::unknown;
        const auto goal = goals_.find(invariant);
        if (goal == goals_.end()) return failed_ ? Answer::unknown : Answer::no;
        z3::expr_vector assumptions = believed(first, second);
        assumptions.push_back(goal->second);
        for (const Distinct& d : distinct) assumptions.push_back(differ(d));
        return answer(assumptions, part);
    }

    // The facts that the last refutation needed.
    Needed needed() {
        const z3::expr_vector core = solver_.unsat_core();
        std::set<unsigned> used;
        for (const z3::expr& literal : core) used.insert(literal.id());
        Needed out;
        for (const auto& [key, literal] : e_literals_)
            if (used.contains(literal.id())) out.first.insert(key);
        for (const auto& [key, literal] : f_literals_)
            if (used.contains(literal.id())) out.second.insert(key);
        return out;
    }

    static constexpr std::uint32_t brief_part = 24;  // of the budget, for a question that may spare others

    struct BoundLiterals {
        z3::expr at_start, everywhere, broken;  // literals
        z3::expr not_at_start, alone;           // what fails
    };

    static Dropped join(const Dropped& a, const Dropped& b) {
        Dropped out = a;
        out.insert(b.begin(), b.end());
        return out;
    }

    // The candidates that some model under the assumptions refutes; all that are left when the budget ends.
    // Each model refutes many at once.
    template <typename Failure>
    std::set<std::size_t> refuted(const std::set<std::size_t>& candidates, const z3::expr_vector& assumptions,
                                  Failure&& failure) {
        std::set<std::size_t> out;
        while (out.size() < candidates.size()) {
            z3::expr_vector some(terms_.context());
            for (std::size_t b : candidates)
                if (!out.contains(b)) some.push_back(failure(b));
            const z3::expr any = terms_.boolean("any bound");
            solver_.add(z3::implies(any, z3::mk_or(some)));
            z3::expr_vector all(terms_.context());
            for (const z3::expr& literal : assumptions) all.push_back(literal);
            all.push_back(any);
            const z3::check_result result = check(all, Patience::share);
            if (result == z3::unsat) return out;
            const std::size_t before = out.size();
            if (result == z3::sat) {
                const z3::model model = solver_.get_model();
                for (std::size_t b : candidates)
                    if (model.eval(failure(b), true).is_true()) out.insert(b);
            }
            if (out.size() == before) return candidates;
        }
        return out;
    }

    // No slot of this encoding could show that the bound fails.
    bool unseen(std::size_t bound) const { return universe_.slots(analysis_.bounds[bound].table) == 0; }

    bool unmodelled(std::uint32_t invariant) const {
        const auto& tables = analysis_.invariant_reads[invariant].tables;
        const auto hits = [&](const std::set<TableId>& set) {
            return std::any_of(set.begin(), set.end(), [&](TableId t) { return tables.contains(t); });
        };
        return hits(e_.unmodelled()) || hits(f_.unmodelled());
    }

    // Rows that the two calls hit, rows they read, rows of one violation: a counterexample needs no others
    // (README, "small models").
    void reserve_slots() {
        const Demand a = demand_of(analysis_.schema(), e_.transaction());
        const Demand b = demand_of(analysis_.schema(), f_.transaction());
        std::map<TableId, std::uint32_t> base = a.base;
        for (const auto& [table, count] : b.base) base[table] += count;
        std::map<TableId, std::uint32_t> violation;
        for (std::uint32_t target : targets_) {
            for (const auto& [table, count] : analysis_.violation_rows[target]) {
                violation[table] = std::max(violation[table], count);
            }
        }
        for (const auto& [table, count] : violation) base[table] += count;
        // A fact about the rows that a set-oriented statement hits fails in one of them: where no violation
        // has brought a row, nothing could falsify it.
        for (const Demand* demand : {&a, &b})
            for (TableId table : demand->sets)
                if (violation.emplace(table, 1).second) ++base[table];
        if (analysis_.use_permanent) {
            for (const PermanentRow& row : analysis_.permanent) {
                if (base.contains(row.table)) ++base[row.table];
            }
        }
        for (const auto& [table, count] : base) {
            for (std::uint32_t i = 0; i < count + analysis_.extra_slots; ++i)
                universe_.add_slot(table, Owner::base);
        }
        e_.reserve();
        f_.reserve();
    }

    void encode() {
        std::vector<z3::expr> hard;
        const State s = universe_.start(hard);
        std::vector<Fact> e_facts, f_facts, e_later, f_later;
        const Effect e = e_.run(s, e_facts, hard);
        const Effect f = f_.run(s, f_facts, hard);
        const State se = universe_.apply(s, e);
        const State sf = universe_.apply(s, f);
        const State sef = universe_.apply(se, f);
        if (analysis_.unassumed) {
            s_ = s;
            se_ = se;
        }
        e_.facts_at(sf, f, e_later);
        f_.facts_at(se, e, f_later);
        literals(e_facts, "e", e_keys_, e_literals_);
        literals(f_facts, "f", f_keys_, f_literals_);
        for (const Fact& fact : e_facts) e_reads_.emplace(fact.key, fact.reads);
        for (const Fact& fact : f_facts) f_reads_.emplace(fact.key, fact.reads);
        violations(e_facts, e_later, e_unsure_);
        violations(f_facts, f_later, f_unsure_);
        stamps(s, hard);
        generated(s, hard);
        read_signs_known(e_, first_, hard);
        read_signs_known(f_, second_, hard);
        permanent(s, hard);
        assume_invariants(s, se, sf, e, f);
        encode_goals(e, f, sef);
        encode_bounds(s, se, sf, sef);
        rest_keys({&s, &se, &sf}, hard);
        for (const z3::expr& fact : hard) solver_.add(fact);
        for (const z3::expr& fact : terms_.axioms()) solver_.add(fact);
    }

    void literals(const std::vector<Fact>& facts, const std::string& prefix, std::vector<std::string>& keys,
                  std::map<std::string, z3::expr>& out) {
        for (const Fact& fact : facts) {
            const z3::expr literal = terms_.boolean(prefix + "! " + fact.key);
            solver_.add(z3::implies(literal, fact.holds));
            keys.push_back(fact.key);
            out.emplace(fact.key, literal);
        }
    }

    // Facts that the other call may have falsified: all but those that read the same there.
    void violations(const std::vector<Fact>& before, const std::vector<Fact>& after,
                    std::map<std::string, z3::expr>& out) {
        std::map<std::string, z3::expr> later;
        for (const Fact& fact : after) later.emplace(fact.key, fact.holds);
        for (const Fact& fact : before) {
            const auto found = later.find(fact.key);
            if (found == later.end()) {
                out.emplace(fact.key, terms_.yes());
            } else if (!z3::eq(found->second, fact.holds) && !found->second.is_true()) {
                out.emplace(fact.key, terms_.not_(found->second));
            }
        }
    }

    // Stamps are unique per commit.
    void stamps(const State& s, std::vector<z3::expr>& hard) {
        hard.push_back(e_.stamp() != f_.stamp());
        for (const catalog::Table& table : analysis_.schema().tables) {
            for (std::uint32_t slot = 0; slot < universe_.slots(table.id); ++slot) {
                if (universe_.shape(table.id).slots[slot] != Owner::base) continue;
                for (const z3::expr& stamp : s.tables[table.id.value][slot].stamps)
                    hard.push_back(e_.stamp() != stamp && f_.stamp() != stamp);
            }
        }
    }

    // Weak axiom: a value that the system made differs from every key ever made in that column, and from the
    // other made ones.
    void generated(const State& s, std::vector<z3::expr>& hard) {
        std::vector<const Call::Generated*> all;
        for (const auto& g : e_.generated_values()) all.push_back(&g);
        for (const auto& g : f_.generated_values()) all.push_back(&g);
        for (std::size_t i = 0; i < all.size(); ++i) {
            for (std::size_t j = i + 1; j < all.size(); ++j) {
                if (all[i]->table != all[j]->table || all[i]->column != all[j]->column) continue;
                hard.push_back(
                    terms_.implies(terms_.and_(all[i]->executed, all[j]->executed),
                                   terms_.not_(terms_.equal_values(all[i]->value, all[j]->value))));
            }
            const catalog::Table& table = analysis_.schema().table(all[i]->table);
            const bool alone =
                std::any_of(table.keys.begin(), table.keys.end(), [&](const catalog::UniqueKey& key) {
                    return key.columns.size() == 1 && key.columns[0].value == all[i]->column &&
                           !key.predicate;
                });
            if (!alone) continue;
            const auto& slots = s.tables[table.id.value];
            for (std::uint32_t k = 0; k < slots.size(); ++k) {
                if (universe_.shape(table.id).slots[k] != Owner::base) continue;
                hard.push_back(terms_.implies(
                    terms_.and_(all[i]->executed, slots[k].born),
                    terms_.not_(terms_.equal_values(all[i]->value, slots[k].cells[all[i]->column]))));
            }
        }
        for (std::size_t i = 0; i < e_.parameters().size(); ++i) {
            for (std::size_t j = 0; j < f_.parameters().size(); ++j) {
                if (e_.parameters()[i].mark != Mark::generated || f_.parameters()[j].mark != Mark::generated)
                    continue;
                hard.push_back(terms_.not_(terms_.equal_values(e_.parameters()[i], f_.parameters()[j])));
            }
        }
    }

    void read_signs_known(const Call& call, std::uint32_t transaction, std::vector<z3::expr>& hard) {
        const auto found = analysis_.read_signs.find(transaction);
        if (found == analysis_.read_signs.end()) return;
        for (const auto& [name, read] : call.read_values()) {
            const Val& value = read.value;
            const z3::expr counts = read.when && !value.null;
            for (const ReadSign& sign : found->second) {
                if (name.substr(0, name.find('@')) != sign.value) continue;
                if (sign.at_least_zero)
                    hard.push_back(terms_.implies(counts, value.value >= terms_.zero(value.kind)));
                if (sign.at_most_zero)
                    hard.push_back(terms_.implies(counts, value.value <= terms_.zero(value.kind)));
            }
        }
    }

    // Rows that are in every state have slots of their own, the last ones of the table.
    void permanent(const State& s, std::vector<z3::expr>& hard) {
        if (!analysis_.use_permanent) return;
        std::map<TableId, std::uint32_t> next;
        for (const PermanentRow& row : analysis_.permanent) {
            const auto& shape = universe_.shape(row.table);
            std::uint32_t& slot = next[row.table];
            while (slot < shape.slots.size() && shape.slots[slot] != Owner::base) ++slot;
            if (slot >= shape.slots.size()) continue;
            const SlotState& there = s.tables[row.table.value][slot++];
            hard.push_back(there.alive);
            for (const auto& [column, value] : row.cells) {
                hard.push_back(terms_.same(there.cells[column],
                                           terms_.constant(value, shape.table->columns[column].type)));
            }
        }
    }

    bool relevant(std::uint32_t invariant) const {
        const auto& schema = analysis_.schema();
        const auto& rows = analysis_.violation_rows[invariant];
        if (analysis_.unassumed == invariant ||
            schema.invariants[invariant].kind == catalog::InvariantKind::lost_update)
            return false;
        if (std::find(targets_.begin(), targets_.end(), invariant) != targets_.end()) return true;
        return !rows.empty() && std::all_of(rows.begin(), rows.end(), [&](const auto& entry) {
            return universe_.slots(entry.first) > 0;
        });
    }

    // Whether the invariant reads the same before and after the effect: conservative.
    bool untouched(std::uint32_t invariant, const Effect& effect) const {
        const auto& tables = analysis_.invariant_reads[invariant].tables;
        return std::all_of(tables.begin(), tables.end(), [&](const auto& entry) {
            const TableId table = entry.first;
            const auto& slots = effect.tables[table.value];
            return universe_.shape(table).derived.empty() && effect.rest[table.value].empty() &&
                   std::none_of(slots.begin(), slots.end(), [](const SlotEffect& e) { return e.touched; });
        });
    }

    void assume_invariants(const State& s, const State& se, const State& sf, const Effect& e,
                           const Effect& f) {
        const auto& invariants = analysis_.schema().invariants;
        for (std::uint32_t i = 0; i < invariants.size(); ++i) {
            if (!relevant(i)) continue;
            for (const State* state : {&s, &se, &sf}) {
                if ((state == &se && untouched(i, e)) || (state == &sf && untouched(i, f))) continue;
                InvariantEncoder encoder(universe_, &rest_keys_);
                const auto violated = encoder.violated(invariants[i], *state);
                if (violated && !violated->opaque && !violated->holds.is_false())
                    solver_.add(terms_.not_(violated->holds));
            }
        }
    }

    void encode_goals(const Effect& e, const Effect& f, const State& sef) {
        for (std::uint32_t target : targets_) {
            const catalog::Invariant& invariant = analysis_.schema().invariants[target];
            InvariantEncoder encoder(universe_, &rest_keys_);
            const auto violated = encoder.violated(invariant, sef);
            z3::expr holds = violated ? violated->holds : lost_update(invariant, e, f, sef);
            if (violated && violated->opaque) opaque_.insert(target);
            if (holds.is_false()) continue;
            const z3::expr literal = terms_.boolean("broken " + invariant.name);
            solver_.add(z3::implies(literal, holds));
            goals_.emplace(target, literal);
        }
    }

    // Both updated one register group of one row, and one of them relied on what the group held.
    z3::expr lost_update(const catalog::Invariant& invariant, const Effect& e, const Effect& f,
                         const State& sef) {
        const std::uint32_t column = std::get<catalog::LostUpdateInvariant>(invariant.what).column.value;
        const catalog::Table& table = analysis_.schema().table(invariant.table);
        const std::uint32_t group = table.columns[column].policy.group;
        const GroupUse a = use_of_group(analysis_.schema(), e_.transaction(), table.id, group);
        const GroupUse b = use_of_group(analysis_.schema(), f_.transaction(), table.id, group);
        if (!a.promises && !b.promises) return terms_.no();
        std::vector<z3::expr> ways;
        for (std::uint32_t slot = 0; slot < universe_.slots(table.id); ++slot) {
            const SlotEffect& x = e.tables[table.id.value][slot];
            const SlotEffect& y = f.tables[table.id.value][slot];
            z3::expr both = terms_.and_(
                {x.updated[group], y.updated[group], terms_.or_(x.assigned[column], y.assigned[column])});
            if (both.is_false()) continue;
            if (universe_.shape(table.id).incarnations)
                both = terms_.and_(both, x.incarnation == y.incarnation);
            ways.push_back(terms_.and_(both, universe_.visible(sef, table.id, slot)));
        }
        return terms_.or_(ways);
    }

    void encode_bounds(const State& s, const State& se, const State& sf, const State& sef) {
        InvariantEncoder encoder(universe_, &rest_keys_);
        for (const Bound& bound : analysis_.bounds) {
            const z3::expr at_start = terms_.not_(encoder.violated(bound, s));
            const z3::expr alone = encoder.violated(bound, se);
            const BoundLiterals literals{terms_.boolean("bound at start"), terms_.boolean("bound"),
                                         terms_.boolean("bound broken"), terms_.not_(at_start), alone};
            solver_.add(z3::implies(literals.at_start, at_start));
            solver_.add(z3::implies(
                literals.everywhere,
                terms_.and_({at_start, terms_.not_(alone), terms_.not_(encoder.violated(bound, sf))})));
            solver_.add(z3::implies(literals.broken, encoder.violated(bound, sef)));
            bounds_.push_back(literals);
        }
    }

    // A unique key that the rest has is in no slot of any valid state.
    void rest_keys(const std::vector<const State*>& states, std::vector<z3::expr>& hard) {
        std::set<std::pair<unsigned, std::uint32_t>> done;
        for (std::size_t i = 0; i < rest_keys_.size(); ++i) {
            const RestKey key = rest_keys_[i];
            if (!done.insert({key.exists.id(), key.key}).second) continue;
            const TableShape& shape = universe_.shape(key.table);
            const catalog::UniqueKey& unique = shape.table->keys[key.key];
            const bool identity = shape.per_key && key.key == 0;
            std::set<unsigned> seen;
            for (const State* state : states) {
                for (std::uint32_t slot = 0; slot < shape.slots.size(); ++slot) {
                    std::vector<z3::expr> same;
                    for (std::size_t k = 0; k < unique.columns.size(); ++k) {
                        same.push_back(terms_.equal_values(
                            key.values[k], universe_.row(*state, key.table, slot)[unique.columns[k].value]));
                    }
                    if (!identity) same.push_back(universe_.visible(*state, key.table, slot));
                    const z3::expr clash = terms_.and_(same);
                    if (clash.is_false() || !seen.insert(clash.id()).second) continue;
                    hard.push_back(terms_.not_(terms_.and_(key.exists, clash)));
                }
            }
        }
    }

    z3::expr_vector believed(const Dropped& first, const Dropped& second) {
        z3::expr_vector out(terms_.context());
        for (const auto& [key, literal] : e_literals_) {
            if (!first.contains(key)) out.push_back(literal);
        }
        for (const auto& [key, literal] : f_literals_) {
            if (!second.contains(key)) out.push_back(literal);
        }
        return out;
    }

    z3::expr differing(const Distinct& d) {
        return terms_.not_(terms_.same(e_.parameters()[d.first], f_.parameters()[d.second]));
    }

    z3::expr differ(const Distinct& d) {
        const auto found = distinct_.find({d.first, d.second});
        if (found != distinct_.end()) return found->second;
        const z3::expr literal = terms_.boolean("differ");
        solver_.add(z3::implies(literal, differing(d)));
        distinct_.emplace(std::pair{d.first, d.second}, literal);
        return literal;
    }

    // `part` of the budget, for questions of which many are asked and none matters much.
    z3::check_result check(const z3::expr_vector& assumptions, std::uint32_t part = 1) {
        if (failed_) return z3::unknown;
        const std::uint32_t limit = std::min(std::max(1U, analysis_.rlimit / part),
                                             patience_.limit(first_, second_, analysis_.rlimit));
        if (limit != limit_) {
            z3::params params(terms_.context());
            params.set("rlimit", limit);
            solver_.set(params);
            limit_ = limit;
        }
        z3::check_result result = z3::unknown;
        try {
            result = solver_.check(assumptions);
        } catch (const z3::exception&) {
        }
        if (result == z3::unknown && part == 1) patience_.undecided(first_, second_);
        return result;
    }

    Answer answer(const z3::expr_vector& assumptions, std::uint32_t part = 1) {
        model_.reset();
        switch (check(assumptions, part)) {
            case z3::unsat:
                return Answer::no;
            case z3::sat:
                model_ = solver_.get_model();
                return Answer::yes;
            case z3::unknown:
                break;
        }
        return Answer::unknown;
    }

    std::vector<std::string> arguments(const Call& call) const {
        std::vector<std::string> out;
        for (std::size_t i = 0; i < call.parameters().size(); ++i) {
            const catalog::Parameter& p = call.transaction().parameters[i];
            if (p.mode == catalog::Parameter::Mode::out) continue;
            out.push_back(literal_of(*model_, call.parameters()[i], p.type, analysis_.constants()));
        }
        return out;
    }

    const Analysis& analysis_;
    Patience& patience_;
    Terms terms_;
    Universe universe_;
    z3::solver solver_;
    std::vector<RestKey> rest_keys_;
    Call e_, f_;
    std::uint32_t first_, second_;
    std::vector<std::uint32_t> targets_;
    std::vector<std::string> e_keys_, f_keys_;
    std::map<std::string, z3::expr> e_literals_, f_literals_;
    std::map<std::string, z3::expr> e_unsure_, f_unsure_;  // the negation at S.f and S.e
    std::map<std::string, Reads> e_reads_, f_reads_;
    std::map<std::uint32_t, z3::expr> goals_;
    std::set<std::uint32_t> opaque_;
    std::vector<BoundLiterals> bounds_;
    std::map<std::pair<std::uint32_t, std::uint32_t>, z3::expr> distinct_;
    std::optional<z3::model> model_;
    std::optional<State> s_, se_;  // kept for questions about one call
    std::uint32_t limit_ = 0;      // of the solver's resources
    bool failed_ = false;          // a term that Z3 refuses: nothing is proved
};

bool Needed::without(const Dropped& of_first, const Dropped& of_second) const {
    const auto apart = [](const Dropped& a, const Dropped& b) {
        return std::none_of(a.begin(), a.end(), [&](const std::string& key) { return b.contains(key); });
    };
    return apart(first, of_first) && apart(second, of_second);
}

Pair::Pair(const Analysis& analysis, std::uint32_t first, std::uint32_t second,
           std::vector<std::uint32_t> targets, Lane* lane)
    : impl_(std::make_unique<Impl>(analysis, first, second, std::move(targets),
                                   lane != nullptr ? *lane : analysis.lane())) {}
Pair::~Pair() = default;
const std::vector<std::string>& Pair::facts(Side side) const {
    return impl_->facts(side);
}
Dropped Pair::met_by(Side side, const Touches& touches) const {
    return impl_->met_by(side, touches);
}
Dropped Pair::falsified(Side side, const Dropped& first, const Dropped& second) {
    return impl_->falsified(side, first, second);
}
Answer Pair::breaks(std::uint32_t invariant, const Dropped& first, const Dropped& second) {
    return impl_->breaks(invariant, first, second);
}
Outcome Pair::settle(std::uint32_t invariant, const Dropped& first, const Dropped& second, Expect expect) {
    return impl_->settle(invariant, first, second, expect);
}
std::vector<Distinct> Pair::equal_in_model(std::vector<Distinct> candidates) {
    return impl_->equal_in_model(std::move(candidates));
}
Scope Pair::excluding(std::uint32_t invariant, const Dropped& first, const Dropped& second,
                      const std::vector<Distinct>& candidates, std::uint32_t part) {
    return impl_->excluding(invariant, first, second, candidates, part);
}
std::set<std::size_t> Pair::bounds_broken_alone(const std::set<std::size_t>& candidates,
                                                const std::set<std::size_t>& assumed) {
    return impl_->bounds_broken_alone(candidates, assumed);
}
std::set<std::size_t> Pair::bounds_not_implied(const std::set<std::size_t>& candidates) {
    return impl_->bounds_not_implied(candidates);
}
Answer Pair::breaks_bound(std::size_t bound, const std::set<std::size_t>& assumed, const Dropped& first,
                          const Dropped& second) {
    return impl_->breaks_bound(bound, assumed, first, second);
}
void Pair::assume_bounds(const std::set<std::size_t>& bounds) {
    impl_->assume_bounds(bounds);
}
std::vector<ReadSign> Pair::read_signs() {
    return impl_->read_signs();
}
Answer Pair::lowers(const LinearBound& bound, const Cost& cost, const Dropped& first) {
    return impl_->lowers(bound, cost, first);
}
Answer Pair::commits() {
    return impl_->commits();
}
std::vector<SuggestedCall> Pair::model_calls() const {
    return impl_->model_calls();
}
bool Pair::inexact(std::uint32_t invariant) const {
    return impl_->inexact(invariant);
}

}  // namespace anabranch::confluence::smt
