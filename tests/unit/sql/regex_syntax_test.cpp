// Patterns of all kinds: each is refused, or becomes one that RE2 takes.
#include <catch2/catch.hpp>
#include <string>
#include <string_view>

#include "lib/base/random.h"
#include "lib/sql/evaluate_regex.h"
#include "tests/support/property.h"

namespace anabranch::test::regex_syntax_test {
namespace {

std::string drawn(Random& random) {
    constexpr std::string_view parts[] = {
        "(", ")",     "(?:", "[",    "]", "[^", "[:alpha:]", "[.",   "=]",   "*",    "+?",   "{",
        "}", "{2,3}", ",",   "|",    "^", "$",  "\\",        "d",    "\\w",  "\\u",  "00e9", "\\x",
        "1", "9",     "-",   "(?i)", "#", " ",  "***=",      "***:", "\xc3", "\xa9", "\xff", "a"};
    std::string out;
    for (std::uint64_t i = random.below(12); i > 0; --i) out += parts[random.below(std::size(parts))];
    return out;
}

sql::RegexOptions options(Random& random) {
    sql::RegexOptions out;
    for (const char letter : std::string_view("inpwxq"))
        if (random.below(6) == 0) REQUIRE(out.take(letter).has_value());
    return out;
}

}  // namespace

TEST_CASE("a regular expression is refused, or becomes one that RE2 takes") {
    for_seeds(40, [&](Random& random) {
        sql::RegexCache cache;
        int taken = 0, refused = 0;
        for (int i = 0; i < 100; ++i) {
            const std::string pattern = drawn(random);
            CAPTURE(pattern);
            const auto how = options(random);
            const bool known = sql::translate_regex(pattern, how).has_value();
            // None of these is too large for RE2: it has no reason of its own to refuse one.
            CHECK(cache.find(pattern, how).has_value() == known);
            ++(known ? taken : refused);
        }
        CHECK(taken > 0);
        CHECK(refused > 0);
    });
}

TEST_CASE("a regular expression in which no quantifier is lazy is one pattern") {
    const auto greedy = sql::translate_regex("a+(b|c)*", {});
    REQUIRE(greedy.has_value());
    CHECK_FALSE(greedy->lazy);
    CHECK_FALSE(greedy->shortest);
    const auto lazy = sql::translate_regex("a+?(b|c)*", {});
    REQUIRE(lazy.has_value());
    CHECK(lazy->lazy);
    CHECK(lazy->shortest);
    const auto of_alternatives = sql::translate_regex("a+?|b", {});
    REQUIRE(of_alternatives.has_value());
    CHECK(of_alternatives->lazy);
    CHECK_FALSE(of_alternatives->shortest);
}

}  // namespace anabranch::test::regex_syntax_test
