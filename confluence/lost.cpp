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

using ColumnSets = std::map<std::uint32_t, std::set<std::uint32_t>>;  // by register group

ColumnSets assigned_registers(const catalog::Table& table, const std::vector<sql::Assignment>& assignments) {
    ColumnSets out;
    for (const auto& assignment : assignments) {
        const auto& policy = table.columns[assignment.column.value].policy;
        if (is_register(policy)) out[policy.group].insert(assignment.column.value);
    }
    return out;
}

std::size_t group_size(const catalog::Table& table, std::uint32_t group) {
    return static_cast<std::size_t>(
        std::count_if(table.columns.begin(), table.columns.end(), [&](const catalog::Column& column) {
            return is_register(column.policy) && column.policy.group == group;
        }));
}

}  // namespace

LostUpdates::LostUpdates(const catalog::Schema& schema) : schema_(schema) {
    for (std::uint32_t t = 0; t < schema.transactions.size(); ++t)
        if (!schema.transactions[t].skipped)
            for (std::size_t s = 0; s < schema.transactions[t].body.size(); ++s) note_statement(t, s);
}

void LostUpdates::note_statement(std::uint32_t t, std::size_t s) {
    const auto& transaction = schema_.transactions[t];
    for_assignments(*transaction.body[s], [&](TableId id, const std::vector<sql::Assignment>& assignments) {
        const auto& table = schema_.table(id);
        for (const auto& [group, set] : assigned_registers(table, assignments)) {
            Use& use = uses_[{t, id, group}];
            use.columns.insert(use.columns.end(), set.begin(), set.end());
            if (transaction.allow_lost_update) continue;
            const bool part = set.size() < group_size(table, group);
            if (part || depends_on_group(schema_, transaction, s, id, group)) use.promises = true;
        }
    });
}

const LostUpdates::Use* LostUpdates::use(std::uint32_t transaction, TableId table,
                                         std::uint32_t group) const {
    const auto found = uses_.find({transaction, table, group});
    return found == uses_.end() ? nullptr : &found->second;
}

void LostUpdates::compare(const Written& gone, const Written& kept, std::vector<Lost>& out) const {
    for (const auto& a : gone.delta->rows)
        for (const auto& b : kept.delta->rows) {
            if (a.table != b.table || a.key != b.key || a.incarnation != b.incarnation || a.add || b.add)
                continue;
            for (const auto& ga : a.groups)
                for (const auto& gb : b.groups)
                    if (ga.group == gb.group) report(gone, kept, a.table, ga.group, out);
        }
}

void LostUpdates::report(const Written& gone, const Written& kept, TableId id, std::uint32_t group,
                         std::vector<Lost>& out) const {
    const auto* use_gone = use(gone.transaction, id, group);
    const auto* use_kept = use(kept.transaction, id, group);
    if (use_gone == nullptr || use_kept == nullptr || (!use_gone->promises && !use_kept->promises)) return;
    const auto& table = schema_.table(id);
    for (const auto column : use_gone->columns) {
        const std::string place = table.display() + "." + table.columns[column].name;
        const std::string name = "lost_update(" + place + ")";
        const bool seen =
            std::any_of(out.begin(), out.end(), [&](const Lost& lost) { return lost.invariant == name; });
        if (seen) continue;
        out.push_back({name, schema_.transactions[gone.transaction].name + " wrote " + place +
                                 " and was told that it succeeded; " +
                                 schema_.transactions[kept.transaction].name + " overwrote it unseen"});
    }
}

std::vector<Lost> LostUpdates::find(std::span<const Written> deltas) const {
    std::vector<Lost> out;
    if (uses_.empty()) return out;
    for (std::size_t i = 0; i < deltas.size(); ++i)
        for (std::size_t j = i + 1; j < deltas.size(); ++j) {
            if (!concurrent(*deltas[i].delta, *deltas[j].delta)) continue;
            const bool later = deltas[i].delta->stamp < deltas[j].delta->stamp;
            compare(deltas[later ? i : j], deltas[later ? j : i], out);
        }
    return out;
}

std::vector<Lost> LostUpdates::find(const std::vector<WrittenDelta>& deltas) const {
    std::vector<Written> written;
    for (const auto& each : deltas) written.push_back({&each.delta, each.transaction});
    return find(written);
}

}  // namespace anabranch::confluence
