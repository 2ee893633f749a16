#include "crdt/hlc.h"

#include <algorithm>

namespace anabranch::crdt {

std::uint64_t HybridClock::tick(Instant now) {
    last_ = std::max(last_ + 1, from(now));
    return last_;
}

bool HybridClock::observe(std::uint64_t remote, Instant now, Duration ahead_max) {
    if (to_instant(remote) > now + ahead_max) return false;
    last_ = std::max(last_, remote);
    return true;
}

}  // namespace anabranch::crdt
