// What a session is promised wherever it goes: session tokens, reads at the primary, requests made again.
#include <catch2/catch.hpp>

#include "tests/unit/replica/cluster.h"

namespace anabranch::test::sessions_test {
namespace {

const char* const bank = R"sql(
    CREATE TABLE accounts (id bigint PRIMARY KEY, balance bigint NOT NULL CHECK (balance >= 0));
    CREATE TABLE notes (id bigint PRIMARY KEY, note text);
    CREATE PROCEDURE deposit(a bigint, n bigint) BEGIN ATOMIC
        UPDATE accounts SET balance = balance + n WHERE id = a; END;
    CREATE PROCEDURE withdraw(a bigint, n bigint) BEGIN ATOMIC
        UPDATE accounts SET balance = balance - n WHERE id = a; END;
    CREATE PROCEDURE write_note(i bigint, t text) BEGIN ATOMIC
        UPDATE notes SET note = t WHERE id = i; END;
    INSERT INTO accounts VALUES (1, 100), (2, 100);
    INSERT INTO notes VALUES (1, 'first');
)sql";

const char* const balance = "SELECT balance FROM accounts WHERE id = 1";

TEST_CASE("read your writes: a statement with the token of another node waits for what that node had seen") {
    Cluster cluster(bank, {"deposit", "write_note"});
    cluster.elect();
    cluster.cut("a", "b");
    cluster.cut("c", "b");
    REQUIRE(cluster.ask("a", "CALL deposit(1, 5)") == "CALL");
    const auto token = cluster.at("a").setting(1, "anabranch.session");
    REQUIRE(token.has_value());
    REQUIRE(cluster.at("b").set(1, "anabranch.session", *token).has_value());
    const auto read = cluster.call("b", balance);
    cluster.run(millis(500));
    CHECK(cluster.answer(read) == "...");
    cluster.cut("a", "b", false);
    cluster.cut("c", "b", false);
    cluster.run(seconds(4), [&] { return cluster.answered(read); });
    CHECK(cluster.answer(read) == "SELECT 1: 105");
}

TEST_CASE("a token that is not reached in time is an error that says so") {
    Cluster cluster(bank, {"deposit", "write_note"});
    cluster.elect();
    cluster.cut("a", "b");
    cluster.cut("c", "b");
    REQUIRE(cluster.ask("a", "CALL deposit(1, 5)") == "CALL");
    REQUIRE(cluster.at("b").set(1, "anabranch.session", *cluster.at("a").setting(1, "anabranch.session")));
    REQUIRE(cluster.at("b").set(1, "anabranch.order_timeout", "300ms"));
    CHECK(cluster.ask("b", balance) ==
          "ERROR 57P03: this node has not yet seen what the session token stands for");
}

TEST_CASE("writes_follow_reads_at_commit: a block that is given a token before COMMIT commits after it") {
    Cluster cluster(bank, {"deposit", "write_note"});
    cluster.elect();
    cluster.cut("a", "b");
    cluster.cut("c", "b");
    REQUIRE(cluster.ask("a", "CALL write_note(1, 'second')") == "CALL");
    REQUIRE(cluster.at("b").begin(1).has_value());
    REQUIRE(cluster.ask("b", "CALL write_note(1, 'third')") == "CALL");
    REQUIRE(cluster.at("b").set(1, "anabranch.session", *cluster.at("a").setting(1, "anabranch.session")));
    const auto commit = cluster.commit("b");
    cluster.run(millis(300));
    CHECK(cluster.answer(commit) == "...");
    for (const auto* node : {"a", "b", "c"})
        CHECK(cluster.ask(node, "SELECT note FROM notes", 9) !=
              "SELECT 1: third");  // nothing of it is to be seen
    cluster.cut("a", "b", false);
    cluster.cut("c", "b", false);
    cluster.run(seconds(4), [&] { return cluster.answered(commit); });
    CHECK(cluster.answer(commit) == "COMMIT");
    cluster.run(seconds(1));
    for (const auto* node : {"a", "b", "c"})
        CHECK(cluster.ask(node, "SELECT note FROM notes", 9) == "SELECT 1: third");
}

TEST_CASE("a block whose COMMIT waits in vain for a token is rolled back") {
    Cluster cluster(bank, {"deposit", "write_note"});
    cluster.elect();
    cluster.cut("a", "b");
    cluster.cut("c", "b");
    REQUIRE(cluster.ask("a", "CALL write_note(1, 'second')") == "CALL");
    REQUIRE(cluster.at("b").set(1, "anabranch.order_timeout", "300ms"));
    REQUIRE(cluster.at("b").begin(1).has_value());
    REQUIRE(cluster.ask("b", "CALL write_note(1, 'third')") == "CALL");
    REQUIRE(cluster.at("b").set(1, "anabranch.session", *cluster.at("a").setting(1, "anabranch.session")));
    const auto commit = cluster.commit("b");
    cluster.run(seconds(1));
    CHECK(cluster.answer(commit).starts_with("ERROR 57P03"));
    CHECK(cluster.at("b").block(1) == replica::Block::none);
    CHECK(cluster.ask("b", "SELECT note FROM notes", 9) == "SELECT 1: first");
}

TEST_CASE("with durability = 'quorum' a free call is answered once a majority has it on disk") {
    Cluster cluster(bank, {"deposit", "write_note"});
    cluster.elect();
    REQUIRE(cluster.at("a").set(1, "anabranch.durability", "quorum").has_value());
    CHECK(cluster.at("a").setting(1, "anabranch.durability") == "quorum");
    CHECK(cluster.ask("a", "CALL deposit(1, 1)") == "CALL");
    cluster.stop_disk("b");
    cluster.stop_disk("c");
    const auto waits = cluster.call("a", "CALL deposit(1, 1)", 1);
    const auto local = cluster.call("a", "CALL deposit(1, 1)", 2);  // its session waits for its own disk
    REQUIRE(cluster.at("a").begin(3).has_value());
    REQUIRE(cluster.at("a").set(3, "anabranch.durability", "quorum").has_value());
    REQUIRE(cluster.ask("a", "CALL deposit(1, 1)", 3) == "CALL");
    const auto block = cluster.commit("a", 3);
    cluster.run(seconds(1));
    CHECK(cluster.answer(local) == "CALL");
    CHECK(cluster.answer(waits) == "...");
    CHECK(cluster.answer(block) == "...");
    cluster.stop_disk("c", false);
    cluster.run(seconds(1));
    CHECK(cluster.answer(waits) == "CALL");
    CHECK(cluster.answer(block) == "COMMIT");
    CHECK(cluster.ask("a", balance) == "SELECT 1: 104");
}

TEST_CASE("quorum_commit_in_a_minority: it stays, its client is told that it is here and not at a majority") {
    Cluster cluster(bank, {"deposit", "write_note"});
    cluster.elect();
    REQUIRE(cluster.at("a").set(1, "anabranch.durability", "quorum").has_value());
    REQUIRE(cluster.at("a").set(1, "anabranch.order_timeout", "300ms").has_value());
    cluster.isolate("a");
    const auto late = cluster.call("a", "CALL deposit(1, 1)", 1);
    cluster.run(millis(200));
    CHECK(cluster.answer(late) == "...");
    cluster.run(millis(300));
    CHECK(cluster.answer(late) ==
          "ERROR 40003: this transaction is committed at this node, but not known to be at a majority: no "
          "majority has it within anabranch.order_timeout");
    CHECK(cluster.ask("a", "CALL deposit(1, 1)", 2) == "CALL");  // others do not wait
    // A client that is gone is told nothing, one that gives up is told at once.
    REQUIRE(cluster.at("a").set(4, "anabranch.durability", "quorum").has_value());
    const auto given_up = cluster.call("a", "CALL deposit(1, 1)", 4);
    cluster.step("a", replica::CancelRequest{4});
    CHECK(cluster.answer(given_up).starts_with("ERROR 40003"));
    const auto gone = cluster.call("a", "CALL deposit(1, 1)", 1);
    cluster.step("a", replica::CloseSession{1});
    cluster.run(seconds(1));
    CHECK(cluster.answer(gone) == "...");
    cluster.isolate("a", false);
    cluster.run(seconds(2));
    CHECK(cluster.ask("c", balance) == "SELECT 1: 104");
}

TEST_CASE(
    "timeout_begun_anew: what a call has waited for its token is gone from the time it waits for a "
    "majority") {
    Cluster cluster(bank, {"deposit", "write_note"});
    cluster.elect();
    cluster.isolate("b");
    REQUIRE(cluster.ask("a", "CALL deposit(1, 5)") == "CALL");
    REQUIRE(cluster.at("b").set(1, "anabranch.session", *cluster.at("a").setting(1, "anabranch.session")));
    REQUIRE(cluster.at("b").set(1, "anabranch.durability", "quorum").has_value());
    REQUIRE(cluster.at("b").set(1, "anabranch.order_timeout", "2s").has_value());
    const auto call = cluster.call("b", "CALL deposit(1, 1)", 1);
    cluster.run(millis(1000));
    cluster.stop_disk("a");
    cluster.stop_disk("c");
    cluster.isolate("b", false);
    cluster.run(millis(900));
    CHECK(cluster.answer(call) == "...");
    CHECK(cluster.ask("b", balance) == "SELECT 1: 106");
    cluster.run(millis(200));
    CHECK(cluster.answer(call).starts_with("ERROR 40003"));
}

TEST_CASE("quorum_of_one: a cluster of one node is its own majority") {
    Cluster cluster(bank, {"deposit", "write_note"}, 1);
    cluster.elect();
    REQUIRE(cluster.at("a").set(1, "anabranch.durability", "quorum").has_value());
    CHECK(cluster.ask("a", "CALL deposit(1, 1)") == "CALL");
    cluster.stop_disk("a");
    const auto waits = cluster.call("a", "CALL deposit(1, 1)", 1);
    cluster.run(millis(500));
    CHECK(cluster.answer(waits) == "...");  // its own disk counts, too
    cluster.stop_disk("a", false);
    cluster.run(millis(100));
    CHECK(cluster.answer(waits) == "CALL");
}

TEST_CASE("with read = 'primary' a read sees every ordered transaction that was answered before it began") {
    Cluster cluster(bank, {"deposit", "write_note"});
    cluster.elect();
    const std::string primary = cluster.primary();
    const std::string reader = cluster.others(primary)[0];
    REQUIRE(cluster.at(reader).set(1, "anabranch.read", "primary"));
    CHECK(cluster.at(reader).setting(1, "anabranch.read") == "primary");
    for (int i = 1; i <= 20; ++i) {
        REQUIRE(cluster.ask(primary, "CALL withdraw(1, 1)", 7) == "CALL");
        CHECK(cluster.ask(reader, balance) == "SELECT 1: " + std::to_string(100 - i));
        CHECK(cluster.ask(primary, balance, 8) == "SELECT 1: " + std::to_string(100 - i));
    }
}

TEST_CASE("a read at the primary is not answered by a primary that has been replaced") {
    Cluster cluster(bank, {"deposit", "write_note"});
    cluster.elect();
    const std::string former = cluster.primary();
    REQUIRE(cluster.at(former).set(1, "anabranch.read", "primary"));
    cluster.isolate(former);
    REQUIRE(
        cluster.run(seconds(5), [&] { return !cluster.primary().empty() && cluster.primary() != former; }));
    REQUIRE(cluster.ask(cluster.primary(), "CALL withdraw(1, 1)", 7) == "CALL");
    const auto read = cluster.call(former, balance);
    cluster.run(seconds(1));
    CHECK(cluster.answer(read) == "...");
    CHECK(cluster.ask(former, balance, 9) == "SELECT 1: 100");  // a local one is
    cluster.isolate(former, false);
    cluster.run(seconds(4), [&] { return cluster.answered(read); });
    CHECK(cluster.answer(read) == "SELECT 1: 99");
}

TEST_CASE("read = 'primary' without a primary is an error that names the way out") {
    Cluster cluster(bank, {"deposit", "write_note"});
    cluster.elect();
    cluster.isolate("a");
    REQUIRE(cluster.at("a").set(1, "anabranch.read", "primary"));
    REQUIRE(cluster.at("a").set(1, "anabranch.order_timeout", "700ms"));
    CHECK(cluster.ask("a", balance) ==
          "ERROR 57P03: the primary is unreachable, and anabranch.read = 'primary' needs it");
}

TEST_CASE("a call made again under its request_id, at another node, is told the first outcome") {
    Cluster cluster(bank, {"deposit", "write_note"});
    cluster.elect();
    for (const auto* node : {"a", "b", "c"})
        REQUIRE(cluster.at(node).set(1, "anabranch.request_id", "order 4711"));
    CHECK(cluster.ask("a", "CALL withdraw(1, 30)") == "CALL");
    CHECK(cluster.ask("b", "CALL withdraw(1, 30)") == "CALL");
    CHECK(cluster.ask("c", "CALL deposit(1, 5)") == "CALL");  // free, and another call
    CHECK(cluster.ask("b", "CALL deposit(1, 5)") == "CALL");
    cluster.run(seconds(1));
    for (const auto* node : {"a", "b", "c"}) CHECK(cluster.ask(node, balance, 9) == "SELECT 1: 75");
    REQUIRE(cluster.at("a").set(1, "anabranch.request_id", "order 4712"));
    CHECK(cluster.ask("a", "CALL withdraw(1, 30)") == "CALL");
    CHECK(cluster.ask("a", balance) == "SELECT 1: 45");
}

TEST_CASE("a cluster of one node orders, reads at its primary, and knows a request that is made again") {
    Cluster cluster(bank, {"deposit", "write_note"}, 1);
    cluster.elect();
    REQUIRE(cluster.at("a").set(1, "anabranch.read", "primary"));
    REQUIRE(cluster.at("a").set(1, "anabranch.request_id", "r"));
    CHECK(cluster.ask("a", "CALL withdraw(1, 30)") == "CALL");
    CHECK(cluster.ask("a", "CALL withdraw(1, 30)") == "CALL");
    CHECK(cluster.ask("a", balance) == "SELECT 1: 70");
    cluster.run(millis(50));
    cluster.crash("a");
    cluster.boot("a");
    cluster.elect();
    REQUIRE(cluster.at("a").set(1, "anabranch.request_id", "r"));
    CHECK(cluster.ask("a", "CALL withdraw(1, 30)") == "CALL");
    CHECK(cluster.ask("a", balance) == "SELECT 1: 70");
}

TEST_CASE("two clients that make one request at the same time are both told what it did, once") {
    Cluster cluster(bank, {"deposit", "write_note"});
    cluster.elect();
    std::vector<Cluster::Call> calls;
    for (const auto* node : {"a", "b", "c"})
        for (std::uint64_t session = 1; session <= 3; ++session) {
            REQUIRE(cluster.at(node).set(session, "anabranch.request_id", "one"));
            calls.push_back(cluster.call(node, "CALL withdraw(1, 30)", session));
        }
    cluster.run(seconds(3));
    for (const auto call : calls) CHECK(cluster.answer(call) == "CALL");
    for (const auto* node : {"a", "b", "c"}) CHECK(cluster.ask(node, balance, 9) == "SELECT 1: 70");
}

}  // namespace
}  // namespace anabranch::test::sessions_test
