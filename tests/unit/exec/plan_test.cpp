// Which access path a statement gets: no full scan where an index serves.
#include <catch2/catch.hpp>

#include "tests/unit/exec/shell.h"

namespace anabranch::test {
namespace {

const char* const shop = R"sql(
    CREATE TABLE customers (id bigint PRIMARY KEY, email text UNIQUE, city text, born date);
    CREATE TABLE orders (
        id bigint PRIMARY KEY,
        customer bigint NOT NULL REFERENCES customers,
        state text NOT NULL,
        placed timestamptz NOT NULL,
        total bigint
    );
    CREATE INDEX orders_by_time ON orders (placed);
    CREATE UNIQUE INDEX one_open ON orders (customer) WHERE state = 'open';
    CREATE UNIQUE INDEX by_lower ON customers (lower(city), id);
    CREATE TABLE lines (customer bigint, n int, sku text NOT NULL, PRIMARY KEY (customer, n));
    CREATE TABLE loose (a bigint, b bigint);
    CREATE VIEW order_view AS SELECT o.id, o.total, c.email FROM orders o JOIN customers c ON c.id =
        o.customer;
)sql";

TEST_CASE("an equality on a whole key is a lookup") {
    Shell shell(shop);
    CHECK(shell.explain("SELECT * FROM customers WHERE id = 5") == "Primary key lookup customers\n");
    CHECK(shell.explain("SELECT * FROM customers WHERE 5 = id AND city = 'x'") ==
          "Primary key lookup customers, filtered\n");
    CHECK(shell.explain("SELECT * FROM customers WHERE email = 'x'") ==
          "Unique lookup customers using customers_email_key, 1 part equal\n");
    CHECK(shell.explain("UPDATE customers SET city = 'x' WHERE id = 5") ==
          "Update customers\n  Primary key lookup customers\n");
    CHECK(shell.explain("DELETE FROM lines WHERE n = 2 AND customer = 1") ==
          "Delete from lines\n  Primary key lookup lines\n");
}

TEST_CASE("prefixes, ranges and alternatives use the index") {
    Shell shell(shop);
    CHECK(shell.explain("SELECT * FROM lines WHERE customer = 1") ==
          "Index scan lines using lines_pkey, 1 part equal\n");
    CHECK(shell.explain("SELECT * FROM lines WHERE customer = 1 AND n > 3") ==
          "Index scan lines using lines_pkey, 1 part equal, range\n");
    CHECK(shell.explain("SELECT * FROM orders WHERE placed >= '2020-01-01' AND placed < '2021-01-01'") ==
          "Index scan orders using orders_by_time, range\n");
    CHECK(shell.explain("SELECT * FROM orders WHERE customer = 3") ==
          "Index scan orders using orders_customer_fkey, 1 part equal\n");
    CHECK(shell.explain("SELECT * FROM orders WHERE id IN (1, 2, 3)") ==
          "Index scan orders using orders_pkey, any of several values\n");
    CHECK(shell.explain("SELECT * FROM orders WHERE id = ANY ('{1,2}'::bigint[])") ==
          "Index scan orders using orders_pkey, any of several values\n");
    CHECK(shell.explain("SELECT * FROM loose WHERE a = 1") == "Scan loose, filtered\n");
}

TEST_CASE(
    "a partial index serves where its predicate is asked for, an expression index where its expression is") {
    Shell shell(shop);
    CHECK(shell.explain("SELECT * FROM orders WHERE customer = 3 AND state = 'open'") ==
          "Unique lookup orders using one_open, 1 part equal, filtered\n");
    CHECK(shell.explain("SELECT * FROM customers WHERE lower(city) = 'x'") ==
          "Index scan customers using by_lower, 1 part equal, filtered\n");
}

TEST_CASE("joins follow indexes, and hash where there is none") {
    Shell shell(shop);
    CHECK(shell.explain("SELECT * FROM orders o JOIN customers c ON c.id = o.customer") ==
          "Scan orders o\n  Primary key lookup customers c\n");
    CHECK(shell.explain("SELECT * FROM customers c JOIN orders o ON c.id = o.customer WHERE c.email = 'x'") ==
          "Unique lookup customers c using customers_email_key, 1 part equal\n"
          "  Index scan orders o using orders_customer_fkey, 1 part equal\n");
    CHECK(shell.explain("SELECT * FROM loose x JOIN loose y ON x.a = y.b") ==
          "Scan loose x\n  Hash join with Scan loose y\n");
    CHECK(shell.explain("SELECT * FROM unnest(ARRAY[1,2]::bigint[]) AS i JOIN customers c ON c.id = i") ==
          "Function i\n  Primary key lookup customers c\n");
    CHECK(
        shell.explain("SELECT c.id FROM customers c LEFT JOIN orders o ON o.customer = c.id") ==
        "Scan customers c\n  Outer join\n    Index scan orders o using orders_customer_fkey, 1 part equal\n");
}

TEST_CASE("views are looked through") {
    Shell shell(shop);
    CHECK(shell.explain("SELECT * FROM order_view WHERE id = 5") ==
          "Primary key lookup orders o\n  Primary key lookup customers c\n");
}

TEST_CASE("an index gives the order and the extreme values") {
    Shell shell(shop);
    CHECK(shell.explain("SELECT * FROM orders ORDER BY id") == "Scan orders\n");
    CHECK(shell.explain("SELECT * FROM orders ORDER BY id DESC LIMIT 1") ==
          "Limit\n  Scan orders backwards\n");
    CHECK(shell.explain("SELECT * FROM orders ORDER BY placed LIMIT 5") ==
          "Limit\n  Index scan orders using orders_by_time\n");
    CHECK(shell.explain("SELECT * FROM orders ORDER BY placed DESC LIMIT 5") ==
          "Limit\n  Index scan orders using orders_by_time, backwards\n");
    CHECK(shell.explain("SELECT * FROM orders ORDER BY total LIMIT 5") ==
          "Limit\n  Sort by 1 key\n    Scan orders\n");
    CHECK(shell.explain("SELECT * FROM lines WHERE customer = 2 ORDER BY n DESC") ==
          "Index scan lines using lines_pkey, 1 part equal, backwards\n");
    CHECK(shell.explain("SELECT max(n) FROM lines WHERE customer = 2") ==
          "First row\n  Index scan lines using lines_pkey, 1 part equal, backwards, filtered\n");
    CHECK(shell.explain("SELECT min(placed) FROM orders") ==
          "First row\n  Index scan orders using orders_by_time, filtered\n");
}

TEST_CASE("inner queries that do not depend on the row run once") {
    Shell shell(shop);
    CHECK(shell.explain("SELECT 1 FROM loose WHERE a IN (SELECT id FROM orders)") ==
          "Scan loose, filtered\nSubquery once, hashed\n  Scan orders\n");
    CHECK(shell.explain(
              "SELECT 1 FROM customers c WHERE EXISTS (SELECT FROM orders o WHERE o.customer = c.id)") ==
          "Scan customers c, filtered\nSubquery per row\n  Index scan orders o using orders_customer_fkey, 1 "
          "part equal\n");
}

TEST_CASE("a store hears of the keys that a join is about to look up, and of none that may fail") {
    Shell shell(R"sql(
        CREATE TABLE item (id int PRIMARY KEY, price int NOT NULL);
        INSERT INTO item SELECT i, i * 10 FROM generate_series(1, 50) i;
    )sql");
    const auto told = [&](const std::string& statement, const std::string& answer) {
        shell.store().expected = 0;
        CHECK(shell.execute(statement) == answer);
        return shell.store().expected;
    };
    CHECK(told("SELECT sum(price), max(n) FROM unnest(ARRAY[7, 60, NULL, 3]) WITH ORDINALITY AS u(i, n) "
               "JOIN item ON id = i",
               "100|4\n") == 4);
    CHECK(told("SELECT sum(price) FROM unnest(ARRAY[1, 2], ARRAY[3]) AS u(i, j) JOIN item ON id = i",
               "30\n") == 2);
    CHECK(told("SELECT count(*) FROM generate_series(1, 40) g JOIN item ON id = g", "40\n") == 40);
    CHECK(told("SELECT price FROM generate_series(1, 40) g JOIN item ON id = g LIMIT 1", "10\n") == 16);
    CHECK(told("SELECT g FROM generate_series(45, 70) g JOIN item ON id = g ORDER BY g LIMIT 1 OFFSET 5",
               "50\n") == 26);
    CHECK(told("SELECT price FROM generate_series(1, 2) g JOIN item ON id = 1 / (2 - g) LIMIT 1", "10\n") ==
          0);
}

TEST_CASE("a store hears of the rows that several calls will look up before the first of them runs") {
    Shell shell(R"sql(
        CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL);
        CREATE TABLE fee (kind text PRIMARY KEY, amount int NOT NULL);
        CREATE PROCEDURE pay(payer int, payee int, amount int) BEGIN ATOMIC
            SELECT EXISTS (SELECT FROM account WHERE id = payer);
            UPDATE account SET balance = balance - pay.amount WHERE id = payer;
            UPDATE account SET balance = balance + pay.amount WHERE id = payee;
            UPDATE fee SET amount = fee.amount + 1 WHERE kind = 'payment';
            UPDATE account SET balance = balance - 1 WHERE id = payer + 1;
        END;
    )sql");
    const exec::CompiledPtr pay = exec::compile(shell.schema(), *shell.schema()->find_transaction("pay"));
    exec::TransactionRun run(shell.schema(), shell.store(), shell.origin());
    const sql::Datum some[] = {sql::Datum::integer(1), sql::Datum::integer(2), sql::Datum::integer(7)};
    const sql::Datum others[] = {sql::Datum::null(), sql::Datum::integer(3), sql::Datum::integer(7)};
    shell.store().expected = 0;
    run.expect({});
    CHECK(shell.store().expected == 0);
    const exec::Upcoming calls[] = {{pay.get(), some}, {pay.get(), others}, {pay.get(), some}};
    run.expect(calls);
    CHECK(shell.store().expected == 9);  // payer, payee and fee of each; not what is worked out on the way
}

}  // namespace
}  // namespace anabranch::test
