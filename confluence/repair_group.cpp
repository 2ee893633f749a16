// Grouping: whoever writes a part of a register group relies on the rest of it. Writing the whole group, with
// the missing columns as parameters, is a blind write, and the last one of two wins as a whole.
#include <algorithm>

#include "confluence/repair.h"
#include "confluence/wording.h"

namespace anabranch::confluence {

namespace {

bool in_group(const catalog::Column& column, std::uint32_t group) {
    return column.policy.merge == catalog::Merge::register_ && column.policy.group == group;
}

// Columns of the group that the UPDATE leaves alone, when it writes another of them.
std::vector<std::uint32_t> missing(const catalog::Table& table, std::uint32_t group,
                                   const sql::Update& update) {
    std::vector<std::uint32_t> out;
    bool any = false;
    for (std::uint32_t c = 0; c < table.columns.size(); ++c) {
        if (!in_group(table.columns[c], group)) continue;
        const bool written = std::any_of(update.assignments.begin(), update.assignments.end(),
                                         [&](const auto& a) { return a.column.value == c; });
        any |= written;
        if (!written) out.push_back(c);
    }
    return any ? out : std::vector<std::uint32_t>{};
}

// Each missing column becomes a new parameter, which the UPDATE assigns.
void write_whole(catalog::Transaction& transaction, const catalog::Table& table, std::uint32_t group) {
    for (auto& statement : transaction.body) {
        const auto* update = std::get_if<sql::Update>(&statement->body);
        if (update == nullptr || update->table != table.id) continue;
        const auto columns = missing(table, group, *update);
        if (columns.empty()) continue;
        auto copy = std::make_shared<sql::Statement>(*statement);
        for (const std::uint32_t c : columns) {
            std::uint32_t index = 0;
            for (const auto& p : transaction.parameters) index = std::max(index, p.index + 1);
            catalog::Parameter parameter;
            parameter.name = table.columns[c].name;
            parameter.type = table.columns[c].type;
            parameter.index = index;
            transaction.parameters.push_back(parameter);
            auto value = std::make_shared<sql::Expr>(sql::Expr{parameter.type, {}, sql::Param{index}});
            std::get<sql::Update>(copy->body).assignments.push_back({ColumnId{c}, std::move(value)});
        }
        statement = copy;
    }
}

}  // namespace

void Repairer::group(std::uint32_t invariant, std::vector<Candidate>& out) const {
    const catalog::Invariant& what = schema_.invariants[invariant];
    const catalog::Table& table = schema_.table(what.table);
    const auto column = std::get<catalog::LostUpdateInvariant>(what.what).column.value;
    const std::uint32_t group = table.columns[column].policy.group;
    std::vector<std::string> whole, changes;
    for (const auto& c : table.columns)
        if (in_group(c, group)) whole.push_back(c.name);
    for (const auto& transaction : schema_.transactions) {
        std::vector<std::string> names;
        for (const auto& statement : transaction.body) {
            const auto* update = std::get_if<sql::Update>(&statement->body);
            if (update == nullptr || update->table != what.table) continue;
            for (const std::uint32_t c : missing(table, group, *update))
                names.push_back(table.columns[c].name);
        }
        if (!names.empty())
            changes.push_back(place(transaction.span) + "let " + transaction.name + " take and write " +
                              join_and(names) + " too");
    }
    if (changes.empty()) return;
    out.push_back({"group",
                   join(changes, "; ") + ": " + join_and(whole) + " of " + table.display() +
                       " are then always written together, and of two writes the later one wins whole",
                   "group " + std::to_string(what.table.value) + "." + std::to_string(group),
                   [id = what.table, group](catalog::Schema& s) {
                       const catalog::Table& t = s.table(id);
                       for (auto& transaction : s.transactions) write_whole(transaction, t, group);
                   }});
}

}  // namespace anabranch::confluence
