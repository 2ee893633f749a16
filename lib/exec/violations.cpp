// Every invariant on a whole state.
#include "lib/exec/violations.h"

#include <algorithm>

#include "lib/exec/assertions.h"
#include "lib/exec/engine.h"
#include "lib/exec/executor.h"
#include "lib/exec/row_text.h"

namespace anabranch::exec {

using sql::Datum;

namespace {

class StateCheck {
  public:
    StateCheck(const catalog::Schema& schema, const Store& store, std::size_t rows_max)
        : schema_(schema),
          plans_(plans_of(schema)),
          store_(store),
          rows_max_(rows_max),
          context_(arena_),
          keys_(plans_, context_),
          overlay_(plans_, arena_),
          view_(plans_, store, overlay_, keys_) {
        context_.labels = &plans_;
    }

    std::vector<std::string> rows_of(const catalog::Invariant& invariant) {
        out_.clear();
        const TablePlan& table = plans_.table(invariant.table);
        std::visit([&](const auto& what) { check(table, what); }, invariant.what);
        if (context_.failed) {  // a condition that cannot be computed does not hold
            const Error error = context_.take_error();
            if (out_.size() < rows_max_) out_.push_back(error.message);
        }
        arena_.reset();
        return std::move(out_);
    }

  private:
    bool add(std::string row) {
        if (out_.size() < rows_max_) out_.push_back(std::move(row));
        return out_.size() < rows_max_;
    }
    void check(const TablePlan& table, const catalog::NotNullInvariant& what) {
        store_.scan(table.table->id, [&](RowView row) {
            if (!row.get(what.column.value).is_null()) return true;
            return add(describe_row(table, {what.column.value}, row, plans_));
        });
    }
    void check(const TablePlan& table, const catalog::CheckInvariant& what) {
        const auto at = std::find_if(table.checks.begin(), table.checks.end(),
                                     [&](const auto& c) { return c.index == what.index; });
        std::vector<std::uint32_t> columns;
        for (const ColumnId c : table.table->checks[what.index].columns) columns.push_back(c.value);
        store_.scan(table.table->id, [&](RowView row) {
            const bool holds = keys_.about(row).holds(at->condition);
            if (context_.failed)
                context_.take_error();
            else if (holds)
                return true;
            return add(describe_row(table, columns, row, plans_));
        });
    }
    void check(const TablePlan& table, const catalog::KeyInvariant& what) {
        if (what.index == 0) {
            store_.duplicate_claims(table.table->id,
                                    [&](RowView row) { return add(describe_row(table, {}, row, plans_)); });
            return;
        }
        const IndexPlan& index = table.indexes[what.index];
        std::string last, key, first;
        bool open = false;  // `first` has not been reported yet
        std::vector<std::uint32_t> columns;
        for (const KeyPart& part : index.parts)
            if (part.expression == no_expr) columns.push_back(part.column);
        store_.scan_index(table.table->id, index.id, {}, {}, false, [&](RowView row) {
            key.clear();
            if (!keys_.append(index, row, key)) return !context_.failed;
            if (!index.key->nulls_not_distinct && keys_.has_null(index, row)) return true;
            std::string text = describe_row(table, columns, row, plans_);
            if (key != last || last.empty()) {
                last = key;
                first = std::move(text);
                return open = true;
            }
            if (std::exchange(open, false) && !add(std::move(first))) return false;
            return add(std::move(text));
        });
    }
    void check(const TablePlan& table, const catalog::ForeignKeyInvariant& what) {
        const Reference& reference = plans_.references[table.references[what.index]];
        std::vector<std::uint32_t> columns;
        for (const ColumnId c : reference.key->columns) columns.push_back(c.value);
        std::string key;
        store_.scan(table.table->id, [&](RowView row) {
            key.clear();
            std::size_t nulls = 0;
            for (std::size_t i = 0; i < reference.child_columns.size(); ++i) {
                Datum value = row.get(reference.child_columns[i]);
                nulls += value.is_null() ? 1 : 0;
                if (!value.is_null() && reference.to_parent[i] != nullptr)
                    value = (*reference.to_parent[i])(context_, &value);
                append_key(key, reference.parent_types[i], value);
            }
            if (nulls == reference.child_columns.size() || (nulls > 0 && !reference.key->match_full))
                return true;
            if (nulls == 0 && parent_exists(reference, key)) return true;
            return add(describe_row(table, columns, row, plans_));
        });
    }
    bool parent_exists(const Reference& reference, const std::string& key) {
        if (reference.key->parent_key == 0) return static_cast<bool>(store_.find(reference.parent, key));
        bool found = false;
        store_.scan_index(reference.parent, IndexId::key(reference.key->parent_key), key,
                          sql::key_successor(key), false, [&](RowView) {
                              found = true;
                              return false;
                          });
        return found;
    }
    void check(const TablePlan& table, const catalog::ExcludeInvariant& what) {
        const ExclusionPlan& plan = table.exclusions[what.index];
        std::vector<std::uint32_t> columns;
        for (const ColumnId c : table.table->exclusions[what.index].columns) columns.push_back(c.value);
        Executor executor(plans_, view_, overlay_, context_);
        executor.bind(plans_.rows, nullptr);
        std::string mine, other;
        store_.scan(table.table->id, [&](RowView row) {
            executor.slot(row_slot).row = row;
            if (plan.predicate != no_expr && !executor.evaluator().truth(plan.predicate))
                return !context_.failed;
            mine.clear();
            keys_.append_primary(table, row, mine);
            bool conflict = false;
            executor.group(plan.conflicts, [&] {
                other.clear();
                keys_.append_primary(table, executor.slot(other_slot).row, other);
                conflict = conflict || other != mine;
                return !conflict;
            });
            if (!conflict) return !context_.failed;
            return add(describe_row(table, columns, row, plans_));
        });
    }
    void check(const TablePlan&, const catalog::AssertionInvariant& what) {
        const auto plan =
            std::find_if(plans_.assertions.begin(), plans_.assertions.end(), [&](const AssertionPlan& a) {
                const auto& declared = schema_.invariants[a.invariant].what;
                return std::get<catalog::AssertionInvariant>(declared).violations == what.violations;
            });
        if (plan == plans_.assertions.end()) return;
        Executor executor(plans_, view_, overlay_, context_);
        executor.bind(*plan->program, nullptr);
        executor.begin(plan->whole);
        executor.query(*plan->whole.query,
                       [&](const Datum* row) { return add(violating_row(*plan, row, plans_)); });
    }
    void check(const TablePlan&, const catalog::LostUpdateInvariant&) {}  // not a condition on one state

    const catalog::Schema& schema_;
    const SchemaPlans& plans_;
    const Store& store_;
    std::size_t rows_max_;
    Arena arena_;
    sql::EvalContext context_;
    KeyReader keys_;
    Overlay overlay_;
    MergedView view_;
    std::vector<std::string> out_;
};

}  // namespace

std::vector<Violation> find_violations(const catalog::Schema& schema, const Store& store,
                                       std::size_t rows_max) {
    StateCheck state(schema, store, rows_max);
    std::vector<Violation> out;
    for (std::uint32_t i = 0; i < schema.invariants.size(); ++i) {
        std::vector<std::string> rows = state.rows_of(schema.invariants[i]);
        if (!rows.empty()) out.push_back({i, std::move(rows)});
    }
    return out;
}

std::vector<std::uint32_t> violated(const catalog::Schema& schema, const Store& store,
                                    std::span<const std::uint32_t> invariants) {
    StateCheck state(schema, store, 1);
    std::vector<std::uint32_t> out;
    for (const std::uint32_t i : invariants)
        if (!state.rows_of(schema.invariants[i]).empty()) out.push_back(i);
    return out;
}

}  // namespace anabranch::exec
