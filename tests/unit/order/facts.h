// What has happened in a simulated cluster, and the safety properties of Raft figure 3 checked against it at
// every step. A broken one is a Violation. Each function is told of an event at the moment at which it
// becomes true in the simulated world.
#pragma once

#include <map>
#include <set>
#include <stdexcept>

#include "node/order/order.h"
#include "node/order/record.h"

namespace anabranch::order::test {

struct Violation : std::runtime_error {
    using std::runtime_error::runtime_error;
};
[[noreturn]] void violated(const std::string& property, const std::string& story);

// The part of a node's disk and state that the properties speak about.
struct Durable {
    ReplicaId id;
    const Boot* log;     // what recovery would find
    const Dots* deltas;  // durable free deltas
};

class Facts {
  public:
    // Election safety: at most one primary per epoch. Primary completeness: it has every committed entry.
    void became_primary(ReplicaId id, Epoch epoch, const Boot& written);
    // Log matching: an (index, epoch) has one content and one predecessor, everywhere and for ever.
    void wrote(const Entry& entry, Epoch previous_epoch);
    // A vote has left: one per voter and epoch, and it is on the voter's disk.
    void voted(ReplicaId voter, Epoch epoch, ReplicaId candidate, const Durable* disk);
    // An acknowledgement has left: entries and dependencies up to `held` are on the disk.
    void acknowledged(const Durable& disk, Index held);
    // The primary's commit index moved: each new entry and its dependencies are durable at a majority of
    // voters.
    void committed(const Boot& written, Index commit, const Members& members,
                   const std::vector<Durable>& disks, bool check_disks);
    // State machine safety: every replica is handed the same entry at an index.
    void handed_out(ReplicaId id, const Entry& entry);
    // A primary executes only on a state that holds what earlier epochs committed.
    void executes(ReplicaId id, Epoch epoch, Index applied) const;
    // A linearizable read sees at least what was committed when it began.
    void read(ReplicaId id, Index began_at, Index answered) const;

    Index last_committed() const { return committed_.empty() ? 0 : committed_.rbegin()->first; }
    const std::map<Index, Entry>& all_committed() const { return committed_; }
    std::size_t elections() const { return primaries_.size(); }

  private:
    void commit(const Entry& entry, ReplicaId by);
    std::map<Epoch, ReplicaId> primaries_;
    std::map<Index, Entry> committed_;
    std::map<std::pair<Index, Epoch>, std::pair<Bytes, Epoch>> written_;
    std::map<std::pair<ReplicaId, Epoch>, ReplicaId> votes_;
};

Epoch epoch_at(const Boot& log, Index index);         // 0: not there
const Entry* entry_at(const Boot& log, Index index);  // null: not there, or compacted
Index last_of(const Boot& log);

}  // namespace anabranch::order::test
