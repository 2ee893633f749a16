// What is proved and what must not be: each schema is small enough to work out its verdict by hand.
#include <catch2/catch.hpp>

#include "confluence/check.h"
#include "tests/unit/confluence/schemas.h"

namespace anabranch::confluence {

namespace {

Report checked(const std::string& text) {
    const auto schema = test::schema_of(text);
    auto report = check(schema, {});
    INFO((report ? std::string() : report.error().message + report.error().detail));
    REQUIRE(report.has_value());
    return std::move(*report);
}

const Pair& pair_of(const Report& report, const std::string& transaction, const std::string& invariant) {
    const auto t = test::transaction_of(*report.schema, transaction);
    const auto i = test::invariant_of(*report.schema, invariant);
    for (const Pair& pair : report.pairs)
        if (pair.transaction == t && pair.invariant == i) return pair;
    throw std::runtime_error("no such pair");
}

Verdict verdict(const Report& report, const std::string& transaction, const std::string& invariant) {
    return pair_of(report, transaction, invariant).verdict;
}

const std::string positive = "CREATE DOMAIN positive AS bigint CHECK (VALUE > 0);";

}  // namespace

// Every pair of calls from a common state keeps the invariant; the calls x1, x2 of one replica beside set_y
// of another do not (the naive one-step check is unsound).
TEST_CASE("a guard that was true where the call ran is not believed where its effect arrives") {
    const auto report = checked(R"sql(
        CREATE TABLE cell (name text PRIMARY KEY, v int NOT NULL);
        INSERT INTO cell VALUES ('x', 0), ('y', 0);
        CREATE SCHEMA assertion;
        CREATE VIEW assertion.apart AS
            SELECT x.name FROM cell x, cell y WHERE x.name = 'x' AND x.v = 2 AND y.name = 'y' AND y.v = 1;
        CREATE PROCEDURE set_y() SET anabranch.lost_update = 'allow' BEGIN ATOMIC
            UPDATE cell SET v = 1
            WHERE name = 'y' AND EXISTS (SELECT 1 FROM cell c WHERE c.name = 'x' AND c.v = 0);
        END;
        CREATE PROCEDURE x1() SET anabranch.lost_update = 'allow' BEGIN ATOMIC
            UPDATE cell SET v = 1 WHERE name = 'x' AND v = 0;
        END;
        CREATE PROCEDURE x2() SET anabranch.lost_update = 'allow' BEGIN ATOMIC
            UPDATE cell SET v = 2 WHERE name = 'x' AND v = 1;
        END;
    )sql");
    CHECK(verdict(report, "set_y", "assertion.apart") == Verdict::not_confluent);
    CHECK(verdict(report, "x2", "assertion.apart") == Verdict::not_confluent);
    CHECK(verdict(report, "x1", "assertion.apart") == Verdict::confluent);
}

TEST_CASE("a lower bound survives additions and not subtractions, whose scope is the row") {
    const auto report = checked(positive + R"sql(
        CREATE TABLE a (id bigint PRIMARY KEY, n bigint NOT NULL CHECK (n >= 0));
        INSERT INTO a VALUES (1, 10), (2, 10);
        CREATE PROCEDURE more(k bigint, by positive) BEGIN ATOMIC UPDATE a SET n = n + by WHERE id = k; END;
        CREATE PROCEDURE less(k bigint, by positive) BEGIN ATOMIC UPDATE a SET n = n - by WHERE id = k; END;
    )sql");
    CHECK(verdict(report, "more", "a_n_check") == Verdict::confluent);
    REQUIRE(verdict(report, "less", "a_n_check") == Verdict::not_confluent);
    const auto& conflicts = pair_of(report, "less", "a_n_check").conflicts;
    REQUIRE(conflicts.size() == 1);
    REQUIRE(conflicts[0].scope.size() == 1);
    CHECK(conflicts[0].scope[0].own == 0);
    CHECK(conflicts[0].scope[0].other == 0);
    CHECK(conflicts[0].witness.has_value());
}

TEST_CASE("a key that a caller chooses is claimed; one that the system makes is not") {
    const auto report = checked(R"sql(
        CREATE TABLE chosen (id bigint PRIMARY KEY);
        CREATE TABLE made (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), n int NOT NULL);
        CREATE TABLE merged (id bigint PRIMARY KEY);
        CREATE PROCEDURE claim(k bigint) BEGIN ATOMIC INSERT INTO chosen VALUES (k); END;
        CREATE PROCEDURE make(n int) BEGIN ATOMIC INSERT INTO made (n) VALUES (make.n); END;
        CREATE PROCEDURE note(k bigint) BEGIN ATOMIC
            INSERT INTO merged VALUES (k) ON CONFLICT DO NOTHING;
        END;
    )sql");
    CHECK(verdict(report, "claim", "chosen_pkey") == Verdict::not_confluent);
    CHECK(verdict(report, "make", "made_pkey") == Verdict::confluent);
    CHECK(verdict(report, "note", "merged_pkey") == Verdict::confluent);
}

TEST_CASE("a parent may go beside a new child when the merge cascades, and not otherwise") {
    const auto schema = [](const std::string& action) {
        return "CREATE TABLE p (id bigint PRIMARY KEY);"
               "CREATE TABLE c (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), p bigint NOT NULL REFERENCES "
               "p " +
               action +
               ");"
               "INSERT INTO p VALUES (1), (2);"
               "CREATE PROCEDURE add(k bigint) BEGIN ATOMIC INSERT INTO c (p) VALUES (k); END;"
               "CREATE PROCEDURE drop_parent(k bigint) BEGIN ATOMIC DELETE FROM p WHERE id = k; END;";
    };
    const auto restricted = checked(schema("ON DELETE RESTRICT"));
    CHECK(verdict(restricted, "add", "c_p_fkey") == Verdict::not_confluent);
    CHECK(verdict(restricted, "drop_parent", "c_p_fkey") == Verdict::not_confluent);
    const auto cascaded = checked(schema("ON DELETE CASCADE"));
    CHECK(verdict(cascaded, "add", "c_p_fkey") == Verdict::confluent);
    CHECK(verdict(cascaded, "drop_parent", "c_p_fkey") == Verdict::confluent);
}

TEST_CASE("a write that depends on what it overwrites loses an update; greatest() loses none") {
    const auto report = checked(R"sql(
        CREATE TABLE t (
            id bigint PRIMARY KEY, doubled bigint NOT NULL, best bigint NOT NULL CHECK (best >= 0));
        INSERT INTO t VALUES (1, 1, 0);
        CREATE PROCEDURE twice(k bigint) BEGIN ATOMIC UPDATE t SET doubled = doubled * 2 WHERE id = k; END;
        CREATE PROCEDURE score(k bigint, s bigint) BEGIN ATOMIC
            UPDATE t SET best = greatest(best, s) WHERE id = k;
        END;
    )sql");
    CHECK(verdict(report, "twice", "lost_update(t.doubled)") == Verdict::not_confluent);
    CHECK(verdict(report, "score", "t_best_check") == Verdict::confluent);
}

TEST_CASE("NULL satisfies a CHECK") {
    const auto report = checked(R"sql(
        CREATE TABLE t (id bigint PRIMARY KEY, n bigint, CONSTRAINT low CHECK (n > 5));
        INSERT INTO t VALUES (1, 6);
        CREATE PROCEDURE forget(k bigint) BEGIN ATOMIC UPDATE t SET n = NULL WHERE id = k; END;
    )sql");
    CHECK(verdict(report, "forget", "low") == Verdict::confluent);
}

// -> of a key that is absent, the length of an empty array, num_nulls() of NULLs: a guard over them may hold.
TEST_CASE("a function may find nothing in a value that is there, or something in NULL") {
    for (const char* guard : {"extra ->> 'frozen' IS NULL", "extra #> '{a}' IS NULL",
                              "array_length(tags, 1) IS NULL", "tags[1] IS NULL", "upper(span) IS NULL",
                              "regexp_match(name, 'x') IS NULL", "note IS NULL AND num_nulls(note, name) > 0",
                              "note IS NULL AND array_prepend(note, tags) IS NOT NULL",
                              "note IS NULL AND array_remove(tags, note) IS NOT NULL"}) {
        const auto report = checked(positive + R"sql(
            CREATE TABLE accounts (
                id bigint PRIMARY KEY, balance bigint NOT NULL CHECK (balance >= 0), extra jsonb NOT NULL,
                tags text[] NOT NULL, span int4range NOT NULL, name text NOT NULL, note text
            );
            INSERT INTO accounts VALUES (1, 100, '{}', '{}', '[1,)', 'ann', NULL);
            CREATE PROCEDURE withdraw(account bigint, amount positive) BEGIN ATOMIC
                UPDATE accounts SET balance = balance - amount WHERE id = account AND )sql" +
                                    std::string(guard) + "; END;");
        INFO(guard);
        CHECK(verdict(report, "withdraw", "accounts_balance_check") != Verdict::confluent);
    }
}

TEST_CASE("one schema has one set of verdicts") {
    const auto first = check(test::bank(), {}), second = check(test::bank(), {});
    REQUIRE(first.has_value());
    REQUIRE(second.has_value());
    CHECK(to_json(*first) == to_json(*second));
}

}  // namespace anabranch::confluence
