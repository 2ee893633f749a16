#include <algorithm>

#include "confluence/classify.h"
#include "confluence/infer.h"

// What is learned about all reachable states for the sake of open edges: signs, bounds, rows that never go.
namespace anabranch::confluence {

using smt::Answer;
using smt::Side;

// Signs of what the transactions of open edges read where they run; then those edges are tried again.
void Classifier::learn_signs() {
    std::set<std::uint32_t> transactions;
    for (const Edge& edge : edges_) transactions.insert({edge.first, edge.second});
    const auto& signs = analysis_.read_signs;
    for (std::uint32_t t : transactions) {
        std::vector<smt::ReadSign> found = alone(t).read_signs();
        if (!found.empty()) analysis_.read_signs[t] = std::move(found);
    }
    small_.clear();
    if (signs.empty()) return;
    kept_.clear();
    pairs_.clear();
    settle_open(Proof::By::stable_facts, [&](const Edge& edge) {
        return !edge.witnessed && (signs.contains(edge.first) || signs.contains(edge.second));
    });
}

// Columns that open invariants read, and of the same tables those that the calls of open edges read.
std::map<TableId, std::set<std::uint32_t>> Classifier::open_columns() const {
    std::map<TableId, std::set<std::uint32_t>> out;
    for (const Edge& edge : edges_) {
        if (edge.witnessed ||
            analysis_.schema().invariants[edge.invariant].kind == catalog::InvariantKind::lost_update)
            continue;
        for (const auto& [table, use] : analysis_.invariant_reads[edge.invariant].tables) {
            out[table].insert(use.reads.begin(), use.reads.end());
            for (const std::uint32_t t : {edge.first, edge.second}) {
                const auto read = analysis_.access[t].tables.find(table);
                if (read != analysis_.access[t].tables.end())
                    out[table].insert(read->second.reads.begin(), read->second.reads.end());
            }
        }
    }
    return out;
}

void Classifier::infer() {
    const auto columns = open_columns();
    if (columns.empty()) return;
    std::set<TableId> tables;
    for (const auto& [table, read] : columns) tables.insert(table);
    analysis_.bounds = bound_candidates(analysis_, columns);
    analysis_.permanent = permanent_rows(analysis_, tables);
    analysis_.use_permanent = !analysis_.permanent.empty();
    // Encodings that know nothing of this, for when it is of no use.
    Encodings kept;
    std::map<PairKey, std::unique_ptr<smt::Pair>> pairs;
    kept.swap(kept_);
    pairs.swap(pairs_);
    small_.clear();
    const std::vector<Edge> before = edges_;
    if (!analysis_.bounds.empty() || analysis_.use_permanent) bounds_ = inductive_bounds();
    small_.clear();
    const bool helped = (!bounds_.empty() || analysis_.use_permanent) &&
                        settle_open(Proof::By::bounds, [](const Edge& edge) { return !edge.witnessed; });
    if (helped) {
        permanent_used_ |= analysis_.use_permanent;
        for (std::size_t b : bounds_) inferred_.push_back(analysis_.bounds[b].text);
        return;
    }
    bounds_.clear();
    analysis_.bounds.clear();
    analysis_.permanent.clear();
    analysis_.use_permanent = false;
    kept_ = std::move(kept);
    pairs_ = std::move(pairs);
    // What was refuted needed what is forgotten; the calls of the models are worth keeping.
    for (std::size_t i = 0; i < edges_.size(); ++i) {
        edges_[i].refuted = before[i].refuted;
        edges_[i].undecided = before[i].undecided;
    }
}

// The candidates that hold in every reachable state, by induction: the greatest set that no call breaks alone
// and no pair breaks together. What one call breaks is found first, since it costs one encoding each. What
// the invariants imply holds anyway: the others stay inductive without it.
std::set<std::size_t> Classifier::inductive_bounds() {
    std::set<std::size_t> survivors;
    for (std::size_t b = 0; b < analysis_.bounds.size(); ++b) survivors.insert(b);
    drop_broken_alone(survivors);
    drop_implied(survivors);
    while (drop_broken_together(survivors)) drop_broken_alone(survivors);
    return survivors;
}

namespace {

bool touches_bound(const Touches& touches, const smt::Bound& bound) {
    const auto found = touches.find(bound.table);
    return found != touches.end() && (found->second.appear || found->second.columns.contains(bound.column));
}

}  // namespace

// What the invariants say already helps no proof.
void Classifier::drop_implied(std::set<std::size_t>& bounds) {
    for (std::uint32_t t = 0; t < analysis_.touches.size() && !bounds.empty(); ++t) {
        std::set<std::size_t> asked;
        for (std::size_t b : bounds)
            if (analysis_.touches[t].contains(analysis_.bounds[b].table)) asked.insert(b);
        // Where the budget ended before it hardly suffices for this: a bound too many does no harm.
        if (asked.empty() || lane({t, t}).patience.ended(t, t)) continue;
        const std::set<std::size_t> telling = alone(t).bounds_not_implied(asked);
        for (std::size_t b : asked)
            if (!telling.contains(b)) bounds.erase(b);
    }
}

void Classifier::drop_broken_alone(std::set<std::size_t>& bounds) {
    for (bool changed = true; changed;) {
        changed = false;
        for (std::uint32_t t = 0; t < analysis_.touches.size(); ++t) {
            std::set<std::size_t> asked;
            for (std::size_t b : bounds)
                if (touches_bound(analysis_.touches[t], analysis_.bounds[b])) asked.insert(b);
            if (asked.empty()) continue;
            for (std::size_t b : alone(t).bounds_broken_alone(asked, bounds)) changed |= bounds.erase(b) > 0;
        }
    }
}

// Pairs of transactions that touch the table of one of the bounds.
std::set<Classifier::PairKey> Classifier::pairs_near(const std::set<std::size_t>& bounds) const {
    std::map<TableId, std::vector<std::uint32_t>> touching;
    for (std::size_t b : bounds) touching[analysis_.bounds[b].table];
    for (std::uint32_t t = 0; t < analysis_.touches.size(); ++t) {
        for (const auto& [table, touch] : analysis_.touches[t]) {
            const auto found = touching.find(table);
            if (found != touching.end()) found->second.push_back(t);
        }
    }
    std::set<PairKey> out;
    for (const auto& [table, transactions] : touching) {
        for (std::size_t i = 0; i < transactions.size(); ++i) {
            for (std::size_t j = i; j < transactions.size(); ++j)
                out.insert({transactions[i], transactions[j]});
        }
    }
    return out;
}

// True when one was dropped.
bool Classifier::drop_broken_together(std::set<std::size_t>& bounds) {
    const std::size_t before = bounds.size();
    for (const auto& [t, u] : pairs_near(bounds)) {
        for (std::size_t b : std::set<std::size_t>(bounds)) {
            const smt::Bound& bound = analysis_.bounds[b];
            if (!touches_bound(analysis_.touches[t], bound) || !touches_bound(analysis_.touches[u], bound))
                continue;
            smt::Pair& p = small_pair({t, u});
            if (p.breaks_bound(b, bounds, drops(t, p, Side::first), drops(u, p, Side::second)) != Answer::no)
                bounds.erase(b);
        }
    }
    return bounds.size() < before;
}

}  // namespace anabranch::confluence
