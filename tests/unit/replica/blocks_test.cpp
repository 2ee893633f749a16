// Transaction blocks with ordered writes: they run at the primary as one transaction, and do there what their
// client was shown, or nothing.
#include <catch2/catch.hpp>

#include "tests/unit/replica/cluster.h"

namespace anabranch::test {
namespace {

const char* const shop = R"sql(
    CREATE TABLE accounts (id bigint PRIMARY KEY, balance bigint NOT NULL CHECK (balance >= 0));
    CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text NOT NULL);
    CREATE PROCEDURE deposit(a bigint, n bigint) BEGIN ATOMIC
        UPDATE accounts SET balance = balance + n WHERE id = a; END;
    CREATE PROCEDURE withdraw(a bigint, n bigint) BEGIN ATOMIC
        UPDATE accounts SET balance = balance - n WHERE id = a; END;
    CREATE PROCEDURE close_account(a bigint) BEGIN ATOMIC DELETE FROM accounts WHERE id = a; END;
    CREATE FUNCTION take(a bigint, n bigint) RETURNS bigint LANGUAGE sql BEGIN ATOMIC
        UPDATE accounts SET balance = balance - n WHERE id = a RETURNING balance; END;
    CREATE FUNCTION ordered_note(b text) RETURNS bigint LANGUAGE sql BEGIN ATOMIC
        INSERT INTO notes (body) VALUES (b) RETURNING id; END;
    CREATE FUNCTION free_note(b text) RETURNS bigint LANGUAGE sql BEGIN ATOMIC
        INSERT INTO notes (body) VALUES (b) RETURNING id; END;
    CREATE FUNCTION secret_note() RETURNS text LANGUAGE sql BEGIN ATOMIC
        INSERT INTO notes (body) VALUES (gen_random_uuid()::text) RETURNING body; END;
    INSERT INTO accounts VALUES (1, 100), (2, 100);
)sql";
const std::set<std::string> free_ones{"deposit", "free_note"};

const char* const balances = "SELECT string_agg(balance::text, ' ' ORDER BY id) FROM accounts";

// At a node that is not the primary.
struct Client {
    Cluster cluster{shop, free_ones};
    std::string node;

    Client() {
        cluster.elect();
        node = cluster.others(cluster.primary())[0];
    }
    std::string ask(const std::string& text) { return cluster.ask(node, text, 1); }
    void begin() { REQUIRE(cluster.at(node).begin(1).has_value()); }
    std::string commit() {
        const auto call = cluster.commit(node, 1);
        cluster.run(seconds(10), [&] { return cluster.answered(call); });
        return cluster.answer(call);
    }
    std::string elsewhere(const std::string& text) { return cluster.ask(cluster.primary(), text, 7); }
};

TEST_CASE("a block of free and ordered writes commits as one entry of the order") {
    Client client;
    const auto work = [&] { return client.cluster.at(client.cluster.primary()).order_work(); };
    const auto before = work();
    client.begin();
    CHECK(client.ask("CALL deposit(2, 5)") == "CALL");
    CHECK(client.ask("CALL withdraw(1, 60)") == "CALL");
    CHECK(client.ask("SELECT take(1, 30)") == "SELECT 1: 10");
    CHECK(client.ask("CALL deposit(2, 1)") == "CALL");
    CHECK(client.ask(balances) == "SELECT 1: 10 106");
    CHECK(client.elsewhere(balances) == "SELECT 1: 100 100");
    CHECK(client.commit() == "COMMIT");
    CHECK(client.ask(balances) == "SELECT 1: 10 106");
    CHECK(client.elsewhere(balances) == "SELECT 1: 10 106");
    CHECK(work().entries == before.entries + 1);
    CHECK(work().calls == before.calls + 1);
}

TEST_CASE("an ordered block whose rows would differ at the primary does nothing there") {
    Client client;
    client.begin();
    CHECK(client.ask("CALL deposit(2, 5)") == "CALL");
    CHECK(client.ask("SELECT take(1, 10)") == "SELECT 1: 90");
    CHECK(client.elsewhere("CALL withdraw(1, 1)") == "CALL");
    CHECK(client.commit().starts_with("ERROR 40001"));
    CHECK(client.ask(balances) == "SELECT 1: 99 100");
}

TEST_CASE(
    "row_gone_at_the_primary: an ordered block that changed a row that is not there any more is refused") {
    Client client;
    client.begin();
    CHECK(client.ask("SELECT take(1, 1)") == "SELECT 1: 99");
    CHECK(client.elsewhere("CALL close_account(1)") == "CALL");
    CHECK(client.commit().starts_with("ERROR 40001"));
    CHECK(client.ask(balances) == "SELECT 1: 100");
}

TEST_CASE("an ordered block in which the primary refuses one write does none of them") {
    Client client;
    client.begin();
    CHECK(client.ask("CALL withdraw(2, 10)") == "CALL");
    CHECK(client.ask("CALL withdraw(1, 60)") == "CALL");
    CHECK(client.elsewhere("CALL withdraw(1, 60)") == "CALL");
    CHECK(client.commit().starts_with("ERROR 23514"));
    CHECK(client.ask(balances) == "SELECT 1: 40 100");
}

TEST_CASE("what an ordered block was shown of drawn values is what commits") {
    Client client;
    client.begin();
    CHECK(client.ask("SELECT length(gen_random_uuid()::text)") == "SELECT 1: 36");  // draws as well
    const auto first = client.ask("SELECT ordered_note('a')");
    const auto second = client.ask("SELECT free_note('b')");
    const auto secret = client.ask("SELECT secret_note()");
    CHECK(client.commit() == "COMMIT");
    CHECK(client.elsewhere("SELECT id FROM notes WHERE body = 'a'") == first);
    CHECK(client.elsewhere("SELECT id FROM notes WHERE body = 'b'") == second);
    CHECK(client.elsewhere("SELECT body FROM notes WHERE length(body) = 36") == secret);
}

TEST_CASE("a statement rolled back to a savepoint is not among those that the primary runs") {
    Client client;
    auto& replica = client.cluster.at(client.node);
    client.begin();
    CHECK(client.ask("CALL withdraw(1, 10)") == "CALL");
    REQUIRE(replica.savepoint(1, replica::SavepointCommand::set, "s").has_value());
    CHECK(client.ask("CALL withdraw(1, 50)") == "CALL");
    const auto dropped = client.ask("SELECT free_note('dropped')");
    REQUIRE(replica.savepoint(1, replica::SavepointCommand::rollback_to, "s").has_value());
    const auto kept = client.ask("SELECT free_note('kept')");
    CHECK(client.commit() == "COMMIT");
    CHECK(client.ask(balances) == "SELECT 1: 90 100");
    CHECK(client.elsewhere("SELECT id FROM notes") == kept);
}

TEST_CASE("an identity value that a block has sent to the primary is not drawn again after a crash") {
    Client client;
    client.begin();
    const auto sent = client.ask("SELECT ordered_note('a')");
    (void)client.cluster.commit(client.node, 1);
    client.cluster.run(seconds(2),
                       [&] { return client.elsewhere("SELECT count(*) FROM notes") == "SELECT 1: 1"; });
    client.cluster.isolate(client.node);
    client.cluster.crash(client.node);
    client.cluster.boot(client.node);
    CHECK(client.cluster.ask(client.node, "SELECT free_note('b')", 3) != sent);
    client.cluster.isolate(client.node, false);
    client.cluster.run(seconds(4));
    CHECK(client.elsewhere("SELECT count(*) FROM notes") == "SELECT 1: 2");
}

TEST_CASE("a block asked for again under its request_id is done once") {
    Client client;
    const auto attempt = [&](const std::string& node, std::uint64_t session) {
        auto& replica = client.cluster.at(node);
        REQUIRE(replica.set(session, "anabranch.request_id", "r1").has_value());
        REQUIRE(replica.begin(session).has_value());
        CHECK(client.cluster.ask(node, "CALL withdraw(1, 10)", session) == "CALL");
        CHECK(client.cluster.ask(node, "CALL deposit(2, 10)", session) == "CALL");
        const auto call = client.cluster.commit(node, session);
        client.cluster.run(seconds(10), [&] { return client.cluster.answered(call); });
        return client.cluster.answer(call);
    };
    CHECK(attempt(client.node, 1) == "COMMIT");
    CHECK(attempt(client.cluster.primary(), 2) == "COMMIT");
    CHECK(client.ask(balances) == "SELECT 1: 90 110");
}

}  // namespace
}  // namespace anabranch::test
