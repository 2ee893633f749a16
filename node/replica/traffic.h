// Counts of what came from peers, for /metrics and `anabranch bench gossip`. They decide nothing.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "lib/base/time.h"

namespace anabranch::replica {

// How often something took how long: by upper bounds of 1, 2, 5, 10, 20, 50 ... so many microseconds.
class Durations {
  public:
    static constexpr std::array<std::int64_t, 22> bounds_micros{
        20,        50,         100,        200,        500,         1'000,      2'000,     5'000,
        10'000,    20'000,     50'000,     100'000,    200'000,     500'000,    1'000'000, 2'000'000,
        5'000'000, 10'000'000, 20'000'000, 50'000'000, 100'000'000, 200'000'000};
    void add(Duration took) {
        const std::int64_t micros = std::max<std::int64_t>(took.micros, 0);
        const auto at = std::lower_bound(bounds_micros.begin(), bounds_micros.end(), micros);
        ++counts[static_cast<std::size_t>(at - bounds_micros.begin())];
        sum_micros += static_cast<std::uint64_t>(micros);
    }
    std::array<std::uint64_t, bounds_micros.size() + 1> counts{};  // the last: longer than all bounds
    std::uint64_t sum_micros = 0;
};

struct Traffic {
    std::uint64_t deltas_received = 0;  // by gossip, whether needed or not
    std::uint64_t deltas_merged = 0;    // of those: new here
    std::uint64_t deltas_waited = 0;    // of those: came before what they depend on
    std::uint64_t deltas_dropped = 0;   // came too early, with no room to wait in: they will come again
    Durations age;                      // of new ones, from the commit at the origin to the merge here
};

}  // namespace anabranch::replica
