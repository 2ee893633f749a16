// Log replication: Raft section 5.3, with batching, pipelining, a window per peer and conflict hints.
#include <catch2/catch.hpp>

#include "tests/unit/order/cluster.h"
#include "tests/unit/order/solo.h"

using namespace anabranch;
using namespace anabranch::order;
using namespace anabranch::order::test;

namespace {

std::vector<Entry> log_of(std::vector<Epoch> epochs) {
    std::vector<Entry> out;
    for (const Epoch epoch : epochs) out.push_back(entry(out.size() + 1, epoch, "e" + std::to_string(epoch)));
    return out;
}

Append append(Epoch epoch, Index previous, Epoch previous_epoch, std::vector<Entry> entries,
              Index commit = 0) {
    return {epoch, previous, previous_epoch, commit, 0, std::move(entries)};
}

std::size_t entries_sent(const Solo& solo, ReplicaId to) {
    std::size_t count = 0;
    for (const auto& [id, message] : solo.sent<Append>()) count += id == to ? message.entries.size() : 0;
    return count;
}

}  // namespace

TEST_CASE("a follower takes entries only where its log agrees", "[order]") {
    Solo a(Solo::three(log_of({1, 1}), {1, NOBODY, 0}));
    a.receive(B, append(2, 3, 2, {entry(4, 2)}));
    CHECK(a.sent<AppendReply>()[0].second.rejected);
    a.receive(B, append(2, 2, 2, {entry(3, 2)}));
    CHECK(a.sent<AppendReply>()[0].second.rejected);
    a.receive(B, append(2, 2, 1, {entry(3, 2)}));
    CHECK(a.status().last_index == 3);
}

TEST_CASE("an acknowledgement leaves only when the entry is durable", "[order]") {
    Solo a(Solo::three());
    a.receive(B, append(1, 0, 0, {entry(1, 1)}));
    CHECK(a.sent<AppendReply>().empty());
    // A heartbeat is answered at once, and claims nothing that is not durable.
    a.receive(B, append(1, 1, 1, {}));
    REQUIRE(a.sent<AppendReply>().size() == 1);
    CHECK(a.sent<AppendReply>()[0].second.seen == 1);
    CHECK(a.sent<AppendReply>()[0].second.held == 0);
    a.persisted();
    REQUIRE(a.sent<AppendReply>().size() == 1);
    CHECK(a.sent<AppendReply>()[0].second.held == 1);
}

TEST_CASE("what a slow disk writes after a truncation does not count as durable", "[order]") {
    Solo a(Solo::three());
    a.receive(B, append(1, 0, 0, {entry(1, 1), entry(2, 1), entry(3, 1)}));
    const Ticket first = a.all<Persist>()[0].ticket;
    a.receive(C, append(2, 1, 1, {entry(2, 2)}));  // overwrites 2 and 3 while they are being written
    a.step(Persisted{first});
    CHECK(a.status().durable == 1);
    CHECK(a.sent<AppendReply>()[0].second.held == 1);
    a.persisted();
    CHECK(a.status().durable == 2);
}

TEST_CASE("a late or repeated append removes nothing", "[order]") {
    Solo a(Solo::three());
    a.receive(B, append(1, 0, 0, {entry(1, 1), entry(2, 1)}));
    a.receive(B, append(1, 0, 0, {entry(1, 1)}));
    CHECK(a.status().last_index == 2);
    CHECK(a.all<Persist>().empty());
}

TEST_CASE("a stale tail is not committed by a heartbeat", "[order]") {
    // Entries 2 and 3 are of a lost epoch: the primary's commit index covers only what matches its log.
    Solo a(Solo::three(log_of({1, 1, 1}), {1, NOBODY, 0}));
    a.receive(B, append(2, 1, 1, {}, 3));
    CHECK(a.status().commit == 1);
    CHECK(a.all<Committed>().size() == 1);
}

TEST_CASE("an append from below the commit index is taken from there", "[order]") {
    Boot boot = Solo::three(log_of({1, 1, 1}), {1, NOBODY, 3});
    boot.applied = 3;
    Solo a(boot);
    a.step(Compact{3});
    CHECK(a.status().first_index == 4);
    a.receive(B, append(2, 1, 1, {entry(2, 1), entry(3, 1), entry(4, 2)}, 3));
    CHECK(a.status().last_index == 4);
    CHECK(a.all<BadMessage>().empty());
    a.persisted();
    CHECK(a.sent<AppendReply>()[0].second.held == 4);
}

TEST_CASE("a hint skips a whole epoch at once", "[order]") {
    Solo a(Solo::three(log_of({1, 1, 2, 2, 2, 2, 2, 2}), {2, NOBODY, 0}));
    a.receive(B, append(4, 8, 3, {}));
    const AppendReply reply = a.sent<AppendReply>()[0].second;
    CHECK(reply.rejected);
    CHECK(reply.hint_index == 8);
    CHECK(reply.hint_epoch == 2);

    // The primary's log: 1 1 3 3 3 3 3 3. It can agree at most at 2.
    Solo primary(Solo::three(log_of({1, 1, 3, 3, 3, 3, 3, 3}), {3, NOBODY, 0}));
    primary.lead();
    AppendReply rejected = reply;
    rejected.epoch = primary.status().epoch;
    primary.receive(B, rejected);
    REQUIRE(primary.sent<Append>().size() == 1);
    CHECK(primary.sent<Append>()[0].second.previous_index == 2);
    // The same rejection again, or an older one, asks nothing anew.
    primary.receive(B, rejected);
    CHECK(primary.sent<Append>().empty());
}

TEST_CASE("all followers of figure 7 end with the primary's log", "[order]") {
    World world = calm();
    Cluster cluster(1, world, {1, 2, 3, 4, 5, 6, 7});
    const std::vector<std::vector<Epoch>> logs = {
        {1, 1, 1, 4, 4, 5, 5, 6, 6, 6},        // the primary to be
        {1, 1, 1, 4, 4, 5, 5, 6, 6},           // a: an entry is missing
        {1, 1, 1, 4},                          // b: many are
        {1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6},     // c: one too many
        {1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7},  // d: two of a later epoch
        {1, 1, 1, 4, 4, 4, 4},                 // e: both
        {1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3},     // f: both, several epochs
    };
    for (std::uint64_t id = 1; id <= 7; ++id) {
        cluster.crash(id);
        Persist image;
        image.hard_state = HardState{7, NOBODY, 0};
        image.entries = log_of(logs[id - 1]);
        cluster.write(id, image);
    }
    // Four are a bare majority, so all of them must agree: only the longest log wins.
    for (const std::uint64_t id : {1, 2, 3, 6}) cluster.restart(id);
    REQUIRE(cluster.elect());
    CHECK(cluster.primary() == 1);
    for (const std::uint64_t id : {4, 5, 7}) cluster.restart(id);
    REQUIRE(cluster.settle());
    for (std::uint64_t id = 1; id <= 7; ++id) {
        const Persist image = cluster.core(id).image(0);
        REQUIRE(image.entries.size() == 11);
        CHECK(image.entries == cluster.core(1).image(0).entries);
    }
}

TEST_CASE("no more than the window of messages is unanswered", "[order]") {
    Options options;
    options.inflight_max = 3;
    Solo a(Solo::three(), options);
    a.execute();
    std::size_t messages = 0;
    for (int i = 0; i < 50; ++i) {
        a.propose("x");
        for (const auto& [to, message] : a.sent<Append>()) messages += to == B ? 1 : 0;
    }
    CHECK(messages == 3);
    // The answer lets everything that has gathered go as one batch.
    a.acknowledge(B, 2);
    CHECK(a.sent<Append>().size() == 1);
    CHECK(entries_sent(a, B) == 47);
}

TEST_CASE("a batch keeps to its limits", "[order]") {
    Options options;
    options.inflight_max = 1;
    options.append_entries_max = 10;
    options.append_bytes_max = 100;
    Solo a(Solo::three(), options);
    a.execute();
    a.propose("first");
    for (int i = 0; i < 20; ++i) a.propose("x");
    for (int i = 0; i < 3; ++i) a.propose(Bytes(90, 'y'));
    a.propose(Bytes(1000, 'z'));
    std::vector<std::size_t> sizes;
    for (Index held = 2; held < a.status().last_index;) {
        a.acknowledge(B, held);
        REQUIRE(entries_sent(a, B) > 0);
        sizes.push_back(entries_sent(a, B));
        held += entries_sent(a, B);
    }
    CHECK(sizes == std::vector<std::size_t>{10, 10, 1, 1, 1, 1});
}

TEST_CASE("a lost message is noticed by the next heartbeat and sent again", "[order]") {
    Cluster cluster(1, calm(), {1, 2, 3});
    REQUIRE(cluster.elect());
    const std::uint64_t lead = cluster.primary();
    cluster.world().loss = 1;
    cluster.propose(lead, "lost");
    cluster.run_for(millis(5));
    cluster.world().loss = 0;
    CHECK(cluster.settle(millis(60)));
    CHECK(cluster.elections() == 1);
}

TEST_CASE("reordering and repetition cannot make traffic grow", "[order]") {
    World world = calm();
    world.delay_min = micros(100);
    world.delay_max = millis(9);
    world.repeat = 0.3;
    Cluster cluster(1, world, {1, 2, 3});
    REQUIRE(cluster.elect());
    const std::size_t before = cluster.messages();
    const std::uint64_t lead = cluster.primary();
    for (int i = 0; i < 2000; ++i) {
        if (cluster.primary() == lead) cluster.propose(lead, "x");
        cluster.run_for(millis(1));
    }
    REQUIRE(cluster.settle());
    // Two peers, an append and an answer each, for every proposal; plus heartbeats; a melt-down is orders of
    // magnitude above.
    CHECK(cluster.messages() - before < 4 * 2000 + 4 * 250 + 6000);
}

TEST_CASE("an idle cluster sends heartbeats and nothing else", "[order]") {
    Cluster cluster(1, calm(), {1, 2, 3});
    REQUIRE(cluster.elect());
    REQUIRE(cluster.settle());
    cluster.run_for(millis(100));
    const std::size_t before = cluster.messages();
    cluster.run_for(seconds(1));
    CHECK(cluster.messages() - before <= 4 * 101);
}

TEST_CASE("proposals beyond the limit are refused until something commits", "[order]") {
    Options options;
    options.pending_entries_max = 3;
    Solo a(Solo::three(), options);
    a.execute();
    for (int i = 0; i < 3; ++i) CHECK((a.propose("x"), a.all<Refused>().empty()));
    a.propose("x");
    REQUIRE(a.all<Refused>().size() == 1);
    CHECK(a.all<Refused>()[0].why == Refusal::overloaded);
    a.persisted();
    a.acknowledge(B);
    CHECK((a.propose("x"), a.all<Refused>().empty()));
}

TEST_CASE("a proposal for another position or epoch is refused", "[order]") {
    Solo a(Solo::three());
    a.step(Propose{0, 1, "x", {}});
    CHECK(a.all<Refused>()[0].why == Refusal::not_primary);
    a.execute();
    a.step(Propose{1, 9, "x", {}});
    CHECK(a.all<Refused>()[0].why == Refusal::stale_position);
    a.step(Propose{9, 2, "x", {}});
    CHECK(a.all<Refused>()[0].why == Refusal::stale_position);
}

TEST_CASE("a faulty peer's messages are named and ignored", "[order]") {
    Boot boot = Solo::three(log_of({1, 1}), {1, NOBODY, 2});
    boot.applied = 2;
    Solo a(boot);
    a.receive(B, append(2, 2, 1, {}));
    const auto bad = [&](ReplicaId from, Message message) {
        a.receive(from, std::move(message));
        return a.all<BadMessage>().size() == 1 && a.status().last_index == 2 && a.status().epoch == 2;
    };
    CHECK(bad(C, append(2, 2, 1, {})));                                       // a second primary
    CHECK(bad(B, append(2, 2, 1, {entry(4, 2)})));                            // a gap
    CHECK(bad(B, append(2, 2, 1, {entry(3, 3)})));                            // an epoch to come
    CHECK(bad(B, append(2, 2, 1, {entry(3, 2), entry(4, 1)})));               // epochs going back
    CHECK(bad(B, append(2, 2, 3, {})));                                       // a position to come
    CHECK(bad(B, append(2, 2, 1, {entry(3, 2, "x", {{D, 0}})})));             // no version vector
    CHECK(bad(B, append(2, 2, 1, {{3, 2, EntryKind::config, "junk", {}}})));  // no members
    CHECK(bad(B, append(2, 0, 0, {entry(1, 0), entry(2, 0), entry(3, 0)})));  // epoch 0
    CHECK(bad(A, append(2, 2, 1, {})));                                       // ourselves
    CHECK(bad(C, append(~Epoch{0}, 2, 1, {})));                               // no room for another epoch
    CHECK(bad(B, InstallSnapshot{2, 0, 0, {}}));                              // an empty snapshot
    a.receive(B, append(2, ~Index{0}, 1, {}));
    CHECK(a.sent<AppendReply>()[0].second.rejected);
}

TEST_CASE("a primary ignores acknowledgements of what it never sent", "[order]") {
    Solo a(Solo::three());
    a.execute();
    a.acknowledge(B, 99);
    CHECK(a.all<BadMessage>().size() == 1);
    a.acknowledge(E, 1);  // not a member
    CHECK(a.status().commit == 1);
}
