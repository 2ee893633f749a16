// Registers that win or lose together: last writer wins by hybrid clock, ties by replica (Shapiro et al.
// 2011, section 3.2.1). Values are borrowed (sql::Datum): a group is a working copy beside a stored row or a
// delta.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "crdt/write_stamp.h"
#include "lib/sql/datum.h"

namespace anabranch::crdt {

// The parent row that a foreign key with CASCADE or SET NULL pointed to when its columns were written.
struct ParentReference {
    bool set = false;  // false: some column is NULL
    Stamp incarnation;
    std::string_view key;  // the parent's primary key, unless the columns spell it
    friend bool operator==(const ParentReference&, const ParentReference&) = default;
};

struct RegisterGroup {
    WriteStamp written;
    std::vector<sql::Datum> values;           // of the group's columns, ascending
    std::vector<ParentReference> references;  // of the group's such foreign keys, ascending

    void reset(std::size_t values_count, std::size_t reference_count) {
        written = {};
        values.assign(values_count, sql::Datum{});
        references.assign(reference_count, ParentReference{});
    }
    // True if `other` is newer and took this one's place.
    bool merge(const RegisterGroup& other) {
        if (other.written <= written) return false;
        *this = other;
        return true;
    }
    // ... by trading places, where the other is not needed any more.
    bool merge(RegisterGroup&& other) {
        if (other.written <= written) return false;
        std::swap(*this, other);
        return true;
    }
};

}  // namespace anabranch::crdt
