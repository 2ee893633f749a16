// Keys of rows: of primary keys, unique keys, foreign keys and secondary indexes, expressions and predicates
// included. Runs the expressions of SchemaPlans::rows, which also hold the constraints of single rows.
#pragma once

#include <string>
#include <vector>

#include "lib/exec/evaluator.h"
#include "lib/exec/schema_plans.h"
#include "lib/sql/key.h"

namespace anabranch::exec {

// sql::encode_key_part, with the common case in line.
inline void append_key(std::string& out, sql::Type type, sql::Datum value) {
    if (value.is_null() || value.is_bytes() || value.is_floating())
        return sql::encode_key_part(out, type, value);
    const std::uint64_t raw =
        __builtin_bswap64(static_cast<std::uint64_t>(value.as_integer()) ^ std::uint64_t{1} << 63);
    char buffer[9];
    buffer[0] = 1;
    std::memcpy(buffer + 1, &raw, 8);
    out.append(buffer, sizeof buffer);
}

class KeyReader {
  public:
    KeyReader(const SchemaPlans& plans, sql::EvalContext& context);

    // Appends the row's key in an index; false when the row is not in it (its predicate is not true).
    bool append(const IndexPlan& index, RowView row, std::string& out);
    void append_primary(const TablePlan& table, RowView row, std::string& out) {
        for (const KeyPart& part : table.primary().parts) append_key(out, part.type, row.get(part.column));
    }
    sql::Datum part(const KeyPart& part, RowView row);
    bool has_null(const IndexPlan& index, RowView row);
    // Expressions about this row from here on.
    Evaluator& about(RowView row) {
        slots_[row_slot].row = row;
        return evaluator_;
    }
    Evaluator& evaluator() { return evaluator_; }
    std::vector<Slot>& slots() { return slots_; }

  private:
    Evaluator evaluator_;
    std::vector<Slot> slots_;
    std::vector<sql::Datum> registers_;
};

}  // namespace anabranch::exec
