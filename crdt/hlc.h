// Hybrid logical clock (Kulkarni et al. 2014): physical time where possible, a logical counter where not,
// never behind anything seen. An hlc reading is (microseconds since 1970 << 12) | logical.
#pragma once

#include <cstdint>

#include "lib/base/error.h"
#include "lib/base/time.h"

namespace anabranch::crdt {

class HybridClock {
  public:
    static constexpr unsigned logical_bits = 12;
    static std::uint64_t from(Instant at) { return static_cast<std::uint64_t>(at.micros) << logical_bits; }
    static Instant to_instant(std::uint64_t hlc) { return {static_cast<std::int64_t>(hlc >> logical_bits)}; }

    // A reading greater than every reading made or seen before.
    std::uint64_t tick(Instant now);
    // Takes note of a remote reading. A reading more than `ahead_max` in front of `now` is refused and leaves
    // the clock unchanged (the delta that carries it must not be applied): adopting it would drag every later
    // stamp along.
    [[nodiscard]] bool observe(std::uint64_t remote, Instant now, Duration ahead_max);
    std::uint64_t last() const { return last_; }
    void restore(std::uint64_t last) {
        last_ = last;
    }  // after recovery: the greatest reading in log and checkpoint

  private:
    std::uint64_t last_ = 0;
};

}  // namespace anabranch::crdt
