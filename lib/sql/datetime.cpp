#include "lib/sql/datetime.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "lib/sql/time_zone.h"

namespace anabranch::sql {
namespace {

constexpr int months_per_year = 12;
constexpr std::int64_t seconds_per_day = 86400;

std::unexpected<Error> out_of_range(const char* what) {
    return fail("22008", std::string(what) + " out of range");
}

std::int64_t floor_div(std::int64_t a, std::int64_t b) {
    return a / b - (a % b < 0 ? 1 : 0);
}

bool is_infinite(std::int64_t timestamp) {
    return timestamp == timestamp_infinity || timestamp == timestamp_minus_infinity;
}

void pad(std::string& out, std::uint64_t value, std::size_t width) {
    const std::string digits = std::to_string(value);
    if (digits.size() < width) out.append(width - digits.size(), '0');
    out += digits;
}

void print_fraction(std::string& out, std::uint64_t micros) {
    if (micros == 0) return;
    std::string digits;
    pad(digits, micros, 6);
    digits.resize(digits.find_last_not_of('0') + 1);
    out += '.';
    out += digits;
}

void print_calendar(std::int64_t days, std::string& out) {
    const CivilDate date = civil_from_days(days);
    pad(out, static_cast<std::uint64_t>(date.year > 0 ? date.year : 1 - date.year), 4);
    out += '-';
    pad(out, static_cast<std::uint64_t>(date.month), 2);
    out += '-';
    pad(out, static_cast<std::uint64_t>(date.day), 2);
}

// rint to microseconds, as PostgreSQL's TSROUND.
double round_micros(double seconds) {
    return std::rint(seconds * 1e6) / 1e6;
}

bool is_leap(std::int64_t year) {
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

bool fits_int32(double v) {
    return v >= -2147483648.0 && v <= 2147483647.0;
}

}  // namespace

int days_in_month(std::int64_t year, int month) {
    constexpr int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

bool valid_date(std::int64_t year, int month, int day) {
    return month >= 1 && month <= 12 && day >= 1 && day <= days_in_month(year, month);
}

// Howard Hinnant's algorithms over eras of 400 years, shifted from 1970 to 2000.
std::int64_t days_from_civil(CivilDate date) {
    const std::int64_t year = date.year - (date.month <= 2 ? 1 : 0);
    const std::int64_t era = floor_div(year, 400);
    const std::int64_t year_of_era = year - era * 400;
    const int shifted = date.month + (date.month > 2 ? -3 : 9);
    const std::int64_t day_of_year = (153 * shifted + 2) / 5 + date.day - 1;
    const std::int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468 - unix_epoch_days;
}

CivilDate civil_from_days(std::int64_t days) {
    days = std::clamp<std::int64_t>(days, -100'000'000'000, 100'000'000'000);  // ill-formed bytes of a peer
    const std::int64_t shifted = days + unix_epoch_days + 719468;
    const std::int64_t era = floor_div(shifted, 146097);
    const std::int64_t day_of_era = shifted - era * 146097;
    const std::int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const std::int64_t month = (5 * day_of_year + 2) / 153;
    CivilDate out;
    out.day = static_cast<int>(day_of_year - (153 * month + 2) / 5 + 1);
    out.month = static_cast<int>(month < 10 ? month + 3 : month - 9);
    out.year = year_of_era + era * 400 + (out.month <= 2 ? 1 : 0);
    return out;
}

CivilTime civil_time(std::int64_t micros) {
    CivilTime out;
    out.micros = static_cast<int>(micros % micros_per_second);
    const std::int64_t seconds = micros / micros_per_second;
    out.second = static_cast<int>(seconds % 60);
    out.minute = static_cast<int>(seconds / 60 % 60);
    out.hour = static_cast<int>(seconds / 3600);
    return out;
}

std::int64_t timestamp_to_date(std::int64_t timestamp) {
    if (timestamp == timestamp_infinity) return date_infinity;
    if (timestamp == timestamp_minus_infinity) return date_minus_infinity;
    return floor_div(timestamp, micros_per_day);
}

std::int64_t time_of_day(std::int64_t timestamp) {
    return timestamp - floor_div(timestamp, micros_per_day) * micros_per_day;
}

Result<std::int64_t> date_to_timestamp(std::int64_t days) {
    if (days == date_infinity) return timestamp_infinity;
    if (days == date_minus_infinity) return timestamp_minus_infinity;
    if (days > timestamp_max / micros_per_day || days < date_min) {
        return fail("22008", "date out of range for timestamp");
    }
    return days * micros_per_day;
}

int day_of_week(std::int64_t days) {
    const std::int64_t since_sunday = days + 6;  // 2000-01-01 was a Saturday
    return static_cast<int>(since_sunday - floor_div(since_sunday, 7) * 7);
}

IsoWeek iso_week(std::int64_t days) {
    // The week belongs to the year of its Thursday.
    const int since_monday = (day_of_week(days) + 6) % 7;
    const std::int64_t thursday = days - since_monday + 3;
    const std::int64_t year = civil_from_days(thursday).year;
    return {year, static_cast<int>((thursday - days_from_civil({year, 1, 1})) / 7) + 1};
}

// ---- Intervals as bytes ----

Interval read_interval(std::string_view bytes) {
    Interval out;
    if (bytes.size() != 16) return out;
    std::memcpy(&out.months, bytes.data(), 4);
    std::memcpy(&out.days, bytes.data() + 4, 4);
    std::memcpy(&out.micros, bytes.data() + 8, 8);
    return out;
}

void write_interval(Interval value, char* out) {
    std::memcpy(out, &value.months, 4);
    std::memcpy(out + 4, &value.days, 4);
    std::memcpy(out + 8, &value.micros, 8);
}

__int128 interval_span(Interval value) {
    const std::int64_t days = static_cast<std::int64_t>(value.months) * 30 + value.days;
    return static_cast<__int128>(days) * micros_per_day + value.micros;
}

// ---- Output ----

void print_date(std::int64_t days, std::string& out) {
    if (days == date_infinity || days == date_minus_infinity) {
        out += days == date_infinity ? "infinity" : "-infinity";
        return;
    }
    days = std::clamp(days, date_min, date_max);
    print_calendar(days, out);
    if (civil_from_days(days).year <= 0) out += " BC";
}

void print_time(std::int64_t micros, std::string& out) {
    const CivilTime t = civil_time(std::clamp<std::int64_t>(micros, 0, micros_per_day));
    pad(out, static_cast<std::uint64_t>(t.hour), 2);
    out += ':';
    pad(out, static_cast<std::uint64_t>(t.minute), 2);
    out += ':';
    pad(out, static_cast<std::uint64_t>(t.second), 2);
    print_fraction(out, static_cast<std::uint64_t>(t.micros));
}

void print_offset(std::int64_t seconds, std::string& out) {
    pad(out, static_cast<std::uint64_t>(seconds / 3600), 2);
    for (std::int64_t rest = seconds % 3600, unit = 60; rest != 0; rest %= unit, unit = 1) {
        out += ':';
        pad(out, static_cast<std::uint64_t>(rest / unit), 2);
    }
}

void print_timestamp(std::int64_t micros, bool with_zone, std::string& out, const TimeZone* zone) {
    if (is_infinite(micros)) {
        out += micros == timestamp_infinity ? "infinity" : "-infinity";
        return;
    }
    const std::int64_t offset = with_zone && zone != nullptr ? zone->offset_at(micros) : 0;
    micros += offset * micros_per_second;
    const std::int64_t days = floor_div(micros, micros_per_day);
    print_calendar(days, out);
    out += ' ';
    print_time(time_of_day(micros), out);
    if (with_zone) {
        out += offset < 0 ? '-' : '+';
        print_offset(offset < 0 ? -offset : offset, out);
    }
    if (civil_from_days(days).year <= 0) out += " BC";
}

void print_interval(Interval value, std::string& out) {
    bool first = true;
    bool before = false;  // the part just printed was negative: a positive one then shows its sign
    const auto part = [&](std::int64_t n, const char* unit) {
        if (n == 0) return;
        if (!first) out += ' ';
        if (before && n > 0) out += '+';
        out += std::to_string(n);
        out += unit;
        if (n != 1) out += 's';
        before = n < 0;
        first = false;
    };
    part(value.months / months_per_year, " year");
    part(value.months % months_per_year, " mon");
    part(value.days, " day");
    if (!first && value.micros == 0) return;
    if (!first) out += ' ';
    if (value.micros < 0) {
        out += '-';
    } else if (before) {
        out += '+';
    }
    const auto magnitude = value.micros < 0 ? -static_cast<std::uint64_t>(value.micros)
                                            : static_cast<std::uint64_t>(value.micros);
    pad(out, magnitude / static_cast<std::uint64_t>(micros_per_hour), 2);
    out += ':';
    pad(out, magnitude / 60'000'000 % 60, 2);
    out += ':';
    pad(out, magnitude / 1'000'000 % 60, 2);
    print_fraction(out, magnitude % 1'000'000);
}

void print_iso_interval(Interval value, std::string& out) {
    const auto part = [&](std::int64_t n, char unit) {
        if (n == 0) return;
        out += std::to_string(n);
        out += unit;
    };
    const std::size_t begin = out.size();
    out += 'P';
    part(value.months / months_per_year, 'Y');
    part(value.months % months_per_year, 'M');
    part(value.days, 'D');
    if (value.micros != 0) out += 'T';
    part(value.micros / micros_per_hour, 'H');
    part(value.micros / 60'000'000 % 60, 'M');
    if (const std::int64_t rest = value.micros % 60'000'000; rest != 0) {
        const auto magnitude = static_cast<std::uint64_t>(rest < 0 ? -rest : rest);
        if (rest < 0) out += '-';
        out += std::to_string(magnitude / 1'000'000);
        print_fraction(out, magnitude % 1'000'000);
        out += 'S';
    }
    if (out.size() == begin + 1) out += "T0S";
}

// ---- Arithmetic ----

Result<std::int64_t> add_interval(std::int64_t timestamp, Interval by) {
    if (is_infinite(timestamp)) return timestamp;
    std::int64_t days = floor_div(timestamp, micros_per_day);
    const std::int64_t time = time_of_day(timestamp);
    if (by.months != 0) {
        CivilDate date = civil_from_days(days);
        const std::int64_t month = date.year * months_per_year + date.month - 1 + by.months;
        date.year = floor_div(month, months_per_year);
        date.month = static_cast<int>(month - date.year * months_per_year) + 1;
        date.day = std::min(date.day, days_in_month(date.year, date.month));
        days = days_from_civil(date);
    }
    days += by.days;
    const __int128 sum = static_cast<__int128>(days) * micros_per_day + time + by.micros;
    if (sum < timestamp_min || sum > timestamp_max) return out_of_range("timestamp");
    return static_cast<std::int64_t>(sum);
}

std::int64_t local_of(std::int64_t timestamptz, const TimeZone* zone) {
    return zone == nullptr || is_infinite(timestamptz) ? timestamptz : zone->to_local(timestamptz);
}

Result<std::int64_t> utc_of(std::int64_t timestamp, const TimeZone* zone) {
    if (zone == nullptr || is_infinite(timestamp)) return timestamp;
    const std::int64_t out = zone->to_utc(timestamp);
    if (out < timestamp_min || out > timestamp_max) return out_of_range("timestamp");
    return out;
}

Result<std::int64_t> add_interval(std::int64_t timestamptz, Interval by, const TimeZone* zone) {
    if (zone == nullptr || is_infinite(timestamptz)) return add_interval(timestamptz, by);
    std::int64_t at = timestamptz;
    for (const Interval part : {Interval{by.months, 0, 0}, Interval{0, by.days, 0}}) {
        if (part == Interval{}) continue;
        TRY(const std::int64_t local, add_interval(zone->to_local(at), part));
        TRY(at, utc_of(local, zone));
    }
    return add_interval(at, {0, 0, by.micros});
}

Result<Interval> add_intervals(Interval a, Interval b) {
    Interval out;
    if (__builtin_add_overflow(a.months, b.months, &out.months) ||
        __builtin_add_overflow(a.days, b.days, &out.days) ||
        __builtin_add_overflow(a.micros, b.micros, &out.micros)) {
        return out_of_range("interval");
    }
    return out;
}

Interval negate(Interval a) {
    Interval out;  // wraps at the least value, which add_intervals then refuses
    out.months = static_cast<std::int32_t>(-static_cast<std::uint32_t>(a.months));
    out.days = static_cast<std::int32_t>(-static_cast<std::uint32_t>(a.days));
    out.micros = static_cast<std::int64_t>(-static_cast<std::uint64_t>(a.micros));
    return out;
}

// Fractions of months cascade into days and those of days into time, as interval_mul and interval_div do.
Result<Interval> scale_interval(Interval a, double factor, bool divide) {
    const auto scaled = [&](double v) { return divide ? v / factor : v * factor; };
    const double months = scaled(a.months);
    const double days = scaled(a.days);
    if (std::isnan(months) || std::isnan(days) || !fits_int32(months) || !fits_int32(days))
        return out_of_range("interval");
    Interval out;
    out.months = static_cast<std::int32_t>(months);
    out.days = static_cast<std::int32_t>(days);
    const double month_rest = round_micros((months - out.months) * 30);
    double seconds =
        round_micros((days - out.days + month_rest - static_cast<int>(month_rest)) * seconds_per_day);
    std::int64_t day_sum = out.days;
    if (std::fabs(seconds) >= seconds_per_day) {
        const auto whole = static_cast<int>(seconds / seconds_per_day);
        day_sum += whole;
        seconds -= static_cast<double>(whole) * seconds_per_day;
    }
    day_sum += static_cast<int>(month_rest);
    const double micros = std::rint(scaled(static_cast<double>(a.micros)) + seconds * 1e6);
    if (day_sum < INT32_MIN || day_sum > INT32_MAX || std::isnan(micros) || micros < -9223372036854775808.0 ||
        micros >= 9223372036854775808.0) {
        return out_of_range("interval");
    }
    out.days = static_cast<std::int32_t>(day_sum);
    out.micros = static_cast<std::int64_t>(micros);
    return out;
}

Result<Interval> timestamp_difference(std::int64_t a, std::int64_t b) {
    if (is_infinite(a) || is_infinite(b)) return fail("22008", "cannot subtract infinite timestamps");
    Interval out;
    if (__builtin_sub_overflow(a, b, &out.micros)) return out_of_range("interval");
    return justify(out, true, false);
}

Result<Interval> timestamp_age(std::int64_t a, std::int64_t b) {
    if (is_infinite(a) || is_infinite(b)) return fail("22008", "cannot subtract infinite timestamps");
    const std::int64_t late = std::max(a, b);
    const std::int64_t early = std::min(a, b);
    const CivilDate from = civil_from_days(floor_div(early, micros_per_day));
    const CivilDate to = civil_from_days(floor_div(late, micros_per_day));
    std::int64_t micros = time_of_day(late) - time_of_day(early);
    std::int64_t days = to.day - from.day;
    std::int64_t months = (to.year - from.year) * months_per_year + to.month - from.month;
    if (micros < 0) {
        micros += micros_per_day;
        --days;
    }
    if (days < 0) {
        // PostgreSQL borrows the length of the month of its second argument, or of its first when that is
        // earlier.
        days += days_in_month(from.year, from.month);
        --months;
    }
    const Interval out{static_cast<std::int32_t>(months), static_cast<std::int32_t>(days), micros};
    return a < b ? negate(out) : out;
}

Result<Interval> justify(Interval value, bool hours, bool with_months) {
    std::int64_t months = value.months;
    std::int64_t days = value.days;
    std::int64_t micros = value.micros;
    if (hours && with_months) {
        // A first pass on days keeps the signs of justify_interval alike.
        months += days / 30;
        days %= 30;
    }
    if (hours) {
        days += micros / micros_per_day;
        micros %= micros_per_day;
    }
    if (with_months) {
        months += days / 30;
        days %= 30;
    }
    if (with_months && hours) {
        if (months > 0 && (days < 0 || (days == 0 && micros < 0))) {
            days += 30;
            --months;
        } else if (months < 0 && (days > 0 || (days == 0 && micros > 0))) {
            days -= 30;
            ++months;
        }
    }
    if (with_months && !hours) {
        if (months > 0 && days < 0) {
            days += 30;
            --months;
        } else if (months < 0 && days > 0) {
            days -= 30;
            ++months;
        }
    }
    if (hours) {
        if (days > 0 && micros < 0) {
            micros += micros_per_day;
            --days;
        } else if (days < 0 && micros > 0) {
            micros -= micros_per_day;
            ++days;
        }
    }
    if (months < INT32_MIN || months > INT32_MAX || days < INT32_MIN || days > INT32_MAX)
        return out_of_range("interval");
    return Interval{static_cast<std::int32_t>(months), static_cast<std::int32_t>(days), micros};
}

}  // namespace anabranch::sql
