// Compaction and catching up by position: compare Raft section 7. The state itself comes by gossip.
#include <catch2/catch.hpp>

#include "tests/unit/order/cluster.h"
#include "tests/unit/order/solo.h"

using namespace anabranch;
using namespace anabranch::order;
using namespace anabranch::order::test;

namespace {

InstallSnapshot snapshot_at(Index index, Epoch epoch, Dots dependencies) {
    return {5, 0, index, {index, epoch, voters({A, B, C}), std::move(dependencies)}};
}

}  // namespace

TEST_CASE("only what is applied and durable can be compacted", "[order]") {
    Solo a(Solo::three());
    a.execute();
    a.propose("x", {{D, 2}});
    a.propose("y", {{D, 1}, {E, 4}});
    a.step(Held{{{D, 2}, {E, 4}}});
    a.persisted();
    a.acknowledge(B, 3);
    a.step(Compact{3});
    CHECK(a.status().first_index == 2);  // only the first entry was applied
    a.step(Applied{3});
    a.step(Compact{99});
    CHECK(a.status().first_index == 4);
    REQUIRE(a.all<Persist>().size() == 1);
    CHECK(a.all<Persist>()[0].snapshot == Snapshot{3, 1, voters({A, B, C}), {{D, 2}, {E, 4}}});
}

TEST_CASE("a replica far behind installs the position only after it durably has the state", "[order]") {
    Boot boot = Solo::three({entry(1, 1), entry(2, 1)}, {1, NOBODY, 0});
    Solo a(boot);
    a.receive(B, snapshot_at(9, 4, {{D, 5}}));
    REQUIRE(a.all<WantState>().size() == 1);
    CHECK(a.all<WantState>()[0].from == B);
    CHECK(a.status().last_index == 2);  // acknowledged entries stay until their replacement is safe
    a.step(Held{{{D, 5}}});
    CHECK(a.all<Installed>().empty());
    a.step(Held{{{ORDER_ORIGIN, 9}}});
    REQUIRE(a.all<Installed>().size() == 1);
    CHECK(a.status().first_index == 10);
    CHECK(a.status().commit == 9);
    CHECK(a.status().held == 0);
    a.persisted();
    CHECK(a.status().held == 9);
    CHECK(a.sent<AppendReply>()[0].second.held == 9);
    a.receive(B, Append{5, 9, 4, 10, 0, {entry(10, 5)}});
    a.persisted();
    REQUIRE(a.all<Committed>().size() == 1);
    CHECK(a.all<Committed>()[0].entry.index == 10);
}

TEST_CASE("a crash before the position is written leaves the old log, which is still right", "[order]") {
    Solo a(Solo::three({entry(1, 1), entry(2, 1)}, {1, NOBODY, 0}));
    a.receive(B, snapshot_at(9, 4, {}));
    a.step(Held{{{ORDER_ORIGIN, 9}}});
    Boot boot = Solo::three({entry(1, 1), entry(2, 1)}, {5, NOBODY, 0});
    boot.held = {{ORDER_ORIGIN, 9}};
    boot.applied = 9;
    Solo again(boot);
    CHECK(again.status().commit == 0);  // entries 1 and 2 may be of a lost epoch, whatever the state contains
    again.receive(B, snapshot_at(9, 4, {}));
    CHECK(again.all<Installed>().size() == 1);
}

TEST_CASE("a snapshot that the log already contains removes nothing", "[order]") {
    Solo a(Solo::three({entry(1, 1), entry(2, 4), entry(3, 4)}, {4, NOBODY, 0}));
    a.receive(B, snapshot_at(2, 4, {}));
    CHECK(a.all<Installed>().empty());
    CHECK(a.all<WantState>().empty());
    CHECK(a.status().last_index == 3);
    CHECK(a.status().commit == 2);
    CHECK(a.sent<AppendReply>()[0].second.seen == 2);
    a.receive(B, snapshot_at(1, 1, {}));  // an old one
    CHECK(a.status().commit == 2);
    CHECK(a.all<Installed>().empty());
}

TEST_CASE("a snapshot that was wanted removes nothing from a log that has reached it by other means",
          "[order]") {
    // The next primary still has the entries. They are acknowledged; then the state arrives that was asked
    // for before.
    Solo a(Solo::three({entry(1, 1)}, {1, NOBODY, 0}));
    a.receive(B, snapshot_at(2, 4, {}));
    REQUIRE(a.all<WantState>().size() == 1);
    a.receive(C, Append{6, 1, 1, 0, 0, {entry(2, 4), entry(3, 4)}});
    a.persisted();
    REQUIRE(a.sent<AppendReply>()[0].second.held == 3);
    a.step(Held{{{ORDER_ORIGIN, 2}}});
    CHECK(a.all<Installed>().empty());
    CHECK(a.status().last_index == 3);
    CHECK(a.status().commit == 2);
}

TEST_CASE("a primary sends the position to a peer behind its log, and goes on with entries", "[order]") {
    Cluster cluster(1, calm(), {1, 2, 3});
    REQUIRE(cluster.elect());
    const std::uint64_t lead = cluster.primary();
    const std::uint64_t behind = lead % 3 + 1;
    cluster.crash(behind);
    for (int i = 0; i < 30; ++i) REQUIRE(cluster.propose(lead, "x", {cluster.make_delta(lead)}));
    cluster.run_for(millis(50));
    cluster.compact(lead, 25);
    REQUIRE(cluster.status(lead).first_index == 26);
    cluster.restart(behind);
    REQUIRE(cluster.run_until([&] { return cluster.status(behind).first_index >= 26; }, seconds(1)));
    REQUIRE(cluster.propose(lead, "y"));
    REQUIRE(cluster.settle());
}

TEST_CASE("a replica that joins learns the members from a snapshot", "[order]") {
    Cluster cluster(2, calm(), {1, 2, 3});
    REQUIRE(cluster.elect());
    const std::uint64_t lead = cluster.primary();
    for (int i = 0; i < 10; ++i) cluster.propose(lead, "x");
    REQUIRE(cluster.settle());
    cluster.compact(lead, 10);
    cluster.join(4);
    cluster.input(lead, ChangeMembers{{{1}, {2}, {3}, {4}}, {}});
    REQUIRE(cluster.run_until(
        [&] { return cluster.status(4).members.voters.size() == 4 && !cluster.status(4).members.joint(); },
        seconds(2)));
    CHECK(cluster.settle());
}

TEST_CASE("a replica that does not know the members at a position does not compact to there", "[order]") {
    Boot boot;
    boot.self = D;
    Solo d(boot);
    const Entry change{2, 1, EntryKind::config, encode(Members{{A, B, C}, {}, {D}}), {}};
    d.receive(A, Append{1, 0, 0, 3, 0, {entry(1, 1), change, entry(3, 1)}});
    d.persisted();
    d.step(Applied{3});
    d.step(Compact{1});
    CHECK(d.status().first_index == 1);
    d.step(Compact{2});
    CHECK(d.status().first_index == 3);
}

TEST_CASE("an image restores the whole log", "[order]") {
    Solo a(Solo::three());
    a.execute();
    for (int i = 0; i < 5; ++i) a.propose("call " + std::to_string(i));
    a.persisted();
    a.acknowledge(B);
    a.step(Applied{6});
    a.step(Compact{3});
    Recovery recovery(A, {});
    for (const Bytes& record : encode(a.core().image(0))) REQUIRE(recovery.add(record));
    CHECK(recovery.boot().snapshot.index == 3);
    CHECK(recovery.boot().entries.size() == 3);
    CHECK(recovery.boot().hard_state == HardState{1, A, 6});
}

TEST_CASE("an image leaves out the entries that are kept beside it, as if they had been compacted",
          "[order]") {
    Solo a(Solo::three());
    a.execute();
    for (int i = 0; i < 5; ++i) a.propose("call " + std::to_string(i));
    a.persisted();
    a.acknowledge(B);
    a.step(Applied{4});
    const Persist short_image = a.core().image(5);  // the fifth has not been applied
    CHECK(a.core().image(0).entries.size() == 6);
    a.step(Compact{5});
    CHECK(short_image.snapshot == a.core().image(0).snapshot);
    CHECK(short_image.snapshot->index == 4);
    CHECK(short_image.entries == a.core().image(0).entries);
    CHECK(short_image.entries.size() == 2);
}
