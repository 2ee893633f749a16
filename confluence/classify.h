// From pairs to edges: which transactions may not run apart because of which invariant, and why all others
// may.
//
// 1. Pairs that cannot touch one invariant together are free of cost (access.h).
// 2. The diamond of the others, with only those facts that no declared transaction can falsify by what it
// writes. No model: free.
// 3. With a model, the same with all facts of both calls: a model is then a story of two replicas that start
// from one state (conflict).
// 4. What is left open needs facts that some transaction might falsify: the greatest stable set of facts
// (Houdini), then the diamond again.
// 5. What is still open, or in conflict, is tried once more with inferred bounds and the rows that never go
// (infer.h); but not what a history of the real engine breaks, since no proof can come of it.
// 6. Edges make transactions ordered; ordered ones do not run apart, which may make facts stable again
// (greedy release).
// Of a schema with very many pairs each is looked at once: steps 4 to 6 are left out, and only their proofs
// with them.
//
// Deterministic. Not thread-safe.
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
    // Microseconds per (first, second), for the report; 0 without a clock.
    std::function<std::int64_t()> clock;
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::int64_t> micros;

  private:
    static constexpr std::size_t large_min = 400;
    using PairKey = std::pair<std::uint32_t, std::uint32_t>;
    smt::Pair& pair(PairKey key);
    smt::Pair& alone(std::uint32_t transaction);
    void forget(PairKey key) { pairs_.erase(key); }
    smt::Dropped free_drops(smt::Pair& pair, smt::Side side) const;
    bool intolerable() const;
    void collect_obligations();
    void prove_or_open();
    bool settle(PairKey key, std::uint32_t invariant, Edge& edge);
    void note_proof(PairKey key, std::uint32_t invariant, Proof::By by);
    std::set<std::uint32_t> endpoints(bool stories_too) const;
    void stabilise(bool stories_too = false);
    bool concurrent(std::uint32_t a, std::uint32_t b) const {
        return !(ordered_.contains(a) && ordered_.contains(b));
    }
    void order_endpoints();
    void retry_open();
    bool hopeless() const;
    bool any_unwitnessed() const;
    void learn_signs();
    void infer();
    std::map<TableId, std::set<std::uint32_t>> open_columns() const;
    std::set<std::size_t> inductive_bounds();
    void drop_implied(std::set<std::size_t>& bounds);
    void drop_broken_alone(std::set<std::size_t>& bounds);
    std::set<PairKey> pairs_near(const std::set<std::size_t>& bounds) const;
    bool drop_broken_together(std::set<std::size_t>& bounds);
    void forget_bounds();
    void find_scopes();
    bool find_scope(Edge& edge);
    std::vector<smt::Distinct> comparable_parameters(const Edge& edge) const;
    const smt::Dropped& drops(std::uint32_t transaction, smt::Pair& pair, smt::Side side);

    smt::Analysis& analysis_;
    std::function<void(std::size_t, std::size_t, const std::string&)> progress_;
    std::set<std::uint32_t> only_transactions_, only_invariants_;
    std::optional<Baseline> baseline_;
    std::map<PairKey, std::vector<std::uint32_t>> obligations_;
    std::map<PairKey, std::unique_ptr<smt::Pair>> pairs_;
    std::map<std::uint32_t, std::unique_ptr<smt::Pair>> alone_;  // for questions about one call
    std::map<std::uint32_t, smt::Dropped> dropped_;  // of transactions whose facts were stabilised
    std::map<std::uint32_t, smt::Dropped> met_;      // facts that some transaction may meet, per transaction
    std::vector<Edge> edges_;
    std::map<std::pair<std::uint32_t, std::uint32_t>, Proof> proofs_;  // by (transaction, invariant)
    std::set<std::uint32_t> ordered_;
    std::set<std::size_t> bounds_;
    std::vector<std::string> inferred_;
    bool permanent_used_ = false;
};

}  // namespace anabranch::confluence
