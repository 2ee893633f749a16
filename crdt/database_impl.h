// What a Database is made of. One class over several files: merging (database.cpp), deltas of local
// transactions (local_delta.cpp), state transfer (snapshot.cpp).
#pragma once

#include <memory>
#include <vector>

#include "crdt/database.h"
#include "crdt/table.h"
#include "crdt/visibility.h"

namespace anabranch::crdt {

class Database::Impl {
  public:
    Impl(catalog::SchemaPtr schema, const IndexKeys* index_keys);

    Table& table(TableId id) const { return *tables[id.value]; }
    void apply(const Delta& delta, bool report_losses);
    void note_hlc(std::uint64_t hlc) {
        if (hlc > greatest_hlc) greatest_hlc = hlc;
    }
    // Stores the state of a row and notes what may hang on it.
    void store(Table& table, std::string_view key, StoredRow* row, const RowState& state) {
        if (table.store(key, row, state) && table.shape().linked()) visibility.changed(table, key);
    }
    void report(const Table& table, std::string_view key, std::uint32_t group, const RegisterGroup& lost,
                const RegisterGroup& kept) const;

    catalog::SchemaPtr schema;
    const std::vector<TableShape>& shapes;
    std::vector<std::unique_ptr<Table>> tables;
    Visibility visibility;
    VersionVector version;
    VersionVector importing;  // of the snapshot that is coming in; empty: none
    std::uint64_t greatest_hlc = 0;
    OverwriteSink* sink = nullptr;

  private:
    bool raise(Table& table, const RowDelta& row, const Delta& delta);
    void apply_to_insert(Table& table, const RowDelta& row, const Delta& delta, bool report_losses);
    void apply_to_key(Table& table, const RowDelta& row, const Delta& delta, bool report_losses);
    void apply_cells(Table& table, const RowDelta& row, const Delta& delta, bool report_losses);

    std::vector<Table::Raise> raises_;
    RegisterGroup written_;
};

}  // namespace anabranch::crdt
