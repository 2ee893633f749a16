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
    const double rival = takes_[other(better_)];
    if (rival != 0 && rival < 0.95 * takes_[better_]) better_ = other(better_);
    way_ = ++trials_ % trials_until == 0 ? other(better_) : better_;
    commits_ = calls_ = 0;
    waited_ = {};
}

}  // namespace anabranch::replica
