#include "lib/exec/assertion_parts.h"

#include <map>
#include <set>

#include "lib/exec/builder.h"

namespace anabranch::exec {

AssertionPlan assertion_plan(const SchemaPlans& plans, std::uint32_t invariant) {
    const catalog::Invariant& declared = plans.schema().invariants[invariant];
    const auto& what = std::get<catalog::AssertionInvariant>(declared.what);
    AssertionPlan plan;
    plan.invariant = invariant;
    plan.name = declared.name;
    plan.columns = what.violations->columns;
    plan.program = std::make_unique<Program>();
    Builder builder(plans, *plan.program);
    plan.whole = builder.query_statement(what.violations);
    std::map<std::uint32_t, std::set<std::uint32_t>> columns;
    for (const auto& [slot, table] : builder.tables_by_slot()) columns[table.value];
    for (const Node& node : plan.program->nodes) {
        if (node.op != Op::column_int && node.op != Op::column_float && node.op != Op::column_bytes) continue;
        const auto table = builder.tables_by_slot().find(node.slot);
        if (table != builder.tables_by_slot().end()) columns[table->second.value].insert(node.column);
    }
    for (const auto& [table, list] : columns)
        plan.reads.push_back({TableId{table}, {list.begin(), list.end()}, true});
    return plan;
}

}  // namespace anabranch::exec
