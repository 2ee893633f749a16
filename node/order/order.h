// The order: a totally ordered log of deltas, replicated by a majority of voters (design section 7; Ongaro
// and Ousterhout 2014).
//
// Sans-IO: step(input, now) returns outputs; there is no clock, entropy, socket, file or thread inside. It
// belongs to one thread and is not re-entrant. The driver treats the outputs in their sequence:
//   - Persist: append the records to the node's log; when they and all earlier ones are durable, feed
//     Persisted{ticket};
//   - Send: pass the message on, but not before `after` is durable (0: at once);
//   - the rest: tell the replica.
// It calls step(Tick{}, now) when next_deadline() has passed. `now` must come from a clock that does not
// jump; going back is ignored.
//
// An entry is committed once a majority of voters (of both sets while membership changes) durably holds the
// entry and every delta it depends on. What a replica holds is told by Held; the core withholds its
// acknowledgement until the dependencies are covered. In elections, too, an entry counts only with them.
//
// Contract with the replica at the primary:
//   - execute ordered transactions only while may_execute(): every entry that any earlier primary
//     committed has then been applied here;
//   - execute the delta for next_index() on the pending state (all earlier entries, committed or not),
//     then propose it;
//   - show pending effects to nobody before Committed, and undo all of them on LostPrimary. A pending entry
//     may still commit under a later primary and then comes back as Committed. It is refused for good only
//     when an entry of another epoch is Committed at its index, or when an installed state that covers the
//     index lacks it.
#pragma once

#include <memory>
#include <optional>
#include <variant>

#include "lib/base/random.h"
#include "lib/base/time.h"
#include "node/order/message.h"
#include "node/order/types.h"

namespace anabranch::order {

struct Options {
    Duration heartbeat = millis(50);
    Duration election_timeout = millis(300);  // a replica waits between one and two of these; > 2 heartbeats
    // What is committed is told with the next entries, to a peer that waits for it (Tell) at once, and
    // without either after so long.
    Duration commit_news = {};
    Duration disk_stall = seconds(3);      // a primary whose own disk lags its commits this long hands over
    std::size_t append_entries_max = 512;  // per message
    std::size_t append_bytes_max = 256 * 1024;  // per message, payloads; one entry may exceed it
    std::size_t inflight_max = 64;              // unanswered Append messages with entries per peer
    std::size_t pending_entries_max = 65536;    // proposed, not committed: beyond it Propose is refused
    std::size_t pending_bytes_max = 64 * 1024 * 1024;
    // Each switches one safety rule off. Only the tests of the tests set them: they prove that the simulator
    // finds such a bug.
    struct Unsafe {
        bool commit_old_epochs = false;  // commits entries of earlier epochs by counting
        bool ack_before_durable = false;
        bool forget_vote = false;  // does not persist the vote
        bool ignore_dependencies = false;
        bool skip_log_check = false;  // votes for candidates whose log is behind
        bool one_majority_when_joint = false;
        bool count_learners = false;
        bool execute_before_applied = false;
        bool read_without_round = false;
        bool recover_at_once = false;  // a replica that has lost its disk believes that it promised nothing
    } unsafe;
};

// What the node found on its disk. A new cluster: every voter starts with the same `snapshot.members` and
// nothing else. A node that joins starts with no members at all and waits to be told.
struct Boot {
    ReplicaId self;
    HardState hard_state;
    Snapshot snapshot;           // index 0: the log has never been truncated, members are the initial ones
    std::vector<Entry> entries;  // snapshot.index + 1 ... ; Recovery in record.h builds it
    Dots held;                   // durable deltas of other origins
    Index applied =
        0;  // committed entries that the replica's recovered state already contains, at least snapshot.index
    std::optional<Promises> promises;  // of Recovered, until caught_up()
};

// ---- inputs ----
struct Tick {};
struct Receive {
    ReplicaId from;
    Message message;
};
struct Persisted {  // every Persist up to `ticket` is durable
    Ticket ticket = 0;
};
struct Held {   // these dots (and all before them of the same origins) are now durable here; only additions
                // need to be told.
    Dots dots;  // ORDER_ORIGIN: the durable state includes every committed entry up to seq
};
struct Applied {  // every committed entry up to `index` is visible in the replica's state
    Index index = 0;
};
struct Propose {  // at the primary, for index == next_index() and epoch == status().epoch; else Refused
    Epoch epoch = 0;
    Index index = 0;
    Bytes delta;
    Dots dependencies;  // may be not durable here yet: our own acknowledgement waits too. No ORDER_ORIGIN
                        // needed
};
struct Read {  // linearizable read, at any replica; answered by ReadReady or ReadFailed with the same token
    std::uint64_t token = 0;
};
struct Transfer {  // at the primary; NOBODY: to the voter that is furthest along
    ReplicaId target;
};
struct ChangeMembers {  // at the primary, one change at a time; the joint phase is entered and left by itself
    std::vector<ReplicaId> voters;
    std::vector<ReplicaId> learners;
    Bytes roster = {};
};
struct Compact {  // entries up to `index` are in the replica's durable state and may go
    Index index = 0;
};
struct Forgotten {  // this member has lost its disk: what it acknowledged before does not count any more
    ReplicaId peer;
};
struct Tell {  // somebody at this peer waits for what has just been committed
    ReplicaId peer;
};
// This replica has lost its disk. It asks the others what it may have promised, which Recovered tells,
// perhaps never: recovery.cpp. To be repeated, from before the first Tick on. Until then, or until Trusted,
// it does not stand, and nothing that it says may count: the driver must let no vote and no acknowledgement
// leave.
struct Recover {
    std::vector<ReplicaId> known;  // some of whom know the members
};
struct Trusted {};  // Recover is over: what it may have promised can do no harm any more
using Input = std::variant<Tick, Receive, Persisted, Held, Applied, Propose, Read, Transfer, ChangeMembers,
                           Compact, Forgotten, Tell, Recover, Trusted>;

// ---- outputs ----
// Log records, to be written in this sequence: snapshot, hard state, entries; record.h has their bytes and
// what recovery makes of them. Any prefix of all records ever written may survive a crash. `lazy`: nothing
// waits for it, no fsync of its own is needed.
struct Persist {
    Ticket ticket = 0;
    std::optional<Snapshot> snapshot;
    std::optional<HardState> hard_state;
    std::vector<Entry> entries;
    bool lazy = false;
};
struct Send {
    ReplicaId to;
    Message message;
    Ticket after = 0;
};
// In index order, each index once per boot, and only when durable here. Its dependencies may still be on
// their way to this replica (not at a primary): apply it in causal order like any delta, then feed Applied.
struct Committed {
    Entry entry;
};
struct BecamePrimary {
    Epoch epoch = 0;
};
struct MayExecute {  // may_execute() has become true and stays so until LostPrimary
    Epoch epoch = 0;
};
struct LostPrimary {
    Epoch epoch = 0;
    Index first_pending = 0;  // effects of own entries from here on are to be undone
};
struct PrimaryChanged {  // where to forward; NOBODY: unknown
    ReplicaId primary;
    Epoch epoch = 0;
};
struct MembersChanged {  // in force from now on, as soon as in the log; may be rolled back until committed
    Members members;
    bool committed = false;
};
struct WantDependencies {  // the acknowledgement waits for these: pull them; repeated while it lasts
    ReplicaId from;
    Dots dots;
};
struct WantState {  // merge a state that covers the snapshot, then feed Held; repeated while it lasts
    ReplicaId from;
    Snapshot snapshot;
};
struct Installed {  // the log now begins after `index`; Committed goes on from there
    Index index = 0;
};
struct ReadReady {  // linearizable once `index` is applied here
    std::uint64_t token = 0;
    Index index = 0;
};
struct ReadFailed {
    std::uint64_t token = 0;
};
enum class Refusal : std::uint8_t {
    not_primary,
    stale_position,
    overloaded,
    transferring,
    unready,
    change_in_progress,
    bad_members,
    bad_target
};
struct Refused {  // answers Propose (with its index), Transfer and ChangeMembers (index 0)
    Refusal why;
    Index index = 0;
};
struct Recovered {  // it may take part again, keeping to this: Boot has it while caught_up() is false
    Promises promises;
};
struct MembersHeard {  // of a list that may be in force and is not in this log: they are to be asked, too
    Members members;
};
struct BadMessage {  // from a faulty peer; ignored
    ReplicaId from;
    std::string reason;
};
using Output = std::variant<Persist, Send, Committed, BecamePrimary, MayExecute, LostPrimary, PrimaryChanged,
                            MembersChanged, WantDependencies, WantState, Installed, ReadReady, ReadFailed,
                            Refused, Recovered, MembersHeard, BadMessage>;
using Outputs = std::vector<Output>;

enum class Role : std::uint8_t { follower, pre_candidate, candidate, primary };

struct PeerStatus {
    ReplicaId id;
    Index seen = 0;
    Index held = 0;
    Instant heard;          // last answer in this epoch,
    bool answered = false;  // if there was one
    bool needs_snapshot = false;
};

struct Status {
    ReplicaId self;
    Role role = Role::follower;
    Epoch epoch = 0;
    ReplicaId primary = NOBODY;
    Index first_index = 1;  // of the log; entries before it are compacted
    Index last_index = 0;
    Index commit = 0;
    Index durable = 0;
    Index held = 0;  // durable with dependencies
    Index applied = 0;
    bool may_execute = false;
    Members members;                // in force, perhaps not committed
    Members committed_members;      // in force at `commit`
    std::vector<PeerStatus> peers;  // at the primary
};

class Order {
  public:
    virtual ~Order() = default;
    virtual Outputs step(Input input, Instant now) = 0;
    virtual Instant next_deadline() const = 0;  // call step(Tick{}) then, at the latest
    virtual bool may_execute() const = 0;
    virtual Index next_index() const = 0;  // where Propose would go
    virtual Epoch epoch() const = 0;
    virtual ReplicaId primary() const = 0;  // NOBODY: unknown
    virtual bool caught_up() const = 0;     // with what it had before its disk was lost, if it was
    virtual Status status() const = 0;
    virtual const Entry* entry(Index index) const = 0;  // null: not in the log, or not any more
    // All that recovery needs; opens a new log when the old is recycled. Entries up to `compacted` are left
    // out as far as Compact would let them go, where what it asks for is kept beside the image.
    virtual Persist image(Index compacted) const = 0;
    virtual std::string describe() const = 0;  // one line, for scripts and logs
};

// Starts at `now` from what the disk holds. `random` spreads election timeouts and makes read ids that no
// earlier boot has used.
std::unique_ptr<Order> make_order(const Options& options, Boot boot, Random random, Instant now);

std::string describe(Refusal refusal);

}  // namespace anabranch::order
