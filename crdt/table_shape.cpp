#include "crdt/table_shape.h"

#include <algorithm>
#include <optional>

#include "lib/base/check.h"

namespace anabranch::crdt {

namespace {

using catalog::Merge;

void place_columns(TableShape& shape) {
    const auto& columns = shape.table->columns;
    shape.groups.resize(shape.table->group_count);
    for (std::uint32_t c = 0; c < columns.size(); ++c) {
        const catalog::ColumnPolicy& policy = columns[c].policy;
        switch (policy.merge) {
            case Merge::immutable:
            case Merge::register_:
                CHECK(policy.group < shape.groups.size());
                shape.place.push_back(policy.group);
                shape.groups[policy.group].columns.push_back(c);
                break;
            case Merge::counter:
                CHECK(shape.layout.storage[c] == sql::Storage::integer);
                shape.place.push_back(static_cast<std::uint32_t>(shape.counters.size()));
                shape.counters.push_back(c);
                break;
            case Merge::max:
            case Merge::min:
                shape.place.push_back(static_cast<std::uint32_t>(shape.extremes.size()));
                shape.extremes.push_back(c);
                break;
        }
    }
}

// The child's columns in the order of the parent's primary key, if they are stored alike; else nothing.
std::optional<std::vector<std::uint32_t>> spelling(const catalog::Table& child, const catalog::Table& parent,
                                                   const catalog::ForeignKey& key) {
    if (key.parent_key != 0) return std::nullopt;
    std::vector<std::uint32_t> out;
    for (const ColumnId wanted : parent.keys[0].columns) {
        const auto at = std::find(key.parent_columns.begin(), key.parent_columns.end(), wanted);
        if (at == key.parent_columns.end()) return std::nullopt;
        const ColumnId mine = key.columns[static_cast<std::size_t>(at - key.parent_columns.begin())];
        const sql::Type here = child.columns[mine.value].type, there = parent.columns[wanted.value].type;
        const bool integers =
            storage_of(here) == sql::Storage::integer && storage_of(there) == sql::Storage::integer;
        if (!integers && (here.id != there.id || here.array != there.array)) return std::nullopt;
        out.push_back(mine.value);
    }
    return out;
}

void derive_references(TableShape& shape, const catalog::Schema& schema) {
    for (std::uint32_t i = 0; i < shape.table->foreign_keys.size(); ++i) {
        const catalog::ForeignKey& key = shape.table->foreign_keys[i];
        const bool cascade = key.on_delete == catalog::OnDelete::cascade;
        if (!cascade && key.on_delete != catalog::OnDelete::set_null) continue;
        // The catalog gives the columns of such a key one group, and lets none of them be a counter.
        CHECK(shape.is_register(key.columns[0].value));
        TableShape::Derived derived;
        derived.foreign_key = i;
        derived.parent = key.parent;
        derived.cascade = cascade;
        if (!cascade) {
            for (const ColumnId c : key.set_columns.empty() ? key.columns : key.set_columns) {
                CHECK(c.value < 64);
                derived.nulled |= std::uint64_t{1} << c.value;
            }
        }
        derived.group = shape.place[key.columns[0].value];
        auto& references = shape.groups[derived.group].references;
        derived.place = static_cast<std::uint32_t>(references.size());
        references.push_back(static_cast<std::uint32_t>(shape.derived.size()));
        if (auto spelled = spelling(*shape.table, schema.table(key.parent), key)) {
            derived.spelled = true;
            derived.columns = std::move(*spelled);
        } else {
            for (const ColumnId c : key.columns) derived.columns.push_back(c.value);
        }
        shape.derived.push_back(std::move(derived));
    }
}

void list_indexes(TableShape& shape) {
    const catalog::Table& table = *shape.table;
    const auto add = [&](const std::vector<ColumnId>& columns, bool evaluated) {
        TableShape::Index index;
        for (const ColumnId c : columns) index.columns.push_back(c.value);
        index.evaluated = evaluated;
        index.same_as = static_cast<std::uint32_t>(shape.indexes.size());
        shape.indexes.push_back(std::move(index));
    };
    for (const auto& key : table.keys) add(key.columns, !key.expressions.empty() || key.predicate != nullptr);
    for (const auto& key : table.foreign_keys) add(key.columns, false);
    for (const auto& index : table.indexes) add(index.columns, index.predicate != nullptr);
    for (std::uint32_t i = 1; i < shape.indexes.size(); ++i) {
        auto& index = shape.indexes[i];
        for (std::uint32_t j = 0; j < shape.indexes.size() && index.same_as == i && !index.evaluated; ++j) {
            const auto& other = shape.indexes[j];
            const bool longer = other.columns.size() > index.columns.size() ||
                                (other.columns.size() == index.columns.size() && j < i);
            if (other.evaluated || !longer) continue;
            if (std::equal(index.columns.begin(), index.columns.end(), other.columns.begin()))
                index.same_as = j;
        }
    }
    for (auto& index : shape.indexes) {
        while (shape.indexes[index.same_as].same_as != index.same_as)
            index.same_as = shape.indexes[index.same_as].same_as;
    }
}

std::vector<TableShape> shapes_of(const catalog::Schema& schema) {
    std::vector<TableShape> out(schema.tables.size());
    for (std::size_t i = 0; i < out.size(); ++i) {
        TableShape& shape = out[i];
        shape.table = &schema.tables[i];
        shape.id = shape.table->id;
        CHECK(shape.id.value == i);
        shape.layout = exec::RowLayout::of(*shape.table);
        shape.per_key = shape.table->identity == catalog::RowIdentity::per_key;
        place_columns(shape);
        derive_references(shape, schema);
        list_indexes(shape);
    }
    for (const TableShape& child : out) {
        for (std::uint32_t d = 0; d < child.derived.size(); ++d)
            out[child.derived[d].parent.value].dependents.push_back({child.id, d});
    }
    return out;
}

}  // namespace

const std::vector<TableShape>& TableShape::of(const catalog::Schema& schema) {
    const void* kept = schema.merging.get();
    if (kept == nullptr)
        kept = schema.merging.set(std::make_shared<const std::vector<TableShape>>(shapes_of(schema)));
    return *static_cast<const std::vector<TableShape>*>(kept);
}

}  // namespace anabranch::crdt
