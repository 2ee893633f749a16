// What each transaction and each invariant can read and change, read off the text without a solver.
// Conservative: a set here may be too large, never too small. Two transactions of which one cannot touch what
// an invariant reads cannot break it together (Bailis et al. 2015, section 5: "operations on disjoint data");
// most pairs of a real schema end here, for free.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "lib/base/ids.h"
#include "lib/catalog/schema.h"

namespace anabranch::confluence {

struct TableUse {
    bool inserts = false;  // any INSERT
    bool upserts = false;  // INSERT .. ON CONFLICT
    bool deletes = false;
    bool rows_read =
        false;  // which rows there are decides something (FROM, subqueries, the WHERE of a write)
    std::set<std::uint32_t> reads;
    std::set<std::uint32_t> writes;  // by UPDATE and DO UPDATE
    bool writes_any() const { return inserts || deletes || !writes.empty(); }
};

struct Access {
    std::map<TableId, TableUse> tables;
    bool writes_any() const;
};
Access access_of(const catalog::Transaction& transaction);
Access access_of(const catalog::Schema& schema, const catalog::Invariant& invariant);

// Whether a query requires something: a cast to a domain with a condition.
bool has_guard(const sql::Query& query);

// What a transaction's delta can change as seen by a reader of the merged state: its own writes, and what
// CASCADE and SET NULL derive.
struct Touch {
    bool appear = false;              // rows may become visible
    bool vanish = false;              // rows may become invisible
    std::set<std::uint32_t> columns;  // of rows that stay
    std::set<std::uint32_t>
        derived;          // of these: read as NULL (or no longer) because a parent went (or came back)
    bool merges = false;  // rows that appear may be rows that others insert too (identity by key)
};
using Touches = std::map<TableId, Touch>;
void add_touches(Touches& all, const Touches& touches);
Touches touches_of(const catalog::Schema& schema, const Access& access);
// What CASCADE and SET NULL derive in other tables when rows of `table` go or come back.
Touches derived_touches(const catalog::Schema& schema, TableId table, bool vanish, bool appear);

// May a transaction with these touches turn the invariant false on some state, alone or with others?
bool may_hurt(const catalog::Schema& schema, const catalog::Invariant& invariant, const Touches& touches);
// May the two together, where neither does alone? False is a proof (rule "cannot touch").
bool may_break_together(const catalog::Schema& schema, const catalog::Invariant& invariant,
                        const Touches& first, const Touches& second);

// Columns that decide a writing statement: what its WHERE, FROM and source read, what the values assigned to
// the register group `group` of `table` read, and what the guards before it read. Result columns given to the
// client decide nothing.
std::set<std::uint32_t> deciding_columns(const catalog::Schema& schema,
                                         const catalog::Transaction& transaction, std::size_t statement,
                                         TableId table, std::uint32_t group);
// A write of this statement to the group depends on what the group holds (read-modify-write,
// compare-and-set).
bool depends_on_group(const catalog::Schema& schema, const catalog::Transaction& transaction,
                      std::size_t statement, TableId table, std::uint32_t group);

// What a transaction's UPDATEs and DO UPDATEs do to a register group.
struct GroupUse {
    bool updates = false;
    bool promises = false;  // some of them depend on the group or write only a part of what can change in it;
                            // not opted out
    std::set<std::uint32_t> columns;  // assigned
};
GroupUse use_of_group(const catalog::Schema& schema, const catalog::Transaction& transaction, TableId table,
                      std::uint32_t group);

}  // namespace anabranch::confluence
