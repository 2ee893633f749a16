// The commit rule (Raft section 5.4), the dependency rule (design section 7), and what is handed out when.
#include <catch2/catch.hpp>

#include "tests/unit/order/chaos.h"
#include "tests/unit/order/solo.h"

using namespace anabranch;
using namespace anabranch::order;
using namespace anabranch::order::test;

TEST_CASE("figure 8: an entry of an earlier epoch is not committed by counting replicas", "[order]") {
    Solo a(Solo::three({entry(1, 1), entry(2, 2)}, {2, NOBODY, 0}));
    a.lead();
    REQUIRE(a.status().last_index == 3);
    a.acknowledge(B, 2);
    a.acknowledge(C, 2);
    CHECK(a.status().commit == 0);
    a.acknowledge(B, 3);
    CHECK(a.status().commit == 3);
    CHECK(a.all<Committed>().size() == 3);
}

TEST_CASE("figure 8, with random timing, never overwrites a committed entry", "[order]") {
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        CAPTURE(seed);
        CHECK_NOTHROW(storm_of_figure_8(quick_options(), seed));
    }
}

TEST_CASE("every epoch opens with an empty entry, so that what came before commits without a new call",
          "[order]") {
    Solo a(Solo::three({entry(1, 1)}, {1, NOBODY, 0}));
    a.lead();
    const Persist image = a.core().image(0);
    REQUIRE(image.entries.size() == 2);
    CHECK(image.entries[1] == Entry{2, 2, EntryKind::empty, {}, {}});
}

TEST_CASE("a primary may be outvoted by its own disk", "[order]") {
    // Two others are a majority; but nothing is handed out here before it is durable here.
    Solo a(Solo::three());
    a.execute();
    a.propose("x");
    a.acknowledge(B);
    a.acknowledge(C);
    CHECK(a.status().commit == 2);
    CHECK(a.all<Committed>().empty());
    a.persisted();
    REQUIRE(a.all<Committed>().size() == 1);
    CHECK(a.all<Committed>()[0].entry.payload == "x");
}

TEST_CASE("the commit index on disk is never ahead of the entries on disk", "[order]") {
    Solo a(Solo::three({entry(1, 1), entry(2, 1)}, {1, NOBODY, 0}));
    // Entry 2 is replaced, and the replacement committed, before it is durable.
    a.receive(B, Append{2, 1, 1, 2, 0, {entry(2, 2)}});
    CHECK(a.status().commit == 2);
    REQUIRE(a.all<Persist>().size() == 1);
    CHECK(a.all<Persist>()[0].hard_state->commit <= 1);
    a.persisted();
    REQUIRE(a.all<Persist>().size() == 1);
    CHECK(a.all<Persist>()[0].hard_state->commit == 2);
    CHECK(a.all<Persist>()[0].lazy);
}

TEST_CASE("after a restart what was known to be committed is handed out again", "[order]") {
    Boot boot = Solo::three({entry(1, 1, "a"), entry(2, 1, "b"), entry(3, 1, "c")}, {1, NOBODY, 2});
    boot.applied = 1;
    Solo a(boot);
    CHECK(a.core().next_deadline() == a.now());
    a.step(Tick{});
    REQUIRE(a.all<Committed>().size() == 1);
    CHECK(a.all<Committed>()[0].entry.payload == "b");
}

TEST_CASE("a voter acknowledges an entry only with all it depends on", "[order]") {
    Solo a(Solo::three());
    a.receive(B, Append{1, 0, 0, 0, 0, {entry(1, 1), entry(2, 1, "x", {{D, 3}, {E, 1}})}});
    REQUIRE(a.all<WantDependencies>().size() == 1);
    CHECK(a.all<WantDependencies>()[0].from == B);
    CHECK(a.all<WantDependencies>()[0].dots == Dots{{D, 3}, {E, 1}});
    a.persisted();
    CHECK(a.sent<AppendReply>()[0].second.seen == 2);
    CHECK(a.sent<AppendReply>()[0].second.held == 1);
    a.step(Held{{{D, 2}, {E, 1}}});
    CHECK(a.sent<AppendReply>().empty());
    a.receive(B, Append{1, 2, 1, 0, 0, {}});
    CHECK(a.all<WantDependencies>()[0].dots == Dots{{D, 3}});
    a.step(Held{{{D, 7}}});
    REQUIRE(a.sent<AppendReply>().size() == 1);
    CHECK(a.sent<AppendReply>()[0].second.held == 2);
}

TEST_CASE("a primary does not count itself before it holds the dependencies durably", "[order]") {
    Solo a(Solo::three());
    a.execute();
    a.propose("x", {{D, 1}});
    a.persisted();
    a.acknowledge(B);
    CHECK(a.status().commit == 1);
    a.step(Held{{{D, 1}}});
    CHECK(a.status().commit == 2);
}

TEST_CASE("an entry waits for its dependencies at a majority, and no longer", "[order]") {
    Cluster cluster(1, calm(), {1, 2, 3});
    REQUIRE(cluster.elect());
    const std::uint64_t lead = cluster.primary();
    cluster.hide_deltas(lead, true);
    const Dot delta = cluster.make_delta(lead);
    cluster.run_for(millis(5));
    REQUIRE(cluster.propose(lead, "depends", {delta}));
    cluster.run_for(millis(200));
    CHECK(cluster.status(lead).commit < cluster.status(lead).last_index);
    CHECK(cluster.primary() == lead);
    cluster.hide_deltas(lead, false);
    CHECK(cluster.settle(millis(200)));
    CHECK(cluster.elections() == 1);
}

TEST_CASE("an entry whose dependency died with its primary does not block the order", "[order]") {
    Cluster cluster(2, calm(), {1, 2, 3});
    REQUIRE(cluster.elect());
    const std::uint64_t lead = cluster.primary();
    cluster.hide_deltas(lead, true);
    const Dot delta = cluster.make_delta(lead);
    cluster.run_for(millis(5));
    REQUIRE(cluster.propose(lead, "orphan", {delta}));
    cluster.run_for(millis(20));
    cluster.crash(lead);
    REQUIRE(cluster.elect());
    REQUIRE(cluster.propose(cluster.primary(), "afterwards"));
    REQUIRE(cluster.run_until(
        [&] { return cluster.facts().all_committed().rbegin()->second.payload == "afterwards"; },
        seconds(1)));
    // The orphan was acknowledged by nobody but its primary, which gives way when it comes back.
    cluster.restart(lead);
    REQUIRE(cluster.settle());
    for (const auto& [index, committed] : cluster.facts().all_committed())
        CHECK(committed.payload != "orphan");
}

TEST_CASE("a new primary executes nothing before it has applied every committed entry", "[order]") {
    Solo a(Solo::three({entry(1, 1), entry(2, 1)}, {1, NOBODY, 0}));
    a.lead();
    CHECK_FALSE(a.core().may_execute());
    a.propose("x");
    CHECK(a.all<Refused>()[0].why == Refusal::unready);
    a.acknowledge(B, 3);
    CHECK(a.status().commit == 3);
    CHECK_FALSE(a.core().may_execute());
    a.step(Applied{2});
    CHECK_FALSE(a.core().may_execute());
    a.step(Applied{3});
    CHECK(a.core().may_execute());
    REQUIRE(a.all<MayExecute>().size() == 1);
    CHECK((a.propose("x"), a.all<Refused>().empty()));
}

TEST_CASE("a primary that is lost says from where its pending effects are to be undone", "[order]") {
    Solo a(Solo::three());
    a.execute();
    a.propose("committed");
    a.persisted();
    a.acknowledge(B);
    a.propose("pending");
    a.propose("pending too");
    a.receive(C, Append{5, 2, 1, 2, 0, {entry(3, 5, "other")}});
    REQUIRE(a.all<LostPrimary>().size() == 1);
    CHECK(a.all<LostPrimary>()[0].epoch == 1);
    CHECK(a.all<LostPrimary>()[0].first_pending == 3);
    // Another epoch's entry committed at the position tells the fate of the pending one.
    a.receive(C, Append{5, 3, 5, 3, 0, {}});
    a.persisted();
    REQUIRE(a.all<Committed>().size() == 1);
    CHECK(a.all<Committed>()[0].entry.epoch == 5);
}

TEST_CASE("a pending entry may commit under the next primary", "[order]") {
    Cluster cluster(3, calm(), {1, 2, 3});
    REQUIRE(cluster.elect());
    const std::uint64_t lead = cluster.primary();
    REQUIRE(cluster.propose(lead, "survives"));
    cluster.run_for(micros(1100));  // it has arrived, no answer has
    cluster.crash(lead);
    REQUIRE(cluster.elect());
    const auto& committed = cluster.facts().all_committed();
    CHECK(std::any_of(committed.begin(), committed.end(),
                      [](const auto& item) { return item.second.payload == "survives"; }));
}

TEST_CASE("followers hear of a commit at once, not at the next heartbeat", "[order]") {
    Cluster cluster(4, calm(), {1, 2, 3});
    REQUIRE(cluster.elect());
    REQUIRE(cluster.settle());
    REQUIRE(cluster.propose(cluster.primary(), "x"));
    const Instant proposed = cluster.now();
    REQUIRE(cluster.settle());
    CHECK((cluster.now() - proposed) < millis(4));  // three links and two disks
}

TEST_CASE("commits keep up with an unbroken stream of proposals", "[order]") {
    // A core that asks only whether its very last entry has a majority would commit nothing here.
    Cluster cluster(5, calm(), {1, 2, 3});
    REQUIRE(cluster.elect());
    const std::uint64_t lead = cluster.primary();
    for (int i = 0; i < 2000; ++i) {
        REQUIRE(cluster.propose(lead, "x"));
        cluster.run_for(micros(500));
        REQUIRE(cluster.status(lead).last_index - cluster.status(lead).commit < 20);
    }
}
