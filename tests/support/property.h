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

template <typename Body>  // void(Random&)
void for_seeds(std::uint64_t count, Body&& body) {
    const std::uint64_t only = number_from_environment("ANABRANCH_SEED", 0);
    const std::uint64_t first = only != 0 ? only : 1;
    const std::uint64_t last = only != 0 ? only : count * number_from_environment("ANABRANCH_SEEDS", 1);
    for (std::uint64_t seed = first; seed <= last; ++seed) {
        CAPTURE(seed);
        Random random(seed);
        body(random);
    }
}

}  // namespace anabranch::test
