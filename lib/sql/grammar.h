// PostgreSQL 15's grammar, through libpg_query. grammar.cpp is the only file that knows the library; it holds
// the scanner (scan.h) too.
//
// - Texts must hold no NUL and be well-formed UTF-8 (find_ill_formed in source.h), and be bounded by the
// caller: the library's stack grows with
//   the depth of the input (see parse.h).
// - Errors carry PostgreSQL's message, a SQLSTATE and, where the library gives a position, a span in bytes of
// the text.
// - Safe to call from several threads at once; the library's state is per thread.
#pragma once

#include <string>

#include "lib/base/error.h"
#include "lib/sql/tree.h"

namespace anabranch::sql {

Result<ParseTree> parse_tree(const std::string& text);

}  // namespace anabranch::sql
