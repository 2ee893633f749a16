// From pairs to edges: which transactions may not run apart because of which invariant, and why all others
// may.
//
// 1. Pairs that cannot touch one invariant together are free of cost (access.h).
// 2. The diamond of the others, with only those facts that no declared transaction can falsify by what it
// writes. No model: free.
// 3. With a model, the same with all facts of both calls: a model is then a story of two replicas that start
// from one state (conflict).
// 4. What is left open needs facts that some transaction might falsify: the greatest stable set of facts
// (Houdini), then the diamond again; or not even that, when a refutation is known that needs only these.
// First with those transactions ordered that a history of the real engine makes so: no proof can come of
// them.
// 5. What is still open, or in conflict without such a history, is tried once more with inferred bounds and
// the rows that never go (infer.h).
// 6. Edges make transactions ordered; ordered ones do not run apart, which may make facts stable again
// (greedy release).
// Of a schema with very many pairs each is looked at once: steps 4 to 6 are left out, and only their proofs
// with them.
//
// Pairs are dealt out to lanes (lanes.h), each with a solver of its own, so that several can be asked at one
// time. Deterministic, whatever the number of threads. Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "confluence/smt/analysis.h"
#include "confluence/smt/pair.h"

namespace anabranch::confluence {

struct Edge {
    std::uint32_t first = 0, second = 0, invariant = 0;  // first <= second
    bool story = false;                // a model with all facts: two replicas from one state; else unproved
    bool inexact = false;              // something was over-approximated
    std::vector<smt::Distinct> scope;  // parameters that must be equal, each proved necessary
    std::vector<SuggestedCall> calls;  // of the model
    std::vector<smt::Distinct> scope_candidates;  // not refuted so far
    bool undecided = false;                       // the budget ended before there was a proof or a model
    std::optional<smt::Needed> refuted;           // no story: a refutation with these facts
    bool witnessed = false;                       // a history breaks it: nothing is to be proved
    bool may_be_proved() const { return !story && !witnessed; }
};

// (first, second, invariant)
using EdgeKey = std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>;
inline EdgeKey key_of(const Edge& edge) {
    return {edge.first, edge.second, edge.invariant};
}

struct Proof {
    enum class By : std::uint8_t { diamond, stable_facts, bounds } by = By::diamond;
};

class Classifier {
  public:
    Classifier(smt::Analysis& analysis,
               std::function<void(std::size_t, std::size_t, const std::string&)> progress);
    // Restricts the questions (not the theory): empty = all.
    void only(const std::set<std::uint32_t>& transactions, const std::set<std::uint32_t>& invariants);
    // For a variant of a schema whose edges are known, where only the edges count and not their scopes.
    struct Baseline {
        std::set<EdgeKey> skipped;    // not asked about
        std::set<EdgeKey> tolerated;  // an edge that is not among these, and has a story or was not decided
                                      // within the budget, ends the run
        bool infer = true;            // whether bounds are worth inferring
        bool signs = true;            // whether signs of what is read are worth learning
    };
    void against(Baseline baseline);
    void run();
    // Called with the edges as they are found, before anything is inferred for them; sets `witnessed`. May be
    // empty.
    std::function<void(std::vector<Edge>& edges)> seek_witnesses;

    const std::vector<Edge>& edges() const { return edges_; }
    // Whether there are so many pairs that each was looked at once.
    bool large() const { return obligations_.size() > large_min; }
    // What the proofs that a transaction is free of the invariant beside any other needed at most; nothing
    // when there was nothing to prove.
    std::optional<Proof> proof(std::uint32_t transaction, std::uint32_t invariant) const;
    // Inferred bounds that proofs rely on, as text.
    const std::vector<std::string>& inferred() const { return inferred_; }
    bool permanent_rows_used() const { return permanent_used_; }
    // Pairs that may run apart under the plan.
    bool apart(std::uint32_t first, std::uint32_t second) const {
        return !(ordered_.contains(first) && ordered_.contains(second));
    }
    const std::set<std::uint32_t>& ordered() const { return ordered_; }
    std::size_t threads = 1;
    // Microseconds per (first, second), for the report; 0 without a clock. It is read by several threads.
    std::function<std::int64_t()> clock;
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::int64_t> micros;

  private:
    static constexpr std::size_t large_min = 400;
    static constexpr std::size_t kept_max = 64;  // encodings
    using PairKey = std::pair<std::uint32_t, std::uint32_t>;
    using Targets = std::vector<std::uint32_t>;
    // Encodings that will be asked again: a solver holds megabytes, so not all are kept.
    using Encodings = std::map<std::pair<PairKey, Targets>, std::unique_ptr<smt::Pair>>;
    smt::Lane& lane(PairKey key);
    void deal_out();
    void in_lanes(const std::vector<PairKey>& keys, const std::function<void(std::size_t index)>& work);
    std::map<PairKey, std::vector<std::size_t>> edges_by_pair(
        const std::function<bool(const Edge&)>& wanted) const;
    std::unique_ptr<smt::Pair> encode(PairKey key, Targets targets);
    smt::Pair& pair(PairKey key);
    smt::Pair& small_pair(PairKey key);
    smt::Pair& alone(std::uint32_t transaction) { return small_pair({transaction, transaction}); }
    bool heavy(PairKey key) const;
    smt::Pair& facts_pair(PairKey key) { return heavy(key) ? small_pair(key) : pair(key); }
    std::vector<Targets> split(PairKey key, const Targets& targets) const;
    smt::Pair* kept_pair(const Edge& edge) const;
    std::uint64_t weight(PairKey key) const;
    bool intolerable() const;
    bool intolerable(const Edge& edge) const;
    bool hopeless(const Edge& edge) const;
    void collect_obligations();
    void prove_or_open();
    struct Found {  // about one pair
        std::vector<Edge> edges;
        Targets proved;
        Encodings kept;
        std::int64_t micros = 0;
    };
    Found ask(PairKey key, const Targets& targets);
    bool settle(smt::Pair& pair, PairKey key, std::uint32_t invariant, Edge& edge) const;
    bool settle_again(smt::Pair& pair, Edge& edge) const;
    bool settle_open(Proof::By by, const std::function<bool(const Edge&)>& wanted);
    void note_proof(PairKey key, std::uint32_t invariant, Proof::By by);
    std::set<std::uint32_t> open_endpoints() const;
    void stabilise(const std::set<std::uint32_t>& wanted);
    bool concurrent(std::uint32_t a, std::uint32_t b) const {
        return !(ordered_.contains(a) && ordered_.contains(b));
    }
    void order_endpoints();
    void order_by(const std::function<bool(const Edge&)>& counts);
    bool proved_by_stable_facts(const Edge& edge);
    void prove_by_stable_facts();
    void retry_beside_witnesses();
    void retry_open();
    void release();
    bool any_open() const;
    bool any_unwitnessed() const;
    void learn_signs();
    void infer();
    std::map<TableId, std::set<std::uint32_t>> open_columns() const;
    std::set<std::size_t> inductive_bounds();
    void drop_implied(std::set<std::size_t>& bounds);
    void drop_broken_alone(std::set<std::size_t>& bounds);
    std::set<PairKey> pairs_near(const std::set<std::size_t>& bounds) const;
    bool drop_broken_together(std::set<std::size_t>& bounds);
    void find_scopes();
    bool find_scope(Edge& edge, smt::Pair& pair);
    bool find_scope(Edge& edge);
    std::vector<smt::Distinct> comparable_parameters(const Edge& edge) const;
    smt::Dropped drops(std::uint32_t transaction, const smt::Pair& pair, smt::Side side) const;

    smt::Analysis& analysis_;
    std::function<void(std::size_t, std::size_t, const std::string&)> progress_;
    std::set<std::uint32_t> only_transactions_, only_invariants_;
    std::optional<Baseline> baseline_;
    std::map<PairKey, Targets> obligations_;
    std::vector<smt::Lane> lanes_;
    std::map<PairKey, std::size_t> lane_of_;
    Encodings kept_;
    std::map<PairKey, std::unique_ptr<smt::Pair>> pairs_;  // with all obligations
    std::map<PairKey, std::unique_ptr<smt::Pair>> small_;  // with none: bounds, facts of large ones
    std::map<std::uint32_t, smt::Dropped> dropped_;        // of transactions whose facts were stabilised
    std::vector<Edge> edges_;
    std::map<std::pair<std::uint32_t, std::uint32_t>, Proof> proofs_;  // by (transaction, invariant)
    std::set<std::uint32_t> ordered_;
    std::set<std::size_t> bounds_;
    std::vector<std::string> inferred_;
    bool permanent_used_ = false;
};

}  // namespace anabranch::confluence
