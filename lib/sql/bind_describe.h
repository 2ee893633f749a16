// Bound nodes as one line of text, for tests and for people who debug: every cast, level and type is shown.
//
// ColumnRef is level.rel.column; Param is $n from 1; an implicit cast is `x::type`, an explicit one CAST(x AS
// type).
#pragma once

#include <string>

#include "lib/sql/ir.h"

namespace anabranch::sql {

std::string describe(const ExprPtr& expr);
std::string describe(const QueryPtr& query);
std::string describe(const Statement& statement);

// "+", "lower", ...: the name PostgreSQL has for it; "?" when it has none.
std::string_view name_of(Func func);

}  // namespace anabranch::sql
