// Functions that yield rows, as visitors.
#pragma once

#include <span>
#include <string>

#include "lib/base/function_ref.h"
#include "lib/sql/evaluate.h"
#include "lib/sql/function.h"

namespace anabranch::sql {

// A column a table function is asked for; only jsonb_to_recordset needs the names.
struct TableColumn {
    std::string name;
    Type type;
};

// Calls `visit` once per row with one Datum per column; it returns false to stop. A failure is left in the
// context. A NULL array or document yields no rows. Bytes live in the context's arena or in the arguments.
// `zone`: of the session; not that of what a visit does.
void run_table_function(EvalContext& context, TableFunc func, std::span<const Type> types,
                        std::span<const Datum> args, std::span<const TableColumn> columns,
                        FunctionRef<bool(std::span<const Datum>)> visit, const TimeZone* zone = nullptr);

}  // namespace anabranch::sql
