// Cuts a script into statements by its tokens, without parsing: a mistake then stays in its statement, and
// statements inside a body, whose places the grammar forgets, are found again.
//
// - A semicolon ends a statement outside parentheses and outside BEGIN ATOMIC ... END.
// - CREATE ASSERTION, which PostgreSQL's parser refuses, is recognised here and rewritten in place:
//       CREATE ASSERTION name CHECK (e) DEFERRABLE
//       SELECT                      (e)
//   so that every offset stays true.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/sql/ast_base.h"
#include "lib/sql/scan.h"

namespace anabranch::sql {

// Bytes [begin, end) of the text, from the first token to the last.
struct TextRange {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    friend bool operator==(const TextRange&, const TextRange&) = default;
};

// What the rewriting took out of a CREATE ASSERTION.
struct AssertionHead {
    ast::QualifiedName name;
    TextRange condition;  // inside the parentheses
    bool deferrable = false;
    bool initially_deferred = false;
};

struct StatementRange {
    TextRange range;  // without the semicolon
    std::size_t first_token = 0;
    std::size_t last_token = 0;    // one past the last
    std::vector<TextRange> parts;  // statements of BEGIN ATOMIC, or elements of CREATE SCHEMA
    std::optional<AssertionHead> assertion;
    std::optional<Error> error;  // a malformed CREATE ASSERTION: do not parse it
};

// `text` is what `tokens` were scanned from; only assertions change it.
std::vector<StatementRange> split(std::string& text, const std::vector<Token>& tokens);

}  // namespace anabranch::sql
