#include "crdt/row_set.h"

#include <catch2/catch.hpp>
#include <map>
#include <string>

#include "lib/base/random.h"
#include "tests/support/property.h"

namespace anabranch::crdt::test::row_set_test {
namespace {

using anabranch::test::for_seeds;

struct Rows {
    ~Rows() {
        for (const auto& [key, row] : by_key) StoredRow::destroy(row);
    }
    std::map<std::string, StoredRow*> by_key;
};

// Hashes that share lines and tags, far more often than hash64 would have it.
std::uint64_t crowded_hash(Random& random) {
    const auto line = static_cast<std::uint64_t>(random.between(0, 3));
    const auto tag = static_cast<std::uint64_t>(random.between(0, 2));
    return line << 62 | static_cast<std::uint64_t>(random.between(0, 7)) << 20 | tag;
}

void check_same(const RowSet& set, const std::map<std::string, StoredRow*>& expected) {
    REQUIRE(set.size() == expected.size());
    std::size_t seen = 0;
    set.each([&](const StoredRow* row) {
        ++seen;
        CHECK(expected.at(std::string(row->key())) == row);
    });
    CHECK(seen == expected.size());
    for (const auto& [key, row] : expected) CHECK(set.find(key, row->hash) == row);
}

}  // namespace

TEST_CASE("a set of rows finds what was put in and not taken out, however hashes crowd") {
    for_seeds(20, [](Random& random) {
        const bool crowded = random.below(2) == 0;
        RowSet set;
        Rows rows;
        for (int step = 0; step < 2000; ++step) {
            const std::string key = std::to_string(random.between(1, 600));
            const auto at = rows.by_key.find(key);
            if (at == rows.by_key.end()) {
                const std::uint64_t hash = crowded ? crowded_hash(random) : hash64(key);
                CHECK(set.find(key, hash) == nullptr);
                StoredRow* row = rows.by_key.emplace(key, StoredRow::make(key, hash, 0)).first->second;
                set.insert(row);
                set.prefetch_line(hash);
                set.prefetch_row(hash);
            } else {
                CHECK(set.erase(at->second));
                CHECK_FALSE(set.erase(at->second));
                CHECK(set.find(key, at->second->hash) == nullptr);
                StoredRow::destroy(at->second);
                rows.by_key.erase(at);
            }
        }
        check_same(set, rows.by_key);
    });
}

TEST_CASE("a set of rows gives room back in lines that many rows have passed by") {
    RowSet set;
    Rows rows;
    const auto key_of = [](int n) { return std::to_string(n); };
    for (int n = 0; n < 400; ++n) {
        StoredRow* row = StoredRow::make(key_of(n), 1, 0);
        rows.by_key.emplace(key_of(n), row);
        set.insert(row);
    }
    check_same(set, rows.by_key);
    const std::size_t memory = set.memory();
    for (int round = 0; round < 10; ++round) {
        for (const auto& [key, row] : rows.by_key) CHECK(set.erase(row));
        CHECK(set.size() == 0);
        for (const auto& [key, row] : rows.by_key) set.insert(row);
    }
    check_same(set, rows.by_key);
    CHECK(set.memory() == memory);
}

}  // namespace anabranch::crdt::test::row_set_test
