// Foreign keys, both ways: the child's side (the parent must be there) and the parent's (what becomes of its
// children).
#include <algorithm>

#include "lib/exec/builder.h"
#include "lib/exec/constraints.h"
#include "lib/exec/row_text.h"
#include "lib/exec/row_writer.h"
#include "lib/sql/value.h"

namespace anabranch::exec {

using catalog::OnDelete;
using sql::Datum;

bool Constraints::key_of_child(const Reference& reference, RowView child, std::string& out) {
    for (std::size_t i = 0; i < reference.child_columns.size(); ++i) {
        Datum value = child.get(reference.child_columns[i]);
        if (value.is_null()) return false;
        if (reference.to_parent[i] != nullptr) value = (*reference.to_parent[i])(context_, &value);
        append_key(out, reference.parent_types[i], value);
    }
    return !context_.failed;
}

bool Constraints::key_of_parent(const Reference& reference, RowView parent, std::string& out) {
    for (std::size_t i = 0; i < reference.parent_columns.size(); ++i) {
        const Datum value = parent.get(reference.parent_columns[i]);
        if (value.is_null()) return false;
        append_key(out, reference.parent_types[i], value);
    }
    return true;
}

bool Constraints::parent_exists(const Reference& reference, const std::string& key) {
    const std::uint32_t number = reference.key->parent_key;
    if (number == 0) return static_cast<bool>(view_.find(reference.parent, key, Moment::now));
    bool found = false;
    view_.scan(reference.parent, IndexId::key(number), key, sql::key_successor(key), false, Moment::now,
               [&](RowView) {
                   found = true;
                   return false;
               });
    return found;
}

bool Constraints::reference(const Reference& reference, Touched& row) {
    if (!row.now) return true;
    const catalog::ForeignKey& declared = *reference.key;
    const TablePlan& child = plans_.table(reference.child);
    const auto refuse = [&](std::string detail) {
        Error error = Error::make(sqlstate::foreign_key_violation,
                                  "insert or update on table \"" + child.table->name +
                                      "\" violates foreign key constraint \"" + declared.name + "\"");
        error.detail = std::move(detail);
        error.constraint = declared.name;
        error.table = child.table->name;
        context_.fail(std::move(error));
        return false;
    };
    std::string& key = scratch_;
    key.clear();
    if (!key_of_child(reference, row.now, key)) {
        const auto given = [&](std::uint32_t c) { return !row.now.get(c).is_null(); };
        const auto& columns = reference.child_columns;
        if (declared.match_full && std::any_of(columns.begin(), columns.end(), given))
            return refuse("MATCH FULL does not allow mixing of null and nonnull key values.");
        return !context_.failed;
    }
    if (parent_exists(reference, key)) return true;
    std::vector<std::uint32_t> columns;
    for (const ColumnId c : declared.columns) columns.push_back(c.value);
    return refuse(key_text(child, columns, row.now, plans_) + " is not present in table \"" +
                  plans_.table(reference.parent).table->name + "\".");
}

std::vector<Constraints::Child> Constraints::children(const Reference& reference,
                                                      const std::string& parent_key, RowView parent,
                                                      bool first_only) {
    std::vector<Child> out;
    const TablePlan& table = plans_.table(reference.child);
    std::string key;
    const auto visit = [&](RowView row) {
        key.clear();
        if (!key_of_child(reference, row, key) || key != parent_key) return !context_.failed;
        key.clear();
        keys_.append_primary(table, row, key);
        out.push_back({key, row});
        return !first_only;
    };
    const bool alike = std::all_of(reference.to_parent.begin(), reference.to_parent.end(),
                                   [](const auto& c) { return c == nullptr; });
    if (!alike) {
        view_.scan_all(reference.child, false, Moment::now, visit);
        return out;
    }
    std::string low;
    for (const std::uint32_t at : reference.index_order)
        append_key(low, reference.child_types[at], parent.get(reference.parent_columns[at]));
    view_.scan(reference.child, IndexId::foreign_key(*table.table, reference.number), low,
               sql::key_successor(low), false, Moment::now, visit);
    return out;
}

void Constraints::still_referenced(const Reference& reference, RowView parent) {
    const TablePlan& table = plans_.table(reference.parent);
    const TablePlan& child = plans_.table(reference.child);
    Error error = Error::make(sqlstate::foreign_key_violation,
                              "update or delete on table \"" + table.table->name +
                                  "\" violates foreign key constraint \"" + reference.key->name +
                                  "\" on table \"" + child.table->name + "\"");
    std::vector<std::uint32_t> columns;
    for (const ColumnId c : reference.key->parent_columns) columns.push_back(c.value);
    error.detail = key_text(table, columns, parent, plans_) + " is still referenced from table \"" +
                   child.table->name + "\".";
    error.constraint = reference.key->name;
    error.table = child.table->name;
    context_.fail(std::move(error));
}

void Constraints::hide(const TablePlan& table, const Child& child) {
    Touched& row = overlay_.touch(table.table->id, child.key, child.row);
    row.kept = row.now;
    row.hidden = true;
    overlay_.change(row, {});
    for (const std::uint32_t number : table.referrers)
        queue_.push_back({Event::Kind::parent_gone, number, &row, child.row, {}, false});
}

bool Constraints::replace(const Reference& reference, const Child& child, OnDelete action,
                          RowView parent_now) {
    const TablePlan& table = plans_.table(reference.child);
    const bool updated = static_cast<bool>(parent_now);
    std::vector<Datum> values(table.layout.size());
    RowWriter::unpack(table, child.row, values);
    std::vector<std::uint32_t> columns;
    const bool chosen = !updated && action != OnDelete::cascade && !reference.key->set_columns.empty();
    for (const ColumnId c : chosen ? reference.key->set_columns : reference.key->columns)
        columns.push_back(c.value);
    for (std::size_t i = 0; i < reference.child_columns.size(); ++i) {
        const std::uint32_t c = reference.child_columns[i];
        if (std::find(columns.begin(), columns.end(), c) == columns.end()) continue;
        values[c] = {};
        if (action == OnDelete::set_default && table.defaults[c] != no_expr)
            values[c] = keys_.about(child.row).eval(table.defaults[c]);
        if (action == OnDelete::cascade) {
            values[c] = parent_now.get(reference.parent_columns[i]);
            if (reference.to_parent[i] == nullptr) continue;
            const sql::Builtin cast =
                sql::Builtin::cast(reference.parent_types[i], reference.child_types[i], true);
            values[c] = cast(context_, &values[c]);
        }
    }
    if (context_.failed) return false;
    WriteEffects effects = effects_of(plans_, *table.table, WritePlan::Kind::update, columns);
    RowView image = writer_.pack_row(table, values);
    if (!effects.generated.empty()) image = writer_.generate(table, effects, image, values);
    const bool derived = !updated && action == OnDelete::set_null;
    return !context_.failed &&
           writer_.update(table, effects, child.key, child.row, image, derived) != nullptr;
}

bool Constraints::parent_gone(const Event& event) {
    const Reference& reference = plans_.references[event.number];
    const OnDelete action = event.updated ? reference.key->on_update : reference.key->on_delete;
    std::string key;
    if (!key_of_parent(reference, event.before, key)) return true;
    const bool refuses = action == OnDelete::no_action || action == OnDelete::restrict_;
    if (action == OnDelete::no_action && parent_exists(reference, key)) return true;
    const std::vector<Child> rows = children(reference, key, event.before, refuses);
    if (context_.failed) return false;
    if (refuses) {
        if (!rows.empty()) still_referenced(reference, event.before);
        return rows.empty();
    }
    for (const Child& child : rows) {
        if (action == OnDelete::cascade && !event.updated)
            hide(plans_.table(reference.child), child);
        else if (!replace(reference, child, action, event.after))
            return false;
    }
    // The default may be the very key that goes: such a child was not changed, and is asked about here.
    if (action == OnDelete::set_default && !rows.empty() && !parent_exists(reference, key) &&
        !children(reference, key, event.before, true).empty()) {
        still_referenced(reference, event.before);
        return false;
    }
    return !context_.failed;
}

}  // namespace anabranch::exec
