#include "node/sim/world.h"

#include <catch2/catch.hpp>

#include "lib/catalog/load.h"
#include "tests/support/files.h"
#include "tests/support/property.h"

using namespace anabranch;

namespace {

catalog::SchemaPtr bank() {
    const std::vector<catalog::ScriptFile> files{
        {"bank.sql", test::read_file(test::source_path("tools/examples/bank.sql"))}};
    auto loaded = catalog::load(files);
    INFO(loaded.rendered_errors);
    REQUIRE(loaded.schema != nullptr);
    return loaded.schema;
}

// What the checker finds for the bank (tests/unit/confluence asserts it): deposit and rename_owner are free.
catalog::Plan plan_of(const catalog::Schema& schema) {
    catalog::Plan plan;
    plan.schema_hash = schema.hash;
    for (const auto& transaction : schema.transactions) {
        const bool free = transaction.name == "deposit" || transaction.name == "rename_owner";
        plan.transactions.push_back({transaction.name,
                                     transaction.read_only ? catalog::Route::read_only
                                     : free                ? catalog::Route::free
                                                           : catalog::Route::ordered,
                                     {},
                                     {}});
    }
    return plan;
}

sim::Options quick(std::uint64_t seed) {
    sim::Options options;
    options.seed = seed;
    options.load = seconds(5);
    return options;
}

std::uint64_t first_failure(sim::Options::Planted planted, std::uint64_t seeds) {
    const auto schema = bank();
    const auto plan = plan_of(*schema);
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        auto options = quick(seed);
        options.planted = planted;
        if (!sim::simulate(schema, plan, options).ok) return seed;
    }
    return 0;
}

}  // namespace

TEST_CASE("the bank keeps every invariant and every acknowledged write through faults, and converges") {
    const auto schema = bank();
    const auto plan = plan_of(*schema);
    const std::uint64_t seeds = 200 * test::number_from_environment("ANABRANCH_SEEDS", 1);
    std::uint64_t committed = 0, crashes = 0;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        const auto outcome = sim::simulate(schema, plan, quick(seed));
        INFO("replay: anabranch simulate tools/examples/bank.sql --seeds " << seed << " --verbose");
        INFO(outcome.problem);
        REQUIRE(outcome.ok);
        committed += outcome.committed;
        crashes += outcome.crashes;
    }
    // A run in which nothing happens proves nothing.
    CHECK(committed > seeds * 20);
    CHECK(crashes > seeds / 10);
}

TEST_CASE("one seed gives one history") {
    const auto schema = bank();
    const auto plan = plan_of(*schema);
    for (std::uint64_t seed : {1, 2, 3}) {
        const auto first = sim::simulate(schema, plan, quick(seed));
        const auto second = sim::simulate(schema, plan, quick(seed));
        CHECK(first.fingerprint == second.fingerprint);
        CHECK(first.events == second.events);
    }
}

TEST_CASE("running ordered transactions as free ones is found within 20 seeds") {
    CHECK(first_failure(sim::Options::Planted::all_free, 20) != 0);
}

TEST_CASE("gossip before durability is found within 100 seeds") {
    CHECK(first_failure(sim::Options::Planted::gossip_before_durable, 100) != 0);
}

TEST_CASE("a disk that forgets what it had synced is found within 50 seeds") {
    CHECK(first_failure(sim::Options::Planted::forget_disk, 50) != 0);
}
