#include "node/replica/group_commit.h"

namespace anabranch::replica {

void GroupCommit::committed(std::size_t calls, Duration waited, Instant now) {
    if (now != answered_at_) {  // or else it was synced together with the one before
        answered_at_ = now;
        answered_ = awaited_ = 0;
    }
    answered_ += calls;
    awaited_ += calls;
    if (calls == 0) return;
    calls_ += calls;
    waited_.micros += waited.micros;
    if (++commits_ >= trial) judge();
}

void GroupCommit::judge() {
    const double took = static_cast<double>(waited_.micros) / static_cast<double>(calls_);
    double& takes = takes_[way_];
    takes = takes == 0 ? took : (3 * takes + took) / 4;
    const Way other = better_ == waiting ? at_once : waiting;
    if (takes_[other] != 0 && takes_[other] < 0.95 * takes_[better_]) better_ = other;
    way_ = better_;
    if (++trials_ % trials_until == 0) way_ = better_ == waiting ? at_once : waiting;
    commits_ = calls_ = 0;
    waited_ = {};
}

}  // namespace anabranch::replica
