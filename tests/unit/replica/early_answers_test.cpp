// Ordered calls under anabranch.durability = 'memory': answered when the primary has executed them. What a
// session may still rely on, and what it is told when they are lost.
#include <catch2/catch.hpp>

#include "tests/unit/replica/cluster.h"

namespace anabranch::test::early_answers_test {
namespace {

const char* const bank = R"sql(
    CREATE TABLE accounts (id bigint PRIMARY KEY, balance bigint NOT NULL CHECK (balance >= 0));
    CREATE PROCEDURE deposit(a bigint, n bigint) BEGIN ATOMIC
        UPDATE accounts SET balance = balance + n WHERE id = a; END;
    CREATE FUNCTION take(a bigint, n bigint) RETURNS bigint LANGUAGE sql BEGIN ATOMIC
        UPDATE accounts SET balance = balance - n WHERE id = a RETURNING balance; END;
    INSERT INTO accounts VALUES (1, 100), (2, 100);
)sql";

const char* const balance = "SELECT balance FROM accounts WHERE id = 1";
constexpr std::uint64_t hasty = 7;

// Three nodes, and a session that does not wait, at the primary or at another node.
struct World : Cluster {
    explicit World(bool elsewhere) : Cluster(bank, {"deposit"}) {
        elect();
        former = primary();
        client = elsewhere ? others(former)[0] : former;
        step(client, replica::OpenSession{hasty});
        REQUIRE(at(client).set(hasty, "anabranch.durability", "memory").has_value());
    }
    // No entry of the primary gets anywhere from now on.
    void hold_entries() {
        filter = [this](const std::string& from, const std::string&, const wire::Message& message) {
            return from != former || !std::holds_alternative<wire::OrderMessage>(message);
        };
    }
    // A call of the hasty session has been answered, and the primary's disk does not have it.
    void answer_early() {
        run(seconds(1));
        stop_disk(former);
        const auto asked = call(client, "SELECT take(1, 30)", hasty);
        REQUIRE(run(millis(10), [&] { return answered(asked); }));
    }
    std::string former, client;
};

TEST_CASE("an ordered call under durability memory is answered before any disk or other node has it") {
    for (const bool elsewhere : {false, true}) {
        World world(elsewhere);
        for (const auto* node : {"a", "b", "c"}) world.stop_disk(node);
        const auto first = world.call(world.client, "SELECT take(1, 30)", hasty);
        const auto patient = world.call(world.client, "SELECT take(1, 5)", 8);
        world.run(millis(10));
        CHECK(world.answer(first) == "SELECT 1: 70");
        CHECK_FALSE(world.answered(patient));
        // The next one finds what the first has done; a refusal is told at once, too.
        const auto second = world.call(world.client, "SELECT take(1, 30)", hasty);
        world.run(millis(10));
        CHECK(world.answer(second) == "SELECT 1: 35");
        for (const auto* node : {"a", "b", "c"}) world.stop_disk(node, false);
        REQUIRE(world.run(seconds(2), [&] { return world.answered(patient); }));
        world.run(seconds(1));  // the others hear of it
        for (const auto* node : {"a", "b", "c"}) CHECK(world.ask(node, balance, 9) == "SELECT 1: 35");
    }
}

TEST_CASE("what a session does behind an early answer waits until it is there, others see nothing of it") {
    for (const bool elsewhere : {false, true}) {
        World world(elsewhere);
        for (const auto* node : {"a", "b", "c"}) world.stop_disk(node);
        const auto call = world.call(world.client, "SELECT take(1, 30)", hasty);
        world.run(millis(10));
        REQUIRE(world.answered(call));
        const auto read = world.call(world.client, balance, hasty);
        const auto other = world.call(world.client, balance, 9);
        world.run(millis(20));
        CHECK_FALSE(world.answered(read));
        CHECK(world.answer(other) == "SELECT 1: 100");
        for (const auto* node : {"a", "b", "c"}) world.stop_disk(node, false);
        REQUIRE(world.run(seconds(2), [&] { return world.answered(read); }));
        CHECK(world.answer(read) == "SELECT 1: 70");
    }
}

TEST_CASE("what was answered early is synced at once when somebody waits for it, and else soon") {
    enum class Next { read, ordered_read, ordered_by_another };
    for (const auto next : {Next::read, Next::ordered_read, Next::ordered_by_another}) {
        World world(false);
        world.answer_early();
        CHECK_FALSE(world.hurries(world.former));
        if (next == Next::read) world.call(world.client, balance, hasty);
        if (next == Next::ordered_read) world.call(world.client, "SELECT take(3, 1)", hasty);  // no such row
        if (next == Next::ordered_by_another) world.call(world.client, "SELECT take(2, 1)", 9);
        world.run(millis(1));
        CHECK(world.hurries(world.former));
    }
    World world(true);  // a session at another node may wait for it, of which this one does not hear
    world.answer_early();
    CHECK(world.hurries(world.former));
}

// They waited for the disk after all, 5 ms each time, while 32 entries were in flight.
TEST_CASE("alone those who do not wait for the disk have room and it is told before there is none") {
    Cluster cluster(bank, {"deposit"}, 1);
    cluster.elect();
    const std::string node = cluster.primary();
    cluster.step(node, replica::OpenSession{hasty});
    REQUIRE(cluster.at(node).set(hasty, "anabranch.durability", "memory").has_value());
    cluster.run(seconds(1));
    cluster.stop_disk(node);
    for (int i = 1; i < 60; ++i) {
        const auto call = cluster.call(node, "SELECT take(1, 1)", hasty);
        CAPTURE(i);
        REQUIRE(cluster.run(micros(100), [&] { return cluster.answered(call); }));
        CHECK(cluster.hurries(node) == (i >= 32));
    }
    cluster.stop_disk(node, false);
    cluster.run(millis(10));
    CHECK(cluster.ask(node, balance, 9) == "SELECT 1: 41");
}

TEST_CASE("a session whose early answers are lost is told so by its next statement, which is not executed") {
    for (const std::string next : {"CALL deposit(1, 1)", "SELECT take(1, 1)", balance}) {
        World world(true);
        world.hold_entries();
        for (int i = 0; i < 2; ++i) {
            const auto call = world.call(world.client, "SELECT take(1, 30)", hasty);
            world.run(millis(10));
            REQUIRE(world.answered(call));
        }
        world.crash(world.former);
        const auto after = world.call(world.client, next, hasty);
        REQUIRE(world.run(seconds(4), [&] { return world.answered(after); }));
        CAPTURE(next, world.answer(after));
        CHECK(world.answer(after).starts_with("ERROR 40000: 2 ordered calls that this session was answered"));
        world.filter = nullptr;
        world.boot(world.former);
        world.run(seconds(3));
        for (const auto* node : {"a", "b", "c"}) CHECK(world.ask(node, balance, 9) == "SELECT 1: 100");
        // It has been told once, and goes on.
        CHECK(world.ask(world.client, "SELECT take(1, 1)", hasty) == "SELECT 1: 99");
    }
}

TEST_CASE("a primary that loses its epoch tells its own sessions of the early answers that are lost") {
    World world(false);
    world.isolate(world.former);
    const auto call = world.call(world.former, "SELECT take(1, 30)", hasty);
    world.run(millis(10));
    REQUIRE(world.answer(call) == "SELECT 1: 70");
    REQUIRE(world.run(seconds(4), [&] {
        const auto primary = world.primary();
        return !primary.empty() && primary != world.former;
    }));
    CHECK(world.ask(world.others(world.former)[0], "SELECT take(1, 90)", 9) == "SELECT 1: 10");
    world.run(seconds(2));  // it has heard of nobody for too long to lead
    world.isolate(world.former, false);
    const auto after = world.call(world.former, "SELECT take(1, 1)", hasty);
    REQUIRE(world.run(seconds(4), [&] { return world.answered(after); }));
    CHECK(world.answer(after).starts_with("ERROR 40000: 1 ordered call that this session was answered"));
    CHECK(world.ask(world.former, balance, hasty) == "SELECT 1: 10");
}

TEST_CASE("an early answer that the next primary commits is not lost, and the session goes on") {
    World world(true);
    // The others have the entry, and nobody hears that they do.
    world.filter = [&](const std::string&, const std::string& to, const wire::Message& message) {
        return to != world.former || !std::holds_alternative<wire::OrderMessage>(message);
    };
    const auto call = world.call(world.client, "SELECT take(1, 30)", hasty);
    world.run(millis(20));
    REQUIRE(world.answer(call) == "SELECT 1: 70");
    world.crash(world.former);
    world.filter = nullptr;
    CHECK(world.ask(world.client, "SELECT take(1, 30)", hasty) == "SELECT 1: 40");
    CHECK(world.ask(world.client, balance, hasty) == "SELECT 1: 40");
}

TEST_CASE("a session token stands for early answers as well") {
    World world(true);
    for (const auto* node : {"a", "b", "c"}) world.stop_disk(node);
    const auto call = world.call(world.client, "SELECT take(1, 30)", hasty);
    world.run(millis(10));
    REQUIRE(world.answered(call));
    const auto token = world.at(world.client).setting(hasty, "anabranch.session");
    REQUIRE(token.has_value());
    const std::string elsewhere = world.others(world.client)[0];
    world.step(elsewhere, replica::OpenSession{8});
    REQUIRE(world.at(elsewhere).set(8, "anabranch.session", *token).has_value());
    const auto read = world.call(elsewhere, balance, 8);
    world.run(millis(20));
    CHECK_FALSE(world.answered(read));
    for (const auto* node : {"a", "b", "c"}) world.stop_disk(node, false);
    REQUIRE(world.run(seconds(2), [&] { return world.answered(read); }));
    CHECK(world.answer(read) == "SELECT 1: 70");
}

}  // namespace
}  // namespace anabranch::test::early_answers_test
