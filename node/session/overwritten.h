// The rows of anabranch.overwritten: one for each column that a last-writer loss changed.
#pragma once

#include <span>

#include "lib/base/arena.h"
#include "lib/base/function_ref.h"
#include "node/replica/replica.h"

namespace anabranch::session {

void overwritten_rows(const replica::Replica& replica, const catalog::Schema& schema, Instant now,
                      Arena& arena, FunctionRef<bool(std::span<const sql::Datum>)> visit);

}  // namespace anabranch::session
