// Arithmetic and functions on dates, times and intervals; what is fixed at a transaction's origin (time and
// random numbers).
#include <algorithm>
#include <cmath>
#include <cstring>

#include "lib/sql/datetime.h"
#include "lib/sql/evaluate_internal.h"
#include "lib/sql/numeric.h"
#include "lib/sql/time_zone.h"
#include "lib/sql/value_internal.h"

namespace anabranch::sql {
namespace {

bool is_timestamp(Type type) {
    return type.id == TypeId::timestamp || type.id == TypeId::timestamptz;
}
bool is_infinite_timestamp(std::int64_t v) {
    return v == timestamp_infinity || v == timestamp_minus_infinity;
}
bool is_infinite_date(std::int64_t v) {
    return v == date_infinity || v == date_minus_infinity;
}

// That of the session, for what depends on it; null: UTC.
const TimeZone* zone_of(const EvalContext& c, Type type) {
    return type.id == TypeId::timestamptz ? zone_of(c.labels) : nullptr;
}

Interval interval_of(Datum value) {
    return read_interval(value.as_bytes());
}
Datum unwrap_interval(EvalContext& c, Result<Interval> value) {
    if (!value) return c.fail(std::move(value).error());
    return interval_datum(*value, c.arena);
}

// ---- + and - ; Sign is 1 or -1 ----

template <int Sign, std::size_t Date, std::size_t Days>
Datum date_days(EvalContext& c, const CallSite&, const Datum* args) {
    const std::int64_t date = args[Date].as_integer();
    if (is_infinite_date(date)) return args[Date];
    const std::int64_t out = date + Sign * args[Days].as_integer();
    if (out < date_min || out > date_max) return c.fail("22008", "date out of range");
    return Datum::integer(out);
}
Datum date_difference(EvalContext& c, const CallSite&, const Datum* args) {
    if (is_infinite_date(args[0].as_integer()) || is_infinite_date(args[1].as_integer())) {
        return c.fail("22008", "cannot subtract infinite dates");
    }
    return Datum::integer(args[0].as_integer() - args[1].as_integer());
}
template <std::size_t Date, std::size_t Time>
Datum date_time(EvalContext& c, const CallSite&, const Datum* args) {
    const Result<std::int64_t> midnight = date_to_timestamp(args[Date].as_integer());
    if (!midnight) return c.fail(midnight.error());
    if (is_infinite_timestamp(*midnight)) return Datum::integer(*midnight);
    return unwrap_integer(c, add_interval(*midnight, {0, 0, args[Time].as_integer()}));
}
template <int Sign, std::size_t Timestamp, std::size_t By>
Datum timestamp_interval(EvalContext& c, const CallSite& site, const Datum* args) {
    const Interval by = interval_of(args[By]);
    return unwrap_integer(c, add_interval(args[Timestamp].as_integer(), Sign > 0 ? by : negate(by),
                                          zone_of(c, site.args[Timestamp])));
}
template <int Sign, std::size_t Time, std::size_t By>
Datum time_interval(EvalContext&, const CallSite&, const Datum* args) {
    const std::int64_t by = interval_of(args[By]).micros % micros_per_day;
    const std::int64_t sum = (args[Time].as_integer() + Sign * by) % micros_per_day;
    return Datum::integer(sum < 0 ? sum + micros_per_day : sum);
}
Datum time_difference(EvalContext& c, const CallSite&, const Datum* args) {
    return interval_datum({0, 0, args[0].as_integer() - args[1].as_integer()}, c.arena);
}
Datum timestamp_minus(EvalContext& c, const CallSite&, const Datum* args) {
    return unwrap_interval(c, timestamp_difference(args[0].as_integer(), args[1].as_integer()));
}
Datum interval_plus(EvalContext& c, const CallSite&, const Datum* args) {
    return unwrap_interval(c, add_intervals(interval_of(args[0]), interval_of(args[1])));
}
Datum interval_minus(EvalContext& c, const CallSite&, const Datum* args) {
    const Interval a = interval_of(args[0]);
    const Interval b = interval_of(args[1]);
    Interval out;
    if (__builtin_sub_overflow(a.months, b.months, &out.months) ||
        __builtin_sub_overflow(a.days, b.days, &out.days) ||
        __builtin_sub_overflow(a.micros, b.micros, &out.micros)) {
        return c.fail("22008", "interval out of range");
    }
    return interval_datum(out, c.arena);
}
Datum interval_negated(EvalContext& c, const CallSite&, const Datum* args) {
    const Interval a = interval_of(args[0]);
    if (a.months == INT32_MIN || a.days == INT32_MIN || a.micros == INT64_MIN)
        return c.fail("22008", "interval out of range");
    return interval_datum(negate(a), c.arena);
}
template <std::size_t Value, std::size_t Factor, bool Divide>
Datum interval_scaled(EvalContext& c, const CallSite&, const Datum* args) {
    const double factor = args[Factor].as_floating();
    if (Divide && factor == 0) return c.fail(sqlstate::division_by_zero, "division by zero");
    return unwrap_interval(c, scale_interval(interval_of(args[Value]), factor, Divide));
}

Kernel plus_kernel(Type a, Type b) {
    if (a.id == TypeId::date && is_integer(b)) return strict_call<date_days<1, 0, 1>, 2>;
    if (is_integer(a) && b.id == TypeId::date) return strict_call<date_days<1, 1, 0>, 2>;
    if (a.id == TypeId::date && b.id == TypeId::time) return strict_call<date_time<0, 1>, 2>;
    if (a.id == TypeId::time && b.id == TypeId::date) return strict_call<date_time<1, 0>, 2>;
    if (is_timestamp(a) && b.id == TypeId::interval) return strict_call<timestamp_interval<1, 0, 1>, 2>;
    if (a.id == TypeId::interval && is_timestamp(b)) return strict_call<timestamp_interval<1, 1, 0>, 2>;
    if (a.id == TypeId::time && b.id == TypeId::interval) return strict_call<time_interval<1, 0, 1>, 2>;
    if (a.id == TypeId::interval && b.id == TypeId::time) return strict_call<time_interval<1, 1, 0>, 2>;
    if (a.id == TypeId::interval && b.id == TypeId::interval) return strict_call<interval_plus, 2>;
    return nullptr;
}
Kernel minus_kernel(Type a, Type b) {
    if (a.id == TypeId::date && is_integer(b)) return strict_call<date_days<-1, 0, 1>, 2>;
    if (a.id == TypeId::date && b.id == TypeId::date) return strict_call<date_difference, 2>;
    if (is_timestamp(a) && is_timestamp(b)) return strict_call<timestamp_minus, 2>;
    if (is_timestamp(a) && b.id == TypeId::interval) return strict_call<timestamp_interval<-1, 0, 1>, 2>;
    if (a.id == TypeId::time && b.id == TypeId::time) return strict_call<time_difference, 2>;
    if (a.id == TypeId::time && b.id == TypeId::interval) return strict_call<time_interval<-1, 0, 1>, 2>;
    if (a.id == TypeId::interval && b.id == TypeId::interval) return strict_call<interval_minus, 2>;
    return nullptr;
}

// ---- Fixed at the origin ----

Datum now_kernel(EvalContext& c, const CallSite& site, const Datum* args) {
    Type type{TypeId::timestamptz};
    if (!site.args.empty())
        type.modifier = static_cast<std::int32_t>(std::clamp<std::int64_t>(args[0].as_integer(), 0, 6));
    const std::int64_t now = timestamp_of(c.now);
    const bool local = site.func == Func::localtimestamp;
    return unwrap(c, fit_time(type, local ? local_of(now, zone_of(c.labels)) : now));
}
std::int64_t today(const EvalContext& c) {
    return timestamp_to_date(local_of(timestamp_of(c.now), zone_of(c.labels)));
}
Datum current_date_kernel(EvalContext& c, const CallSite&, const Datum*) {
    return Datum::integer(today(c));
}
Datum no_random(EvalContext& c) {
    return c.fail(sqlstate::feature_not_supported, "random numbers are not available here");
}
Datum random_kernel(EvalContext& c, const CallSite&, const Datum*) {
    if (c.random == nullptr) return no_random(c);
    return Datum::floating(static_cast<double>(c.random->next() >> 11) * 0x1p-53);
}
Datum uuid_kernel(EvalContext& c, const CallSite&, const Datum*) {
    if (c.random == nullptr) return no_random(c);
    char* out = c.arena.allocate(16);
    const std::uint64_t words[2] = {c.random->next(), c.random->next()};
    std::memcpy(out, words, 16);
    out[6] = static_cast<char>((out[6] & 0x0f) | 0x40);  // version 4
    out[8] = static_cast<char>((out[8] & 0x3f) | 0x80);  // variant of RFC 4122
    return Datum::bytes({out, 16});
}

// ---- Fields ----

Datum extract_kernel(EvalContext& c, const CallSite& site, const Datum* args) {
    Type type = site.args[1];
    Datum value = args[1];
    if (site.func == Func::date_part && type.id == TypeId::date) {  // it sees a date as its midnight
        type.id = TypeId::timestamp;
        value = unwrap_integer(c, date_to_timestamp(value.as_integer()));
        if (c.failed) return {};
    }
    Result<std::string> out = extract_field(args[0].as_bytes(), type, value, zone_of(c.labels));
    if (!out) return c.fail(std::move(out).error());
    if (out->empty()) return {};
    return site.result.id == TypeId::numeric ? make_bytes(c, *out) : Datum::floating(numeric_to_double(*out));
}
Datum date_trunc_kernel(EvalContext& c, const CallSite& site, const Datum* args) {
    if (site.args[1].id == TypeId::interval)
        return unwrap_interval(c, truncate_interval(args[0].as_bytes(), interval_of(args[1])));
    return unwrap_integer(
        c, truncate_timestamp(args[0].as_bytes(), site.args[1], args[1].as_integer(), zone_of(c.labels)));
}
Datum date_trunc_there_kernel(EvalContext& c, const CallSite& site, const Datum* args) {
    if (is_infinite_timestamp(args[1].as_integer())) return args[1];
    const Result<TimeZone> zone = TimeZone::find(args[2].as_bytes());
    if (!zone) return c.fail(zone.error());
    return unwrap_integer(c,
                          truncate_timestamp(args[0].as_bytes(), site.args[1], args[1].as_integer(), &*zone));
}
Datum date_bin_kernel(EvalContext& c, const CallSite&, const Datum* args) {
    if (is_infinite_timestamp(args[1].as_integer())) return args[1];
    const Interval stride = interval_of(args[0]);
    if (stride.months != 0) {
        return c.fail(sqlstate::feature_not_supported,
                      "timestamps cannot be binned into intervals containing months or years");
    }
    const __int128 unit = interval_span(stride);
    if (unit <= 0) return c.fail("22008", "stride must be greater than zero");
    const std::int64_t source = args[1].as_integer();
    const std::int64_t origin = args[2].as_integer();
    if (is_infinite_timestamp(origin)) return c.fail("22008", "origin out of range");
    const __int128 difference = static_cast<__int128>(source) - origin;
    __int128 bins = difference / unit;
    if (difference % unit < 0) --bins;
    const __int128 out = origin + bins * unit;
    if (out < timestamp_min || out > timestamp_max) return c.fail("22008", "timestamp out of range");
    return Datum::integer(static_cast<std::int64_t>(out));
}
Datum age_kernel(EvalContext& c, const CallSite& site, const Datum* args) {
    const TimeZone* zone = zone_of(c, site.args[0]);
    const std::int64_t first = local_of(args[0].as_integer(), zone);
    if (site.args.size() == 2)
        return unwrap_interval(c, timestamp_age(first, local_of(args[1].as_integer(), zone)));
    return unwrap_interval(c, timestamp_age(today(c) * micros_per_day, first));
}

// ---- Constructors ----

std::string padded(std::int64_t v) {
    return (v >= 0 && v < 10 ? "0" : "") + std::to_string(v);
}

Result<std::int64_t> make_days(std::int64_t year, std::int64_t month, std::int64_t day) {
    const std::int64_t astronomical = year < 0 ? year + 1 : year;
    const bool valid = year != 0 && std::abs(year) <= INT32_MAX && month >= 1 && month <= 12 && day >= 1 &&
                       day <= 31 && valid_date(astronomical, static_cast<int>(month), static_cast<int>(day));
    if (!valid) {
        return fail("22008", "date field value out of range: " + std::to_string(year) + "-" + padded(month) +
                                 "-" + padded(day));
    }
    const std::int64_t days = days_from_civil({astronomical, static_cast<int>(month), static_cast<int>(day)});
    if (days < date_min || days > date_max) {
        return fail("22008",
                    "date out of range: " + std::to_string(year) + "-" + padded(month) + "-" + padded(day));
    }
    return days;
}
Result<std::int64_t> make_micros(std::int64_t hour, std::int64_t minute, double second) {
    const double rounded = std::rint(second * 1e6);
    const bool valid =
        hour >= 0 && hour <= 24 && minute >= 0 && minute < 60 && rounded >= 0 && rounded <= 60e6;
    const std::int64_t out =
        valid ? (hour * 60 + minute) * 60 * micros_per_second + static_cast<std::int64_t>(rounded) : 0;
    if (!valid || out > micros_per_day) {
        std::string text;
        print_text({TypeId::float8}, Datum::floating(second), text);
        return fail("22008", "time field value out of range: " + std::to_string(hour) + ":" + padded(minute) +
                                 ":" + (second >= 0 && second < 10 ? "0" : "") + text);
    }
    return out;
}
Datum make_date_kernel(EvalContext& c, const CallSite&, const Datum* args) {
    return unwrap_integer(c, make_days(args[0].as_integer(), args[1].as_integer(), args[2].as_integer()));
}
// years, months, weeks, days, hours, mins, secs. What is too large for its field wraps, as in PostgreSQL 15.
Datum make_interval_kernel(EvalContext& c, const CallSite&, const Datum* args) {
    if (!std::isfinite(args[6].as_floating())) return c.fail("22008", "interval out of range");
    const double rounded = std::rint(args[6].as_floating() * 1e6);
    const bool fits = rounded >= -0x1p63 && rounded < 0x1p63;
    const std::int64_t seconds = fits ? static_cast<std::int64_t>(rounded) : INT64_MIN;
    const auto months = static_cast<std::uint32_t>(args[0].as_integer() * 12 + args[1].as_integer());
    const auto days = static_cast<std::uint32_t>(args[2].as_integer() * 7 + args[3].as_integer());
    const std::uint64_t micros = static_cast<std::uint64_t>(args[4].as_integer()) * 3'600'000'000 +
                                 static_cast<std::uint64_t>(args[5].as_integer()) * 60'000'000 +
                                 static_cast<std::uint64_t>(seconds);
    return interval_datum({static_cast<std::int32_t>(months), static_cast<std::int32_t>(days),
                           static_cast<std::int64_t>(micros)},
                          c.arena);
}
Datum make_time_kernel(EvalContext& c, const CallSite&, const Datum* args) {
    return unwrap_integer(c, make_micros(args[0].as_integer(), args[1].as_integer(), args[2].as_floating()));
}
Datum make_timestamp_kernel(EvalContext& c, const CallSite& site, const Datum* args) {
    const Result<std::int64_t> days =
        make_days(args[0].as_integer(), args[1].as_integer(), args[2].as_integer());
    if (!days) return c.fail(days.error());
    const Result<std::int64_t> micros =
        make_micros(args[3].as_integer(), args[4].as_integer(), args[5].as_floating());
    if (!micros) return c.fail(micros.error());
    const Result<std::int64_t> midnight = date_to_timestamp(*days);
    if (!midnight) return c.fail(midnight.error());
    const Result<std::int64_t> local = add_interval(*midnight, {0, 0, *micros});
    if (!local) return c.fail(local.error());
    if (site.args.size() == 6) return unwrap_integer(c, utc_of(*local, zone_of(c, site.result)));
    const Result<TimeZone> zone = TimeZone::find(args[6].as_bytes());
    if (!zone) return c.fail(zone.error());
    return unwrap_integer(c, utc_of(*local, &*zone));
}
Datum to_timestamp_kernel(EvalContext& c, const CallSite&, const Datum* args) {
    const double seconds = args[0].as_floating();
    if (std::isnan(seconds)) return c.fail("22008", "timestamp cannot be NaN");
    if (std::isinf(seconds))
        return Datum::integer(seconds < 0 ? timestamp_minus_infinity : timestamp_infinity);
    const double shifted = (seconds - static_cast<double>(unix_epoch_days * 86400)) * 1e6;
    if (shifted < static_cast<double>(timestamp_min) || shifted >= static_cast<double>(timestamp_max)) {
        std::string text;
        print_text({TypeId::float8}, args[0], text);
        return c.fail("22008", "timestamp out of range: \"" + text + "\"");
    }
    return Datum::integer(static_cast<std::int64_t>(std::rint(shifted)));
}
Datum timezone_kernel(EvalContext& c, const CallSite& site, const Datum* args) {
    const Result<TimeZone> zone = TimeZone::find(args[0].as_bytes());
    if (!zone) return c.fail(zone.error());
    const std::int64_t micros = args[1].as_integer();
    if (is_infinite_timestamp(micros)) return args[1];
    const bool to_local = site.args[1].id == TypeId::timestamptz;
    const std::int64_t moved = to_local ? zone->to_local(micros) : zone->to_utc(micros);
    return unwrap_integer(c, add_interval(moved, {}));  // still in range?
}
Datum isfinite_kernel(EvalContext&, const CallSite& site, const Datum* args) {
    switch (site.args[0].id) {
        case TypeId::date:
            return Datum::boolean(!is_infinite_date(args[0].as_integer()));
        case TypeId::interval:
            return Datum::boolean(true);
        default:
            return Datum::boolean(!is_infinite_timestamp(args[0].as_integer()));
    }
}
template <bool Hours, bool Days>
Datum justify_kernel(EvalContext& c, const CallSite&, const Datum* args) {
    return unwrap_interval(c, justify(interval_of(args[0]), Hours, Days));
}

// Of OVERLAPS: the known end, or the lesser one, first. An unknown start takes its end's place.
struct Period {
    std::optional<std::int64_t> start, end;

    static Period of(std::optional<std::int64_t> a, std::optional<std::int64_t> b) {
        return !a || (b && *b < *a) ? Period{b, a} : Period{a, b};
    }
};

// (start, end) overlaps (start, end); an end may be an interval from the start. Known as soon as the known
// ends decide it.
Datum overlaps_kernel(EvalContext& c, const CallSite& site, const Datum* args) {
    std::optional<std::int64_t> bounds[4];
    for (std::size_t i = 0; i < 4; ++i) {
        if (args[i].is_null()) continue;
        if (site.args[i].id != TypeId::interval) {
            bounds[i] = args[i].as_integer();
            continue;
        }
        if (!bounds[i - 1]) continue;
        const Result<std::int64_t> end =
            add_interval(*bounds[i - 1], interval_of(args[i]), zone_of(c, site.args[i - 1]));
        if (!end) return c.fail(end.error());
        bounds[i] = *end;
    }
    Period early = Period::of(bounds[0], bounds[1]);
    Period late = Period::of(bounds[2], bounds[3]);
    if (!early.start || !late.start) return {};
    if (*early.start > *late.start) std::swap(early, late);
    if (*early.start == *late.start) return early.end && late.end ? Datum::boolean(true) : Datum{};
    if (!early.end) return {};
    if (*late.start < *early.end) return Datum::boolean(true);
    return late.end ? Datum::boolean(false) : Datum{};
}

}  // namespace

// tidy: table
Kernel datetime_kernel(Func func, std::span<const Type> args, Type result) {
    const std::size_t n = args.size();
    switch (func) {
        case Func::add:
            return n == 2 ? plus_kernel(args[0], args[1]) : nullptr;
        case Func::sub:
            return n == 2 ? minus_kernel(args[0], args[1]) : nullptr;
        case Func::neg:
            return result.id == TypeId::interval ? strict_call<interval_negated, 1> : nullptr;
        case Func::mul:
            if (result.id != TypeId::interval || n != 2) return nullptr;
            return args[0].id == TypeId::interval ? strict_call<interval_scaled<0, 1, false>, 2>
                                                  : strict_call<interval_scaled<1, 0, false>, 2>;
        case Func::div:
            return result.id == TypeId::interval ? strict_call<interval_scaled<0, 1, true>, 2> : nullptr;
        case Func::now:
        case Func::clock_timestamp:
        case Func::localtimestamp:
            return strict<now_kernel>(n);
        case Func::current_date:
            return current_date_kernel;
        case Func::random:
            return random_kernel;
        case Func::gen_random_uuid:
            return uuid_kernel;
        case Func::extract:
        case Func::date_part:
            return strict_call<extract_kernel, 2>;
        case Func::date_trunc:
            return n == 3 ? strict_call<date_trunc_there_kernel, 3> : strict_call<date_trunc_kernel, 2>;
        case Func::date_bin:
            return strict_call<date_bin_kernel, 3>;
        case Func::age:
            return strict<age_kernel>(n);
        case Func::make_date:
            return strict_call<make_date_kernel, 3>;
        case Func::make_interval:
            return strict_call<make_interval_kernel, 7>;
        case Func::make_time:
            return strict_call<make_time_kernel, 3>;
        case Func::make_timestamp:
        case Func::make_timestamptz:
            return strict<make_timestamp_kernel>(n);
        case Func::to_timestamp:
            return n == 1 ? strict_call<to_timestamp_kernel, 1> : nullptr;
        case Func::timezone:
            return strict_call<timezone_kernel, 2>;
        case Func::isfinite:
            return strict_call<isfinite_kernel, 1>;
        case Func::justify_hours:
            return strict_call<justify_kernel<true, false>, 1>;
        case Func::justify_days:
            return strict_call<justify_kernel<false, true>, 1>;
        case Func::justify_interval:
            return strict_call<justify_kernel<true, true>, 1>;
        case Func::overlaps:
            return overlaps_kernel;
        default:
            return nullptr;
    }
}

}  // namespace anabranch::sql
