// What one order core says to another. Plain structs; lib/wire gives them bytes. Any of them may be lost,
// delayed, repeated or reordered. Every message carries its sender's epoch; one from an older epoch changes
// nothing at the receiver (Raft section 5.1).
#pragma once

#include <variant>

#include "node/order/types.h"

namespace anabranch::order {

// Raft RequestVote. `pre`: a question that changes no state (thesis section 9.6); `epoch` is then the one the
// candidate *would* enter. `transfer`: the primary itself asked for this election, so a voter does not
// protect the primary it still hears.
struct VoteRequest {
    Epoch epoch = 0;
    Index last_index = 0;  // of the candidate's log, as far as it holds the entries' dependencies
    Epoch last_epoch = 0;
    bool pre = false;
    bool transfer = false;
    friend bool operator==(const VoteRequest&, const VoteRequest&) = default;
};

// `epoch` is the voter's own; `requested` repeats the request's.
struct VoteReply {
    Epoch epoch = 0;
    Epoch requested = 0;
    bool pre = false;
    bool granted = false;
    friend bool operator==(const VoteReply&, const VoteReply&) = default;
};

// Raft AppendEntries. Without entries it is a heartbeat, a probe and the news of `commit`. `round` numbers
// the primary's heartbeats of one epoch, for reads.
struct Append {
    Epoch epoch = 0;
    Index previous_index = 0;
    Epoch previous_epoch = 0;
    Index commit = 0;
    std::uint64_t round = 0;
    std::vector<Entry> entries;  // previous_index + 1, + 2, ...
    friend bool operator==(const Append&, const Append&) = default;
};

// Answers Append and InstallSnapshot.
struct AppendReply {
    Epoch epoch = 0;
    std::uint64_t round = 0;  // the highest seen of this epoch
    bool rejected = false;    // the log does not match at `previous_index`
    Index previous_index = 0;
    Index seen = 0;  // matches the primary's log up to here, in memory at least
    Index held = 0;  // ... durably, with every delta these entries depend on: this is what counts for commit
    Index hint_index = 0;  // rejected: the largest index at which the logs may agree,
    Epoch hint_epoch = 0;  // and the epoch there
    friend bool operator==(const AppendReply&, const AppendReply&) = default;
};

// The receiver is behind the primary's log: it must first get the state by gossip.
struct InstallSnapshot {
    Epoch epoch = 0;
    std::uint64_t round = 0;
    Index commit = 0;
    Snapshot snapshot;
    friend bool operator==(const InstallSnapshot&, const InstallSnapshot&) = default;
};

// The primary asks its successor to stand for election now (thesis section 3.10).
struct TimeoutNow {
    Epoch epoch = 0;
    friend bool operator==(const TimeoutNow&, const TimeoutNow&) = default;
};

// A linearizable read asked for at another replica (thesis section 6.4).
struct ReadRequest {
    Epoch epoch = 0;
    std::uint64_t id = 0;
    friend bool operator==(const ReadRequest&, const ReadRequest&) = default;
};
struct ReadReply {
    Epoch epoch = 0;
    std::uint64_t id = 0;
    bool granted = false;
    Index index = 0;
    friend bool operator==(const ReadReply&, const ReadReply&) = default;
};

// A replica that has lost its disk asks what it may have promised (recovery.cpp).
struct RecoveryRequest {
    Epoch epoch = 0;  // says nothing here
    std::uint64_t id = 0;
    friend bool operator==(const RecoveryRequest&, const RecoveryRequest&) = default;
};
struct RecoveryReply {
    Epoch epoch = 0;
    std::uint64_t id = 0;
    Index last_index = 0;  // of the durable log, as far as it holds the entries' dependencies
    Epoch last_epoch = 0;
    Members members;          // in force here, committed or not,
    Index members_index = 0;  // since this entry
    bool members_committed = false;
    friend bool operator==(const RecoveryReply&, const RecoveryReply&) = default;
};

using Message = std::variant<VoteRequest, VoteReply, Append, AppendReply, InstallSnapshot, TimeoutNow,
                             ReadRequest, ReadReply, RecoveryRequest, RecoveryReply>;

Epoch epoch_of(const Message& message);
std::string describe(const Message& message);  // one line

}  // namespace anabranch::order
