// What a transaction's WriteSet says, by merge policy and by how a row came or went.
#include <catch2/catch.hpp>

#include "tests/unit/exec/shell.h"

namespace anabranch::test::writes_test {
namespace {

const char* const bank = R"sql(
    CREATE SCHEMA merge;
    CREATE DOMAIN merge.max AS bigint;
    CREATE DOMAIN merge.min AS bigint;
    CREATE TABLE accounts (
        id bigint PRIMARY KEY,
        owner text,
        balance bigint NOT NULL DEFAULT 0 CHECK (balance >= 0),
        best merge.max DEFAULT 0,
        worst merge.min DEFAULT 0
    );
    CREATE PROCEDURE deposit(account bigint, amount bigint) BEGIN ATOMIC
        UPDATE accounts SET balance = balance + amount WHERE id = account;
    END;
    CREATE PROCEDURE best(account bigint, n bigint) BEGIN ATOMIC
        UPDATE accounts SET best = greatest(best, n), worst = least(worst, n) WHERE id = account;
    END;
    CREATE PROCEDURE rename_owner(account bigint, name text) BEGIN ATOMIC
        UPDATE accounts SET owner = name WHERE id = account;
    END;
    CREATE PROCEDURE twice(account bigint) BEGIN ATOMIC
        UPDATE accounts SET balance = balance + 10 WHERE id = account;
        UPDATE accounts SET balance = balance - 3, owner = 'x' WHERE id = account;
    END;
    CREATE PROCEDURE made_and_changed(account bigint) BEGIN ATOMIC
        INSERT INTO accounts (id, balance) VALUES (account, 5);
        UPDATE accounts SET balance = balance + 2 WHERE id = account;
    END;
    CREATE PROCEDURE close(account bigint) BEGIN ATOMIC
        DELETE FROM accounts WHERE id = account;
    END;
    INSERT INTO accounts (id, owner, balance) VALUES (1, 'ann', 100);
)sql";

TEST_CASE("an addition to a counter is written as the amount added") {
    Shell shell(bank);
    CHECK(shell.writes("CALL deposit(1, 5)") == "accounts balance+=5\n");
    CHECK(shell.writes("CALL deposit(1, -7)") == "accounts balance+=-7\n");
    CHECK(shell.writes("CALL deposit(1, 0)") == "");
    CHECK(shell.writes("CALL deposit(2, 5)") == "");
    CHECK(shell.execute("SELECT balance FROM accounts") == "98\n");
}

TEST_CASE("several writes of one row are one write") {
    Shell shell(bank);
    CHECK(shell.writes("CALL twice(1)") == "accounts owner=x balance+=7\n");
}

TEST_CASE("maximum and minimum are written as values to join with, and not at all when nothing changes") {
    Shell shell(bank);
    CHECK(shell.writes("CALL best(1, 5)") == "accounts best raised to 5\n");
    CHECK(shell.writes("CALL best(1, 3)") == "");
    CHECK(shell.writes("CALL best(1, -3)") == "accounts worst lowered to -3\n");
    CHECK(shell.execute("UPDATE accounts SET best = 1") ==
          "ERROR 0A000: column \"best\" of relation \"accounts\" can only be raised\n"
          "DETAIL: Its merge keeps the greatest value ever written.\n"
          "HINT: Write greatest(best, value).\n");
}

TEST_CASE("a register is written even with the value it has") {
    Shell shell(bank);
    CHECK(shell.writes("CALL rename_owner(1, 'ann')") == "accounts owner=ann\n");
}

TEST_CASE(
    "a new row claims its key and writes every column, a counter by its initial value and later additions") {
    Shell shell(bank);
    CHECK(shell.writes("CALL made_and_changed(2)") ==
          "accounts created claims id=2 owner=null balance initially 7 with 2 best raised to 0 worst lowered "
          "to 0\n");
}

TEST_CASE("a row made and deleted in one transaction leaves nothing") {
    Shell shell(bank);
    shell.execute("BEGIN");
    shell.execute("CALL made_and_changed(3)");
    shell.execute("CALL close(3)");
    CHECK(shell.writes("COMMIT") == "");
}

TEST_CASE("a row deleted and made again is both") {
    Shell shell(bank);
    shell.execute("BEGIN");
    shell.execute("CALL close(1)");
    shell.execute("CALL made_and_changed(1)");
    CHECK(shell.writes("COMMIT") ==
          "accounts deleted created claims id=1 owner=null balance initially 7 with 2 best raised to 0 worst "
          "lowered to 0\n");
    CHECK(shell.writes("CALL close(1)") == "accounts deleted\n");
}

TEST_CASE("columns of one invariant are one register group, written whole") {
    Shell shell(R"sql(
        CREATE TABLE span (id bigint PRIMARY KEY, low bigint, high bigint, note text, CHECK (low <= high));
        CREATE PROCEDURE set_low(i bigint, n bigint) BEGIN ATOMIC UPDATE span SET low = n WHERE id = i; END;
        CREATE PROCEDURE set_high(i bigint, n bigint) BEGIN ATOMIC UPDATE span SET high = n WHERE id = i; END;
        INSERT INTO span VALUES (1, 2, 9, 'x');
    )sql");
    CHECK(shell.writes("CALL set_low(1, 4)") == "span low=4 high=9\n");
    CHECK(shell.writes("CALL set_high(1, 3)") ==
          "ERROR 23514: new row for relation \"span\" violates check constraint \"span_check\"\n"
          "DETAIL: Failing row contains (1, 4, 3, x).\n");
}

TEST_CASE("ON CONFLICT touches the row that exists, claims nothing, and adds to counters") {
    Shell shell(R"sql(
        CREATE TABLE hits (page text PRIMARY KEY, n bigint NOT NULL, note text);
        CREATE PROCEDURE hit(page text, by bigint) BEGIN ATOMIC
            INSERT INTO hits (page, n) VALUES (page, by) ON CONFLICT (page) DO UPDATE SET n = hits.n +
                excluded.n;
        END;
        CREATE PROCEDURE ensure(page text) BEGIN ATOMIC
            INSERT INTO hits (page, n) VALUES (page, 0) ON CONFLICT DO NOTHING;
        END;
    )sql");
    CHECK(shell.writes("CALL hit('a', 3)") == "hits created page=a n+=3 note=null\n");
    CHECK(shell.writes("CALL hit('a', 2)") == "hits touched n+=2\n");
    CHECK(shell.writes("CALL ensure('a')") == "hits touched\n");
    CHECK(shell.writes("CALL ensure('b')") == "hits created page=b n initially 0 note=null\n");
    CHECK(shell.execute("SELECT page, n FROM hits ORDER BY page") == "a|5\nb|0\n");
}

TEST_CASE("children that go with their parent, or lose their reference, are not written") {
    Shell shell(R"sql(
        CREATE TABLE parent (id bigint PRIMARY KEY);
        CREATE TABLE child (id bigint PRIMARY KEY, p bigint REFERENCES parent ON DELETE CASCADE, v bigint);
        CREATE TABLE friend (id bigint PRIMARY KEY, p bigint REFERENCES parent ON DELETE SET NULL, v bigint);
        CREATE TABLE heir (id bigint PRIMARY KEY, p bigint DEFAULT 0 REFERENCES parent ON DELETE SET DEFAULT);
        CREATE PROCEDURE drop_parent(i bigint) BEGIN ATOMIC DELETE FROM parent WHERE id = i; END;
        CREATE PROCEDURE change(n bigint) BEGIN ATOMIC UPDATE child SET v = n; UPDATE friend SET v = n; END;
        INSERT INTO parent VALUES (0), (1), (2);
        INSERT INTO child VALUES (10, 1, 0), (11, 2, 0);
        INSERT INTO friend VALUES (20, 1, 0);
        INSERT INTO heir VALUES (30, 1);
    )sql");
    CHECK(shell.writes("CALL drop_parent(1)") == "parent deleted\nheir p=0\n");
    CHECK(shell.execute("SELECT id FROM child") == "11\n");
    CHECK(shell.execute("SELECT id, p FROM friend") == "20|\n");
    shell.execute("BEGIN");
    shell.execute("CALL change(7)");
    shell.execute("CALL drop_parent(2)");
    CHECK(shell.writes("COMMIT") == "child v=7\nfriend v=7\nparent deleted\n");
    CHECK(shell.execute("SELECT count(*) FROM child") == "0\n");
}

TEST_CASE(
    "moved_child_of_a_remade_parent: a row that went with its new parent does not come back with another") {
    Shell shell(R"sql(
        CREATE TABLE parent (id bigint PRIMARY KEY);
        CREATE TABLE child (id bigint PRIMARY KEY, p bigint REFERENCES parent ON DELETE CASCADE);
        INSERT INTO parent VALUES (1), (2);
        INSERT INTO child VALUES (10, 1);
    )sql");
    shell.execute("BEGIN");
    shell.execute("UPDATE child SET p = 2");
    shell.execute("DELETE FROM parent WHERE id = 2");
    shell.execute("INSERT INTO parent VALUES (2)");
    CHECK(shell.execute("SELECT id FROM child") == "");
    CHECK(shell.writes("COMMIT") == "child deleted\nparent deleted created claims id=2\n");
    CHECK(shell.execute("SELECT id FROM child") == "");
}

TEST_CASE("a changed key is a delete and an insert") {
    Shell shell(bank);
    CHECK(
        shell.writes("UPDATE accounts SET id = 8, balance = balance + 1") ==
        "accounts deleted\n"
        "accounts created claims id=8 owner=ann balance initially 101 best raised to 0 worst lowered to 0\n");
    CHECK(shell.writes("UPDATE accounts SET id = id") == "accounts id=8\n");
}

TEST_CASE("late_duplicate: of what is wrong with a statement's rows, the client is told the first") {
    Shell shell(R"sql(
        CREATE TABLE t (id int PRIMARY KEY, other int UNIQUE, positive int CHECK (positive > 0));
        CREATE TABLE copy (id int PRIMARY KEY, note text);
        INSERT INTO t VALUES (5, 50, 1), (18, 180, 1);
    )sql");
    const std::string duplicate =
        "ERROR 23505: duplicate key value violates unique constraint \"t_pkey\"\nDETAIL: ";
    const auto of = [&](const std::string& id) { return duplicate + "Key (id)=(" + id + ")"; };
    const auto starts = [&](const std::string& statement, const std::string& expected) {
        INFO(statement);
        CHECK(shell.execute(statement).starts_with(expected));
    };
    starts("INSERT INTO t VALUES (5, 1, 1)", of("5"));
    starts("INSERT INTO t VALUES (5, 50, 1)", of("5"));  // both keys: the primary one is looked at first
    starts("INSERT INTO t VALUES (1, 50, 1)",
           "ERROR 23505: duplicate key value violates unique constraint "
           "\"t_other_key\"");
    starts("INSERT INTO t VALUES (5, 1, 1), (1, 2, 0)", of("5"));  // before the second row's CHECK
    starts("INSERT INTO t VALUES (1, 2, 0), (5, 1, 1)", "ERROR 23514");
    starts("INSERT INTO t VALUES (5, 1, 1), (18, 2, 1)", of("5"));
    starts("INSERT INTO t VALUES (1, 1, 1), (18, 2, 1), (5, 3, 1)", of("18"));
    starts("INSERT INTO t VALUES (1, 1, 1), (1, 2, 1)", of("1"));
    starts("INSERT INTO t SELECT i, i, 1 FROM generate_series(6, 40) i", of("18"));
    starts("INSERT INTO t SELECT 5 + i, i, 1 / (1 - i) FROM generate_series(0, 3) i", of("5"));
    starts("INSERT INTO t SELECT 6 + i, i, 1 / (1 - i) FROM generate_series(0, 3) i", "ERROR 22012");
    starts(
        "WITH a AS (INSERT INTO copy SELECT i, 'x' FROM generate_series(1, 3) i), "
        "b AS (INSERT INTO t VALUES (5, 1, 1)) INSERT INTO copy VALUES (9, 'y')",
        of("5"));
    starts("WITH gone AS (DELETE FROM t WHERE id = 18) INSERT INTO t VALUES (5, 1, 1)", of("5"));
    CHECK(shell.execute("INSERT INTO t VALUES (5, 1, 1) RETURNING id").starts_with(of("5")));
    CHECK(shell.execute("INSERT INTO t VALUES (1, 1, 1), (5, 2, 1) ON CONFLICT DO NOTHING") == "INSERT 1\n");
    shell.execute("BEGIN");
    CHECK(shell.execute("INSERT INTO t VALUES (7, 7, 1), (8, 8, 1)") == "INSERT 2\n");
    CHECK(shell.execute("INSERT INTO t VALUES (9, 9, 1), (8, 10, 1)").starts_with(of("8")));
    shell.execute("ROLLBACK");
    CHECK(shell.execute("SELECT id FROM t") == "1\n18\n5\n");
    CHECK(shell.execute("SELECT id FROM copy") == "");
}

}  // namespace
}  // namespace anabranch::test::writes_test
