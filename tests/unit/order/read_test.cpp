// Linearizable reads without a log write: thesis section 6.4.
#include <catch2/catch.hpp>

#include "tests/unit/order/cluster.h"
#include "tests/unit/order/solo.h"

using namespace anabranch;
using namespace anabranch::order;
using namespace anabranch::order::test;

namespace {

Outputs answer_round(Solo& solo, ReplicaId from, std::uint64_t round) {
    AppendReply reply;
    reply.epoch = solo.status().epoch;
    reply.round = round;
    return solo.receive(from, reply);
}

}  // namespace

TEST_CASE("a read waits until a majority confirms the primary after it began", "[order]") {
    Solo a(Solo::three());
    a.execute();
    a.step(Read{7});
    CHECK(a.all<ReadReady>().empty());
    REQUIRE(a.sent<Append>().size() == 2);
    const std::uint64_t round = a.sent<Append>()[0].second.round;
    answer_round(a, B, round - 1);
    CHECK(a.all<ReadReady>().empty());
    answer_round(a, B, round);
    REQUIRE(a.all<ReadReady>().size() == 1);
    CHECK(a.all<ReadReady>()[0].token == 7);
    CHECK(a.all<ReadReady>()[0].index == 1);
}

TEST_CASE("reads that arrive during a round share the next one", "[order]") {
    Solo a(Solo::three());
    a.execute();
    a.step(Read{1});
    const std::uint64_t round = a.sent<Append>()[0].second.round;
    for (std::uint64_t token = 2; token <= 100; ++token) {
        a.step(Read{token});
        CHECK(a.sent<Append>().empty());
    }
    answer_round(a, B, round);
    CHECK(a.all<ReadReady>().size() == 1);
    answer_round(a, C, round + 1);
    CHECK(a.all<ReadReady>().size() == 99);
}

TEST_CASE("a new primary answers reads only after its first own commit", "[order]") {
    // Its commit index may lag behind what its predecessor told clients.
    Solo a(Solo::three({entry(1, 1)}, {1, NOBODY, 0}));
    a.lead();
    a.step(Read{1});
    answer_round(a, B, 100);
    CHECK(a.all<ReadReady>().empty());
    a.acknowledge(B);
    REQUIRE(a.sent<Append>().size() >= 2);
    answer_round(a, B, a.sent<Append>()[0].second.round);
    REQUIRE(a.all<ReadReady>().size() == 1);
    CHECK(a.all<ReadReady>()[0].index == 2);
}

TEST_CASE("a primary that was replaced does not answer reads from the past", "[order]") {
    // A hand-over leaves no election timeout between the two: the old primary still believes in itself for a
    // moment.
    Cluster cluster(1, calm(), {1, 2, 3});
    REQUIRE(cluster.elect());
    const std::uint64_t lead = cluster.primary();
    const std::uint64_t next = lead % 3 + 1;
    cluster.input(lead, Transfer{{next}});
    for (const std::uint64_t id : cluster.ids()) {
        if (id != lead) cluster.cut(id, lead);
    }
    REQUIRE(cluster.run_until([&] { return cluster.primary() == next && cluster.core(next).may_execute(); },
                              seconds(1)));
    REQUIRE(cluster.propose(next, "new"));
    cluster.run_for(millis(4));
    REQUIRE(cluster.core(lead).primary() == ReplicaId{lead});
    cluster.read(lead);
    cluster.run_for(seconds(1));
    REQUIRE(cluster.reads_done.size() == 1);
    CHECK_FALSE(cluster.reads_done[0].second);
}

TEST_CASE("any replica can ask for a linearizable read", "[order]") {
    Cluster cluster(2, calm(), {1, 2, 3}, {4});
    REQUIRE(cluster.elect());
    REQUIRE(cluster.propose(cluster.primary(), "x"));
    cluster.run_for(millis(20));
    for (const std::uint64_t id : cluster.ids()) cluster.read(id);
    cluster.run_for(millis(20));
    CHECK(cluster.reads_done.size() == 4);
    for (const auto& [id, ready] : cluster.reads_done) CHECK(ready);
}

TEST_CASE("a read that is never answered fails", "[order]") {
    Solo a(Solo::three());
    a.step(Read{1});
    CHECK(a.all<ReadFailed>().size() == 1);  // no primary is known
    a.receive(B, Append{1, 0, 0, 0, 0, {}});
    a.step(Read{2});
    CHECK(a.all<ReadFailed>().empty());
    a.receive(C, Append{2, 0, 0, 0, 0, {}});
    CHECK(a.all<ReadFailed>()[0].token == 2);  // the primary has changed
    a.step(Read{3});
    a.time_out();
    CHECK(a.all<ReadFailed>()[0].token == 3);  // time is over
}

TEST_CASE("an answer to an earlier boot's read satisfies no later one", "[order]") {
    const auto first_id = [](std::uint64_t entropy) {
        auto core = make_order(Options{}, Solo::three(), Random(entropy), Instant{});
        core->step(Receive{B, Append{1, 0, 0, 0, 0, {}}}, Instant{});
        for (const Output& output : core->step(Read{1}, Instant{})) {
            if (const auto* send = std::get_if<Send>(&output)) return std::get<ReadRequest>(send->message).id;
        }
        return std::uint64_t{0};
    };
    CHECK(first_id(1) != first_id(2));
}

TEST_CASE("a single voter answers reads by itself", "[order]") {
    Cluster cluster(3, calm(), {1});
    REQUIRE(cluster.elect());
    cluster.read(1);
    REQUIRE(cluster.reads_done.size() == 1);
    CHECK(cluster.reads_done[0].second);
}
