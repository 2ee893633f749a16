// The order's records in the node's log, and what recovery makes of them.
//
// encode(Persist) gives the records of one Persist in the sequence in which they must be appended; each is
// opaque to the node's log, which frames it and checks it. Recovery reads them back, in the sequence in which
// they were written, and any prefix of them is a state to which a crash may lead:
//   snapshot    the log begins after `index`: entries up to it go; those after it stay if the log's entry at
//   `index` has the snapshot's
//               epoch, else all go; a snapshot at or below the log's beginning changes nothing; index 0: the
//               initial members
//   hard state  the last one counts
//   entry       removes all entries from its index on, then is appended; unless the very entry (index and
//   epoch) is there: no change;
//               entries at or below the log's beginning change nothing
// So an image (Order::image) may follow the records that it repeats.
#pragma once

#include "node/order/order.h"

namespace anabranch::order {

std::vector<Bytes> encode(const Persist& persist);
// The entry of an entry's record; nothing for another or a damaged one.
std::optional<Entry> entry_of(BytesView record);

class Recovery {
  public:
    // `members`: the initial ones, empty for a node that joins.
    Recovery(ReplicaId self, Members members);
    // An error means a damaged record or one that cannot follow those before it: the log is corrupt, not
    // merely cut short.
    Result<void> add(BytesView record);
    // The node adds what it knows: `held`, `applied`.
    const Boot& boot() const { return boot_; }

  private:
    Result<void> add_snapshot(Snapshot snapshot);
    Result<void> add_entry(Entry entry);
    Boot boot_;
};

}  // namespace anabranch::order
