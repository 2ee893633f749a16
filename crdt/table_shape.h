// What merging needs to know of a table, worked out once from the catalog: which columns form which register
// group, where a column's counter or extreme value is, which foreign keys the merge re-applies, and the
// indexes. Immutable.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/catalog/schema.h"
#include "lib/exec/row.h"
#include "lib/exec/store.h"

namespace anabranch::crdt {

struct TableShape {
    struct Group {
        std::vector<std::uint32_t> columns;
        std::vector<std::uint32_t> references;  // into `derived`
    };
    // A foreign key with CASCADE or SET NULL.
    struct Derived {
        std::uint32_t foreign_key = 0;
        TableId parent;
        bool cascade = false;
        std::uint64_t nulled = 0;            // SET NULL: the columns that lose their value, one bit each
        std::uint32_t group = 0;             // register group of the columns
        std::uint32_t place = 0;             // among the group's references
        bool spelled = false;                // the columns spell the parent's primary key...
        std::vector<std::uint32_t> columns;  // ... in this order; else in the order of the foreign key
    };
    struct Dependent {
        TableId child;
        std::uint32_t derived = 0;  // into the child's `derived`
    };
    struct Index {
        std::vector<std::uint32_t> columns;
        bool evaluated = false;  // by IndexKeys
        // The same order as another index has that begins with the same columns: its number, else its own.
        std::uint32_t same_as = 0;
    };

    const catalog::Table* table = nullptr;
    TableId id;
    exec::RowLayout layout;
    bool per_key = false;
    std::vector<Group> groups;
    std::vector<std::uint32_t> counters;  // columns
    std::vector<std::uint32_t> extremes;  // columns
    std::vector<std::uint32_t> place;  // per column: its group, or its position in `counters` or `extremes`
    std::vector<Derived> derived;
    std::vector<Dependent> dependents;  // of other tables, or of this one
    std::vector<Index> indexes;         // by exec::IndexId

    catalog::Merge merge(std::uint32_t column) const { return table->columns[column].policy.merge; }
    bool is_register(std::uint32_t column) const {
        return merge(column) == catalog::Merge::register_ || merge(column) == catalog::Merge::immutable;
    }
    sql::Type type(std::uint32_t column) const { return table->columns[column].type; }
    // Rows whose visibility depends on other rows, or other rows' on them.
    bool linked() const { return !derived.empty() || !dependents.empty(); }
    // Tombstones go once they are stable. They stay where other rows refer to incarnations of these ones, and
    // where a column is a max or min: who raised it nobody knows, so that two lives could not be told apart.
    // Tables that no declared transaction deletes from hardly have any.
    bool forgets() const { return per_key && table->deletes && dependents.empty() && extremes.empty(); }

    // Worked out once per schema and kept with it.
    static const std::vector<TableShape>& of(const catalog::Schema& schema);
};

}  // namespace anabranch::crdt
