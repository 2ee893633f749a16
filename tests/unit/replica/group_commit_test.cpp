// What a primary that is the only member does about clients that wait for its disk.
#include <catch2/catch.hpp>
#include <map>
#include <vector>

#include "node/replica/group_commit.h"
#include "tests/support/property.h"
#include "tests/unit/replica/cluster.h"

namespace anabranch::test::group_commit_test {
namespace {

// So many commits of four calls, of which each waits as long as its way says; how many waited for others.
std::size_t commit(replica::GroupCommit& group, std::size_t times, Duration at_once, Duration waiting,
                   Instant& now) {
    std::size_t waited = 0;
    for (std::size_t i = 0; i < times; ++i) {
        const bool waits = group.waits();
        waited += waits ? 1 : 0;
        now = now + millis(1);
        group.committed(4, {4 * (waits ? waiting : at_once).micros}, now);
    }
    return waited;
}

TEST_CASE("what makes calls wait less is done, and the other way tried now and then") {
    replica::GroupCommit group;
    Instant now;
    commit(group, 2000, micros(500), micros(300), now);
    const auto better = commit(group, 16'384, micros(500), micros(300), now);
    CHECK(better > 15'000);
    CHECK(better < 16'384);
    // The disk has become faster, or the clients slower.
    commit(group, 16'384, micros(200), micros(300), now);
    const auto worse = commit(group, 16'384, micros(200), micros(300), now);
    CHECK(worse > 0);
    CHECK(worse < 1'400);
}

TEST_CASE("a difference that may be chance changes nothing") {
    replica::GroupCommit group;
    Instant now;
    commit(group, 2000, micros(500), micros(300), now);
    CHECK(commit(group, 16'384, micros(295), micros(300), now) > 15'000);
}

TEST_CASE(
    "those who were answered at the same moment are waited for together, and whoever calls is one of them") {
    replica::GroupCommit group;
    const Instant now{1000};
    group.committed(2, {}, now);
    group.committed(1, {}, now);
    CHECK(group.answered_at() == now);
    for (int i = 0; i < 3; ++i) {
        CHECK_FALSE(group.all_back());
        group.arrived();
    }
    CHECK(group.all_back());
    group.arrived();
    CHECK(group.all_back());
    // Those who are late are not waited for a second time.
    group.committed(3, {}, now + millis(1));
    group.committed(1, {}, now + millis(2));
    group.arrived();
    CHECK(group.all_back());
}

TEST_CASE("where nobody has waited for the disk nobody is waited for") {
    replica::GroupCommit group;
    Instant now;
    commit(group, 2000, micros(500), micros(300), now);
    REQUIRE(group.waits());
    group.committed(0, {}, now + millis(1));
    CHECK_FALSE(group.waits());
    CHECK(group.all_back());
}

// Each client calls again some time after it has been answered, or much later, or never.
TEST_CASE("a node alone lets no call wait long for others that may not come") {
    for_seeds(4, [](Random& random) {
        Cluster cluster(
            "CREATE TABLE accounts (id bigint PRIMARY KEY, balance bigint NOT NULL CHECK (balance >= 0));"
            "CREATE PROCEDURE withdraw(a bigint, n bigint) BEGIN ATOMIC"
            "    UPDATE accounts SET balance = balance - n WHERE id = a; END;"
            "INSERT INTO accounts VALUES (1, 1000000);",
            {}, 1);
        cluster.elect();
        const auto node = cluster.primary();
        struct Client {
            std::optional<Cluster::Call> call;
            Instant since, next;
        };
        std::map<std::uint64_t, Client> clients;
        for (std::uint64_t session = 1; session <= 6; ++session) clients[session].next = cluster.now();
        std::size_t calls = 0;
        Duration longest;
        while (calls < 6000) {
            for (auto& [session, client] : clients) {
                if (client.call && cluster.answered(*client.call)) {
                    CHECK(cluster.answer(*client.call) == "CALL");
                    longest = std::max(longest, cluster.now() - client.since);
                    client.call.reset();
                    const auto pause = random.below(200) == 0 ? 50 : random.below(calls < 3000 ? 2 : 5);
                    client.next = cluster.now() + millis(static_cast<std::int64_t>(pause));
                }
                if (client.call || cluster.now() < client.next) continue;
                client.call = cluster.call(node, "CALL withdraw(1, 1)", session);
                client.since = cluster.now();
                ++calls;
            }
            cluster.run(millis(1));
        }
        // Its own sync, one that was under way, and as long for those who had been answered.
        CHECK(longest <= millis(8));
        const auto work = cluster.at(node).order_work();
        CHECK(work.entries < work.calls);
    });
}

}  // namespace
}  // namespace anabranch::test::group_commit_test
