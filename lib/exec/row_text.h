// Rows and keys as error messages show them, in PostgreSQL's words.
#pragma once

#include <string>
#include <vector>

#include "lib/exec/key_reader.h"
#include "lib/exec/schema_plans.h"

namespace anabranch::exec {

// "Failing row contains (1, -60, ann)."
std::string failing_row(const TablePlan& table, RowView row, const SchemaPlans& plans);
// "Key (owner, name)=(1, home)"
std::string key_text(const std::vector<std::string>& names, const std::vector<sql::Type>& types,
                     const std::vector<sql::Datum>& values, const SchemaPlans& plans);
std::string key_text(const TablePlan& table, const IndexPlan& index, RowView row, KeyReader& keys,
                     const SchemaPlans& plans);
std::string key_text(const TablePlan& table, const std::vector<std::uint32_t>& columns, RowView row,
                     const SchemaPlans& plans);
// The text of an expression over a table's row: a column's name, or as the schema file has it.
std::string expression_text(const TablePlan& table, const sql::ExprPtr& e, const catalog::Schema& schema);
// "accounts(id=1, balance=-60)": the primary key, then `columns`.
std::string describe_row(const TablePlan& table, const std::vector<std::uint32_t>& columns, RowView row,
                         const SchemaPlans& plans);

}  // namespace anabranch::exec
