// What the checker does when it may not look at everything: a budget that ends, and schemas with very many
// pairs.
#include <catch2/catch.hpp>

#include "confluence/check.h"
#include "confluence/smt/pair.h"
#include "tests/unit/confluence/schemas.h"

namespace anabranch::confluence {

namespace {

// Confluent, by a proof that takes some work.
const std::string transfers = R"sql(
    CREATE TABLE accounts (id bigint PRIMARY KEY, balance bigint NOT NULL CHECK (balance >= 0),
        held bigint NOT NULL DEFAULT 0, CHECK (held <= 100));
    CREATE PROCEDURE deposit(account bigint, amount bigint) BEGIN ATOMIC
        UPDATE accounts SET balance = balance + amount WHERE id = account AND amount > 0;
    END;
    CREATE PROCEDURE release(account bigint, amount bigint) BEGIN ATOMIC
        UPDATE accounts SET held = held - amount, balance = balance + amount
            WHERE id = account AND amount > 0;
    END;
)sql";

std::string report_text(const catalog::SchemaPtr& schema, std::uint64_t rlimit) {
    Options options;
    options.rlimit = rlimit;
    const auto report = check(schema, options);
    REQUIRE(report.has_value());
    return to_json(*report);
}

// So many procedures that each insert a chosen key into one table.
std::string crowd(std::size_t count) {
    std::string text =
        "CREATE TABLE seats (id bigint PRIMARY KEY, row_number bigint NOT NULL CHECK (row_number > 0));\n";
    for (std::size_t i = 1; i <= count; ++i) {
        const std::string number = std::to_string(i);
        text += "CREATE PROCEDURE take" + number +
                "(seat bigint) BEGIN ATOMIC INSERT INTO seats VALUES (seat, " + number + "); END;\n";
    }
    return text;
}

}  // namespace

TEST_CASE(
    "a pair that ran out of its budget gets a sixth of it, and nothing more for scopes after four "
    "times") {
    smt::Patience patience;
    CHECK(patience.limit(1, 2, 1800) == 1800);
    for (int i = 0; i < 3; ++i) patience.undecided(1, 2);
    CHECK(patience.limit(1, 2, 1800) == 300);
    CHECK(patience.limit(2, 2, 1800) == 1800);  // another pair has all of it
    CHECK_FALSE(patience.exhausted(1, 2));
    patience.undecided(1, 2);
    CHECK(patience.exhausted(1, 2));
    CHECK_FALSE(patience.exhausted(2, 2));
}

TEST_CASE("a question that the budget does not suffice for is answered unknown, and the pair is remembered") {
    const auto schema = test::schema_of(transfers);
    smt::Analysis analysis(schema);
    const auto t = test::transaction_of(*schema, "deposit");
    const auto invariant = test::invariant_of(*schema, "accounts_balance_check");
    {
        smt::Pair pair(analysis, t, t, {invariant});
        CHECK(pair.breaks(invariant, {}, {}) == smt::Answer::no);
        CHECK(analysis.lane().patience.limit(t, t, 1800) == 1800);
    }
    analysis.rlimit = 1;
    smt::Pair pair(analysis, t, t, {invariant});
    CHECK(pair.breaks(invariant, {}, {}) == smt::Answer::unknown);
    CHECK(analysis.lane().patience.limit(t, t, 1800) == 300);
}

TEST_CASE("with a small budget less is proved, nothing else, and the report is the same each time") {
    const auto schema = test::schema_of(transfers);
    Options options;
    const auto whole = check(schema, options);
    REQUIRE(whole.has_value());
    options.rlimit = 1;
    const auto report = check(schema, options);
    REQUIRE(report.has_value());
    REQUIRE(report->pairs.size() == whole->pairs.size());
    std::size_t fewer = 0;
    for (std::size_t i = 0; i < report->pairs.size(); ++i) {
        const Verdict little = report->pairs[i].verdict, much = whole->pairs[i].verdict;
        CHECK((little == much || little == Verdict::unknown));
        fewer += little != much ? 1U : 0U;
    }
    CHECK(fewer > 0);
    const auto deposit = test::transaction_of(*schema, "deposit");
    CHECK(whole->plan.transactions[deposit].route == catalog::Route::free);
    CHECK(report->plan.transactions[deposit].route == catalog::Route::ordered);
    CHECK(report_text(schema, 1) == report_text(schema, 1));
    CHECK(report_text(schema, 8'000'000) == report_text(schema, 8'000'000));
}

// 29 transactions make 435 pairs, more than the 400 up to which a schema is looked at more than once.
TEST_CASE(
    "a schema with very many pairs is looked at once: no repairs, the first forty witnesses, and it says "
    "so") {
    const auto schema = test::schema_of(crowd(29));
    const auto report = check(schema, {});
    REQUIRE(report.has_value());
    const auto key = test::invariant_of(*schema, "seats_pkey");
    const auto rows = test::invariant_of(*schema, "seats_row_number_check");
    std::size_t witnesses = 0;
    for (const Pair& pair : report->pairs) {
        CHECK(pair.repairs.empty());
        if (pair.invariant == rows) CHECK(pair.verdict == Verdict::confluent);
        if (pair.invariant != key) continue;
        CHECK(pair.verdict != Verdict::confluent);
        CHECK(pair.conflicts.size() == 29);
        for (const Conflict& conflict : pair.conflicts) {
            CHECK(conflict.scope.size() == 1);
            witnesses += conflict.witness && conflict.with >= pair.transaction ? 1U : 0U;
        }
    }
    CHECK(witnesses == 40);
    for (const auto& planned : report->plan.transactions) CHECK(planned.route == catalog::Route::ordered);
    REQUIRE_FALSE(report->warnings.empty());
    CHECK(report->warnings.back().message.find("40 of 435 conflicts") != std::string::npos);
}

TEST_CASE("few pairs are looked at more than once: repairs are sought") {
    const auto schema = test::schema_of(crowd(3));
    const auto report = check(schema, {});
    REQUIRE(report.has_value());
    const auto key = test::invariant_of(*schema, "seats_pkey");
    for (const Pair& pair : report->pairs)
        if (pair.invariant == key) CHECK_FALSE(pair.repairs.empty());
    for (const auto& warning : report->warnings)
        CHECK(warning.message.find("the schema is large") == std::string::npos);
}

}  // namespace anabranch::confluence
