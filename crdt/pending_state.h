// A state that is ahead of a database, by deltas that are not merged into it yet: what the primary of the
// order executes on while its entries are not committed (design section 7).
//
// Of each row that a pending delta touches there is a copy, in a database of its own, with those deltas
// merged into it; all other rows are the base's. A copy is made when it is first read: most are not before
// their deltas are merged into the base. When the base moves on, the copies follow by joining its rows: a
// copy is then what the row will be once the pending deltas are merged. The base itself, and whoever reads
// it, sees nothing of them.
//
// Rows whose visibility hangs on other rows (ON DELETE CASCADE, SET NULL) cannot be copied one by one: a
// delta that touches their tables is not taken.
//
// Not thread-safe, and of the base's thread. A RowView is valid until base or pending deltas change.
#pragma once

#include <boost/container/small_vector.hpp>
#include <boost/unordered/unordered_flat_map.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "crdt/database.h"

namespace anabranch::crdt {

class PendingState final : public exec::Store, private Database::Watch {
  public:
    PendingState(catalog::SchemaPtr schema, Database& base);
    ~PendingState() override;
    PendingState(const PendingState&) = delete;
    PendingState& operator=(const PendingState&) = delete;

    bool empty() const { return deltas_.empty(); }
    VersionVector version() const;  // of the base and of all pending deltas

    // Brings the copies up to date with the base: before anything is read.
    void follow();
    // The next delta, whose past is version(). False: it cannot be pending, nothing has changed.
    bool add(const std::shared_ptr<const Delta>& delta);
    // The base has merged the oldest one.
    void drop_oldest();
    // None of them will be merged.
    void clear();

    // As Database::make_delta, for a transaction that has run on this state.
    Delta make_delta(const exec::WriteSet& writes, Dot dot, Stamp stamp) const;

    // exec::Store
    exec::RowView find(TableId table, std::string_view primary_key) const override;
    void expect(TableId table, std::span<const std::string_view> primary_keys) const override {
        base_.expect(table, primary_keys);
    }
    void scan(TableId table, exec::RowVisitor visit) const override;
    void scan_index(TableId table, exec::IndexId index, std::string_view low, std::string_view high,
                    bool reverse, exec::RowVisitor visit) const override;
    std::size_t row_count(TableId table) const override;
    void duplicate_claims(TableId table, exec::RowVisitor visit) const override;

  private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view key) const { return std::hash<std::string_view>()(key); }
    };
    struct Change {  // by a pending delta
        const Delta* delta;
        std::size_t row;
    };
    struct Copy {
        boost::container::small_vector<Change, 1> changes;  // of the row, oldest first
        bool made = false;
        bool stale = false;  // made, and the base's row has changed since
    };
    struct Copies {
        boost::unordered_flat_map<std::string, Copy, Hash, std::equal_to<>> by_key;
        std::size_t to_make = 0;
        bool contains(std::string_view key) const { return !by_key.empty() && by_key.contains(key); }
    };

    void changed(TableId table, std::string_view key) override;
    void begin();
    bool copied(TableId table, std::string_view key) const;  // and if so, made
    bool some_copied(TableId table) const;                   // and all of them are made
    void make(Copies& copies, std::string_view key, Copy& copy) const;
    void apply(const Change& change) const;

    const catalog::SchemaPtr schema_;
    Database& base_;
    std::unique_ptr<Database> ahead_;     // rows that are in `copies_` and made, and some that were
    mutable std::vector<Copies> copies_;  // by table
    std::deque<std::shared_ptr<const Delta>> deltas_;
    std::vector<std::pair<TableId, std::string>> stale_;
    std::size_t left_behind_ = 0;  // rows of ahead_ that are no copies any more
};

}  // namespace anabranch::crdt
