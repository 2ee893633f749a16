#include "crdt/delta_check.h"

#include <algorithm>

#include "crdt/cell.h"
#include "lib/sql/key.h"

namespace anabranch::crdt {

namespace {

constexpr std::size_t key_bytes_max = std::size_t{1} << 24;

template <typename Part, typename Number>
bool ascending(const std::vector<Part>& parts, Number number) {
    for (std::size_t i = 1; i < parts.size(); ++i) {
        if (number(parts[i - 1]) >= number(parts[i])) return false;
    }
    return true;
}

const char* misfit_groups(const RowDelta& row, const TableShape& shape) {
    if (!ascending(row.groups, [](const auto& g) { return g.group; })) return "register groups out of order";
    for (const auto& group : row.groups) {
        if (group.group >= shape.groups.size()) return "no such register group";
        const auto& columns = shape.groups[group.group].columns;
        if (group.values.size() != columns.size()) return "a register group has another number of columns";
        for (std::size_t i = 0; i < columns.size(); ++i) {
            if (!fits(group.values[i], shape.layout.storage[columns[i]]))
                return "a register's value is of another kind";
        }
    }
    return nullptr;
}

// The values of the key's columns, where they are written, spell the key.
const char* misfit_key(const RowDelta& row, const TableShape& shape) {
    if (row.key.empty() || row.key.size() > key_bytes_max) return "a key that is empty or too long";
    std::string part;
    BytesView rest = row.key;
    bool spelled = true;
    for (const ColumnId column : shape.table->keys[0].columns) {
        if (!shape.is_register(column.value)) return nullptr;
        const std::uint32_t number = shape.place[column.value];
        const auto group =
            std::lower_bound(row.groups.begin(), row.groups.end(), number,
                             [](const RowDelta::Group& g, std::uint32_t n) { return g.group < n; });
        if (group == row.groups.end() || group->group != number)
            return row.add && !row.remove ? "a new row without its key" : nullptr;
        const auto& columns = shape.groups[number].columns;
        const auto at = std::lower_bound(columns.begin(), columns.end(), column.value) - columns.begin();
        part.clear();
        sql::encode_key_part(part, shape.type(column.value),
                             to_datum(group->values[static_cast<std::size_t>(at)]));
        spelled = spelled && rest.starts_with(part);
        rest.remove_prefix(std::min(part.size(), rest.size()));
    }
    return spelled && rest.empty() ? nullptr : "a key that its columns do not spell";
}

const char* misfit_cells(const RowDelta& row, const TableShape& shape) {
    if (!ascending(row.counters, [](const auto& c) { return c.column; })) return "counters out of order";
    for (const auto& counter : row.counters) {
        if (counter.column >= shape.place.size() || shape.merge(counter.column) != catalog::Merge::counter)
            return "no such counter";
    }
    if (!ascending(row.extremes, [](const auto& e) { return e.column; }))
        return "max or min columns out of order";
    for (const auto& extreme : row.extremes) {
        if (extreme.column >= shape.place.size()) return "no such column";
        const catalog::Merge merge = shape.merge(extreme.column);
        if (merge != catalog::Merge::max && merge != catalog::Merge::min) return "not a max or min column";
        if (!fits(extreme.value, shape.layout.storage[extreme.column]))
            return "a max or min value is of another kind";
    }
    return nullptr;
}

const char* misfit_references(const RowDelta& row, const TableShape& shape, Stamp commit) {
    if (!ascending(row.references, [](const auto& r) { return r.foreign_key; }))
        return "references out of order";
    for (const auto& reference : row.references) {
        const auto derived = std::find_if(shape.derived.begin(), shape.derived.end(), [&](const auto& d) {
            return d.foreign_key == reference.foreign_key;
        });
        if (derived == shape.derived.end()) return "a reference to no foreign key with CASCADE or SET NULL";
        if (derived->spelled != reference.key.empty())
            return "a reference that spells its parent where its columns do, or does not";
        if (reference.key.size() > key_bytes_max) return "a reference with too long a key";
        if (reference.parent > commit) return "a reference to a row that is not yet made";
        const bool written = std::any_of(row.groups.begin(), row.groups.end(),
                                         [&](const auto& g) { return g.group == derived->group; });
        if (!written) return "a reference without its columns";
    }
    return nullptr;
}

}  // namespace

const char* misfit(const RowDelta& row, const Delta& delta, const std::vector<TableShape>& shapes) {
    if (row.table.value >= shapes.size()) return "no such table";
    const TableShape& shape = shapes[row.table.value];
    if (row.incarnation > delta.stamp || row.deleted_at > delta.stamp)
        return "a row stamped later than its commit";
    if (!shape.per_key && row.add && row.incarnation != delta.stamp)
        return "a new row that is not its commit's";
    if (!shape.per_key && row.deleted_at != Stamp{}) return "a time of deletion in a table that keeps none";
    if (row.claim != Dot{} &&
        (!row.add || (row.claim != delta.dot && !delta.dependencies.contains(row.claim)))) {
        return "a claim that the insert cannot have seen";
    }
    if (const char* wrong = misfit_groups(row, shape)) return wrong;
    if (const char* wrong = misfit_key(row, shape)) return wrong;
    if (const char* wrong = misfit_cells(row, shape)) return wrong;
    return misfit_references(row, shape, delta.stamp);
}

const char* misfit(const Delta& delta, const catalog::Schema& schema, const std::vector<TableShape>& shapes) {
    if (delta.schema_hash != schema.hash) return "it belongs to another schema";
    if (delta.dot.origin.value == 0 || delta.dot.seq == 0) return "it has no dot";
    if (delta.stamp.origin != delta.dot.origin || delta.stamp.hlc == 0)
        return "its stamp is not its origin's";
    if (delta.dependencies.get(delta.dot.origin) != delta.dot.seq - 1)
        return "it does not follow its origin's last delta";
    if (delta.forget.until != 0) {
        if (delta.dot.origin != ORDER_ORIGIN || !delta.rows.empty())
            return "only an entry of the order that does nothing else may forget";
        if (delta.forget.until >= delta.stamp.hlc || !delta.dependencies.covers(delta.forget.agreed))
            return "it forgets what it cannot know to be known";
    }
    for (const RowDelta& row : delta.rows) {
        if (const char* wrong = misfit(row, delta, shapes)) return wrong;
    }
    return nullptr;
}

}  // namespace anabranch::crdt
