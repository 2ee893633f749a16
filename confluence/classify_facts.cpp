#include <algorithm>

#include "confluence/classify.h"

// Facts that last, and the scopes of the conflicts that remain.
namespace anabranch::confluence {

using smt::Answer;
using smt::Dropped;
using smt::Side;

namespace {

// Of the budget, for questions about parameters, of which many are asked and none matters much.
constexpr std::uint32_t scope_part = 2;

// True when the scope is known.
bool add_scope(Edge& edge, smt::Scope found) {
    const bool unsure = !found.unsure.empty();
    if (!found.needed.empty()) {
        edge.scope.insert(edge.scope.end(), found.needed.begin(), found.needed.end());
        std::sort(edge.scope.begin(), edge.scope.end());
        edge.scope_candidates = std::move(found.unsure);
    }
    return !edge.scope.empty() && !unsure;
}

}  // namespace

// Transactions of the edges that may still be proved.
std::set<std::uint32_t> Classifier::open_endpoints() const {
    std::set<std::uint32_t> out;
    for (const Edge& edge : edges_)
        if (edge.may_be_proved()) out.insert({edge.first, edge.second});
    return out;
}

// The greatest set of facts that no concurrent call falsifies, for some transactions.
void Classifier::stabilise(const std::set<std::uint32_t>& wanted) {
    dropped_.clear();
    for (std::uint32_t t : wanted) dropped_[t];
    const auto count = static_cast<std::uint32_t>(analysis_.schema().transactions.size());
    for (bool changed = true; changed;) {
        changed = false;
        for (std::uint32_t t : wanted) {
            for (std::uint32_t v = 0; v < count; ++v) {
                if (analysis_.touches[v].empty() || !concurrent(t, v)) continue;
                const Dropped meets = facts_pair({t, t}).met_by(Side::first, analysis_.touches[v]);
                if (std::all_of(meets.begin(), meets.end(),
                                [&](const std::string& key) { return dropped_[t].contains(key); }))
                    continue;
                smt::Pair& p = facts_pair(std::minmax(t, v));
                const Side side = t <= v ? Side::first : Side::second;
                const Dropped lost = p.falsified(side, drops(std::min(t, v), p, Side::first),
                                                 drops(std::max(t, v), p, Side::second));
                for (const std::string& key : lost) changed |= dropped_[t].insert(key).second;
            }
        }
    }
}

// Whether an edge's calls may run apart after all, given which facts are stable.
bool Classifier::proved_by_stable_facts(const Edge& edge) {
    const Dropped& first = dropped_.at(edge.first);
    const Dropped& second = dropped_.at(edge.second);
    if (edge.undecided) return false;  // not even with all of them
    if (edge.refuted && edge.refuted->without(first, second)) return true;
    if (smt::Pair* asked = kept_pair(edge)) return asked->breaks(edge.invariant, first, second) == Answer::no;
    return encode({edge.first, edge.second}, {edge.invariant})->breaks(edge.invariant, first, second) ==
           Answer::no;
}

void Classifier::prove_by_stable_facts() {
    stabilise(open_endpoints());
    std::erase_if(edges_, [&](const Edge& edge) {
        const bool proved = edge.may_be_proved() && proved_by_stable_facts(edge);
        if (proved) note_proof({edge.first, edge.second}, edge.invariant, Proof::By::stable_facts);
        return proved;
    });
}

// With those ordered that will be whatever else is proved.
void Classifier::retry_beside_witnesses() {
    order_by([](const Edge& edge) { return edge.witnessed; });
    if (!ordered_.empty() && any_open()) prove_by_stable_facts();
    dropped_.clear();
}

// With those ordered that have a story; then each open edge in turn as if it were free.
void Classifier::retry_open() {
    if (any_open()) {
        order_by([](const Edge& edge) { return !edge.may_be_proved(); });
        prove_by_stable_facts();
        release();
    }
    dropped_.clear();
}

// An edge that goes no longer makes its transactions ordered. What went before it may have relied on that: it
// must be proved once more.
void Classifier::release() {
    const auto asked_apart = ordered_;
    const auto asked_for = open_endpoints();
    std::vector<Edge> released;
    for (std::size_t i = 0; i < edges_.size();) {
        const Edge& edge = edges_[i];
        if (edge.may_be_proved()) order_by([&](const Edge& other) { return &other != &edge; });
        std::set<std::uint32_t> wanted = open_endpoints();
        const bool asked = released.empty() && ordered_ == asked_apart && wanted == asked_for;
        if (!edge.may_be_proved() || asked) {
            ++i;
            continue;
        }
        for (const Edge& other : released) wanted.insert({other.first, other.second});
        stabilise(wanted);
        const auto proved = [&](const Edge& one) { return proved_by_stable_facts(one); };
        if (!proved(edge) || !std::all_of(released.begin(), released.end(), proved)) {
            ++i;
            continue;
        }
        note_proof({edge.first, edge.second}, edge.invariant, Proof::By::stable_facts);
        released.push_back(edge);
        edges_.erase(edges_.begin() + static_cast<std::ptrdiff_t>(i));
    }
}

// What a scope of the edge can consist of.
std::vector<smt::Distinct> Classifier::comparable_parameters(const Edge& edge) const {
    const auto usable = [](const catalog::Parameter& p) {
        return p.mode != catalog::Parameter::Mode::out && !p.fresh && !p.type.array;
    };
    const auto comparable = [&](const catalog::Parameter& a, const catalog::Parameter& b) {
        if (analysis_.schema().assumed_transactions && edge.first == edge.second && a.index != b.index)
            return false;
        return a.type.id == b.type.id || (sql::is_integer(a.type) && sql::is_integer(b.type));
    };
    const auto& first = analysis_.schema().transactions[edge.first].parameters;
    const auto& second = analysis_.schema().transactions[edge.second].parameters;
    std::vector<smt::Distinct> out;
    for (std::uint32_t i = 0; i < first.size(); ++i) {
        for (std::uint32_t j = 0; j < second.size(); ++j) {
            if (usable(first[i]) && usable(second[j]) && comparable(first[i], second[j]))
                out.push_back({i, j});
        }
    }
    return out;
}

// Parameters that must be equal, each by a proof that the conflict needs it. Calls with other keys still run
// apart, so only facts that hold with every transaction apart may be used. True when the scope is known.
bool Classifier::find_scope(Edge& edge, smt::Pair& pair) {
    if (edge.scope_candidates.empty() ||
        lane({edge.first, edge.second}).patience.exhausted(edge.first, edge.second))
        return true;
    return add_scope(
        edge, pair.excluding(edge.invariant, drops(edge.first, pair, Side::first),
                             drops(edge.second, pair, Side::second), edge.scope_candidates, scope_part));
}

bool Classifier::find_scope(Edge& edge) {
    if (smt::Pair* asked = kept_pair(edge)) return find_scope(edge, *asked);
    if (edge.scope_candidates.empty()) return true;
    return find_scope(edge, *encode({edge.first, edge.second}, {edge.invariant}));
}

// What was asked in vain is asked again when it is known which facts are stable.
void Classifier::find_scopes() {
    std::vector<PairKey> keys;
    const auto by_pair = edges_by_pair([](const Edge& edge) { return !edge.scope_candidates.empty(); });
    for (const auto& [key, indexes] : by_pair) keys.push_back(key);
    std::vector<char> in_vain(edges_.size(), 0);
    in_lanes(keys, [&](std::size_t i) {
        for (const std::size_t edge : by_pair.at(keys[i])) in_vain[edge] = find_scope(edges_[edge]) ? 0 : 1;
    });
    if (std::find(in_vain.begin(), in_vain.end(), 1) == in_vain.end()) return;
    std::set<std::uint32_t> everybody;
    for (const Edge& edge : edges_) everybody.insert({edge.first, edge.second});
    ordered_.clear();
    stabilise(everybody);
    for (std::size_t i = 0; i < edges_.size(); ++i)
        if (in_vain[i] != 0) find_scope(edges_[i]);
    dropped_.clear();
}

}  // namespace anabranch::confluence
