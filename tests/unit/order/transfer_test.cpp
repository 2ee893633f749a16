// Handing over the primacy: thesis section 3.10.
#include <catch2/catch.hpp>

#include "tests/unit/order/cluster.h"
#include "tests/unit/order/solo.h"

using namespace anabranch;
using namespace anabranch::order;
using namespace anabranch::order::test;

TEST_CASE("the primacy goes to the one asked for, without waiting for a timeout", "[order]") {
    Cluster cluster(1, calm(), {1, 2, 3});
    REQUIRE(cluster.elect());
    const std::uint64_t lead = cluster.primary();
    const std::uint64_t next = lead % 3 + 1;
    cluster.input(lead, Transfer{{next}});
    const Instant asked = cluster.now();
    REQUIRE(cluster.run_until([&] { return cluster.primary() == next; }, seconds(1)));
    CHECK((cluster.now() - asked) < millis(10));
    CHECK(cluster.settle());
    CHECK(cluster.elections() == 2);
}

TEST_CASE("a successor gets every entry before it is asked to stand", "[order]") {
    Solo a(Solo::three());
    a.execute();
    a.propose("x");
    a.step(Transfer{B});
    CHECK(a.sent<TimeoutNow>().empty());
    a.propose("y");
    CHECK(a.all<Refused>()[0].why == Refusal::transferring);
    a.acknowledge(B, 2);
    REQUIRE(a.sent<TimeoutNow>().size() == 1);
    CHECK(a.sent<TimeoutNow>()[0].first == B);
}

TEST_CASE("a hand-over that fails ends after an election timeout", "[order]") {
    Cluster cluster(2, calm(), {1, 2, 3});
    REQUIRE(cluster.elect());
    const std::uint64_t lead = cluster.primary();
    const std::uint64_t next = lead % 3 + 1;
    cluster.crash(next);
    cluster.propose(lead, "before");
    cluster.input(lead, Transfer{{next}});
    CHECK_FALSE(cluster.propose(lead, "during"));
    cluster.run_for(millis(80));
    CHECK(cluster.propose(lead, "after"));
    CHECK(cluster.primary() == lead);
}

TEST_CASE("without a name the voter that is furthest along is chosen", "[order]") {
    Solo a(Solo::three());
    a.execute();
    a.propose("x");
    a.acknowledge(C, 2);
    a.step(Transfer{NOBODY});
    REQUIRE(a.sent<TimeoutNow>().size() == 1);
    CHECK(a.sent<TimeoutNow>()[0].first == C);
}

TEST_CASE("a successor must be another voter", "[order]") {
    Boot boot = Solo::three();
    boot.snapshot.members.learners = {D};
    Solo a(boot);
    a.execute();
    for (const ReplicaId target : {A, D, E}) {
        a.step(Transfer{target});
        CHECK(a.all<Refused>()[0].why == Refusal::bad_target);
    }
    a.step(Transfer{B});
    a.step(Transfer{C});
    CHECK(a.all<Refused>()[0].why == Refusal::transferring);
}

TEST_CASE("only the primary of the same epoch can ask a replica to stand", "[order]") {
    Solo a(Solo::three());
    a.receive(B, Append{3, 0, 0, 0, 0, {}});
    a.receive(C, TimeoutNow{3});
    a.receive(B, TimeoutNow{2});
    CHECK(a.status().role == Role::follower);
    a.receive(B, TimeoutNow{3});
    CHECK(a.status().role == Role::candidate);
    CHECK(a.sent<VoteRequest>()[0].second.transfer);
}

TEST_CASE("a primary whose own disk stalls hands over", "[order]") {
    Cluster cluster(3, calm(), {1, 2, 3});
    REQUIRE(cluster.elect());
    const std::uint64_t lead = cluster.primary();
    cluster.slow_disk(lead, seconds(60));
    REQUIRE(cluster.propose(lead, "committed by the others"));
    REQUIRE(
        cluster.run_until([&] { return cluster.primary() != lead && cluster.primary() != 0; }, seconds(2)));
    REQUIRE(cluster.elect());
    CHECK(cluster.facts().all_committed().size() >= 2);
}
