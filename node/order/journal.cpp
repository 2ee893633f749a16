#include "node/order/journal.h"

#include <algorithm>

namespace anabranch::order {

void Journal::note_appended(Index from) {
    appended_from_ = appended_from_ == 0 ? from : std::min(appended_from_, from);
}

void Journal::note_truncated(Index from) {
    durable_ = std::min(durable_, from - 1);
    for (Write& write : writes_) write.last = std::min(write.last, from - 1);
}

void Journal::note_reset() {
    note_truncated(1);
    snapshot_changed_ = true;
    appended_from_ = 0;
}

std::optional<Persist> Journal::flush(const Log& log, const HardState& hard_state) {
    if (!promise_changed_ && !commit_changed_ && !snapshot_changed_ && appended_from_ == 0)
        return std::nullopt;
    Persist out;
    out.ticket = ++issued_;
    if (snapshot_changed_) out.snapshot = log.base();
    if (promise_changed_ || commit_changed_) out.hard_state = hard_state;
    if (appended_from_ != 0) {
        for (Index i = std::max(appended_from_, log.first()); i <= log.last(); ++i)
            out.entries.push_back(log.at(i));
    }
    out.lazy = !promise_changed_ && !snapshot_changed_ && out.entries.empty();
    if (promise_changed_) promise_ = out.ticket;
    if (!out.entries.empty() || snapshot_changed_) writes_.push_back({out.ticket, 0});
    if (!out.entries.empty()) writes_.back().last = log.last();
    if (snapshot_changed_ && out.entries.empty()) writes_.back().last = log.base().index;
    promise_changed_ = commit_changed_ = snapshot_changed_ = false;
    appended_from_ = 0;
    return out;
}

bool Journal::persisted(Ticket ticket) {
    if (ticket > issued_) return false;
    done_ = std::max(done_, ticket);
    const Index before = durable_;
    while (!writes_.empty() && writes_.front().ticket <= ticket) {
        durable_ = std::max(durable_, writes_.front().last);
        writes_.pop_front();
    }
    return durable_ != before;
}

}  // namespace anabranch::order
