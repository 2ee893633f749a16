#include "node/order/core.h"

#include <algorithm>

#include "lib/base/check.h"

namespace anabranch::order {

namespace {

// An epoch no election can reach honestly; adopting it would leave no room for the next one.
constexpr Epoch EPOCH_MAX = Epoch{1} << 62;

Epoch boot_epoch(const Boot& boot) {
    const Epoch logged = boot.entries.empty() ? boot.snapshot.epoch : boot.entries.back().epoch;
    return std::max(boot.hard_state.epoch, logged);
}

}  // namespace

Core::Core(const Options& options, Boot boot, Random random, Instant now)
    : options_(options),
      self_(boot.self),
      random_(random),
      now_(now),
      epoch_(boot_epoch(boot)),
      vote_(epoch_ == boot.hard_state.epoch ? boot.hard_state.vote : NOBODY),
      log_(boot.snapshot, boot.entries, boot.held, options.unsafe.ignore_dependencies),
      journal_(log_.last()),
      applied_(std::max(boot.applied, boot.snapshot.index)),
      next_read_id_(random_.next()),
      promises_(boot.promises) {
    CHECK(self_ != NOBODY && self_ != ORDER_ORIGIN);
    CHECK(options_.election_timeout.micros > 2 * options_.heartbeat.micros && options_.heartbeat.micros > 0);
    commit_ = std::clamp(boot.hard_state.commit, log_.base().index, log_.last());
    commit_hint_ = commit_;
    emitted_ = std::min(applied_, commit_);
    verified_ = commit_;
    members_told_ = log_.members_index();
    restart_election_timer();
    const Members& members = log_.members();
    if (members.voters.size() == 1 && !members.joint() && members.votes(self_)) election_deadline_ = now_;
}

Outputs Core::step(Input input, Instant now) {
    now_ = std::max(now_, now);
    std::visit([this](auto& value) { on(value); }, input);
    return finish();
}

Outputs Core::finish() {
    try_commit();
    hand_out();
    catch_up();
    // A commit index on disk must never be ahead of the entries on disk: an old entry there would pass for
    // the committed one.
    if (const Index hint = std::min(commit_, journal_.durable()); hint > commit_hint_) {
        commit_hint_ = hint;
        journal_.note_commit();
    }
    const HardState hard_state{epoch_, options_.unsafe.forget_vote ? NOBODY : vote_, commit_hint_};
    Outputs out;
    if (auto persist = journal_.flush(log_, hard_state)) out.emplace_back(std::move(*persist));
    out.insert(out.end(), std::make_move_iterator(outputs_.begin()), std::make_move_iterator(outputs_.end()));
    outputs_.clear();
    for (Send& send : sends_) {
        send.after = journal_.promise();
        out.emplace_back(std::move(send));
    }
    sends_.clear();
    return out;
}

void Core::send(ReplicaId to, Message message) {
    sends_.push_back({to, std::move(message), 0});
}

void Core::bad(ReplicaId from, std::string reason) {
    outputs_.push_back(BadMessage{from, std::move(reason)});
}

Index Core::self_held() const {
    const Index durable = options_.unsafe.ack_before_durable ? log_.last() : journal_.durable();
    return std::min(durable, log_.covered());
}

void Core::on(const Tick&) {
    expire_reads();
    if (!is_primary()) {
        if (now_ >= election_deadline_) campaign();
        return;
    }
    check_quorum();
    if (!is_primary()) return;
    if (successor_ != NOBODY && now_ >= transfer_deadline_) successor_ = NOBODY;
    watch_disk();
    if (is_primary() && now_ >= heartbeat_due_) heartbeat_all();
    if (is_primary() && news_due_ && now_ >= *news_due_) tell_news();
}

void Core::on(const Receive& input) {
    if (input.from == self_ || input.from == NOBODY)
        return bad(input.from, "it claims to come from this replica or nobody");
    if (epoch_of(input.message) > EPOCH_MAX) return bad(input.from, "its epoch is impossible");
    receive(input.from, input.message);
}

// Only these messages carry a newer epoch into this replica: a vote is judged by its own rules, and a read or
// a hand-over from another epoch concerns nobody.
void Core::receive(ReplicaId from, const Message& message) {
    const bool adopts =
        std::holds_alternative<AppendReply>(message) || std::holds_alternative<VoteReply>(message);
    if (adopts && epoch_of(message) > epoch_) become_follower(epoch_of(message), NOBODY);
    std::visit([&](const auto& m) { handle(from, m); }, message);
}

void Core::on(const Persisted& input) {
    const bool moved = journal_.persisted(input.ticket);
    if (role_ == Role::candidate && journal_.promise() == 0) {
        votes_[self_] = true;
        count_votes();
    }
    if (moved && !is_primary()) acknowledge();
}

void Core::on(const Held& input) {
    if (!well_formed(input.dots)) return bad(self_, "held dots are not a version vector");
    const bool moved = log_.hold(input.dots);
    try_install();
    if (moved && !is_primary()) acknowledge();
}

void Core::on(const Applied& input) {
    applied_ = std::max(applied_, input.index);
    update_may_execute();
}

Instant Core::next_deadline() const {
    Instant deadline = election_deadline_;
    if (is_primary()) {
        deadline = heartbeat_due_;
        if (successor_ != NOBODY) deadline = std::min(deadline, transfer_deadline_);
        if (news_due_) deadline = std::min(deadline, *news_due_);
    }
    if (emitted_ < std::min(commit_, journal_.durable())) return now_;  // after a restart
    for (const auto& [id, read] : remote_reads_) deadline = std::min(deadline, read.deadline);
    return deadline;
}

bool Core::may_execute() const {
    if (!is_primary()) return false;
    return options_.unsafe.execute_before_applied || (commit_ >= first_own_ && applied_ >= first_own_);
}

Status Core::status() const {
    Status out;
    out.self = self_;
    out.role = role_;
    out.epoch = epoch_;
    out.primary = primary_;
    out.first_index = log_.first();
    out.last_index = log_.last();
    out.commit = commit_;
    out.durable = journal_.durable();
    out.held = self_held();
    out.applied = applied_;
    out.may_execute = may_execute();
    out.members = log_.members();
    out.committed_members = log_.members_at(commit_);
    for (const auto& [id, peer] : peers_) {
        out.peers.push_back(
            {id, peer.seen, peer.held, peer.heard, peer.answered, peer.state == Peer::State::snapshot});
    }
    return out;
}

Persist Core::image(Index compacted) const {
    const Index base = compactable(compacted);
    Persist out;
    out.snapshot = log_.base_at(base);
    out.hard_state = HardState{epoch_, vote_, commit_hint_};
    for (Index i = base + 1; i <= log_.last(); ++i) out.entries.push_back(log_.at(i));
    return out;
}

std::string Core::describe() const {
    static constexpr const char* ROLES[] = {"follower", "pre-candidate", "candidate", "primary"};
    std::string out = order::describe(self_) + " " + ROLES[static_cast<std::size_t>(role_)] + " epoch " +
                      std::to_string(epoch_);
    if (!is_primary()) out += " primary " + order::describe(primary_);
    out += " log " + std::to_string(log_.first()) + ".." + std::to_string(log_.last());
    out += " commit " + std::to_string(commit_) + " applied " + std::to_string(applied_);
    out += " durable " + std::to_string(journal_.durable()) + " held " + std::to_string(self_held());
    out += " " + log_.members().describe();
    if (may_execute()) out += " executes";
    if (successor_ != NOBODY) out += " hands over to " + order::describe(successor_);
    if (wanted_) out += " wants state " + std::to_string(wanted_->index);
    for (const auto& [id, peer] : peers_) {
        out += " [" + order::describe(id) + " seen " + std::to_string(peer.seen) + " held " +
               std::to_string(peer.held) + "]";
    }
    return out;
}

std::string describe(Refusal refusal) {
    switch (refusal) {
        case Refusal::not_primary:
            return "this replica is not the primary";
        case Refusal::stale_position:
            return "the epoch or the position has moved on";
        case Refusal::overloaded:
            return "too much is waiting to be committed";
        case Refusal::transferring:
            return "the primacy is being handed over";
        case Refusal::unready:
            return "the primary has not yet applied all that earlier primaries committed";
        case Refusal::change_in_progress:
            return "another change of members is under way";
        case Refusal::bad_members:
            return "the new members are no valid set: voters and learners must be distinct, with at least "
                   "one voter";
        case Refusal::bad_target:
            return "the successor must be another voter";
    }
    return "refused";
}

std::unique_ptr<Order> make_order(const Options& options, Boot boot, Random random, Instant now) {
    return std::make_unique<Core>(options, std::move(boot), random, now);
}

}  // namespace anabranch::order
