// The consensus core behind order.h: one state, one file per duty.
//
//   core.cpp        step, dispatch, timers, status          election.cpp     pre-vote, vote, taking and
//   losing the primacy replication.cpp what the primary sends and hears        follower.cpp     what everyone
//   else does with it commit.cpp      commit rule, what is handed out         membership.cpp   joint
//   consensus, learners transfer.cpp    handing over the primacy                read.cpp         read index
//   snapshot.cpp    compaction and catching up by position                  recovery.cpp     of one that has
//   lost its disk
//
// Invariants (each is asserted by tests/unit/order at every step of the simulated cluster):
//   - epoch_ and vote_ never go back, and no message leaves before they are durable;
//   - emitted_ <= commit_, and what is handed out is durable here (or in the durable state of a snapshot);
//   commit_ never falls and never covers a truncated entry;
//   - an acknowledgement (AppendReply::held) covers only entries that match the sender's primary, are durable
//   here and have all their
//     dependencies durable here;
//   - commit_ moves at the primary only onto an entry of its own epoch (section 5.4.2).
#pragma once

#include <map>
#include <set>

#include "node/order/journal.h"
#include "node/order/log.h"
#include "node/order/order.h"
#include "node/order/quorum.h"

namespace anabranch::order {

// What the primary knows of a peer (etcd calls this its progress).
struct Peer {
    enum class State : std::uint8_t { probe, pipeline, snapshot };
    State state = State::probe;
    Index next = 1;  // first entry to send
    Index seen = 0;  // matches in memory at least
    Index held = 0;  // acknowledged
    Index commit_told = 0;
    std::uint64_t round = 0;     // highest heartbeat round answered
    bool probing = false;        // a probe is under way; heartbeats repeat it
    std::deque<Index> inflight;  // last indexes of unanswered Append messages
    Instant heard;               // or the beginning of the epoch: it has that long to answer
    bool answered = false;       // in this epoch
};

class Core final : public Order {
  public:
    Core(const Options& options, Boot boot, Random random, Instant now);
    Outputs step(Input input, Instant now) override;
    Instant next_deadline() const override;
    bool may_execute() const override;
    Index next_index() const override { return log_.last() + 1; }
    Epoch epoch() const override { return epoch_; }
    ReplicaId primary() const override { return primary_; }
    bool caught_up() const override { return !promises_; }
    Status status() const override;
    const Entry* entry(Index index) const override {
        return index < log_.first() || index > log_.last() ? nullptr : &log_.at(index);
    }
    Persist image(Index compacted) const override;
    std::string describe() const override;

  private:
    Index compactable(Index index) const;
    // core.cpp
    void on(const Tick&);
    void on(const Receive& input);
    void on(const Persisted& input);
    void on(const Held& input);
    void on(const Applied& input);
    void on(const Forgotten& input);
    void receive(ReplicaId from, const Message& message);
    Outputs finish();
    void send(ReplicaId to, Message message);
    void bad(ReplicaId from, std::string reason);
    void refuse(Refusal why, Index index = 0) { outputs_.push_back(Refused{why, index}); }
    bool is_primary() const { return role_ == Role::primary; }
    Index self_held() const;  // durable, dependencies covered

    // election.cpp
    bool may_stand() const;
    void campaign();
    void stand(bool transfer);
    void count_votes();
    void become_primary();
    void drop_uncovered();
    void become_follower(Epoch epoch, ReplicaId primary);
    void set_primary(ReplicaId primary);
    void restart_election_timer();
    bool protects_primary() const;
    void ask_for_votes(const VoteRequest& request);
    void handle(ReplicaId from, const VoteRequest& message);
    void handle(ReplicaId from, const VoteReply& message);
    void check_quorum();

    // replication.cpp
    void on(Propose& input);
    void append_own(EntryKind kind, Bytes payload, Dots dependencies);
    void replicate();
    void replicate(ReplicaId id, Peer& peer);
    void send_entries(ReplicaId id, Peer& peer, std::size_t entries_max);
    void heartbeat(ReplicaId id, Peer& peer);
    void heartbeat_all();
    void on(const Tell& input);
    bool lacks_news(const Peer& peer) const;
    void tell_news();
    void handle(ReplicaId from, const AppendReply& message);
    void progress(ReplicaId id, Peer& peer, const AppendReply& message);
    void back_off(ReplicaId id, Peer& peer, const AppendReply& message);

    // follower.cpp
    bool accept_primary(ReplicaId from, Epoch epoch, std::uint64_t round);
    void handle(ReplicaId from, const Append& message);
    bool store(ReplicaId from, const Append& message);
    void reject(ReplicaId to, Index previous_index, Epoch previous_epoch);
    AppendReply acknowledgement() const;
    void acknowledge();
    void want_dependencies();

    // commit.cpp
    void try_commit();
    void commit_to(Index index);
    void hand_out();
    void update_may_execute();

    // membership.cpp
    void on(const ChangeMembers& input);
    void members_changed(bool committed);
    void finish_change();
    void sync_peers();

    // transfer.cpp
    void on(const Transfer& input);
    ReplicaId best_successor() const;
    void begin_transfer(ReplicaId target);
    void try_transfer();
    void watch_disk();
    void handle(ReplicaId from, const TimeoutNow& message);

    // read.cpp
    void on(const Read& input);
    void start_reads();
    void finish_reads();
    void fail_reads();
    void expire_reads();
    void handle(ReplicaId from, const ReadRequest& message);
    void handle(ReplicaId from, const ReadReply& message);

    // recovery.cpp
    void on(const Recover& input);
    void on(const Trusted&);
    void ask_for_promises(const std::set<ReplicaId>& whom);
    void handle(ReplicaId from, const RecoveryRequest& message);
    void handle(ReplicaId from, const RecoveryReply& message);
    std::set<ReplicaId> electors() const;
    void finish_recovery();
    bool promised_more_than(Index last, Epoch last_epoch) const;
    void catch_up();

    // snapshot.cpp
    void on(const Compact& input);
    void handle(ReplicaId from, const InstallSnapshot& message);
    bool state_held(const Snapshot& snapshot) const;
    void try_install();

    Options options_;
    ReplicaId self_;
    Random random_;
    Instant now_;
    Outputs outputs_;
    std::vector<Send> sends_;

    Epoch epoch_ = 0;
    ReplicaId vote_ = NOBODY;
    Role role_ = Role::follower;
    ReplicaId primary_ = NOBODY;
    Log log_;
    Journal journal_;
    Index commit_ = 0;
    Index commit_hint_ = 0;  // the commit index on disk, or on its way there
    Index emitted_ = 0;      // handed out as Committed
    Index applied_ = 0;
    Index members_told_ = 0;  // log position of the members last announced

    // Not the primary.
    Instant election_deadline_;
    Instant primary_heard_;
    std::map<ReplicaId, bool> votes_;
    Index verified_ = 0;       // our log matches that of this epoch's primary up to here
    AppendReply said_;         // the last acknowledgement
    std::uint64_t round_ = 0;  // as primary: of the last heartbeat; else: the highest heard in this epoch
    Index wanted_after_ = 0;   // dependencies last asked for: those of the entry after this one
    std::optional<Snapshot> wanted_;
    struct RemoteRead {
        std::uint64_t token;
        Instant deadline;
    };
    std::map<std::uint64_t, RemoteRead> remote_reads_;
    std::uint64_t next_read_id_;

    // After the loss of the disk.
    struct Recovery {
        std::uint64_t id = 0;  // of the round
        bool second = false;
        std::map<ReplicaId, RecoveryReply> replies;
    };
    std::optional<Recovery> recovery_;
    std::optional<Promises> promises_;

    // The primary.
    std::map<ReplicaId, Peer> peers_;
    Index first_own_ = 0;  // the empty entry that opened this epoch
    Instant primary_since_;
    Instant heartbeat_due_;
    std::optional<Instant> news_due_;
    std::size_t pending_bytes_ = 0;
    bool told_may_execute_ = false;
    ReplicaId successor_ = NOBODY;
    Instant transfer_deadline_;
    std::optional<Instant> stalled_since_;  // our own disk lags our commits
    struct PendingRead {
        ReplicaId from;  // self_: token; else: a peer's read id
        std::uint64_t id;
    };
    std::vector<PendingRead> reads_waiting_;     // for the next round
    std::vector<PendingRead> reads_confirming_;  // for `read_round_` to be answered by a majority
    std::uint64_t read_round_ = 0;
    Index read_index_ = 0;
};

}  // namespace anabranch::order
