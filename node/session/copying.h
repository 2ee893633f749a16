// COPY as ordinary statements: TO is a SELECT, FROM is an INSERT of arrays, so both are analysed, routed and
// checked like what a client could have typed.
#pragma once

#include <string>

#include "lib/catalog/schema.h"
#include "lib/sql/ast.h"
#include "node/pgwire/copy.h"

namespace anabranch::session {

struct CopyPlan {
    std::string statement;      // to prepare; FROM: its parameters are one array per column
    pgwire::CopyFormat format;  // columns are set for FROM; for TO they are those of the statement
};

// Errors: 42P01, 42703, 0A000 (files, programs, columns of arrays), 22023 (options).
Result<CopyPlan> plan_copy(const catalog::Schema& schema, const sql::ast::Copy& copy,
                           const sql::EnumLabels* labels);

}  // namespace anabranch::session
