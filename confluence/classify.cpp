#include "confluence/classify.h"

#include <algorithm>
#include <mutex>

#include "confluence/lanes.h"

namespace anabranch::confluence {

using smt::Dropped;
using smt::Side;

namespace {

// Lanes: as many as there is work for; beginning one costs as much as a few easy questions.
constexpr std::uint64_t lane_min = 60, lanes_max = 32;
// From so many rows on that two calls need, an encoding with the rows of every invariant is too large.
constexpr std::uint32_t heavy_min = 8;

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
    deal_out();
    prove_or_open();
    if (!large()) {
        if (seek_witnesses && !edges_.empty()) seek_witnesses(edges_);
        if (!edges_.empty() && (!baseline_ || baseline_->signs)) learn_signs();
        retry_beside_witnesses();
        if (any_unwitnessed() && (!baseline_ || baseline_->infer)) infer();
        if (!intolerable()) {
            retry_open();
            order_endpoints();
            if (!baseline_) find_scopes();
        }
    }
    order_endpoints();
    kept_.clear();
    pairs_.clear();
    small_.clear();
    for (const smt::Lane& lane : lanes_) analysis_.lane().patience.add(lane.patience);
    lanes_.clear();
    lane_of_.clear();
}

bool Classifier::intolerable(const Edge& edge) const {
    return baseline_ && (edge.story || edge.undecided) && !baseline_->tolerated.contains(key_of(edge));
}

bool Classifier::intolerable() const {
    return std::any_of(edges_.begin(), edges_.end(), [&](const Edge& edge) { return intolerable(edge); });
}

// Of a variant: nothing later can prove it.
bool Classifier::hopeless(const Edge& edge) const {
    return baseline_ && !baseline_->infer && !baseline_->signs && intolerable(edge);
}

bool Classifier::any_unwitnessed() const {
    return std::any_of(edges_.begin(), edges_.end(), [](const Edge& e) { return !e.witnessed; });
}

bool Classifier::any_open() const {
    return std::any_of(edges_.begin(), edges_.end(), [](const Edge& e) { return e.may_be_proved(); });
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

// How much work a pair is, roughly.
std::uint64_t Classifier::weight(PairKey key) const {
    const auto found = obligations_.find(key);
    const std::uint64_t targets = found == obligations_.end() ? 1 : found->second.size();
    return targets * (2 + analysis_.rows_needed[key.first] + analysis_.rows_needed[key.second]);
}

// Neighbours share a lane. The first lane is the analysis's own; a variant of a schema has no other.
void Classifier::deal_out() {
    lanes_.resize(1);
    if (baseline_) return;
    std::uint64_t total = 0, in_lane = 0;
    for (const auto& [key, targets] : obligations_) total += weight(key);
    const std::uint64_t enough = std::max(lane_min, total / lanes_max);
    for (const auto& [key, targets] : obligations_) {
        if (in_lane >= enough) {
            lanes_.emplace_back();
            in_lane = 0;
        }
        lane_of_[key] = lanes_.size() - 1;
        in_lane += weight(key);
    }
}

smt::Lane& Classifier::lane(PairKey key) {
    const auto found = lane_of_.find(key);
    return found == lane_of_.end() || found->second == 0 ? analysis_.lane() : lanes_[found->second];
}

// Runs work(i) for each key, those of one lane in their order. Of lanes the fullest first.
void Classifier::in_lanes(const std::vector<PairKey>& keys,
                          const std::function<void(std::size_t index)>& work) {
    struct Share {
        std::uint64_t weight = 0;
        std::vector<std::size_t> indexes;
    };
    std::vector<Share> shares(lanes_.size());
    for (std::size_t i = 0; i < keys.size(); ++i) {
        const auto found = lane_of_.find(keys[i]);
        Share& share = shares[found == lane_of_.end() ? 0 : found->second];
        share.weight += weight(keys[i]);
        share.indexes.push_back(i);
    }
    std::erase_if(shares, [](const Share& share) { return share.indexes.empty(); });
    std::stable_sort(shares.begin(), shares.end(),
                     [](const Share& a, const Share& b) { return a.weight > b.weight; });
    run_lanes(shares.size(), threads, [&](std::size_t number) {
        for (const std::size_t i : shares[number].indexes) work(i);
    });
}

std::map<Classifier::PairKey, std::vector<std::size_t>> Classifier::edges_by_pair(
    const std::function<bool(const Edge&)>& wanted) const {
    std::map<PairKey, std::vector<std::size_t>> out;
    for (std::size_t i = 0; i < edges_.size(); ++i)
        if (wanted(edges_[i])) out[{edges_[i].first, edges_[i].second}].push_back(i);
    return out;
}

std::unique_ptr<smt::Pair> Classifier::encode(PairKey key, Targets targets) {
    smt::Lane& own = lane(key);
    own.open();
    auto out = std::make_unique<smt::Pair>(analysis_, key.first, key.second, std::move(targets), &own);
    if (!bounds_.empty()) out->assume_bounds(bounds_);
    return out;
}

smt::Pair& Classifier::pair(PairKey key) {
    auto& slot = pairs_[key];
    if (!slot) {
        const auto found = obligations_.find(key);
        slot = encode(key, found == obligations_.end() ? Targets{} : found->second);
    }
    return *slot;
}

smt::Pair& Classifier::small_pair(PairKey key) {
    auto& slot = small_[key];
    if (!slot) slot = encode(key, {});
    return *slot;
}

// The encoding in which an edge was asked about, if it was kept.
smt::Pair* Classifier::kept_pair(const Edge& edge) const {
    const PairKey key{edge.first, edge.second};
    for (auto at = kept_.lower_bound({key, {}}); at != kept_.end() && at->first.first == key; ++at) {
        const Targets& targets = at->first.second;
        if (std::find(targets.begin(), targets.end(), edge.invariant) != targets.end())
            return at->second.get();
    }
    return nullptr;
}

bool Classifier::heavy(PairKey key) const {
    return analysis_.rows_needed[key.first] + analysis_.rows_needed[key.second] >= heavy_min;
}

// What goes into one encoding: in a small one all; else what needs the same rows.
std::vector<Classifier::Targets> Classifier::split(PairKey key, const Targets& targets) const {
    if (large() || !heavy(key)) return {targets};
    std::map<std::map<TableId, std::uint32_t>, Targets> by_rows;
    for (const std::uint32_t i : targets) by_rows[analysis_.violation_rows[i]].push_back(i);
    std::vector<Targets> out;
    for (auto& [rows, group] : by_rows) out.push_back(std::move(group));
    return out;
}

// The facts of a transaction that must not be used: what was found unstable, or, before that was asked, all
// that anybody could meet.
Dropped Classifier::drops(std::uint32_t transaction, const smt::Pair& pair, Side side) const {
    const auto stable = dropped_.find(transaction);
    return stable != dropped_.end() ? stable->second : pair.met_by(side, analysis_.touched);
}

// True when the pair is proved free of the invariant; else `edge` says what is known.
bool Classifier::settle(smt::Pair& pair, PairKey key, std::uint32_t invariant, Edge& edge) const {
    // What a repair leaves alone is mostly proved.
    const auto expect = baseline_ ? smt::Expect::proof : smt::Expect::story;
    smt::Outcome found = pair.settle(invariant, drops(key.first, pair, Side::first),
                                     drops(key.second, pair, Side::second), expect);
    edge = Edge{};
    std::tie(edge.first, edge.second, edge.invariant) = EdgeKey{key.first, key.second, invariant};
    edge.story = found.story;
    edge.inexact = pair.inexact(invariant);
    edge.undecided = found.undecided;
    edge.refuted = std::move(found.refuted);
    if (found.proved) return true;
    edge.calls = pair.model_calls();
    if (baseline_) return false;
    edge.scope_candidates = comparable_parameters(edge);
    if (found.story) edge.scope_candidates = pair.equal_in_model(std::move(edge.scope_candidates));
    return false;
}

// The same in an encoding that assumes more. What had no story has none now.
bool Classifier::settle_again(smt::Pair& pair, Edge& edge) const {
    if (edge.story || edge.undecided) return settle(pair, {edge.first, edge.second}, edge.invariant, edge);
    const auto answer = pair.breaks(edge.invariant, drops(edge.first, pair, Side::first),
                                    drops(edge.second, pair, Side::second));
    if (answer == smt::Answer::yes) edge.calls = pair.model_calls();
    return answer == smt::Answer::no;
}

Classifier::Found Classifier::ask(PairKey key, const Targets& targets) {
    Found out;
    const std::int64_t start = clock ? clock() : 0;
    for (const Targets& group : split(key, targets)) {
        auto pair = encode(key, group);
        const std::size_t before = out.edges.size();
        for (const std::uint32_t invariant : group) {
            Edge edge;
            if (settle(*pair, key, invariant, edge)) {
                out.proved.push_back(invariant);
                continue;
            }
            if (large()) find_scope(edge, *pair);
            out.edges.push_back(std::move(edge));
            if (hopeless(out.edges.back())) return out;
        }
        if (out.edges.size() > before && !large()) out.kept.emplace(std::pair{key, group}, std::move(pair));
    }
    std::sort(out.edges.begin(), out.edges.end(),
              [](const Edge& a, const Edge& b) { return key_of(a) < key_of(b); });
    if (clock) out.micros = clock() - start;
    return out;
}

void Classifier::prove_or_open() {
    std::vector<PairKey> keys;
    for (const auto& [key, targets] : obligations_) keys.push_back(key);
    std::vector<Found> found(keys.size());
    std::mutex progress;
    std::size_t done = 0;
    bool over = false;  // of a variant, which has one lane
    in_lanes(keys, [&](std::size_t i) {
        if (baseline_ && over) return;
        found[i] = ask(keys[i], obligations_.at(keys[i]));
        if (baseline_) over = !found[i].edges.empty() && hopeless(found[i].edges.back());
        if (!progress_) return;
        const std::lock_guard lock(progress);
        progress_(++done, keys.size(), analysis_.schema().transactions[keys[i].first].name);
    });
    for (std::size_t i = 0; i < keys.size(); ++i) {
        for (const std::uint32_t invariant : found[i].proved)
            note_proof(keys[i], invariant, Proof::By::diamond);
        for (Edge& edge : found[i].edges) edges_.push_back(std::move(edge));
        for (auto& [of, pair] : found[i].kept)
            if (kept_.size() < kept_max) kept_.emplace(of, std::move(pair));
        micros[keys[i]] += found[i].micros;
    }
}

// Asks again about some edges, since more is assumed now; true when one was proved.
bool Classifier::settle_open(Proof::By by, const std::function<bool(const Edge&)>& wanted) {
    std::vector<PairKey> keys;
    const auto by_pair = edges_by_pair(wanted);
    for (const auto& [key, indexes] : by_pair) keys.push_back(key);
    std::vector<char> proved(edges_.size(), 0);
    std::vector<Encodings> kept(keys.size());
    in_lanes(keys, [&](std::size_t i) {
        Targets targets;
        for (const std::size_t edge : by_pair.at(keys[i])) targets.push_back(edges_[edge].invariant);
        for (const Targets& group : split(keys[i], targets)) {
            auto pair = encode(keys[i], group);
            bool open = false;
            for (const std::size_t edge : by_pair.at(keys[i])) {
                if (std::find(group.begin(), group.end(), edges_[edge].invariant) == group.end()) continue;
                proved[edge] = settle_again(*pair, edges_[edge]) ? 1 : 0;
                open |= proved[edge] == 0;
            }
            if (open) kept[i].emplace(std::pair{keys[i], group}, std::move(pair));
        }
    });
    for (Encodings& some : kept)
        for (auto& [of, pair] : some)
            if (kept_.size() < kept_max) kept_.emplace(of, std::move(pair));
    std::vector<Edge> left;
    for (std::size_t i = 0; i < edges_.size(); ++i) {
        if (proved[i] != 0)
            note_proof({edges_[i].first, edges_[i].second}, edges_[i].invariant, by);
        else
            left.push_back(std::move(edges_[i]));
    }
    const bool any = left.size() < edges_.size();
    edges_ = std::move(left);
    return any;
}

void Classifier::order_by(const std::function<bool(const Edge&)>& counts) {
    ordered_.clear();
    for (const Edge& edge : edges_) {
        if (!counts(edge)) continue;
        ordered_.insert(edge.first);
        ordered_.insert(edge.second);
    }
}

void Classifier::order_endpoints() {
    order_by([](const Edge&) { return true; });
}

}  // namespace anabranch::confluence
