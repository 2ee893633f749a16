// One table in memory: rows by key in sharded hash sets, their order in B+-trees, and the digest of the live
// ones.
//
// Rows never move and are found by their key's hash. The primary key's tree holds every key; another index is
// built when it is first asked for and kept from then on, and holds the shown rows. Trees of references find
// the children of a parent that appears or goes; they hold every live row, hidden ones too.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "crdt/digest.h"
#include "crdt/ordered_index.h"
#include "crdt/packed_row.h"
#include "crdt/row_set.h"
#include "crdt/table_shape.h"

namespace anabranch::crdt {

class IndexKeys;

class Table {
  public:
    Table(const TableShape& shape, const IndexKeys* index_keys);
    ~Table();
    Table(const Table&) = delete;
    Table& operator=(const Table&) = delete;

    const TableShape& shape() const { return shape_; }
    StoredRow* newest(
        std::string_view key) const;  // per_key: the row; per_insert: the first of the key's live ones
    StoredRow* version(std::string_view key, Stamp incarnation) const;
    StoredRow* shown(std::string_view key) const;
    // Has the rows of these keys on their way from memory, all at once, before they are looked up one by one.
    void prefetch(std::span<const std::string_view> keys) const;

    // Stores the state of a row (null: a new one) and brings indexes, digest and counts up to date; a
    // per_insert row without dots is dropped, and so is a per_key one whose deletes are forgotten. True if
    // rows that refer to this one, or this one itself, may have to be shown or hidden now.
    bool store(std::string_view key, StoredRow* row, const RowState& state);
    // Raises counter totals in place; false, and nothing done, where the row has to be stored anew.
    struct Raise {
        std::uint32_t counter = 0;
        CounterTotal to;
    };
    bool raise(StoredRow& row, std::span<const Raise> raises);
    // Makes the rows of a key, which is not here, what they are in another table of the same shape, what is
    // derived included. References are not indexed: nothing can be derived from copies.
    void copy(std::string_view key, const Table& from);
    // Throws away about so many rows; false: there are none left. Nothing else may be asked of it any more.
    bool wither(std::size_t rows);

    // Derived from other rows: see visibility.h. `hidden` of the rows of this row's key is as it should be.
    void refresh_shown(StoredRow& row);
    void set_nulled(StoredRow& row, std::uint64_t nulled);
    // The encoded primary key of the parent that a live row's foreign key points to. False: none.
    bool parent_of(const StoredRow& row, std::uint32_t derived, std::string& key, Stamp& incarnation) const;
    void visit_children(std::uint32_t derived, std::string_view parent_key,
                        FunctionRef<bool(StoredRow*)> visit) const;

    void visit_shown(exec::IndexId index, std::string_view low, std::string_view high, bool reverse,
                     FunctionRef<bool(const StoredRow&)> visit) const;
    // What orders a shown row among the others of an index, equal index keys too.
    std::string entry_key(exec::IndexId index, const StoredRow& row) const;
    // How much of that, at its end, only tells equal index keys apart.
    std::size_t tie_size(exec::IndexId index, const StoredRow& row) const;
    // Every key from `low` on, in key order, with its newest row, tombstones too.
    void visit_keys(std::string_view low, FunctionRef<bool(StoredRow*)> visit) const;
    void visit_contested(FunctionRef<bool(const StoredRow&)> visit) const;

    // ---- Rows with a past: a tombstone, or a row whose key was deleted before ----
    // Those of a table that forgets with a stamp up to this time.
    std::vector<StoredRow*> stamped_until(std::uint64_t hlc) const;
    // The time by which about `rows_max` of them would go; all of them: the newest stamp. 0: there are none.
    std::uint64_t stamped_time(std::size_t rows_max) const;
    std::size_t stamped_count() const { return stamped_.size(); }
    std::size_t tombstones() const { return tombstones_; }

    std::size_t row_count() const { return shown_count_; }
    std::array<std::uint64_t, 2> digest() const { return digest_.value(); }
    std::size_t memory() const;
    // Aborts if hash sets, chains, trees and counts disagree; for tests.
    void check() const;

    RowState state;  // working copies that keep their memory
    RowState other;
    PackBuffer buffer;

  private:
    struct Tree {
        OrderedIndex index;
        bool active = false;
    };
    RowSet& shard_of(std::uint64_t hash);
    const RowSet& shard_of(std::uint64_t hash) const;
    void link(StoredRow* row, Stamp incarnation);
    void unlink(StoredRow* row);
    void set_newest(StoredRow* old, StoredRow* now);
    StoredRow* first_of(StoredRow& row) const;
    void unshow(StoredRow& row);
    void spread_shards();
    Tree& active_tree(std::uint32_t index) const;
    // The full key of a row in a tree; its size without the primary key that follows. False: not in this
    // index.
    bool tree_key(std::uint32_t index, exec::RowView row, std::string_view primary_key, std::string& out,
                  std::size_t& key_size) const;
    void index_row(const StoredRow& row);
    void unindex_row(const StoredRow& row);
    void reindex_row(const StoredRow& row, exec::RowView fresh);
    bool same_columns(std::uint32_t index, exec::RowView a, exec::RowView b) const;
    struct Referred {
        std::string key;  // empty: no parent
        std::size_t key_size = 0;
        Stamp incarnation;
        bool operator==(const Referred&) const = default;
    };
    void referred_by(const StoredRow& row, std::vector<Referred>& out) const;
    bool update_references(StoredRow& row);
    void note_contested(const StoredRow* first, std::string_view key);
    std::uint64_t oldest_stamp(const StoredRow& row) const;
    void note_past(StoredRow& row, bool kept);
    bool leaves_nothing(const RowState& of) const;
    void show_first_visible(StoredRow* first);

    const TableShape& shape_;
    const IndexKeys* index_keys_;
    std::vector<RowSet> shards_;            // one, or many
    mutable std::vector<Tree> trees_;       // by IndexId; 0 is the primary key's
    std::vector<OrderedIndex> references_;  // by derived foreign key
    std::vector<Referred> referred_before_, referred_after_;
    std::set<std::string, std::less<>> contested_;            // keys with several live dots
    std::set<std::pair<std::uint64_t, StoredRow*>> stamped_;  // by oldest_stamp()
    std::size_t tombstones_ = 0;
    DigestSum digest_;
    std::size_t key_count_ = 0;
    std::size_t shown_count_ = 0;
    std::size_t row_bytes_ = 0;
    mutable std::string key_buffer_, fresh_buffer_;
};

}  // namespace anabranch::crdt
