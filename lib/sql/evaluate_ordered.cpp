#include "lib/sql/evaluate_ordered.h"

#include <charconv>
#include <cmath>

#include "lib/sql/array.h"
#include "lib/sql/builtin.h"
#include "lib/sql/datetime.h"
#include "lib/sql/evaluate_internal.h"
#include "lib/sql/value_internal.h"

namespace anabranch::sql {

namespace {

bool is_fraction(EvalContext& context, double value) {
    if (value >= 0 && value <= 1) return true;
    char text[32];
    constexpr int digits = 6;
    const auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::general, digits).ptr;
    context.fail(sqlstate::numeric_value_out_of_range,
                 "percentile value " + std::string(text, end) + " is not between 0 and 1");
    return false;
}

Datum between(EvalContext& context, Type type, Datum low, Datum high, double part) {
    if (type.id != TypeId::interval)
        return Datum::floating(low.as_floating() + part * (high.as_floating() - low.as_floating()));
    const Interval from = read_interval(low.as_bytes());
    const auto computed = [&]() -> Result<Interval> {
        TRY(const Interval distance, add_intervals(read_interval(high.as_bytes()), negate(from)));
        TRY(const Interval step, scale_interval(distance, part));
        return add_intervals(step, from);
    };
    const Result<Interval> value = computed();
    return value ? interval_datum(*value, context.arena) : context.fail(value.error());
}

Datum percentile(EvalContext& context, const OrderedSet& set, double fraction) {
    const double count = static_cast<double>(set.values.size());
    if (set.func == AggregateFunc::percentile_disc) {
        const auto row = static_cast<std::size_t>(std::ceil(fraction * count));
        return set.values[row == 0 ? 0 : row - 1];
    }
    const double place = fraction * (count - 1);
    const auto first = static_cast<std::size_t>(std::floor(place));
    const auto second = static_cast<std::size_t>(std::ceil(place));
    if (first == second) return set.values[first];
    return between(context, set.type, set.values[first], set.values[second],
                   place - static_cast<double>(first));
}

// One value for each fraction, in an array of the same shape.
Datum percentiles(EvalContext& context, const OrderedSet& set, Datum fractions) {
    ArrayReader reader({TypeId::float8, true}, fractions.as_bytes());
    std::vector<Datum> wanted, out;
    while (!reader.done()) {
        const Datum fraction = reader.next();
        if (!fraction.is_null() && !is_fraction(context, fraction.as_floating())) return {};
        wanted.push_back(fraction);
    }
    for (const Datum fraction : wanted)
        out.push_back(fraction.is_null() ? Datum() : percentile(context, set, fraction.as_floating()));
    std::string bytes;
    write_array(set.result, reader.dimensions(), out, bytes);
    return make_bytes(context, bytes);
}

// The first of the longest run, and of those as long the one that comes first.
Datum most_frequent(const OrderedSet& set) {
    std::size_t begin = 0, best = 0, most = 0;
    for (std::size_t i = 0; i < set.values.size(); ++i) {
        if (compare(set.type, set.values[begin], set.values[i]) != 0) begin = i;
        if (i - begin + 1 <= most) continue;
        most = i - begin + 1;
        best = begin;
    }
    return set.values[best];
}

}  // namespace

Datum finish_ordered(EvalContext& context, const OrderedSet& set, const Datum* fraction) {
    if (set.func == AggregateFunc::mode) return set.values.empty() ? Datum() : most_frequent(set);
    if (fraction->is_null()) return {};
    if (set.many) return set.values.empty() ? Datum() : percentiles(context, set, *fraction);
    if (!is_fraction(context, fraction->as_floating()) || set.values.empty()) return {};
    return percentile(context, set, fraction->as_floating());
}

}  // namespace anabranch::sql
