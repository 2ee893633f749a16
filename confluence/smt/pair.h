// The encoding of one pair of calls: e of the first transaction and f of the second, concurrent, on a state S
// that holds the past of both. One solver, everything optional behind assumption literals, so that stability,
// the diamond, inferred bounds and scopes are all questions to one encoding.
//
// The questions are those of README.md. An answer `no` is a proof; `yes` comes with a model; `unknown` (the
// budget ran out) counts as yes. Deterministic: the budget is Z3's resource count, never time. Not
// thread-safe; pairs are independent of each other.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "confluence/access.h"
#include "confluence/seeds.h"
#include "confluence/smt/analysis.h"
#include "confluence/smt/single.h"

namespace anabranch::confluence::smt {

enum class Side : std::uint8_t { first, second };

// Facts that are not believed, by key. Empty: all are (which is true of any call at its own origin).
using Dropped = std::set<std::string>;

struct Distinct {  // a parameter of the first call differs from one of the second
    std::uint32_t first = 0, second = 0;
    auto operator<=>(const Distinct&) const = default;
};

struct Scope {
    std::vector<Distinct> needed, unsure;  // unsure: the budget ran out
};

struct Cost {  // of one call: a parameter of it, or a constant
    std::optional<std::uint32_t> parameter;
    std::int64_t constant = 0;
};

enum class Answer : std::uint8_t { no, yes, unknown };

enum class Expect : std::uint8_t { proof, story };

// Facts that a refutation needed: as long as these hold, it stands.
struct Needed {
    Dropped first, second;
    bool without(const Dropped& of_first, const Dropped& of_second) const;  // none of these is among them
};
struct Outcome {
    bool proved = false;            // there is no model without the dropped facts
    bool story = false;             // there is one with all facts: two calls from one state
    bool undecided = false;         // neither is known
    std::optional<Needed> refuted;  // there is no model with these facts
};

class Pair {
  public:
    // `targets` are invariants (indexes) that may break. In a lane of its own, or in the analysis's.
    Pair(const Analysis& analysis, std::uint32_t first, std::uint32_t second,
         std::vector<std::uint32_t> targets, Lane* lane = nullptr);
    ~Pair();
    Pair(const Pair&) = delete;
    Pair& operator=(const Pair&) = delete;

    const std::vector<std::string>& facts(Side side) const;
    // Facts that a transaction with these touches may falsify, by what they read: the others are stable for
    // free.
    Dropped met_by(Side side, const Touches& touches) const;
    // Facts that the other call can falsify although everything believed holds. Shrinks to the greatest
    // stable set when repeated.
    Dropped falsified(Side side, const Dropped& first, const Dropped& second);
    // May the merged state violate the invariant?
    Answer breaks(std::uint32_t invariant, const Dropped& first, const Dropped& second);
    // The same, and whether there is a story. Where that is likely it is asked first, with all facts: a model
    // is then a story, and a refutation that needed no dropped fact is a proof.
    Outcome settle(std::uint32_t invariant, const Dropped& first, const Dropped& second, Expect expect);
    // Of the candidates, those that do not hold in what the last `yes` looked like.
    std::vector<Distinct> equal_in_model(std::vector<Distinct> candidates);
    // Of the candidates, those without which it may: where one of these holds, it does not. Each question
    // gets a part (a divisor) of the budget.
    Scope excluding(std::uint32_t invariant, const Dropped& first, const Dropped& second,
                    const std::vector<Distinct>& candidates, std::uint32_t part);
    // Of candidate bounds (indexes into Analysis::bounds): those that the first call may break alone at its
    // origin, and those that a valid state may break, so that they say more than the invariants do.
    std::set<std::size_t> bounds_broken_alone(const std::set<std::size_t>& candidates,
                                              const std::set<std::size_t>& assumed);
    std::set<std::size_t> bounds_not_implied(const std::set<std::size_t>& candidates);
    // May a candidate bound fail in the merge?
    Answer breaks_bound(std::size_t bound, const std::set<std::size_t>& assumed, const Dropped& first,
                        const Dropped& second);
    // Bounds that every later question may assume.
    void assume_bounds(const std::set<std::size_t>& bounds);
    // Signs of values that the first call read where it ran, proved there and thereby true of the call for
    // ever. Meaningful for a transaction paired with itself, where the second call can always be a copy of
    // the first.
    std::vector<ReadSign> read_signs();
    // May the first call lower a bound's sum in some row by more than its cost, at any state?
    Answer lowers(const LinearBound& bound, const Cost& cost, const Dropped& first);
    // Can the first call commit at all, alone?
    Answer commits();
    // What the last `yes` looked like.
    std::vector<SuggestedCall> model_calls() const;
    // Something in the invariant or in the calls has no exact encoding.
    bool inexact(std::uint32_t invariant) const;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace anabranch::confluence::smt
