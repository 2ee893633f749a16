// Rows that come and go under faults of all kinds: they are forgotten, and nobody notices.
#include <set>

#include "tests/support/property.h"
#include "tests/unit/sim/bank.h"

using namespace anabranch;
using namespace anabranch::sim;
using namespace anabranch::sim::test;

namespace {

catalog::SchemaPtr loaded(const std::string& text) {
    const std::vector<catalog::ScriptFile> files{{"test.sql", text}, history_tables()};
    auto loaded = catalog::load(files);
    INFO(loaded.rendered_errors);
    REQUIRE(loaded.schema != nullptr);
    return loaded.schema;
}

const catalog::SchemaPtr& visitors() {
    static const catalog::SchemaPtr schema = loaded(R"(
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
)");
    return schema;
}

// Few keys with many lives, rows that a deleted one takes with it, and calls that are ordered.
const catalog::SchemaPtr& guests() {
    static const catalog::SchemaPtr schema = loaded(R"(
CREATE TABLE rooms (room text PRIMARY KEY, beds bigint NOT NULL DEFAULT 0);
CREATE TABLE stays (room text NOT NULL REFERENCES rooms ON DELETE CASCADE, guest text NOT NULL,
  nights bigint NOT NULL DEFAULT 0, remark text NOT NULL DEFAULT '', PRIMARY KEY (room, guest));
CREATE TABLE guests (guest text PRIMARY KEY, points bigint NOT NULL DEFAULT 0 CHECK (points >= 0),
  colour text NOT NULL DEFAULT 'red');
CREATE TABLE flags (flag boolean PRIMARY KEY, raised bigint NOT NULL DEFAULT 0, by text);
CREATE PROCEDURE close_room(r text) BEGIN ATOMIC DELETE FROM rooms WHERE room = r; END;
CREATE PROCEDURE stay(r text, g text, n int) BEGIN ATOMIC
  INSERT INTO rooms (room, beds) VALUES (r, 1) ON CONFLICT (room) DO UPDATE SET beds = rooms.beds + 1;
  INSERT INTO stays (room, guest, nights) VALUES (r, g, n)
    ON CONFLICT (room, guest) DO UPDATE SET nights = stays.nights + excluded.nights;
END;
CREATE PROCEDURE check_out(r text, g text) BEGIN ATOMIC DELETE FROM stays WHERE room = r AND guest = g; END;
CREATE PROCEDURE remark(r text, g text, t text) BEGIN ATOMIC
  UPDATE stays SET remark = t WHERE room = r AND guest = g;
END;
CREATE PROCEDURE earn(g text, n int) BEGIN ATOMIC
  INSERT INTO guests (guest, points) VALUES (g, abs(n))
    ON CONFLICT (guest) DO UPDATE SET points = guests.points + excluded.points;
END;
CREATE PROCEDURE spend(g text, n int) BEGIN ATOMIC UPDATE guests SET points = points - n WHERE guest = g; END;
CREATE PROCEDURE leave(g text) BEGIN ATOMIC DELETE FROM guests WHERE guest = g; END;
CREATE PROCEDURE raise(f boolean, n int, b text) BEGIN ATOMIC
  INSERT INTO flags (flag, raised, by) VALUES (f, n, b)
    ON CONFLICT (flag) DO UPDATE SET raised = flags.raised + excluded.raised, by = excluded.by;
END;
CREATE PROCEDURE lower(f boolean) BEGIN ATOMIC DELETE FROM flags WHERE flag = f; END;
)");
    return schema;
}

catalog::Plan plan_of(const catalog::Schema& schema) {
    const std::set<std::string> ordered{"simulator_ordered", "earn", "spend"};
    catalog::Plan plan;
    plan.schema_hash = schema.hash;
    for (const auto& transaction : schema.transactions) {
        const auto route = transaction.read_only                ? catalog::Route::read_only
                           : ordered.contains(transaction.name) ? catalog::Route::ordered
                                                                : catalog::Route::free;
        plan.transactions.push_back({transaction.name, route, {}, {}});
    }
    return plan;
}

void are_forgotten_unnoticed(const catalog::SchemaPtr& schema, std::uint64_t first_seed) {
    std::map<std::string, std::uint64_t> marks;
    const std::uint64_t seeds = anabranch::test::seeds_to_run(anabranch::test::sanitized ? 5 : 40);
    for (std::uint64_t seed = first_seed; seed < first_seed + seeds; ++seed) {
        const auto outcome = simulate(schema, plan_of(*schema), quick(seed));
        CAPTURE(seed, outcome.rule, outcome.problem);
        REQUIRE(outcome.ok);
        for (const auto& [name, count] : outcome.marks) marks[name] += count;
    }
    if (!anabranch::test::sanitized) CHECK(marks["tombstones removed"] > 100);
}

}  // namespace

TEST_CASE("rows that come and go are forgotten under faults of all kinds, and no rule is broken") {
    are_forgotten_unnoticed(visitors(), 1);
}

TEST_CASE("few keys with many lives are forgotten under faults of all kinds, and no rule is broken") {
    are_forgotten_unnoticed(guests(), 41);
}

// A record in front of the entry that forgot said that it had, so that nothing was forgotten when both were
// read.
TEST_CASE("what was forgotten before a crash is forgotten after it") {
    const auto script = parse_script(anabranch::test::read_file(
        anabranch::test::source_path("tests/unit/sim/scripts/forgotten_and_restarted.script")));
    REQUIRE(script);
    const auto outcome = run(visitors(), plan_of(*visitors()), *script);
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
        const auto outcome = simulate(visitors(), plan_of(*visitors()), options);
        INFO("seed " << seed << " " << outcome.rule << ": " << outcome.problem);
        found = !outcome.ok;
    }
    CHECK(found);
}
