// Fuzzy checkpoints: the state in slices, while transactions run, so that the log need not be kept for ever.
//
// A pass begins at a log position; its head holds what records before it had led to outside of the tables,
// as records of the same kinds. Then come the rows, slice by slice, as they are when their turn comes:
// recovery joins them and merges every record from the beginning of the pass on again, which changes nothing
// where a row already knew (design section 6; every record carries state). The shell makes the file valid
// only when the log is durable up to the end of the pass: it may hold half of a transaction that a crash
// forgets. A slice says which record was the newest when it was made, and recovery passes over its rows until
// it is there: merging an old record into a newer row changes nothing only as long as no deleted row is
// forgotten.
//
// A pass starts when the log has grown by `checkpoint_log_ratio` times the last one's size, so recovery time
// and disk stay proportional to the data, and writes at most 1/ratio more.
#pragma once

#include <functional>
#include <string>

#include "node/replica/gossip.h"
#include "node/replica/ordered.h"
#include "node/replica/origin.h"
#include "node/replica/state.h"

namespace anabranch::replica {

class Checkpoint {
  public:
    // `image`: the records of whatever else must outlive the log.
    using Put = FunctionRef<void(RecordKind, BytesView)>;
    Checkpoint(State& state, Gossip& gossip, Ordered& ordered, IdentityValues& identities,
               std::function<void(Put)> image);

    // Each part of the newest checkpoint, in order; head records are handed to `record`.
    using Record = FunctionRef<Result<void>(BytesView)>;
    Result<void> recover(BytesView part, Record record);
    // A 'V' record of a head.
    Result<void> recover_version(BytesView body);
    // Records before it are in the checkpoint.
    Ticket begin() const { return recovered_begin_; }
    void rows_recovered();  // all parts have been read
    void recovered();       // the log has been read, too

    void consider();  // starts a pass when it is time
    void request() { requested_ = true; }
    void ready(const CheckpointReady& event);
    Replica::CheckpointStatus status() const;

  private:
    void start();
    void slice();
    void done();
    void out(CheckpointPart::Step step, Bytes bytes);

    State& state_;
    Gossip& gossip_;
    Ordered& ordered_;
    IdentityValues& identities_;
    std::function<void(Put)> image_;

    Ticket recovered_begin_ = 0;
    crdt::VersionVector recovered_version_;
    bool recovering_rows_ = false;

    bool running_ = false, ending_ = false, requested_ = false;
    Ticket begin_ = 0;
    crdt::VersionVector version_;  // at the beginning of the pass
    std::uint64_t log_bytes_at_begin_ = 0;
    std::uint64_t bytes_ = 0;
    TableId table_;
    std::string next_key_;
    std::uint64_t passes_ = 0;
    std::uint64_t last_begin_bytes_ = 0;  // log bytes when the last pass began
    std::uint64_t last_size_ = 0;
};

}  // namespace anabranch::replica
