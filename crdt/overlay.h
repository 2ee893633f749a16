// Two tables of one shape read as one: of some keys the rows are what a second table says. A pending delta's
// rows lie so over those of a database (pending_state.h), and what a delta found over what it makes of it
// while it is merged (partial_merge.h).
#pragma once

#include <string_view>

#include "crdt/table.h"

namespace anabranch::crdt {

struct IndexRange {
    exec::IndexId index;
    std::string_view low, high;
    bool reverse = false;
};

using RowFound = FunctionRef<bool(const Table& in, const StoredRow& row)>;

// The shown rows of a range in its order until `found` returns false: those that `under` visits, but for the
// covered keys, and those of `over` that are of covered keys.
void visit_overlaid(FunctionRef<void(RowFound)> under, const Table& over,
                    FunctionRef<bool(std::string_view key)> covered, const IndexRange& range, RowFound found);
// The same for every key from `low` on, with its newest row, tombstones too.
void visit_keys_overlaid(const Table& under, const Table& over,
                         FunctionRef<bool(std::string_view key)> covered, std::string_view low,
                         FunctionRef<bool(const StoredRow& newest)> found);

}  // namespace anabranch::crdt
