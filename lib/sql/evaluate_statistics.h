// Variances, deviations and regressions, as PostgreSQL 15 sums them up: exactly for integers and numerics, by
// Youngs and Cramer's recurrence for floats, so that results agree digit by digit.
#pragma once

#include <cstdint>

#include "lib/sql/evaluate.h"
#include "lib/sql/function.h"
#include "lib/sql/numeric.h"

namespace anabranch::sql {

bool is_statistic(AggregateFunc func);

class Statistics {
  public:
    // One row's argument, or both (y, x); none is NULL. A failure is left in the context.
    void add(EvalContext& context, AggregateFunc func, Type type, const Datum* args);
    Datum finish(EvalContext& context, AggregateFunc func, Type type) const;

  private:
    void add_exact(EvalContext& context, const std::string& value);
    void add_float(EvalContext& context, double value);
    void add_pair(EvalContext& context, double y, double x);
    Datum exact(EvalContext& context, bool sample, bool root) const;
    Datum regression(AggregateFunc func) const;

    std::int64_t count_ = 0;
    bool special_ = false;  // a NaN or an infinity among numerics
    NumericSum sum_, squares_;
    double x_ = 0, xx_ = 0, y_ = 0, yy_ = 0, xy_ = 0;  // sums, and sums of squared deviations
};

}  // namespace anabranch::sql
