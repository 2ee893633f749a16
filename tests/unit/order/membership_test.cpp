// Changes of membership: Raft section 6 (joint consensus), learners, and the field failures around them.
#include <catch2/catch.hpp>

#include "tests/unit/order/cluster.h"
#include "tests/unit/order/solo.h"

using namespace anabranch;
using namespace anabranch::order;
using namespace anabranch::order::test;

namespace {

Entry config(Index index, Epoch epoch, const Members& members) {
    return {index, epoch, EntryKind::config, encode(members), {}};
}

bool changed(Cluster& cluster, const std::vector<ReplicaId>& wanted) {
    return cluster.run_until(
        [&] {
            const std::uint64_t lead = cluster.primary();
            if (lead == 0) return false;
            const Status status = cluster.status(lead);
            return !status.members.joint() && status.members.voters == wanted &&
                   status.commit == status.last_index;
        },
        seconds(3));
}

}  // namespace

TEST_CASE("a change goes through a joint phase that needs both majorities", "[order]") {
    Solo a(Solo::three());
    a.execute();
    a.step(ChangeMembers{{A, D, E}, {}});
    CHECK(a.status().members == Members{{A, B, C}, {A, D, E}, {}});
    a.persisted();
    a.acknowledge(B);
    CHECK(a.status().commit == 1);
    a.acknowledge(C);
    CHECK(a.status().commit == 1);
    a.acknowledge(D);
    CHECK(a.status().commit == 2);
    // The joint entry is committed: the final one is in the log and in force at once.
    CHECK(a.status().members == Members{{A, D, E}, {}, {}});
    a.persisted();
    a.acknowledge(B);
    CHECK(a.status().commit == 2);
    a.acknowledge(E);
    CHECK(a.status().commit == 3);
}

TEST_CASE("an election in the joint phase needs both majorities", "[order]") {
    const Members joint{{A, B, C}, {A, D, E}, {}};
    Solo a(Solo::three({config(1, 1, joint)}, {1, NOBODY, 0}));
    a.time_out();
    CHECK(a.sent<VoteRequest>().size() == 4);
    a.receive(B, VoteReply{1, 2, true, true});
    a.receive(C, VoteReply{1, 2, true, true});
    CHECK(a.status().role == Role::pre_candidate);
    a.receive(E, VoteReply{1, 2, true, true});
    CHECK(a.status().role == Role::candidate);
}

TEST_CASE("joint membership cannot make two majorities", "[order]") {
    // The cluster is cut between the old and the new voters at every moment of a complete exchange of voters.
    for (int at = 0; at < 60; ++at) {
        CAPTURE(at);
        Cluster cluster(static_cast<std::uint64_t>(at) + 1, calm(), {1, 2, 3});
        for (const std::uint64_t id : {4, 5, 6}) cluster.join(id);
        REQUIRE(cluster.elect());
        cluster.input(cluster.primary(), ChangeMembers{{{4}, {5}, {6}}, {}});
        cluster.run_for(micros(200 * at));
        cluster.split({4, 5, 6});
        for (int i = 0; i < 40; ++i) {
            for (const std::uint64_t id : cluster.ids()) {
                if (cluster.core(id).may_execute()) cluster.propose(id, "call " + std::to_string(id));
            }
            cluster.run_for(millis(10));
        }
        cluster.heal();
        REQUIRE(cluster.elect());
        REQUIRE(cluster.settle());
    }
}

TEST_CASE("a learner receives every entry and never counts", "[order]") {
    Cluster cluster(1, calm(), {1, 2}, {3, 4, 5});
    REQUIRE(cluster.elect());
    const std::uint64_t lead = cluster.primary();
    REQUIRE(lead <= 2);
    REQUIRE(cluster.propose(lead, "x"));
    REQUIRE(cluster.settle());
    CHECK(cluster.applied(5) == cluster.applied(lead));
    const Index before = cluster.status(lead).commit;
    cluster.crash(3 - lead);
    cluster.propose(lead, "alone with three learners");
    cluster.run_for(millis(40));
    CHECK(cluster.status(lead).commit == before);
    cluster.run_for(seconds(1));
    CHECK(cluster.primary() == 0);
    for (const std::uint64_t id : {3, 4, 5}) CHECK(cluster.status(id).role == Role::follower);
}

TEST_CASE("a learner does not stand for election", "[order]") {
    Boot boot = Solo::three();
    boot.self = D;
    boot.snapshot.members.learners = {D};
    Solo d(boot);
    d.time_out();
    CHECK(d.all<Send>().empty());
    CHECK(d.status().role == Role::follower);
}

TEST_CASE("a learner that has caught up becomes a voter", "[order]") {
    Cluster cluster(2, calm(), {1, 2, 3});
    REQUIRE(cluster.elect());
    for (int i = 0; i < 20; ++i) cluster.propose(cluster.primary(), "x");
    cluster.join(4);
    cluster.input(cluster.primary(), ChangeMembers{{{1}, {2}, {3}}, {{4}}});
    REQUIRE(cluster.settle());
    CHECK(cluster.applied(4) > 20);
    cluster.input(cluster.primary(), ChangeMembers{{{1}, {2}, {3}, {4}}, {}});
    REQUIRE(changed(cluster, {{1}, {2}, {3}, {4}}));
}

TEST_CASE("a voter that becomes a learner votes until the change is done", "[order]") {
    Solo a(Solo::three());
    a.execute();
    a.step(ChangeMembers{{A, B}, {C}});
    CHECK(a.status().members == Members{{A, B, C}, {A, B}, {C}});
    a.persisted();
    a.acknowledge(B);
    CHECK(a.status().members == Members{{A, B}, {}, {C}});
    CHECK(a.status().peers.size() == 2);
}

TEST_CASE("a change of learners alone needs no joint phase", "[order]") {
    Solo a(Solo::three());
    a.execute();
    a.step(ChangeMembers{{C, B, A}, {D}});
    CHECK(a.status().members == Members{{A, B, C}, {}, {D}});
}

TEST_CASE("a primary that is removed leads until its removal is committed, then steps down", "[order]") {
    Cluster cluster(3, calm(), {1, 2, 3});
    REQUIRE(cluster.elect());
    const std::uint64_t lead = cluster.primary();
    std::vector<ReplicaId> rest;
    for (const std::uint64_t id : {1, 2, 3}) {
        if (id != lead) rest.push_back({id});
    }
    cluster.input(lead, ChangeMembers{rest, {}});
    REQUIRE(cluster.run_until([&] { return cluster.status(lead).role != Role::primary; }, seconds(1)));
    CHECK(cluster.status(lead).members.voters == rest);
    REQUIRE(cluster.elect());
    CHECK(cluster.primary() != lead);
    // It does not disturb those that stay.
    const std::uint64_t elections = cluster.elections();
    cluster.run_for(seconds(2));
    CHECK(cluster.elections() == elections);
    CHECK(cluster.settle());
}

TEST_CASE("an uncommitted change is rolled back with the log", "[order]") {
    const Members wider{{A, B, C}, {A, B, C, D}, {}};
    Solo a(Solo::three({entry(1, 1), config(2, 1, wider)}, {1, NOBODY, 0}));
    CHECK(a.status().members == wider);
    a.receive(B, Append{2, 1, 1, 0, 0, {entry(2, 2)}});
    CHECK(a.status().members == voters({A, B, C}));
    REQUIRE(a.all<MembersChanged>().size() == 1);
    CHECK_FALSE(a.all<MembersChanged>()[0].committed);
}

TEST_CASE("a new primary ends a joint phase that it inherits", "[order]") {
    // Already committed under the earlier primary, so that no commit of the joint entry itself happens here.
    const Members joint{{A, B, C}, {A, B, D}, {}};
    Solo a(Solo::three({config(1, 1, joint)}, {1, NOBODY, 1}));
    a.step(Tick{});
    a.time_out();
    a.receive(B, VoteReply{1, 2, true, true});
    a.persisted();
    a.receive(B, VoteReply{2, 2, false, true});
    a.persisted();
    REQUIRE(a.status().role == Role::primary);
    a.acknowledge(B);
    CHECK(a.status().members == voters({A, B, D}));
}

TEST_CASE("a replica that is being removed may stand while the others need its log", "[order]") {
    // It alone has the entry that removes it: no other can win its vote, so it must win theirs.
    const Members joint{{A, B, C}, {B, C, D}, {}};
    const std::vector<Entry> log = {config(1, 1, joint), config(2, 1, voters({B, C, D}))};
    Solo a(Solo::three(log, {1, NOBODY, 1}));
    a.step(Tick{});
    a.time_out();
    CHECK(a.sent<VoteRequest>().size() == 3);
    // Once the removal is committed it stays quiet.
    Solo gone(Solo::three(log, {1, NOBODY, 2}));
    gone.step(Tick{});
    gone.time_out();
    CHECK(gone.all<Send>().empty());
}

TEST_CASE("one change at a time, and only after the epoch's first commit", "[order]") {
    Solo a(Solo::three());
    a.step(ChangeMembers{{A}, {}});
    CHECK(a.all<Refused>()[0].why == Refusal::not_primary);
    a.lead();
    a.step(ChangeMembers{{A}, {}});
    CHECK(a.all<Refused>()[0].why == Refusal::unready);
    a.acknowledge(B);
    a.step(ChangeMembers{{A, B, C, D}, {}});
    CHECK(a.all<Refused>().empty());
    a.step(ChangeMembers{{A, B, C}, {}});
    CHECK(a.all<Refused>()[0].why == Refusal::change_in_progress);
}

TEST_CASE("an impossible set of members is refused", "[order]") {
    Solo a(Solo::three());
    a.execute();
    for (const ChangeMembers& change : {ChangeMembers{{}, {A}}, ChangeMembers{{A, A}, {}},
                                        ChangeMembers{{A, B}, {B}}, ChangeMembers{{NOBODY}, {}}}) {
        a.step(change);
        REQUIRE(a.all<Refused>().size() == 1);
        CHECK(a.all<Refused>()[0].why == Refusal::bad_members);
    }
}

TEST_CASE("all voters can be exchanged while calls go on", "[order]") {
    Cluster cluster(4, calm(), {1, 2, 3});
    REQUIRE(cluster.elect());
    for (const std::uint64_t id : {4, 5, 6}) cluster.join(id);
    cluster.input(cluster.primary(), ChangeMembers{{{4}, {5}, {6}}, {}});
    for (int i = 0; i < 200; ++i) {
        if (const std::uint64_t lead = cluster.primary(); lead != 0)
            cluster.propose(lead, "call " + std::to_string(i));
        cluster.run_for(millis(2));
    }
    REQUIRE(changed(cluster, {{4}, {5}, {6}}));
    CHECK(cluster.primary() >= 4);
    CHECK(cluster.facts().all_committed().size() > 100);
}
