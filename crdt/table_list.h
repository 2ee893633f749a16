// The tables of one database, each made when the first row comes: most of the states that the checker's
// search looks at have rows in few of a schema's tables, and an empty table costs more than such a state.
#pragma once

#include <memory>
#include <vector>

#include "crdt/table.h"

namespace anabranch::crdt {

class TableList {
  public:
    TableList(const std::vector<TableShape>& shapes, const IndexKeys* index_keys)
        : shapes_(shapes), index_keys_(index_keys), tables_(shapes.size()) {}

    // Makes it where it is not there.
    Table& operator[](TableId id) {
        auto& table = tables_[id.value];
        if (table == nullptr) table = std::make_unique<Table>(shapes_[id.value], index_keys_);
        return *table;
    }
    // Null: it never had a row.
    Table* find(TableId id) const { return tables_[id.value].get(); }
    template <typename Visit>  // void(Table&)
    void each(Visit&& visit) const {
        for (const auto& table : tables_)
            if (table != nullptr) visit(*table);
    }

  private:
    const std::vector<TableShape>& shapes_;
    const IndexKeys* index_keys_;
    std::vector<std::unique_ptr<Table>> tables_;
};

}  // namespace anabranch::crdt
