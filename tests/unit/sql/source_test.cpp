#include "lib/sql/source.h"

#include <catch2/catch.hpp>
#include <string>

using namespace anabranch;
using namespace anabranch::sql;

namespace {
Error error_at(std::uint32_t offset, std::uint32_t size) {
    return Error::make("42601", "wrong").with_span({offset, size, true});
}
}  // namespace

TEST_CASE("A place counts lines by their breaks and columns by characters") {
    const Source source("x.sql", "ab\nzürich ✓ x\r\n\nlast");
    CHECK(source.place(0).describe() == "x.sql:1:1");
    CHECK(source.place(2).describe() == "x.sql:1:3");
    CHECK(source.place(3).describe() == "x.sql:2:1");
    CHECK(source.place(6).describe() == "x.sql:2:3");    // after the two bytes of ü
    CHECK(source.place(15).describe() == "x.sql:2:10");  // after the three bytes of the tick
    CHECK(source.place(19).describe() == "x.sql:4:1");
    CHECK(source.place(9999).describe() == "x.sql:4:5");
    CHECK(source.line(2) == "zürich ✓ x");
    CHECK(source.line(3).empty());
    CHECK(source.line(99).empty());
}

TEST_CASE("An empty text has one empty line") {
    const Source source("x.sql", "");
    CHECK(source.place(0).describe() == "x.sql:1:1");
    CHECK(source.line(1).empty());
}

TEST_CASE("A byte order mark is dropped and not counted") {
    const Source source("x.sql", "\xEF\xBB\xBFSELECT 1");
    CHECK(source.text() == "SELECT 1");
    CHECK(source.place(0).describe() == "x.sql:1:1");
}

TEST_CASE("An error shows its line and a caret under the mistake") {
    const Source source("bank.sql", "CREATE TABLE a (\n\tü int CHECK (balanc >= 0)\n);");
    const auto at = static_cast<std::uint32_t>(source.text().find("balanc"));
    Error error = error_at(at, 6);
    error.detail = "No such column.";
    error.hint = "Did you mean balance?";
    CHECK(source.render(error) ==
          "bank.sql:2:15: error: wrong\n"
          "    \tü int CHECK (balanc >= 0)\n"
          "    \t             ^~~~~~\n"
          "detail: No such column.\n"
          "hint: Did you mean balance?\n");
    CHECK(source.render(Error::make("42601", "wrong"), "warning") == "bank.sql: warning: wrong\n");
}

TEST_CASE("A very long line is cut around the caret") {
    const Source source("x.sql", std::string(5000, 'a') + "B" + std::string(5000, 'c'));
    const std::string shown = source.render(error_at(5000, 1));
    CHECK(shown.size() < 500);
    const std::size_t caret = shown.find('^') - shown.find("    ", shown.find('B') + 1);
    CHECK(shown.find("aB") != std::string::npos);
    CHECK(caret == shown.find('B') - shown.find("    "));
}

TEST_CASE("A caret at the very end of the text stands after it") {
    const Source source("x.sql", "SELECT");
    CHECK(source.render(error_at(6, 0)) == "x.sql:1:7: error: wrong\n    SELECT\n          ^\n");
}

TEST_CASE("NUL and ill-formed UTF-8 are found at their first byte") {
    CHECK(find_ill_formed("plain äöü ✓ 𝄞") == std::string::npos);
    CHECK(find_ill_formed(std::string("ab\0c", 4)) == 2);
    CHECK(find_ill_formed("ab\xFF") == 2);
    CHECK(find_ill_formed("a\xC0\x80") == 1);         // overlong
    CHECK(find_ill_formed("\xE0\x80\x80") == 0);      // overlong
    CHECK(find_ill_formed("\xED\xA0\x80") == 0);      // surrogate
    CHECK(find_ill_formed("\xF4\x90\x80\x80") == 0);  // above U+10FFFF
    CHECK(find_ill_formed("\xF0\x80\x80\x80") == 0);  // overlong
    CHECK(find_ill_formed("ok \xE2\x9C") == 3);       // cut short
    CHECK(find_ill_formed("\x80") == 0);
    CHECK(ill_formed_error("ab\xFF", 2).message == "invalid byte sequence for encoding \"UTF8\": 0xff");
}
