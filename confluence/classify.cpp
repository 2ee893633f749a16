#include "confluence/classify.h"

#include <algorithm>

#include "confluence/infer.h"

namespace anabranch::confluence {

using smt::Answer;
using smt::Dropped;
using smt::Side;

Classifier::Classifier(smt::Analysis& analysis, std::function<void(std::size_t, std::size_t, const std::string&)> progress)
    : analysis_(analysis), progress_(std::move(progress)) {}

void Classifier::only(const std::set<std::uint32_t>& transactions, const std::set<std::uint32_t>& invariants) {
    only_transactions_ = transactions;
    only_invariants_ = invariants;
}

void Classifier::run() {
    collect_obligations();
    prove_or_open();
    if (!edges_.empty()) learn_signs();
    if (!edges_.empty()) infer();
    order_endpoints();
    retry_open();
    order_endpoints();
    find_scopes();
    pairs_.clear();
}

smt::Pair& Classifier::pair(PairKey key) {
    auto& slot = pairs_[key];
    if (!slot) {
        const auto found = obligations_.find(key);
        slot = std::make_unique<smt::Pair>(analysis_, key.first, key.second, found == obligations_.end() ? std::vector<std::uint32_t>{} : found->second);
        if (!bounds_.empty()) slot->assume_bounds(bounds_);
    }
    return *slot;
}

const Proof* Classifier::proof(std::uint32_t first, std::uint32_t second, std::uint32_t invariant) const {
    const auto found = proofs_.find({std::minmax(first, second), invariant});
    return found == proofs_.end() ? nullptr : &found->second;
}

void Classifier::collect_obligations() {
    const catalog::Schema& schema = analysis_.schema();
    // Transactions by the tables that they touch, so that a schema of hundreds of tables is not squared.
    std::map<TableId, std::vector<std::uint32_t>> touching;
    for (std::uint32_t t = 0; t < schema.transactions.size(); ++t) {
        for (const auto& [table, touch] : analysis_.touches[t]) touching[table].push_back(t);
    }
    for (std::uint32_t i = 0; i < schema.invariants.size(); ++i) {
        if (!only_invariants_.empty() && !only_invariants_.contains(i)) continue;
        std::set<std::uint32_t> near;
        for (const auto& [table, use] : analysis_.invariant_reads[i].tables) near.insert(touching[table].begin(), touching[table].end());
        for (std::uint32_t a : near) {
            for (std::uint32_t b : near) {
                if (b < a) continue;
                if (!only_transactions_.empty() && !only_transactions_.contains(a) && !only_transactions_.contains(b)) continue;
                if (may_break_together(schema, schema.invariants[i], analysis_.touches[a], analysis_.touches[b])) obligations_[{a, b}].push_back(i);
            }
        }
    }
}

Dropped Classifier::free_drops(smt::Pair& pair, Side side) const {
    Touches any;
    for (const Touches& touches : analysis_.touches) {
        for (const auto& [table, touch] : touches) {
            Touch& all = any[table];
            all.appear |= touch.appear;
            all.vanish |= touch.vanish;
            all.merges |= touch.merges;
            all.columns.insert(touch.columns.begin(), touch.columns.end());
        }
    }
    return pair.met_by(side, any);
}

// The facts of a transaction that must not be used: what was found unstable, or, before that was asked, all that anybody could meet.
const Dropped& Classifier::drops(std::uint32_t transaction, smt::Pair& pair, Side side) {
    const auto stable = dropped_.find(transaction);
    if (stable != dropped_.end()) return stable->second;
    const auto known = met_.find(transaction);
    if (known != met_.end()) {
        // Another pair of this transaction may have facts that this one had no slots for.
        Dropped all = free_drops(pair, side);
        known->second.insert(all.begin(), all.end());
        return known->second;
    }
    return met_.emplace(transaction, free_drops(pair, side)).first->second;
}

// True when the pair is proved free of the invariant; else `edge` says what is known.
bool Classifier::settle(PairKey key, std::uint32_t invariant, Edge& edge) {
    smt::Pair& p = pair(key);
    const Dropped& first = drops(key.first, p, Side::first);
    const Dropped& second = drops(key.second, p, Side::second);
    if (p.breaks(invariant, first, second) == Answer::no) return true;
    edge = {key.first, key.second, invariant, false, p.inexact(invariant), {}, p.model_calls()};
    if (p.breaks(invariant, {}, {}) == Answer::yes) {
        edge.story = true;
        edge.calls = p.model_calls();
    }
    return false;
}

void Classifier::prove_or_open() {
    std::size_t done = 0;
    for (const auto& [key, invariants] : obligations_) {
        const std::int64_t start = clock ? clock() : 0;
        bool all_proved = true;
        for (std::uint32_t invariant : invariants) {
            Edge edge;
            if (settle(key, invariant, edge)) {
                proofs_[{key, invariant}] = {Proof::By::diamond};
            } else {
                edges_.push_back(std::move(edge));
                all_proved = false;
            }
        }
        // A solver holds megabytes: keep those that will be asked again.
        if (all_proved) forget(key);
        if (clock) micros[key] += clock() - start;
        ++done;
        if (progress_) progress_(done, obligations_.size(), analysis_.schema().transactions[key.first].name);
    }
}

// Signs of what the transactions of open edges read where they run; then those edges are tried again.
void Classifier::learn_signs() {
    std::set<std::uint32_t> transactions;
    for (const Edge& edge : edges_) {
        transactions.insert(edge.first);
        transactions.insert(edge.second);
    }
    bool any = false;
    for (std::uint32_t t : transactions) {
        std::vector<smt::ReadSign> signs = pair({t, t}).read_signs();
        any |= !signs.empty();
        if (!signs.empty()) analysis_.read_signs[t] = std::move(signs);
    }
    if (!any) return;
    pairs_.clear();
    std::vector<Edge> left;
    for (const Edge& edge : edges_) {
        const PairKey key{edge.first, edge.second};
        Edge again;
        if (settle(key, edge.invariant, again)) {
            proofs_[{key, edge.invariant}] = {Proof::By::stable_facts};
        } else {
            left.push_back(std::move(again));
        }
    }
    edges_ = std::move(left);
}

void Classifier::infer() {
    std::set<TableId> tables;
    for (const Edge& edge : edges_) {
        if (analysis_.schema().invariants[edge.invariant].kind == catalog::InvariantKind::lost_update) continue;
        for (const auto& [table, use] : analysis_.invariant_reads[edge.invariant].tables) tables.insert(table);
    }
    if (tables.empty()) return;
    analysis_.bounds = bound_candidates(analysis_, tables);
    analysis_.permanent = permanent_rows(analysis_, tables);
    if (analysis_.bounds.empty() && analysis_.permanent.empty()) return;
    analysis_.use_permanent = !analysis_.permanent.empty();
    pairs_.clear();
    met_.clear();

    std::set<std::size_t> survivors;
    for (std::size_t b = 0; b < analysis_.bounds.size(); ++b) survivors.insert(b);
    const auto touches_bound = [&](std::uint32_t t, const smt::Bound& bound) {
        const auto found = analysis_.touches[t].find(bound.table);
        return found != analysis_.touches[t].end() && (found->second.appear || found->second.columns.contains(bound.column));
    };
    const auto count = static_cast<std::uint32_t>(analysis_.schema().transactions.size());
    for (bool changed = true; changed && !survivors.empty();) {
        changed = false;
        const auto drop = [&](std::size_t b) {
            survivors.erase(b);
            changed = true;
        };
        for (std::uint32_t t = 0; t < count; ++t) {
            for (std::size_t b : std::set<std::size_t>(survivors)) {
                if (touches_bound(t, analysis_.bounds[b]) && pair({t, t}).breaks_bound_alone(b, survivors) != Answer::no) drop(b);
            }
            for (std::uint32_t u = t; u < count; ++u) {
                for (std::size_t b : std::set<std::size_t>(survivors)) {
                    if (!touches_bound(t, analysis_.bounds[b]) || !touches_bound(u, analysis_.bounds[b])) continue;
                    smt::Pair& p = pair({t, u});
                    if (p.breaks_bound(b, survivors, drops(t, p, Side::first), drops(u, p, Side::second)) != Answer::no) drop(b);
                }
            }
        }
    }
    bounds_ = survivors;
    for (auto& [key, p] : pairs_) {
        if (!bounds_.empty()) p->assume_bounds(bounds_);
    }
    std::vector<Edge> left;
    for (const Edge& edge : edges_) {
        const PairKey key{edge.first, edge.second};
        Edge again;
        if (settle(key, edge.invariant, again)) {
            proofs_[{key, edge.invariant}] = {Proof::By::bounds};
            permanent_used_ |= analysis_.use_permanent;
        } else {
            left.push_back(std::move(again));
        }
    }
    const bool helped = left.size() < edges_.size();
    edges_ = std::move(left);
    if (helped) {
        for (std::size_t b : bounds_) inferred_.push_back(analysis_.bounds[b].text);
        return;
    }
    bounds_.clear();
    analysis_.bounds.clear();
    analysis_.permanent.clear();
    analysis_.use_permanent = false;
    pairs_.clear();
    met_.clear();
}

void Classifier::order_endpoints() {
    ordered_.clear();
    for (const Edge& edge : edges_) {
        ordered_.insert(edge.first);
        ordered_.insert(edge.second);
    }
}

// The greatest set of facts that no concurrent call falsifies, for the transactions of open edges.
void Classifier::stabilise(bool stories_too) {
    dropped_.clear();
    std::set<std::uint32_t> wanted;
    for (const Edge& edge : edges_) {
        if (edge.story && !stories_too) continue;
        wanted.insert(edge.first);
        wanted.insert(edge.second);
    }
    for (std::uint32_t t : wanted) dropped_[t];
    const auto count = static_cast<std::uint32_t>(analysis_.schema().transactions.size());
    for (bool changed = true; changed;) {
        changed = false;
        for (std::uint32_t t : wanted) {
            for (std::uint32_t v = 0; v < count; ++v) {
                if (analysis_.touches[v].empty() || !concurrent(t, v)) continue;
                const Dropped meets = pair({t, t}).met_by(Side::first, analysis_.touches[v]);
                if (std::all_of(meets.begin(), meets.end(), [&](const std::string& key) { return dropped_[t].contains(key); })) continue;
                smt::Pair& p = pair(std::minmax(t, v));
                const Side side = t <= v ? Side::first : Side::second;
                const Dropped lost = p.falsified(side, drops(std::min(t, v), p, Side::first), drops(std::max(t, v), p, Side::second));
                for (const std::string& key : lost) changed |= dropped_[t].insert(key).second;
            }
        }
    }
}

void Classifier::retry_open() {
    const auto open = [&] { return std::any_of(edges_.begin(), edges_.end(), [](const Edge& e) { return !e.story; }); };
    if (!open()) return;
    // Only stories make transactions ordered at first; then each open edge in turn is tried as if it were free.
    const auto order_without = [&](const Edge* left_out, bool stories_only) {
        ordered_.clear();
        for (const Edge& edge : edges_) {
            if (&edge == left_out || (stories_only && !edge.story)) continue;
            ordered_.insert(edge.first);
            ordered_.insert(edge.second);
        }
    };
    const auto proved = [&](const Edge& edge) {
        smt::Pair& p = pair({edge.first, edge.second});
        return p.breaks(edge.invariant, drops(edge.first, p, Side::first), drops(edge.second, p, Side::second)) == Answer::no;
    };
    const auto keep = [&](auto&& is_proved) {
        std::vector<Edge> left;
        for (Edge& edge : edges_) {
            if (!edge.story && is_proved(edge)) {
                proofs_[{{edge.first, edge.second}, edge.invariant}] = {Proof::By::stable_facts};
            } else {
                left.push_back(std::move(edge));
            }
        }
        edges_ = std::move(left);
    };
    order_without(nullptr, true);
    stabilise();
    keep(proved);
    for (std::size_t i = 0; i < edges_.size();) {
        if (edges_[i].story) {
            ++i;
            continue;
        }
        order_without(&edges_[i], false);
        stabilise();
        if (proved(edges_[i])) {
            proofs_[{{edges_[i].first, edges_[i].second}, edges_[i].invariant}] = {Proof::By::stable_facts};
            edges_.erase(edges_.begin() + static_cast<std::ptrdiff_t>(i));
        } else {
            ++i;
        }
    }
    dropped_.clear();
}

// Parameters that must be equal, each by a proof that the conflict needs it. Calls with other keys still run apart, so only facts that hold
// with every transaction apart may be used.
void Classifier::find_scopes() {
    const auto usable = [](const catalog::Parameter& p) { return p.mode != catalog::Parameter::Mode::out && !p.fresh && !p.type.array; };
    const auto comparable = [](const catalog::Parameter& a, const catalog::Parameter& b) {
        return a.type.id == b.type.id || (sql::is_integer(a.type) && sql::is_integer(b.type));
    };
    const auto search = [&](Edge& edge) {
        smt::Pair& p = pair({edge.first, edge.second});
        const auto& first = analysis_.schema().transactions[edge.first].parameters;
        const auto& second = analysis_.schema().transactions[edge.second].parameters;
        for (std::uint32_t i = 0; i < first.size(); ++i) {
            for (std::uint32_t j = 0; j < second.size(); ++j) {
                if (!usable(first[i]) || !usable(second[j]) || !comparable(first[i], second[j])) continue;
                const Answer answer = p.breaks(edge.invariant, drops(edge.first, p, Side::first), drops(edge.second, p, Side::second), {{i, j}});
                if (answer == Answer::no) edge.scope.push_back({i, j});
            }
        }
        return !edge.scope.empty();
    };
    bool all = true;
    for (Edge& edge : edges_) all &= search(edge);
    if (all) return;
    const std::set<std::uint32_t> ordered = ordered_;
    ordered_.clear();
    stabilise(true);
    for (Edge& edge : edges_) {
        if (edge.scope.empty()) search(edge);
    }
    ordered_ = ordered;
    dropped_.clear();
}

}  // namespace anabranch::confluence
