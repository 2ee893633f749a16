// The engine's contract beyond the answers of single statements: assertions, violations of a whole state,
// cancelling, speed.
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <new>

#include <catch2/catch.hpp>

#include "tests/support/property.h"
#include "tests/unit/exec/shell.h"

namespace {
std::size_t allocations = 0;
}

// GCC 12 inlines one half of the pair into callers and then takes the other for a mismatch.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

void* operator new(std::size_t size) {
    ++allocations;
    if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
    throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {  // std::stable_sort's
    ++allocations;
    return std::malloc(size == 0 ? 1 : size);
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}

namespace anabranch::test {
namespace {

using sql::Datum;

const char* const bank = R"sql(
    CREATE DOMAIN money AS bigint CHECK (VALUE > 0);
    CREATE TABLE accounts (id bigint PRIMARY KEY, owner text NOT NULL, balance bigint NOT NULL CHECK
        (balance >= 0));
    CREATE PROCEDURE withdraw(account bigint, amount money) BEGIN ATOMIC
        UPDATE accounts SET balance = balance - amount WHERE id = account;
    END;
    INSERT INTO accounts SELECT i, 'owner ' || i, 1000000000 FROM generate_series(1, 1000) AS i;
)sql";

TEST_CASE("a warm withdraw allocates nothing and takes well under a microsecond", "[.bench]") {
    Shell shell(bank);
    const exec::CompiledPtr withdraw =
        exec::compile(shell.schema(), *shell.schema()->find_transaction("withdraw"));
    exec::TransactionRun run(shell.schema(), shell.store(), shell.origin());
    const auto once = [&](std::int64_t account) {
        const Datum arguments[] = {Datum::integer(account), Datum::integer(1)};
        const auto done = run.run(*withdraw, arguments, nullptr);
        const auto writes = run.finish();
        const bool good =
            done && writes && (*writes)->rows.size() == 1 && (*writes)->rows[0].columns[0].amount == -1;
        run.reset();
        return good;
    };
    for (int i = 0; i < 1000; ++i) REQUIRE(once(i % 1000 + 1));
    const std::size_t before = allocations;
    constexpr int rounds = 1'000'000;
    bool good = true;
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < rounds; ++i) good = once(i % 1000 + 1) && good;
    const auto nanos =
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - start)
            .count();
    CHECK(good);
    CHECK(allocations == before);
    const auto lookup = std::chrono::steady_clock::now();
    std::string key;
    std::size_t found = 0;
    for (int i = 0; i < rounds; ++i) {
        key.clear();
        sql::encode_key_part(key, sql::Type{sql::TypeId::int8}, Datum::integer(i % 1000 + 1));
        found += shell.store().find(shell.schema()->tables[0].id, key) ? 1U : 0U;
    }
    const auto store =
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - lookup)
            .count();
    CHECK(found == rounds);
    std::cout << "withdraw: " << nanos / rounds << " ns, of which the test store's lookup " << store / rounds
              << " ns\n";
}

TEST_CASE("a warm withdraw allocates nothing") {
    Shell shell(bank);
    const exec::CompiledPtr withdraw =
        exec::compile(shell.schema(), *shell.schema()->find_transaction("withdraw"));
    exec::TransactionRun run(shell.schema(), shell.store(), shell.origin());
    std::size_t before = 0;
    bool good = true;
    for (int i = 0; i < 100; ++i) {
        if (i == 50) before = allocations;
        const Datum arguments[] = {Datum::integer(i + 1), Datum::integer(1)};
        good = run.run(*withdraw, arguments, nullptr) && run.finish() && good;
        run.reset();
    }
    const std::size_t after = allocations;
    CHECK(good);
    CHECK(after == before);
}

TEST_CASE("an assertion is checked when the transaction ends, and names a violating row") {
    Shell shell(R"sql(
        CREATE TABLE members (name text PRIMARY KEY);
        INSERT INTO members VALUES ('root');
        CREATE SCHEMA assertion CREATE VIEW root_stays AS
            SELECT 'root' AS missing WHERE NOT EXISTS (SELECT FROM public.members WHERE name = 'root');
    )sql");
    const std::string violated =
        "ERROR 23514: transaction violates assertion \"assertion.root_stays\"\nDETAIL: Violating row: "
        "(missing=root).\n";
    CHECK(shell.execute("DELETE FROM members") == violated);
    CHECK(shell.execute("UPDATE members SET name = 'other'") == violated);
    shell.execute("BEGIN");
    CHECK(shell.execute("DELETE FROM members") == "DELETE 1\n");
    CHECK(shell.execute("INSERT INTO members VALUES ('root')") == "INSERT 1\n");
    CHECK(shell.execute("COMMIT") == "COMMIT\n");
    CHECK(shell.execute("INSERT INTO members VALUES ('x')") == "INSERT 1\n");
    CHECK(shell.violations().empty());
}

// Assertions of the shapes that are checked from touched rows, over two small tables.
const char* const shapes[] = {
    "SELECT a.id FROM public.a a WHERE a.x > 8",
    "SELECT a.id FROM public.a a JOIN public.b b ON b.a = a.id WHERE a.x + b.y > 12",
    "SELECT a.id FROM public.a a LEFT JOIN public.b b ON b.a = a.id WHERE a.x > 6 AND b.id IS NULL",
    "SELECT a.id FROM public.a a WHERE a.x <> (SELECT count(*) FROM public.b b WHERE b.a = a.id) AND a.x > 5",
    "SELECT a.id FROM public.a a WHERE a.x > 3 AND NOT EXISTS (SELECT FROM public.b b WHERE b.a = a.id AND "
    "b.y > 2)",
    "SELECT b.a FROM public.b b GROUP BY b.a HAVING sum(b.y) > 10",
    "SELECT a.x, count(*) FROM public.a a JOIN public.b b ON b.a = a.id GROUP BY a.x HAVING count(*) > 3",
    "SELECT a.id FROM public.a a JOIN public.b b ON b.a = a.id GROUP BY a.id HAVING count(*) > 4",
    "SELECT a.id FROM public.a a WHERE a.x > 5 AND a.id IN (SELECT b.a FROM public.b b WHERE b.y = 0)",
    "SELECT a.id FROM public.a a, public.a c WHERE a.x = c.x AND a.id < c.id AND a.x > 6",
    "SELECT a.id FROM public.a a WHERE a.x > 7 UNION ALL SELECT b.id FROM public.b b WHERE b.y > 7",
    "SELECT sum(y) FROM public.b HAVING sum(y) > 60",
    "SELECT s.k FROM (SELECT b.a AS k, max(b.y) AS m FROM public.b b GROUP BY b.a) s WHERE s.m > 8",
};

TEST_CASE("checking an assertion from touched rows finds what the whole query finds") {
    for (const char* shape : shapes) {
        CAPTURE(shape);
        const std::string schema =
            "CREATE TABLE a (id int PRIMARY KEY, x int NOT NULL);"
            "CREATE TABLE b (id int PRIMARY KEY, a int NOT NULL REFERENCES a ON DELETE CASCADE, y int NOT "
            "NULL);"
            "CREATE SCHEMA assertion CREATE VIEW shape AS ";
        std::size_t refused = 0;
        for_seeds(4, [&](Random& random) {
            Shell checked(schema + shape + ";");
            for (int i = 0; i < 200; ++i) {
                const auto number = [&](std::int64_t most) {
                    return std::to_string(random.between(0, most));
                };
                std::string block;
                std::vector<std::string> statements;
                for (std::uint64_t n = 0; n <= random.below(3); ++n) {
                    switch (random.below(12)) {  // mostly inserts, or nothing is ever violated
                        case 0:
                        case 6:
                        case 7:
                            statements.push_back("INSERT INTO a VALUES (" + number(6) + ", " + number(9) +
                                                 ") ON CONFLICT DO NOTHING");
                            break;
                        case 1:
                        case 8:
                        case 9:
                        case 10:
                            statements.push_back("INSERT INTO b SELECT " + number(20) + ", id, " + number(9) +
                                                 " FROM a WHERE id = " + number(6) +
                                                 " ON CONFLICT DO NOTHING");
                            break;
                        case 2:
                            statements.push_back("UPDATE a SET x = " + number(9) +
                                                 " WHERE id = " + number(6));
                            break;
                        case 3:
                            statements.push_back("UPDATE b SET y = " + number(9) +
                                                 " WHERE id = " + number(20));
                            break;
                        case 4:
                            statements.push_back("DELETE FROM a WHERE id = " + number(6));
                            break;
                        default:
                            statements.push_back("DELETE FROM b WHERE y < 2 OR id = " + number(20));
                            break;
                    }
                }
                const bool holds_before = checked.violations().empty();
                REQUIRE(holds_before);
                checked.execute("BEGIN");
                for (const std::string& statement : statements) {
                    CAPTURE(statement);
                    const std::string answer = checked.execute(statement);
                    CHECK(answer.find("ERROR") == std::string::npos);
                }
                const bool violated =
                    checked.execute("SELECT count(*) FROM (" + std::string(shape) + ") v") != "0\n";
                const std::string answer = checked.execute("COMMIT");
                CAPTURE(statements);
                CHECK(answer.starts_with("ERROR 23514") == violated);
                refused += violated ? 1 : 0;
            }
        });
        if (!test::sanitized) CHECK(refused > 0);
    }
}

TEST_CASE("violations of a whole state name the rows") {
    Shell shell(R"sql(
        CREATE TABLE owners (id int PRIMARY KEY);
        CREATE TABLE accounts (
            id int PRIMARY KEY,
            owner int NOT NULL REFERENCES owners,
            iban text UNIQUE,
            balance int CHECK (balance >= 0)
        );
        CREATE SCHEMA assertion CREATE VIEW few AS SELECT count(*) AS n FROM public.accounts HAVING
            count(*) > 2;
        INSERT INTO owners VALUES (1);
    )sql");
    const catalog::Table& table = *shell.schema()->find_table("", "accounts");
    const exec::RowLayout layout = exec::RowLayout::of(table);
    const auto put = [&](std::int64_t id, Datum owner, Datum iban, Datum balance) {
        const Datum values[] = {Datum::integer(id), owner, iban, balance};
        std::string row(exec::packed_size(layout, values), '\0');
        exec::pack(layout, values, row.data());
        std::string key;
        sql::encode_key_part(key, sql::Type{sql::TypeId::int4}, values[0]);
        shell.store().put(table.id, key, row);
    };
    const auto text = [](const char* t) { return Datum::bytes(t); };
    put(1, Datum::integer(1), text("a"), Datum::integer(-60));
    put(2, Datum::integer(7), text("b"), {});
    put(3, {}, text("a"), Datum::integer(5));
    const std::vector<std::string> expected = {
        "not_null(accounts.owner): accounts(id=3, owner=NULL)",
        "accounts_balance_check: accounts(id=1, balance=-60)",
        "accounts_iban_key: accounts(id=1, iban=a) accounts(id=3, iban=a)",
        "accounts_owner_fkey: accounts(id=2, owner=7)",
        "assertion.few: (n=3)",
    };
    CHECK(shell.violations() == expected);
}

TEST_CASE("a long statement stops when it is cancelled") {
    Shell shell(bank);
    exec::TransactionRun run(shell.schema(), shell.store(), shell.origin());
    bool stop = true;
    run.set_cancelled(&stop);
    const auto bound =
        catalog::bind_text(*shell.schema(), "SELECT count(*) FROM accounts a, accounts b, accounts c");
    REQUIRE(bound);
    const auto done = run.run(*exec::compile(shell.schema(), bound->statement), {}, nullptr);
    REQUIRE_FALSE(done);
    CHECK(done.error().sqlstate == "57014");
}

TEST_CASE("a failed statement voids the transaction") {
    Shell shell(bank);
    CHECK(shell.execute("BEGIN") == "BEGIN\n");
    CHECK(shell.execute("UPDATE accounts SET balance = 5 WHERE id = 1") == "UPDATE 1\n");
    CHECK(shell.execute("UPDATE accounts SET balance = -5 WHERE id = 2").starts_with("ERROR 23514"));
    CHECK(shell.execute("SELECT 1").starts_with("ERROR 25P02"));
    CHECK(shell.execute("COMMIT") == "ROLLBACK\n");
    CHECK(shell.execute("SELECT balance FROM accounts WHERE id = 1") == "1000000000\n");
}

}  // namespace
}  // namespace anabranch::test
