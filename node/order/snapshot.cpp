// Snapshots by position (compare Raft section 7): the log forgets entries that the replica's durable state
// contains; a replica that is behind gets the state by gossip, and only then moves its log to the snapshot's
// position.
#include <algorithm>

#include "node/order/core.h"

namespace anabranch::order {

// Where the base may move when all up to `index` may go: where it is, or further.
Index Core::compactable(Index index) const {
    index = std::min({index, emitted_, applied_, journal_.durable(), log_.covered()});
    if (index <= log_.base().index) return log_.base().index;
    // A replica that joined knows no members before the first change in its log: it could not tell others.
    return log_.members_at(index).voters.empty() ? log_.base().index : index;
}

void Core::on(const Compact& input) {
    const Index index = compactable(input.index);
    if (index == log_.base().index) return;
    log_.compact(index);
    journal_.note_compacted();
}

void Core::handle(ReplicaId from, const InstallSnapshot& message) {
    const Snapshot& snapshot = message.snapshot;
    const bool sound = well_formed(snapshot.members) && !snapshot.members.voters.empty() &&
                       well_formed(snapshot.dependencies) && snapshot.epoch <= message.epoch &&
                       snapshot.index > 0;
    if (!sound) return bad(from, "its snapshot is damaged");
    if (!accept_primary(from, message.epoch, message.round)) return;
    if (snapshot.index > commit_) {
        wanted_ = snapshot;
        try_install();
        if (wanted_) outputs_.push_back(WantState{from, *wanted_});
    }
    acknowledge();
}

bool Core::state_held(const Snapshot& snapshot) const {
    Dots wanted = snapshot.dependencies;
    merge(wanted, {{ORDER_ORIGIN, snapshot.index}});
    return covers(log_.held(), wanted);
}

// A snapshot describes committed entries, so it stays right whoever is primary by now. If our log has
// meanwhile reached its position, nothing is to be done but to learn that; what follows it may be
// acknowledged. Otherwise our entries go, and only now, when the state that replaces them is durable: they
// may be acknowledged, too.
void Core::try_install() {
    if (!wanted_ || is_primary()) return;
    if (log_.epoch_at(wanted_->index) == wanted_->epoch) {
        verified_ = std::max(verified_, wanted_->index);
        return commit_to(wanted_->index);
    }
    if (!state_held(*wanted_)) return;
    const Snapshot snapshot = *std::exchange(wanted_, std::nullopt);
    log_.reset(snapshot);
    journal_.note_reset();
    commit_ = emitted_ = verified_ = snapshot.index;
    applied_ = std::max(applied_, snapshot.index);
    outputs_.push_back(Installed{snapshot.index});
    members_changed(true);
}

}  // namespace anabranch::order
