// Aggregates as values: one Accumulator per group and aggregate. The executor applies FILTER, DISTINCT and
// ORDER BY before add(). Added bytes must stay valid until finish() (Datum's rule). Memory beyond that is
// owned. Copyable, so that a prepared empty one serves every group.
#pragma once

#include <span>
#include <vector>

#include "lib/sql/evaluate.h"
#include "lib/sql/evaluate_statistics.h"
#include "lib/sql/function.h"
#include "lib/sql/numeric.h"

namespace anabranch::sql {

class Accumulator {
  public:
    // `args` is empty for count(*); `result` as the binder has it (sum of bigint is numeric).
    Accumulator(AggregateFunc func, std::span<const Type> args, Type result);
    // One Datum per argument. A failure is left in the context.
    void add(EvalContext& context, const Datum* args);
    // NULL over no rows, except count. May be called again after more add()s. `direct`: what stands before
    // WITHIN GROUP. What such an aggregate ranks a hypothetical row by is not known here: not for those.
    Datum finish(EvalContext& context, const Datum* direct = nullptr) const;

  private:
    void add_sum(EvalContext& context, Datum value);
    Datum finish_sum(EvalContext& context) const;
    Datum finish_avg(EvalContext& context) const;
    Datum finish_array(EvalContext& context) const;
    Datum finish_string(EvalContext& context) const;
    Datum finish_json(EvalContext& context) const;

    AggregateFunc func_;
    Type result_;
    Type type_;    // of the first argument
    Type second_;  // of the second: string_agg's delimiter, the values of an object
    bool has_argument_;
    std::int64_t count_ = 0;  // non-null rows
    __int128 integer_ = 0;
    double floating_ = 0;
    Datum best_;  // min, max, bool_and, bool_or, bits; sum of intervals
    NumericSum numeric_;
    std::vector<Statistics> statistics_;  // one, where the function is one; most are not
    std::vector<Datum> items_;            // what lists keep, in order; pairs alternate
};

}  // namespace anabranch::sql
