// One row as a lattice: the working copy that a stored row is unpacked to, merged in, and packed from again.
// The rules are in database.h. Values are borrowed from the stored row and the delta that are being joined.
#pragma once

#include <string_view>
#include <vector>

#include "crdt/counter.h"
#include "crdt/existence.h"
#include "crdt/extreme.h"
#include "crdt/register_group.h"
#include "crdt/table_shape.h"

namespace anabranch::crdt {

// The cells of one incarnation.
struct Payload {
    Stamp incarnation;
    std::vector<RegisterGroup> groups;
    std::vector<Counter> counters;
    std::vector<Extreme> extremes;

    void reset(const TableShape& shape, Stamp incarnation);
    // Equal incarnations join cell by cell; the greater one wins whole. `mine` and `theirs` are told apart
    // nowhere else.
    void merge(const Payload& other, const TableShape& shape);
};

struct RowState {
    Existence existence;
    Stamp deleted_at;  // per_key tables only
    Payload payload;

    void reset(const TableShape& shape, Stamp incarnation);
    // The join of two states of one row, each with the causal context it is known under.
    void merge(const RowState& other, const VersionVector& context, const VersionVector& other_context,
               const TableShape& shape);
    // What a column shows: a register's value, a counter's sum, an extreme.
    sql::Datum value(const TableShape& shape, std::uint32_t column) const;
    void values(const TableShape& shape, std::vector<sql::Datum>& out) const;
};

}  // namespace anabranch::crdt
