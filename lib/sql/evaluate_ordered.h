// percentile_cont, percentile_disc and mode, over the values of a group that are not NULL, sorted.
#pragma once

#include <span>

#include "lib/sql/evaluate.h"
#include "lib/sql/function.h"

namespace anabranch::sql {

// `values` and `result` have the types that the binder gave them; `fraction` is a float8, or an array of them
// where `many`, and nothing for mode.
struct OrderedSet {
    AggregateFunc func{};
    std::span<const Datum> values;
    Type type;
    Type result;
    bool many = false;
};
Datum finish_ordered(EvalContext& context, const OrderedSet& set, const Datum* fraction);

}  // namespace anabranch::sql
