// Elections (Raft section 5.2 and 5.4.1) with pre-vote and check-quorum (thesis sections 9.6 and 6.2).
#include <algorithm>

#include "lib/base/check.h"
#include "node/order/core.h"

namespace anabranch::order {

void Core::restart_election_timer() {
    const auto spread = random_.below(static_cast<std::uint64_t>(options_.election_timeout.micros));
    election_deadline_ = now_ + options_.election_timeout + micros(static_cast<std::int64_t>(spread));
}

// A voter that hears its primary does not help to unseat it: a replica that was removed, or came back from a
// partition, would otherwise disturb a healthy cluster. The promise is broken only when the primary itself
// asks (transfer).
bool Core::protects_primary() const {
    if (primary_ == NOBODY) return false;
    return is_primary() || now_ < primary_heard_ + options_.election_timeout;
}

void Core::set_primary(ReplicaId primary) {
    if (primary_ == primary) return;
    primary_ = primary;
    outputs_.push_back(PrimaryChanged{primary, epoch_});
}

void Core::become_follower(Epoch epoch, ReplicaId primary) {
    CHECK(epoch >= epoch_);
    if (is_primary()) {
        outputs_.push_back(LostPrimary{epoch_, emitted_ + 1});
        peers_.clear();
        successor_ = NOBODY;
        told_may_execute_ = false;
        stalled_since_.reset();
        restart_election_timer();
    }
    fail_reads();
    if (epoch > epoch_) {
        epoch_ = epoch;
        vote_ = NOBODY;
        round_ = 0;
        verified_ = commit_;
        journal_.note_promise();
    }
    role_ = Role::follower;
    votes_.clear();
    set_primary(primary);
}

// A replica that a change removes may be the only one whose log the others still need, until the change is
// committed (thesis section 4.2.2).
bool Core::may_stand() const {
    if (promises_ || recovery_) return false;
    if (log_.members().votes(self_)) return true;
    return log_.members_index() > commit_ && log_.members_before().votes(self_);
}

void Core::campaign() {
    become_follower(epoch_, NOBODY);
    restart_election_timer();
    if (!may_stand()) return;
    role_ = Role::pre_candidate;
    votes_[self_] = true;
    ask_for_votes({epoch_ + 1, log_.covered(), *log_.epoch_at(log_.covered()), true, false});
    count_votes();
}

void Core::stand(bool transfer) {
    become_follower(epoch_ + 1, NOBODY);
    restart_election_timer();
    role_ = Role::candidate;
    vote_ = self_;  // counted once it is durable
    ask_for_votes({epoch_, log_.covered(), *log_.epoch_at(log_.covered()), false, transfer});
}

void Core::ask_for_votes(const VoteRequest& request) {
    for (const ReplicaId id : log_.members().all()) {
        if (id != self_ && (log_.members().votes(id) || options_.unsafe.count_learners)) send(id, request);
    }
}

void Core::count_votes() {
    const bool won = majority(log_.members(), options_.unsafe, [&](ReplicaId id) {
        const auto vote = votes_.find(id);
        return vote != votes_.end() && vote->second;
    });
    if (!won) return;
    if (role_ == Role::pre_candidate) return stand(false);
    if (role_ == Role::candidate) become_primary();
}

void Core::become_primary() {
    role_ = Role::primary;
    votes_.clear();
    wanted_.reset();
    round_ = 0;
    read_round_ = 0;
    pending_bytes_ = 0;
    primary_since_ = now_;
    outputs_.push_back(BecamePrimary{epoch_});
    set_primary(self_);
    drop_uncovered();
    sync_peers();
    // Entries of earlier epochs commit only through one of our own (Raft section 5.4.2), so every epoch opens
    // with an empty entry.
    first_own_ = log_.last() + 1;
    append_own(EntryKind::empty, {}, {});
    heartbeat_due_ = now_ + options_.heartbeat;
    news_due_.reset();
}

// An entry is part of a voter's log, for elections as for acknowledgements, only with all it depends on. What
// this replica has beyond that is not committed: a voter that holds it, dependencies and all, would have
// refused its vote. It must go: if no living replica has the dependency, nothing could be committed after it.
void Core::drop_uncovered() {
    const Index keep = std::max(log_.covered(), commit_);
    if (keep == log_.last()) return;
    log_.truncate(keep + 1);
    journal_.note_truncated(keep + 1);
    if (members_told_ != log_.members_index()) members_changed(false);
}

void Core::handle(ReplicaId from, const VoteRequest& message) {
    const bool log_ok =
        options_.unsafe.skip_log_check || (!log_.newer_than(message.last_index, message.last_epoch) &&
                                           !promised_more_than(message.last_index, message.last_epoch));
    const bool protect = protects_primary() && !message.transfer;
    if (message.pre) {
        const bool granted = message.epoch > epoch_ && log_ok && !protect;
        return send(from, VoteReply{epoch_, message.epoch, true, granted});
    }
    if (message.epoch > epoch_ && !protect) become_follower(message.epoch, NOBODY);
    const bool free = vote_ == NOBODY || vote_ == from;
    const bool granted = message.epoch == epoch_ && !is_primary() && free && log_ok;
    if (granted && vote_ != from) {
        vote_ = from;
        journal_.note_promise();
    }
    if (granted) restart_election_timer();
    send(from, VoteReply{epoch_, message.epoch, false, granted});
}

void Core::handle(ReplicaId from, const VoteReply& message) {
    const bool asked = message.pre ? role_ == Role::pre_candidate && message.requested == epoch_ + 1
                                   : role_ == Role::candidate && message.requested == epoch_;
    if (!asked || !message.granted) return;
    votes_[from] = true;
    count_votes();
}

// A primary that hears no majority within an election timeout may already have a successor: it stops
// promising anything.
void Core::check_quorum() {
    if (now_ < primary_since_ + options_.election_timeout) return;
    const bool alive = majority(log_.members(), options_.unsafe, [&](ReplicaId id) {
        if (id == self_) return true;
        const auto peer = peers_.find(id);
        return peer != peers_.end() && now_ < peer->second.heard + options_.election_timeout;
    });
    if (!alive) become_follower(epoch_, NOBODY);
}

}  // namespace anabranch::order
