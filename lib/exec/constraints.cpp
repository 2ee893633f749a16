#include "lib/exec/constraints.h"

#include <algorithm>

#include "lib/exec/row_text.h"

namespace anabranch::exec {

using sql::Datum;

Constraints::Constraints(const SchemaPlans& plans, MergedView& view, Overlay& overlay, KeyReader& keys,
                         sql::EvalContext& context, RowWriter& writer)
    : plans_(plans), view_(view), overlay_(overlay), keys_(keys), context_(context), writer_(writer) {}

void Constraints::reset() {
    absent_.clear();
    absent_keys_.clear();
    queue_.clear();
    deferred_.clear();
}

bool Constraints::row(const TablePlan& table, const WriteEffects& effects, RowView image) {
    for (const std::uint32_t column : effects.not_null) {
        if (!image.get(column).is_null()) [[likely]]
            continue;
        Error error =
            Error::make(sqlstate::not_null_violation,
                        "null value in column \"" + table.table->columns[column].name + "\" of relation \"" +
                            table.table->name + "\" violates not-null constraint");
        error.detail = failing_row(table, image, plans_);
        error.table = table.table->name;
        error.column = table.table->columns[column].name;
        context_.fail(std::move(error));
        return false;
    }
    if (effects.checks.empty()) return true;
    Evaluator& evaluator = keys_.about(image);
    for (const std::uint32_t number : effects.checks) {
        const CheckPlan& check = table.checks[number];
        if (evaluator.holds(check.condition) && !context_.failed) [[likely]]
            continue;
        if (context_.failed) return false;
        const std::string& name = table.table->checks[check.index].name;
        Error error =
            Error::make(sqlstate::check_violation, "new row for relation \"" + table.table->name +
                                                       "\" violates check constraint \"" + name + "\"");
        error.detail = failing_row(table, image, plans_);
        error.constraint = name;
        error.table = table.table->name;
        context_.fail(std::move(error));
        return false;
    }
    return true;
}

RowView Constraints::conflicting(const TablePlan& table, std::uint32_t number, RowView image,
                                 std::string_view own_key) {
    const IndexPlan& index = table.indexes[number];
    std::string& key = scratch_;
    key.clear();
    if (!keys_.append(index, image, key)) return {};
    if (number == 0) {
        if (own_key == key) return {};
        return view_.find(table.table->id, key, Moment::now);
    }
    if (!index.key->nulls_not_distinct && keys_.has_null(index, image)) return {};
    RowView found;
    std::string primary;
    const std::string low = key;
    const std::string high = sql::key_successor(low);
    view_.scan(table.table->id, index.id, low, high, false, Moment::now, [&](RowView other) {
        primary.clear();
        keys_.append_primary(table, other, primary);
        if (primary == own_key) return true;
        std::string again;  // a reference nulled by the merge may stand in the index under its old key
        if (!keys_.append(index, other, again) || again != low) return true;
        found = other;
        return false;
    });
    return found;
}

Error Constraints::duplicate_key(const TablePlan& table, std::uint32_t number, RowView image) {
    const IndexPlan& index = table.indexes[number];
    Error error = Error::make(sqlstate::unique_violation,
                              "duplicate key value violates unique constraint \"" + index.name + "\"");
    error.detail = key_text(table, index, image, keys_, plans_) + " already exists.";
    error.constraint = index.name;
    error.table = table.table->name;
    return error;
}

bool Constraints::unique(const TablePlan& table, const WriteEffects& effects, RowView image,
                         std::string_view own_key, bool primary) {
    for (const std::uint32_t number : effects.keys) {
        if (table.table->keys[number].deferrable || (number == 0 && !primary)) continue;
        if (conflicting(table, number, image, number == 0 ? std::string_view() : own_key)) {
            context_.fail(duplicate_key(table, number, image));
            return false;
        }
        if (context_.failed) return false;
    }
    for (const std::uint32_t number : effects.exclusions)
        if (!table.table->exclusions[table.exclusions[number].index].deferrable &&
            !exclusion(table, number, image, own_key))
            return false;
    return true;
}

bool Constraints::expect_absent(const TablePlan& table, std::string_view key, RowView image) {
    if ((absent_.size() == KeyBatch::at_once || absent_table_ != &table) && !settle_absent()) return false;
    absent_table_ = &table;
    absent_keys_.text() += key;
    absent_keys_.end_key();
    absent_.push_back(image);
    return true;
}

bool Constraints::settle_absent() {
    if (absent_.empty()) return true;
    const TableId table = absent_table_->table->id;
    if (absent_.size() > 1) absent_keys_.expect(view_.store(), table);
    for (std::size_t i = 0; i < absent_.size() && !context_.failed; ++i)
        if (view_.store().find(table, absent_keys_.key(i)))
            context_.fail(duplicate_key(*absent_table_, 0, absent_[i]));
    absent_.clear();
    absent_keys_.clear();
    return !context_.failed;
}

void Constraints::blame_earliest() {
    if (absent_.empty()) return;
    Error later = context_.take_error();
    if (settle_absent()) context_.fail(std::move(later));
}

void Constraints::deferrable(const TablePlan& table, const WriteEffects& effects, Touched& row) {
    for (const std::uint32_t number : effects.keys)
        if (table.table->keys[number].deferrable)
            queue_.push_back({Event::Kind::key, number, &row, {}, {}, false});
    for (const std::uint32_t number : effects.exclusions)
        if (table.table->exclusions[table.exclusions[number].index].deferrable)
            queue_.push_back({Event::Kind::exclusion, number, &row, {}, {}, false});
}

bool Constraints::key(const TablePlan& table, std::uint32_t number, Touched& row) {
    if (!row.now || !conflicting(table, number, row.now, row.key)) return !context_.failed;
    context_.fail(duplicate_key(table, number, row.now));
    return false;
}

RowView Constraints::colliding(const TablePlan& table, std::uint32_t number, RowView image,
                               std::string_view own_key) {
    const ExclusionPlan& plan = table.exclusions[number];
    if (rows_ == nullptr) {
        rows_ = std::make_unique<Executor>(plans_, view_, overlay_, context_);
        rows_->bind(plans_.rows, nullptr);
        rows_->set_moment(Moment::now);
    }
    rows_->slot(row_slot).row = image;
    if (plan.predicate != no_expr && !rows_->evaluator().truth(plan.predicate)) return {};
    RowView found;
    std::string primary;
    rows_->group(plan.conflicts, [&] {
        const RowView other = rows_->slot(other_slot).row;
        primary.clear();
        keys_.append_primary(table, other, primary);
        if (primary != own_key) found = other;
        return !found;
    });
    return found;
}

bool Constraints::exclusion(const TablePlan& table, std::uint32_t number, RowView image,
                            std::string_view own_key) {
    const ExclusionPlan& plan = table.exclusions[number];
    const catalog::Exclusion& declared = table.table->exclusions[plan.index];
    const RowView found = colliding(table, number, image, own_key);
    if (context_.failed || !found) return !context_.failed;
    std::vector<std::string> names;
    std::vector<sql::Type> types;
    std::vector<Datum> mine, theirs;
    for (std::size_t i = 0; i < declared.parts.size(); ++i) {
        names.push_back(expression_text(table, declared.parts[i].expression, plans_.schema()));
        types.push_back(declared.parts[i].expression->type);
        mine.push_back(rows_->eval(plan.own[i]));
        rows_->slot(other_slot).row = found;
        theirs.push_back(rows_->eval(plan.others[i]));
    }
    Error error =
        Error::make(sqlstate::exclusion_violation,
                    "conflicting key value violates exclusion constraint \"" + declared.name + "\"");
    error.detail = key_text(names, types, mine, plans_) + " conflicts with existing k" +
                   key_text(names, types, theirs, plans_).substr(1) + ".";
    error.constraint = declared.name;
    error.table = table.table->name;
    context_.fail(std::move(error));
    return false;
}

void Constraints::mark(std::uint64_t*& bits, std::uint32_t column, Overlay& overlay, TableId table) {
    if (bits == nullptr) bits = overlay.bits(table);
    bits[column / 64] |= std::uint64_t{1} << (column % 64);
}

// ---- what waits for the end of the statement or of the transaction ----

void Constraints::written(const WriteEffects& effects, Touched& row, RowView before, RowView after) {
    if (before) {
        for (const std::uint32_t number : effects.referrers) {
            const Reference& reference = plans_.references[number];
            if (after && same_values(reference.parent_columns, before, after)) continue;
            queue_.push_back(
                {Event::Kind::parent_gone, number, &row, before, after, static_cast<bool>(after)});
        }
    }
    if (!after) return;
    for (const std::uint32_t number : effects.foreign_keys) {
        if (before && same_values(plans_.references[number].child_columns, before, after)) continue;
        queue_.push_back({Event::Kind::reference, number, &row, {}, {}, false});
    }
}

bool Constraints::same_values(const std::vector<std::uint32_t>& columns, RowView a, RowView b) const {
    return std::all_of(columns.begin(), columns.end(),
                       [&](std::uint32_t c) { return identical(a.get(c), b.get(c)); });
}

bool Constraints::defers(const Event& event) const {
    const catalog::Table& table = *plans_.table(event.row->table).table;
    switch (event.kind) {
        case Event::Kind::reference:
            return plans_.references[event.number].key->initially_deferred;
        case Event::Kind::parent_gone: {
            const catalog::ForeignKey& key = *plans_.references[event.number].key;
            return key.initially_deferred &&
                   (event.updated ? key.on_update : key.on_delete) == catalog::OnDelete::no_action;
        }
        case Event::Kind::key:
            return table.keys[event.number].initially_deferred;
        case Event::Kind::exclusion:
            return table.exclusions[plans_.table(event.row->table).exclusions[event.number].index]
                .initially_deferred;
    }
    return false;
}

bool Constraints::end_of_statement() {
    if (!settle_absent()) return false;
    for (std::size_t i = 0; i < queue_.size(); ++i) {
        if (defers(queue_[i]))
            deferred_.push_back(queue_[i]);
        else if (!run(queue_[i]))
            return false;
    }
    queue_.clear();
    return true;
}

bool Constraints::end_of_transaction() {
    queue_.swap(deferred_);  // the queue is empty between statements
    for (std::size_t i = 0; i < queue_.size(); ++i)
        if (!run(queue_[i])) return false;
    queue_.clear();
    return true;
}

bool Constraints::run(Event event) {
    const TablePlan& table = plans_.table(event.row->table);
    switch (event.kind) {
        case Event::Kind::reference:
            return reference(plans_.references[event.number], *event.row);
        case Event::Kind::parent_gone:
            return parent_gone(event);
        case Event::Kind::key:
            return key(table, event.number, *event.row);
        case Event::Kind::exclusion:
            return !event.row->now || exclusion(table, event.number, event.row->now, event.row->key);
    }
    return true;
}

}  // namespace anabranch::exec
