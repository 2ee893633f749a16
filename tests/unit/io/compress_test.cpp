#include "node/io/compress.h"

#include <catch2/catch.hpp>

#include "tests/support/property.h"

using namespace anabranch;
using namespace anabranch::io;

namespace {
Bytes random_bytes(Random& random, std::size_t size) {
    Bytes out;
    for (std::size_t i = 0; i < size; ++i) out.push_back(static_cast<char>(random.below(256)));
    return out;
}
}  // namespace

TEST_CASE("what was compressed comes back, and only within the bound") {
    Bytes rows;
    for (int i = 0; i < 5000; ++i) rows += "row " + std::to_string(i % 70) + ";";
    const auto packed = compress(rows);
    REQUIRE(packed.has_value());
    CHECK(packed->size() < rows.size() / 3);
    CHECK(decompress(*packed, rows.size()) == rows);
    CHECK_FALSE(decompress(*packed, rows.size() - 1).has_value());
}

TEST_CASE("noise is left as it is") {
    Random random(1);
    CHECK_FALSE(compress(random_bytes(random, 20'000)).has_value());
}

TEST_CASE("bytes that are not whole are refused, never read past their end") {
    test::for_seeds(200, [](Random& random) {
        Bytes rows;
        for (int i = 0; i < 300; ++i) rows += "row " + std::to_string(random.below(9)) + ";";
        Bytes packed = *compress(rows);
        if (random.chance(0.5)) packed.resize(random.below(packed.size()));
        for (auto n = random.below(4); n > 0 && !packed.empty(); --n)
            packed[random.below(packed.size())] ^= static_cast<char>(1 << random.below(8));
        const auto out = decompress(packed, 1 << 20);
        CHECK((!out || out->size() <= 1 << 20));
        CHECK_FALSE(decompress(random_bytes(random, random.below(200)), 1 << 20).has_value());
    });
}
