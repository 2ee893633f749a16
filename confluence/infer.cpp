#include "confluence/infer.h"

#include <algorithm>

#include "confluence/initial.h"
#include "confluence/walk.h"
#include "lib/sql/bind_walk.h"

namespace anabranch::confluence {

namespace {

constexpr std::size_t PERMANENT_MAX = 2;
constexpr std::size_t CONSTANTS_MAX = 12;

bool same(const sql::Const& a, const sql::Const& b) {
    return a.null == b.null && a.integer == b.integer && a.bytes == b.bytes && a.floating == b.floating;
}

// What is assigned to one column anywhere, when it is always a constant.
class AssignedConstants : public Walker {
  public:
    AssignedConstants(TableId table, std::uint32_t column) : table_(table), column_(column) {}
    bool all_constant = true;
    std::vector<sql::Const> values;
    void add(const sql::ExprPtr& e) {
        const sql::Expr* at = sql::uncast(e);
        if (const auto* choice = std::get_if<sql::Case>(&at->node)) {
            for (const auto& branch : choice->branches) add(branch.result);
            if (choice->otherwise) add(choice->otherwise);
            return;
        }
        const auto* constant = std::get_if<sql::Const>(&at->node);
        const auto* self = std::get_if<sql::ColumnRef>(&at->node);
        if (self != nullptr && self->level == 0 && self->rel == 0 && self->column == column_)
            return;  // stays as it is
        if (constant == nullptr) {
            all_constant = false;
        } else if (!constant->null && std::none_of(values.begin(), values.end(),
                                                   [&](const auto& v) { return same(v, *constant); })) {
            values.push_back(*constant);
        }
    }

  protected:
    void on_update(const sql::Update& update) override {
        if (update.table == table_) assignments(update.assignments);
    }
    void on_insert(const sql::Insert& insert) override {
        if (insert.table != table_) return;
        assignments(insert.on_conflict.assignments);
        const auto given = std::find_if(insert.columns.begin(), insert.columns.end(),
                                        [&](ColumnId id) { return id.value == column_; });
        if (given == insert.columns.end()) return;
        const std::size_t position = static_cast<std::size_t>(given - insert.columns.begin());
        if (insert.source && !insert.source->values.empty()) {
            for (const auto& row : insert.source->values) add(row[position]);
        } else if (insert.source && insert.source->set_op == sql::SetOp::none &&
                   position < insert.source->targets.size()) {
            const auto* ref = std::get_if<sql::ColumnRef>(&insert.source->targets[position]->node);
            if (ref != nullptr) {
                all_constant = false;
            } else {
                add(insert.source->targets[position]);
            }
        } else {
            all_constant = false;
        }
    }

  private:
    void assignments(const std::vector<sql::Assignment>& list) {
        for (const auto& a : list) {
            if (a.column.value == column_) add(a.value);
        }
    }
    TableId table_;
    std::uint32_t column_;
};

std::string name_of(const catalog::Table& table, std::uint32_t column) {
    return table.display() + "." + table.columns[column].name;
}

}  // namespace

std::vector<smt::Bound> bound_candidates(const smt::Analysis& analysis,
                                         const std::map<TableId, std::set<std::uint32_t>>& columns) {
    std::vector<smt::Bound> out;
    const catalog::Schema& schema = analysis.schema();
    const auto initial = initial_rows(schema);
    for (const auto& [id, read] : columns) {
        const catalog::Table& table = schema.table(id);
        const InitialTable& rows = initial.at(id);
        for (const std::uint32_t c : read) {
            const catalog::Column& column = table.columns[c];
            const auto all = [&](auto&& holds) {
                return rows.exact && std::all_of(rows.rows.begin(), rows.rows.end(), [&](const auto& row) {
                           return row[c] && (row[c]->null || holds(*row[c]));
                       });
            };
            const bool is_key = std::any_of(table.keys[0].columns.begin(), table.keys[0].columns.end(),
                                            [&](ColumnId k) { return k.value == c; });
            if (is_key || column.hidden) continue;
            if (sql::is_integer(column.type)) {
                if (all([](const sql::Const& v) { return v.integer >= 0; })) {
                    out.push_back({id, c, smt::Bound::Op::at_least, 0, {}, name_of(table, c) + " >= 0"});
                }
                if (all([](const sql::Const& v) { return v.integer <= 0; })) {
                    out.push_back({id, c, smt::Bound::Op::at_most, 0, {}, name_of(table, c) + " <= 0"});
                }
                continue;
            }
            AssignedConstants assigned(id, c);
            for (const auto& transaction : schema.transactions) {
                for (const auto& statement : transaction.body) assigned.statement(*statement);
            }
            if (column.default_value) assigned.add(column.default_value);
            for (const auto& row : rows.rows) {
                if (!row[c]) assigned.all_constant = false;
                if (row[c] && !row[c]->null) assigned.values.push_back(*row[c]);
            }
            if (rows.exact && assigned.all_constant && !assigned.values.empty() &&
                assigned.values.size() <= CONSTANTS_MAX) {
                out.push_back({id, c, smt::Bound::Op::one_of, 0, assigned.values,
                               name_of(table, c) + " has only the values that are written to it"});
            }
        }
    }
    return out;
}

std::vector<smt::PermanentRow> permanent_rows(const smt::Analysis& analysis,
                                              const std::set<TableId>& tables) {
    std::vector<smt::PermanentRow> out;
    const catalog::Schema& schema = analysis.schema();
    const auto initial = initial_rows(schema);
    for (TableId id : tables) {
        const catalog::Table& table = schema.table(id);
        bool vanish = false;
        bool merges = false;
        std::set<std::uint32_t> changed;
        for (const Touches& touches : analysis.touches) {
            const auto found = touches.find(id);
            if (found == touches.end()) continue;
            vanish |= found->second.vanish;
            merges |= found->second.merges;
            changed.insert(found->second.columns.begin(), found->second.columns.end());
        }
        if (vanish) continue;
        std::size_t count = 0;
        for (const auto& row : initial.at(id).rows) {
            if (count++ == PERMANENT_MAX) break;
            smt::PermanentRow permanent{id, {}};
            for (std::uint32_t c = 0; c < table.columns.size(); ++c) {
                const bool is_key = std::any_of(table.keys[0].columns.begin(), table.keys[0].columns.end(),
                                                [&](ColumnId k) { return k.value == c; });
                if (row[c] && (is_key || (!merges && !changed.contains(c))))
                    permanent.cells.emplace_back(c, *row[c]);
            }
            out.push_back(std::move(permanent));
        }
    }
    return out;
}

}  // namespace anabranch::confluence
