// Whether a store shows what a database does, whatever way it is asked.
#pragma once

#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/random.h"
#include "tests/unit/crdt/transaction.h"

namespace anabranch::crdt::test {

using Rows = std::vector<Values>;

inline Rows rows_of(const exec::Store& store, const catalog::Table& table, std::uint32_t index,
                    const std::string& low, const std::string& high, bool reverse) {
    Rows out;
    store.scan_index(table.id, {index}, low, high, reverse, [&](exec::RowView row) {
        out.push_back(values_of(table, row));
        return true;
    });
    return out;
}

// What it shows of a table: by each index, both ways, as a whole and in part, and by key.
inline void check_same(const exec::Store& store, const Database& oracle, const catalog::Table& table,
                       Random& random) {
    const auto indexes = static_cast<std::uint32_t>(table.keys.size() + table.indexes.size());
    for (std::uint32_t i = 0; i < indexes; ++i) {
        const auto at = static_cast<std::int64_t>(random.below(10));
        for (const bool reverse : {false, true})
            for (const auto& [low, high] : {std::pair<std::string, std::string>{},
                                            {key_of(at), {}},
                                            {{}, key_of(at)},
                                            {key_of(at), key_of(at + 3)}}) {
                const Rows shown = rows_of(store, table, i, low, high, reverse);
                const Rows wanted = rows_of(oracle, table, i, low, high, reverse);
                REQUIRE(shown == wanted);
            }
    }
    Rows scanned, wanted;
    std::size_t stopped_after = 0;
    store.scan(table.id, [&](exec::RowView row) { return scanned.push_back(values_of(table, row)), true; });
    oracle.scan(table.id, [&](exec::RowView row) { return wanted.push_back(values_of(table, row)), true; });
    REQUIRE(scanned == wanted);
    store.scan(table.id, [&](exec::RowView) { return ++stopped_after < 2; });
    REQUIRE(stopped_after == std::min<std::size_t>(2, wanted.size()));
    for (std::int64_t id = 0; id < 12; ++id) {
        const exec::RowView row = store.find(table.id, key_of(id)), other = oracle.find(table.id, key_of(id));
        REQUIRE(static_cast<bool>(row) == static_cast<bool>(other));
        if (row) REQUIRE(values_of(table, row) == values_of(table, other));
    }
    std::set<Values, bool (*)(const Values&, const Values&)> contested(
        [](const Values& a, const Values& b) { return a[0].integer < b[0].integer; });
    auto also = contested;
    store.duplicate_claims(table.id,
                           [&](exec::RowView row) { return contested.insert(values_of(table, row)), true; });
    oracle.duplicate_claims(table.id,
                            [&](exec::RowView row) { return also.insert(values_of(table, row)), true; });
    REQUIRE(contested.size() == also.size());
}

inline void check_same(const exec::Store& store, const Database& oracle, Random& random) {
    for (const catalog::Table& table : oracle.schema().tables) check_same(store, oracle, table, random);
}

}  // namespace anabranch::crdt::test
