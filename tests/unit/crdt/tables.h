// Schemas made by hand, small enough to enumerate.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lib/catalog/schema.h"

namespace anabranch::crdt::test {

inline sql::Type type_of(sql::TypeId id) {
    sql::Type type;
    type.id = id;
    return type;
}

class TableMaker {
  public:
    TableMaker(catalog::Schema& schema, std::string name, catalog::RowIdentity identity) : schema_(schema) {
        table_.id = {static_cast<std::uint32_t>(schema.tables.size())};
        table_.schema = "public";
        table_.name = std::move(name);
        table_.identity = identity;
        table_.deletes = true;
    }
    ~TableMaker() { schema_.tables.push_back(std::move(table_)); }
    TableMaker(const TableMaker&) = delete;
    TableMaker& operator=(const TableMaker&) = delete;

    // A register of the group of that number, or of a new one.
    TableMaker& reg(const std::string& name, sql::TypeId type = sql::TypeId::int8, int group = -1) {
        catalog::Column& column = add(name, type, catalog::Merge::register_);
        column.policy.group = group < 0 ? table_.group_count : static_cast<std::uint32_t>(group);
        table_.group_count = std::max(table_.group_count, column.policy.group + 1);
        return *this;
    }
    TableMaker& cell(const std::string& name, catalog::Merge merge, sql::TypeId type = sql::TypeId::int8) {
        add(name, type, merge);
        return *this;
    }
    // A max or min, or a register instead.
    TableMaker& extreme(const std::string& name, catalog::Merge merge, bool is) {
        return is ? cell(name, merge) : reg(name);
    }
    TableMaker& key(std::vector<std::uint32_t> columns) {
        catalog::UniqueKey key;
        key.name = table_.name + (table_.keys.empty() ? "_pkey" : "_key");
        for (const std::uint32_t c : columns) key.columns.push_back({c});
        table_.keys.push_back(std::move(key));
        return *this;
    }
    TableMaker& index(std::vector<std::uint32_t> columns) {
        catalog::SecondaryIndex index;
        for (const std::uint32_t c : columns) index.columns.push_back({c});
        table_.indexes.push_back(std::move(index));
        return *this;
    }
    TableMaker& references(std::vector<std::uint32_t> columns, std::uint32_t parent,
                           std::vector<std::uint32_t> parent_columns, catalog::OnDelete on_delete,
                           std::uint32_t parent_key = 0) {
        catalog::ForeignKey key;
        for (const std::uint32_t c : columns) key.columns.push_back({c});
        key.parent = {parent};
        for (const std::uint32_t c : parent_columns) key.parent_columns.push_back({c});
        key.parent_key = parent_key;
        key.on_delete = on_delete;
        table_.foreign_keys.push_back(std::move(key));
        return *this;
    }

  private:
    catalog::Column& add(const std::string& name, sql::TypeId type, catalog::Merge merge) {
        catalog::Column column;
        column.name = name;
        column.type = type_of(type);
        column.policy.merge = merge;
        return table_.columns.emplace_back(std::move(column));
    }
    catalog::Schema& schema_;
    catalog::Table table_;
};

// items(id, a, (b, c), n counter, hi max, lo min, note text): every kind of column; unique a, index on (b,
// c), index on n. Without `extremes`, hi and lo are registers like any other: its deleted rows can be
// forgotten.
inline catalog::SchemaPtr items(catalog::RowIdentity identity, bool extremes = true) {
    auto schema = std::make_shared<catalog::Schema>();
    schema->hash = 77;
    TableMaker(*schema, "items", identity)
        .reg("id")
        .reg("a")
        .reg("b", sql::TypeId::int8, 2)
        .reg("c", sql::TypeId::text, 2)
        .cell("n", catalog::Merge::counter)
        .extreme("hi", catalog::Merge::max, extremes)
        .extreme("lo", catalog::Merge::min, extremes)
        .reg("note", sql::TypeId::text)
        .key({0})
        .key({1})
        .index({2, 3})
        .index({4});
    return schema;
}

// parents(id, code unique), children(id, parent CASCADE, friend SET NULL, v), grandchildren(id, child
// CASCADE, code CASCADE to parents.code), nodes(id, up CASCADE to nodes).
inline catalog::SchemaPtr family(catalog::RowIdentity parents, catalog::RowIdentity children) {
    using catalog::OnDelete;
    auto schema = std::make_shared<catalog::Schema>();
    schema->hash = 78;
    TableMaker(*schema, "parents", parents).reg("id").reg("code").key({0}).key({1});
    TableMaker(*schema, "children", children)
        .reg("id")
        .reg("parent")
        .reg("friend")
        .cell("v", catalog::Merge::counter)
        .key({0})
        .references({1}, 0, {0}, OnDelete::cascade)
        .references({2}, 0, {0}, OnDelete::set_null)
        .index({2, 1});
    TableMaker(*schema, "grandchildren", children)
        .reg("id")
        .reg("child")
        .reg("code")
        .key({0})
        .references({1}, 1, {0}, OnDelete::cascade)
        .references({2}, 0, {1}, OnDelete::cascade, 1);
    TableMaker(*schema, "nodes", children)
        .reg("id")
        .reg("up")
        .key({0})
        .references({1}, 3, {0}, OnDelete::cascade);
    return schema;
}

}  // namespace anabranch::crdt::test
