// From libpg_query's tree to the syntax tree (ast.h): the only code that knows PostgreSQL's node and field
// names.
//
// - Every place becomes an offset into the whole source text.
// - Negative integers, which this version of libpg_query loses ("ival":{} for -5 as for 0), are read from the
// tokens: an integer constant
//   without a value at place L is minus the first integer token at or after L.
// - A tree deeper than depth_max is refused (54001), so that recursive visitors of the result are safe.
#pragma once

#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/sql/ast.h"
#include "lib/sql/scan.h"
#include "lib/sql/split.h"
#include "lib/sql/tree.h"

namespace anabranch::sql {

// A statement is cut from a piece of text (a file, or the body of a routine), and a piece stands somewhere in
// the source text: a location in the tree is at `location + offset` in the piece and at `location + offset +
// base` in the source.
struct LowerInput {
    const std::string* text = nullptr;  // what was parsed
    std::uint32_t offset = 0;           // where it stands in the piece
    std::uint32_t base = 0;             // where the piece stands in the source
    const std::vector<Token>* tokens =
        nullptr;  // of the whole piece; null: scanned if needed, and places have no size
    const StatementRange* range =
        nullptr;      // of the only statement; null: the tree says where its statements are
    Span everywhere;  // if known, the place of every node
};

Result<std::vector<ast::Statement>> lower(const ParseTree& tree, const LowerInput& input);

}  // namespace anabranch::sql
