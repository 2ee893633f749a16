// A column that only grows, or only shrinks: the join is the extreme value (Shapiro et al. 2011, section 2.2:
// a max is a semilattice). NULL is below every value, as greatest() and least() have it. Equal values that
// are written differently (1.0 and 1.00) are told apart by their bytes, so that every replica keeps the same
// one.
#pragma once

#include "lib/catalog/schema.h"
#include "lib/sql/datum.h"
#include "lib/sql/type.h"

namespace anabranch::crdt {

struct Extreme {
    sql::Datum value;

    void reset() { value = {}; }
    void merge(const Extreme& other, catalog::Merge direction, sql::Type type);
};

}  // namespace anabranch::crdt
