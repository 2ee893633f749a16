// How a replica that has lost its disk takes part again, under its old name, though no majority may be
// possible without it (Liskov and Cowling 2012, section 4.3, have a majority answer; two voters have none).
//
// It has forgotten its votes and what it acknowledged. It asks every other voter, twice, what that one knows,
// and goes on once all have answered that are in one list of voters with it, by any list that they name and
// that is not known to be over:
//   - it votes in no epoch up to the latest of theirs. Whoever may have had its vote was in that epoch,
//     durably, before it asked;
//   - it votes for nobody whose log is behind the furthest of theirs, and does not stand with such a log.
//     What it acknowledged was committed, if at all, with the acknowledgement of one of the others, whose log
//     has it;
//   - no list was in force with its help that none of the others has in its log: what agreed on it was a
//     majority of the list before, and those that have answered meet every one;
//   - a list is over when a later one, with this replica in it, is committed: whoever still goes by it lacks
//     an entry that one of the later list's others has, and so has not the vote of this replica, nor had it
//     in an epoch that is later than all of theirs. So nobody waits for voters that are gone and that only a
//     removed node still knows of.
// It asks twice because what it had said before may still have been on its way to a voter when that one first
// answered, and be counted together with something that another did after its own answer. Whoever has heard
// from the new one counts nothing of the old one any more (Forgotten, and links that end).
//
// Whoever has lost its own disk since answers only when it has caught up, so two that have lost theirs cannot
// vouch for each other.
#include <algorithm>
#include <tuple>

#include "node/order/core.h"

namespace anabranch::order {

void Core::on(const Recover& input) {
    if (promises_) return;
    if (options_.unsafe.recover_at_once) {
        outputs_.push_back(Recovered{});
        return;
    }
    if (!recovery_) recovery_ = Recovery{random_.next(), false, {}};
    auto asked = electors();
    asked.insert(input.known.begin(), input.known.end());
    asked.erase(self_);
    ask_for_promises(asked);
}

void Core::on(const Trusted&) {
    recovery_.reset();
    promises_.reset();
}

// The other voters of all lists, with this replica in them, that those name who have answered, and that are
// not over.
std::set<ReplicaId> Core::electors() const {
    Index over = 0;  // before this entry
    for (const auto& [id, reply] : recovery_->replies)
        if (reply.members_committed && reply.members.incoming.empty() && reply.members.votes(self_))
            over = std::max(over, reply.members_index);
    std::set<ReplicaId> out;
    for (const auto& [id, reply] : recovery_->replies)
        if (reply.members_index >= over)
            for (const auto* list : {&reply.members.voters, &reply.members.incoming})
                if (std::find(list->begin(), list->end(), self_) != list->end())
                    out.insert(list->begin(), list->end());
    out.erase(self_);
    return out;
}

void Core::ask_for_promises(const std::set<ReplicaId>& whom) {
    for (const ReplicaId id : whom) send(id, RecoveryRequest{0, recovery_->id});
}

void Core::handle(ReplicaId from, const RecoveryRequest& message) {
    const Index held = self_held();  // what is not durable may be gone when it is waited for
    const auto held_epoch = log_.epoch_at(held);
    if (promises_ || recovery_ || !held_epoch) return;
    RecoveryReply reply;
    reply.epoch = epoch_;
    reply.id = message.id;
    reply.last_index = held;
    reply.last_epoch = *held_epoch;
    reply.members = log_.members();
    reply.members_index = log_.members_index();
    reply.members_committed = reply.members_index <= commit_;
    send(from, std::move(reply));
}

void Core::handle(ReplicaId from, const RecoveryReply& message) {
    if (!recovery_ || message.id != recovery_->id) return;
    recovery_->replies.insert_or_assign(from, message);
    if (message.members != log_.members()) outputs_.push_back(MembersHeard{message.members});
    const auto asked = electors();
    const bool all = !asked.empty() && std::all_of(asked.begin(), asked.end(), [&](ReplicaId id) {
        return recovery_->replies.contains(id);
    });
    if (all && recovery_->second) return finish_recovery();
    if (!all) return;
    recovery_ = Recovery{random_.next(), true, {}};
    ask_for_promises(asked);
}

void Core::finish_recovery() {
    Promises out;
    for (const ReplicaId id : electors()) {
        const auto& reply = recovery_->replies.at(id);
        out.epoch = std::max(out.epoch, reply.epoch);
        if (std::tie(reply.last_epoch, reply.last_index) > std::tie(out.last_epoch, out.last_index))
            out.last_epoch = reply.last_epoch, out.last_index = reply.last_index;
    }
    recovery_.reset();
    promises_ = out;
    if (out.epoch > epoch_) become_follower(out.epoch, NOBODY);
    if (out.epoch == epoch_) {
        become_follower(epoch_, primary_);
        vote_ = self_;  // who had it, nobody knows
        journal_.note_promise();
    }
    outputs_.push_back(Recovered{out});
}

bool Core::promised_more_than(Index last, Epoch last_epoch) const {
    return promises_ && std::tie(promises_->last_epoch, promises_->last_index) > std::tie(last_epoch, last);
}

void Core::catch_up() {
    const Index held = self_held();
    if (promises_ && !promised_more_than(held, log_.epoch_at(held).value_or(0))) promises_.reset();
}

}  // namespace anabranch::order
