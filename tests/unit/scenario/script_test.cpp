#include "lib/scenario/script.h"

#include <string>
#include <vector>

#include "tests/support/property.h"

namespace anabranch::scenario {
namespace {

Script parsed(std::string_view text) {
    auto script = parse(text, "t.scn");
    if (!script) FAIL(script.error().place.describe() << ": " << script.error().message);
    return std::move(*script);
}

Command one(std::string_view text) {
    Script script = parsed(text);
    REQUIRE(script.blocks.size() == 1);
    REQUIRE(script.blocks[0].commands.size() == 1);
    return script.blocks[0].commands[0];
}

std::string refusal(std::string_view text) {
    const auto script = parse(text, "t.scn");
    if (script) return "accepted";
    CHECK(script.error().sqlstate == "42601");
    CHECK_FALSE(script.error().hint.empty());
    return script.error().place.describe() + ": " + script.error().message;
}

TEST_CASE("commands, bodies, expectations and comments are told apart by the first characters of a line") {
    const Script script = parsed(
        "# The bank.\n"
        "\n"
        "# Two replicas.\n"
        "replica a b\n"
        "schema bank.sql\n"
        "\n"
        "sql a\n"
        "    SELECT 1\n"
        "\n"
        "      + 2\n"
        "---\n"
        "3\n"
        "\n"
        "# The end.\n");
    REQUIRE(script.blocks.size() == 2);
    CHECK(script.blocks[0].commands.size() == 2);
    CHECK(script.blocks[0].commands[0].comments == std::vector<std::string>{"Two replicas."});
    CHECK_FALSE(script.blocks[0].expected.has_value());
    CHECK(script.blocks[1].commands[0].body == "SELECT 1\n\n  + 2");
    CHECK(script.blocks[1].commands[0].number == 7);
    CHECK(script.blocks[1].expected == "3");
    CHECK(script.epilogue == "# The end.\n");
}

TEST_CASE("an argument ends at a space outside of quotes and brackets") {
    const Command command =
        one("call a deposit(1, 'it''s ok (') -> [x, {y z}] \"q \\\"r\\\" \\\\ \\n\" \"a b\".c");
    const std::vector<std::string> expected = {
        "a", "deposit(1, 'it''s ok (')", "->", "[x, {y z}]", "q \"r\" \\ \n", "\"a b\".c"};
    CHECK(command.name == "call");
    CHECK(command.arguments_from(0) == expected);
}

TEST_CASE("a named argument may stand anywhere and does not count as positional") {
    const Command command = one("link delay=20 a text=\"x = y\" -> b empty=");
    CHECK(command.arguments_from(0) == std::vector<std::string>{"a", "->", "b"});
    CHECK(command.named("delay") == "20");
    CHECK(command.named("text") == "x = y");
    CHECK(command.named("empty") == "");
    CHECK_FALSE(command.named("loss").has_value());
}

TEST_CASE("text_from gives the raw rest of the line, then the body") {
    CHECK(one("show a SELECT *   FROM t WHERE x = 'a  b'").text_from(1, "a query").value() ==
          "SELECT *   FROM t WHERE x = 'a  b'");
    CHECK(one("show a SELECT 1\n  UNION\n  SELECT 2").text_from(1, "a query").value() ==
          "SELECT 1\nUNION\nSELECT 2");
    CHECK(one("show a\n  SELECT 'it").text_from(1, "a query").value() == "SELECT 'it");
    CHECK(one("show a").text_from(1, "a query").error().message == "show needs a query");
}

TEST_CASE("a command says what it misses and what it does not take, and where") {
    const Command command = one("deliver a to delay=1 speed=2");
    CHECK(command.argument(2, "a target").error().message == "deliver needs a target");
    CHECK(command.takes(2, {"delay", "speed"}).has_value());
    CHECK(command.takes(2, {"delay"}).error().message == "deliver has no argument named 'speed'");
    CHECK(command.takes(2, {"delay"}).error().place.column == 22);
    CHECK(command.takes(1, {"delay", "speed"}).error().message == "deliver does not take 'to'");
    CHECK(command.error_at(1, "x").place.column == 11);
    CHECK(one("f x=1 x=2").takes(0, {"x"}).error().message == "'x' is given twice");
}

TEST_CASE("what is not a scenario is refused with its line and column") {
    CHECK(refusal("call a f(1, 2") == "t.scn:1:9: this '(' is not closed");
    CHECK(refusal("ok\n\ncall \xC3\xA9 f)") == "t.scn:3:9: this ')' closes nothing");
    CHECK(refusal("call (]") == "t.scn:1:7: this ']' closes nothing");
    CHECK(refusal("call 'x") == "t.scn:1:6: this quote is not closed");
    CHECK(refusal("call \"x") == "t.scn:1:6: this quote is not closed");
    CHECK(refusal("call \"x\\") ==
          "t.scn:1:8: a backslash in a quoted text must be followed by n, t, \" or \\");
    CHECK(refusal("  x") == "t.scn:1:1: an indented line belongs to a command, and there is none above");
    CHECK(refusal("f\n\n---\n") == "t.scn:3:1: there is no command above this ---");
    CHECK(refusal("80\n") == "t.scn:1:1: '80' is not the name of a command");
    CHECK(refusal("f\n---\n80\n\n90\n") == "t.scn:5:1: '90' is not the name of a command");
}

TEST_CASE("expected text with empty lines, or that looks quoted, is quoted and read back") {
    for (const std::string text :
         {"a\n\nb", "> a", ">\n>", "\na", "", "---", "# x", "  indented", "a\n> b"}) {
        CAPTURE(text);
        Script script;
        script.blocks.push_back({{Command::make("f", {})}, text, {}});
        CHECK(parsed(print(script)).blocks.at(0).expected == text);
    }
}

TEST_CASE("printing keeps the spelling and the comments of what was parsed") {
    const std::string text =
        "# Head.\n"
        "\n"
        "#no space\n"
        "call   a   f( 1 )\n"
        "sql a\n"
        "\t SELECT 1\n"
        "---\n"
        "> 1\n"
        ">\n"
        "> 2\n"
        "\n"
        "f\n"
        "---\n"
        "\n"
        "# Tail.\n";
    CHECK(print(parsed(text)) == text);
    CHECK(print(parsed("f  \r\n---\r\nx  \r\n\r\n\r\n\r\ng")) == "f\n---\nx\n\ng\n");
    CHECK(print(parsed("")).empty());
}

TEST_CASE("any arguments and any body survive being made, printed and parsed") {
    test::for_seeds(2000, [](Random& random) {
        const std::string_view alphabet = "ab1 =\"'\\()[]{}>-#\n\t,\xC3\xA9";
        const auto text = [&](std::uint64_t size_max) {
            std::string out;
            for (auto left = random.below(size_max); left > 0; --left) {
                out.push_back(alphabet[random.below(alphabet.size())]);
            }
            return out;
        };
        const std::vector<std::string> arguments = {text(6), text(6), text(6)};
        const Command made = Command::make("call", arguments, text(12));
        Script script;
        script.blocks.push_back({{made, Command::make("next", {})}, {}, {}});
        const Command read = parsed(print(script)).blocks.at(0).commands.at(0);
        REQUIRE(read.line == made.line);
        REQUIRE(read.body == made.body);
        REQUIRE(read.arguments == made.arguments);
        auto positional = read.arguments_from(0);
        REQUIRE(positional.size() >= 3);
        positional.resize(3);
        REQUIRE(positional == arguments);
    });
}

TEST_CASE("whatever bytes are parsed, printing twice changes nothing") {
    test::for_seeds(5000, [](Random& random) {
        const std::vector<std::string_view> pieces = {"f",     " ",  "\n", "\n\n", "---\n", "# c\n",
                                                      "  b\n", "(",  ")",  "\"",   "'",     "\\",
                                                      "x=1",   "> ", "\t", "\r\n", "\xff"};
        std::string text;
        for (auto left = random.below(25); left > 0; --left) text += pieces[random.below(pieces.size())];
        const auto script = parse(text, "t.scn");
        if (!script) {
            REQUIRE(script.error().place.line > 0);
            REQUIRE(script.error().place.column > 0);
            return;
        }
        const std::string once = print(*script);
        const Script again = parsed(once);
        REQUIRE(print(again) == once);
        REQUIRE(again.blocks.size() == script->blocks.size());
        for (std::size_t i = 0; i < again.blocks.size(); ++i) {
            REQUIRE(again.blocks[i].expected == script->blocks[i].expected);
            REQUIRE(again.blocks[i].commands.size() == script->blocks[i].commands.size());
        }
    });
}

}  // namespace
}  // namespace anabranch::scenario
