// Existence of a row: an optimised observed-remove set (Bieniusa et al. 2012; Almeida et al. 2018,
// section 7.2). The dots of the inserts that no delete has seen; an insert takes the place of those it saw,
// so the dots that remain did not know each other.
//
// A dot carries the claim it stands for: the plain INSERT that first made the row. Two dots with different
// claims, of which one is a claim, mean that a key was claimed which somebody else inserted at the same time.
#pragma once

#include <span>
#include <vector>

#include "crdt/version_vector.h"
#include "lib/base/ids.h"

namespace anabranch::crdt {

struct LiveDot {
    Dot dot;
    Dot claim;  // seq 0: none
    auto operator<=>(const LiveDot&) const = default;
};

class Existence {
  public:
    bool alive() const { return !dots_.empty(); }
    std::span<const LiveDot> dots() const { return dots_; }  // ascending
    bool contested() const;

    void add(LiveDot dot);                           // an insert; idempotent
    void remove_seen(const VersionVector& context);  // a delete by somebody who held `context`
    void clear() { dots_.clear(); }
    // The join of two states, each known to hold every dot of its context and no longer the ones it lacks.
    void merge(const Existence& other, const VersionVector& context, const VersionVector& other_context);
    friend bool operator==(const Existence&, const Existence&) = default;

  private:
    std::vector<LiveDot> dots_;
};

bool contested(std::span<const LiveDot> dots);

}  // namespace anabranch::crdt
