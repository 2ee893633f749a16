// The writes of a running transaction, row by row: what later statements see on top of the store, and what
// finish() folds into a WriteSet.
//
// Each statement sees the rows as they were when it began (`seen`); constraint checks see them as they are
// (`now`), and assertions compare that with what was before the transaction (`before`). A row gone with its
// parent (ON DELETE CASCADE) or with its reference nulled (SET NULL) is changed here and not written: the
// merged state derives it.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/arena.h"
#include "lib/exec/schema_plans.h"

namespace anabranch::exec {

// Which image of a row is meant.
enum class Moment : std::uint8_t {
    statement,  // as it was when the running statement began
    now,        // as the transaction leaves it
    before,     // as it was at the newest mark, or in the store: before the transaction
};

struct Touched {
    TableId table;
    std::string_view key;
    std::uint64_t hash = 0;
    RowView base;                  // as the store has it; none if it was not visible
    RowView seen;                  // before the statement `changed_by`
    RowView now;                   // none when gone
    RowView before;                // at the newest mark, once it is touched after it
    RowView kept;                  // the last image of a row that went with its parent
    std::uint32_t changed_by = 0;  // statement; 0: never changed, only touched
    bool inserted = false;
    bool claims = false;
    bool deleted = false;  // removes what the store had
    bool created = false;  // `initial` is the image as inserted
    bool hidden = false;   // gone with its parent
    const char* initial = nullptr;
    std::uint64_t* written = nullptr;   // columns assigned, one bit each
    std::uint64_t* additive = nullptr;  // counters whose inserted value is an addition
    std::uint32_t saved_at = 0;         // the newest mark from which this row can come back
    bool has(const std::uint64_t* bits, std::uint32_t column) const {
        return bits != nullptr && (bits[column / 64] >> (column % 64) & 1) != 0;
    }
};

class Overlay {
  public:
    Overlay(const SchemaPlans& plans, Arena& arena);
    // Before the arena is reset.
    void reset();
    void begin_statement() { ++statement_; }
    // undo() goes back to the newest mark, any number of times; without one, to nothing.
    void mark();
    void undo();
    std::uint32_t statement() const { return statement_; }

    bool touches(TableId table) const { return !by_table_[table.value].rows.empty(); }
    Touched* find(TableId table, std::string_view key) const;
    Touched& touch(TableId table, std::string_view key, RowView base);
    // A new image (or none) from the running statement on.
    void change(Touched& row, RowView now);
    RowView view(const Touched& row, Moment moment) const {
        if (moment == Moment::before) return row.saved_at == mark_ ? row.before : row.now;
        return moment == Moment::statement && row.changed_by == statement_ ? row.seen : row.now;
    }
    bool is_base(const Touched& row, Moment moment) const {
        const RowView v = view(row, moment);
        return v && v.data() == row.base.data();
    }
    const std::vector<Touched*>& rows(TableId table) const { return by_table_[table.value].rows; }
    // Those that were touched after the newest mark.
    const std::vector<Touched*>& recent(TableId table) const { return by_table_[table.value].recent; }
    const std::vector<Touched*>& rows() const { return rows_; }  // in the order of first touch
    std::uint64_t* bits(TableId table);                          // zeroed, one per column

    // Images of a table kept in order of an index once there are many. Entries that a later image replaced
    // stay: compare the image.
    struct Version {
        Touched* row;
        const char* image;
    };
    using Tree = std::multimap<std::string, Version, std::less<>>;
    static constexpr std::size_t few = 16;
    struct TableRows {
        std::vector<Touched*> rows, recent;
        std::map<std::uint32_t, Tree> trees;  // by index number
        std::vector<Version> images;          // all that are not base rows, for trees made later
    };
    TableRows& table(TableId id) { return by_table_[id.value]; }
    // Told of each new image while a tree exists.
    class Indexer {
      public:
        virtual ~Indexer() = default;
        virtual void index(TableId table, Version version) = 0;
    };
    void set_indexer(Indexer* indexer) { indexer_ = indexer; }

  private:
    void grow();
    void save(Touched& row);
    void forget_newest();
    void forget_recent();
    std::size_t bytes_of_bits(TableId table) const;
    const SchemaPlans& plans_;
    Arena& arena_;
    Indexer* indexer_ = nullptr;
    std::vector<Touched*> rows_;
    std::vector<TableRows> by_table_;
    std::vector<std::uint32_t> hashed_;  // number + 1; used when there are more than `few` rows
    std::uint32_t statement_ = 0;
    std::uint32_t mark_ = 0;  // 0: none
    std::size_t marked_rows_ = 0;
    std::vector<std::pair<Touched*, Touched>> saved_;  // what rows were at the mark, once they are touched
};

}  // namespace anabranch::exec
