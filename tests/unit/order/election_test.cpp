// Elections: Raft section 5.2 and 5.4.1; pre-vote and check-quorum, thesis sections 9.6 and 6.2.
#include <catch2/catch.hpp>

#include "tests/unit/order/cluster.h"
#include "tests/unit/order/solo.h"

using namespace anabranch;
using namespace anabranch::order;
using namespace anabranch::order::test;

TEST_CASE("a follower that hears nothing asks for pre-votes and changes nothing", "[order]") {
    Solo a(Solo::three({entry(1, 1)}, {1, NOBODY, 0}));
    a.time_out();
    const auto requests = a.sent<VoteRequest>();
    REQUIRE(requests.size() == 2);
    CHECK(requests[0].first == B);
    CHECK(requests[0].second == VoteRequest{2, 1, 1, true, false});
    CHECK(a.all<Persist>().empty());
    CHECK(a.status().epoch == 1);
}

TEST_CASE("a majority of pre-votes starts an election in the next epoch", "[order]") {
    Solo a(Solo::three());
    a.time_out();
    a.receive(B, VoteReply{0, 1, true, true});
    CHECK(a.status().epoch == 1);
    CHECK(a.status().role == Role::candidate);
    REQUIRE(a.sent<VoteRequest>().size() == 2);
    CHECK(a.sent<VoteRequest>()[0].second == VoteRequest{1, 0, 0, false, false});
}

TEST_CASE("a vote is durable before it is sent", "[order]") {
    Solo a(Solo::three());
    a.receive(B, VoteRequest{1, 0, 0, false, false});
    REQUIRE(a.all<Persist>().size() == 1);
    CHECK(a.all<Persist>()[0].hard_state == HardState{1, B, 0});
    REQUIRE(a.all<Send>().size() == 1);
    CHECK(a.all<Send>()[0].after == a.all<Persist>()[0].ticket);
    CHECK(a.sent<VoteReply>()[0].second.granted);
}

TEST_CASE("a candidate's own vote is durable before it asks or counts", "[order]") {
    Solo a(Solo::three());
    a.time_out();
    a.receive(B, VoteReply{0, 1, true, true});
    for (const Send& send : a.all<Send>()) CHECK(send.after == a.all<Persist>()[0].ticket);
    // One vote of another and an own one that is not durable are no majority.
    a.receive(B, VoteReply{1, 1, false, true});
    CHECK(a.status().role == Role::candidate);
    a.persisted();
    CHECK(a.status().role == Role::primary);
}

TEST_CASE("a voter has one vote per epoch, also after a restart", "[order]") {
    Solo a(Solo::three());
    a.receive(B, VoteRequest{1, 0, 0, false, false});
    Recovery recovery(A, voters({A, B, C}));
    for (const Bytes& record : a.records()) REQUIRE(recovery.add(record));
    Solo again(recovery.boot());
    again.receive(C, VoteRequest{1, 0, 0, false, false});
    CHECK_FALSE(again.sent<VoteReply>()[0].second.granted);
    again.receive(B, VoteRequest{1, 0, 0, false, false});
    CHECK(again.sent<VoteReply>()[0].second.granted);
}

TEST_CASE("a torn write loses the vote and with it the reply", "[order]") {
    // The reply waits for the ticket; if the record did not survive, the reply has never left and the vote is
    // free.
    Solo a(Solo::three());
    a.receive(B, VoteRequest{1, 0, 0, false, false});
    CHECK(a.all<Send>()[0].after > 0);
    Solo again(Solo::three());
    again.receive(C, VoteRequest{1, 0, 0, false, false});
    CHECK(again.sent<VoteReply>()[0].second.granted);
}

TEST_CASE("a voter refuses a candidate whose log is less up-to-date", "[order]") {
    const auto vote = [](Index last, Epoch epoch) {
        Solo a(Solo::three({entry(1, 1), entry(2, 3)}, {3, NOBODY, 0}));
        a.receive(B, VoteRequest{4, last, epoch, false, false});
        return a.sent<VoteReply>()[0].second.granted;
    };
    CHECK(vote(2, 3));
    CHECK(vote(3, 3));
    CHECK(vote(1, 4));
    CHECK_FALSE(vote(1, 3));
    CHECK_FALSE(vote(9, 2));
}

TEST_CASE("an entry without its dependencies does not count in an election", "[order]") {
    Boot boot = Solo::three({entry(1, 1), entry(2, 1, "x", {{D, 1}})}, {1, NOBODY, 0});
    Solo a(boot);
    a.receive(B, VoteRequest{2, 1, 1, false, false});
    CHECK(a.sent<VoteReply>()[0].second.granted);
    boot.held = {{D, 1}};
    Solo holds(boot);
    holds.receive(B, VoteRequest{2, 1, 1, false, false});
    CHECK_FALSE(holds.sent<VoteReply>()[0].second.granted);
}

TEST_CASE("a voter that hears its primary helps nobody to unseat it, unless the primary asks", "[order]") {
    Solo a(Solo::three());
    a.receive(B, Append{1, 0, 0, 0, 0, {}});
    a.persisted();
    a.wait(millis(100));
    a.receive(C, VoteRequest{2, 5, 1, true, false});
    CHECK_FALSE(a.sent<VoteReply>()[0].second.granted);
    a.receive(C, VoteRequest{2, 5, 1, false, false});
    CHECK_FALSE(a.sent<VoteReply>()[0].second.granted);
    CHECK(a.status().epoch == 1);
    a.receive(C, VoteRequest{2, 5, 1, false, true});
    CHECK(a.sent<VoteReply>()[0].second.granted);
    CHECK(a.status().epoch == 2);
}

TEST_CASE("a primary that hears of a later epoch becomes a follower", "[order]") {
    Solo a(Solo::three());
    a.lead();
    REQUIRE(a.status().role == Role::primary);
    AppendReply reply;
    reply.epoch = 7;
    reply.rejected = true;
    a.receive(B, reply);
    CHECK(a.status().role == Role::follower);
    CHECK(a.status().epoch == 7);
    CHECK(a.all<LostPrimary>().size() == 1);
    CHECK(a.all<Persist>()[0].hard_state->epoch == 7);
}

TEST_CASE("a message of an earlier epoch changes nothing", "[order]") {
    Solo a(Solo::three({entry(1, 5)}, {5, C, 0}));
    a.receive(B, Append{4, 0, 0, 1, 0, {entry(1, 4)}});
    CHECK(a.sent<AppendReply>()[0].second.epoch == 5);
    CHECK(a.sent<AppendReply>()[0].second.rejected);
    a.receive(B, VoteRequest{4, 9, 4, false, false});
    CHECK_FALSE(a.sent<VoteReply>()[0].second.granted);
    CHECK(a.all<Persist>().empty());
    CHECK(a.status().epoch == 5);
    CHECK(a.status().commit == 0);
}

TEST_CASE("a single voter leads as soon as its vote is durable", "[order]") {
    Boot boot;
    boot.self = A;
    boot.snapshot.members = voters({A});
    Solo a(boot);
    a.time_out();
    CHECK(a.now() == Instant{});
    CHECK(a.status().role == Role::candidate);
    a.persisted();
    CHECK(a.status().role == Role::primary);
    CHECK(a.status().commit == 0);
    a.persisted();
    CHECK(a.status().commit == 1);
}

TEST_CASE("a replica without members waits to be told", "[order]") {
    Boot boot;
    boot.self = A;
    Solo a(boot);
    a.time_out();
    a.time_out();
    CHECK(a.all<Send>().empty());
    CHECK(a.status().epoch == 0);
}

TEST_CASE("a replica that was cut off does not disturb the cluster when it returns", "[order]") {
    Cluster cluster(1, calm(), {1, 2, 3});
    REQUIRE(cluster.elect());
    const std::uint64_t lead = cluster.primary();
    const std::uint64_t cut = lead == 1 ? 2 : 1;
    const Epoch epoch = cluster.status(lead).epoch;
    cluster.isolate(cut);
    cluster.run_for(seconds(2));
    CHECK(cluster.status(cut).epoch == epoch);
    CHECK(cluster.status(cut).primary == NOBODY);
    cluster.heal();
    cluster.run_for(seconds(1));
    CHECK(cluster.primary() == lead);
    CHECK(cluster.status(lead).epoch == epoch);
    CHECK(cluster.status(cut).primary == ReplicaId{lead});
}

TEST_CASE("a replica that one link cannot reach does not disturb the cluster", "[order]") {
    // It hears no primary, the others do: without pre-vote it would raise the epoch for ever.
    Cluster cluster(2, calm(), {1, 2, 3});
    REQUIRE(cluster.elect());
    const std::uint64_t lead = cluster.primary();
    const std::uint64_t deaf = lead % 3 + 1;
    cluster.cut(lead, deaf);
    cluster.run_for(seconds(3));
    CHECK(cluster.primary() == lead);
    CHECK(cluster.elections() == 1);
}

TEST_CASE("a primary that hears no majority steps down within an election timeout", "[order]") {
    Cluster cluster(3, calm(), {1, 2, 3});
    REQUIRE(cluster.elect());
    const std::uint64_t lead = cluster.primary();
    cluster.isolate(lead);
    cluster.run_for(millis(80));
    CHECK(cluster.status(lead).role != Role::primary);
    CHECK_FALSE(cluster.core(lead).may_execute());
}

TEST_CASE("a primary that can send but not hear gives way", "[order]") {
    Cluster cluster(4, calm(), {1, 2, 3});
    REQUIRE(cluster.elect());
    const std::uint64_t lead = cluster.primary();
    for (const std::uint64_t id : cluster.ids()) {
        if (id != lead) cluster.cut(id, lead);
    }
    REQUIRE(
        cluster.run_until([&] { return cluster.primary() != 0 && cluster.primary() != lead; }, seconds(2)));
}

TEST_CASE("of two voters neither works alone, and both work together", "[order]") {
    Cluster cluster(5, calm(), {1, 2});
    REQUIRE(cluster.elect());
    const std::uint64_t lead = cluster.primary();
    cluster.crash(3 - lead);
    cluster.run_for(seconds(1));
    CHECK(cluster.primary() == 0);
    cluster.restart(3 - lead);
    REQUIRE(cluster.elect());
    CHECK(cluster.propose(cluster.primary(), "both"));
    CHECK(cluster.settle());
}

TEST_CASE("a failed candidate's later epoch costs one election, not the cluster", "[order]") {
    Cluster cluster(6, calm(), {1, 2, 3});
    REQUIRE(cluster.elect());
    const std::uint64_t lead = cluster.primary();
    const std::uint64_t ahead = lead % 3 + 1;
    // Its disk says it stood in epoch 9 and lost.
    cluster.crash(ahead);
    Persist stood;
    stood.hard_state = HardState{9, {ahead}, 0};
    cluster.write(ahead, stood);
    cluster.restart(ahead);
    REQUIRE(cluster.run_until(
        [&] { return cluster.primary() != 0 && cluster.status(cluster.primary()).epoch > 9; }, seconds(2)));
    REQUIRE(cluster.elect());
    CHECK(cluster.settle());
}

TEST_CASE("ordered calls are back within two seconds of the primary's death with the default timings",
          "[order]") {
    World world;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        CAPTURE(seed);
        Cluster cluster(seed, world, {1, 2, 3});
        REQUIRE(cluster.elect());
        cluster.crash(cluster.primary());
        const Instant died = cluster.now();
        REQUIRE(cluster.elect());
        CHECK((cluster.now() - died) < seconds(2));
    }
}
