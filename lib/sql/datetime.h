// Dates, times and intervals as PostgreSQL counts them: proleptic Gregorian, microseconds, ISO output.
//   date: days since 2000-01-01; time: micros of the day (up to 24:00); timestamp[tz]: micros since
//   2000-01-01 00:00 [UTC]. The extreme values of the storage are infinity and -infinity.
// std::chrono's calendar ends at year 32767, PostgreSQL's at 294276 (dates at 5874897): hence our own two
// conversions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/error.h"
#include "lib/base/time.h"
#include "lib/sql/datum.h"
#include "lib/sql/type.h"

namespace anabranch::sql {

class TimeZone;

inline constexpr std::int64_t micros_per_second = 1'000'000;
inline constexpr std::int64_t micros_per_hour = 3600 * micros_per_second;
inline constexpr std::int64_t micros_per_day = 24 * micros_per_hour;
inline constexpr std::int64_t date_infinity = INT32_MAX;
inline constexpr std::int64_t date_minus_infinity = INT32_MIN;
inline constexpr std::int64_t timestamp_infinity = INT64_MAX;
inline constexpr std::int64_t timestamp_minus_infinity = INT64_MIN;
// First and last finite values: 4713-11-24 BC to 5874897-12-31 and to 294276-12-31 23:59:59.999999.
inline constexpr std::int64_t date_min = -2451545;
inline constexpr std::int64_t date_max = 2145031948;
inline constexpr std::int64_t timestamp_min = -211813488000000000;
inline constexpr std::int64_t timestamp_max = 9223371331199999999;
inline constexpr std::int64_t unix_epoch_days = 10957;  // 2000-01-01 minus 1970-01-01

struct Interval {
    std::int32_t months = 0;
    std::int32_t days = 0;
    std::int64_t micros = 0;
    friend bool operator==(const Interval&, const Interval&) = default;
};

struct CivilDate {
    std::int64_t year = 2000;  // astronomical: 0 is 1 BC
    int month = 1;
    int day = 1;
};
struct CivilTime {
    int hour = 0, minute = 0, second = 0, micros = 0;
};

std::int64_t days_from_civil(CivilDate date);  // month 1-12; any day number
CivilDate civil_from_days(std::int64_t days);
int days_in_month(std::int64_t year, int month);
CivilTime civil_time(std::int64_t micros_of_day);
bool valid_date(std::int64_t year, int month, int day);

// timestamptz of the transaction's clock.
constexpr std::int64_t timestamp_of(Instant at) {
    return at.micros - unix_epoch_days * micros_per_day;
}
constexpr Instant instant_of(std::int64_t timestamp) {
    return {timestamp + unix_epoch_days * micros_per_day};
}

// Canonical 16 bytes of an interval. Ill-formed bytes give the empty interval.
Interval read_interval(std::string_view bytes);
void write_interval(Interval value, char* out);  // 16 bytes
__int128 interval_span(Interval value);          // for comparison: a month is 30 days, a day 24 hours

// Input and output, as PostgreSQL with DateStyle ISO, MDY. 22007 ill-formed, 22008 out of range. `zone` is
// that of a timestamptz: what a text without offset is read in, and what it is shown in; null: UTC.
Result<std::int64_t> parse_date(std::string_view text);
Result<std::int64_t> parse_time(std::string_view text);
Result<std::int64_t> parse_timestamp(std::string_view text, bool with_zone, const TimeZone* zone = nullptr);
Result<Interval> parse_interval(std::string_view text);
void print_date(std::int64_t days, std::string& out);
void print_time(std::int64_t micros, std::string& out);
void print_timestamp(std::int64_t micros, bool with_zone, std::string& out, const TimeZone* zone = nullptr);
void print_offset(std::int64_t seconds, std::string& out);  // 02, 05:30, 00:53:28; not negative
void print_interval(Interval value, std::string& out);
void print_iso_interval(Interval value, std::string& out);  // P1Y2M3DT4H5M6.789S

// To the clock of a zone and back; infinities stay. 22008 when the result leaves the type.
std::int64_t local_of(std::int64_t timestamptz, const TimeZone* zone);
Result<std::int64_t> utc_of(std::int64_t timestamp, const TimeZone* zone);

// Seconds east of Greenwich of "UTC", "+02", "-05:30", "EST", ...; none for zones that need a database
// (time_zone.h).
std::optional<std::int32_t> zone_offset(std::string_view zone);

// Arithmetic; 22008 when the result leaves its type. Infinities stay.
Result<std::int64_t> add_interval(std::int64_t timestamp, Interval by);
// To a timestamptz: months and days by the clock of the zone, hours by themselves.
Result<std::int64_t> add_interval(std::int64_t timestamptz, Interval by, const TimeZone* zone);
Result<Interval> add_intervals(Interval a, Interval b);
Interval negate(Interval a);
Result<Interval> scale_interval(Interval a, double factor,
                                bool divide = false);                   // factor is not 0 when dividing
Result<Interval> timestamp_difference(std::int64_t a, std::int64_t b);  // days and time of day, as `-` gives
Result<Interval> timestamp_age(std::int64_t a, std::int64_t b);         // years, months, days as age() gives
Result<Interval> justify(Interval value, bool hours, bool days);
Result<std::int64_t> date_to_timestamp(std::int64_t days);
std::int64_t timestamp_to_date(std::int64_t timestamp);
std::int64_t time_of_day(std::int64_t timestamp);  // micros since midnight
// ISO 8601 year and week of a date.
struct IsoWeek {
    std::int64_t year = 0;
    int week = 0;
};
IsoWeek iso_week(std::int64_t days);
int day_of_week(std::int64_t days);  // Sunday is 0

// extract(): numeric text, empty for NULL (fields of an infinite value); 22023 for an unknown field, 0A000
// for one the type has not. `type` is date, time, timestamp, timestamptz or interval.
Result<std::string> extract_field(std::string_view field, Type type, Datum value,
                                  const TimeZone* zone = nullptr);
Result<std::int64_t> truncate_timestamp(std::string_view field, Type type, std::int64_t timestamp,
                                        const TimeZone* zone = nullptr);
Result<Interval> truncate_interval(std::string_view field, Interval value);

}  // namespace anabranch::sql
