#include <catch2/catch.hpp>

#include "confluence/history.h"
#include "confluence/wording.h"
#include "tests/unit/confluence/schemas.h"

namespace anabranch::confluence {

namespace {

std::vector<std::string> story(const catalog::SchemaPtr& schema, const std::string& scenario,
                               std::size_t width) {
    const auto parsed = from_scenario("x.scn", scenario);
    INFO((parsed ? std::string() : parsed.error().message));
    REQUIRE(parsed);
    const auto replayed = replay(schema, parsed->history);
    REQUIRE(replayed);
    return tell(*schema, parsed->history, *replayed, width);
}

std::string text(const std::vector<std::string>& lines) {
    return "\n" + join(lines, "\n") + "\n";
}

}  // namespace

TEST_CASE("a story is told in two columns and ends in the violated rows") {
    CHECK(text(story(test::bank(), R"(replicas a b
call a open_account(1, 'ann')
call a deposit(1, 100)
deliver all
call a withdraw(1, 80)
call b withdraw(1, 80)
deliver all
)",
                     80)) == R"(
replica a                              | replica b
---------------------------------------+---------------------------------------
open_account(1, 'ann')                 |
  insert accounts(id=1, owner=ann,     |
    balance=0)                         |
deposit(1, 100)                        |
  accounts(id=1): balance 0 -> 100     |
----------------- a and b both know this; now they lose touch ------------------
withdraw(1, 80)                        | withdraw(1, 80)
  accounts(id=1): balance 100 -> 20    |   accounts(id=1): balance 100 -> 20
=================== they meet: a and b both hold everything ====================
accounts_balance_check is violated at a and b:
  CHECK (balance >= 0)
  but there is accounts(id=1, balance=-60)
)");
}

TEST_CASE("writes that compete stand below each other, the later one last") {
    const auto lines = story(test::schema_of(test::score_schema, "score.sql"),
                             "call a score(1, 70)\ncall b score(1, 60)\ndeliver all\n", 80);
    CHECK(text(lines) == R"(
replica a                              | replica b
---------------------------------------+---------------------------------------
                     start: the rows that score.sql inserts
score(1, 70)                           |
  players(id=1): best 0 -> 70          |
                                       | score(1, 60)
                                       |   players(id=1): best 0 -> 60
=================== they meet: a and b both hold everything ====================
lost_update(players.best): a write is lost
  score wrote players.best and was told that it succeeded; score overwrote it
    unseen
)");
}

TEST_CASE("refusals, single deliveries and calls without effect are told") {
    const std::string told = text(story(test::schema_of(test::audit_schema), R"(replicas a b c
call a withdraw(1, 80)
deliver a -> b
call b withdraw(1, 80)
call c withdraw(3, 1)
call c audit()
)",
                                        100));
    CHECK(told.find("a tells b all it knows") != std::string::npos);
    CHECK(told.find("refused: 23514:") != std::string::npos);
    CHECK(told.find("changes nothing") != std::string::npos);
    CHECK(told.find("returns overdrawn=0") != std::string::npos);
    CHECK(told.find("every invariant holds") != std::string::npos);
}

TEST_CASE("no line of a story is wider than asked for") {
    for (const std::size_t width : {40, 60, 80, 100, 132}) {
        const auto lines = story(test::schema_of(test::users_schema), R"(replicas a b c
call a sign_up('a name with Ümläute that is much, much longer than any column of a terminal can be')
call b sign_up('anotherverylongnamewithoutanyspacesinitwhichhastobebrokensomewhere')
deliver all
call c sign_up('ann')
call a sign_up('ann')
deliver all
)",
                                 width);
        for (const auto& line : lines) {
            INFO(width << ": " << line);
            CHECK(width_of(line) <= width);
        }
    }
}

TEST_CASE("texts are wrapped by characters, not bytes") {
    CHECK(wrap("äöü äöü", 3) == std::vector<std::string>{"äöü", "äöü"});
    CHECK(wrap("", 5) == std::vector<std::string>{""});
    CHECK(wrap("abcdefgh", 3) == std::vector<std::string>{"abc", "def", "gh"});
    CHECK(one_line("a\n  b\tc", 20) == "a b c");
    CHECK(one_line("abcdefghij", 8) == "abcde...");
    CHECK(shorten_keys("id=3f2b8c1e-0000-4000-8000-0123456789ab, n=1") == "id=3f2b8c1e.., n=1");
    CHECK(split_list("1, 'a, b', f(2, 3)") == std::vector<std::string>{"1", "'a, b'", "f(2, 3)"});
    CHECK_FALSE(split_list("1, (2").has_value());
    CHECK_FALSE(split_list("1,, 2").has_value());
    CHECK(split_list(" ")->empty());
}

}  // namespace anabranch::confluence
