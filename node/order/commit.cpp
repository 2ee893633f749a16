// The commit rule, and what is handed out when.
#include <algorithm>

#include "node/order/core.h"

namespace anabranch::order {

void Core::try_commit() {
    if (!is_primary()) return;
    const Index index = agreed(log_.members(), options_.unsafe, [&](ReplicaId id) -> Index {
        if (id == self_) return self_held();
        const auto peer = peers_.find(id);
        return peer == peers_.end() ? 0 : peer->second.held;
    });
    if (index <= commit_) return;
    // Raft section 5.4.2: an entry of an earlier epoch on a majority may still be overwritten (figure 8).
    if (log_.epoch_at(index) != epoch_ && !options_.unsafe.commit_old_epochs) return;
    commit_to(index);
    if (is_primary()) replicate();
}

void Core::commit_to(Index index) {
    if (index <= commit_) return;
    const Index before = commit_;
    commit_ = index;
    verified_ = std::max(verified_, commit_);
    if (wanted_ && wanted_->index <= commit_) wanted_.reset();
    if (is_primary()) {
        for (Index i = before + 1; i <= index; ++i)
            pending_bytes_ -= std::min(pending_bytes_, log_.at(i).payload.size());
        start_reads();
    }
    if (const Index members = log_.members_index(); members > before && members <= index)
        members_changed(true);
    if (is_primary()) finish_change();
}

// Only what is durable here is handed out, so that no replica ever shows a committed effect and forgets it in
// a crash.
void Core::hand_out() {
    const Index until = std::min(commit_, options_.unsafe.ack_before_durable ? commit_ : journal_.durable());
    while (emitted_ < until) outputs_.push_back(Committed{log_.at(++emitted_)});
    update_may_execute();
}

void Core::update_may_execute() {
    if (told_may_execute_ || !may_execute()) return;
    told_may_execute_ = true;
    outputs_.push_back(MayExecute{epoch_});
}

}  // namespace anabranch::order
