#include "lib/exec/writer.h"

#include "lib/exec/row_text.h"

namespace anabranch::exec {

using sql::Datum;

Writer::Writer(const SchemaPlans& plans, MergedView& view, Overlay& overlay, KeyReader& keys,
               Executor& executor, Origin& origin)
    : plans_(plans),
      view_(view),
      overlay_(overlay),
      keys_(keys),
      executor_(executor),
      origin_(origin),
      rows_(plans, view, overlay, keys, executor.context()) {}

std::uint64_t Writer::write(const WritePlan& plan, RowEmitter emit) {
    executor_.forget(plan.volatile_states);
    Run run{plan, plans_.table(plan.table), emit};
    switch (plan.kind) {
        case WritePlan::Kind::insert:
            if (plan.source == nullptr)
                insert(run, nullptr);
            else
                executor_.query(*plan.source, [&](const Datum* row) { return insert(run, row); });
            break;
        case WritePlan::Kind::update:
            executor_.group(plan.from, [&] { return update(run); });
            break;
        case WritePlan::Kind::delete_:
            executor_.group(plan.from, [&] { return erase(run); });
            break;
    }
    if (plan.merge) merged_ += run.count;
    return run.count;
}

bool Writer::returning(Run& run, RowView row) {
    ++run.count;
    if (run.plan.returning.empty()) return true;
    if (!rows_.constraints().settle_absent()) return false;
    executor_.slot(run.plan.target_slot).row = row;
    Datum* out = executor_.registers(run.plan.output_register);
    for (std::size_t i = 0; i < run.plan.returning.size(); ++i)
        out[i] = executor_.eval(run.plan.returning[i]);
    if (executor_.failed()) return false;
    run.emit(out);
    return true;
}

bool Writer::changed_already(TableId table, std::string_view key) const {
    if (!overlay_.touches(table)) return false;
    const Touched* row = overlay_.find(table, key);
    return row != nullptr && row->changed_by == overlay_.statement();
}

// ---- INSERT ----

RowView Writer::proposed(Run& run, const Datum* source) {
    Datum* values = executor_.registers(run.plan.row_register);
    const std::size_t columns = run.plan.columns.size();
    for (std::uint32_t c = 0; c < columns; ++c) {
        const ColumnSource& from = run.plan.columns[c];
        switch (from.kind) {
            case ColumnSource::Kind::source:
                values[c] = source[from.source];
                break;
            case ColumnSource::Kind::expression:
                values[c] = executor_.eval(from.expression);
                break;
            case ColumnSource::Kind::identity:
                values[c] = Datum::integer(origin_.next_identity(run.plan.table, ColumnId{c}));
                break;
            case ColumnSource::Kind::null:
                values[c] = {};
                break;
        }
    }
    if (executor_.failed()) return {};
    const RowView image = rows_.pack_row(run.table, {values, columns});
    if (run.plan.effects.generated.empty()) return image;
    return rows_.generate(run.table, run.plan.effects, image, {values, columns});
}

bool Writer::insert(Run& run, const Datum* source) {
    const RowView image = proposed(run, source);
    if (executor_.failed() || !rows_.constraints().row(run.table, run.plan.effects, image)) return false;
    bool claims = true;
    if (run.plan.on_conflict != sql::ConflictAction::none) {
        claims = run.plan.conflict_key.value_or(0) != 0;
        bool conflict = false;
        if (!settle_conflict(run, image, conflict)) return false;
        if (conflict) return true;
    }
    if (rows_.insert(run.table, run.plan.effects, image, claims, run.plan.additive) == nullptr) return false;
    return returning(run, image);
}

// ON CONFLICT DO NOTHING without a target: every key and every exclusion counts, but a deferrable one cannot.
RowView Writer::any_conflict(Run& run, RowView image, bool& excluded) {
    const catalog::Table& table = *run.table.table;
    const auto immediate = [&](const std::string& name, bool deferrable) {
        if (!deferrable) return true;
        Error error = Error::make(
            sqlstate::object_not_in_prerequisite_state,
            "ON CONFLICT does not support deferrable unique constraints/exclusion constraints as arbiters");
        error.constraint = name;
        error.table = table.name;
        executor_.context().fail(std::move(error));
        return false;
    };
    for (std::uint32_t number = 0; number < table.keys.size(); ++number) {
        if (!immediate(table.keys[number].name, table.keys[number].deferrable)) return {};
        const RowView found = rows_.constraints().conflicting(run.table, number, image, {});
        if (found || executor_.failed()) return found;
    }
    for (std::uint32_t number = 0; number < run.table.exclusions.size(); ++number) {
        const catalog::Exclusion& declared = table.exclusions[run.table.exclusions[number].index];
        if (!immediate(declared.name, declared.deferrable)) return {};
        const RowView found = rows_.constraints().colliding(run.table, number, image, {});
        excluded = static_cast<bool>(found);
        if (found || executor_.failed()) return found;
    }
    return {};
}

bool Writer::settle_conflict(Run& run, RowView image, bool& conflict) {
    bool excluded = false;
    const RowView existing =
        run.plan.conflict_key ? rows_.constraints().conflicting(run.table, *run.plan.conflict_key, image, {})
                              : any_conflict(run, image, excluded);
    if (executor_.failed()) return false;
    conflict = static_cast<bool>(existing);
    if (!conflict || excluded) return true;  // an excluded row has nothing in common with the one it meets
    if (run.plan.on_conflict == sql::ConflictAction::update) return merge_into(run, existing, image);
    key_.clear();
    keys_.append_primary(run.table, existing, key_);
    rows_.touch(run.table, key_, existing);
    return true;
}

bool Writer::merge_into(Run& run, RowView existing, RowView image) {
    std::string key;
    keys_.append_primary(run.table, existing, key);
    if (changed_already(run.plan.table, key)) {
        Error error = Error::make(sqlstate::cardinality_violation,
                                  "ON CONFLICT DO UPDATE command cannot affect row a second time");
        error.hint =
            "Ensure that no rows proposed for insertion within the same command have duplicate constrained "
            "values.";
        executor_.context().fail(std::move(error));
        return false;
    }
    rows_.touch(run.table, key, existing);
    executor_.slot(run.plan.target_slot).row = existing;
    executor_.slot(run.plan.excluded_slot).row = image;
    if (run.plan.conflict_where != no_expr && !executor_.evaluator().truth(run.plan.conflict_where))
        return !executor_.failed();
    const RowView now = assigned(run, run.plan.conflict_effects, existing);
    if (executor_.failed()) return false;
    if (rows_.update(run.table, run.plan.conflict_effects, key, existing, now) == nullptr) return false;
    return returning(run, now);
}

// ---- UPDATE and DELETE ----

// Of what the statement has changed already: nothing is done to it, except that MERGE refuses it. What went
// with its parent was not met by the statement itself.
bool Writer::second_change(Run& run) {
    if (!run.plan.merge || overlay_.find(run.plan.table, key_)->hidden) return true;
    Error error =
        Error::make(sqlstate::cardinality_violation, "MERGE command cannot affect row a second time");
    error.hint = "Ensure that not more than one source row matches any one target row.";
    executor_.context().fail(std::move(error));
    return false;
}

// The row after the plan's assignments, as a new image; nothing is written yet.
RowView Writer::assigned(Run& run, const WriteEffects& effects, RowView before) {
    const RowLayout& layout = run.table.layout;
    Datum* values = executor_.registers(run.plan.row_register);
    const std::size_t columns = layout.size();
    if (effects.fixed) {
        const std::size_t size = image_size(layout, before);
        char* image = executor_.arena().allocate(size);
        copy_row(layout, before, size, image);
        for (const AssignmentPlan& assignment : run.plan.assignments)
            set_fixed(layout, image, assignment.column, executor_.eval(assignment.value));
        const RowView now(image, &layout);
        if (executor_.failed() || effects.generated.empty()) return now;
        RowWriter::unpack(run.table, now, {values, columns});
        return rows_.generate(run.table, effects, now, {values, columns});
    }
    RowWriter::unpack(run.table, before, {values, columns});
    for (const AssignmentPlan& assignment : run.plan.assignments)
        values[assignment.column] = executor_.eval(assignment.value);
    if (executor_.failed()) return {};
    const RowView now = rows_.pack_row(run.table, {values, columns});
    if (effects.generated.empty()) return now;
    return rows_.generate(run.table, effects, now, {values, columns});
}

bool Writer::update(Run& run) {
    const RowView before = executor_.slot(run.plan.target_slot).row;
    key_.clear();
    keys_.append_primary(run.table, before, key_);
    if (changed_already(run.plan.table, key_)) return second_change(run);
    const RowView now = assigned(run, run.plan.effects, before);
    if (executor_.failed() || rows_.update(run.table, run.plan.effects, key_, before, now) == nullptr)
        return false;
    const bool more = returning(run, now);
    executor_.slot(run.plan.target_slot).row =
        before;  // its joins go on with the row as the statement sees it
    return more;
}

bool Writer::erase(Run& run) {
    const RowView before = executor_.slot(run.plan.target_slot).row;
    key_.clear();
    keys_.append_primary(run.table, before, key_);
    if (changed_already(run.plan.table, key_)) return second_change(run);
    rows_.erase(run.table, run.plan.effects, key_, before);
    return returning(run, before);
}

}  // namespace anabranch::exec
