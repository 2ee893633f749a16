#include "confluence/initial.h"

#include <algorithm>

namespace anabranch::confluence {

namespace {

std::optional<sql::Const> constant_of(const sql::Expr& e) {
    if (const auto* c = std::get_if<sql::Const>(&e.node)) return *c;
    if (const auto* check = std::get_if<sql::DomainCheck>(&e.node)) return constant_of(*check->arg);
    if (const auto* cast = std::get_if<sql::Cast>(&e.node)) {
        auto inner = constant_of(*cast->arg);
        if (!inner || inner->null) return inner;
        // Only conversions that keep the stored value as it is.
        const bool integers = sql::is_integer(cast->arg->type) && sql::is_integer(e.type);
        const bool same = cast->arg->type.id == e.type.id && e.type.modifier == -1;
        if (integers || same) return inner;
    }
    if (const auto* call = std::get_if<sql::Call>(&e.node);
        call != nullptr && call->func == sql::Func::neg && sql::is_integer(e.type)) {
        auto inner = constant_of(*call->args[0]);
        if (inner) inner->integer = -inner->integer;
        return inner;
    }
    return std::nullopt;
}

}  // namespace

std::map<TableId, InitialTable> initial_rows(const catalog::Schema& schema) {
    std::map<TableId, InitialTable> out;
    for (const catalog::Table& table : schema.tables) out[table.id];
    for (const auto& statement : schema.initial) {
        const auto* insert = std::get_if<sql::Insert>(&statement->body);
        if (insert == nullptr) {
            for (auto& [id, table] : out) table.exact = false;
            continue;
        }
        const catalog::Table& table = schema.table(insert->table);
        InitialTable& rows = out[insert->table];
        if (!insert->source || insert->source->values.empty() ||
            insert->on_conflict.action != sql::ConflictAction::none) {
            rows.exact = false;
            continue;
        }
        for (const auto& values : insert->source->values) {
            std::vector<std::optional<sql::Const>> row;
            for (std::uint32_t c = 0; c < table.columns.size(); ++c) {
                const auto given = std::find_if(insert->columns.begin(), insert->columns.end(),
                                                [&](ColumnId id) { return id.value == c; });
                const std::size_t position = static_cast<std::size_t>(given - insert->columns.begin());
                const catalog::Column& column = table.columns[c];
                if (given != insert->columns.end() && position < values.size()) {
                    row.push_back(constant_of(*values[position]));
                } else if (column.identity != catalog::Identity::none || column.hidden || column.generated) {
                    row.push_back(std::nullopt);
                } else if (column.default_value) {
                    row.push_back(constant_of(*column.default_value));
                } else {
                    row.push_back(sql::Const{});
                }
            }
            rows.rows.push_back(std::move(row));
        }
    }
    return out;
}

}  // namespace anabranch::confluence
