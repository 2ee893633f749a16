// Handing over the primacy (thesis section 3.10): by request, or because the primary's own disk has stalled.
#include "node/order/core.h"

namespace anabranch::order {

void Core::on(const Transfer& input) {
    if (!is_primary()) return refuse(Refusal::not_primary);
    if (successor_ != NOBODY) return refuse(Refusal::transferring);
    const ReplicaId target = input.target == NOBODY ? best_successor() : input.target;
    const bool possible = target != self_ && log_.members().votes(target) && peers_.contains(target);
    if (!possible) return refuse(Refusal::bad_target);
    begin_transfer(target);
}

// The voter that answers and holds most. NOBODY: none answers.
ReplicaId Core::best_successor() const {
    ReplicaId best = NOBODY;
    Index held = 0;
    for (const auto& [id, peer] : peers_) {
        const bool answers = now_ < peer.heard + options_.election_timeout;
        if (!log_.members().votes(id) || !answers || (best != NOBODY && peer.held <= held)) continue;
        held = peer.held;
        best = id;
    }
    return best;
}

void Core::begin_transfer(ReplicaId target) {
    successor_ = target;
    transfer_deadline_ = now_ + options_.election_timeout;
    try_transfer();
}

// The successor must hold everything, dependencies too, or it could lose the election it is asked to win.
void Core::try_transfer() {
    if (!is_primary() || successor_ == NOBODY) return;
    const auto peer = peers_.find(successor_);
    if (peer == peers_.end()) {
        successor_ = NOBODY;
    } else if (peer->second.held == log_.last()) {
        send(successor_, TimeoutNow{epoch_});
    }
}

void Core::handle(ReplicaId from, const TimeoutNow& message) {
    if (message.epoch != epoch_ || role_ != Role::follower || from != primary_) return;
    if (may_stand()) stand(true);
}

// Others may commit without our disk, but nothing is handed out here meanwhile: better that a healthy replica
// leads.
void Core::watch_disk() {
    if (journal_.durable() >= commit_) return stalled_since_.reset();
    if (!stalled_since_) stalled_since_ = now_;
    if (now_ < *stalled_since_ + options_.disk_stall || successor_ != NOBODY) return;
    if (const ReplicaId target = best_successor(); target != NOBODY) begin_transfer(target);
}

}  // namespace anabranch::order
