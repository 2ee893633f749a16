// What is said of transactions that never commit, of invariants that nothing can satisfy, and of initial rows
// that break the rules.
#include <catch2/catch.hpp>

#include "confluence/vacuity.h"
#include "tests/unit/confluence/schemas.h"

namespace anabranch::confluence {

namespace {

constexpr const char* jars = R"sql(
CREATE DOMAIN holds AS boolean CHECK (VALUE);
CREATE TABLE jars (
    id  bigint PRIMARY KEY,
    n   bigint NOT NULL DEFAULT 0 CHECK (n >= 0)
);
)sql";
constexpr const char* filled =
    "CREATE PROCEDURE fill(k bigint) BEGIN ATOMIC INSERT INTO jars (id) VALUES (k); END;";

// "subject: text" of each finding.
std::vector<std::string> found(const std::string& text) {
    const smt::Analysis analysis(test::schema_of(jars + text));
    std::vector<std::string> out;
    for (const Vacuous& vacuous : find_vacuous(analysis))
        out.push_back(vacuous.subject + ": " + vacuous.text);
    return out;
}

std::string never(const std::string& body) {
    return "CREATE PROCEDURE p(k bigint, v bigint) BEGIN ATOMIC " + body + " END;";
}

const std::vector<std::string> p_never_commits{
    "p: it can never commit: its guards and the invariants leave no state and no arguments with which it "
    "succeeds"};

}  // namespace

TEST_CASE("a transaction whose guard is false for all arguments never commits") {
    CHECK(found(never("SELECT (1 > 2)::holds; INSERT INTO jars (id) VALUES (k);")) == p_never_commits);
    CHECK(found(never("SELECT (v > 3 AND v < 3)::holds; INSERT INTO jars (id) VALUES (k);")) ==
          p_never_commits);
}

TEST_CASE("a transaction that always inserts what a CHECK forbids never commits") {
    CHECK(found(never("INSERT INTO jars (id, n) VALUES (k, -1);")) == p_never_commits);
}

TEST_CASE("a transaction that needs a row and asks that there be none never commits") {
    CHECK(found(never("SELECT (EXISTS (SELECT FROM jars j WHERE j.id = k))::holds;"
                      "SELECT (NOT EXISTS (SELECT FROM jars j WHERE j.id = k))::holds;"
                      "INSERT INTO jars (id) VALUES (v);")) == p_never_commits);
}

TEST_CASE("a transaction that can commit for some arguments is not called vacuous") {
    CHECK(found(never("SELECT (v > 3)::holds; INSERT INTO jars (id, n) VALUES (k, v - 100);")).empty());
    // When there is no such row.
    CHECK(found(filled + never("UPDATE jars SET n = -1 WHERE id = k;")).empty());
}

TEST_CASE("a CHECK that no row satisfies is said to be so") {
    const auto out =
        found(std::string(filled) +
              "CREATE TABLE none (id bigint PRIMARY KEY, n bigint NOT NULL, CHECK (n > 5 AND n < 3));"
              "CREATE PROCEDURE p(k bigint) BEGIN ATOMIC DELETE FROM jars WHERE id = k; END;");
    CHECK(out == std::vector<std::string>{"none_n_check: no row without NULLs can satisfy it"});
}

TEST_CASE("a table that transactions use and nothing fills is named with those transactions") {
    const std::string p = never("UPDATE jars SET n = n + v WHERE id = k;");
    CHECK(found(p) == std::vector<std::string>{"jars: no transaction inserts into it, and the schema does "
                                               "not either: p will find it empty"});
    CHECK(found(p + "INSERT INTO jars VALUES (1, 4);").empty());
    CHECK(found(p + filled).empty());
}

TEST_CASE("initial rows that break an invariant are said to, with its name") {
    const auto out = found("INSERT INTO jars VALUES (1, -4);");
    REQUIRE(out.size() == 1);
    CHECK(out[0].starts_with("jars_n_check: the rows that the schema inserts fail"));
}

TEST_CASE("nothing is vacuous in the bank") {
    const smt::Analysis analysis(test::bank());
    CHECK(find_vacuous(analysis).empty());
}

}  // namespace anabranch::confluence
