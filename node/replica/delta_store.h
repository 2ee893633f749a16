// Encoded deltas for gossip, in the order in which this replica merged them (a causal order), from the oldest
// that some member may lack. Bytes are shared with the messages that carry them.
//
// Bounded: what members that are away lack is kept up to a limit; beyond it the oldest go, and such a member
// needs a snapshot (state_transfer.h).
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "crdt/version_vector.h"
#include "lib/base/bytes.h"
#include "lib/base/ids.h"
#include "lib/base/time.h"

namespace anabranch::replica {

class DeltaStore {
  public:
    struct Entry {
        Dot dot;
        std::shared_ptr<const Bytes> bytes;
        std::uint64_t ticket = 0;  // of its log record
        Instant since;             // when it became durable here; after a restart: the restart
    };
    // A delta whose predecessor of the same origin is not here marks all before it as dropped.
    void add(Dot dot, Bytes bytes, std::uint64_t ticket, Instant now);
    // Entries below `stable` at the front are dropped: every member holds them.
    void trim(const crdt::VersionVector& stable);
    // The oldest are dropped until no more than this is kept.
    void bound(std::size_t bytes_max);
    // All of these deltas are in the state, whether they are kept here or not: what is not kept was dropped.
    void note_known(const crdt::VersionVector& known);

    // Positions count all entries ever added; first() <= position <= end().
    std::uint64_t first() const { return first_; }
    std::uint64_t end() const { return first_ + entries_.size(); }
    const Entry& at(std::uint64_t position) const { return entries_[position - first_]; }
    std::size_t bytes() const { return bytes_; }
    // Everything of these dots has been dropped here: a peer that lacks some of it needs a snapshot.
    const crdt::VersionVector& dropped() const { return dropped_; }

  private:
    void drop_front();
    std::deque<Entry> entries_;
    std::uint64_t first_ = 0;
    std::size_t bytes_ = 0;
    crdt::VersionVector newest_;  // of each origin
    crdt::VersionVector dropped_;
};

}  // namespace anabranch::replica
