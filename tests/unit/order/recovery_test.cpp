// A replica that has lost its disk: what it may have promised it hears from all others, and keeps to it.
#include <catch2/catch.hpp>

#include "tests/support/property.h"
#include "tests/unit/order/chaos.h"
#include "tests/unit/order/solo.h"

using namespace anabranch;
using namespace anabranch::order;
using namespace anabranch::order::test;

namespace {

RecoveryReply told(const Solo& solo, Epoch epoch, Index last, Epoch last_epoch, Members members) {
    const auto asked = solo.sent<RecoveryRequest>();
    REQUIRE(!asked.empty());
    return {epoch, asked[0].second.id, last, last_epoch, std::move(members), 1, false};
}

RecoveryReply told_since(const Solo& solo, Members members, Index since, bool committed) {
    auto reply = told(solo, 5, 7, 4, std::move(members));
    reply.members_index = since;
    reply.members_committed = committed;
    return reply;
}

// A replica that has lost its disk and has heard what the only other voter knows.
Solo recovered(Epoch epoch, Index last, Epoch last_epoch) {
    Boot boot = Solo::three();
    boot.snapshot.members = voters({A, B});
    Solo a(std::move(boot));
    a.step(Recover{{B}});
    a.receive(B, told(a, epoch, last, last_epoch, voters({A, B})));
    CHECK(a.all<Recovered>().empty());
    a.receive(B, told(a, epoch, last, last_epoch, voters({A, B})));
    REQUIRE(a.all<Recovered>().size() == 1);
    return a;
}

// What was on the disk that is lost has been acknowledged: only what follows from that can be looked at.
World forgetful(World world) {
    world.check_promises = false;
    return world;
}

Chaos losses(std::vector<std::uint64_t> voters) {
    Chaos chaos;
    chaos.world = forgetful(chaos.world);
    chaos.voters = std::move(voters);
    chaos.losses = 1;
    return chaos;
}

void holds(const Chaos& chaos, std::uint64_t seeds, std::uint64_t at_least) {
    std::map<std::string, std::uint64_t> seen;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        CAPTURE(seed);
        const Outcome outcome = run(chaos, seed);
        for (const auto& [what, times] : outcome.seen) seen[what] += times;
    }
    CHECK(seen["lost disks"] >= at_least);
    CHECK(seen["recovered"] >= at_least / 2);
}

}  // namespace

TEST_CASE("one that has lost its disk takes part again once all others have answered twice", "[order]") {
    Solo a = recovered(5, 7, 4);
    CHECK(a.all<Recovered>()[0].promises == Promises{5, 4, 7});
    CHECK(a.status().epoch == 5);
    CHECK_FALSE(a.core().caught_up());
}

TEST_CASE("while one of the others is silent it does not take part", "[order]") {
    Solo a(Solo::three());
    a.step(Recover{{B, C}});
    const auto from_b = told(a, 5, 7, 4, voters({A, B, C}));
    a.receive(B, from_b);
    a.receive(B, from_b);
    CHECK(a.all<Recovered>().empty());
    CHECK(a.status().epoch == 0);
}

TEST_CASE("voters that it learns of from the others are asked, too", "[order]") {
    Boot boot = Solo::three();
    boot.snapshot.members = voters({A, B});
    Solo a(std::move(boot));
    const Members joint{{A, B}, {A, B, C}, {}};
    a.step(Recover{{B}});
    a.receive(B, told(a, 5, 7, 4, joint));
    REQUIRE(a.all<MembersHeard>().size() == 1);
    CHECK(a.all<MembersHeard>()[0].members == joint);
    a.step(Recover{{B}});
    CHECK(a.sent<RecoveryRequest>().size() == 2);
    a.receive(C, told(a, 6, 2, 2, joint));
    const auto second = a.sent<RecoveryRequest>();
    REQUIRE(second.size() == 2);
    a.receive(B, {RecoveryReply{5, second[0].second.id, 7, 4, joint, 7, false}});
    a.receive(C, {RecoveryReply{6, second[0].second.id, 2, 2, joint, 2, false}});
    REQUIRE(a.all<Recovered>().size() == 1);
    CHECK(a.all<Recovered>()[0].promises == Promises{6, 4, 7});
}

TEST_CASE("gone_voter_of_an_old_list: a removed node's list is over once a later one is committed",
          "[order]") {
    for (const bool committed : {true, false}) {
        CAPTURE(committed);
        Solo a(Solo::three());
        a.step(Recover{{B, C}});
        for (int round = 0; round < (committed ? 2 : 1); ++round) {
            const auto from_b = told_since(a, voters({A, B}), 5, committed);
            const auto from_c = told_since(a, voters({A, B, C, D}), 2, true);  // D is gone for good
            a.receive(C, from_c);
            a.receive(B, from_b);
        }
        CHECK(a.all<Recovered>().size() == (committed ? 1 : 0));
    }
}

TEST_CASE("a later list that has not this replica in it ends no earlier one", "[order]") {
    Solo a(Solo::three());
    a.step(Recover{{B, C}});
    const auto from_b = told_since(a, voters({B, D}), 5, true);
    const auto from_c = told_since(a, voters({A, C, D}), 2, true);
    a.receive(B, from_b);
    a.receive(C, from_c);
    CHECK(a.sent<RecoveryRequest>().empty());  // D is still to answer
    CHECK(a.all<Recovered>().empty());
}

TEST_CASE("it votes in no epoch in which it may have voted before", "[order]") {
    Solo a = recovered(5, 7, 4);
    a.receive(B, VoteRequest{5, 9, 5, false, false});
    REQUIRE(a.sent<VoteReply>().size() == 1);
    CHECK_FALSE(a.sent<VoteReply>()[0].second.granted);
    a.receive(B, VoteRequest{6, 9, 5, false, false});
    REQUIRE(a.sent<VoteReply>().size() == 1);
    CHECK(a.sent<VoteReply>()[0].second.granted);
}

TEST_CASE("it votes for nobody who may lack what it had acknowledged, and does not stand", "[order]") {
    Solo a = recovered(5, 7, 4);
    a.receive(B, VoteRequest{6, 6, 4, false, false});
    REQUIRE(a.sent<VoteReply>().size() == 1);
    CHECK_FALSE(a.sent<VoteReply>()[0].second.granted);
    a.wait(seconds(10));
    a.time_out();
    CHECK(a.sent<VoteRequest>().empty());
}

TEST_CASE("it vouches for no other before it has caught up", "[order]") {
    Solo a = recovered(5, 2, 5);
    a.receive(B, RecoveryRequest{0, 99});
    CHECK(a.sent<RecoveryReply>().empty());
    a.receive(B, Append{5, 0, 0, 0, 0, {entry(1, 5), entry(2, 5)}});
    a.persisted();
    CHECK(a.core().caught_up());
    a.receive(B, RecoveryRequest{0, 99});
    REQUIRE(a.sent<RecoveryReply>().size() == 1);
    CHECK(a.sent<RecoveryReply>()[0].second.last_index == 2);
}

TEST_CASE("it keeps its promises over a restart", "[order]") {
    Boot boot = Solo::three();
    boot.promises = Promises{5, 4, 7};
    Solo a(std::move(boot));
    CHECK_FALSE(a.core().caught_up());
    a.time_out();
    CHECK(a.sent<VoteRequest>().empty());
    a.receive(B, VoteRequest{6, 6, 4, false, false});
    REQUIRE(a.sent<VoteReply>().size() == 1);
    CHECK_FALSE(a.sent<VoteReply>()[0].second.granted);
}

TEST_CASE("two voters go on after either has lost its disk", "[order]") {
    for (const bool lead : {false, true}) {
        World world = forgetful({});
        world.order = quick_options();
        Cluster cluster(lead ? 1 : 2, world, {1, 2});
        REQUIRE(cluster.elect());
        for (int i = 0; i < 5; ++i) cluster.propose(cluster.primary(), "x");
        REQUIRE(cluster.settle());
        const std::uint64_t lost = lead ? cluster.primary() : 3 - cluster.primary();
        REQUIRE(cluster.lose(lost));
        cluster.run_for(millis(100));
        cluster.restart(lost);
        REQUIRE(cluster.elect());
        REQUIRE(cluster.propose(cluster.primary(), "afterwards"));
        REQUIRE(cluster.settle());
        CHECK(cluster.facts().last_committed() >= 7);
        CHECK(cluster.core(lost).caught_up());
    }
}

TEST_CASE("of two voters one may lose its disk while a third is let in or it is let out", "[order]") {
    for (int at = 0; at < 40; ++at) {
        CAPTURE(at);
        World world = forgetful({});
        world.order = quick_options();
        Cluster cluster(static_cast<std::uint64_t>(at) + 1, world, {1, 2});
        cluster.join(3);
        REQUIRE(cluster.elect());
        const std::uint64_t lost = 1 + static_cast<std::uint64_t>(at) % 2;
        cluster.input(cluster.primary(), ChangeMembers{{{1}, {2}, {3}}, {}});
        cluster.run_for(micros(150 * at));
        REQUIRE(cluster.lose(lost));
        cluster.run_for(millis(at));
        cluster.restart(lost);
        const bool goes_on = cluster.run_until(
            [&] { return cluster.primary() != 0 && cluster.propose(cluster.primary(), "afterwards"); });
        INFO(cluster.core(1).describe() << "\n"
                                        << cluster.core(2).describe() << "\n"
                                        << cluster.core(3).describe());
        REQUIRE(goes_on);
        REQUIRE(cluster.settle());
    }
}

TEST_CASE("random histories with lost disks keep every property and go on", "[order]") {
    holds(losses({1, 2, 3}), 60, 40);
    holds(losses({1, 2}), 60, 40);
    Chaos changes = losses({1, 2, 3});
    changes.spares = {4, 5};
    changes.changes = 2;
    holds(changes, 60, 20);
}

TEST_CASE("a replica that votes at once after the loss of its disk is found", "[order][mutation]") {
    if (anabranch::test::sanitized) return;
    Chaos chaos = losses({1, 2, 3});
    chaos.recovers = false;
    chaos.losses = 3;
    chaos.world.order.unsafe.recover_at_once = true;
    const auto [seed, story] = first_violation([&](std::uint64_t n) { (void)run(chaos, n); }, 1000);
    CAPTURE(story);
    CHECK(seed != 0);
}

TEST_CASE("a sole voter by its own list does not lead while it asks what it has promised", "[order]") {
    Boot boot = Solo::three();
    boot.snapshot.members = voters({A});
    Solo a(std::move(boot));
    a.step(Recover{{B}});
    a.time_out();
    CHECK(a.status().role == Role::follower);
    a.step(Trusted{});
    a.wait(seconds(1));
    a.time_out();
    a.persisted();
    CHECK(a.status().role == Role::primary);
}
