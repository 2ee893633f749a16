#include "lib/exec/row_writer.h"

#include "lib/sql/value.h"

namespace anabranch::exec {

using sql::Datum;

RowWriter::RowWriter(const SchemaPlans& plans, MergedView& view, Overlay& overlay, KeyReader& keys,
                     sql::EvalContext& context)
    : plans_(plans),
      view_(view),
      overlay_(overlay),
      keys_(keys),
      context_(context),
      constraints_(plans, view, overlay, keys, context, *this) {}

RowView RowWriter::pack_row(const TablePlan& table, std::span<const Datum> values) {
    char* image = context_.arena.allocate(packed_size(table.layout, values));
    pack(table.layout, values, image);
    return {image, &table.layout};
}

void RowWriter::unpack(const TablePlan& table, RowView row, std::span<Datum> out) {
    for (std::uint32_t c = 0; c < table.layout.size(); ++c) out[c] = row.get(c);
}

RowView RowWriter::generate(const TablePlan& table, const WriteEffects& effects, RowView image,
                            std::span<Datum> values) {
    for (const std::uint32_t number : effects.generated) {
        const auto& [column, expression] = table.generated[number];
        values[column] = keys_.about(image).eval(expression);
        if (context_.failed) return {};
    }
    return pack_row(table, values);
}

Touched& RowWriter::added(const TablePlan& table, std::string_view key, RowView image, bool claims) {
    Touched& row = overlay_.touch(table.table->id, key, {});
    if (row.base) row.deleted = true;  // also when it went with its parent: the new row is another one
    row.inserted = row.created = true;
    row.hidden = false;
    row.claims = row.claims || claims;
    row.initial = image.data();
    row.additive = nullptr;
    overlay_.change(row, image);
    return row;
}

void RowWriter::removed(Touched& row) {
    row.inserted = row.created = row.claims = false;
    row.initial = nullptr;
    if (row.base) row.deleted = true;
    overlay_.change(row, {});
}

Touched* RowWriter::insert(const TablePlan& table, const WriteEffects& effects, RowView image, bool claims,
                           const std::vector<std::uint32_t>& additive) {
    key_.clear();
    keys_.append_primary(table, image, key_);
    const bool known = overlay_.touches(table.table->id) && overlay_.find(table.table->id, key_) != nullptr;
    if (!known && !table.table->keys[0].deferrable && !constraints_.expect_absent(table, key_, image))
        return nullptr;
    if (!constraints_.unique(table, effects, image, {}, known)) return nullptr;
    Touched& row = added(table, key_, image, claims);
    for (const std::uint32_t column : additive)
        Constraints::mark(row.additive, column, overlay_, table.table->id);
    constraints_.deferrable(table, effects, row);
    constraints_.written(effects, row, {}, image);
    return &row;
}

// A merge.max or merge.min column that went the other way would be undone by the next merge.
bool RowWriter::keeps_direction(const TablePlan& table, const WriteEffects& effects, RowView before,
                                RowView image) {
    for (const std::uint32_t c : effects.columns) {
        const catalog::Column& column = table.table->columns[c];
        const bool grows = column.policy.merge == catalog::Merge::max;
        if (!grows && column.policy.merge != catalog::Merge::min) continue;
        const Datum old = before.get(c), now = image.get(c);
        if (old.is_null()) continue;
        const int order = now.is_null() ? (grows ? -1 : 1) : sql::compare(column.type, now, old);
        if (order == 0 || (order > 0) == grows) continue;
        Error error = Error::make(sqlstate::feature_not_supported,
                                  "column \"" + column.name + "\" of relation \"" + table.table->name +
                                      "\" can only be " + (grows ? "raised" : "lowered"));
        error.detail =
            std::string("Its merge keeps the ") + (grows ? "greatest" : "least") + " value ever written.";
        error.hint = std::string("Write ") + (grows ? "greatest(" : "least(") + column.name + ", value).";
        error.table = table.table->name;
        context_.fail(std::move(error));
        return false;
    }
    return true;
}

Touched* RowWriter::move(const TablePlan& table, const WriteEffects& effects, std::string_view key,
                         RowView before, RowView image) {
    if (!constraints_.unique(table, effects, image, key, true)) return nullptr;
    removed(overlay_.touch(table.table->id, key, before));
    Touched& row = added(table, key_, image, true);
    constraints_.deferrable(table, effects, row);
    constraints_.written(effects, row, before, image);
    return &row;
}

Touched* RowWriter::update(const TablePlan& table, const WriteEffects& effects, std::string_view key,
                           RowView before, RowView image, bool derived) {
    if (!constraints_.row(table, effects, image) || !keeps_direction(table, effects, before, image))
        return nullptr;
    if (effects.primary_key) {
        key_.clear();
        keys_.append_primary(table, image, key_);
        if (key_ != key) return move(table, effects, key, before, image);
    }
    if (!effects.keys.empty() || !effects.exclusions.empty())
        if (!constraints_.unique(table, effects, image, key, false)) return nullptr;
    Touched& row = overlay_.touch(table.table->id, key, before);
    if (!derived && !row.created)
        for (const std::uint32_t column : effects.columns)
            Constraints::mark(row.written, column, overlay_, table.table->id);
    overlay_.change(row, image);
    constraints_.deferrable(table, effects, row);
    constraints_.written(effects, row, before, image);
    return &row;
}

Touched* RowWriter::erase(const TablePlan& table, const WriteEffects& effects, std::string_view key,
                          RowView before) {
    Touched& row = overlay_.touch(table.table->id, key, before);
    removed(row);
    constraints_.written(effects, row, before, {});
    return &row;
}

void RowWriter::touch(const TablePlan& table, std::string_view key, RowView existing) {
    if (table.table->identity != catalog::RowIdentity::per_key) return;
    overlay_.touch(table.table->id, key, existing).inserted = true;
}

}  // namespace anabranch::exec
