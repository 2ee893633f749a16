// Encoded deltas for gossip, in the order in which this replica merged them (a causal order), from the oldest
// that some member may lack. Bytes are shared with the messages that carry them.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "crdt/version_vector.h"
#include "lib/base/bytes.h"
#include "lib/base/ids.h"

namespace anabranch::replica {

class DeltaStore {
  public:
    struct Entry {
        Dot dot;
        std::shared_ptr<const Bytes> bytes;
    };
    void add(Dot dot, Bytes bytes);
    // Entries below `stable` at the front are dropped: every member holds them.
    void trim(const crdt::VersionVector& stable);

    // Positions count all entries ever added; first() <= position <= end().
    std::uint64_t first() const { return first_; }
    std::uint64_t end() const { return first_ + entries_.size(); }
    const Entry& at(std::uint64_t position) const { return entries_[position - first_]; }
    std::size_t bytes() const { return bytes_; }
    // Everything of these dots has been dropped here: a peer that lacks some of it needs a snapshot.
    const crdt::VersionVector& dropped() const { return dropped_; }

  private:
    std::deque<Entry> entries_;
    std::uint64_t first_ = 0;
    std::size_t bytes_ = 0;
    crdt::VersionVector dropped_;
};

}  // namespace anabranch::replica
