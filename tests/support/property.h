// Property tests: the same body under many seeds.
//
// A failure prints the seed (`seed := 17`); ANABRANCH_SEED=17 then runs that seed alone. The seeds are 1, 2,
// 3, ... so a plain run is reproducible; ANABRANCH_SEEDS=10 multiplies their count for a long campaign.
#pragma once

#include <catch2/catch.hpp>
#include <cstdint>
#include <cstdlib>

#include "lib/base/random.h"

namespace anabranch::test {

inline std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// The sanitizers make a history some fifteen times slower and look at memory, of which a quarter of the
// histories shows as much. What needs all of them is tested in the build without sanitizers.
#ifdef __SANITIZE_ADDRESS__
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif
inline std::uint64_t seeds_to_run(std::uint64_t count) {
    const std::uint64_t wanted = count * number_from_environment("ANABRANCH_SEEDS", 1);
    return sanitized ? (wanted + 3) / 4 : wanted;
}

template <typename Body>  // void(Random&)
void for_seeds(std::uint64_t count, Body&& body) {
    const std::uint64_t only = number_from_environment("ANABRANCH_SEED", 0);
    const std::uint64_t first = only != 0 ? only : 1;
    const std::uint64_t last = only != 0 ? only : seeds_to_run(count);
    for (std::uint64_t seed = first; seed <= last; ++seed) {
        CAPTURE(seed);
        Random random(seed);
        body(random);
    }
}

}  // namespace anabranch::test
