// TRUNCATE, as the DELETE of all rows that it is where rows are what merges.
#pragma once

#include "lib/base/error.h"
#include "lib/catalog/schema.h"
#include "lib/sql/ast.h"

namespace anabranch::catalog {

// One statement that deletes every row of the tables, and with CASCADE of those that refer to them; rows that
// refer go first. 0A000, as PostgreSQL says it, where another table refers to one of them. RESTART IDENTITY
// changes nothing: values go on, since no replica may draw one again that another has drawn.
Result<sql::ast::Statement> deletes_of(const Schema& schema, const sql::ast::Truncate& truncate, Span at);

}  // namespace anabranch::catalog
