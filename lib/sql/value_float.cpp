// Floating-point numbers as text.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <span>
#include <type_traits>

#include "lib/sql/value_internal.h"

namespace anabranch::sql {

namespace {

// Digits that lie half way between two floats read back as this one only where ties go to the even one:
// PostgreSQL takes one digit more then.
template <typename T>
bool half_way(std::string_view digits, T value) {
    using Wide = std::conditional_t<std::is_same_v<T, float>, double, long double>;
    const Wide read = std::is_same_v<T, float>
                          ? static_cast<Wide>(std::strtod(std::string(digits).c_str(), nullptr))
                          : static_cast<Wide>(std::strtold(std::string(digits).c_str(), nullptr));
    const T next =
        std::nextafter(value, read < static_cast<Wide>(value) ? -std::numeric_limits<T>::infinity()
                                                              : std::numeric_limits<T>::infinity());
    return read != static_cast<Wide>(value) && !std::isinf(next) &&
           (static_cast<Wide>(value) + static_cast<Wide>(next)) / 2 == read;
}

template <typename T>
std::string_view shortest(T value, std::span<char> buffer) {
    const auto format = std::chars_format::scientific;
    const auto written = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format);
    const std::string_view text(buffer.data(), static_cast<std::size_t>(written.ptr - buffer.data()));
    if (!half_way(text, value)) return text;
    const auto end = std::min(text.find('e'), text.size());
    const auto digits =
        static_cast<int>(std::count_if(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end),
                                       [](char c) { return c >= '0' && c <= '9'; }));
    for (int more = digits; more < std::numeric_limits<T>::max_digits10; ++more) {
        const auto longer = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format, more);
        const std::string_view out(buffer.data(), static_cast<std::size_t>(longer.ptr - buffer.data()));
        T back{};
        std::from_chars(out.data(), out.data() + out.size(), back);
        if (back == value && !half_way(out, value)) return out;
    }
    return text;
}

// Shortest digits that read back, in PostgreSQL's layout: fixed for exponents -4 to `fixed_max` - 1.
template <typename T>
void print_in_layout(T value, int fixed_max, std::string& out) {
    if (std::isnan(value)) {
        out += "NaN";
        return;
    }
    if (std::isinf(value)) {
        out += value < 0 ? "-Infinity" : "Infinity";
        return;
    }
    char buffer[64];
    std::string_view text = shortest(value, std::span<char>(buffer));
    if (text.front() == '-') {
        out += '-';
        text.remove_prefix(1);
    }
    const std::size_t e = text.find('e');
    int exponent = 0;
    std::from_chars(text.data() + e + (text[e + 1] == '+' ? 2 : 1), text.data() + text.size(), exponent);
    if (exponent < -4 || exponent >= fixed_max) {
        out += text;  // to_chars writes two digits of exponent at least, as PostgreSQL does
        return;
    }
    std::string digits(text.substr(0, 1));
    if (e > 2) digits += text.substr(2, e - 2);
    if (exponent < 0) {
        out += "0.";
        out.append(static_cast<std::size_t>(-exponent - 1), '0');
        out += digits;
        return;
    }
    const auto whole = static_cast<std::size_t>(exponent) + 1;
    if (digits.size() <= whole) {
        out += digits;
        out.append(whole - digits.size(), '0');
    } else {
        out += digits.substr(0, whole);
        out += '.';
        out += digits.substr(whole);
    }
}

}  // namespace

void print_float(float value, std::string& out) {
    print_in_layout(value, 6, out);
}
void print_float(double value, std::string& out) {
    print_in_layout(value, 15, out);
}

}  // namespace anabranch::sql
