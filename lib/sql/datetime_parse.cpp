// Reading dates, times and timestamps: ISO 8601 and the everyday forms PostgreSQL takes with DateStyle MDY.
#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <span>
#include <utility>

#include "lib/sql/datetime.h"
#include "lib/sql/time_zone.h"

namespace anabranch::sql {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_letter(char c) {
    return c >= 'a' && c <= 'z';
}
bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

std::string lower_trimmed(std::string_view text) {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    std::string out(text);
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    }
    return out;
}

// Index of a word in a list of names that may be shortened to three letters; -1 if it is none.
int index_of(std::string_view word, std::span<const std::string_view> names) {
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (word == names[i] || (word.size() == 3 && names[i].starts_with(word))) return static_cast<int>(i);
    }
    return -1;
}

constexpr std::array<std::string_view, 12> month_names = {"january",   "february", "march",    "april",
                                                          "may",       "june",     "july",     "august",
                                                          "september", "october",  "november", "december"};
constexpr std::array<std::string_view, 7> day_names = {"sunday",   "monday", "tuesday", "wednesday",
                                                       "thursday", "friday", "saturday"};

int month_of(std::string_view word) {
    return word == "sept" ? 9 : index_of(word, month_names) + 1;
}

struct Zone {
    std::string_view name;
    int hours;
};
constexpr Zone zones[] = {{"utc", 0},     {"gmt", 0},  {"z", 0},    {"zulu", 0}, {"ut", 0},   {"uct", 0},
                          {"etc/utc", 0}, {"wet", 0},  {"est", -5}, {"edt", -4}, {"cst", -6}, {"cdt", -5},
                          {"mst", -7},    {"mdt", -6}, {"pst", -8}, {"pdt", -7}, {"cet", 1},  {"cest", 2},
                          {"eet", 2},     {"eest", 3}, {"west", 1}, {"bst", 1},  {"msk", 3},  {"jst", 9}};

std::optional<std::int32_t> named_zone(std::string_view word) {
    for (const Zone& zone : zones) {
        if (zone.name == word) return zone.hours * 3600;
    }
    return {};
}

// +02, -0530, +05:30[:15]: seconds east. Takes what it reads from `text`.
std::optional<std::int32_t> take_offset(std::string_view& text) {
    const bool negative = text.front() == '-';
    text.remove_prefix(1);
    int parts[3] = {0, 0, 0};
    std::size_t count = 0;
    std::size_t digits = 0;
    while (digits < text.size() && is_digit(text[digits])) ++digits;
    if (digits == 0 || digits > 6) return {};
    if (digits > 2) {  // hmm, hhmm, hhmmss
        const std::string padded = (digits % 2 == 1 ? "0" : "") + std::string(text.substr(0, digits));
        for (; count < padded.size() / 2; ++count)
            parts[count] = (padded[2 * count] - '0') * 10 + padded[2 * count + 1] - '0';
        text.remove_prefix(digits);
    } else {
        for (;;) {
            const char* end = text.data() + std::min<std::size_t>(text.size(), 2);
            const auto [next, status] = std::from_chars(text.data(), end, parts[count]);
            if (status != std::errc{}) return {};
            text.remove_prefix(static_cast<std::size_t>(next - text.data()));
            if (++count == 3 || text.size() < 2 || text.front() != ':' || !is_digit(text[1])) break;
            text.remove_prefix(1);
        }
    }
    if (parts[0] > 15 || parts[1] > 59 || parts[2] > 59) return {};
    const int seconds = parts[0] * 3600 + parts[1] * 60 + parts[2];
    return negative ? -seconds : seconds;
}

enum class Problem : std::uint8_t { none, syntax, range, zone_range, zone_name, clock };

// What a text says, field by field.
struct Reading {
    std::int64_t year = 0;
    int month = 0, day = 0;
    bool has_year = false, has_month = false, has_day = false;
    bool before_christ = false, short_year = false;
    std::int64_t micros = 0;
    bool has_time = false;
    int half_day = 0;  // 1 am, 2 pm
    std::optional<TimeZone> zone;
    enum class Special : std::uint8_t { none, infinity, minus_infinity, epoch } special = Special::none;
};

class Reader {
  public:
    explicit Reader(std::string_view text, bool only_time = false) : text_(text), only_time_(only_time) {}

    Problem read(Reading& out) {
        while (!text_.empty()) {
            const Problem problem = token(out);
            if (problem != Problem::none) return problem;
        }
        return finish(out);
    }

  private:
    std::size_t run_of_digits() const {
        std::size_t n = 0;
        while (n < text_.size() && is_digit(text_[n])) ++n;
        return n;
    }

    int take_number(std::size_t size) {
        int value = 0;
        for (std::size_t i = 0; i < size; ++i) value = value * 10 + (text_[i] - '0');
        text_.remove_prefix(size);
        return value;
    }

    Problem token(Reading& out) {
        const char c = text_.front();
        if (is_space(c) || c == ',') {
            text_.remove_prefix(1);
            apart_ = true;
            return Problem::none;
        }
        const bool apart = std::exchange(apart_, false);
        if (is_letter(c)) return word(out);
        if (c == '+' || c == '-') {
            if (!out.has_time && text_.size() > 1 && is_letter(text_[1])) return special(out, c == '-');
            // Behind a date alone too, but 2024-03-31-02 is none.
            if (out.zone || (!out.has_time && !(out.has_day && (apart || c == '+')))) return Problem::syntax;
            if (text_.size() == 1 || !is_digit(text_[1])) return Problem::syntax;
            const auto offset = take_offset(text_);
            if (!offset) return Problem::zone_range;
            out.zone = TimeZone::at_offset(*offset);
            return Problem::none;
        }
        if (!is_digit(c)) return Problem::syntax;
        const std::size_t digits = run_of_digits();
        const char next = digits < text_.size() ? text_[digits] : ' ';
        if (next == ':') return time(out, digits);
        if ((next == '-' || next == '/' || next == '.') && !out.has_day) return date(out, digits, next);
        return number(out, digits);
    }

    Problem special(Reading& out, bool negative) {
        text_.remove_prefix(1);
        if (text_ != "infinity") return Problem::syntax;
        text_ = {};
        out.special = negative ? Reading::Special::minus_infinity : Reading::Special::infinity;
        return Problem::none;
    }

    Problem word(Reading& out) {
        std::size_t size = 0;
        while (size < text_.size() && (is_letter(text_[size]) || text_[size] == '/' || text_[size] == '_'))
            ++size;
        const std::string_view w = text_.substr(0, size);
        const bool last = size == text_.size();
        text_.remove_prefix(size);
        if (w == "infinity" && last) {
            out.special = Reading::Special::infinity;
        } else if (w == "epoch") {
            out.special = Reading::Special::epoch;
        } else if (w == "now" || w == "today" || w == "tomorrow" || w == "yesterday") {
            return Problem::clock;
        } else if (w == "t" && out.has_day && !out.has_time) {
            return Problem::none;
        } else if (w == "am" || w == "pm") {
            if (!out.has_time || out.half_day != 0) return Problem::syntax;
            out.half_day = w == "am" ? 1 : 2;
        } else if (w == "bc" || w == "ad") {
            out.before_christ = w == "bc";
        } else if (const int month = month_of(w); month > 0) {
            if (out.has_month) return Problem::syntax;
            out.month = month;
            out.has_month = true;
            if (!text_.empty() && text_.front() == '-') text_.remove_prefix(1);
        } else if (index_of(w, day_names) < 0) {
            return zone_word(out, w);
        }
        return Problem::none;
    }

    Problem zone_word(Reading& out, std::string_view w) {
        if (!out.has_time && !out.has_day) return Problem::syntax;
        if (out.zone) return Problem::syntax;
        if (const auto zone = TimeZone::find(w))
            out.zone = *zone;
        else
            return w.find('/') != std::string_view::npos ? Problem::zone_name : Problem::syntax;
        return Problem::none;
    }

    // hh:mm[:ss[.fraction]]
    Problem time(Reading& out, std::size_t digits) {
        if (out.has_time || digits > 2) return Problem::syntax;
        const int hour = take_number(digits);
        text_.remove_prefix(1);
        digits = run_of_digits();
        if (digits == 0 || digits > 2) return Problem::syntax;
        const int minute = take_number(digits);
        int second = 0;
        if (!text_.empty() && text_.front() == ':') {
            text_.remove_prefix(1);
            digits = run_of_digits();
            if (digits == 0 || digits > 2) return Problem::syntax;
            second = take_number(digits);
        }
        return clock(out, hour, minute, second);
    }

    Problem clock(Reading& out, int hour, int minute, int second) {
        std::int64_t micros = 0;
        if (text_.size() > 0 && text_.front() == '.') {
            text_.remove_prefix(1);
            const std::size_t digits = run_of_digits();
            for (std::size_t i = 0; i < 6; ++i) micros = micros * 10 + (i < digits ? text_[i] - '0' : 0);
            if (digits > 6 && text_[6] >= '5') ++micros;
            text_.remove_prefix(digits);
        }
        if (minute > 59 || second > 60 || hour > 24) return Problem::range;
        out.micros = ((hour * 60LL + minute) * 60 + second) * micros_per_second + micros;
        out.has_time = true;
        return out.micros > micros_per_day ? Problem::range : Problem::none;
    }

    // Three fields with one separator; the month may be a name. A first field of three digits or more is the
    // year.
    Problem date(Reading& out, std::size_t digits, char separator) {
        std::string_view fields[3];
        std::size_t count = 0;
        fields[count++] = text_.substr(0, digits);
        text_.remove_prefix(digits);
        while (count < 3 && !text_.empty() && text_.front() == separator) {
            std::size_t size = 1;
            while (size < text_.size() && (is_digit(text_[size]) || is_letter(text_[size]))) {
                if (size > 1 && is_digit(text_[size]) != is_digit(text_[size - 1])) break;
                ++size;
            }
            fields[count++] = text_.substr(1, size - 1);
            text_.remove_prefix(size);
        }
        if (count == 2 && out.has_month && !out.has_day) {  // 8-jan is read below; "jan 8-1999" here
            return set_day_and_year(out, fields[0], fields[1]);
        }
        if (count == 2 && separator == '-' && fields[1].size() == 3 && is_digit(fields[1][0]) &&
            fields[0].size() >= 4) {
            return ordinal(out, fields[0], fields[1]);
        }
        if (count != 3 || out.has_year) return Problem::syntax;
        std::size_t year = fields[0].size() >= 3 ? 0 : 2;
        std::size_t month = year == 0 ? 1 : 0;
        std::size_t day = year == 0 ? 2 : 1;
        for (std::size_t i = 0; i < 3; ++i) {
            if (fields[i].empty() || is_digit(fields[i][0]) || i == month) continue;
            std::swap(month, i == day ? day : year);
        }
        out.month = is_digit(fields[month].empty() ? 'x' : fields[month][0]) ? -1 : month_of(fields[month]);
        if (out.month == 0) return Problem::syntax;
        if (out.month < 0 && !parse(fields[month], out.month)) return Problem::range;
        out.has_month = true;
        return set_day_and_year(out, fields[day], fields[year]);
    }

    Problem set_day_and_year(Reading& out, std::string_view day, std::string_view year) {
        if (day.empty() || year.empty() || !is_digit(day[0]) || !is_digit(year[0])) return Problem::syntax;
        int value = 0;
        if (!parse(day, out.day) || !parse(year, value)) return Problem::range;
        out.year = value;
        out.short_year = year.size() <= 2;
        out.has_day = out.has_year = out.has_month = true;
        return Problem::none;
    }

    Problem ordinal(Reading& out, std::string_view year, std::string_view day_of_year) {
        int y = 0;
        int d = 0;
        if (!parse(year, y) || !parse(day_of_year, d) || y > 6'000'000) return Problem::range;
        if (d < 1 || d > 366) return Problem::range;
        const CivilDate civil = civil_from_days(days_from_civil({y, 1, 1}) + d - 1);
        out.year = civil.year;
        out.month = civil.month;
        out.day = civil.day;
        out.has_year = out.has_month = out.has_day = true;
        return Problem::none;
    }

    // Digits alone: yyyymmdd, yymmdd, hhmmss after a date, or the day or year beside a month's name.
    Problem number(Reading& out, std::size_t digits) {
        if ((out.has_day && out.has_year) || only_time_) {
            if (out.has_time || (digits != 6 && digits != 4)) return Problem::syntax;
            const int hour = take_number(2);
            const int minute = take_number(2);
            const int second = digits == 6 ? take_number(2) : 0;
            return clock(out, hour, minute, second);
        }
        if (!out.has_month && (digits == 8 || digits == 6)) {
            out.short_year = digits == 6;
            out.year = take_number(digits - 4);
            out.month = take_number(2);
            out.day = take_number(2);
            out.has_year = out.has_month = out.has_day = true;
            return Problem::none;
        }
        if (digits > 6) return Problem::range;
        if (out.has_day || digits >= 3) {
            if (out.has_year) return Problem::syntax;
            out.short_year = digits <= 2;
            out.year = take_number(digits);
            out.has_year = true;
        } else {
            out.day = take_number(digits);
            out.has_day = true;
        }
        if (text_.size() > 1 && text_.front() == '-' && is_letter(text_[1])) text_.remove_prefix(1);
        return Problem::none;
    }

    static bool parse(std::string_view digits, int& out) {
        const auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
        return status == std::errc{} && end == digits.data() + digits.size();
    }

    static Problem finish(Reading& out) {
        if (out.half_day != 0) {
            const std::int64_t hour = out.micros / micros_per_hour;
            if (hour > 12) return Problem::range;
            if (out.half_day == 1 && hour == 12) out.micros -= 12 * micros_per_hour;
            if (out.half_day == 2 && hour < 12) out.micros += 12 * micros_per_hour;
        }
        if (out.has_year || out.has_month || out.has_day) {
            const bool alone = out.has_day && !out.has_month && !out.has_year;
            if (alone && out.day > 12) return Problem::range;
            if (!out.has_year || !out.has_month || !out.has_day) return Problem::syntax;
            if (out.before_christ) {
                if (out.year <= 0) return Problem::range;
                out.year = 1 - out.year;
            } else if (out.short_year) {
                out.year += out.year < 70 ? 2000 : 1900;
            } else if (out.year == 0) {
                return Problem::range;
            }
            if (!valid_date(out.year, out.month, out.day)) return Problem::range;
        }
        return Problem::none;
    }

    std::string_view text_;
    bool only_time_;      // digits alone are a time
    bool apart_ = false;  // from what stood before
};

// The word with a slash.
std::string zone_in(std::string_view text) {
    const auto slash = text.find('/');
    const auto begin = text.substr(0, slash).rfind(' ') + 1;
    return lower_trimmed(text.substr(begin, text.find(' ', slash) - begin));
}

std::unexpected<Error> explain(Problem problem, std::string_view text, const char* type) {
    const std::string quoted = "\"" + std::string(text) + "\"";
    switch (problem) {
        case Problem::range:
            return fail("22008", "date/time field value out of range: " + quoted);
        case Problem::zone_range:
            return fail("22009", "time zone displacement out of range: " + quoted);
        case Problem::zone_name:
            return fail("22023", "time zone \"" + zone_in(text) + "\" not recognized");
        case Problem::clock:
            return std::unexpected(Error::make("0A000", "the clock word in " + quoted + " is not supported")
                                       .with_hint("Use now() or current_date."));
        case Problem::none:
        case Problem::syntax:
            break;
    }
    return fail("22007", std::string("invalid input syntax for type ") + type + ": " + quoted);
}

}  // namespace

std::optional<std::int32_t> zone_offset(std::string_view zone) {
    const std::string name = lower_trimmed(zone);
    if (const auto known = named_zone(name)) return *known;
    std::string_view rest = name;
    if (!rest.empty() && (rest.front() == '+' || rest.front() == '-')) {
        // A bare offset as a zone name follows POSIX: positive is west of Greenwich.
        const auto offset = take_offset(rest);
        if (offset && rest.empty()) return -*offset;
    }
    return {};
}

Result<std::int64_t> parse_date(std::string_view text) {
    const std::string lowered = lower_trimmed(text);
    Reading r;
    if (const Problem p = Reader(lowered).read(r); p != Problem::none) return explain(p, text, "date");
    switch (r.special) {
        case Reading::Special::infinity:
            return date_infinity;
        case Reading::Special::minus_infinity:
            return date_minus_infinity;
        case Reading::Special::epoch:
            return -unix_epoch_days;
        case Reading::Special::none:
            break;
    }
    if (!r.has_day) return explain(Problem::syntax, text, "date");
    const std::int64_t days = days_from_civil({r.year, r.month, r.day});
    if (days < date_min || days > date_max)
        return fail("22008", "date out of range: \"" + std::string(text) + "\"");
    return days;
}

Result<std::int64_t> parse_time(std::string_view text) {
    const std::string lowered = lower_trimmed(text);
    Reading r;
    if (const Problem p = Reader(lowered, true).read(r); p != Problem::none) return explain(p, text, "time");
    const bool moves = r.zone && r.zone->is_named();  // on which day?
    if (!r.has_time || moves || r.special != Reading::Special::none)
        return explain(Problem::syntax, text, "time");
    return r.micros;
}

Result<std::int64_t> parse_timestamp(std::string_view text, bool with_zone, const TimeZone* zone) {
    const char* type = with_zone ? "timestamp with time zone" : "timestamp";
    const std::string lowered = lower_trimmed(text);
    Reading r;
    if (const Problem p = Reader(lowered).read(r); p != Problem::none) return explain(p, text, type);
    switch (r.special) {
        case Reading::Special::infinity:
            return timestamp_infinity;
        case Reading::Special::minus_infinity:
            return timestamp_minus_infinity;
        case Reading::Special::epoch:
            return -unix_epoch_days * micros_per_day;
        case Reading::Special::none:
            break;
    }
    if (!r.has_day) return explain(Problem::syntax, text, type);
    const auto local =
        static_cast<__int128>(days_from_civil({r.year, r.month, r.day})) * micros_per_day + r.micros;
    if (!with_zone)
        zone = nullptr;
    else if (r.zone)
        zone = &*r.zone;
    const std::int64_t margin = zone != nullptr ? micros_per_day : 0;  // a zone may move it into its type
    if (local >= timestamp_min - margin && local <= timestamp_max + margin) {
        auto micros = static_cast<std::int64_t>(local);
        if (zone != nullptr) micros = zone->to_utc(micros);
        if (micros >= timestamp_min && micros <= timestamp_max) return micros;
    }
    return fail("22008", "timestamp out of range: \"" + std::string(text) + "\"");
}

}  // namespace anabranch::sql
