#include "confluence/search.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <tuple>
#include <unordered_set>

#include "confluence/engine.h"
#include "confluence/search_arguments.h"
#include "confluence/search_meet.h"
#include "confluence/search_space.h"
#include "confluence/shrink.h"

namespace anabranch::confluence {

namespace {

// Slots of calls that run apart: two at replica a, and room before, between and after them.
constexpr std::uint32_t slot_first = 20, slot_second = 40;
constexpr std::uint32_t slot_before = 10, slot_between = 30, slot_after = 50;

// What a search is after.
struct Goal {
    std::vector<std::uint32_t> transactions;  // that may run apart from something
    std::vector<std::uint32_t> builders;
    std::vector<std::uint32_t> helpers;  // others that may make the second call of a chain possible
    std::function<bool(std::uint32_t, std::uint32_t)> apart;
    std::optional<std::pair<std::uint32_t, std::uint32_t>>
        only;  // the one pair that matters, when there is one
    // A joined state breaks these invariants. True: enough, stop.
    std::function<bool(const SearchState&, std::span<const Effect* const>, const std::vector<std::uint32_t>&)>
        found;
};

// One question, from the start state on.
class Hunt {
  public:
    Hunt(Engine& engine, const Meeting& meeting, const SearchArguments& values, const SearchLimits& limits,
         Search::Counts& counts, Goal goal)
        : engine_(engine),
          meeting_(meeting),
          space_(engine, values, limits, counts),
          limits_(limits),
          counts_(counts),
          goal_(std::move(goal)) {}

    // Short histories first: for a witness that must be found soon.
    Result<void> run() {
        TRY(auto level, first_level());
        // Most of the work goes to pairs; what is left of it to longer and wider histories.
        share_ = limits_.histories_max * 6 / 10;
        for (std::uint32_t depth = 0; !level.empty() && !spent(); ++depth) {
            for (const auto& state : level)
                if (!spent() && pairs(*state)) return {};
            level = next_level(std::move(level), depth);
        }
        keep(std::move(level));
        sort_states();
        if (!wider()) rest();
        return {};
    }

    // Rich states first: for an opinion on all pairs at once.
    Result<void> survey() {
        TRY(auto level, first_level());
        for (std::uint32_t depth = 0; !level.empty(); ++depth) level = next_level(std::move(level), depth);
        sort_states();
        share_ = limits_.histories_max * 6 / 10;
        if (!all(&Hunt::pairs) && !wider()) rest();
        return {};
    }

  private:
    bool spent() const { return histories_ >= share_; }
    void keep(std::vector<std::unique_ptr<SearchState>> level) {
        for (auto& state : level) states_.push_back(std::move(state));
    }
    using Level = std::vector<std::unique_ptr<SearchState>>;
    Result<Level> first_level() {
        TRY(auto first, space_.start());
        space_.rate(*first, goal_.transactions);
        Level level;
        level.push_back(std::move(first));
        return level;
    }
    Level next_level(Level level, std::uint32_t depth) {
        Level next;
        if (depth < limits_.prefix_calls) next = space_.grow(level, goal_.builders, goal_.transactions);
        keep(std::move(level));
        return next;
    }
    void sort_states() {
        std::stable_sort(states_.begin(), states_.end(),
                         [](const auto& a, const auto& b) { return a->score > b->score; });
    }
    // Longer and wider histories; true when the search is over.
    bool wider() {
        share_ = limits_.histories_max * 8 / 10;
        if (limits_.calls_apart > 1 && all(&Hunt::chains)) return true;
        share_ = limits_.histories_max * 9 / 10;
        return limits_.replicas > 2 && all(&Hunt::triples);
    }
    void rest() {
        share_ = limits_.histories_max;
        if (limits_.calls_apart > 1) all(&Hunt::double_chains);
    }
    bool all(bool (Hunt::*stage)(SearchState&)) {
        for (const auto& state : states_) {
            if (spent()) return false;
            if ((this->*stage)(*state)) return true;
        }
        return false;
    }

    // Joins the effects; true when the search is over.
    bool meet(const SearchState& state, std::initializer_list<const Effect*> effects) {
        if (histories_ >= limits_.histories_max) return false;
        ++histories_;
        ++counts_.histories;
        const std::span<const Effect* const> list(effects.begin(), effects.size());
        const auto broken = meeting_.broken(space_, state, list);
        return !broken.empty() && goal_.found(state, list, broken);
    }

    // One call each at two replicas.
    bool pairs(SearchState& state) {
        for (const auto t : goal_.transactions)
            for (const auto u : goal_.transactions)
                if (t <= u && goal_.apart(t, u) && (!goal_.only || *goal_.only == std::pair{t, u}) &&
                    pairs(state, t, u))
                    return true;
        return false;
    }
    bool pairs(SearchState& state, std::uint32_t t, std::uint32_t u) {
        const std::size_t own = space_.calls(state, t).size(), others = space_.calls(state, u).size();
        // Better arguments first; calls that write one row before those that an invariant connects.
        std::uint32_t tried = 0;
        for (const bool one_row : {true, false})
            for (std::size_t sum = 0; sum + 1 < own + others; ++sum)
                for (std::size_t i = sum < others ? 0 : sum - others + 1; i < own && i <= sum; ++i) {
                    const std::size_t j = sum - i;
                    if (t == u && j < i) continue;
                    if (spent() || tried >= limits_.pairs_max) return false;
                    const auto before = histories_;
                    if (pair(state, t, i, u, j, one_row)) return true;
                    tried += histories_ > before ? 1 : 0;
                }
        return false;
    }
    bool pair(SearchState& state, std::uint32_t t, std::size_t i, std::uint32_t u, std::size_t j,
              bool one_row) {
        const auto* e = space_.effect(state, t, i, 0, slot_first);
        const auto* later = space_.effect(state, u, j, 1, slot_between);
        if (e == nullptr || later == nullptr || Meeting::share_row(e->delta, later->delta) != one_row)
            return false;
        if (!meeting_.matters(e->delta, later->delta)) return false;
        if (!met_.insert(meeting_.context(state, *e, *later)).second) return false;
        if (meet(state, {e, later})) return true;
        if ((t == u && i == j) || !Meeting::ordered(e->delta, later->delta)) return false;
        const auto* earlier = space_.effect(state, u, j, 1, slot_before);
        return earlier != nullptr && meet(state, {e, earlier});
    }

    // Two calls at one replica, the second made possible or changed by the first, and one elsewhere.
    bool chains(SearchState& state) {
        for (const auto* first : {&goal_.transactions, &goal_.helpers})
            for (const auto t : *first)
                for (std::size_t i = 0; i < space_.calls(state, t).size(); ++i)
                    if (chains(state, t, i, first == &goal_.helpers)) return true;
        return false;
    }
    bool chains(SearchState& state, std::uint32_t t, std::size_t i, bool helper) {
        const auto* e = space_.effect(state, t, i, 0, slot_first);
        if (e == nullptr || spent()) return false;
        const Role role{0, state.seq + 2, slot_second, 21};
        for (const auto& e2 : space_.followers(state, *e, role, goal_.transactions))
            for (const auto u : goal_.transactions) {
                if ((!helper && !goal_.apart(t, u)) || !goal_.apart(e2.call.transaction, u)) continue;
                for (std::size_t j = 0; j < space_.calls(state, u).size(); ++j)
                    if (chain(state, *e, e2, u, j)) return true;
            }
        return false;
    }
    bool chain(SearchState& state, const Effect& e, const Effect& e2, std::uint32_t u, std::size_t j) {
        const auto* after = space_.effect(state, u, j, 1, slot_after);
        if (after == nullptr || spent()) return false;
        if (!meeting_.matters(e.delta, after->delta) && !meeting_.matters(e2.delta, after->delta))
            return false;
        if (meet(state, {&e, &e2, after})) return true;
        if (!Meeting::ordered(e.delta, after->delta) && !Meeting::ordered(e2.delta, after->delta))
            return false;
        for (const auto slot : {slot_between, slot_before}) {
            const auto* other = space_.effect(state, u, j, 1, slot);
            if (other != nullptr && meet(state, {&e, &e2, other})) return true;
        }
        return false;
    }

    // One call each at three replicas.
    bool triples(SearchState& state) {
        for (const auto t : goal_.transactions)
            for (const auto u : goal_.transactions)
                for (const auto v : goal_.transactions)
                    if (t <= u && u <= v && goal_.apart(t, u) && goal_.apart(t, v) && goal_.apart(u, v) &&
                        triples(state, t, u, v))
                        return true;
        return false;
    }
    bool triples(SearchState& state, std::uint32_t t, std::uint32_t u, std::uint32_t v) {
        const std::size_t n = space_.calls(state, t).size(), m = space_.calls(state, u).size(),
                          l = space_.calls(state, v).size();
        for (std::size_t i = 0; i < n; ++i)
            for (std::size_t j = t == u ? i : 0; j < m; ++j)
                for (std::size_t k = u == v ? j : 0; k < l; ++k) {
                    if (spent()) return false;
                    if (triple(state, {t, i}, {u, j}, {v, k})) return true;
                }
        return false;
    }
    struct Choice {
        std::uint32_t transaction = 0;
        std::size_t index = 0;
    };
    bool triple(SearchState& state, Choice x, Choice y, Choice z) {
        const auto* e = space_.effect(state, x.transaction, x.index, 0, slot_first);
        const auto* f = space_.effect(state, y.transaction, y.index, 1, slot_between);
        const auto* g = space_.effect(state, z.transaction, z.index, 2, slot_after);
        if (e == nullptr || f == nullptr || g == nullptr) return false;
        const int links = (meeting_.matters(e->delta, f->delta) ? 1 : 0) +
                          (meeting_.matters(e->delta, g->delta) ? 1 : 0) +
                          (meeting_.matters(f->delta, g->delta) ? 1 : 0);
        if (links < 2) return false;
        if (meet(state, {e, f, g})) return true;
        if (!Meeting::ordered(e->delta, f->delta) && !Meeting::ordered(f->delta, g->delta) &&
            !Meeting::ordered(e->delta, g->delta))
            return false;
        using Slots = std::pair<std::uint32_t, std::uint32_t>;
        for (const auto& [second, third] :
             {Slots{slot_after, slot_between}, Slots{slot_before, slot_between},
              Slots{slot_between, slot_before}, Slots{slot_before, slot_before + 2},
              Slots{slot_before + 2, slot_before}}) {
            const auto* f2 = space_.effect(state, y.transaction, y.index, 1, second);
            const auto* g2 = space_.effect(state, z.transaction, z.index, 2, third);
            if (f2 != nullptr && g2 != nullptr && meet(state, {e, f2, g2})) return true;
        }
        return false;
    }

    // Two calls at each of two replicas.
    bool double_chains(SearchState& state) {
        seconds_.clear();
        for (const auto t : goal_.transactions)
            for (std::size_t i = 0; i < space_.calls(state, t).size(); ++i) {
                const auto* e = space_.effect(state, t, i, 0, slot_first);
                if (e == nullptr || spent()) continue;
                const Role role{0, state.seq + 2, slot_second, 21};
                for (const auto& e2 : space_.followers(state, *e, role, goal_.transactions))
                    if (double_chains(state, *e, e2)) return true;
            }
        return false;
    }
    bool double_chains(SearchState& state, const Effect& e, const Effect& e2) {
        for (const auto u : goal_.transactions) {
            if (!goal_.apart(e.call.transaction, u) || !goal_.apart(e2.call.transaction, u)) continue;
            for (std::size_t j = 0; j < space_.calls(state, u).size(); ++j) {
                if (spent()) return false;
                const auto* f = space_.effect(state, u, j, 1, slot_between);
                if (f == nullptr) continue;
                for (const auto& f2 : seconds(state, u, j, *f)) {
                    const auto v = f2.call.transaction;
                    if (spent() || !goal_.apart(e.call.transaction, v) ||
                        !goal_.apart(e2.call.transaction, v))
                        continue;
                    if (double_chain(state, e, e2, u, j, f2)) return true;
                }
            }
        }
        return false;
    }
    // What may follow the j-th call of u at the other replica: the same beside every chain of the first.
    const std::vector<Effect>& seconds(SearchState& state, std::uint32_t u, std::size_t j, const Effect& f) {
        const auto found = seconds_.find({u, j});
        if (found != seconds_.end()) return found->second;
        return seconds_
            .emplace(std::pair{u, j}, space_.followers(state, f, {1, 2, slot_after, 31}, goal_.transactions))
            .first->second;
    }
    bool double_chain(SearchState& state, const Effect& e, const Effect& e2, std::uint32_t u, std::size_t j,
                      const Effect& f2) {
        const auto* f = space_.effect(state, u, j, 1, slot_between);
        if (!meeting_.matters(e.delta, f2.delta) && !meeting_.matters(e2.delta, f2.delta) &&
            !meeting_.matters(e2.delta, f->delta))
            return false;
        if (meet(state, {&e, &e2, f, &f2})) return true;
        const bool ordered = Meeting::ordered(e.delta, f->delta) || Meeting::ordered(e2.delta, f->delta) ||
                             Meeting::ordered(e.delta, f2.delta) || Meeting::ordered(e2.delta, f2.delta);
        if (!ordered) return false;
        using Slots = std::pair<std::uint32_t, std::uint32_t>;
        for (const auto& [one, two] : {Slots{slot_before, slot_before + 2}, Slots{slot_before, slot_between},
                                       Slots{slot_before, slot_after}, Slots{slot_between, slot_between + 2},
                                       Slots{slot_after, slot_after + 2}}) {
            const auto* g = space_.effect(state, u, j, 1, one);
            if (g == nullptr) continue;
            const auto g2 = space_.follow(state, *g, {1, 2, two, 31}, f2.call);
            if (g2 && meet(state, {&e, &e2, g, &*g2})) return true;
        }
        return false;
    }

    std::map<std::pair<std::uint32_t, std::size_t>, std::vector<Effect>> seconds_;  // of the state at hand
    Engine& engine_;
    const Meeting& meeting_;
    SearchSpace space_;
    const SearchLimits limits_;
    Search::Counts& counts_;
    Goal goal_;
    std::vector<std::unique_ptr<SearchState>> states_;
    std::unordered_set<std::uint64_t> met_;
    std::uint64_t histories_ = 0;
    std::uint64_t share_ = 0;
};

Trial trial_of(const SearchState& state, std::span<const Effect* const> effects) {
    Trial out;
    out.prefix = state.prefix;
    std::vector<const Effect*> sorted(effects.begin(), effects.end());
    std::sort(sorted.begin(), sorted.end(),
              [](const Effect* a, const Effect* b) { return a->delta.stamp < b->delta.stamp; });
    for (const auto* effect : sorted)
        out.apart.push_back(
            {static_cast<std::uint32_t>(effect->delta.dot.origin.value - replica_id(0).value), effect->call});
    return out;
}

// The full replay, with all that a report shows. An error when the history does not end as the search says:
// one of two engines is wrong.
Result<Witness> witness_of(Engine& engine, const Trial& trial, const std::string& invariant) {
    Witness out;
    out.history = trial.history(engine.schema());
    TRY(out.replayed, replay(engine, out.history));
    bool shown = false;
    for (const auto& violation : out.replayed.violations[0])
        shown = shown || engine.schema().invariants[violation.invariant].name == invariant;
    for (const auto& lost : out.replayed.lost) shown = shown || lost.invariant == invariant;
    if (!shown)
        return fail(
            Error::make(sqlstate::internal_error, "a witness against " + invariant + " does not repeat")
                .with_detail(to_scenario(engine.schema(), out.history, 0, invariant)));
    out.scenario = to_scenario(engine.schema(), out.history, 0, invariant);
    out.story = tell(engine.schema(), out.history, out.replayed);
    return out;
}

// Pairs of calls that run apart, as the last ones at their replicas.
std::pair<std::uint32_t, std::uint32_t> contested(const Trial& trial) {
    std::uint32_t last[2] = {0, 0};
    for (const auto& apart : trial.apart)
        if (apart.replica < 2) last[apart.replica] = apart.call.transaction;
    return {std::min(last[0], last[1]), std::max(last[0], last[1])};
}

std::vector<std::uint32_t> writers(const catalog::Schema& schema) {
    std::vector<std::uint32_t> out;
    for (std::uint32_t t = 0; t < schema.transactions.size(); ++t)
        if (!schema.transactions[t].skipped && !schema.transactions[t].read_only) out.push_back(t);
    return out;
}

}  // namespace

class Search::Impl {
  public:
    explicit Impl(catalog::SchemaPtr schema) : engine(std::move(schema)), lost(engine.schema()) {}
    Engine engine;
    LostUpdates lost;
    Counts counts;
};

Search::Search(catalog::SchemaPtr schema) : impl_(std::make_unique<Impl>(std::move(schema))) {}
Search::~Search() = default;
const Search::Counts& Search::counts() const {
    return impl_->counts;
}

Result<std::optional<Witness>> Search::find_witness(std::uint32_t invariant, std::uint32_t first,
                                                    std::uint32_t second, const Seeds& seeds,
                                                    const SearchLimits& limits) {
    constexpr int rejected_max = 12;
    Engine& engine = impl_->engine;
    const std::string& name = engine.schema().invariants[invariant].name;
    const SearchArguments values(engine, seeds);
    const Shrinker shrinker(engine, values, name);
    Goal goal;
    goal.transactions =
        first == second ? std::vector{first} : std::vector{std::min(first, second), std::max(first, second)};
    goal.builders = seeds.builders.empty() ? writers(engine.schema()) : seeds.builders;
    for (const auto t : writers(engine.schema()))
        if (t != first && t != second) goal.helpers.push_back(t);
    goal.apart = [](std::uint32_t, std::uint32_t) { return true; };
    goal.only = {goal.transactions.front(), goal.transactions.back()};
    std::optional<Trial> best;
    int rejected = 0;
    goal.found = [&](const SearchState& state, std::span<const Effect* const> effects,
                     const std::vector<std::uint32_t>& broken) {
        if (std::find(broken.begin(), broken.end(), invariant) == broken.end()) return false;
        const Trial trial = trial_of(state, effects);
        if (!trial.involves(first, second)) return false;
        auto small = shrinker.shrink(trial);
        if (!small) ++impl_->counts.unconfirmed;
        if (!small || !small->involves(first, second)) return ++rejected == rejected_max;
        best = std::move(small);
        return true;
    };
    const Meeting meeting(engine, impl_->lost, invariant);
    Hunt hunt(engine, meeting, values, limits, impl_->counts, std::move(goal));
    TRY_VOID(hunt.run());
    if (!best) return std::nullopt;
    TRY(auto witness, witness_of(engine, *best, name));
    return witness;
}

Result<std::vector<Broken>> Search::find_breaks(const std::vector<std::vector<bool>>& apart,
                                                const Seeds& seeds, const SearchLimits& limits) {
    constexpr std::size_t attempts_max = 64;
    Engine& engine = impl_->engine;
    const SearchArguments values(engine, seeds);
    std::vector<Broken> out;
    std::set<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>> known;  // invariant, first, second
    std::optional<Error> error;
    std::size_t attempts = 0;
    Goal goal;
    goal.builders = writers(engine.schema());
    for (const auto t : goal.builders)
        if (std::find(apart[t].begin(), apart[t].end(), true) != apart[t].end())
            goal.transactions.push_back(t);
    goal.apart = [&](std::uint32_t t, std::uint32_t u) { return apart[t][u] && apart[u][t]; };
    goal.found = [&](const SearchState& state, std::span<const Effect* const> effects,
                     const std::vector<std::uint32_t>& broken) {
        const Trial trial = trial_of(state, effects);
        for (const auto invariant : broken) {
            const auto [first, second] = contested(trial);
            if (!known.emplace(invariant, first, second).second) continue;
            const std::string& name = engine.schema().invariants[invariant].name;
            const auto small = Shrinker(engine, values, name).shrink(trial);
            if (!small) {
                ++impl_->counts.unconfirmed;
                continue;
            }
            const auto [a, b] = contested(*small);
            if ((a != first || b != second) && !known.emplace(invariant, a, b).second) continue;
            auto witness = witness_of(engine, *small, name);
            if (!witness) {
                error = std::move(witness).error();
                return true;
            }
            out.push_back({invariant, a, b, std::move(*witness)});
            if (++attempts == attempts_max) return true;
        }
        return false;
    };
    const Meeting meeting(engine, impl_->lost);
    Hunt hunt(engine, meeting, values, limits, impl_->counts, std::move(goal));
    TRY_VOID(hunt.survey());
    if (error) return fail(std::move(*error));
    return out;
}

Result<std::optional<Witness>> find_witness(const catalog::SchemaPtr& schema, std::uint32_t invariant,
                                            std::uint32_t first, std::uint32_t second, const Seeds& seeds,
                                            const SearchLimits& limits) {
    return Search(schema).find_witness(invariant, first, second, seeds, limits);
}

Result<std::vector<Broken>> find_breaks(const catalog::SchemaPtr& schema,
                                        const std::vector<std::vector<bool>>& apart, const Seeds& seeds,
                                        const SearchLimits& limits) {
    return Search(schema).find_breaks(apart, seeds, limits);
}

}  // namespace anabranch::confluence
