// Repairs that change what a transaction is: what is offered, and above all what is not.
#include <catch2/catch.hpp>

#include "confluence/check.h"
#include "tests/unit/confluence/schemas.h"

namespace anabranch::confluence::repair_test {

namespace {

std::string repairs_for(const std::string& text, const std::string& transaction,
                        const std::string& invariant) {
    const auto schema = test::schema_of(text);
    Options options;
    options.witnesses = false;
    const auto report = check(schema, options);
    REQUIRE(report);
    std::string out;
    for (const Pair& pair : report->pairs) {
        if (schema->transactions[pair.transaction].name != transaction ||
            schema->invariants[pair.invariant].name != invariant)
            continue;
        REQUIRE_FALSE(pair.conflicts.empty());
        for (const Repair& repair : pair.repairs) out += repair.kind + ": " + repair.text + "\n";
    }
    return out;
}

bool offers(const std::string& repairs, const std::string& what) {
    return repairs.find(what) != std::string::npos;
}

const std::string purses = R"sql(
CREATE DOMAIN holds AS boolean NOT NULL CHECK (VALUE);
CREATE DOMAIN positive AS bigint CHECK (VALUE > 0);
CREATE TABLE purses (id bigint PRIMARY KEY, coins bigint NOT NULL CHECK (coins >= 0));
CREATE TABLE visits (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), purse bigint NOT NULL, coins bigint);
INSERT INTO purses VALUES (1, 5), (2, 5);
)sql";

}  // namespace

TEST_CASE("a parameter that is never negative is a guard, told with its line") {
    const std::string repairs = repairs_for(purses + R"sql(CREATE PROCEDURE add(purse bigint, n bigint)
BEGIN ATOMIC
    UPDATE purses SET coins = coins + n WHERE id = purse;
END;
)sql",
                                            "add", "purses_coins_check");
    CHECK(offers(repairs, "guard: test.sql:9: begin add with SELECT (n >= 0)::holds: "));
    CHECK_FALSE(offers(repairs, "split: "));
}

TEST_CASE("a guard that does not help is not offered: what takes also takes a positive amount") {
    const std::string repairs = repairs_for(purses + R"sql(
CREATE PROCEDURE take(purse bigint, n bigint)
BEGIN ATOMIC
    UPDATE purses SET coins = coins - n WHERE id = purse;
END;
)sql",
                                            "take", "purses_coins_check");
    CHECK_FALSE(offers(repairs, "guard: "));
}

TEST_CASE("a schema without a guard domain is told how to make one") {
    const std::string repairs = repairs_for(R"sql(
CREATE TABLE purses (id bigint PRIMARY KEY, coins bigint NOT NULL CHECK (coins >= 0));
CREATE PROCEDURE add(purse bigint, n bigint)
BEGIN ATOMIC
    UPDATE purses SET coins = coins + n WHERE id = purse;
END;
)sql",
                                            "add", "purses_coins_check");
    CHECK(offers(repairs, "CREATE DOMAIN holds AS boolean NOT NULL CHECK (VALUE)"));
}

TEST_CASE("calls with a value that an invariant does not mind can have a procedure of their own") {
    const std::string repairs = repairs_for(R"sql(
CREATE TABLE tickets (id bigint PRIMARY KEY, state text NOT NULL);
CREATE SCHEMA assertion
    CREATE VIEW one_is_open AS SELECT 1 AS none WHERE NOT EXISTS (SELECT FROM tickets WHERE state = 'open');
CREATE PROCEDURE set_state(ticket bigint, value text)
BEGIN ATOMIC
    UPDATE tickets SET state = value WHERE id = ticket;
END;
)sql",
                                            "set_state", "assertion.one_is_open");
    CHECK(offers(repairs, "guard: test.sql:7: calls of set_state with value = 'open' conflict with nobody"));
    CHECK_FALSE(offers(repairs, "value <> 'open'"));
}

TEST_CASE("statements that no invariant and no value ties together are split; both keep the guard") {
    const std::string repairs =
        repairs_for(purses + R"sql(CREATE PROCEDURE take(purse bigint, n positive, guest bigint)
BEGIN ATOMIC
    SELECT (guest > 0)::holds;
    UPDATE purses SET coins = coins - n WHERE id = purse;
    INSERT INTO visits (purse) VALUES (guest);
END;
)sql",
                    "take", "purses_coins_check");
    CHECK(offers(repairs,
                 "split: test.sql:11: move INSERT INTO visits (line 11) out of take into CREATE "
                 "PROCEDURE take_apart(guest)"));
    CHECK(offers(repairs, "Both begin with the condition of line 9"));
}

TEST_CASE("what reads the other part's rows is not split off") {
    const std::string repairs = repairs_for(purses + R"sql(
CREATE PROCEDURE take(purse bigint, n positive)
BEGIN ATOMIC
    UPDATE purses SET coins = coins - n WHERE id = purse;
    INSERT INTO visits (purse, coins) SELECT id, coins FROM purses WHERE id = purse;
END;
)sql",
                                            "take", "purses_coins_check");
    CHECK_FALSE(offers(repairs, "split: "));
}

TEST_CASE("what one invariant reads together is not split: either part alone would break it") {
    const std::string repairs = repairs_for(purses + R"sql(
CREATE TABLE taken (purse bigint PRIMARY KEY, coins bigint NOT NULL);
CREATE SCHEMA assertion
    CREATE VIEW nothing_is_lost AS
        SELECT p.id FROM purses p JOIN taken t ON t.purse = p.id WHERE p.coins + t.coins <> 100;
CREATE PROCEDURE take(purse bigint, n positive)
BEGIN ATOMIC
    UPDATE purses SET coins = coins - n WHERE id = purse;
    UPDATE taken t SET coins = coins + n WHERE t.purse = take.purse;
END;
)sql",
                                            "take", "purses_coins_check");
    CHECK_FALSE(offers(repairs, "split: "));
}

TEST_CASE("a guard that reads what the transaction writes holds it together") {
    const std::string repairs = repairs_for(purses + R"sql(
CREATE PROCEDURE take(purse bigint, n positive)
BEGIN ATOMIC
    UPDATE purses SET coins = coins - n WHERE id = purse;
    SELECT (coins > 10)::holds FROM purses WHERE id = purse;
    INSERT INTO visits (purse) VALUES (purse);
END;
)sql",
                                            "take", "purses_coins_check");
    CHECK_FALSE(offers(repairs, "split: "));
}

TEST_CASE("a part that conflicts too is not split off: nothing would be free") {
    const std::string repairs = repairs_for(purses + R"sql(
CREATE TABLE badges (number bigint PRIMARY KEY);
CREATE PROCEDURE take(purse bigint, n positive, badge bigint)
BEGIN ATOMIC
    UPDATE purses SET coins = coins - n WHERE id = purse;
    INSERT INTO badges VALUES (badge);
END;
)sql",
                                            "take", "purses_coins_check");
    CHECK_FALSE(offers(repairs, "split: "));
}

TEST_CASE("two rows that were given one number are not made one: ON CONFLICT would lose an invoice") {
    const std::string next = R"sql(
CREATE TABLE invoices (number bigint PRIMARY KEY);
CREATE PROCEDURE next_invoice()
BEGIN ATOMIC
    INSERT INTO invoices (number) SELECT coalesce(max(i.number), 0) + 1 FROM invoices i;
END;
)sql";
    CHECK_FALSE(offers(repairs_for(next, "next_invoice", "invoices_pkey"), "on_conflict"));
    const std::string chosen = R"sql(
CREATE TABLE tags (name text PRIMARY KEY);
CREATE PROCEDURE add(name text) BEGIN ATOMIC INSERT INTO tags VALUES (name); END;
)sql";
    CHECK(offers(repairs_for(chosen, "add", "tags_pkey"), "on_conflict"));
}

}  // namespace anabranch::confluence::repair_test
