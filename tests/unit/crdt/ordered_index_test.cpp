#include "crdt/ordered_index.h"

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "crdt/packed_row.h"
#include "tests/support/property.h"

namespace anabranch::crdt::test {
namespace {

// Stand-ins for rows: their address is all that counts.
StoredRow* row(std::size_t number) {
    static StoredRow rows[4096];
    return &rows[number % 4096];
}

std::string random_key(Random& random, std::size_t shape) {
    switch (shape) {
        case 0:
            return std::string(1 + random.below(12), static_cast<char>(random.below(3)));
        case 1: {
            std::string key(8, '\0');
            for (char& c : key) c = static_cast<char>(random.below(256));
            return key;
        }
        case 2:
            return std::string(random.below(1200), static_cast<char>(random.below(2))) +
                   std::string(1 + random.below(3), 'x');
        default: {
            const std::string number = std::to_string(random.below(100000));
            return std::string(8 - number.size(), '0') + number;
        }
    }
}

std::vector<StoredRow*> visit(const OrderedIndex& index, std::string_view low, std::string_view high,
                              bool reverse) {
    std::vector<StoredRow*> out;
    index.visit(low, high, reverse, [&](StoredRow* r) {
        out.push_back(r);
        return true;
    });
    return out;
}

}  // namespace

TEST_CASE(
    "an ordered index agrees with std::map under random inserts, erasures, replacements and range visits") {
    anabranch::test::for_seeds(12, [](Random& random) {
        for (std::size_t shape = 0; shape < 4; ++shape) {
            OrderedIndex index;
            std::map<std::string, StoredRow*> expected;
            const std::size_t steps = 200 + random.below(3000);
            const bool ends_empty = random.chance(0.3);
            for (std::size_t step = 0; step < steps; ++step) {
                const std::string key = random_key(random, shape);
                const bool there = expected.contains(key);
                switch (random.below(4)) {
                    case 0:
                        REQUIRE(index.erase(key) == there);
                        expected.erase(key);
                        break;
                    case 1:
                        REQUIRE(index.replace(key, row(step)) == there);
                        if (there) expected[key] = row(step);
                        break;
                    default:
                        if (there) break;
                        index.insert(key, key.size(), row(step));
                        expected[key] = row(step);
                }
            }
            if (ends_empty) {
                while (!expected.empty()) {
                    auto victim = expected.lower_bound(random_key(random, shape));
                    if (victim == expected.end()) victim = expected.begin();
                    REQUIRE(index.erase(victim->first));
                    expected.erase(victim);
                    if (expected.size() % 64 == 0) index.check();
                }
                CHECK(index.memory() == 0);
            }
            index.check();
            REQUIRE(index.size() == expected.size());
            for (int range = 0; range < 50; ++range) {
                const std::string low = range == 0 ? "" : random_key(random, shape);
                const std::string high = range < 2 ? "" : random_key(random, shape);
                std::vector<StoredRow*> wanted;
                for (auto at = expected.lower_bound(low);
                     at != expected.end() && (high.empty() || at->first < high); ++at)
                    wanted.push_back(at->second);
                REQUIRE(visit(index, low, high, false) == wanted);
                std::reverse(wanted.begin(), wanted.end());
                REQUIRE(visit(index, low, high, true) == wanted);
            }
        }
    });
}

TEST_CASE(
    "bounds of an ordered index are compared with the index key, not with what tells equal ones apart") {
    OrderedIndex index;
    for (const char* suffix : {"1", "2", "3"}) {
        index.insert("k" + std::string(suffix), 1, row(1));
        index.insert("l" + std::string(suffix), 1, row(2));
    }
    CHECK(visit(index, "k", "l", false) == std::vector<StoredRow*>(3, row(1)));
    CHECK(visit(index, "k", std::string("k\0", 2), true) == std::vector<StoredRow*>(3, row(1)));
    CHECK(visit(index, "k2", "", false) == std::vector<StoredRow*>(3, row(2)));
    CHECK(visit(index, "l", "", true) == std::vector<StoredRow*>(3, row(2)));
}

TEST_CASE("a visit stops when it is told to") {
    OrderedIndex index;
    for (std::size_t i = 0; i < 500; ++i) index.insert("key" + std::to_string(1000 + i), 7, row(i));
    for (const bool reverse : {false, true}) {
        std::size_t seen = 0;
        index.visit({}, {}, reverse, [&](StoredRow*) { return ++seen < 300; });
        CHECK(seen == 300);
    }
}

TEST_CASE("keys that arrive in order fill the nodes of an ordered index") {
    OrderedIndex index;
    for (std::size_t i = 0; i < 10000; ++i) {
        const std::string number = std::to_string(i);
        index.insert(std::string(9 - number.size(), '0') + number, 9, row(i));
    }
    index.check();
    CHECK(index.memory() < 10000 * (9 + 14) * 11 / 10);
}

}  // namespace anabranch::crdt::test
