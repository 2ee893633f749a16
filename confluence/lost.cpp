#include "confluence/lost.h"

#include <algorithm>
#include <functional>
#include <set>

#include "confluence/access.h"

namespace anabranch::confluence {

namespace {

// Every UPDATE and DO UPDATE of a statement, its CTEs included.
void for_assignments(const sql::Statement& statement,
                     const std::function<void(TableId, const std::vector<sql::Assignment>&)>& visit) {
    for (const auto& cte : statement.ctes) for_assignments(*cte.statement, visit);
    if (const auto* query = std::get_if<sql::QueryPtr>(&statement.body))
        for (const auto& cte : (*query)->ctes) for_assignments(*cte.statement, visit);
    if (const auto* update = std::get_if<sql::Update>(&statement.body))
        visit(update->table, update->assignments);
    if (const auto* insert = std::get_if<sql::Insert>(&statement.body))
        if (insert->on_conflict.action == sql::ConflictAction::update)
            visit(insert->table, insert->on_conflict.assignments);
}

bool concurrent(const crdt::Delta& a, const crdt::Delta& b) {
    return !b.dependencies.contains(a.dot) && !a.dependencies.contains(b.dot);
}

bool is_register(const catalog::ColumnPolicy& policy) {
    return policy.merge == catalog::Merge::register_ || policy.merge == catalog::Merge::immutable;
}

}  // namespace

LostUpdates::LostUpdates(const catalog::Schema& schema) : schema_(schema) {
    for (std::uint32_t t = 0; t < schema.transactions.size(); ++t) {
        const auto& transaction = schema.transactions[t];
        if (transaction.skipped) continue;
        for (std::size_t s = 0; s < transaction.body.size(); ++s)
            for_assignments(
                *transaction.body[s], [&](TableId table, const std::vector<sql::Assignment>& assignments) {
                    const auto& columns = schema.table(table).columns;
                    std::map<std::uint32_t, std::set<std::uint32_t>> assigned;  // by group
                    for (const auto& assignment : assignments)
                        if (is_register(columns[assignment.column.value].policy))
                            assigned[columns[assignment.column.value].policy.group].insert(
                                assignment.column.value);
                    for (const auto& [group, set] : assigned) {
                        const auto size =
                            std::count_if(columns.begin(), columns.end(), [&](const catalog::Column& column) {
                                return is_register(column.policy) && column.policy.group == group;
                            });
                        const bool part = set.size() < static_cast<std::size_t>(size);
                        Use& use = uses_[{t, table, group}];
                        use.columns.insert(use.columns.end(), set.begin(), set.end());
                        if (!transaction.allow_lost_update &&
                            (part || depends_on_group(schema, transaction, s, table, group)))
                            use.promises = true;
                    }
                });
    }
}

const LostUpdates::Use* LostUpdates::use(std::uint32_t transaction, TableId table,
                                         std::uint32_t group) const {
    const auto found = uses_.find({transaction, table, group});
    return found == uses_.end() ? nullptr : &found->second;
}

std::vector<Lost> LostUpdates::find(const std::vector<WrittenDelta>& deltas) const {
    std::vector<Lost> out;
    std::set<std::string> seen;
    for (std::size_t i = 0; i < deltas.size(); ++i)
        for (std::size_t j = i + 1; j < deltas.size(); ++j) {
            if (!concurrent(deltas[i].delta, deltas[j].delta)) continue;
            const bool later = deltas[i].delta.stamp < deltas[j].delta.stamp;
            const auto& kept = later ? deltas[j] : deltas[i];
            const auto& gone = later ? deltas[i] : deltas[j];
            for (const auto& a : gone.delta.rows)
                for (const auto& b : kept.delta.rows) {
                    if (a.table != b.table || a.key != b.key || a.incarnation != b.incarnation || a.add ||
                        b.add)
                        continue;
                    for (const auto& ga : a.groups)
                        for (const auto& gb : b.groups) {
                            if (ga.group != gb.group) continue;
                            const auto* use_gone = use(gone.transaction, a.table, ga.group);
                            const auto* use_kept = use(kept.transaction, a.table, ga.group);
                            if (use_gone == nullptr || use_kept == nullptr ||
                                (!use_gone->promises && !use_kept->promises))
                                continue;
                            for (const auto column : use_gone->columns) {
                                const auto& table = schema_.table(a.table);
                                const std::string name =
                                    "lost_update(" + table.display() + "." + table.columns[column].name + ")";
                                if (!seen.insert(name).second) continue;
                                out.push_back({name, schema_.transactions[gone.transaction].name + " wrote " +
                                                         table.display() + "." + table.columns[column].name +
                                                         " and was told that it succeeded; " +
                                                         schema_.transactions[kept.transaction].name +
                                                         " overwrote it unseen"});
                            }
                        }
                }
        }
    return out;
}

}  // namespace anabranch::confluence
