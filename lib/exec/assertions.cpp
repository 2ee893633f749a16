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
    executor_.set_moment(Moment::now);
}

// Whether a row of the table has come, gone, or changed in a column that the assertion reads.
bool Assertions::touched(const AssertionPlan& assertion, TableId table) const {
    const auto reads = std::find_if(assertion.reads.begin(), assertion.reads.end(),
                                    [&](const auto& r) { return r.table == table; });
    if (reads == assertion.reads.end()) return false;
    for (const Touched* row : overlay_.recent(table)) {
        if (row->before.data() == row->now.data()) continue;
        if (!row->before || !row->now) return true;
        for (const std::uint32_t c : reads->columns)
            if (!identical(row->before.get(c), row->now.get(c))) return true;
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

// What fails on the way is for the query itself to say.
bool Assertions::suspicious(const AssertionPlan& assertion, const AssertionPlan::Part& part) {
    if (part.suspects.query == nullptr) return true;
    // For each row or group all changed rows are looked at: where they are many, adding up is shorter.
    constexpr std::size_t followed_max = 128;
    std::size_t changed = 0;
    for (const AssertionPlan::Reads& reads : assertion.reads) changed += overlay_.recent(reads.table).size();
    if (changed > followed_max && !part.suspects.query->from.steps.empty()) return true;
    executor_.bind(*assertion.program, nullptr);
    executor_.begin(part.suspects);
    bool found = false;
    executor_.query(*part.suspects.query, [&](const Datum*) {
        found = true;
        return false;
    });
    if (!context_.failed) return found;
    context_.take_error();
    return true;
}

bool Assertions::check(const AssertionPlan& assertion) {
    for (const AssertionPlan::Reads& reads : assertion.reads) {
        if (!overlay_.touches(reads.table) || !touched(assertion, reads.table)) continue;
        if (reads.whole) return empty(assertion, assertion.whole);
    }
    for (const AssertionPlan::Part& part : assertion.parts) {
        if (!overlay_.touches(part.table) || !touched(assertion, part.table)) continue;
        if (suspicious(assertion, part) && !empty(assertion, part.query)) return false;
    }
    return true;
}

bool Assertions::check() {
    return std::all_of(plans_.assertions.begin(), plans_.assertions.end(),
                       [&](const AssertionPlan& a) { return check(a); });
}

}  // namespace anabranch::exec
