// Aggregates as values: one Accumulator per group and aggregate. The executor applies FILTER, DISTINCT and
// ORDER BY before add(). Added bytes must stay valid until finish() (Datum's rule). Memory beyond that is
// owned. Copyable, so that a prepared empty one serves every group.
#pragma once

#include <span>
#include <vector>

#include "lib/sql/evaluate.h"
#include "lib/sql/function.h"
#include "lib/sql/numeric.h"

namespace anabranch::sql {

class Accumulator {
  public:
    // `args` is empty for count(*).
    Accumulator(AggregateFunc func, std::span<const Type> args);
    void add(EvalContext& context, const Datum* args);
    // NULL over no rows, except count. May be called again after more add()s.
    Datum finish(EvalContext& context) const;

  private:
    void add_sum(EvalContext& context, Datum value);
    Datum finish_sum(EvalContext& context) const;
    Datum finish_avg(EvalContext& context) const;

    AggregateFunc func_;
    Type type_;    // of the first argument
    Type second_;  // of the second: string_agg's delimiter
    std::int64_t count_ = 0;
    __int128 integer_ = 0;  // sum of integers; of interval days is not kept here
    double floating_ = 0;
    Datum best_;  // min, max, bool_and, bool_or, interval sum
    NumericSum numeric_;
    std::vector<Datum> items_;  // array_agg, json_agg, string_agg (value, delimiter alternating)
};

}  // namespace anabranch::sql
