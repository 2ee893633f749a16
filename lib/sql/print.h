// Syntax trees back to SQL text: for reports, and for the test that proves the parser loses nothing.
//
// - Printing and parsing again gives an equal tree (places aside) for everything that the parser made, except
// Unsupported, Ignored and Unmodelled
//   nodes, which print as a comment.
// - Parentheses are written where PostgreSQL's precedence needs them. One line per statement.
// - Identifiers are quoted when they must be.
#pragma once

#include <string>
#include <string_view>

#include "lib/sql/ast.h"

namespace anabranch::sql {

std::string print(const ast::Statement& statement);
std::string print(const ast::Query& query);
std::string print(const ast::Expr& expr);
std::string print(const ast::TypeName& type);
std::string print(const ast::Constraint& constraint);

// x, "X y", "select"
std::string quote_identifier(std::string_view name);
// 'it''s'
std::string quote_literal(std::string_view text);

}  // namespace anabranch::sql
