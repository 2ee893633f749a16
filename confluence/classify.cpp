#include "confluence/classify.h"

#include <algorithm>

#include "confluence/infer.h"

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

Classifier::Classifier(smt::Analysis& analysis,
                       std::function<void(std::size_t, std::size_t, const std::string&)> progress)
    : analysis_(analysis), progress_(std::move(progress)) {}

void Classifier::only(const std::set<std::uint32_t>& transactions,
                      const std::set<std::uint32_t>& invariants) {
    only_transactions_ = transactions;
    only_invariants_ = invariants;
}

void Classifier::against(Baseline baseline) {
    baseline_ = std::move(baseline);
}

void Classifier::run() {
    collect_obligations();
    prove_or_open();
    if (large()) {
        order_endpoints();
        return;
    }
    if (seek_witnesses && !edges_.empty()) seek_witnesses(edges_);
    if (!edges_.empty() && (!baseline_ || baseline_->signs)) learn_signs();
    if (any_unwitnessed() && (!baseline_ || baseline_->infer)) infer();
    if (!intolerable()) {
        order_endpoints();
        retry_open();
        order_endpoints();
        if (!baseline_) find_scopes();
    }
    pairs_.clear();
}

bool Classifier::intolerable() const {
    return baseline_ && std::any_of(edges_.begin(), edges_.end(), [&](const Edge& edge) {
               return (edge.story || edge.undecided) && !baseline_->tolerated.contains(key_of(edge));
           });
}

// A variant with an edge that nothing later can prove.
bool Classifier::hopeless() const {
    return baseline_ && !baseline_->infer && !baseline_->signs && intolerable();
}

bool Classifier::any_unwitnessed() const {
    return std::any_of(edges_.begin(), edges_.end(), [](const Edge& e) { return !e.witnessed; });
}

smt::Pair& Classifier::pair(PairKey key) {
    auto& slot = pairs_[key];
    if (!slot) {
        const auto found = obligations_.find(key);
        slot = std::make_unique<smt::Pair>(
            analysis_, key.first, key.second,
            found == obligations_.end() ? std::vector<std::uint32_t>{} : found->second);
        if (!bounds_.empty()) slot->assume_bounds(bounds_);
    }
    return *slot;
}

smt::Pair& Classifier::alone(std::uint32_t transaction) {
    auto& slot = alone_[transaction];
    if (!slot)
        slot = std::make_unique<smt::Pair>(analysis_, transaction, transaction, std::vector<std::uint32_t>{});
    return *slot;
}

std::optional<Proof> Classifier::proof(std::uint32_t transaction, std::uint32_t invariant) const {
    const auto found = proofs_.find({transaction, invariant});
    return found == proofs_.end() ? std::nullopt : std::optional(found->second);
}

void Classifier::note_proof(PairKey key, std::uint32_t invariant, Proof::By by) {
    for (const std::uint32_t transaction : {key.first, key.second}) {
        Proof& known = proofs_[{transaction, invariant}];
        known.by = std::max(known.by, by);
    }
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
        for (const auto& [table, use] : analysis_.invariant_reads[i].tables)
            near.insert(touching[table].begin(), touching[table].end());
        for (std::uint32_t a : near) {
            for (std::uint32_t b : near) {
                if (b < a) continue;
                if (!only_transactions_.empty() && !only_transactions_.contains(a) &&
                    !only_transactions_.contains(b))
                    continue;
                if (baseline_ && baseline_->skipped.contains({a, b, i})) continue;
                if (may_break_together(schema, schema.invariants[i], analysis_.touches[a],
                                       analysis_.touches[b]))
                    obligations_[{a, b}].push_back(i);
            }
        }
    }
}

Dropped Classifier::free_drops(smt::Pair& pair, Side side) const {
    return pair.met_by(side, analysis_.touched);
}

// The facts of a transaction that must not be used: what was found unstable, or, before that was asked, all
// that anybody could meet.
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
    // What a repair leaves alone is mostly proved.
    const auto expect = baseline_ ? smt::Expect::proof : smt::Expect::story;
    const smt::Outcome found = p.settle(invariant, first, second, expect);
    edge = {key.first, key.second, invariant, found.story, p.inexact(invariant), {}, {}, {}, found.undecided};
    if (!found.proved) edge.calls = p.model_calls();
    if (baseline_) return found.proved;
    edge.scope_candidates = comparable_parameters(edge);
    if (found.story) edge.scope_candidates = p.equal_in_model(std::move(edge.scope_candidates));
    return found.proved;
}

void Classifier::prove_or_open() {
    std::size_t done = 0;
    for (const auto& [key, invariants] : obligations_) {
        const std::int64_t start = clock ? clock() : 0;
        bool all_proved = true;
        for (std::uint32_t invariant : invariants) {
            Edge edge;
            if (settle(key, invariant, edge)) {
                note_proof(key, invariant, Proof::By::diamond);
            } else {
                if (large()) find_scope(edge);
                edges_.push_back(std::move(edge));
                all_proved = false;
                if (hopeless()) return;
            }
        }
        // A solver holds megabytes: keep those that will be asked again.
        if (all_proved || large()) forget(key);
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
        const auto& signs = analysis_.read_signs;
        Edge again = edge;
        if (edge.witnessed || (!signs.contains(edge.first) && !signs.contains(edge.second))) {
            left.push_back(std::move(again));
        } else if (settle(key, edge.invariant, again)) {
            note_proof(key, edge.invariant, Proof::By::stable_facts);
        } else {
            left.push_back(std::move(again));
        }
    }
    edges_ = std::move(left);
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
    if (analysis_.bounds.empty() && analysis_.permanent.empty()) return;
    analysis_.use_permanent = !analysis_.permanent.empty();
    pairs_.clear();
    alone_.clear();
    met_.clear();
    bounds_ = inductive_bounds();
    alone_.clear();
    if (bounds_.empty() && !analysis_.use_permanent) return forget_bounds();
    for (auto& [key, p] : pairs_) {
        if (!bounds_.empty()) p->assume_bounds(bounds_);
    }
    std::vector<Edge> left;
    for (const Edge& edge : edges_) {
        const PairKey key{edge.first, edge.second};
        Edge again;
        if (edge.witnessed) {
            left.push_back(edge);
        } else if (settle(key, edge.invariant, again)) {
            note_proof(key, edge.invariant, Proof::By::bounds);
            permanent_used_ |= analysis_.use_permanent;
        } else {
            left.push_back(std::move(again));
        }
    }
    const bool helped = left.size() < edges_.size();
    edges_ = std::move(left);
    if (!helped) return forget_bounds();
    for (std::size_t b : bounds_) inferred_.push_back(analysis_.bounds[b].text);
}

void Classifier::forget_bounds() {
    bounds_.clear();
    analysis_.bounds.clear();
    analysis_.permanent.clear();
    analysis_.use_permanent = false;
    pairs_.clear();
    met_.clear();
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
        if (asked.empty() || analysis_.patience.ended(t, t)) continue;
        const std::set<std::size_t> telling = pair({t, t}).bounds_not_implied(asked);
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
            smt::Pair& p = pair({t, u});
            if (p.breaks_bound(b, bounds, drops(t, p, Side::first), drops(u, p, Side::second)) != Answer::no)
                bounds.erase(b);
        }
    }
    return bounds.size() < before;
}

void Classifier::order_endpoints() {
    ordered_.clear();
    for (const Edge& edge : edges_) {
        ordered_.insert(edge.first);
        ordered_.insert(edge.second);
    }
}

// Transactions of the edges that may still be proved, or of all.
std::set<std::uint32_t> Classifier::endpoints(bool stories_too) const {
    std::set<std::uint32_t> out;
    for (const Edge& edge : edges_) {
        if (!edge.may_be_proved() && !stories_too) continue;
        out.insert(edge.first);
        out.insert(edge.second);
    }
    return out;
}

// The greatest set of facts that no concurrent call falsifies, for the transactions of open edges.
void Classifier::stabilise(bool stories_too) {
    dropped_.clear();
    const std::set<std::uint32_t> wanted = endpoints(stories_too);
    for (std::uint32_t t : wanted) dropped_[t];
    const auto count = static_cast<std::uint32_t>(analysis_.schema().transactions.size());
    for (bool changed = true; changed;) {
        changed = false;
        for (std::uint32_t t : wanted) {
            for (std::uint32_t v = 0; v < count; ++v) {
                if (analysis_.touches[v].empty() || !concurrent(t, v)) continue;
                const Dropped meets = pair({t, t}).met_by(Side::first, analysis_.touches[v]);
                if (std::all_of(meets.begin(), meets.end(),
                                [&](const std::string& key) { return dropped_[t].contains(key); }))
                    continue;
                smt::Pair& p = pair(std::minmax(t, v));
                const Side side = t <= v ? Side::first : Side::second;
                const Dropped lost = p.falsified(side, drops(std::min(t, v), p, Side::first),
                                                 drops(std::max(t, v), p, Side::second));
                for (const std::string& key : lost) changed |= dropped_[t].insert(key).second;
            }
        }
    }
}

void Classifier::retry_open() {
    const auto open = [&] {
        return std::any_of(edges_.begin(), edges_.end(), [](const Edge& e) { return e.may_be_proved(); });
    };
    if (!open()) return;
    // Only stories make transactions ordered at first; then each open edge in turn is tried as if it were
    // free.
    const auto order_without = [&](const Edge* left_out, bool stories_only) {
        ordered_.clear();
        for (const Edge& edge : edges_) {
            if (&edge == left_out || (stories_only && edge.may_be_proved())) continue;
            ordered_.insert(edge.first);
            ordered_.insert(edge.second);
        }
    };
    const auto proved = [&](const Edge& edge) {
        smt::Pair& p = pair({edge.first, edge.second});
        return p.breaks(edge.invariant, drops(edge.first, p, Side::first),
                        drops(edge.second, p, Side::second)) == Answer::no;
    };
    const auto keep = [&](auto&& is_proved) {
        std::vector<Edge> left;
        for (Edge& edge : edges_) {
            if (edge.may_be_proved() && is_proved(edge)) {
                note_proof({edge.first, edge.second}, edge.invariant, Proof::By::stable_facts);
            } else {
                left.push_back(std::move(edge));
            }
        }
        edges_ = std::move(left);
    };
    order_without(nullptr, true);
    const auto asked_apart = ordered_;
    const auto asked_for = endpoints(false);
    stabilise();
    keep(proved);
    for (std::size_t i = 0; i < edges_.size();) {
        if (!edges_[i].may_be_proved()) {
            ++i;
            continue;
        }
        order_without(&edges_[i], false);
        if (ordered_ == asked_apart && endpoints(false) == asked_for) {  // it was asked just so
            ++i;
            continue;
        }
        stabilise();
        if (proved(edges_[i])) {
            note_proof({edges_[i].first, edges_[i].second}, edges_[i].invariant, Proof::By::stable_facts);
            edges_.erase(edges_.begin() + static_cast<std::ptrdiff_t>(i));
        } else {
            ++i;
        }
    }
    dropped_.clear();
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
// apart, so only facts that hold with every transaction apart may be used.
bool Classifier::find_scope(Edge& edge) {
    if (analysis_.patience.exhausted(edge.first, edge.second)) return false;
    if (edge.scope_candidates.empty()) return false;
    smt::Pair& p = pair({edge.first, edge.second});
    return add_scope(edge,
                     p.excluding(edge.invariant, drops(edge.first, p, Side::first),
                                 drops(edge.second, p, Side::second), edge.scope_candidates, scope_part));
}

// Each edge in an encoding of its own: without the rows that other invariants need it is much smaller. What
// was asked in vain is asked again when it is known which facts are stable.
void Classifier::find_scopes() {
    std::map<EdgeKey, std::unique_ptr<smt::Pair>> asked_in_vain;
    const auto ask = [&](Edge& edge, smt::Pair& p) {
        return add_scope(edge,
                         p.excluding(edge.invariant, drops(edge.first, p, Side::first),
                                     drops(edge.second, p, Side::second), edge.scope_candidates, scope_part));
    };
    for (Edge& edge : edges_) {
        if (edge.scope_candidates.empty() || analysis_.patience.exhausted(edge.first, edge.second)) continue;
        auto p = std::make_unique<smt::Pair>(analysis_, edge.first, edge.second,
                                             std::vector<std::uint32_t>{edge.invariant});
        p->assume_bounds(bounds_);
        if (!ask(edge, *p)) asked_in_vain.emplace(key_of(edge), std::move(p));
    }
    if (asked_in_vain.empty()) return;
    const std::set<std::uint32_t> ordered = ordered_;
    ordered_.clear();
    stabilise(true);
    for (Edge& edge : edges_) {
        const auto found = asked_in_vain.find(key_of(edge));
        if (found != asked_in_vain.end() && !edge.scope_candidates.empty()) ask(edge, *found->second);
    }
    ordered_ = ordered;
    dropped_.clear();
}

}  // namespace anabranch::confluence
