#include "lib/scenario/run.h"

#include <catch2/catch.hpp>

namespace anabranch::scenario {
namespace {

// A world of one number: `add N`, `show`, `say TEXT`, `expect N`.
struct Counter {
    int value = 0;
    Result<std::string> operator()(const Command& command) {
        if (command.name == "show") return std::to_string(value);
        if (command.name == "say") return command.argument(0, "a text");
        if (command.name == "add") {
            TRY(const std::string amount, command.argument(0, "an amount"));
            value += std::stoi(amount);
            return std::string();
        }
        if (command.name == "expect") {
            TRY(const std::string wanted, command.argument(0, "a number"));
            if (wanted == std::to_string(value)) return std::string();
            return fail(command.error_at(0, "the number is " + std::to_string(value)));
        }
        return fail(sqlstate::syntax_error, "no command '" + command.name + "'");
    }
};

TEST_CASE("a script passes when every block prints what it expects") {
    Counter counter;
    const auto result =
        run_golden("add 1\nadd 2\nshow\n---\n3\n\nadd 4\n\nshow\nshow\n---\n7  \n7\n", "t.scn", counter);
    CHECK(result.has_value());
    CHECK(counter.value == 7);
}

TEST_CASE("a mismatch names the block and shows the differing lines; later blocks still run") {
    Counter counter;
    const auto script = parse("say \"a\\nb\\nc\"\n---\na\nx\nc\n\nadd 1\nshow\n---\n2\n", "t.scn");
    const auto outcome = run(*script, counter);
    REQUIRE(outcome.has_value());
    REQUIRE(outcome->mismatches.size() == 2);
    CHECK(outcome->mismatches[0].describe() ==
          "t.scn:1:1: the output differs from what is expected\n  a\n- x\n+ b\n  c\n");
    CHECK(outcome->mismatches[1].place.line == 7);
    Counter again;
    const auto golden = run_golden(print(*script), "t.scn", again);
    CHECK(golden.error().message == "2 of 2 blocks print something else than expected");
}

TEST_CASE("rewriting replaces expectations and leaves everything else alone") {
    Counter counter;
    std::string rewritten;
    const std::string text = "# Counting.\nadd   5\nshow\n---\nwrong\n\nadd 1\n\nsay \"a\\n\\nb\"\n---\n";
    REQUIRE(run_golden(text, "t.scn", counter, &rewritten).has_value());
    CHECK(rewritten == "# Counting.\nadd   5\nshow\n---\n5\n\nadd 1\n\nsay \"a\\n\\nb\"\n---\n> a\n>\n> b\n");
    Counter fresh;
    CHECK(run_golden(rewritten, "t.scn", fresh).has_value());
}

TEST_CASE("an error of the handler ends the run, with file and line") {
    Counter counter;
    const auto unknown = run_golden("add 1\n\nfly\n\nadd 1\n", "t.scn", counter);
    REQUIRE_FALSE(unknown.has_value());
    CHECK(unknown.error().place.describe() == "t.scn:3:1");
    CHECK(counter.value == 1);
    const auto unmet = run_golden("expect 2\n", "t.scn", counter);
    CHECK(unmet.error().place.describe() == "t.scn:1:8");
    CHECK(unmet.error().message == "the number is 1");
    const auto incomplete = run_golden("add\n", "t.scn", counter);
    CHECK(incomplete.error().message == "add needs an amount");
}

}  // namespace
}  // namespace anabranch::scenario
