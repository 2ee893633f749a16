// Folds the overlay of a finished transaction into a WriteSet: per row what happened to it, per column what
// kind of write it is under the column's merge policy (store.h says what each means).
#pragma once

#include "lib/exec/overlay.h"
#include "lib/exec/store.h"

namespace anabranch::exec {

// Views and spans of the result live in the arena and in the overlay.
void fold(const SchemaPlans& plans, const Overlay& overlay, Arena& arena, WriteSet& out);

}  // namespace anabranch::exec
