// Ad-hoc statements: a statement that no proof has seen is analysed as one more declared transaction. It may
// run only if every transaction that was proved free stays free beside it: the proofs hold for the set of all
// transactions, not for pairs alone.
#include "confluence/check.h"
#include "lib/catalog/load.h"
#include "lib/exec/schema_plans.h"
#include "lib/sql/value.h"

namespace anabranch::confluence {

namespace {

constexpr const char* statement_name = "anabranch_ad_hoc_statement";

std::string as_procedure(const std::string& statement, const std::vector<sql::Type>& types,
                         const sql::EnumLabels& enums) {
    std::string parameters;
    for (std::size_t i = 0; i < types.size(); ++i)
        parameters +=
            (i == 0 ? "p" : ", p") + std::to_string(i + 1) + " " +
            sql::type_name(types[i].id == sql::TypeId::unknown ? sql::Type{sql::TypeId::text} : types[i],
                           &enums);
    std::string body = statement;
    while (!body.empty() && (body.back() == ';' || body.back() == ' ' || body.back() == '\n'))
        body.pop_back();
    return "\n;\nCREATE PROCEDURE " + std::string(statement_name) + "(" + parameters + ") BEGIN ATOMIC\n" +
           body + ";\nEND;\n";
}

bool same_merge(const catalog::Schema& a, const catalog::Schema& b) {
    for (std::size_t t = 0; t < a.tables.size(); ++t) {
        if (a.tables[t].identity != b.tables[t].identity) return false;
        for (std::size_t c = 0; c < a.tables[t].columns.size(); ++c) {
            const auto before = a.tables[t].columns[c].policy.merge;
            const auto after = b.tables[t].columns[c].policy.merge;
            // A column that is written for the first time merges as before, but proofs may have used that it
            // never changes: the analysis below sees it.
            const bool registers = before == catalog::Merge::immutable && after == catalog::Merge::register_;
            if (before != after && !registers) return false;
        }
    }
    return true;
}

Error refused(std::string detail) {
    return Error::make(
               sqlstate::feature_not_supported,
               "this statement is not among the declared transactions and would conflict with a free one")
        .with_detail(std::move(detail))
        .with_hint(
            "Declare it as a procedure in the schema file, and `anabranch check` will route all transactions "
            "accordingly.");
}

}  // namespace

Result<catalog::Route> route_of_statement(const Report& report, const std::string& statement,
                                          const std::vector<sql::Type>& parameter_types) {
    const auto& schema = *report.schema;
    const catalog::ScriptFile file{
        schema.file, schema.text + as_procedure(statement, parameter_types, exec::plans_of(schema))};
    const auto extended = catalog::load({&file, 1}, {}).schema;
    if (extended == nullptr || extended->tables.size() != schema.tables.size() ||
        extended->transactions.size() != schema.transactions.size() + 1)
        return fail(refused("It cannot be analysed as a procedure."));
    if (!same_merge(schema, *extended))
        return fail(refused("It writes a column in a way that would change how the column merges."));
    Options options;
    options.repairs = false;
    options.witnesses = false;
    TRY(const auto checked, check(extended, options));
    catalog::Route route = catalog::Route::ordered;
    for (const auto& planned : checked.plan.transactions) {
        if (planned.name == statement_name) {
            route = planned.route;
            continue;
        }
        for (const auto& before : report.plan.transactions)
            if (before.name == planned.name && before.route == catalog::Route::free &&
                planned.route != catalog::Route::free)
                return fail(
                    refused("Beside it, " + planned.name + " could no longer run without coordination."));
    }
    return route;
}

}  // namespace anabranch::confluence
