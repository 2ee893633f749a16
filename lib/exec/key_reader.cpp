#include "lib/exec/key_reader.h"

namespace anabranch::exec {

KeyReader::KeyReader(const SchemaPlans& plans, sql::EvalContext& context)
    : evaluator_(context), slots_(plans.rows.slots), registers_(plans.rows.registers) {
    evaluator_.program = &plans.rows;
    evaluator_.slots = slots_.data();
    evaluator_.registers = registers_.data();
}

sql::Datum KeyReader::part(const KeyPart& part, RowView row) {
    return part.expression == no_expr ? row.get(part.column) : about(row).eval(part.expression);
}

bool KeyReader::append(const IndexPlan& index, RowView row, std::string& out) {
    if (index.predicate != no_expr && !about(row).truth(index.predicate)) return false;
    for (const KeyPart& p : index.parts) append_key(out, p.type, part(p, row));
    return true;
}

bool KeyReader::has_null(const IndexPlan& index, RowView row) {
    for (const KeyPart& p : index.parts)
        if (part(p, row).is_null()) return true;
    return false;
}

}  // namespace anabranch::exec
