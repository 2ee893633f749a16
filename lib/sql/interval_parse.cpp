// Reading intervals: "1 year 2 mons -3 days 04:05:06", "@ 1 hour ago", "1-2 3 4:05" and ISO 8601's P1Y2DT3H.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "lib/sql/datetime.h"

namespace anabranch::sql {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

enum class Unit : std::uint8_t { micros, days, months };
struct UnitName {
    std::string_view name;
    Unit unit;
    std::int64_t count;
};
// tidy: table
constexpr UnitName units[] = {
    {"microsecond", Unit::micros, 1},
    {"usec", Unit::micros, 1},
    {"us", Unit::micros, 1},
    {"millisecond", Unit::micros, 1000},
    {"msec", Unit::micros, 1000},
    {"ms", Unit::micros, 1000},
    {"second", Unit::micros, micros_per_second},
    {"sec", Unit::micros, micros_per_second},
    {"s", Unit::micros, micros_per_second},
    {"minute", Unit::micros, 60 * micros_per_second},
    {"min", Unit::micros, 60 * micros_per_second},
    {"m", Unit::micros, 60 * micros_per_second},
    {"hour", Unit::micros, micros_per_hour},
    {"hr", Unit::micros, micros_per_hour},
    {"h", Unit::micros, micros_per_hour},
    {"day", Unit::days, 1},
    {"d", Unit::days, 1},
    {"week", Unit::days, 7},
    {"w", Unit::days, 7},
    {"month", Unit::months, 1},
    {"mon", Unit::months, 1},
    {"year", Unit::months, 12},
    {"yr", Unit::months, 12},
    {"y", Unit::months, 12},
    {"decade", Unit::months, 120},
    {"dec", Unit::months, 120},
    {"century", Unit::months, 1200},
    {"centurie", Unit::months, 1200},
    {"cent", Unit::months, 1200},
    {"c", Unit::months, 1200},
    {"millennium", Unit::months, 12000},
    {"millennia", Unit::months, 12000},
    {"mil", Unit::months, 12000},
};

const UnitName* find_unit(std::string_view name) {
    std::string lowered(name);
    for (char& c : lowered) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    }
    const auto find = [](std::string_view wanted) -> const UnitName* {
        const auto* at = std::find_if(std::begin(units), std::end(units),
                                      [&](const UnitName& u) { return u.name == wanted; });
        return at == std::end(units) ? nullptr : at;
    };
    if (const UnitName* unit = find(lowered)) return unit;
    if (lowered.size() > 2 && lowered.back() == 's')
        return find(std::string_view(lowered).substr(0, lowered.size() - 1));
    return nullptr;
}

// +-(whole + fraction): the fraction has the sign of the number.
struct Number {
    bool negative = false;
    std::int64_t whole = 0;
    double fraction = 0;
};

// Sums in 128 bits so that nothing wraps before the check at the end.
class Sum {
  public:
    // Fractions of a month go to days and time, of a day to time, as PostgreSQL spreads them.
    bool add(const Number& n, const UnitName& unit) {
        const int sign = n.negative ? -1 : 1;
        const auto whole = static_cast<__int128>(n.whole) * unit.count * sign;
        const double rest = n.fraction * static_cast<double>(unit.count) * sign;
        switch (unit.unit) {
            case Unit::micros:
                micros_ += whole;
                add_micros(rest);
                break;
            case Unit::days:
                days_ += whole;
                add_days(rest);
                break;
            case Unit::months:
                months_ += whole;
                if (unit.count > 1) {
                    months_ += static_cast<std::int64_t>(std::rint(rest));
                } else {
                    add_days(rest * 30);
                }
                break;
        }
        return in_range();
    }
    bool add_clock(bool negative, __int128 micros) {
        micros_ += negative ? -micros : micros;
        return in_range();
    }
    void negate() {
        months_ = -months_;
        days_ = -days_;
        micros_ = -micros_;
    }
    bool in_range() const {
        return months_ >= INT32_MIN && months_ <= INT32_MAX && days_ >= INT32_MIN && days_ <= INT32_MAX &&
               micros_ >= INT64_MIN && micros_ <= INT64_MAX;
    }
    Interval value() const {
        return {static_cast<std::int32_t>(months_), static_cast<std::int32_t>(days_),
                static_cast<std::int64_t>(micros_)};
    }

  private:
    void add_micros(double micros) { micros_ += static_cast<std::int64_t>(std::rint(micros)); }
    void add_days(double days) {
        const double whole = std::trunc(days);
        days_ += static_cast<std::int64_t>(whole);
        add_micros((days - whole) * static_cast<double>(micros_per_day));
    }
    __int128 months_ = 0, days_ = 0, micros_ = 0;
};

enum class Problem : std::uint8_t { none, syntax, range };

class Reader {
  public:
    explicit Reader(std::string_view text) : text_(text) {}

    Problem read(Sum& sum) {
        skip();
        if (text_.starts_with('P') || text_.starts_with('p')) return iso(sum);
        if (text_.starts_with('@')) text_.remove_prefix(1);
        bool any = false;
        for (skip(); !text_.empty(); skip()) {
            if (is_letter(text_.front())) {
                const std::string_view word = take_word();
                if (!any || (word != "ago" && word != "AGO" && word != "Ago")) return Problem::syntax;
                skip();
                sum.negate();
                return text_.empty() ? Problem::none : Problem::syntax;
            }
            if (const Problem p = part(sum); p != Problem::none) return p;
            any = true;
        }
        return any ? Problem::none : Problem::syntax;
    }

  private:
    void skip() {
        while (!text_.empty() && is_space(text_.front())) text_.remove_prefix(1);
    }
    std::string_view take_word() {
        std::size_t n = 0;
        while (n < text_.size() && is_letter(text_[n])) ++n;
        const std::string_view out = text_.substr(0, n);
        text_.remove_prefix(n);
        return out;
    }
    // [sign] digits [. digits]
    Problem number(Number& out) {
        if (!text_.empty() && (text_.front() == '-' || text_.front() == '+')) {
            out.negative = text_.front() == '-';
            text_.remove_prefix(1);
        }
        std::size_t n = 0;
        while (n < text_.size() && is_digit(text_[n])) ++n;
        const bool has_point = n < text_.size() && text_[n] == '.';
        if (n == 0 && !(has_point && n + 1 < text_.size() && is_digit(text_[n + 1]))) return Problem::syntax;
        if (n > 0 && std::from_chars(text_.data(), text_.data() + n, out.whole).ec != std::errc{})
            return Problem::range;
        text_.remove_prefix(n);
        if (has_point) {
            n = 1;
            double digits = 0;
            for (; n < text_.size() && is_digit(text_[n]); ++n) {
                if (n > 15) continue;
                digits = digits * 10 + (text_[n] - '0');
            }
            out.fraction =
                n > 1 ? digits / std::pow(10.0, static_cast<double>(std::min<std::size_t>(n - 1, 15))) : 0;
            text_.remove_prefix(n);
        }
        return Problem::none;
    }

    Problem part(Sum& sum) {
        Number n;
        if (const Problem p = number(n); p != Problem::none) return p;
        if (text_.starts_with(':') && n.fraction == 0) return clock(sum, n);
        if (text_.starts_with('-') && text_.size() > 1 && is_digit(text_[1])) return year_month(sum, n);
        if (text_ == "-" || text_.starts_with("- ")) {  // years, and no months behind them
            text_.remove_prefix(1);
            return n.fraction != 0 ? Problem::syntax : add(sum, n, *find_unit("y"));
        }
        skip();
        if (text_.empty()) return add(sum, n, *find_unit("s"));
        if (is_letter(text_.front())) {
            const UnitName* unit = find_unit(take_word());
            return unit == nullptr ? Problem::syntax : add(sum, n, *unit);
        }
        // "3 4:05:06": a number before a time is days.
        return add(sum, n, *find_unit("d"));
    }

    // A unit may be given once.
    Problem add(Sum& sum, const Number& n, const UnitName& unit) {
        const auto* first = std::find_if(std::begin(units), std::end(units), [&](const UnitName& u) {
            return u.unit == unit.unit && u.count == unit.count;
        });
        const std::uint64_t bit = std::uint64_t{1} << (first - std::begin(units));
        if ((seen_ & bit) != 0) return Problem::syntax;
        seen_ |= bit;
        return added(sum.add(n, unit));
    }
    static Problem added(bool fits) { return fits ? Problem::none : Problem::range; }

    // hh:mm[:ss[.f]]; two fields with a fraction are minutes and seconds.
    Problem clock(Sum& sum, const Number& hours) {
        text_.remove_prefix(1);
        Number minutes;
        Number seconds;
        if (text_.empty() || !is_digit(text_.front()) || number(minutes) != Problem::none)
            return Problem::syntax;
        __int128 whole = hours.whole;
        if (text_.starts_with(':')) {
            if (minutes.fraction != 0) return Problem::syntax;
            text_.remove_prefix(1);
            if (text_.empty() || !is_digit(text_.front()) || number(seconds) != Problem::none)
                return Problem::syntax;
            if (minutes.whole > 59 || seconds.whole > 60) return Problem::range;
            whole = (whole * 60 + minutes.whole) * 60 + seconds.whole;
        } else if (minutes.fraction != 0) {
            seconds = minutes;
            whole = whole * 60 + seconds.whole;
        } else {
            if (minutes.whole > 59) return Problem::range;
            whole = (whole * 60 + minutes.whole) * 60;
        }
        const __int128 micros =
            whole * micros_per_second + static_cast<std::int64_t>(std::rint(seconds.fraction * 1e6));
        return added(sum.add_clock(hours.negative, micros));
    }

    Problem year_month(Sum& sum, const Number& years) {
        text_.remove_prefix(1);
        Number months;
        if (number(months) != Problem::none || months.whole > 11 || years.fraction != 0)
            return Problem::syntax;
        if (text_.starts_with('-')) return Problem::syntax;
        months.negative = years.negative;
        if (!sum.add(years, *find_unit("y"))) return Problem::range;
        return added(sum.add(months, *find_unit("mon")));
    }

    // P[nY][nM][nW][nD][T[nH][nM][nS]]
    Problem iso(Sum& sum) {
        text_.remove_prefix(1);
        bool in_time = false;
        bool any = false;
        while (!text_.empty()) {
            if (text_.front() == 'T' || text_.front() == 't') {
                if (in_time) return Problem::syntax;
                in_time = true;
                text_.remove_prefix(1);
                continue;
            }
            Number n;
            if (const Problem p = number(n); p != Problem::none) return p;
            if (text_.empty()) return Problem::syntax;
            const char letter = static_cast<char>(text_.front() & ~0x20);
            text_.remove_prefix(1);
            const std::string_view allowed = in_time ? "HMS" : "YMWD";
            const auto at = allowed.find(letter);
            if (at == std::string_view::npos) return Problem::syntax;
            constexpr std::string_view date_units[] = {"y", "mon", "w", "d"};
            constexpr std::string_view time_units[] = {"h", "m", "s"};
            if (!sum.add(n, *find_unit(in_time ? time_units[at] : date_units[at]))) return Problem::range;
            any = true;
        }
        return any ? Problem::none : Problem::syntax;
    }

    std::string_view text_;
    std::uint64_t seen_ = 0;
};

}  // namespace

Result<Interval> parse_interval(std::string_view text) {
    Sum sum;
    Problem problem = Reader(text).read(sum);
    if (problem == Problem::none && !sum.in_range()) problem = Problem::range;
    if (problem == Problem::syntax) {
        return fail("22007", "invalid input syntax for type interval: \"" + std::string(text) + "\"");
    }
    if (problem == Problem::range) {
        return fail("22015", "interval field value out of range: \"" + std::string(text) + "\"");
    }
    return sum.value();
}

}  // namespace anabranch::sql
