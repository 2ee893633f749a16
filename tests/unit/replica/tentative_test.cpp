// Tentative calls: what a client may rely on that does not wait for the order.
#include <catch2/catch.hpp>

#include "tests/unit/replica/cluster.h"

namespace anabranch::test::tentative_test {
namespace {

const char* const bank = R"sql(
    CREATE TABLE accounts (id bigint PRIMARY KEY, balance bigint NOT NULL CHECK (balance >= 0));
    CREATE TABLE refused (id bigint PRIMARY KEY, times bigint NOT NULL);
    CREATE PROCEDURE deposit(a bigint, n bigint) BEGIN ATOMIC
        UPDATE accounts SET balance = balance + n WHERE id = a; END;
    CREATE PROCEDURE withdraw(a bigint, n bigint) BEGIN ATOMIC
        UPDATE accounts SET balance = balance - n WHERE id = a; END;
    CREATE PROCEDURE overdrawn(a bigint, n bigint) BEGIN ATOMIC
        INSERT INTO refused VALUES (a, 1) ON CONFLICT (id) DO UPDATE SET times = refused.times + 1; END;
    CREATE PROCEDURE careful(a bigint, n bigint) SET anabranch.on_refusal = 'overdrawn' BEGIN ATOMIC
        UPDATE accounts SET balance = balance - n WHERE id = a; END;
    CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text NOT NULL);
    CREATE FUNCTION take(a bigint, n bigint) RETURNS bigint LANGUAGE sql BEGIN ATOMIC
        UPDATE accounts SET balance = balance - n WHERE id = a RETURNING balance; END;
    CREATE FUNCTION note(b text) RETURNS bigint LANGUAGE sql BEGIN ATOMIC
        INSERT INTO notes (body) VALUES (b) RETURNING id; END;
    INSERT INTO accounts VALUES (1, 100);
)sql";
const char* const balance = "SELECT balance FROM accounts WHERE id = 1";

struct World : Cluster {
    World() : Cluster(bank, {"deposit"}) {
        elect();
        away = others(primary()).front();
        near = others(primary()).back();
        set("anabranch.ordered", "tentative");
    }
    void set(const std::string& name, const std::string& value) {
        REQUIRE(at(away).set(1, name, value).has_value());
    }
    // At the node that is away.
    std::string call(const std::string& text) { return ask(away, text, 1); }
    std::string view() {
        set("anabranch.read", "tentative");
        const auto answer = ask(away, balance, 1);
        set("anabranch.read", "local");
        return answer;
    }
    // "committed", ... of the ticket with this number.
    std::string fate(std::size_t number) {
        for (const auto& ticket : at(away).tickets())
            if (ticket.ticket == away + "-" + std::to_string(number)) return replica::describe(ticket.state);
        return "none";
    }
    bool settles(std::size_t number, const std::string& wanted) {
        return run(seconds(20), [&] { return fate(number) == wanted; });
    }
    bool reads(const std::string& node, const std::string& wanted) {
        return run(seconds(10), [&] { return ask(node, balance, 2) == "SELECT 1: " + wanted; });
    }
    // In one block; what COMMIT says.
    std::string block(const std::vector<std::string>& texts) {
        REQUIRE(at(away).begin(1).has_value());
        for (const auto& text : texts) REQUIRE(!call(text).starts_with("ERROR"));
        const auto commit = this->commit(away, 1);
        run(seconds(1), [&] { return answered(commit); });
        return answer(commit);
    }
    std::string away, near;
};

TEST_CASE(
    "a cut-off node answers at once, shows the result to tentative reads only, and settles when it can") {
    World world;
    world.isolate(world.away);
    CHECK(world.call("CALL withdraw(1, 30)") == "CALL");
    CHECK(world.at(world.away).setting(1, "anabranch.ticket") == world.away + "-1");
    CHECK(world.call("CALL withdraw(1, 30)") == "CALL");
    CHECK(world.ask(world.away, balance) == "SELECT 1: 100");
    CHECK(world.view() == "SELECT 1: 40");
    CHECK(world.fate(2) == "waiting");
    // What commits arrive is undone and done again below them.
    CHECK(world.call("CALL deposit(1, 5)") == "CALL");
    CHECK(world.view() == "SELECT 1: 45");
    world.isolate(world.away, false);
    CHECK(world.settles(2, "committed"));
    CHECK(world.fate(1) == "committed");
    CHECK(world.ask(world.away, balance) == "SELECT 1: 45");
    CHECK(world.view() == "SELECT 1: 45");
    const auto tickets = world.at(world.away).tickets();
    REQUIRE(tickets.size() == 2);
    CHECK(tickets[0].csn < tickets[1].csn);
}

TEST_CASE("what the tentative view refuses is told at once and not queued") {
    World world;
    world.isolate(world.away);
    CHECK(world.call("CALL withdraw(1, 80)") == "CALL");
    CHECK(world.call("CALL withdraw(1, 80)").starts_with("ERROR 23514"));
    CHECK(world.at(world.away).tickets().size() == 1);
    CHECK(world.view() == "SELECT 1: 20");
}

TEST_CASE("a tentative call that no longer fits is refused when it is settled, and nothing of it remains") {
    World world;
    world.isolate(world.away);
    CHECK(world.call("CALL withdraw(1, 80)") == "CALL");
    CHECK(world.call("CALL withdraw(1, 10)") == "CALL");
    CHECK(world.ask(world.near, "CALL withdraw(1, 70)", 2) == "CALL");
    world.isolate(world.away, false);
    CHECK(world.settles(1, "refused"));
    CHECK(world.settles(2, "committed"));
    CHECK(world.view() == "SELECT 1: 20");
    CHECK(world.at(world.away).tickets()[0].detail.starts_with("23514"));
}

TEST_CASE("a refused call is replaced by the procedure that it names for that case") {
    World world;
    world.isolate(world.away);
    CHECK(world.call("CALL careful(1, 80)") == "CALL");
    world.set("anabranch.on_refusal", "overdrawn");
    CHECK(world.call("CALL withdraw(1, 20)") == "CALL");
    world.set("anabranch.on_refusal", "nobody");
    CHECK(world.call("CALL withdraw(1, 1)").starts_with("ERROR 42883"));
    CHECK(world.ask(world.near, "CALL withdraw(1, 70)", 2) == "CALL");
    world.isolate(world.away, false);
    CHECK(world.settles(1, "replaced"));
    CHECK(world.settles(2, "committed"));
    CHECK(world.ask(world.away, "SELECT times FROM refused") == "SELECT 1: 1");
    CHECK(world.ask(world.away, balance) == "SELECT 1: 10");
}

TEST_CASE("the queue survives a crash, and is carried out in order, each call once") {
    World world;
    world.isolate(world.away);
    for (int i = 1; i <= 5; ++i) REQUIRE(world.call("CALL withdraw(1, " + std::to_string(i) + ")") == "CALL");
    world.crash(world.away);
    world.boot(world.away);
    CHECK(world.view() == "SELECT 1: 85");
    world.isolate(world.away, false);
    CHECK(world.settles(5, "committed"));
    CHECK(world.reads(world.near, "85"));
    // Settled ones are remembered, too.
    world.run(seconds(1));
    world.crash(world.away);
    world.boot(world.away);
    CHECK(world.fate(3) == "committed");
    world.set("anabranch.ordered", "tentative");
    CHECK(world.call("CALL withdraw(1, 1)") == "CALL");
    CHECK(world.settles(6, "committed"));
}

TEST_CASE("a call whose answer is lost, and whose node crashes then, is carried out once") {
    World world;
    std::size_t sent = 0;
    world.filter = [&](const std::string&, const std::string& to, const wire::Message& message) {
        if (to == world.away && std::holds_alternative<wire::Forwarded>(message)) return ++sent, false;
        // Nor does it learn of the commit.
        if (to == world.away && sent > 0 &&
            (std::holds_alternative<wire::Deltas>(message) ||
             std::holds_alternative<wire::OrderMessage>(message)))
            return false;
        return true;
    };
    CHECK(world.call("CALL withdraw(1, 30)") == "CALL");
    REQUIRE(world.run(seconds(10), [&] { return sent > 0; }));
    CHECK(world.fate(1) == "sent");
    world.crash(world.away);
    world.filter = nullptr;
    world.boot(world.away);
    CHECK(world.settles(1, "committed"));
    CHECK(world.reads(world.near, "70"));
}

TEST_CASE("tentative calls move on to the next primary when the one they were sent to is gone") {
    World world;
    const std::string old = world.primary();
    world.stop_disk(world.near);
    world.stop_disk(old);
    CHECK(world.call("CALL withdraw(1, 30)") == "CALL");
    world.run(millis(200));
    CHECK(world.fate(1) == "sent");
    world.crash(old);
    world.stop_disk(world.near, false);
    CHECK(world.settles(1, "committed"));
    CHECK(world.reads(world.near, "70"));
}

TEST_CASE("what commits arrive after a restart is below the calls that still wait") {
    World world;
    world.isolate(world.away);
    for (int i = 0; i < 3; ++i) REQUIRE(world.call("CALL withdraw(1, 20)") == "CALL");
    CHECK(world.view() == "SELECT 1: 40");
    // Meanwhile the others commit something that leaves room for two of the three.
    CHECK(world.ask(world.near, "CALL withdraw(1, 50)", 2) == "CALL");
    world.crash(world.away);
    world.boot(world.away);
    CHECK(world.view() == "SELECT 1: 40");
    // It gets what they have committed, and nothing of it goes to a primary.
    world.filter = [&](const std::string& from, const std::string&, const wire::Message& message) {
        return from != world.away || !std::holds_alternative<wire::Forward>(message);
    };
    world.isolate(world.away, false);
    CHECK(world.reads(world.away, "50"));
    CHECK(world.view() == "SELECT 1: 10");
    CHECK(world.fate(3) == "waiting");
    world.filter = nullptr;
    CHECK(world.settles(3, "refused"));
    CHECK(world.fate(1) == "committed");
    CHECK(world.fate(2) == "committed");
    CHECK(world.view() == "SELECT 1: 10");
}

TEST_CASE("a tentative read inside a block sees the queue and what the block has written") {
    World world;
    world.isolate(world.away);
    REQUIRE(world.call("CALL withdraw(1, 30)") == "CALL");
    REQUIRE(world.at(world.away).begin(1).has_value());
    CHECK(world.call(balance) == "SELECT 1: 100");
    CHECK(world.view() == "SELECT 1: 70");
    CHECK(world.call("CALL deposit(1, 5)") == "CALL");
    CHECK(world.view() == "SELECT 1: 75");
    CHECK(world.call(balance) == "SELECT 1: 105");
}

TEST_CASE("a block that has only read what is tentative commits whatever becomes of that") {
    World world;
    world.isolate(world.away);
    REQUIRE(world.call("CALL withdraw(1, 30)") == "CALL");
    REQUIRE(world.at(world.away).begin(1).has_value());
    CHECK(world.view() == "SELECT 1: 70");
    CHECK(world.call("CALL deposit(1, 5)") == "CALL");
    CHECK(world.view() == "SELECT 1: 75");
    world.isolate(world.away, false);
    CHECK(world.settles(1, "committed"));
    CHECK(world.view() == "SELECT 1: 75");
    const auto commit = world.commit(world.away, 1);
    CHECK(world.run(seconds(1), [&] { return world.answered(commit); }));
    CHECK(world.answer(commit) == "COMMIT");
    CHECK(world.ask(world.away, balance, 2) == "SELECT 1: 75");
}

TEST_CASE("a transaction block may end in a tentative call") {
    World world;
    world.isolate(world.away);
    REQUIRE(world.at(world.away).begin(1).has_value());
    CHECK(world.call("CALL withdraw(1, 30)") == "CALL");
    const auto commit = world.commit(world.away, 1);
    CHECK(world.run(seconds(1), [&] { return world.answered(commit); }));
    CHECK(world.answer(commit) == "COMMIT");
    CHECK(world.view() == "SELECT 1: 70");
    world.isolate(world.away, false);
    CHECK(world.settles(1, "committed"));
}

TEST_CASE("what a block has written is one tentative call, and is carried out as one entry") {
    World world;
    world.isolate(world.away);
    CHECK(world.block({"CALL withdraw(1, 30)", "CALL deposit(1, 5)", "CALL withdraw(1, 75)"}) == "COMMIT");
    CHECK(world.view() == "SELECT 1: 0");
    CHECK(world.ask(world.away, balance, 2) == "SELECT 1: 100");
    REQUIRE(world.at(world.away).tickets().size() == 1);
    CHECK(world.at(world.away).tickets()[0].transaction == "withdraw; deposit; withdraw");
    const auto work = [&] { return world.at(world.primary()).order_work().calls; };
    const auto before = work();
    world.isolate(world.away, false);
    CHECK(world.settles(1, "committed"));
    CHECK(world.reads(world.near, "0"));
    CHECK(work() == before + 1);
}

TEST_CASE("a tentative block of which one write no longer fits is refused as a whole") {
    World world;
    world.isolate(world.away);
    CHECK(world.block({"CALL withdraw(1, 20)", "CALL withdraw(1, 40)"}) == "COMMIT");
    CHECK(world.ask(world.near, "CALL withdraw(1, 70)", 2) == "CALL");
    world.isolate(world.away, false);
    CHECK(world.settles(1, "refused"));
    CHECK(world.at(world.away).tickets()[0].detail.starts_with("23514"));
    CHECK(world.view() == "SELECT 1: 30");
}

TEST_CASE("a tentative block is refused when a statement's result is not what was shown") {
    World world;
    world.isolate(world.away);
    CHECK(world.block({"SELECT take(1, 30)", "CALL withdraw(1, 10)"}) == "COMMIT");
    CHECK(world.ask(world.near, "CALL deposit(1, 1)", 2) == "CALL");
    world.isolate(world.away, false);
    CHECK(world.settles(1, "refused"));
    CHECK(world.at(world.away).tickets()[0].detail.starts_with("40001"));
    CHECK(world.view() == "SELECT 1: 101");
}

TEST_CASE("a block that was shown what the calls before it change is told so, and is not queued") {
    World world;
    world.isolate(world.away);
    REQUIRE(world.call("CALL withdraw(1, 50)") == "CALL");
    CHECK(world.block({"SELECT take(1, 30)", "CALL withdraw(1, 1)"}).starts_with("ERROR 40001"));
    CHECK(world.block({"CALL withdraw(1, 30)", "CALL withdraw(1, 30)"}).starts_with("ERROR 23514"));
    CHECK(world.block({"CALL withdraw(1, 30)", "CALL withdraw(1, 1)"}) == "COMMIT");
    CHECK(world.at(world.away).tickets().size() == 2);
    CHECK(world.view() == "SELECT 1: 19");
}

TEST_CASE("a tentative block survives a crash with the values that its client was shown") {
    World world;
    world.isolate(world.away);
    REQUIRE(world.at(world.away).begin(1).has_value());
    const std::string shown = world.call("SELECT note('a')");
    REQUIRE(shown.starts_with("SELECT 1: "));
    REQUIRE(world.call("CALL withdraw(1, 10)") == "CALL");
    const auto commit = world.commit(world.away, 1);
    REQUIRE(world.run(seconds(1), [&] { return world.answered(commit); }));
    REQUIRE(world.answer(commit) == "COMMIT");
    world.crash(world.away);
    world.boot(world.away);
    CHECK(world.view() == "SELECT 1: 90");
    world.set("anabranch.ordered", "tentative");
    REQUIRE(world.call("SELECT note('b')").starts_with("SELECT 1: "));
    world.isolate(world.away, false);
    CHECK(world.settles(1, "committed"));
    CHECK(world.settles(2, "committed"));
    CHECK(world.ask(world.away, "SELECT id FROM notes WHERE body = 'a'", 2) == shown);
}

TEST_CASE("no procedure can stand in for a block of several writes") {
    World world;
    world.set("anabranch.on_refusal", "overdrawn");
    CHECK(world.block({"CALL withdraw(1, 30)", "CALL withdraw(1, 1)"}).starts_with("ERROR 0A000"));
    CHECK(world.block({"CALL withdraw(1, 30)"}) == "COMMIT");
    CHECK(world.settles(1, "committed"));
}

}  // namespace
}  // namespace anabranch::test::tentative_test
