#include <algorithm>
#include <charconv>
#include <cmath>

#include "lib/sql/numeric.h"
#include "lib/sql/numeric_digits.h"

namespace anabranch::sql {
namespace {

constexpr std::string_view nan_text = "NaN";
constexpr std::string_view infinity_text = "Infinity";
constexpr std::string_view minus_infinity_text = "-Infinity";

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}
bool all_digits(std::string_view text) {
    return std::all_of(text.begin(), text.end(), is_digit);
}

bool equals_ignoring_case(std::string_view a, std::string_view lower) {
    return a.size() == lower.size() && std::equal(a.begin(), a.end(), lower.begin(), [](char x, char y) {
               return (x >= 'A' && x <= 'Z' ? static_cast<char>(x + 32) : x) == y;
           });
}

std::unexpected<Error> bad_syntax(std::string_view text) {
    return fail(sqlstate::invalid_text_representation,
                "invalid input syntax for type numeric: \"" + std::string(text) + "\"");
}
// Rounds (half away from zero) or cuts `digits`, which have `scale` digits after the point, to `wanted` ones;
// appends zeros when wanted > scale. A negative `wanted` clears digits before the point and leaves scale 0.
std::string rescale(std::string_view digits_view, int scale, int wanted, bool round) {
    std::string digits(digits_view);
    if (wanted >= scale) {
        digits.append(static_cast<std::size_t>(wanted - scale), '0');
        return digits;
    }
    const auto drop = static_cast<std::size_t>(scale - wanted);
    const std::size_t zeros = wanted < 0 ? static_cast<std::size_t>(-wanted) : 0;
    if (drop > digits.size()) return "0";
    const bool up = round && digits[digits.size() - drop] >= '5';
    digits.resize(digits.size() - drop);
    if (up) {
        std::size_t i = digits.size();
        while (i > 0 && digits[i - 1] == '9') digits[--i] = '0';
        if (i > 0) {
            ++digits[i - 1];
        } else {
            digits.insert(digits.begin(), '1');
        }
    }
    digits.append(zeros, '0');
    return digits;
}

std::string special_text(const Digits& d) {
    if (d.special == Digits::Special::nan) return std::string(nan_text);
    return std::string(d.negative ? minus_infinity_text : infinity_text);
}

std::string rescaled(std::string_view text, int scale, bool round) {
    const Digits d = split_numeric(text);
    if (d.special != Digits::Special::none) return special_text(d);
    const std::string digits = std::string(d.integer) + std::string(d.fraction);
    return join_numeric(d.negative, rescale(digits, d.scale(), scale, round), std::max(scale, 0));
}

// floor (down) or ceil: the integer part, one further from zero if a fraction is cut on that side.
std::string to_integral(std::string_view text, bool down) {
    const Digits d = split_numeric(text);
    if (d.special != Digits::Special::none) return special_text(d);
    const bool away = d.negative == down && d.first_nonzero() < d.fraction.size();
    std::string digits = "0" + std::string(d.integer);
    if (away) {
        std::size_t i = digits.size();
        while (digits[i - 1] == '9') digits[--i] = '0';
        ++digits[i - 1];
    }
    return join_numeric(d.negative, digits, 0);
}

int compare_magnitude(const Digits& a, const Digits& b) {
    if (a.integer.size() != b.integer.size()) return a.integer.size() < b.integer.size() ? -1 : 1;
    if (const int c = a.integer.compare(b.integer); c != 0) return c;
    const std::size_t common = std::min(a.fraction.size(), b.fraction.size());
    if (const int c = a.fraction.substr(0, common).compare(b.fraction.substr(0, common)); c != 0) return c;
    if (a.fraction.find_first_not_of('0', common) != std::string_view::npos) return 1;
    if (b.fraction.find_first_not_of('0', common) != std::string_view::npos) return -1;
    return 0;
}

int rank(const Digits& d) {  // -infinity < finite < infinity < NaN
    if (d.special == Digits::Special::nan) return 2;
    if (d.special == Digits::Special::infinity) return d.negative ? -1 : 1;
    return 0;
}

}  // namespace

Digits split_numeric(std::string_view text) {
    Digits d;
    std::string_view rest = text;
    if (!rest.empty() && rest.front() == '-') {
        d.negative = true;
        rest.remove_prefix(1);
    }
    if (rest == infinity_text) {
        d.special = Digits::Special::infinity;
        return d;
    }
    const std::size_t point = rest.find('.');
    d.integer = rest.substr(0, point);
    d.fraction = point == std::string_view::npos ? std::string_view{} : rest.substr(point + 1);
    if (d.integer.empty() || !all_digits(d.integer) || !all_digits(d.fraction)) {
        Digits nan;
        nan.special = Digits::Special::nan;
        return nan;
    }
    d.integer.remove_prefix(std::min(d.integer.find_first_not_of('0'), d.integer.size()));
    return d;
}

std::string join_numeric(bool negative, std::string_view digits, int scale) {
    digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
    if (digits.empty()) negative = false;
    const auto places = static_cast<std::size_t>(scale);
    std::string out;
    out.reserve(std::max(digits.size(), places) + 3);
    if (negative) out += '-';
    const std::size_t whole = digits.size() > places ? digits.size() - places : 0;
    if (whole == 0) {
        out += '0';
    } else {
        out += digits.substr(0, whole);
    }
    if (places > 0) {
        out += '.';
        out.append(places - (digits.size() - whole), '0');
        out += digits.substr(whole);
    }
    return out;
}

bool numeric_too_wide(std::string_view text) {
    const std::size_t point = text.find('.');
    const std::size_t whole = point == std::string_view::npos ? text.size() : point;
    const std::size_t places = point == std::string_view::npos ? 0 : text.size() - point - 1;
    const std::size_t sign = !text.empty() && text.front() == '-' ? 1 : 0;
    return whole - sign > numeric_integer_digits_max || places > numeric_scale_max;
}

namespace {

// The finite part of numeric_parse: sign already taken, `text` is the whole input for messages.
Result<std::string> parse_finite(bool negative, std::string_view rest, std::string_view text) {
    std::string digits;
    std::int64_t scale = 0;
    bool point = false;
    std::size_t i = 0;
    for (; i < rest.size(); ++i) {
        if (is_digit(rest[i])) {
            digits += rest[i];
            scale += point ? 1 : 0;
        } else if (rest[i] == '.' && !point) {
            point = true;
        } else {
            break;
        }
    }
    if (digits.empty()) return bad_syntax(text);
    if (i < rest.size()) {
        if ((rest[i] != 'e' && rest[i] != 'E') || i + 1 == rest.size()) return bad_syntax(text);
        std::string_view power = rest.substr(i + 1);
        if (power.front() == '+') power.remove_prefix(1);
        if (power.empty() || !is_digit(power.back()) || !(is_digit(power.front()) || power.front() == '-') ||
            (rest[i + 1] == '+' && power.front() == '-')) {
            return bad_syntax(text);
        }
        std::int64_t exponent = 0;
        const auto [end, status] = std::from_chars(power.data(), power.data() + power.size(), exponent);
        if (status == std::errc::result_out_of_range) return numeric_overflows();
        if (end != power.data() + power.size()) return bad_syntax(text);
        if (std::abs(exponent) > 2'000'000) {
            if (exponent < 0 || digits.find_first_not_of('0') != std::string::npos)
                return numeric_overflows();
            exponent = 0;
            scale = 0;
        }
        scale -= exponent;
    }
    if (scale < 0) {
        if (digits.find_first_not_of('0') == std::string::npos) {
            digits = "0";
        } else {
            digits.append(static_cast<std::size_t>(-scale), '0');
        }
        scale = 0;
    }
    if (scale > numeric_scale_max) return numeric_overflows();
    std::string out = join_numeric(negative, digits, static_cast<int>(scale));
    if (numeric_too_wide(out)) return numeric_overflows();
    return out;
}

}  // namespace

Result<std::string> numeric_parse(std::string_view text, std::int32_t typmod) {
    std::string_view rest = text;
    while (!rest.empty() && is_space(rest.front())) rest.remove_prefix(1);
    while (!rest.empty() && is_space(rest.back())) rest.remove_suffix(1);
    if (equals_ignoring_case(rest, "nan")) return std::string(nan_text);
    const bool negative = !rest.empty() && rest.front() == '-';
    if (negative || (!rest.empty() && rest.front() == '+')) rest.remove_prefix(1);
    if (equals_ignoring_case(rest, "infinity") || equals_ignoring_case(rest, "inf")) {
        return numeric_fit(negative ? minus_infinity_text : infinity_text, typmod);
    }
    TRY(std::string out, parse_finite(negative, rest, text));
    if (typmod < 0) return out;
    return numeric_fit(out, typmod);
}

Result<std::string> numeric_fit(std::string_view canonical, std::int32_t typmod) {
    const Digits d = split_numeric(canonical);
    if (typmod < 0 || d.special == Digits::Special::nan) return std::string(canonical);
    const auto [precision, scale] = numeric_modifier(typmod);
    const std::string field =
        "A field with precision " + std::to_string(precision) + ", scale " + std::to_string(scale);
    if (d.special == Digits::Special::infinity) {
        return std::unexpected(Error::make(sqlstate::numeric_value_out_of_range, "numeric field overflow")
                                   .with_detail(field + " cannot hold an infinite value."));
    }
    std::string out = rescaled(canonical, scale, true);
    const Digits rounded = split_numeric(out);
    const int digits_max = precision - scale;
    int digits = static_cast<int>(rounded.integer.size());
    if (digits == 0) digits = -static_cast<int>(rounded.first_nonzero());
    if (!rounded.zero() && digits > digits_max) {
        return std::unexpected(Error::make(sqlstate::numeric_value_out_of_range, "numeric field overflow")
                                   .with_detail(field + " must round to an absolute value less than " +
                                                (digits_max == 0 ? "1" : "10^" + std::to_string(digits_max)) +
                                                "."));
    }
    return out;
}

bool numeric_is_nan(std::string_view a) {
    return split_numeric(a).special == Digits::Special::nan;
}

int numeric_sign(std::string_view a) {
    const Digits d = split_numeric(a);
    if (d.zero()) return 0;
    return d.negative ? -1 : 1;
}

int numeric_compare(std::string_view a, std::string_view b) {
    const Digits x = split_numeric(a);
    const Digits y = split_numeric(b);
    const int rank_x = rank(x);
    const int rank_y = rank(y);
    if (rank_x != rank_y) return rank_x < rank_y ? -1 : 1;
    if (rank_x != 0) return 0;
    const int sign_x = x.zero() ? 0 : (x.negative ? -1 : 1);
    const int sign_y = y.zero() ? 0 : (y.negative ? -1 : 1);
    if (sign_x != sign_y) return sign_x < sign_y ? -1 : 1;
    return sign_x * compare_magnitude(x, y);
}

int numeric_scale(std::string_view a) {
    return split_numeric(a).scale();
}

std::string numeric_negate(std::string_view a) {
    const Digits d = split_numeric(a);
    if (d.special == Digits::Special::nan || d.zero()) return std::string(a);
    return d.negative ? std::string(a.substr(1)) : "-" + std::string(a);
}

std::string numeric_abs(std::string_view a) {
    return a.starts_with('-') ? std::string(a.substr(1)) : std::string(a);
}

std::string numeric_round(std::string_view a, int scale) {
    return rescaled(a, std::clamp(scale, -numeric_integer_digits_max, numeric_scale_max), true);
}
std::string numeric_trunc(std::string_view a, int scale) {
    return rescaled(a, std::clamp(scale, -numeric_integer_digits_max, numeric_scale_max), false);
}
std::string numeric_floor(std::string_view a) {
    return to_integral(a, true);
}
std::string numeric_ceil(std::string_view a) {
    return to_integral(a, false);
}

std::string numeric_from_integer(std::int64_t value) {
    return std::to_string(value);
}

std::string numeric_from_wide(__int128 value) {
    if (value >= INT64_MIN && value <= INT64_MAX) return std::to_string(static_cast<std::int64_t>(value));
    auto magnitude =
        value < 0 ? -static_cast<unsigned __int128>(value) : static_cast<unsigned __int128>(value);
    std::string out;
    for (; magnitude != 0; magnitude /= 10) out += static_cast<char>('0' + static_cast<int>(magnitude % 10));
    if (value < 0) out += '-';
    std::reverse(out.begin(), out.end());
    return out;
}

std::string numeric_from_double(double value, int digits) {
    if (std::isnan(value)) return std::string(nan_text);
    if (std::isinf(value)) return std::string(value < 0 ? minus_infinity_text : infinity_text);
    char buffer[64];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::general, digits);
    return numeric_parse({buffer, static_cast<std::size_t>(end.ptr - buffer)})
        .value_or(std::string(nan_text));
}

Result<std::int64_t> numeric_to_integer(std::string_view a, std::int64_t low, std::int64_t high,
                                        std::string_view type) {
    const Digits d = split_numeric(a);
    if (d.special != Digits::Special::none) {
        return fail(sqlstate::feature_not_supported,
                    "cannot convert " + std::string(d.special == Digits::Special::nan ? "NaN" : "infinity") +
                        " to " + std::string(type));
    }
    const auto out_of_range = [&] {
        return fail(sqlstate::numeric_value_out_of_range, std::string(type) + " out of range");
    };
    if (d.integer.size() > 19) return out_of_range();
    __int128 value = 0;
    for (const char c : d.integer) value = value * 10 + (c - '0');
    if (!d.fraction.empty() && d.fraction.front() >= '5') ++value;
    if (d.negative) value = -value;
    if (value < low || value > high) return out_of_range();
    return static_cast<std::int64_t>(value);
}

double numeric_to_double(std::string_view a) {
    const Digits d = split_numeric(a);
    if (d.special == Digits::Special::nan) return std::nan("");
    if (d.special == Digits::Special::infinity) return d.negative ? -HUGE_VAL : HUGE_VAL;
    double value = 0;
    const auto [end, status] = std::from_chars(a.data(), a.data() + a.size(), value);
    if (status == std::errc::result_out_of_range) {
        value = d.integer.empty() ? 0 : HUGE_VAL;
        return d.negative ? -value : value;
    }
    return value;
}

namespace {

void put_u16(std::string& out, int v) {
    out += static_cast<char>((v >> 8) & 0xff);
    out += static_cast<char>(v & 0xff);
}

constexpr int binary_negative = 0x4000;
constexpr int binary_nan = 0xC000;
constexpr int binary_infinity = 0xD000;
constexpr int binary_minus_infinity = 0xF000;

}  // namespace

void numeric_print_binary(std::string_view a, std::string& out) {
    const Digits d = split_numeric(a);
    if (d.special != Digits::Special::none) {
        const int sign = d.special == Digits::Special::nan ? binary_nan
                         : d.negative                      ? binary_minus_infinity
                                                           : binary_infinity;
        put_u16(out, 0);
        put_u16(out, 0);
        put_u16(out, sign);
        put_u16(out, d.special == Digits::Special::nan ? 0 : 0x20);
        return;
    }
    std::string padded((4 - d.integer.size() % 4) % 4, '0');
    padded += d.integer;
    auto weight = static_cast<int>(padded.size() / 4) - 1;
    padded += d.fraction;
    padded.append((4 - padded.size() % 4) % 4, '0');
    std::size_t begin = 0;
    std::size_t end = padded.size();
    const auto zero_group = [&](std::size_t at) { return padded.compare(at, 4, "0000") == 0; };
    while (end > begin && zero_group(end - 4)) end -= 4;
    for (; begin < end && zero_group(begin); begin += 4) --weight;
    put_u16(out, static_cast<int>((end - begin) / 4));
    put_u16(out, begin == end ? 0 : weight);
    put_u16(out, d.negative && begin != end ? binary_negative : 0);
    put_u16(out, d.scale());
    for (; begin < end; begin += 4) {
        int group = 0;
        for (std::size_t i = 0; i < 4; ++i) group = group * 10 + (padded[begin + i] - '0');
        put_u16(out, group);
    }
}

Result<std::string> numeric_parse_binary(std::string_view bytes) {
    const auto bad = [](const char* what) {
        return fail("22P03", std::string("invalid ") + what + " in external \"numeric\" value");
    };
    const auto word = [&](std::size_t i) {
        return (static_cast<unsigned char>(bytes[2 * i]) << 8) | static_cast<unsigned char>(bytes[2 * i + 1]);
    };
    if (bytes.size() < 8 || bytes.size() % 2 != 0) return bad("length");
    const auto count = static_cast<std::size_t>(word(0));
    const int weight = static_cast<std::int16_t>(word(1));
    const int sign = word(2);
    const int scale = word(3);
    if (bytes.size() != 8 + 2 * count) return bad("length");
    if (sign == binary_nan) return std::string(nan_text);
    if (sign == binary_infinity) return std::string(infinity_text);
    if (sign == binary_minus_infinity) return std::string(minus_infinity_text);
    if (sign != 0 && sign != binary_negative) return bad("sign");
    if (scale > numeric_scale_max) return bad("scale");
    std::string digits;
    for (std::size_t i = 0; i < count; ++i) {
        const int group = word(4 + i);
        if (group > 9999) return bad("digit");
        for (int unit = 1000; unit > 0; unit /= 10) digits += static_cast<char>('0' + group / unit % 10);
    }
    // digits * 10000^(weight - count + 1), cut or filled to `scale` places.
    const int have = 4 * (static_cast<int>(count) - 1 - weight);
    if (count == 0) return join_numeric(false, "0", scale);
    std::string out;
    if (have < 0) {
        digits.append(static_cast<std::size_t>(-have), '0');
        digits.append(static_cast<std::size_t>(scale), '0');
        out = join_numeric(sign != 0, digits, scale);
    } else {
        out = join_numeric(sign != 0, rescale(digits, have, scale, false), scale);
    }
    if (numeric_too_wide(out)) return numeric_overflows();
    return out;
}

}  // namespace anabranch::sql
