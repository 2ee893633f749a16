#include "lib/sql/evaluate_statistics.h"

#include <cmath>
#include <limits>

#include "lib/sql/builtin.h"
#include "lib/sql/evaluate_internal.h"
#include "lib/sql/value_internal.h"

namespace anabranch::sql {

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

bool is_regression(AggregateFunc func) {
    return func >= AggregateFunc::covar_pop && func <= AggregateFunc::regr_r2;
}

void note_overflow(EvalContext& context) {
    context.fail(sqlstate::numeric_value_out_of_range, "value out of range: overflow");
}

}  // namespace

bool is_statistic(AggregateFunc func) {
    return (func >= AggregateFunc::var_pop && func <= AggregateFunc::stddev_samp) || is_regression(func);
}

void Statistics::add(EvalContext& context, AggregateFunc func, Type type, const Datum* args) {
    if (is_regression(func)) return add_pair(context, args[0].as_floating(), args[1].as_floating());
    if (type.id == TypeId::float4 || type.id == TypeId::float8)
        return add_float(context, args[0].as_floating());
    add_exact(context, is_integer(type) ? numeric_from_integer(args[0].as_integer())
                                        : std::string(args[0].as_bytes()));
}

void Statistics::add_exact(EvalContext& context, const std::string& value) {
    ++count_;
    if (value.find_first_of("NI") != std::string::npos) {
        special_ = true;
        return;
    }
    const Result<std::string> square = numeric_binary(NumericOp::mul, value, value);
    if (!square) {
        context.fail(square.error());
        return;
    }
    sum_.add(value);
    squares_.add(*square);
}

void Statistics::add_float(EvalContext& context, double value) {
    const double before = x_, n = static_cast<double>(++count_);
    x_ += value;
    if (count_ == 1) {
        if (!std::isfinite(value)) xx_ = not_a_number;
        return;
    }
    const double deviation = value * n - x_;
    xx_ += deviation * deviation / (n * (n - 1));
    if (!std::isinf(x_) && !std::isinf(xx_)) return;
    if (!std::isinf(before) && !std::isinf(value)) note_overflow(context);
    xx_ = not_a_number;
}

void Statistics::add_pair(EvalContext& context, double y, double x) {
    const double x_before = x_, y_before = y_, n = static_cast<double>(++count_);
    x_ += x;
    y_ += y;
    if (count_ == 1) {
        if (!std::isfinite(x)) xx_ = xy_ = not_a_number;
        if (!std::isfinite(y)) yy_ = xy_ = not_a_number;
        return;
    }
    const double dx = x * n - x_, dy = y * n - y_, scale = 1 / (n * (n - 1));
    xx_ += dx * dx * scale;
    yy_ += dy * dy * scale;
    xy_ += dx * dy * scale;
    const bool x_full = std::isinf(x_) || std::isinf(xx_), y_full = std::isinf(y_) || std::isinf(yy_);
    if (!x_full && !y_full && !std::isinf(xy_)) return;
    const bool x_was = std::isinf(x_before) || std::isinf(x), y_was = std::isinf(y_before) || std::isinf(y);
    if ((x_full && !x_was) || (y_full && !y_was) || (std::isinf(xy_) && !x_was && !y_was))
        note_overflow(context);
    for (double* sum : {&xx_, &yy_, &xy_})
        if (std::isinf(*sum)) *sum = not_a_number;
}

// (N sum(x^2) - sum(x)^2) / (N (N - 1)), or N^2 below for a whole population.
Datum Statistics::exact(EvalContext& context, bool sample, bool root) const {
    if (special_) return make_bytes(context, "NaN");
    const auto times = [](const std::string& a, const std::string& b) {
        return numeric_binary(NumericOp::mul, a, b);
    };
    const auto computed = [&]() -> Result<std::string> {
        const std::string n = numeric_from_integer(count_), sum = sum_.sum();
        TRY(const std::string square, times(sum, sum));
        TRY(const std::string squares, times(n, squares_.sum()));
        TRY(const std::string above, numeric_binary(NumericOp::sub, squares, square));
        if (numeric_sign(above) <= 0) return std::string("0");
        TRY(const std::string below, times(n, numeric_from_integer(sample ? count_ - 1 : count_)));
        TRY(const std::string variance, numeric_binary(NumericOp::div, above, below));
        if (!root) return variance;
        TRY(const std::string deviation, numeric_function(NumericFunction::sqrt, variance));
        return numeric_round(deviation, numeric_scale(variance));
    };
    return unwrap_bytes(context, computed());
}

Datum Statistics::regression(AggregateFunc func) const {
    const double n = static_cast<double>(count_);
    switch (func) {
        case AggregateFunc::covar_pop:
            return Datum::floating(xy_ / n);
        case AggregateFunc::covar_samp:
            return count_ < 2 ? Datum() : Datum::floating(xy_ / (n - 1));
        case AggregateFunc::corr:
            return xx_ == 0 || yy_ == 0 ? Datum() : Datum::floating(xy_ / std::sqrt(xx_ * yy_));
        case AggregateFunc::regr_avgx:
            return Datum::floating(x_ / n);
        case AggregateFunc::regr_avgy:
            return Datum::floating(y_ / n);
        case AggregateFunc::regr_sxx:
            return Datum::floating(xx_);
        case AggregateFunc::regr_syy:
            return Datum::floating(yy_);
        case AggregateFunc::regr_sxy:
            return Datum::floating(xy_);
        case AggregateFunc::regr_slope:
            return xx_ == 0 ? Datum() : Datum::floating(xy_ / xx_);
        case AggregateFunc::regr_intercept:
            return xx_ == 0 ? Datum() : Datum::floating((y_ - x_ * xy_ / xx_) / n);
        case AggregateFunc::regr_r2:
            if (xx_ == 0) return {};
            return Datum::floating(yy_ == 0 ? 1 : xy_ * xy_ / (xx_ * yy_));
        default:
            return {};
    }
}

Datum Statistics::finish(EvalContext& context, AggregateFunc func, Type type) const {
    if (func == AggregateFunc::regr_count) return Datum::integer(count_);
    if (count_ == 0) return {};
    if (is_regression(func)) return regression(func);
    const bool sample = func == AggregateFunc::var_samp || func == AggregateFunc::stddev_samp;
    const bool root = func == AggregateFunc::stddev_pop || func == AggregateFunc::stddev_samp;
    if (sample && count_ == 1) return {};
    if (type.id != TypeId::float4 && type.id != TypeId::float8) return exact(context, sample, root);
    const double variance = xx_ / static_cast<double>(sample ? count_ - 1 : count_);
    return Datum::floating(root ? std::sqrt(variance) : variance);
}

}  // namespace anabranch::sql
