#include "lib/sql/bind_describe.h"
#include "lib/sql/value.h"
#include "tests/unit/catalog/schemas.h"

using namespace anabranch;
using namespace anabranch::catalog;
using test::schema_of;
using Strings = std::vector<std::string>;

namespace {

SchemaPtr bank() {
    return schema_of(R"(
        CREATE DOMAIN cents AS bigint CHECK (VALUE > 0);
        CREATE TABLE accounts (id bigint PRIMARY KEY, owner text NOT NULL, balance int NOT NULL DEFAULT 0);
        CREATE PROCEDURE deposit(account bigint, amount cents) BEGIN ATOMIC UPDATE accounts SET balance =
            balance + amount WHERE id = account; END;
        CREATE PROCEDURE ask(k bigint, OUT b int) BEGIN ATOMIC SELECT balance FROM accounts WHERE id = k; END;
        CREATE FUNCTION take(k bigint, n int DEFAULT 1) RETURNS TABLE (left_over int) BEGIN ATOMIC
            UPDATE accounts SET balance = balance - n WHERE id = k RETURNING balance; END;
        CREATE FUNCTION rich(n int) RETURNS SETOF bigint STABLE BEGIN ATOMIC SELECT id FROM accounts WHERE
            balance > n; END;
        CREATE FUNCTION half(n int) RETURNS int IMMUTABLE RETURN n / 2;
    )");
}

std::string bound(const Schema& s, const std::string& text, const std::vector<sql::Type>& types = {}) {
    const Result<BoundText> r = bind_text(s, text, types);
    if (!r) return r.error().sqlstate + " " + r.error().message;
    std::string out;
    if (r->call) {
        out = "CALL " + s.transactions[r->call->transaction].name + "(";
        for (const sql::ExprPtr& e : r->call->arguments)
            out += (out.ends_with("(") ? "" : ", ") + sql::describe(e);
        out += r->call->as_rows ? ") rows" : ")";
    } else {
        out = sql::describe(*r->statement);
    }
    for (std::size_t i = 0; i < r->parameter_types.size(); ++i)
        out += (i == 0 ? " | " : ", ") + sql::type_name(r->parameter_types[i]);
    return out;
}

}  // namespace

TEST_CASE("CALL binds literals, parameters, names and defaults, and checks domains") {
    const SchemaPtr s = bank();
    CHECK(bound(*s, "CALL deposit(1, 80)") == "CALL deposit(1, cents!(80))");
    CHECK(bound(*s, "CALL deposit($1, $2)") == "CALL deposit($1, cents!($2)) | bigint, bigint");
    CHECK(bound(*s, "CALL deposit($1, $2)", {{sql::TypeId::int2}}) ==
          "CALL deposit($1::bigint, cents!($2)) | smallint, bigint");
    CHECK(bound(*s, "CALL deposit(amount => 5, account => '7')") == "CALL deposit(7, cents!(5))");
    CHECK(bound(*s, "CALL ask(1, NULL)") == "CALL ask(1, NULL)");
    CHECK(bound(*s, "CALL ask(1)") == "CALL ask(1, NULL)");
    CHECK(bound(*s, "CALL deposit(1)") == "42883 procedure deposit(...) does not exist");
    CHECK(bound(*s, "CALL depositt(1, 2)") == "42883 procedure depositt(..., ...) does not exist");
    CHECK(bound(*s, "CALL half(1)") == "42809 half is not a procedure");
    CHECK(bind_text(*s, "CALL depositt(1, 2)").error().hint == "Perhaps you meant \"deposit\".");
}

TEST_CASE("a function that writes is called by SELECT, one that reads is inlined") {
    const SchemaPtr s = bank();
    CHECK(bound(*s, "SELECT * FROM take(1, 2)") == "CALL take(1, 2) rows");
    CHECK(bound(*s, "SELECT take($1)") == "CALL take($1, 1) rows | bigint");
    CHECK(bound(*s, "SELECT * FROM rich(5)") ==
          "SELECT 0.0.0 FROM LATERAL (SELECT 0.0.0 FROM t0 accounts WHERE (0.0.2 > 5)) rich");
    CHECK(bound(*s, "SELECT half(balance) FROM accounts") == "SELECT (SELECT (1.0.2 / 2)) FROM t0 accounts");
    CHECK(bound(*s, "SELECT * FROM accounts, rich(balance)") ==
          "SELECT 0.0.0, 0.0.1, 0.0.2, 0.1.0 FROM t0 accounts, LATERAL (SELECT 0.0.0 FROM t0 accounts WHERE "
          "(0.0.2 > 1.0.2)) rich");
    CHECK(bound(*s, "SELECT take(1) + 1") ==
          "0A000 calling take(), which is not a read-only SQL function of one query, is not supported");
}

TEST_CASE("types of parameters are inferred from where they stand") {
    const SchemaPtr s = bank();
    CHECK(bound(*s, "INSERT INTO accounts VALUES ($1, $2, $3)") ==
          "INSERT t0 (0, 1, 2) VALUES ($1, $2, $3) | bigint, text, integer");
    CHECK(bound(*s, "UPDATE accounts SET balance = balance + $2 WHERE id = $1") ==
          "UPDATE t0 SET 2 = (0.0.2 + $2) WHERE (0.0.0 = $1) | bigint, integer");
    CHECK(bound(*s, "SELECT id FROM accounts WHERE id = ANY($1) LIMIT $2") ==
          "SELECT 0.0.0 FROM t0 accounts WHERE (0.0.0 = ANY $1) LIMIT $2 | bigint[], bigint");
    CHECK(bound(*s, "SELECT id FROM accounts WHERE balance = $1", {{sql::TypeId::int8}}) ==
          "SELECT 0.0.0 FROM t0 accounts WHERE (0.0.2::bigint = $1) | bigint");
    CHECK(bound(*s, "SELECT $2::int") == "42P18 could not determine data type of parameter $1");
    CHECK(bound(*s, "SELECT id FROM accounts WHERE owner = $1 OR $1 = ''") ==
          "SELECT 0.0.0 FROM t0 accounts WHERE ((0.0.1 = $1) OR ($1 = '')) | text");
}

TEST_CASE("levels count every query around, and every Insert's two scopes") {
    const SchemaPtr s = bank();
    CHECK(
        bound(*s, "SELECT (SELECT max(b.id) FROM accounts b WHERE b.balance > a.balance) FROM accounts a") ==
        "SELECT (SELECT max(0.0.0) FROM t0 b WHERE (0.0.2 > 1.0.2)) FROM t0 a");
    CHECK(bound(*s, "WITH w AS (SELECT 1 AS x) INSERT INTO accounts (id, owner) SELECT x, 'a' FROM w") ==
          "WITH w AS (SELECT 1) INSERT t0 (0, 1) SELECT 0.0.0::bigint, 'a' FROM cte 2.0 w");
    CHECK(bound(*s, "WITH w AS (SELECT 1 AS x) UPDATE accounts SET balance = x FROM w") ==
          "WITH w AS (SELECT 1) UPDATE t0 SET 2 = 0.1.0 FROM cte 1.0 w");
    CHECK(bound(*s,
                "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT n FROM "
                "r") ==
          "WITH RECURSIVE r AS ((SELECT 1 UNION ALL SELECT (0.0.0 + 1) FROM cte 2.0 r WHERE (0.0.0 < 5))) "
          "SELECT 0.0.0 FROM cte 0.0 r");
    CHECK(bound(*s,
                "UPDATE accounts SET (owner, balance) = (SELECT b.owner, 1 FROM accounts b WHERE b.id = "
                "accounts.id)") ==
          "UPDATE t0 SET 1 = (SELECT 0.0.0 FROM (SELECT 0.0.1, 1 FROM t0 b WHERE (0.0.0 = 2.0.0)) ), "
          "2 = (SELECT 0.0.1 FROM (SELECT 0.0.1, 1 FROM t0 b WHERE (0.0.0 = 2.0.0)) )");
}

TEST_CASE("system relations are found in pg_catalog without being asked, the engine's own by their schema") {
    const SchemaPtr s = bank();
    CHECK(bind_text(*s, "SELECT relname FROM pg_class WHERE relkind = 'r'").has_value());
    CHECK(bind_text(*s, "SELECT name, behind FROM anabranch.replicas").has_value());
    CHECK(bind_text(*s, "SELECT table_name FROM information_schema.tables").has_value());
    CHECK(bound(*s, "DELETE FROM pg_class") ==
          "42501 \"pg_class\" is a system relation: it can only be read");
}

TEST_CASE("an error has a span inside the statement") {
    const SchemaPtr s = bank();
    const auto span = [&](const std::string& text) { return bind_text(*s, text).error().span; };
    CHECK(span("SELECT id, balanc FROM accounts").offset == 11);
    CHECK(span("SELECT * FROM accountz").offset == 14);
    CHECK(span("SELECT owner + 1 FROM accounts").offset == 13);
    CHECK(span("CALL nope(1)").offset == 5);
}
