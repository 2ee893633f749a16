// extract() and date_trunc().
#include <algorithm>
#include <cmath>

#include "lib/sql/datetime.h"
#include "lib/sql/numeric.h"
#include "lib/sql/numeric_digits.h"
#include "lib/sql/time_zone.h"
#include "lib/sql/value.h"

namespace anabranch::sql {
namespace {

enum class Field : std::uint8_t {
    unknown,
    microsecond,
    millisecond,
    second,
    minute,
    hour,
    day,
    week,
    month,
    quarter,
    year,
    decade,
    century,
    millennium,
    julian,
    isoyear,
    dow,
    isodow,
    doy,
    epoch,
    timezone,
    timezone_hour,
    timezone_minute,
};

struct FieldName {
    std::string_view name;
    Field field;
};
// tidy: table
constexpr FieldName field_names[] = {
    {"microsecond", Field::microsecond},
    {"usec", Field::microsecond},
    {"us", Field::microsecond},
    {"millisecond", Field::millisecond},
    {"msec", Field::millisecond},
    {"ms", Field::millisecond},
    {"second", Field::second},
    {"sec", Field::second},
    {"s", Field::second},
    {"minute", Field::minute},
    {"min", Field::minute},
    {"m", Field::minute},
    {"hour", Field::hour},
    {"hr", Field::hour},
    {"h", Field::hour},
    {"day", Field::day},
    {"d", Field::day},
    {"week", Field::week},
    {"w", Field::week},
    {"month", Field::month},
    {"mon", Field::month},
    {"quarter", Field::quarter},
    {"qtr", Field::quarter},
    {"year", Field::year},
    {"yr", Field::year},
    {"y", Field::year},
    {"decade", Field::decade},
    {"dec", Field::decade},
    {"century", Field::century},
    {"centurie", Field::century},
    {"c", Field::century},
    {"cent", Field::century},
    {"millennium", Field::millennium},
    {"millennia", Field::millennium},
    {"mil", Field::millennium},
    {"julian", Field::julian},
    {"jd", Field::julian},
    {"j", Field::julian},
    {"isoyear", Field::isoyear},
    {"dow", Field::dow},
    {"isodow", Field::isodow},
    {"doy", Field::doy},
    {"epoch", Field::epoch},
    {"timezone", Field::timezone},
    {"timezone_h", Field::timezone_hour},
    {"timezone_hour", Field::timezone_hour},
    {"timezone_m", Field::timezone_minute},
    {"timezone_minute", Field::timezone_minute},
};

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    }
    return out;
}

Field find_field(std::string_view text) {
    const std::string name = lower(text);
    for (const FieldName& f : field_names) {
        if (name == f.name ||
            (name.size() == f.name.size() + 1 && name.back() == 's' && name.starts_with(f.name)))
            return f.field;
    }
    return Field::unknown;
}

std::unexpected<Error> refuse(Field field, std::string_view text, Type type) {
    const std::string unit = "unit \"" + lower(text) + "\" not ";
    if (field == Field::unknown) return fail("22023", unit + "recognized for type " + type_name(type));
    return fail(sqlstate::feature_not_supported, unit + "supported for type " + type_name(type));
}

// value / 10^scale as numeric text.
std::string scaled(__int128 value, int scale) {
    const std::string digits = numeric_from_wide(value < 0 ? -value : value);
    return join_numeric(value < 0, digits, scale);
}

// date_trunc() knows fewer units by name than extract().
std::unexpected<Error> refuse_cut(Field field, std::string_view text, Type type) {
    const bool timezone = field >= Field::timezone;
    return refuse(timezone || field == Field::week ? field : Field::unknown, text, type);
}

std::int64_t display_year(std::int64_t year) {
    return year > 0 ? year : year - 1;
}
std::int64_t decade_of(std::int64_t year) {
    return year >= 0 ? year / 10 : -((8 - (year - 1)) / 10);
}
// 1 is the first hundred (thousand) years AD, -1 the first BC; there is no 0.
std::int64_t age_of(std::int64_t year, std::int64_t length) {
    return year > 0 ? (year + length - 1) / length : -((length - 1 - (year - 1)) / length);
}

// Fields of a time of day; false for others.
bool time_field(Field field, std::int64_t micros, std::string& out) {
    const std::int64_t seconds_part = micros % (60 * micros_per_second);
    switch (field) {
        case Field::microsecond:
            out = scaled(seconds_part, 0);
            return true;
        case Field::millisecond:
            out = scaled(seconds_part, 3);
            return true;
        case Field::second:
            out = scaled(seconds_part, 6);
            return true;
        case Field::minute:
            out = scaled(micros / (60 * micros_per_second) % 60, 0);
            return true;
        case Field::hour:
            out = scaled(micros / micros_per_hour, 0);
            return true;
        default:
            return false;
    }
}

constexpr std::int64_t julian_of_2000 = 2451545;

// Fields of a date; false for others.
bool date_field(Field field, std::int64_t days, std::int64_t& out) {
    const CivilDate date = civil_from_days(days);
    switch (field) {
        case Field::day:
            out = date.day;
            return true;
        case Field::month:
            out = date.month;
            return true;
        case Field::quarter:
            out = (date.month - 1) / 3 + 1;
            return true;
        case Field::week:
            out = iso_week(days).week;
            return true;
        case Field::year:
            out = display_year(date.year);
            return true;
        case Field::decade:
            out = decade_of(date.year);
            return true;
        case Field::century:
            out = age_of(date.year, 100);
            return true;
        case Field::millennium:
            out = age_of(date.year, 1000);
            return true;
        case Field::julian:
            out = days + julian_of_2000;
            return true;
        case Field::isoyear:
            out = display_year(iso_week(days).year);
            return true;
        case Field::dow:
            out = day_of_week(days);
            return true;
        case Field::isodow:
            out = (day_of_week(days) + 6) % 7 + 1;
            return true;
        case Field::doy:
            out = days - days_from_civil({date.year, 1, 1}) + 1;
            return true;
        default:
            return false;
    }
}

// What an infinite date or timestamp answers: infinity for fields that only grow, else NULL (empty).
Result<std::string> infinite_field(Field field, std::string_view text, Type type, bool negative) {
    switch (field) {
        case Field::year:
        case Field::decade:
        case Field::century:
        case Field::millennium:
        case Field::julian:
        case Field::isoyear:
        case Field::epoch:
            return std::string(negative ? "-Infinity" : "Infinity");
        case Field::unknown:
            return refuse(field, text, type);
        case Field::microsecond:
        case Field::millisecond:
        case Field::second:
        case Field::minute:
        case Field::hour:
        case Field::timezone:
        case Field::timezone_hour:
        case Field::timezone_minute:
            if (type.id == TypeId::date) return refuse(field, text, type);
            return std::string();
        default:
            return std::string();
    }
}

// How far a zone is east, as extract() gives it; empty for other fields.
std::string zone_field(Field field, std::int64_t seconds) {
    switch (field) {
        case Field::timezone:
            return numeric_from_integer(seconds);
        case Field::timezone_hour:
            return numeric_from_integer(seconds / 3600);
        case Field::timezone_minute:
            return numeric_from_integer(seconds / 60 % 60);
        default:
            return {};
    }
}

Result<std::string> timestamp_field(Field field, std::string_view text, Type type, std::int64_t timestamp,
                                    const TimeZone* zone) {
    if (timestamp == timestamp_infinity || timestamp == timestamp_minus_infinity) {
        return infinite_field(field, text, type, timestamp == timestamp_minus_infinity);
    }
    const bool zoned = type.id == TypeId::timestamptz;
    if (zoned && zone != nullptr && field != Field::epoch) {
        const std::int64_t offset = zone->offset_at(timestamp);
        if (std::string out = zone_field(field, offset); !out.empty()) return out;
        timestamp += offset * micros_per_second;
    }
    std::string out;
    if (time_field(field, time_of_day(timestamp), out)) return out;
    if (field == Field::epoch) {
        return scaled(
            static_cast<__int128>(timestamp) + unix_epoch_days * static_cast<__int128>(micros_per_day), 6);
    }
    if (field == Field::julian) {
        TRY(const std::string fraction,
            numeric_binary(NumericOp::div, numeric_from_integer(time_of_day(timestamp)),
                           numeric_from_integer(micros_per_day)));
        return numeric_binary(NumericOp::add,
                              numeric_from_integer(timestamp_to_date(timestamp) + julian_of_2000), fraction);
    }
    std::int64_t number = 0;
    if (date_field(field, timestamp_to_date(timestamp), number)) return numeric_from_integer(number);
    if (out = zone_field(field, 0); zoned && !out.empty()) return out;
    return refuse(field, text, type);
}

Result<std::string> interval_field(Field field, std::string_view text, Type type, Interval value) {
    std::string out;
    if (time_field(field, value.micros, out)) return out;
    const int years = value.months / 12;
    switch (field) {
        case Field::day:
            return numeric_from_integer(value.days);
        case Field::month:
            return numeric_from_integer(value.months % 12);
        case Field::quarter:
            return numeric_from_integer(value.months % 12 / 3 + 1);
        case Field::year:
            return numeric_from_integer(years);
        case Field::decade:
            return numeric_from_integer(years / 10);
        case Field::century:
            return numeric_from_integer(years / 100);
        case Field::millennium:
            return numeric_from_integer(years / 1000);
        case Field::epoch: {
            // Quarter days, since a year counts 365.25 days.
            const std::int64_t quarters = 1461LL * years + 120LL * (value.months % 12) + 4LL * value.days;
            return scaled(static_cast<__int128>(quarters) * 21600 * micros_per_second + value.micros, 6);
        }
        default:
            return refuse(field, text, type);
    }
}

}  // namespace

Result<std::string> extract_field(std::string_view text, Type type, Datum value, const TimeZone* zone) {
    const Field field = find_field(text);
    switch (type.id) {
        case TypeId::date: {
            const std::int64_t days = value.as_integer();
            if (days == date_infinity || days == date_minus_infinity) {
                return infinite_field(field, text, type, days == date_minus_infinity);
            }
            if (field == Field::epoch)
                return scaled((static_cast<__int128>(days) + unix_epoch_days) * 86400, 0);
            std::int64_t number = 0;
            if (date_field(field, days, number)) return numeric_from_integer(number);
            return refuse(field, text, type);
        }
        case TypeId::time: {
            std::string out;
            if (time_field(field, value.as_integer(), out)) return out;
            if (field == Field::epoch) return scaled(value.as_integer(), 6);
            return refuse(field, text, type);
        }
        case TypeId::interval:
            return interval_field(field, text, type, read_interval(value.as_bytes()));
        default:
            return timestamp_field(field, text, type, value.as_integer(), zone);
    }
}

Result<std::int64_t> truncate_timestamp(std::string_view text, Type type, std::int64_t timestamp,
                                        const TimeZone* zone) {
    const Field field = find_field(text);
    if (zone != nullptr && type.id == TypeId::timestamptz) {
        const std::int64_t local = local_of(timestamp, zone);
        TRY(const std::int64_t out, truncate_timestamp(text, type, local));
        // A part of a day begins in the same of two hours that clocks show twice.
        return field < Field::day ? out - (local - timestamp) : utc_of(out, zone);
    }
    const auto cut = [&](std::int64_t unit) { return timestamp - (time_of_day(timestamp) % unit); };
    const std::int64_t days = timestamp_to_date(timestamp);
    if (timestamp == timestamp_infinity || timestamp == timestamp_minus_infinity) return timestamp;
    CivilDate date = civil_from_days(days);
    std::int64_t out = 0;
    switch (field) {
        case Field::microsecond:
            return timestamp;
        case Field::millisecond:
            out = cut(1000);
            break;
        case Field::second:
            out = cut(micros_per_second);
            break;
        case Field::minute:
            out = cut(60 * micros_per_second);
            break;
        case Field::hour:
            out = cut(micros_per_hour);
            break;
        case Field::day:
            out = cut(micros_per_day);
            break;
        case Field::week:
            out = (days - (day_of_week(days) + 6) % 7) * micros_per_day;
            break;
        case Field::month:
            date.day = 1;
            break;
        case Field::quarter:
            date = {date.year, (date.month - 1) / 3 * 3 + 1, 1};
            break;
        case Field::year:
            date = {date.year, 1, 1};
            break;
        case Field::decade:
            date = {decade_of(date.year) * 10, 1, 1};
            break;
        case Field::century:
            date = {date.year > 0 ? age_of(date.year, 100) * 100 - 99 : age_of(date.year, 100) * 100 + 1, 1,
                    1};
            break;
        case Field::millennium:
            date = {date.year > 0 ? age_of(date.year, 1000) * 1000 - 999 : age_of(date.year, 1000) * 1000 + 1,
                    1, 1};
            break;
        default:
            return refuse_cut(field, text, type);
    }
    if (field >= Field::month) {
        const __int128 micros = static_cast<__int128>(days_from_civil(date)) * micros_per_day;
        if (micros < timestamp_min) return fail("22008", "timestamp out of range");
        return static_cast<std::int64_t>(micros);
    }
    if (out < timestamp_min) return fail("22008", "timestamp out of range");
    return out;
}

Result<Interval> truncate_interval(std::string_view text, Interval value) {
    const Field field = find_field(text);
    const auto months = [&](int unit) { return Interval{value.months / unit * unit, 0, 0}; };
    const auto micros = [&](std::int64_t unit) {
        return Interval{value.months, value.days, value.micros / unit * unit};
    };
    switch (field) {
        case Field::millennium:
            return months(12000);
        case Field::century:
            return months(1200);
        case Field::decade:
            return months(120);
        case Field::year:
            return months(12);
        case Field::quarter:
            return months(3);
        case Field::month:
            return months(1);
        case Field::day:
            return Interval{value.months, value.days, 0};
        case Field::hour:
            return micros(micros_per_hour);
        case Field::minute:
            return micros(60 * micros_per_second);
        case Field::second:
            return micros(micros_per_second);
        case Field::millisecond:
            return micros(1000);
        case Field::microsecond:
            return value;
        default:
            return refuse_cut(field, text, {TypeId::interval});
    }
}

}  // namespace anabranch::sql
