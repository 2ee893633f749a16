// Time as values. Nothing here can ask what time it is: only node/io reads a clock, and passes the reading
// inward.
#pragma once

#include <compare>
#include <cstdint>

namespace anabranch {

struct Duration {
    std::int64_t micros = 0;
    auto operator<=>(const Duration&) const = default;
};
constexpr Duration micros(std::int64_t n) {
    return {n};
}
constexpr Duration millis(std::int64_t n) {
    return {n * 1000};
}
constexpr Duration seconds(std::int64_t n) {
    return {n * 1'000'000};
}

// Microseconds since 1970-01-01 UTC.
struct Instant {
    std::int64_t micros = 0;
    auto operator<=>(const Instant&) const = default;
    friend constexpr Instant operator+(Instant at, Duration by) { return {at.micros + by.micros}; }
    friend constexpr Instant operator-(Instant at, Duration by) { return {at.micros - by.micros}; }
    friend constexpr Duration operator-(Instant a, Instant b) { return {a.micros - b.micros}; }
};

}  // namespace anabranch
