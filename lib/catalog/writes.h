// What the declared transactions write to each column, and in which form: the evidence for merge policies.
#pragma once

#include <string>
#include <vector>

#include "lib/catalog/schema.h"

namespace anabranch::catalog {

// The form of one write, after `column = value`.
enum class WriteForm : std::uint8_t {
    keep,    // c = c
    add,     // c = c + e, c - e, also in all arms of a CASE
    raise,   // c = greatest(c, e)
    lower,   // c = least(c, e)
    assign,  // anything else
};

struct ColumnWrite {
    WriteForm form = WriteForm::assign;
    bool subtracts = false;     // an add that is written with a minus
    bool never_lowers = false;  // also an assignment: guarded by c < e, or adding what is not negative
    bool never_raises = false;
    std::string transaction;
    Span span;
};

struct ColumnWrites {
    std::vector<ColumnWrite> updates;  // by UPDATE and by ON CONFLICT DO UPDATE
    bool upserted = false;             // given a value by an INSERT ... ON CONFLICT
    bool insert_reads = false;         // an INSERT computes its value from this column of other rows
};

struct TableWrites {
    std::vector<ColumnWrites> columns;
    bool identified_by_key = false;  // some INSERT has ON CONFLICT on the primary key, or on any key
    bool deletes = false;
    bool key_updated = false;
};

// By TableId.
std::vector<TableWrites> collect_writes(const Schema& schema);

}  // namespace anabranch::catalog
