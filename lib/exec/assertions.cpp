#include "lib/exec/assertions.h"

#include <algorithm>

#include "lib/sql/value.h"

namespace anabranch::exec {

using sql::Datum;

std::string violating_row(const AssertionPlan& assertion, const Datum* row, const SchemaPlans& plans) {
    std::string out = "(";
    for (std::size_t i = 0; i < assertion.columns.size(); ++i) {
        if (i > 0) out += ", ";
        out += assertion.columns[i].name + "=";
        if (row[i].is_null())
            out += "NULL";
        else
            sql::print_text(assertion.columns[i].type, row[i], out, &plans);
    }
    return out + ")";
}

Assertions::Assertions(const SchemaPlans& plans, MergedView& view, Overlay& overlay,
                       sql::EvalContext& context)
    : plans_(plans), overlay_(overlay), context_(context), executor_(plans, view, overlay, context) {
    executor_.set_latest(true);
}

// Whether a row of the table has come, gone, or changed in a column that the assertion reads.
bool Assertions::touched(const AssertionPlan& assertion, TableId table) const {
    const auto reads = std::find_if(assertion.reads.begin(), assertion.reads.end(),
                                    [&](const auto& r) { return r.table == table; });
    if (reads == assertion.reads.end()) return false;
    for (const Touched* row : overlay_.rows(table)) {
        if (row->changed_by == 0) continue;
        if (!row->base && !row->now) continue;
        if (!row->base || !row->now) return true;
        for (const std::uint32_t c : reads->columns)
            if (!identical(row->base.get(c), row->now.get(c))) return true;
    }
    return false;
}

bool Assertions::empty(const AssertionPlan& assertion, const StatementPlan& query) {
    executor_.bind(*assertion.program, nullptr);
    executor_.begin(query);
    executor_.query(*query.query, [&](const Datum* row) {
        Error error = Error::make(sqlstate::check_violation,
                                  "transaction violates assertion \"" + assertion.name + "\"");
        error.detail = "Violating row: " + violating_row(assertion, row, plans_) + ".";
        error.constraint = assertion.name;
        error.table = plans_.schema().invariants[assertion.invariant].table_name;
        context_.fail(std::move(error));
        return false;
    });
    return !context_.failed;
}

bool Assertions::check(const AssertionPlan& assertion) {
    for (const AssertionPlan::Reads& reads : assertion.reads) {
        if (!overlay_.touches(reads.table) || !touched(assertion, reads.table)) continue;
        if (reads.whole) return empty(assertion, assertion.whole);
    }
    for (const AssertionPlan::Part& part : assertion.parts) {
        if (!overlay_.touches(part.table) || !touched(assertion, part.table)) continue;
        if (!empty(assertion, part.query)) return false;
    }
    return true;
}

bool Assertions::check() {
    return std::all_of(plans_.assertions.begin(), plans_.assertions.end(),
                       [&](const AssertionPlan& a) { return check(a); });
}

}  // namespace anabranch::exec
