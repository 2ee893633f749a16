// A delta of very many rows while it is merged, a slice at a time. Between slices the database shows the
// state without it, and takes other deltas.
//
// The slices are merged into the database's own tables. Before a row changes by that, a copy of it is put
// aside, and what reads the database reads the copies in the place of the rows that they cover: the rows of
// the delta so far, and those that it has hidden or brought back (visibility.h). Another delta's rows are
// merged into both. At the end the copies are dropped, and the whole delta shows at once.
//
// A copy cannot be derived anew, since its parents may not be copies. What another delta does to rows that
// refer to each other may be taken in only where none of the rows concerned is covered: see apart().
#pragma once

#include <boost/unordered/unordered_flat_set.hpp>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "crdt/database_impl.h"
#include "crdt/delta.h"
#include "crdt/visibility.h"

namespace anabranch::crdt {

class PartialMerge final : private Visibility::Witness {
  public:
    // As Database::begin_merge().
    PartialMerge(Database::Impl& db, const Delta& head, const DeltaRows& rows);
    ~PartialMerge() override;

    const Delta& head() const { return head_; }  // without its rows
    // Merges so many rows more; true: all are in.
    bool slice(std::size_t rows_max);
    // Tells the watch of every row that will show otherwise.
    void tell(Database::Watch& watch) const;

    // Whether a delta can be merged in between: see above.
    bool apart(const Delta& delta);
    // A covered row of another delta, merged into the database and into the copy.
    void apply(const RowDelta& row, const Delta& delta, bool report_losses);

    bool covers(TableId table, std::string_view key) const {
        const Keys& keys = covered_[table.value];
        return !keys.empty() && keys.contains(key);
    }
    bool covers(TableId table) const { return !covered_[table.value].empty(); }
    const Table* copies(TableId table) const { return before_.filled(table); }
    Table& copies(TableId table) { return before_.table(table); }
    // What the digest of a table shows too much.
    Database::Digest excess(TableId table) const { return excess_[table.value]; }
    std::size_t memory() const;
    // Frees about so many copies; false: none are left. For when they are dropped.
    bool wither(std::size_t rows);

  private:
    struct Hash {
        std::size_t operator()(std::string_view key) const { return std::hash<std::string_view>()(key); }
    };
    using Keys = boost::unordered_flat_set<std::string_view, Hash, std::equal_to<>>;

    void cover(Table& table, std::string_view key);
    void changes(Table& table, const StoredRow& row) override;
    bool covers_linked() const;
    bool hangs_on_covered(const RowDelta& row);
    bool may_hide_others(const RowDelta& row, const TableShape& shape) const;
    bool has_children(const TableShape& shape, std::string_view key) const;
    bool parent_covered(const RowDelta& row, const RowDelta::Reference& reference);

    Database::Impl& db_;
    const Delta head_;
    DeltaRows rows_;
    std::vector<RowDelta> batch_;
    Database::Impl before_;         // the copies
    std::vector<Keys> covered_;     // by table
    std::deque<std::string> keys_;  // what `covered_` borrows
    std::vector<Database::Digest> excess_;
    std::string key_;
};

}  // namespace anabranch::crdt
