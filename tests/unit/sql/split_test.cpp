// Cleaning, scanning and splitting: what happens to a script before the grammar sees it.
#include "lib/sql/split.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "lib/sql/bounds.h"
#include "lib/sql/clean.h"
#include "lib/sql/scan.h"

using namespace anabranch;
using namespace anabranch::sql;

namespace {

std::vector<StatementRange> ranges_of(std::string& text) {
    auto tokens = scan(text);
    REQUIRE(tokens);
    return split(text, *tokens);
}

std::vector<std::string> pieces(std::string text) {
    std::vector<std::string> out;
    for (const StatementRange& range : ranges_of(text)) {
        out.push_back(text.substr(range.range.begin, range.range.end - range.range.begin));
    }
    return out;
}

std::vector<std::string> parts(std::string text) {
    std::vector<std::string> out;
    for (const StatementRange& range : ranges_of(text)) {
        for (const TextRange& part : range.parts)
            out.push_back(text.substr(part.begin, part.end - part.begin));
    }
    return out;
}

using Strings = std::vector<std::string>;

}  // namespace

TEST_CASE("Tokens have exact byte ranges and leave comments out") {
    const std::string text = "SELECT 'ü', /* c */ $1 -- x\n , 1.5 <= a";
    const auto tokens = scan(text);
    REQUIRE(tokens);
    Strings words;
    for (const Token& token : *tokens) words.emplace_back(token.text(text));
    CHECK(words == Strings{"SELECT", "'ü'", ",", "$1", ",", "1.5", "<=", "a"});
    CHECK((*tokens)[0].reserved);
    CHECK((*tokens)[1].kind == TokenKind::String);
    CHECK((*tokens)[3].kind == TokenKind::Parameter);
    CHECK((*tokens)[5].kind == TokenKind::Number);
    CHECK((*tokens)[6].kind == TokenKind::Operator);
    CHECK((*tokens)[7].kind == TokenKind::Identifier);
    CHECK((*tokens)[0].is_word(text, "select"));
    CHECK_FALSE((*tokens)[7].is_word(text, "select"));
    CHECK(token_at(*tokens, 8) == 2);
}

TEST_CASE("No token is cut short: between two of them stand only blanks and comments") {
    for (const std::string text :
         {"'a''b' 'c'\n'd' E'\\'' U&'\\00e4''x' , U&'a'\n  'b;' B'01' X'1F' N'x' $$a$$ $b$;$$;$b$ \"q\"\"r\" "
          "U&\"\\00e4\"\"x\" $12 1.5e-3 .5 1..2 a.b a::b a:=b a=>b",
          "a<>b a!=b a>=b a||b @#@ - -1 ?a ?| ~* [ ] zürich _x A$1 /* a /* b */ c */ -- d\n e U&'x' UESCAPE "
          "'!' U&\"d!0061\" UESCAPE '!'"}) {
        const auto tokens = scan(text);
        REQUIRE(tokens);
        std::string gaps = text;
        for (const Token& token : *tokens) {
            REQUIRE(token.begin < token.end);
            gaps.replace(token.begin, token.end - token.begin, token.end - token.begin, ' ');
        }
        CHECK(clean(gaps).find_first_not_of(" \n/*abc-d") == std::string::npos);
    }
}

TEST_CASE("A semicolon ends a statement unless it stands in a string, a comment, parentheses or a body") {
    CHECK(pieces("") == Strings{});
    CHECK(pieces(" ;; ; ") == Strings{});
    CHECK(pieces("SELECT 1; -- a;b\n SELECT ';' /* ; */ ; SELECT $$;$$") ==
          Strings{"SELECT 1", "SELECT ';'", "SELECT $$;$$"});
    CHECK(pieces("CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); SELECT 3").size() == 2);
    CHECK(pieces("CREATE PROCEDURE p() BEGIN ATOMIC SELECT 1; SELECT 2; END; SELECT 3").size() == 2);
    CHECK(pieces("BEGIN; SELECT 1; END; SELECT 2") == Strings{"BEGIN", "SELECT 1", "END", "SELECT 2"});
}

TEST_CASE("A body's statements are found, whatever CASE ... END and labels stand in them") {
    CHECK(parts("CREATE PROCEDURE p() BEGIN ATOMIC UPDATE t SET a = CASE WHEN b THEN 1 ELSE 2 END; /* c */ "
                "SELECT 1 AS end, t.case FROM t; ; END") ==
          Strings{"UPDATE t SET a = CASE WHEN b THEN 1 ELSE 2 END", "SELECT 1 AS end, t.case FROM t"});
    CHECK(parts("CREATE PROCEDURE begin() BEGIN ATOMIC END") == Strings{});
    CHECK(parts("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE a WHEN 1 THEN CASE WHEN b THEN 2 "
                "END END; SELECT 2; END")
              .size() == 2);
}

TEST_CASE("The elements of CREATE SCHEMA are found") {
    CHECK(parts("CREATE SCHEMA s CREATE TABLE t (a int) CREATE VIEW v AS SELECT 1 GRANT SELECT ON t TO x; "
                "SELECT 1") ==
          Strings{"CREATE TABLE t (a int)", "CREATE VIEW v AS SELECT 1", "GRANT SELECT ON t TO x"});
}

TEST_CASE("CREATE ASSERTION becomes a SELECT of the same length in the same place") {
    std::string text =
        "SELECT 0;\nCREATE ASSERTION s.\"A b\"\n  CHECK (a = ANY (ARRAY[1, 2]))\n  NOT DEFERRABLE INITIALLY "
        "IMMEDIATE;";
    const std::string before = text;
    const auto ranges = ranges_of(text);
    REQUIRE(ranges.size() == 2);
    REQUIRE(ranges[1].assertion);
    CHECK(text.size() == before.size());
    CHECK(text.find("(a = ANY (ARRAY[1, 2]))") == before.find("(a = ANY (ARRAY[1, 2]))"));
    CHECK(text.substr(10, 6) == "SELECT");
    CHECK(text.find("CHECK") == std::string::npos);
    CHECK(text.find("DEFERRABLE") == std::string::npos);
    CHECK(ranges[1].assertion->name.schema == "s");
    CHECK(ranges[1].assertion->name.name == "A b");
    CHECK_FALSE(ranges[1].assertion->deferrable);
    const TextRange inside = ranges[1].assertion->condition;
    CHECK(before.substr(inside.begin, inside.end - inside.begin) == "a = ANY (ARRAY[1, 2])");
}

TEST_CASE("A malformed CREATE ASSERTION is an error at the offending word") {
    for (const auto& [text, at] :
         std::vector<std::pair<std::string, std::string>>{{"CREATE ASSERTION CHECK (a)", "CHECK"},
                                                          {"CREATE ASSERTION x (a)", "(a)"},
                                                          {"CREATE ASSERTION x CHECK a", "a"},
                                                          {"CREATE ASSERTION x CHECK ()", ")"},
                                                          {"CREATE ASSERTION x CHECK (a, b)", ", b"},
                                                          {"CREATE ASSERTION x CHECK (SELECT 1)", "SELECT"},
                                                          {"CREATE ASSERTION x CHECK (a) or", "or"},
                                                          {"CREATE ASSERTION x CHECK ((a)", ""},
                                                          {"CREATE ASSERTION x", ""},
                                                          {"CREATE ASSERTION", ""}}) {
        INFO(text);
        std::string copy = text;
        const auto ranges = ranges_of(copy);
        REQUIRE(ranges.size() == 1);
        REQUIRE(ranges[0].error);
        const std::size_t expected = at.empty() ? text.size() : text.find(at, 16);
        CHECK(ranges[0].error->span.offset == expected);
    }
}

TEST_CASE("psql commands and COPY data are blanked without moving anything") {
    const std::string text =
        "\\restrict abc'def\nSELECT '\\x', E'\\'\\\\' \\gexec\nCOPY t (a) FROM "
        "stdin;\n1\tit's\n\\N\n\\.\nSELECT 1\\;SELECT 2;\n\\if it's\n-- \\d\n$$\\d$$";
    const std::string cleaned = clean(text);
    REQUIRE(cleaned.size() == text.size());
    for (std::size_t i = 0; i < text.size(); ++i) CHECK((text[i] == '\n') == (cleaned[i] == '\n'));
    CHECK(cleaned.find("restrict") == std::string::npos);
    CHECK(cleaned.find("'\\x', E'\\'\\\\' ;") != std::string::npos);
    CHECK(cleaned.find("it's") == std::string::npos);
    CHECK(cleaned.find("SELECT 1 ;SELECT 2;") != std::string::npos);
    CHECK(cleaned.find("-- \\d\n$$\\d$$") != std::string::npos);
    CHECK(pieces(cleaned).size() == 5);
    CHECK(clean("COPY t FROM STDIN;\n1\n2") == "COPY t FROM STDIN;\n \n ");
    CHECK(clean("COPY t TO STDOUT;\nSELECT 1") == "COPY t TO STDOUT;\nSELECT 1");
    CHECK(clean("SELECT a$b$c;\\q") == "SELECT a$b$c;  ");
    for (const char* open :
         {"'abc", "\"abc", "$$abc", "/* abc", "E'abc\\", "$x$abc$x", "COPY t FROM stdin;", "\\", "'"}) {
        CHECK(clean(open).size() == std::string(open).size());
    }
}

TEST_CASE("The bound of depth is never below the depth") {
    const auto bound = [](const std::string& text) {
        const auto tokens = scan(text);
        REQUIRE(tokens);
        return depth_bound(text, *tokens, 0, tokens->size());
    };
    std::string nested = "1";
    for (int i = 0; i < 100; ++i) nested = "(" + nested + "+1)";
    CHECK(bound(nested) >= 100);
    std::string unions = "SELECT 1, 2";
    for (int i = 0; i < 100; ++i) unions += " UNION SELECT 1, 2";
    CHECK(bound(unions) >= 100);
    std::string joins = "SELECT 1, 2 FROM t";
    for (int i = 0; i < 100; ++i) joins += " JOIN u USING (a, b)";
    CHECK(bound(joins) >= 100);
    std::string rows = "INSERT INTO t VALUES (1, 'a', -5)";
    for (int i = 0; i < 10000; ++i) rows += ", (1, 'a', -5)";
    CHECK(bound(rows) < 100);
    CHECK(bound(")))") < 10);
}
