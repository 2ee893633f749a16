// Bodies of the form AS $$ ... $$ LANGUAGE sql: finding their text in the source.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/sql/ast.h"
#include "lib/sql/scan.h"

namespace anabranch::sql {

// Text to be parsed as statements, and where it stands: at `base` of the source if it stands there letter by
// letter, else (a string with escapes) every place in it is `everywhere`.
struct QuotedBody {
    std::string text;
    std::uint32_t base = 0;
    Span everywhere;
};

// The body of `routine` if it is still a quoted SQL text. Tokens [first, last) of `piece` are the CREATE
// statement's; `base` is where the piece stands.
std::optional<QuotedBody> quoted_body(const ast::CreateRoutine& routine, std::string_view piece,
                                      const std::vector<Token>& tokens, std::size_t first, std::size_t last,
                                      std::uint32_t base);

}  // namespace anabranch::sql
