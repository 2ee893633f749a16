// The executor's view of one replica's state, and what a transaction wants to write. crdt/database.h
// implements Store; the executor never learns what a dot or a replica is.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "lib/base/function_ref.h"
#include "lib/base/ids.h"
#include "lib/exec/row.h"

namespace anabranch::exec {

// Return false to stop the visit.
using RowVisitor = FunctionRef<bool(RowView)>;

// Index numbers of a table, fixed by its catalog::Table: first its unique keys (0 = primary key), then its
// foreign keys' columns, then its secondary indexes. An index whose key has expressions or a partial
// predicate holds just the rows that qualify.
struct IndexId {
    std::uint32_t value = 0;
    static IndexId key(std::uint32_t key_number) { return {key_number}; }
    static IndexId foreign_key(const catalog::Table& t, std::uint32_t number) {
        return {static_cast<std::uint32_t>(t.keys.size()) + number};
    }
    static IndexId secondary(const catalog::Table& t, std::uint32_t number) {
        return {static_cast<std::uint32_t>(t.keys.size() + t.foreign_keys.size()) + number};
    }
};

// Keys are in the order-preserving encoding of lib/sql/key.h, so that memcmp orders them as SQL orders the
// values (NULLs last). Rows are the visible ones: alive, and not gone with a parent (ON DELETE CASCADE). A
// RowView stays valid until the store changes; nothing changes while a transaction runs (its writes are in an
// overlay).
class Store {
  public:
    virtual ~Store() = default;
    virtual RowView find(TableId table, std::string_view primary_key) const = 0;
    // A hint: these keys are about to be looked up, one after the other.
    virtual void expect(TableId /*table*/, std::span<const std::string_view> /*primary_keys*/) const {}
    // All rows, in primary key order.
    virtual void scan(TableId table, RowVisitor visit) const = 0;
    // Rows whose index key is in [low, high), in index order (reverse: descending). An empty `high` means no
    // upper bound.
    virtual void scan_index(TableId table, IndexId index, std::string_view low, std::string_view high,
                            bool reverse, RowVisitor visit) const = 0;
    virtual std::size_t row_count(TableId table) const = 0;  // estimate, for planning
    // Rows with two or more live inserts of which one claims the key: primary key violations that only a
    // merge can make.
    virtual void duplicate_claims(TableId table, RowVisitor visit) const = 0;
};

// What one transaction does to one row, folded over all its statements.
struct RowWrite {
    TableId table;
    std::string_view key;   // encoded primary key, in the transaction's arena
    bool inserted = false;  // adds a dot: plain INSERT, or the insert half of ON CONFLICT (also when the row
                            // exists already: touch)
    bool claims = false;    // by a plain INSERT
    bool created =
        false;  // inserted, and no visible row of that key existed at the origin: writes every column
    bool deleted = false;       // removes the dots seen before; may be followed by an insert in the same
                                // transaction (then both are set)
    const char* row = nullptr;  // packed image after the transaction; null when the row is gone at the end
    std::uint32_t row_size = 0;
    // Per column that was written and differs in meaning from "untouched". Sorted by column.
    enum class Op : std::uint8_t {
        assign,   // register: the new value is in `row`
        add,      // counter: add `amount` (the inserted value too, under ON CONFLICT DO UPDATE SET c = c + e)
        raise,    // max: join with the value in `row`
        lower,    // min
        initial,  // counter's initial value is in `row` minus later additions of this transaction, which are
                  // in `amount`
    };
    struct ColumnWrite {
        std::uint32_t column = 0;
        Op op = Op::assign;
        std::int64_t amount = 0;
    };
    std::span<const ColumnWrite> columns;
};

// A transaction's whole effect, in the order in which rows were first touched. Spans and views live in the
// transaction's arena.
struct WriteSet {
    std::vector<RowWrite> rows;
    bool empty() const { return rows.empty(); }
    // As the rows that every replica starts from: where the key is the identity they claim nothing, since
    // nobody can insert beside them.
    WriteSet known_to_all(const catalog::Schema& schema) const {
        WriteSet known = *this;
        for (RowWrite& row : known.rows)
            row.claims = row.claims && schema.table(row.table).identity == catalog::RowIdentity::per_insert;
        return known;
    }
};

}  // namespace anabranch::exec
