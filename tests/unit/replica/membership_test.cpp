// Members that come and go while calls go on: from the admin's request to the last node that hears of it.
#include <catch2/catch.hpp>
#include <functional>
#include <string>

#include "node/replica/state.h"
#include "tests/unit/replica/cluster.h"

namespace anabranch::test::membership_test {
namespace {

const char* const bank = R"sql(
    CREATE TABLE accounts (id bigint PRIMARY KEY, balance bigint NOT NULL CHECK (balance >= 0));
    CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, text text NOT NULL);
    CREATE PROCEDURE deposit(a bigint, n bigint) BEGIN ATOMIC
        UPDATE accounts SET balance = balance + n WHERE id = a; END;
    CREATE PROCEDURE withdraw(a bigint, n bigint) BEGIN ATOMIC
        UPDATE accounts SET balance = balance - n WHERE id = a; END;
    CREATE FUNCTION note(t text) RETURNS bigint LANGUAGE sql BEGIN ATOMIC
        INSERT INTO notes(text) VALUES (t) RETURNING id; END;
    INSERT INTO accounts VALUES (1, 100);
)sql";
const std::set<std::string> free_calls{"deposit", "note"};
const char* const balance = "SELECT balance FROM accounts WHERE id = 1";

struct World : Cluster {
    explicit World(std::size_t nodes = 3) : Cluster(bank, free_calls, nodes) { elect(); }
    bool becomes(const std::string& node, const std::string& member, const std::string& wanted) {
        return run(seconds(20), [&] { return role(node, member) == wanted; });
    }
    bool reads(const std::string& node, const std::string& wanted) {
        return run(seconds(20), [&] { return ask(node, balance) == "SELECT 1: " + wanted; });
    }
    std::string first_other() const { return others(primary()).front(); }
    // Neither the primary nor that one.
    std::string third(const std::string& than) const {
        const auto all = others(primary());
        return all[0] == than ? all[1] : all[0];
    }
};

TEST_CASE("a node that joins gets what was committed before, catches up, votes and counts") {
    World world;
    REQUIRE(world.ask("a", "CALL withdraw(1, 1)") == "CALL");
    world.join("d", "a");
    world.run(seconds(1));
    CHECK(world.ask("d", balance).starts_with("ERROR 57P03: this node has not joined"));
    CHECK(world.change("b", "add", "d") == "d is a member");
    REQUIRE(world.becomes("a", "d", "voter"));
    REQUIRE(world.becomes("d", "d", "voter"));
    CHECK(world.reads("d", "99"));
    CHECK(world.ask("d", "CALL withdraw(1, 9)") == "CALL");
    CHECK(world.ask("d", "CALL deposit(1, 1)") == "CALL");
    CHECK(world.reads("a", "91"));
    // Three of four are a majority, and two are not.
    world.crash(world.third("d"));
    world.elect();
    CHECK(world.ask("d", "CALL withdraw(1, 1)", 2) == "CALL");
}

TEST_CASE("ordered calls go on while members change") {
    World world;
    world.join("d", "a");
    std::vector<Cluster::Call> calls;
    const auto call = [&](const std::string& node) {
        calls.push_back(world.call(node, "CALL withdraw(1, 1)", calls.size() + 10));
    };
    for (int round = 0; round < 60; ++round) {
        if (round == 10) world.begin_change(world.primary(), "add", "d");
        if (round == 40) world.begin_change(world.primary(), "remove", "d");
        if (!world.primary().empty()) call(world.primary());
        call("a");
        world.run(millis(7));
        if (round == 39) REQUIRE(world.becomes("a", "d", "voter"));
    }
    world.run(seconds(5), [&] { return world.answered(calls.back()); });
    std::size_t done = 0;
    for (const auto asked : calls) done += world.answer(asked) == "CALL" ? 1 : 0;
    CHECK(done == 100);  // as many as there was money for
    CHECK(world.reads("b", "0"));
}

// It had no link to the new primary, the only one who sends the log, and the others did not greet it again.
TEST_CASE("a member that has missed how the present primary joined hears of it from the others") {
    World world;
    const std::string former = world.primary();
    const std::string behind = world.others(former)[0];
    world.join("e", former);
    world.filter = [&](const std::string&, const std::string& to, const wire::Message& message) {
        return to != behind || !std::holds_alternative<wire::OrderMessage>(message);
    };
    REQUIRE(world.change(former, "add", "e") == "e is a member");
    REQUIRE(world.becomes(former, "e", "voter"));
    REQUIRE(world.change(former, "transfer", "e").find("hands over") != std::string::npos);
    REQUIRE(world.run(seconds(5), [&] { return world.primary() == "e"; }));
    world.filter = nullptr;
    CHECK(world.run(seconds(5), [&] {
        return world.at(behind).order_status().primary == world.at("e").order_status().self;
    }));
    CHECK(world.ask(behind, "CALL withdraw(1, 10)") == "CALL");
}

// Nobody whom it knew was there any more, those who were there it refused as strangers, and the peers on its
// command line meant nothing to it.
TEST_CASE("a member that was away while all others were replaced finds the new ones by its command line") {
    World world;
    world.join("d", "a");
    REQUIRE(world.change("a", "add", "d") == "d is a member");
    REQUIRE(world.becomes("d", "d", "voter"));
    world.run(seconds(1));
    world.crash("d");
    for (const auto* node : {"e", "f"}) {
        world.join(node, "a");
        REQUIRE(world.change("a", "add", node) == std::string(node) + " is a member");
        REQUIRE(world.becomes("a", node, "voter"));
    }
    for (const auto* node : {"a", "b", "c"})
        REQUIRE(world.change("e", "remove", node) == std::string(node) + " has been removed");
    world.run(seconds(1));
    for (const auto* node : {"a", "b", "c"}) world.crash(node);
    REQUIRE(world.ask("e", "CALL withdraw(1, 10)") == "CALL");
    world.boot("d");
    world.run(seconds(5));
    CHECK(world.ask("d", balance) == "SELECT 1: 100");
    world.introduce("d", "e");
    CHECK(world.reads("d", "90"));
    CHECK(world.ask("d", "CALL withdraw(1, 10)") == "CALL");
}

TEST_CASE("members are remembered over a restart of all, whatever the command lines say") {
    World world;
    world.join("d", "b");
    REQUIRE(world.change("a", "add", "d") == "d is a member");
    REQUIRE(world.becomes("a", "d", "voter"));
    world.run(seconds(1));
    for (const char* node : {"a", "b", "c", "d"}) world.crash(node);
    for (const char* node : {"a", "b", "c", "d"}) world.boot(node);
    world.elect();
    for (const char* node : {"a", "b", "c", "d"}) CHECK(world.role(node, "d") == "voter");
    CHECK(world.ask("d", "CALL withdraw(1, 1)", 2) == "CALL");
}

// d has joined, has been told by a greeting that another was removed since, and is started again by itself.
void restart_alone(World& world, const std::function<void()>& before_start) {
    world.join("d", "a");
    REQUIRE(world.change("a", "add", "d") == "d is a member");
    REQUIRE(world.becomes("d", "d", "voter"));
    world.run(seconds(1));
    world.filter = [&](const std::string&, const std::string& to, const wire::Message& message) {
        return to != "d" || !std::holds_alternative<wire::OrderMessage>(message);
    };
    const std::string gone = world.third("d");
    REQUIRE(world.change(world.primary(), "remove", gone) == gone + " has been removed");
    REQUIRE(world.becomes("d", gone, "none"));
    world.run(seconds(1));
    world.isolate("d");
    world.crash("d");
    before_start();
    world.boot("d");
    world.run(seconds(5));
}

TEST_CASE(
    "restarted_without_primary: who has joined serves again, though nobody confirms a list it was told of") {
    World world;
    restart_alone(world, [] {});
    CHECK(world.ask("d", balance) == "SELECT 1: 100");
    CHECK(world.ask("d", "CALL deposit(1, 1)") == "CALL");
    world.filter = nullptr;
    world.isolate("d", false);
    CHECK(world.reads(world.primary(), "101"));
}

TEST_CASE("a list of members that an earlier version recorded is read, and confirmed before it counts") {
    World world;
    restart_alone(world, [&] {
        for (auto& [ticket, record] : world.disk("d"))
            if (record[0] == static_cast<char>(replica::RecordKind::members)) record.pop_back();
    });
    CHECK(world.ask("d", balance).starts_with("ERROR 57P03"));
    world.filter = nullptr;
    world.isolate("d", false);
    CHECK(world.reads("d", "100"));
}

TEST_CASE("a learner gets everything and is never made a voter") {
    World world;
    world.join("d", "a");
    CHECK(world.change("a", "learner", "d") == "d is a member");
    REQUIRE(world.ask("a", "CALL withdraw(1, 1)") == "CALL");
    CHECK(world.reads("d", "99"));
    world.run(seconds(5));
    CHECK(world.role("a", "d") == "learner");
    CHECK(world.change("a", "add", "d") == "d is a member");
    CHECK(world.becomes("a", "d", "voter"));
}

TEST_CASE("a dead member is removed, and nothing is kept for it any more") {
    World world;
    const std::string dead = world.first_other();
    const std::string alive = world.others(world.primary())[1];
    world.crash(dead);
    REQUIRE(world.ask(alive, "CALL withdraw(1, 1)") == "CALL");
    const auto keeps = [&] {
        for (const auto& peer : world.at(alive).peers(world.now()))
            if (peer.missing_deltas > 0) return true;
        return false;
    };
    world.run(seconds(1));
    CHECK(keeps());
    CHECK(world.change(alive, "remove", dead) == dead + " has been removed");
    CHECK(world.role(alive, dead) == "none");
    world.run(seconds(1));
    CHECK_FALSE(keeps());
    CHECK(world.ask(alive, "CALL withdraw(1, 1)") == "CALL");
    CHECK(world.change(alive, "remove", dead) == dead + " is no member");
}

TEST_CASE("the primary itself is removed: it hands over first, and is told") {
    World world;
    const std::string primary = world.primary();
    const std::string other = world.first_other();
    CHECK(world.change(other, "remove", primary) == primary + " has been removed");
    world.run(seconds(1));
    CHECK(world.primary() != primary);
    CHECK(world.ask(other, "CALL withdraw(1, 1)") == "CALL");
    CHECK(world.ask(primary, "CALL deposit(1, 1)").starts_with("ERROR 55000: this node has been removed"));
    CHECK(world.ask(primary, balance).starts_with("SELECT 1"));
}

TEST_CASE(
    "a member that was cut off while it was removed learns it later, and what it had committed is not lost") {
    World world;
    const std::string gone = world.first_other();
    world.isolate(gone);
    CHECK(world.ask(gone, "CALL deposit(1, 5)") == "CALL");
    CHECK(world.change(world.primary(), "remove", gone) == gone + " has been removed");
    CHECK(world.ask(gone, "CALL deposit(1, 5)") == "CALL");  // it cannot know
    world.isolate(gone, false);
    CHECK(world.run(seconds(10),
                    [&] { return world.ask(gone, "CALL deposit(1, 5)").starts_with("ERROR 55000"); }));
    const auto noticed = world.at(gone).under_way();
    CHECK(noticed == "it has been removed from the cluster");
    const std::string paid = world.ask(gone, balance);
    CHECK(world.run(seconds(10), [&] { return world.ask(world.primary(), balance) == paid; }));
    // It remembers over a restart, with nobody to ask.
    world.isolate(gone);
    world.crash(gone);
    world.boot(gone);
    world.run(seconds(1));
    CHECK(world.ask(gone, "CALL deposit(1, 5)", 2).starts_with("ERROR 55000"));
}

TEST_CASE("a removed member can be let in again, with its directory, and draws other identity values") {
    World world;
    const std::string back = world.first_other();
    const std::string first = world.ask(back, "SELECT note('before')");
    CHECK(world.change(world.primary(), "remove", back) == back + " has been removed");
    CHECK(world.run(seconds(10), [&] { return world.ask(back, "SELECT note('no')").starts_with("ERROR"); }));
    CHECK(world.change(world.primary(), "add", back) == back + " is a member");
    REQUIRE(world.becomes(back, back, "voter"));
    std::string second;
    REQUIRE(world.run(seconds(10), [&] {
        second = world.ask(back, "SELECT note('after')");
        return second.starts_with("SELECT 1: ");
    }));
    const auto slot = [](const std::string& answer) { return std::stoll(answer.substr(10)) % 256; };
    CHECK(slot(first) != slot(second));
}

TEST_CASE("a change that a cut-off primary has begun is rolled back, and its asker is told that it failed") {
    World world;
    const std::string old = world.primary();
    world.isolate(old);
    world.join("d", old);
    CHECK(world.change(old, "add", "d").starts_with("ERROR"));
    world.run(seconds(3));
    const std::string next = world.primary();
    REQUIRE(next != old);
    CHECK(world.change(next, "learner", "e") == "e is a member");
    world.isolate(old, false);
    CHECK(world.becomes(old, "e", "learner"));
    CHECK(world.role(old, "d") == "none");
    CHECK(world.ask("d", balance).starts_with("ERROR 57P03"));
}

TEST_CASE("a member is not removed when those that stay are no majority") {
    World world;
    const auto others = world.others(world.primary());
    world.crash(others[0]);
    world.run(seconds(2));
    CHECK(
        world.change(world.primary(), "remove", others[1]).starts_with("ERROR 55000: without " + others[1]));
    CHECK(world.change(world.primary(), "remove", others[0]) == others[0] + " has been removed");
}

TEST_CASE("a member is not removed by a primary that is new and has not heard yet who is dead") {
    World world;
    const std::string old = world.primary();
    const auto others = world.others(old);
    world.crash(old);
    REQUIRE(world.run(seconds(10), [&] { return !world.primary().empty(); }));
    const std::string other = others[0] == world.primary() ? others[1] : others[0];
    CHECK(world.change(world.primary(), "remove", other).starts_with("ERROR 55000: without " + other));
    CHECK(world.ask(other, "CALL withdraw(1, 1)") == "CALL");
}

TEST_CASE("the primacy is handed over on request") {
    World world;
    const std::string old = world.primary(), next = world.first_other();
    CHECK(world.change(next, "transfer", next) == old + " hands over to " + next);
    CHECK(world.run(seconds(2), [&] { return world.primary() == next; }));
    CHECK(world.change(old, "transfer", "z").starts_with("ERROR 55000: z is no voter"));
    CHECK(world.change(old, "step-down") == next + " hands over to the voter that holds most");
    CHECK(world.run(seconds(2), [&] { return !world.primary().empty() && world.primary() != next; }));
}

TEST_CASE("ordered calls that come while the primacy is handed over wait, and are carried out once") {
    World world;
    const std::string old = world.primary(), next = world.first_other();
    world.stop_disk(next);  // it cannot take over yet
    const auto before = world.call(old, "CALL withdraw(1, 1)", 5);
    world.run(millis(20));
    world.begin_change(old, "transfer", next);
    const auto during = world.call(old, "CALL withdraw(1, 2)", 6);
    world.run(millis(20));
    world.stop_disk(next, false);
    CHECK(world.run(seconds(10), [&] { return world.answered(before) && world.answered(during); }));
    CHECK(world.answer(before) == "CALL");
    CHECK(world.answer(during) == "CALL");
    CHECK(world.reads(old, "97"));
}

TEST_CASE("a cluster of one grows to two and shrinks again, and says what it can lose") {
    World world(1);
    CHECK(world.at("a").survives().starts_with("one voter"));
    world.join("b", "a");
    CHECK(world.change("a", "add", "b") == "b is a member");
    REQUIRE(world.becomes("b", "b", "voter"));
    CHECK(world.at("a").survives().starts_with("two voters"));
    CHECK(world.ask("b", "CALL withdraw(1, 1)") == "CALL");
    world.crash("b");
    world.run(seconds(2));
    CHECK(world.ask("a", "CALL withdraw(1, 1)").starts_with("ERROR"));
    CHECK(world.ask("a", "CALL deposit(1, 1)") == "CALL");
    world.boot("b");
    world.elect();
    CHECK(world.change("a", "remove", "b") == "b has been removed");
    CHECK(world.at("a").survives().starts_with("one voter"));
    CHECK(world.ask("a", "CALL withdraw(1, 1)", 3) == "CALL");
    CHECK(world.change("a", "remove", "a").starts_with("ERROR 55000: a is the only voter"));
}

TEST_CASE("what is no name or no address is refused") {
    World world;
    CHECK(world.change("a", "add", "b") == "b is a member");
    CHECK(world.change("a", "add", "two words").starts_with("ERROR 22023"));
    CHECK(world.change("a", "add", "").starts_with("ERROR 22023"));
    CHECK(world.change("a", "sing", "b").starts_with("ERROR 22023"));
}

// ---- Who was removed, where deleted rows are forgotten ----

const char* const visitors = R"sql(
    CREATE TABLE visitors (id bigint PRIMARY KEY, visits bigint NOT NULL);
    CREATE TABLE seats (id bigint PRIMARY KEY);
    CREATE PROCEDURE visit(v bigint) BEGIN ATOMIC
        INSERT INTO visitors VALUES (v, 1) ON CONFLICT (id) DO UPDATE SET visits = visitors.visits + 1; END;
    CREATE PROCEDURE leave(v bigint) BEGIN ATOMIC DELETE FROM visitors WHERE id = v; END;
    CREATE PROCEDURE sit(s bigint) BEGIN ATOMIC INSERT INTO seats VALUES (s); END;
)sql";

struct Visitors : Cluster {
    explicit Visitors(std::size_t nodes) : Cluster(visitors, {"visit", "leave"}, nodes) {
        elect();
        REQUIRE(run(seconds(5), [&] {
            return std::ranges::all_of(others({}), [&](const auto& node) { return at(node).is_settled(); });
        }));
    }
    std::size_t kept() { return at(primary()).database().tombstones(); }
    // Whether a row that comes and goes is forgotten by and by.
    bool forgets(std::int64_t id) {
        REQUIRE(ask(primary(), "CALL visit(" + std::to_string(id) + ")") == "CALL");
        REQUIRE(ask(primary(), "CALL leave(" + std::to_string(id) + ")") == "CALL");
        return run(seconds(15), [&] { return kept() == 0; });
    }
    std::string last_other() const { return others(primary()).back(); }
};

TEST_CASE("nothing is forgotten before a member that was removed has told what it leaves behind") {
    Visitors world(4);
    const auto gone = world.last_other();
    REQUIRE(world.forgets(1));
    world.isolate(gone);
    REQUIRE(world.ask(gone, "CALL visit(2)") == "CALL");
    REQUIRE(world.change(world.primary(), "remove", gone) == gone + " has been removed");
    CHECK_FALSE(world.forgets(3));
    REQUIRE(world.ask(gone, "CALL visit(4)") == "CALL");  // it has not heard of it
    world.isolate(gone, false);
    CHECK(world.run(seconds(15), [&] { return world.kept() == 0; }));
    CHECK(world.ask(world.primary(), "SELECT id FROM visitors ORDER BY id") == "SELECT 2: 2, 4");
    CHECK(world.ask(gone, "CALL visit(5)").starts_with("ERROR"));
}

TEST_CASE("of a member that was given up nothing is taken, and it does not come back") {
    Visitors world(4);
    const auto gone = world.last_other();
    world.isolate(gone);
    REQUIRE(world.ask(gone, "CALL visit(2)") == "CALL");
    REQUIRE(world.change(world.primary(), "remove", gone) == gone + " has been removed");
    CHECK_FALSE(world.forgets(3));
    REQUIRE(world.change(world.primary(), "give-up", gone) == "nothing more is taken from " + gone);
    CHECK(world.change(world.primary(), "give-up", gone) == "nothing more is taken from " + gone);
    CHECK(world.run(seconds(15), [&] { return world.kept() == 0; }));
    world.isolate(gone, false);
    world.run(seconds(5));
    CHECK(world.ask(world.primary(), "SELECT id FROM visitors") == "SELECT 0");
    CHECK(world.change(world.primary(), "add", gone).starts_with("ERROR 55000"));
    CHECK(world.change(world.primary(), "give-up", "nobody").starts_with("ERROR 22023"));
}

TEST_CASE("one that was removed and is back writes again once the order has told it what was forgotten") {
    Visitors world(4);
    const auto gone = world.last_other();
    REQUIRE(world.change(world.primary(), "remove", gone) == gone + " has been removed");
    REQUIRE(world.forgets(1));
    CHECK_FALSE(world.at(gone).is_settled());
    REQUIRE(world.change(world.primary(), "add", gone) == gone + " is a member");
    CHECK(world.run(seconds(15), [&] { return world.at(gone).is_settled(); }));
    CHECK(world.ask(gone, "CALL visit(2)") == "CALL");
    CHECK(world.forgets(3));
}

}  // namespace
}  // namespace anabranch::test::membership_test
