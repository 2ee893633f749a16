#include <catch2/catch.hpp>

#include "confluence/history.h"
#include "tests/support/property.h"
#include "tests/unit/confluence/schemas.h"

namespace anabranch::confluence {

namespace {

constexpr const char* sample =
    R"(# Apart, withdraw at a and withdraw at b succeed. Together, replica a violates accounts_balance_check.
# accounts_balance_check: CHECK (balance >= 0)
schema bank.sql
replicas a b

call a open_account(1, 'ann')
call a deposit(1, 100)
deliver all

call a withdraw(1, 80)
call b withdraw(1, 80)
deliver all

expect a violated accounts_balance_check
)";

Error error_of(const std::string& text) {
    const auto parsed = from_scenario("x.scn", text);
    REQUIRE_FALSE(parsed.has_value());
    return parsed.error();
}

}  // namespace

TEST_CASE("a witness is written as a file that explains itself") {
    const auto schema = test::bank();
    const auto parsed = from_scenario("x.scn", sample);
    REQUIRE(parsed);
    CHECK(to_scenario(*schema, parsed->history, 0, "accounts_balance_check") == sample);
}

TEST_CASE("a scenario is read into its history") {
    const auto parsed = from_scenario("x.scn", sample);
    REQUIRE(parsed);
    CHECK(parsed->schema_file == "bank.sql");
    CHECK(parsed->expected == std::vector<std::string>{"accounts_balance_check"});
    REQUIRE(parsed->history.steps.size() == 6);
    const auto& call = std::get<CallStep>(parsed->history.steps[3]);
    CHECK(call.transaction == "withdraw");
    CHECK(call.arguments == std::vector<Argument>{{"1"}, {"80"}});
    CHECK(std::get<CallStep>(parsed->history.steps[4]).replica == 1);
}

TEST_CASE("names, clocks, statements and single deliveries have their lines") {
    const auto parsed = from_scenario("x.scn", R"(replicas a b c
call a open_account('a, b', f(1, 2)) as $k $l
call b clock=-10 deposit($k, 80)
deliver a -> c
sql c
  UPDATE accounts
  SET balance = 1
sql a DELETE FROM accounts WHERE owner = 'x y'
expect lost lost_update(accounts.owner)
)");
    INFO((parsed ? std::string() : parsed.error().message));
    REQUIRE(parsed);
    const auto& steps = parsed->history.steps;
    const auto& first = std::get<CallStep>(steps[0]);
    CHECK(first.arguments == std::vector<Argument>{{"'a, b'"}, {"f(1, 2)"}});
    CHECK(first.names == std::vector<std::string>{"$k", "$l"});
    CHECK(std::get<CallStep>(steps[1]).clock_millis == -10);
    CHECK(std::get<DeliverStep>(steps[2]) == DeliverStep{0, 2});
    CHECK(std::get<CallStep>(steps[3]).statement == "UPDATE accounts\nSET balance = 1");
    CHECK(std::get<CallStep>(steps[4]).statement == "DELETE FROM accounts WHERE owner = 'x y'");
    CHECK(parsed->expected == std::vector<std::string>{"lost_update(accounts.owner)"});
}

TEST_CASE("a mistake in a scenario is told with its line and column") {
    const auto check = [](const std::string& text, std::uint32_t line, std::uint32_t column) {
        const Error error = error_of(text);
        INFO(text << "\n" << error.message);
        CHECK(error.place.file == "x.scn");
        CHECK(error.place.line == line);
        CHECK(error.place.column == column);
        CHECK(error.sqlstate == sqlstate::syntax_error);
    };
    check("replicas a b\ncall c deposit(1)\n", 2, 6);
    check("replicas a c\n", 1, 12);
    check("replicas\n", 1, 1);
    check("call a deposit\n", 1, 8);
    check("call a deposit(1, )\n", 1, 8);
    check("call a deposit(1\n", 1, 15);
    check("call a deposit(1) like $k\n", 1, 19);
    check("call a deposit(1) as k\n", 1, 22);
    check("\ncall a clock=soon deposit(1)\n", 2, 1);
    check("deliver a b\n", 1, 1);
    check("deliver a -> z\n", 1, 14);
    check("call a x()\nreplicas a b\n", 2, 1);
    check("expect a wrong\n", 1, 1);
    check("explode\n", 1, 1);
    check("sql a\n", 1, 1);
}

TEST_CASE("every history survives being written and read") {
    const auto schema = test::bank();
    test::for_seeds(200, [&](Random& random) {
        History history;
        history.replicas = static_cast<std::uint32_t>(random.between(1, 4));
        const char* texts[] = {"1",
                               "-5",
                               "'ann'",
                               "'it''s (odd'",
                               "'two\nlines'",
                               "NULL",
                               "$k",
                               "ARRAY[1, 2]",
                               "'{\"a\": [1, 2]}'::jsonb",
                               "E'a\\'b'"};
        for (auto steps = random.below(8); steps > 0; --steps) {
            const auto one = [&] { return static_cast<std::uint32_t>(random.below(history.replicas)); };
            if (random.chance(0.2)) {
                history.steps.emplace_back(DeliverAllStep{});
            } else if (random.chance(0.2)) {
                history.steps.emplace_back(DeliverStep{one(), one()});
            } else {
                CallStep call;
                call.replica = one();
                call.clock_millis = random.chance(0.3) ? random.between(-20, 20) : 0;
                if (random.chance(0.2)) {
                    call.statement = random.chance(0.5) ? "DELETE FROM accounts"
                                                        : "UPDATE accounts\n  SET owner = 'x'\nWHERE id = 1";
                } else {
                    call.transaction = random.chance(0.8) ? "deposit" : "Odd Name";
                    for (auto n = random.below(4); n > 0; --n)
                        call.arguments.push_back({texts[random.below(std::size(texts))]});
                    for (auto n = random.below(3); n > 0; --n) call.names.push_back("$n" + std::to_string(n));
                }
                history.steps.emplace_back(std::move(call));
            }
        }
        const std::string text = to_scenario(*schema, history, 0, "accounts_balance_check");
        CAPTURE(text);
        const auto parsed = from_scenario("x.scn", text);
        INFO((parsed ? std::string() : parsed.error().message));
        REQUIRE(parsed);
        CHECK(parsed->history == history);
    });
}

TEST_CASE("a printed replay ends in the rows and in whether the expectation was met") {
    const auto schema = test::bank();
    auto parsed = from_scenario("x.scn", sample);
    REQUIRE(parsed);
    const auto printed = replay_text(schema, *parsed, 80);
    REQUIRE(printed);
    CHECK(printed->met);
    CHECK(printed->text.find("a and b hold:\n  accounts(id=1, owner=ann, balance=-60)\n") !=
          std::string::npos);
    CHECK(printed->text.ends_with("expectation met: accounts_balance_check is violated\n"));
    parsed->expected = {"accounts_pkey", "typo"};
    const auto other = replay_text(schema, *parsed, 80);
    REQUIRE(other);
    CHECK_FALSE(other->met);
    CHECK(other->text.find("expectation not met: accounts_pkey holds\n") != std::string::npos);
    CHECK(other->text.find("expectation not met: typo holds; the schema has no such invariant\n") !=
          std::string::npos);
}

}  // namespace anabranch::confluence
