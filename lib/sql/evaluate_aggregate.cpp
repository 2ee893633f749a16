#include "lib/sql/evaluate_aggregate.h"

#include <cmath>

#include "lib/sql/array.h"
#include "lib/sql/builtin.h"
#include "lib/sql/datetime.h"
#include "lib/sql/evaluate_internal.h"
#include "lib/sql/evaluate_json.h"
#include "lib/sql/evaluate_ordered.h"
#include "lib/sql/value_internal.h"

namespace anabranch::sql {

Accumulator::Accumulator(AggregateFunc func, std::span<const Type> args, Type result)
    : func_(func), result_(result), has_argument_(!args.empty()) {
    if (!args.empty()) type_ = args[0];
    if (args.size() > 1) second_ = args[1];
    if (is_statistic(func)) statistics_.emplace_back();
}

// tidy: table
void Accumulator::add(EvalContext& context, const Datum* args) {
    switch (func_) {
        case AggregateFunc::count:
            if (!has_argument_ || !args[0].is_null()) ++count_;
            return;
        case AggregateFunc::array_agg:
        case AggregateFunc::json_agg:
        case AggregateFunc::jsonb_agg:
            items_.push_back(args[0]);
            return;
        case AggregateFunc::jsonb_object_agg:
            if (args[0].is_null()) {
                context.fail("22004", "field name must not be null");
                return;
            }
            items_.push_back(args[0]);
            items_.push_back(args[1]);
            return;
        default:
            break;
    }
    if (args[0].is_null()) return;
    if (is_statistic(func_)) {
        if (second_.id == TypeId::unknown || !args[1].is_null())
            statistics_[0].add(context, func_, type_, args);
        return;
    }
    ++count_;
    switch (func_) {
        case AggregateFunc::sum:
        case AggregateFunc::avg:
            add_sum(context, args[0]);
            return;
        case AggregateFunc::min:
            if (best_.is_null() || compare(type_, args[0], best_) <= 0) best_ = args[0];
            return;
        case AggregateFunc::max:
            if (best_.is_null() || compare(type_, args[0], best_) >= 0) best_ = args[0];
            return;
        case AggregateFunc::bool_and:
            best_ = Datum::boolean((best_.is_null() || best_.as_bool()) && args[0].as_bool());
            return;
        case AggregateFunc::bool_or:
            best_ = Datum::boolean((!best_.is_null() && best_.as_bool()) || args[0].as_bool());
            return;
        case AggregateFunc::bit_and:
            best_ = Datum::integer((best_.is_null() ? -1 : best_.as_integer()) & args[0].as_integer());
            return;
        case AggregateFunc::bit_or:
            best_ = Datum::integer((best_.is_null() ? 0 : best_.as_integer()) | args[0].as_integer());
            return;
        case AggregateFunc::bit_xor:
            best_ = Datum::integer((best_.is_null() ? 0 : best_.as_integer()) ^ args[0].as_integer());
            return;
        case AggregateFunc::string_agg:
            items_.push_back(args[0]);
            items_.push_back(args[1]);
            return;
        case AggregateFunc::percentile_cont:
        case AggregateFunc::percentile_disc:
        case AggregateFunc::mode:
            items_.push_back(args[0]);
            return;
        default:
            return;
    }
}

void Accumulator::add_sum(EvalContext& context, Datum value) {
    switch (type_.id) {
        case TypeId::float4:
        case TypeId::float8: {
            const double sum = floating_ + value.as_floating();
            if (func_ == AggregateFunc::sum && std::isinf(sum) && !std::isinf(floating_) &&
                !std::isinf(value.as_floating())) {
                context.fail(sqlstate::numeric_value_out_of_range, "value out of range: overflow");
            }
            floating_ = type_.id == TypeId::float4 && func_ == AggregateFunc::sum
                            ? static_cast<double>(static_cast<float>(sum))
                            : sum;
            return;
        }
        case TypeId::numeric:
            numeric_.add(value.as_bytes());
            return;
        case TypeId::interval: {
            const Interval so_far = best_.is_null() ? Interval{} : read_interval(best_.as_bytes());
            const Result<Interval> sum = add_intervals(so_far, read_interval(value.as_bytes()));
            if (!sum) {
                context.fail(sum.error());
            } else {
                best_ = interval_datum(*sum, context.arena);
            }
            return;
        }
        default:
            integer_ += value.as_integer();
            return;
    }
}

Datum Accumulator::finish_sum(EvalContext& context) const {
    switch (type_.id) {
        case TypeId::float4:
        case TypeId::float8:
            return Datum::floating(floating_);
        case TypeId::numeric:
            return make_bytes(context, numeric_.sum());
        case TypeId::interval:
            return best_;
        default:
            break;
    }
    if (result_.id == TypeId::numeric) return make_bytes(context, numeric_from_wide(integer_));
    if (integer_ < INT64_MIN || integer_ > INT64_MAX)
        return context.fail(sqlstate::numeric_value_out_of_range, "bigint out of range");
    return Datum::integer(static_cast<std::int64_t>(integer_));
}

Datum Accumulator::finish_avg(EvalContext& context) const {
    switch (type_.id) {
        case TypeId::float4:
        case TypeId::float8:
            return Datum::floating(floating_ / static_cast<double>(count_));
        case TypeId::numeric:
            return unwrap_bytes(context, numeric_.average(count_));
        case TypeId::interval: {
            const Result<Interval> mean =
                scale_interval(read_interval(best_.as_bytes()), static_cast<double>(count_), true);
            if (!mean) return context.fail(mean.error());
            return interval_datum(*mean, context.arena);
        }
        default:
            return unwrap_bytes(context, numeric_binary(NumericOp::div, numeric_from_wide(integer_),
                                                        numeric_from_integer(count_)));
    }
}

// Arrays become the rows of one array with a dimension more, as ARRAY[...] makes them.
Datum Accumulator::finish_array(EvalContext& context) const {
    if (items_.empty()) return {};
    if (type_.array) {
        const std::vector<Type> types(items_.size(), type_);
        return Builtin::array_of(types, result_)(context, items_.data());
    }
    std::string out;
    write_array(result_, items_, out);
    return make_bytes(context, out);
}

Datum Accumulator::finish_string(EvalContext& context) const {
    if (items_.empty()) return {};
    std::string out(items_[0].as_bytes());
    for (std::size_t i = 2; i < items_.size(); i += 2) {
        if (!items_[i + 1].is_null()) out += items_[i + 1].as_bytes();
        out += items_[i].as_bytes();
        if (out.size() > text_bytes_max) break;
    }
    return make_bytes(context, out);
}

Datum Accumulator::finish_json(EvalContext& context) const {
    if (items_.empty()) return {};
    const bool object = func_ == AggregateFunc::jsonb_object_agg;
    std::string out = object ? "{ " : "[";
    const bool nested = type_.array || type_.id == TypeId::record;
    for (std::size_t i = 0; i < items_.size(); i += object ? 2 : 1) {
        if (i > 0) out += nested && !object ? ", \n " : ", ";
        if (object) {
            append_json_key(out, type_, items_[i], context.labels);
            out += " : ";
            append_json(out, second_, items_[i + 1], context.labels);
        } else {
            append_json(out, type_, items_[i], context.labels);
        }
        if (out.size() > text_bytes_max) break;
    }
    return json_result(context, result_, out + (object ? " }" : "]"));
}

// tidy: table
Datum Accumulator::finish(EvalContext& context, const Datum* direct) const {
    switch (func_) {
        case AggregateFunc::count:
            return Datum::integer(count_);
        case AggregateFunc::sum:
            return count_ == 0 ? Datum() : finish_sum(context);
        case AggregateFunc::avg:
            return count_ == 0 ? Datum() : finish_avg(context);
        case AggregateFunc::min:
        case AggregateFunc::max:
        case AggregateFunc::bool_and:
        case AggregateFunc::bool_or:
        case AggregateFunc::bit_and:
        case AggregateFunc::bit_or:
        case AggregateFunc::bit_xor:
            return best_;
        case AggregateFunc::array_agg:
            return finish_array(context);
        case AggregateFunc::string_agg:
            return finish_string(context);
        case AggregateFunc::json_agg:
        case AggregateFunc::jsonb_agg:
        case AggregateFunc::jsonb_object_agg:
            return finish_json(context);
        case AggregateFunc::percentile_cont:
        case AggregateFunc::percentile_disc:
        case AggregateFunc::mode:
            return finish_ordered(context, {func_, items_, type_, result_, result_.array && !type_.array},
                                  direct);
        default:
            return statistics_[0].finish(context, func_, type_);
    }
    return {};
}

}  // namespace anabranch::sql
