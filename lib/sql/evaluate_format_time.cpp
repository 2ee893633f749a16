// to_char() of dates and intervals, and its inverses to_date() and to_timestamp().
#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>

#include "lib/sql/datetime.h"
#include "lib/sql/evaluate_format.h"
#include "lib/sql/evaluate_internal.h"
#include "lib/sql/time_zone.h"

namespace anabranch::sql {
namespace {

// tidy: table
enum class Part : std::uint8_t {
    hour24,
    hour12,
    minute,
    second,
    millis,
    micros,
    day_seconds,
    meridiem,
    dotted_meridiem,
    year_comma,
    year4,
    year3,
    year2,
    year1,
    iso_year4,
    iso_year3,
    iso_year2,
    iso_year1,
    era,
    month_name,
    month_short,
    month,
    month_roman,
    day_name,
    day_short,
    day_of_year,
    iso_day_of_year,
    day_of_month,
    day_of_week,
    iso_day_of_week,
    week_of_month,
    week_of_year,
    iso_week,
    century,
    julian,
    quarter,
    zone,
    zone_hours,
    zone_minutes,
    zone_offset,
};

struct Pattern {
    std::string_view name;
    Part part;
};
// Longer names before their prefixes. Case decides the case of words only.
// tidy: table
constexpr Pattern patterns[] = {
    {"A.M.", Part::dotted_meridiem},
    {"P.M.", Part::dotted_meridiem},
    {"AM", Part::meridiem},
    {"PM", Part::meridiem},
    {"AD", Part::era},
    {"BC", Part::era},
    {"CC", Part::century},
    {"DAY", Part::day_name},
    {"DDD", Part::day_of_year},
    {"DD", Part::day_of_month},
    {"DY", Part::day_short},
    {"D", Part::day_of_week},
    {"HH24", Part::hour24},
    {"HH12", Part::hour12},
    {"HH", Part::hour12},
    {"IDDD", Part::iso_day_of_year},
    {"ID", Part::iso_day_of_week},
    {"IW", Part::iso_week},
    {"IYYY", Part::iso_year4},
    {"IYY", Part::iso_year3},
    {"IY", Part::iso_year2},
    {"I", Part::iso_year1},
    {"J", Part::julian},
    {"MI", Part::minute},
    {"MM", Part::month},
    {"MONTH", Part::month_name},
    {"MON", Part::month_short},
    {"MS", Part::millis},
    {"OF", Part::zone_offset},
    {"Q", Part::quarter},
    {"RM", Part::month_roman},
    {"SSSSS", Part::day_seconds},
    {"SSSS", Part::day_seconds},
    {"SS", Part::second},
    {"TZH", Part::zone_hours},
    {"TZM", Part::zone_minutes},
    {"TZ", Part::zone},
    {"US", Part::micros},
    {"WW", Part::week_of_year},
    {"W", Part::week_of_month},
    {"Y,YYY", Part::year_comma},
    {"YYYY", Part::year4},
    {"YYY", Part::year3},
    {"YY", Part::year2},
    {"Y", Part::year1},
};

constexpr std::array<std::string_view, 12> months = {"January",   "February", "March",    "April",
                                                     "May",       "June",     "July",     "August",
                                                     "September", "October",  "November", "December"};
constexpr std::array<std::string_view, 7> weekdays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                      "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> romans = {"I",   "II",   "III", "IV", "V",  "VI",
                                                     "VII", "VIII", "IX",  "X",  "XI", "XII"};

char upper_of(char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
}
char lower_of(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

const Pattern* match(std::string_view text) {
    for (const Pattern& p : patterns) {
        if (text.size() >= p.name.size() && std::equal(p.name.begin(), p.name.end(), text.begin(),
                                                       [](char a, char b) { return a == upper_of(b); }))
            return &p;
    }
    return nullptr;
}

// What is to be shown: a point in time, or an interval's fields.
struct Fields {
    std::int64_t year = 0, days = 0;  // days since 2000
    int month = 0, day = 0;
    std::int64_t hour = 0;
    int minute = 0, second = 0, micros = 0;
    bool interval = false;
    std::string zone;         // "CEST"; empty: there is none
    std::int64_t offset = 0;  // seconds east
};

std::string lower_text(std::string text) {
    for (char& c : text) c = lower_of(c);
    return text;
}

std::string digits(std::int64_t value, std::size_t width, bool fill) {
    std::string out = std::to_string(value < 0 ? -value : value);
    if (!fill && out.size() < width) out.insert(0, width - out.size(), '0');
    return (value < 0 ? "-" : "") + out;
}

// A word in the case of its pattern, padded to nine unless FM.
std::string word(std::string_view name, std::string_view pattern, std::size_t padded) {
    std::string out(name);
    const bool all_upper = pattern.size() > 1 && pattern[1] >= 'A' && pattern[1] <= 'Z';
    if (pattern[0] >= 'a') {
        std::transform(out.begin(), out.end(), out.begin(), lower_of);
    } else if (all_upper) {
        std::transform(out.begin(), out.end(), out.begin(), upper_of);
    }
    if (out.size() < padded) out.append(padded - out.size(), ' ');
    return out;
}

std::int64_t power(std::size_t n) {
    std::int64_t out = 1;
    for (; n > 0; --n) out *= 10;
    return out;
}

// The last `width` digits of a year; all of it for four.
std::string year_digits(std::int64_t year, std::size_t width, bool fill) {
    const std::int64_t shown = year <= 0 ? 1 - year : year;
    return digits(width == 4 ? shown : shown % power(width), width, fill);
}

std::string zone_hours(const Fields& f) {
    return (f.offset < 0 ? "-" : "+") + digits(std::abs(f.offset) / 3600, 2, false);
}
std::string zone_minutes(const Fields& f) {
    return digits(std::abs(f.offset) / 60 % 60, 2, false);
}

// tidy: table
std::string show(Part part, const Fields& f, std::string_view pattern, bool fill) {
    const std::int64_t hour12 = f.hour % 12 == 0 ? 12 : f.hour % 12;
    const std::int64_t first_of_year = f.interval ? 0 : days_from_civil({f.year, 1, 1});
    const std::int64_t day_of_year = f.interval ? 0 : f.days - first_of_year + 1;
    const IsoWeek week = f.interval ? IsoWeek{} : iso_week(f.days);
    const std::size_t padded = fill ? 0 : 9;
    switch (part) {
        case Part::hour24:
            return digits(f.hour, 2, fill);
        case Part::hour12:
            return digits(hour12, 2, fill);
        case Part::minute:
            return digits(f.minute, 2, fill);
        case Part::second:
            return digits(f.second, 2, fill);
        case Part::millis:
            return digits(f.micros / 1000, 3, fill);
        case Part::micros:
            return digits(f.micros, 6, fill);
        case Part::day_seconds:
            return std::to_string((f.hour * 60 + f.minute) * 60 + f.second);
        case Part::meridiem:
            return word(f.hour % 24 >= 12 ? "PM" : "AM", pattern, 0);
        case Part::dotted_meridiem: {
            std::string out = f.hour % 24 >= 12 ? "P.M." : "A.M.";
            if (pattern[0] >= 'a') std::transform(out.begin(), out.end(), out.begin(), lower_of);
            return out;
        }
        case Part::year_comma: {
            const std::int64_t y = f.year <= 0 ? 1 - f.year : f.year;
            return std::to_string(y / 1000) + "," + digits(y % 1000, 3, false);
        }
        case Part::year4:
            return f.interval ? digits(f.year, 4, fill) : year_digits(f.year, 4, fill);
        case Part::year3:
            return year_digits(f.year, 3, fill);
        case Part::year2:
            return year_digits(f.year, 2, fill);
        case Part::year1:
            return year_digits(f.year, 1, fill);
        case Part::iso_year4:
            return year_digits(week.year, 4, fill);
        case Part::iso_year3:
            return year_digits(week.year, 3, fill);
        case Part::iso_year2:
            return year_digits(week.year, 2, fill);
        case Part::iso_year1:
            return year_digits(week.year, 1, fill);
        case Part::era:
            return word(f.year <= 0 ? "BC" : "AD", pattern, 0);
        case Part::month_name:
            return f.month == 0 ? "" : word(months[static_cast<std::size_t>(f.month - 1)], pattern, padded);
        case Part::month_short:
            return f.month == 0
                       ? ""
                       : word(months[static_cast<std::size_t>(f.month - 1)].substr(0, 3), pattern, 0);
        case Part::month:
            return digits(f.month, 2, fill);
        case Part::month_roman:
            return f.month == 0 ? ""
                                : word(romans[static_cast<std::size_t>(f.month - 1)],
                                       pattern[0] >= 'a' ? "rm" : "RM", fill ? 0 : 4);
        case Part::day_name:
            return word(weekdays[static_cast<std::size_t>(day_of_week(f.days))], pattern, padded);
        case Part::day_short:
            return word(weekdays[static_cast<std::size_t>(day_of_week(f.days))].substr(0, 3), pattern, 0);
        case Part::day_of_year:
            return digits(day_of_year, 3, fill);
        case Part::iso_day_of_year:
            return digits((week.week - 1) * 7 + (day_of_week(f.days) + 6) % 7 + 1, 3, fill);
        case Part::day_of_month:
            return f.day < 0 ? std::to_string(f.day) : digits(f.day, 2, fill);
        case Part::day_of_week:
            return std::to_string(day_of_week(f.days) + 1);
        case Part::iso_day_of_week:
            return std::to_string((day_of_week(f.days) + 6) % 7 + 1);
        case Part::week_of_month:
            return std::to_string((f.day - 1) / 7 + 1);
        case Part::week_of_year:
            return digits((day_of_year - 1) / 7 + 1, 2, fill);
        case Part::iso_week:
            return digits(week.week, 2, fill);
        case Part::century:
            return digits(f.year > 0 ? (f.year + 99) / 100 : -((99 - (f.year - 1)) / 100), 2, fill);
        case Part::julian:
            return std::to_string(f.days + 2451545);
        case Part::quarter:
            return std::to_string((f.month - 1) / 3 + 1);
        case Part::zone:
            return pattern[0] >= 'a' ? lower_text(f.zone) : f.zone;
        case Part::zone_hours:
            return zone_hours(f);
        case Part::zone_minutes:
            return zone_minutes(f);
        case Part::zone_offset:
            return zone_hours(f) + (zone_minutes(f) == "00" ? "" : ":" + zone_minutes(f));
    }
    return {};
}

std::string ordinal(std::string number, bool capital) {
    const bool teen = number.size() > 1 && number[number.size() - 2] == '1';
    std::string_view suffix = "th";
    if (!teen && !number.empty()) {
        if (number.back() == '1') suffix = "st";
        if (number.back() == '2') suffix = "nd";
        if (number.back() == '3') suffix = "rd";
    }
    for (const char c : suffix) number += capital ? upper_of(c) : c;
    return number;
}

Fields fields_of(Type type, Datum value, const EnumLabels* labels) {
    Fields f;
    if (type.id == TypeId::interval) {
        const Interval i = read_interval(value.as_bytes());
        f.interval = true;
        f.year = i.months / 12;
        f.month = i.months % 12;
        f.day = i.days;
        f.days = i.days;
        f.hour = i.micros / micros_per_hour;
        f.minute = static_cast<int>(i.micros / (60 * micros_per_second) % 60);
        f.second = static_cast<int>(i.micros / micros_per_second % 60);
        f.micros = static_cast<int>(i.micros % micros_per_second);
        return f;
    }
    std::int64_t timestamp = value.as_integer();
    if (type.id == TypeId::timestamptz) {
        const TimeZone* zone = zone_of(labels);
        f.zone = zone == nullptr ? "UTC" : zone->abbreviation_at(timestamp);
        f.offset = zone == nullptr ? 0 : zone->offset_at(timestamp);
        timestamp += f.offset * micros_per_second;
    }
    f.days = timestamp_to_date(timestamp);
    const CivilDate date = civil_from_days(f.days);
    const CivilTime time = civil_time(time_of_day(timestamp));
    f.year = date.year;
    f.month = date.month;
    f.day = date.day;
    f.hour = time.hour;
    f.minute = time.minute;
    f.second = time.second;
    f.micros = time.micros;
    return f;
}

// Calls on_part(pattern, its text, FM, suffix), on_text(character) along a format.
template <typename OnPart, typename OnText>
void walk(std::string_view format, OnPart&& on_part, OnText&& on_text) {
    while (!format.empty()) {
        if (format.front() == '"') {
            format.remove_prefix(1);
            while (!format.empty() && format.front() != '"') {
                if (format.front() == '\\' && format.size() > 1) format.remove_prefix(1);
                on_text(format.front());
                format.remove_prefix(1);
            }
            if (!format.empty()) format.remove_prefix(1);
            continue;
        }
        const bool has_prefix = format.size() > 2 && upper_of(format[1]) == 'M' && upper_of(format[0]) == 'F';
        const Pattern* pattern = match(has_prefix ? format.substr(2) : format);
        if (pattern == nullptr) {
            if (has_prefix) {
                format.remove_prefix(2);
                continue;
            }
            if (format.front() == '\\' && format.size() > 1 && format[1] == '"') format.remove_prefix(1);
            on_text(format.front());
            format.remove_prefix(1);
            continue;
        }
        if (has_prefix) format.remove_prefix(2);
        const std::string_view text = format.substr(0, pattern->name.size());
        format.remove_prefix(text.size());
        char suffix = 0;
        if (format.starts_with("th") || format.starts_with("TH")) {
            suffix = format.front();
            format.remove_prefix(2);
        }
        on_part(*pattern, text, has_prefix, suffix);
    }
}

}  // namespace

Datum time_to_char(EvalContext& c, const CallSite& site, const Datum* args) {
    if (site.args[0].id != TypeId::interval &&
        (args[0].as_integer() == timestamp_infinity || args[0].as_integer() == timestamp_minus_infinity)) {
        return {};
    }
    const Fields fields = fields_of(site.args[0], args[0], c.labels);
    std::string out;
    walk(
        args[1].as_bytes(),
        [&](const Pattern& pattern, std::string_view text, bool fill, char suffix) {
            if (fields.interval && pattern.part == Part::day_name) return;
            std::string shown = show(pattern.part, fields, text, fill);
            out += suffix != 0 ? ordinal(std::move(shown), suffix == 'T') : shown;
        },
        [&](char ch) { out += ch; });
    return make_bytes(c, out);
}

namespace {

// What to_date() and to_timestamp() have read.
struct Read {
    std::int64_t year = 0;
    int month = 1, day = 1, hour = 0, minute = 0, second = 0, micros = 0;
    int half = 0;  // 1 am, 2 pm
    std::int64_t day_of_year = 0;
    bool before_christ = false, has_year = false;
};

class Scanner {
  public:
    Scanner(std::string_view text, std::string_view format) : text_(text), format_(format) {}

    Result<Read> run() {
        walk(
            format_,
            [&](const Pattern& pattern, std::string_view, bool, char suffix) {
                if (error_) return;
                read(pattern);
                if (suffix != 0) text_.remove_prefix(std::min<std::size_t>(2, text_.size()));
            },
            [&](char ch) { literal(ch); });
        if (error_) return std::unexpected(*error_);
        return out_;
    }

  private:
    static bool is_digit(char c) { return c >= '0' && c <= '9'; }
    static bool is_separator(char c) { return !is_digit(c) && upper_of(c) == lower_of(c); }

    void literal(char ch) {
        if (text_.empty()) return;
        if (is_separator(ch)) {
            while (!text_.empty() && text_.front() == ' ' && ch != ' ') text_.remove_prefix(1);
            if (!text_.empty() && is_separator(text_.front())) text_.remove_prefix(1);
        } else {
            text_.remove_prefix(1);
        }
    }
    void bad(std::string_view what) {
        error_ = Error::make("22007", "invalid value \"" + std::string(text_.substr(0, 10)) + "\" for \"" +
                                          std::string(what) + "\"");
    }
    int number(const Pattern& pattern, std::size_t width) {
        while (!text_.empty() && is_separator(text_.front()) && text_.front() != '-' && text_.front() != '+')
            text_.remove_prefix(1);
        std::size_t n = 0;
        int value = 0;
        while (n < text_.size() && n < width && is_digit(text_[n])) value = value * 10 + (text_[n++] - '0');
        if (n == 0) bad(pattern.name);
        text_.remove_prefix(n);
        consumed_ = n;
        return value;
    }
    template <typename Names>
    int name(const Pattern& pattern, const Names& names, bool shortened) {
        for (std::size_t i = 0; i < names.size(); ++i) {
            const std::string_view wanted = shortened ? names[i].substr(0, 3) : names[i];
            if (text_.size() >= wanted.size() &&
                std::equal(wanted.begin(), wanted.end(), text_.begin(),
                           [](char a, char b) { return lower_of(a) == lower_of(b); })) {
                text_.remove_prefix(wanted.size());
                return static_cast<int>(i);
            }
        }
        bad(pattern.name);
        return 0;
    }
    void fraction(const Pattern& pattern, std::size_t width) {
        int value = number(pattern, width);
        for (std::size_t i = consumed_; i < 6; ++i) value *= 10;
        out_.micros = value;
    }

    // tidy: table
    void read(const Pattern& p) {
        switch (p.part) {
            case Part::hour24:
                out_.hour = number(p, 2);
                break;
            case Part::hour12:
                out_.hour = number(p, 2);
                break;
            case Part::minute:
                out_.minute = number(p, 2);
                break;
            case Part::second:
                out_.second = number(p, 2);
                break;
            case Part::millis:
                fraction(p, 3);
                break;
            case Part::micros:
                fraction(p, 6);
                break;
            case Part::day_seconds: {
                const int seconds = number(p, 5);
                out_.hour = seconds / 3600;
                out_.minute = seconds / 60 % 60;
                out_.second = seconds % 60;
                break;
            }
            case Part::meridiem:
                out_.half = name(p, std::array<std::string_view, 2>{"AM", "PM"}, false) + 1;
                break;
            case Part::era:
                out_.before_christ = name(p, std::array<std::string_view, 2>{"AD", "BC"}, false) == 1;
                break;
            case Part::year4:
                year(number(p, 4));
                break;
            case Part::year2: {
                const int y = number(p, 2);
                year(y < 70 ? y + 2000 : y + 1900);
                break;
            }
            case Part::month:
                out_.month = number(p, 2);
                break;
            case Part::month_name:
                out_.month = name(p, months, false) + 1;
                break;
            case Part::month_short:
                out_.month = name(p, months, true) + 1;
                break;
            case Part::day_of_month:
                out_.day = number(p, 2);
                break;
            case Part::day_of_year:
                out_.day_of_year = number(p, 3);
                break;
            case Part::day_name:
                name(p, weekdays, false);
                break;
            case Part::day_short:
                name(p, weekdays, true);
                break;
            default:
                error_ =
                    Error::make(sqlstate::feature_not_supported,
                                "format pattern \"" + std::string(p.name) + "\" is not supported for input");
        }
    }
    void year(std::int64_t value) {
        out_.year = value;
        out_.has_year = true;
    }

    std::string_view text_, format_;
    std::size_t consumed_ = 0;
    Read out_;
    std::optional<Error> error_;
};

Result<std::int64_t> read_timestamp(std::string_view text, std::string_view format) {
    TRY(Read r, Scanner(text, format).run());
    if (!r.has_year) r.year = 0;  // 1 BC, as PostgreSQL has it when no year is read
    if (r.before_christ) r.year = 1 - r.year;
    if (r.half != 0) {
        if (r.hour < 1 || r.hour > 12) {
            return std::unexpected(
                Error::make("22007",
                            "hour \"" + std::to_string(r.hour) + "\" is invalid for the 12-hour clock")
                    .with_hint("Use the 24-hour clock, or give an hour between 1 and 12."));
        }
        r.hour = r.hour % 12 + (r.half == 2 ? 12 : 0);
    }
    const auto outside = [&] {
        return fail("22008", "date/time field value out of range: \"" + std::string(text) + "\"");
    };
    if (!valid_date(r.year, r.month, r.day) || r.hour > 23 || r.minute > 59 || r.second > 59)
        return outside();
    std::int64_t days = days_from_civil({r.year, r.month, r.day});
    if (r.day_of_year > 0) {
        if (r.day_of_year > 366) return outside();
        days = days_from_civil({r.year, 1, 1}) + r.day_of_year - 1;
    }
    return days * micros_per_day + ((r.hour * 60LL + r.minute) * 60 + r.second) * micros_per_second +
           r.micros;
}

}  // namespace

Datum to_date_kernel(EvalContext& c, const CallSite&, const Datum* args) {
    const Result<std::int64_t> micros = read_timestamp(args[0].as_bytes(), args[1].as_bytes());
    if (!micros) return c.fail(micros.error());
    return Datum::integer(timestamp_to_date(*micros));
}
Datum to_timestamp_format_kernel(EvalContext& c, const CallSite&, const Datum* args) {
    const Result<std::int64_t> local = read_timestamp(args[0].as_bytes(), args[1].as_bytes());
    if (!local) return c.fail(local.error());
    return unwrap_integer(c, utc_of(*local, zone_of(c.labels)));
}

}  // namespace anabranch::sql
