// What a Database is made of. One class over several files: merging (database.cpp), deltas of local
// transactions (local_delta.cpp), state transfer (snapshot.cpp).
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "crdt/database.h"
#include "crdt/overlay.h"
#include "crdt/table_list.h"
#include "crdt/visibility.h"

namespace anabranch::crdt {

// Parts of deltas that are done with, empty, for the next ones: what a transaction writes is made of many
// small vectors.
class SpareParts {
  public:
    RowDelta row();
    RowDelta::Group group();
    std::vector<RowDelta> rows() { return std::exchange(lists_, {}); }
    void take_back(Delta&& delta);

  private:
    static constexpr std::size_t rows_max = 512, groups_max = 4096;
    std::vector<RowDelta> rows_, lists_;
    std::vector<RowDelta::Group> groups_;
};

// Which rows of a checkpoint know how much of the log: one entry per chunk, ascending by first key.
class Restored {
  public:
    void add(TableId table, BytesView from, std::uint64_t position);
    bool newer(TableId table, std::string_view key) const;
    std::uint64_t at = 0;  // position of what is being replayed; 0: nothing is

  private:
    struct Chunk {
        std::string from;
        std::uint64_t position = 0;
    };
    std::vector<std::vector<Chunk>> tables_;
};

class PartialMerge;

class Database::Impl {
  public:
    Impl(catalog::SchemaPtr schema, const IndexKeys* index_keys);
    ~Impl();

    Table& table(TableId id) { return tables[id]; }
    // Null: the table never had a row.
    const Table* filled(TableId id) const { return tables.find(id); }
    void apply(const Delta& delta, bool report_losses);
    void apply(const RowDelta& row, const Delta& delta, bool report_losses);
    static constexpr std::size_t rows_ahead = 16;
    void prefetch(const std::vector<RowDelta>& rows, std::size_t first) const;

    // ---- What is read: without a delta that is merged in part (partial_merge.h) ----
    // A delta can be merged, as far as its past goes.
    bool follows(const Delta& delta) const;
    // The table that has the rows of a key as they are shown. Null: it never had a row.
    const Table* shown_in(TableId id, std::string_view key) const;
    const Table& shown_table(TableId id, std::string_view key);
    void visit_shown(TableId id, const IndexRange& range, RowFound found) const;
    void visit_contested(TableId id, RowFound found) const;
    // Every key from `low` on, in order, with its newest row, tombstones too.
    void visit_keys(TableId id, std::string_view low, FunctionRef<bool(const StoredRow&)> found) const;
    void note_hlc(std::uint64_t hlc) {
        if (hlc > greatest_hlc) greatest_hlc = hlc;
    }
    // Stores the state of a row and notes what may hang on it.
    void store(Table& table, std::string_view key, StoredRow* row, const RowState& state) {
        if (table.store(key, row, state) && table.shape().linked()) visibility.changed(table, key);
        if (watch != nullptr) watch->changed(table.shape().id, key);
    }
    // What a stamp of a row counts as by now.
    Stamp kept(const TableShape& shape, Stamp stamp) const {
        return shape.forgets() && stamp.hlc <= forgotten ? Stamp{} : stamp;
    }
    void keep(const TableShape& shape, RowState& state) const {
        state.deleted_at = kept(shape, state.deleted_at);
        state.payload.incarnation = kept(shape, state.payload.incarnation);
    }
    void forget(std::uint64_t until);
    void report(const Table& table, std::string_view key, std::uint32_t group, const RegisterGroup& lost,
                const RegisterGroup& kept) const;

    catalog::SchemaPtr schema;
    const std::vector<TableShape>& shapes;
    const std::unique_ptr<const IndexKeys> own_keys;  // where none were given and some index needs them
    const IndexKeys* const keys;
    TableList tables;
    Visibility visibility;
    VersionVector version;
    VersionVector importing;  // of the snapshot that is coming in; empty: none
    std::uint64_t greatest_hlc = 0;
    std::uint64_t forgotten = 0, removed = 0;
    Database::Crossing crossing = Database::Crossing::no;
    Restored restored;
    std::unique_ptr<PartialMerge> partial;  // null: no delta is merged in part
    std::unique_ptr<PartialMerge> withering;
    SpareParts spare;
    OverwriteSink* sink = nullptr;
    Watch* watch = nullptr;

  private:
    bool raise(Table& table, const RowDelta& row, const Delta& delta);
    void apply_to_insert(Table& table, const RowDelta& row, const Delta& delta, bool report_losses);
    void apply_to_key(Table& table, const RowDelta& row, const Delta& delta, bool report_losses);
    void apply_cells(Table& table, const RowDelta& row, const Delta& delta, bool report_losses);

    std::vector<Table::Raise> raises_;
    RegisterGroup written_;
};

}  // namespace anabranch::crdt
