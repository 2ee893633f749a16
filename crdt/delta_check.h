// Whether a delta fits a schema. Deltas from elsewhere are checked before they are merged, so that merging
// can trust them.
#pragma once

#include <vector>

#include "crdt/delta.h"
#include "crdt/table_shape.h"

namespace anabranch::crdt {

// Null if all is well, else what is wrong.
const char* misfit(const Delta& delta, const catalog::Schema& schema, const std::vector<TableShape>& shapes);
// The same for one row of a delta whose head fits.
const char* misfit(const RowDelta& row, const Delta& head, const std::vector<TableShape>& shapes);

}  // namespace anabranch::crdt
