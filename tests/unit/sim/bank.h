// The bank with the simulator's own tables, and its plan without the checker.
#pragma once

#include <catch2/catch.hpp>
#include <vector>

#include "lib/catalog/load.h"
#include "node/sim/history.h"
#include "node/sim/world.h"
#include "tests/support/files.h"

namespace anabranch::sim::test {

inline const catalog::SchemaPtr& bank() {
    static const catalog::SchemaPtr schema = [] {
        const std::vector<catalog::ScriptFile> files{
            {"bank.sql", anabranch::test::read_file(anabranch::test::source_path("tools/examples/bank.sql"))},
            history_tables()};
        auto loaded = catalog::load(files);
        INFO(loaded.rendered_errors);
        REQUIRE(loaded.schema != nullptr);
        return loaded.schema;
    }();
    return schema;
}

// What the checker finds for the bank (tests/unit/confluence asserts it): deposit and rename_owner are free.
inline const catalog::Plan& bank_plan() {
    static const catalog::Plan plan = [] {
        catalog::Plan out;
        out.schema_hash = bank()->hash;
        for (const auto& transaction : bank()->transactions) {
            const bool free = transaction.name == "deposit" || transaction.name == "rename_owner" ||
                              transaction.name == "simulator_free";
            out.transactions.push_back({transaction.name,
                                        transaction.read_only ? catalog::Route::read_only
                                        : free                ? catalog::Route::free
                                                              : catalog::Route::ordered,
                                        {},
                                        {}});
        }
        return out;
    }();
    return plan;
}

inline Options quick(std::uint64_t seed) {
    Options options;
    options.seed = seed;
    options.load = seconds(8);
    return options;
}

inline Outcome run_bank(const Options& options) {
    return simulate(bank(), bank_plan(), options);
}

}  // namespace anabranch::sim::test
