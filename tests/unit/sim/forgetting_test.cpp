// Rows that come and go under faults of all kinds: they are forgotten, and nobody notices.
#include "tests/support/property.h"
#include "tests/unit/sim/bank.h"

using namespace anabranch;
using namespace anabranch::sim;
using namespace anabranch::sim::test;

namespace {

const catalog::SchemaPtr& visitors() {
    static const catalog::SchemaPtr schema = [] {
        const std::vector<catalog::ScriptFile> files{{"visitors.sql", R"(
CREATE TABLE visitors (id int PRIMARY KEY, visits bigint NOT NULL DEFAULT 0, note text NOT NULL DEFAULT '');
CREATE PROCEDURE visit(id int, n int) BEGIN ATOMIC
  INSERT INTO visitors (id, visits) VALUES (visit.id, visit.n)
    ON CONFLICT (id) DO UPDATE SET visits = visitors.visits + excluded.visits;
END;
CREATE PROCEDURE note(id int, t text) BEGIN ATOMIC
  UPDATE visitors SET note = note.t WHERE visitors.id = note.id;
END;
CREATE PROCEDURE leave(id int) BEGIN ATOMIC
  DELETE FROM visitors WHERE visitors.id = leave.id;
END;
)"},
                                                     history_tables()};
        auto loaded = catalog::load(files);
        INFO(loaded.rendered_errors);
        REQUIRE(loaded.schema != nullptr);
        return loaded.schema;
    }();
    return schema;
}

catalog::Plan visitors_plan() {
    catalog::Plan plan;
    plan.schema_hash = visitors()->hash;
    for (const auto& transaction : visitors()->transactions) {
        const bool ordered = transaction.name == "simulator_ordered";
        const auto route = transaction.read_only ? catalog::Route::read_only
                           : ordered             ? catalog::Route::ordered
                                                 : catalog::Route::free;
        plan.transactions.push_back({transaction.name, route, {}, {}});
    }
    return plan;
}

Outcome run_visitors(const Options& options) {
    return simulate(visitors(), visitors_plan(), options);
}

}  // namespace

TEST_CASE("rows that come and go are forgotten under faults of all kinds, and no rule is broken") {
    std::map<std::string, std::uint64_t> marks;
    const std::uint64_t seeds = anabranch::test::sanitized ? 5 : 40;
    for (std::uint64_t seed = 1; seed <= anabranch::test::seeds_to_run(seeds); ++seed) {
        const auto outcome = run_visitors(quick(seed));
        CAPTURE(seed, outcome.rule, outcome.problem);
        REQUIRE(outcome.ok);
        for (const auto& [name, count] : outcome.marks) marks[name] += count;
    }
    if (!anabranch::test::sanitized) CHECK(marks["tombstones removed"] > 100);
}

// A record in front of the entry that forgot said that it had, so that nothing was forgotten when both were
// read.
TEST_CASE("what was forgotten before a crash is forgotten after it") {
    const auto script = parse_script(anabranch::test::read_file(
        anabranch::test::source_path("tests/unit/sim/scripts/forgotten_and_restarted.script")));
    REQUIRE(script);
    const auto outcome = run(visitors(), visitors_plan(), *script);
    INFO(outcome.problem);
    CHECK(outcome.ok);
    CHECK(outcome.marks.at("tombstones removed") > 0);
}

TEST_CASE("tombstones that go before every member is past needing them are found within 100 seeds") {
    if (anabranch::test::sanitized) return;  // looked for in the build without sanitizers
    bool found = false;
    for (std::uint64_t seed = 1; seed <= 100 && !found; ++seed) {
        auto options = quick(seed);
        options.planted = Planted::forget_early;
        const auto outcome = run_visitors(options);
        INFO("seed " << seed << " " << outcome.rule << ": " << outcome.problem);
        found = !outcome.ok;
    }
    CHECK(found);
}
