#include "lib/sql/numeric.h"

#include <algorithm>
#include <bit>
#include <boost/multiprecision/cpp_int.hpp>
#include <charconv>
#include <cmath>
#include <optional>

#include "lib/sql/numeric_digits.h"

namespace anabranch::sql {
namespace {

using Big = boost::multiprecision::cpp_int;
using Special = Digits::Special;

constexpr int significant_digits_min = 16;
constexpr int display_scale_max = 1000;
constexpr double exponent_max = 6000;     // PostgreSQL's bound of exp()
constexpr std::size_t small_digits = 18;  // products and aligned sums of two such stay within 128 bits

std::unexpected<Error> divides_by_zero() {
    return fail(sqlstate::division_by_zero, "division by zero");
}

Big power_of_ten(int exponent) {
    return boost::multiprecision::pow(Big(10), static_cast<unsigned>(exponent));
}

Big big_from_digits(std::string_view digits) {
    Big out = 0;
    while (!digits.empty()) {
        const std::size_t take = std::min<std::size_t>(digits.size(), 18);
        std::uint64_t chunk = 0;
        std::uint64_t unit = 1;
        for (const char c : digits.substr(0, take)) {
            chunk = chunk * 10 + static_cast<std::uint64_t>(c - '0');
            unit *= 10;
        }
        out = out * unit + chunk;
        digits.remove_prefix(take);
    }
    return out;
}

// +-coefficient / 10^scale.
Big coefficient(const Digits& d) {
    Big out = big_from_digits(d.integer);
    if (!d.fraction.empty()) out = out * power_of_ten(d.scale()) + big_from_digits(d.fraction);
    return d.negative ? Big(-out) : out;
}

std::string magnitude_text(const Big& value) {
    const Big magnitude = boost::multiprecision::abs(value);
    return magnitude.str();
}

std::string text_of(const Big& value, int scale) {
    return join_numeric(value < 0, magnitude_text(value), scale);
}

std::string text_of(__int128 value, int scale) {
    char buffer[40];
    char* begin = buffer + sizeof buffer;
    auto magnitude =
        value < 0 ? -static_cast<unsigned __int128>(value) : static_cast<unsigned __int128>(value);
    for (; magnitude > UINT64_MAX; magnitude /= 10)
        *--begin = static_cast<char>('0' + static_cast<int>(magnitude % 10));
    for (auto low = static_cast<std::uint64_t>(magnitude); low != 0; low /= 10)
        *--begin = static_cast<char>('0' + low % 10);
    return join_numeric(value < 0, {begin, static_cast<std::size_t>(buffer + sizeof buffer - begin)}, scale);
}

Result<std::string> checked(std::string text) {
    if (numeric_too_wide(text)) return numeric_overflows();
    return text;
}

bool is_small(const Digits& d) {
    return d.integer.size() + d.fraction.size() <= small_digits;
}

__int128 small_coefficient(const Digits& d) {
    std::int64_t v = 0;
    for (const char c : d.integer) v = v * 10 + (c - '0');
    for (const char c : d.fraction) v = v * 10 + (c - '0');
    return d.negative ? -v : v;
}

__int128 small_power(int exponent) {
    __int128 out = 1;
    for (; exponent > 0; --exponent) out *= 10;
    return out;
}

// Both finite and short: sums and products in 128 bits.
std::string small_binary(NumericOp op, const Digits& a, const Digits& b) {
    const __int128 x = small_coefficient(a);
    const __int128 y = small_coefficient(b);
    if (op == NumericOp::mul) return text_of(x * y, a.scale() + b.scale());
    const int scale = std::max(a.scale(), b.scale());
    const __int128 left = x * small_power(scale - a.scale());
    const __int128 right = y * small_power(scale - b.scale());
    return text_of(op == NumericOp::add ? left + right : left - right, scale);
}

// Position of the first nonzero digit in PostgreSQL's base 10000, and that digit.
struct Leading {
    int weight = 0;
    int digit = 0;
};
Leading leading(const Digits& d) {
    Leading out;
    if (d.zero()) return out;
    const auto group = [](std::string_view four) {
        int v = 0;
        for (std::size_t i = 0; i < 4; ++i) v = v * 10 + (i < four.size() ? four[i] - '0' : 0);
        return v;
    };
    if (!d.integer.empty()) {
        const std::size_t first = (d.integer.size() - 1) % 4 + 1;
        out.weight = static_cast<int>((d.integer.size() - 1) / 4);
        for (std::size_t i = 0; i < first; ++i) out.digit = out.digit * 10 + (d.integer[i] - '0');
        return out;
    }
    const std::size_t skipped = d.first_nonzero() / 4;
    out.weight = -1 - static_cast<int>(skipped);
    out.digit = group(d.fraction.substr(4 * skipped));
    return out;
}

// select_div_scale of PostgreSQL's numeric.c: at least 16 significant digits, no less than either input's.
int division_scale(const Digits& a, const Digits& b) {
    const Leading x = leading(a);
    const Leading y = leading(b);
    int weight = x.weight - y.weight;
    if (x.digit <= y.digit) --weight;
    const int scale = std::max({significant_digits_min - weight * 4, a.scale(), b.scale(), 0});
    return std::min(scale, display_scale_max);
}

// numerator / denominator, rounded half away from zero.
Big divide_rounded(const Big& numerator, const Big& denominator) {
    Big quotient, rest;
    boost::multiprecision::divide_qr(numerator, denominator, quotient, rest);
    if (boost::multiprecision::abs(rest) * 2 >= boost::multiprecision::abs(denominator)) {
        quotient += (numerator < 0) == (denominator < 0) ? 1 : -1;
    }
    return quotient;
}

// value / 10^from as a coefficient for 10^to.
Big rescale(const Big& value, int from, int to) {
    if (to >= from) return value * power_of_ten(to - from);
    return divide_rounded(value, power_of_ten(from - to));
}

Result<std::string> divide(const Digits& a, const Digits& b) {
    if (b.zero()) return divides_by_zero();
    const int scale = division_scale(a, b);
    const int shift = scale + b.scale() - a.scale();
    const Big numerator = coefficient(a) * power_of_ten(std::max(shift, 0));
    const Big denominator = coefficient(b) * power_of_ten(std::max(-shift, 0));
    return checked(text_of(divide_rounded(numerator, denominator), scale));
}

Result<std::string> remainder(const Digits& a, const Digits& b) {
    if (b.zero()) return divides_by_zero();
    const int scale = std::max(a.scale(), b.scale());
    const Big left = rescale(coefficient(a), a.scale(), scale);
    const Big right = rescale(coefficient(b), b.scale(), scale);
    return checked(text_of(Big(left % right), scale));
}

// NaN and infinities under + - * / %, as PostgreSQL has them.
Result<std::string> special_binary(NumericOp op, const Digits& a, const Digits& b) {
    const auto infinity = [](bool negative) { return std::string(negative ? "-Infinity" : "Infinity"); };
    const std::string nan = "NaN";
    if (a.special == Special::nan || b.special == Special::nan) return nan;
    const bool a_infinite = a.special == Special::infinity;
    const bool b_infinite = b.special == Special::infinity;
    switch (op) {
        case NumericOp::add:
        case NumericOp::sub: {
            const bool b_negative = b.negative != (op == NumericOp::sub);
            if (a_infinite && b_infinite && a.negative != b_negative) return nan;
            return infinity(a_infinite ? a.negative : b_negative);
        }
        case NumericOp::mul:
            if (a.zero() || b.zero()) return nan;
            return infinity(a.negative != b.negative);
        case NumericOp::div:
            if (a_infinite && b_infinite) return nan;
            if (b_infinite) return std::string("0");
            if (b.zero()) return divides_by_zero();
            return infinity(a.negative != b.negative);
        case NumericOp::mod:
            if (!a_infinite) return text_of(coefficient(a), a.scale());
            if (!b_infinite && b.zero()) return divides_by_zero();
            return nan;
        case NumericOp::power:
            break;
    }
    return nan;
}

// ---- Functions over the reals: fixed point with guard digits ----

// floor(sqrt(n)), doubling the number of correct bits per step; the library's goes bit by bit.
Big integer_sqrt(const Big& n) {
    if (n == 0) return 0;
    const auto half = static_cast<unsigned>(boost::multiprecision::msb(n) / 2);
    Big root = 1;
    unsigned done = 0;
    for (int shift = std::bit_width(half) - 1; shift >= 0; --shift) {
        const unsigned before = done;
        done = half >> shift;
        root = (root << (done - before - 1)) + (n >> (2 * half - before - done + 1)) / root;
    }
    if (root * root > n) --root;
    return root;
}

// floor(log10(|value|)) of a nonzero value.
int decimal_exponent(const Digits& d) {
    if (!d.integer.empty()) return static_cast<int>(d.integer.size()) - 1;
    return -1 - static_cast<int>(d.first_nonzero());
}

double approximate(const Big& value, int scale) {
    const std::string digits = magnitude_text(value);
    const std::string text =
        digits.substr(0, 17) + "e" +
        std::to_string(static_cast<int>(digits.size()) -
                       static_cast<int>(std::min<std::size_t>(digits.size(), 17)) - scale);
    double out = 0;
    std::from_chars(text.data(), text.data() + text.size(), out);
    return value < 0 ? -out : out;
}

// ln(value / one) * one for value > 0: halved by square roots until near 1, then 2 atanh((x-1)/(x+1)).
Big ln_fixed(Big value, const Big& one) {
    unsigned doublings = 0;
    const Big high = one + one / 1000;
    const Big low = one - one / 1000;
    while (value > high || value < low) {
        value = integer_sqrt(value * one);
        ++doublings;
    }
    const Big z = (value - one) * one / (value + one);
    const Big square = z * z / one;
    Big term = z;
    Big sum = z;
    for (unsigned n = 3; term != 0; n += 2) {
        term = term * square / one;
        sum += term / n;
    }
    return (sum * 2) << doublings;
}

// exp(value / one) * one: the argument halved until small, Taylor, then squared back.
Big exp_fixed(Big value, const Big& one) {
    unsigned halvings = 0;
    while (boost::multiprecision::abs(value) > one / 256) {
        value /= 2;
        ++halvings;
    }
    Big term = one;
    Big sum = one;
    for (unsigned n = 1; term != 0; ++n) {
        term = term * value / one / n;
        sum += term;
    }
    for (; halvings > 0; --halvings) sum = sum * sum / one;
    return sum;
}

// ln of a positive value with `scale` correct places: of its mantissa in [1, 10), plus exponent * ln(10).
Big ln_at(const Digits& d, int scale) {
    const int exponent = decimal_exponent(d);
    const int work = scale + 30;
    const Big one = power_of_ten(work);
    const int shift = work - d.scale() - exponent;
    const Big value = coefficient(d);
    const Big mantissa = shift >= 0 ? Big(value * power_of_ten(shift)) : Big(value / power_of_ten(-shift));
    Big out = ln_fixed(mantissa, one);
    if (exponent != 0) out += ln_fixed(one * 10, one) * exponent;
    return rescale(out, work, scale);
}

Result<std::string> exp_text(const Big& value, int value_scale, int dscale) {
    const double x = approximate(value, value_scale);
    if (x >= exponent_max) return numeric_overflows();
    if (x <= -exponent_max) return join_numeric(false, "0", display_scale_max);
    const double decimal_weight = x * 0.434294481903252;
    int scale = significant_digits_min - static_cast<int>(decimal_weight);
    scale = std::min(std::max({scale, dscale, 0}), display_scale_max);
    const int work = scale + 30 + 2 * std::max(static_cast<int>(decimal_weight), 0) + 10;
    const Big result = exp_fixed(rescale(value, value_scale, work), power_of_ten(work));
    return checked(text_of(rescale(result, work, scale), scale));
}

// estimate_ln_dweight: the decimal weight of ln(value).
int ln_weight(const Digits& d) {
    const Big value = coefficient(d);
    const double x = approximate(value, d.scale());
    if (x >= 0.9 && x <= 1.1) {
        const Big difference = value - power_of_ten(d.scale());
        if (difference == 0) return 0;
        return static_cast<int>(magnitude_text(difference).size()) - 1 - d.scale();
    }
    const double ln = x > 0 && std::isfinite(x) ? std::log(x) : 2.302585092994046 * decimal_exponent(d);
    return static_cast<int>(std::log10(std::fabs(ln)));
}

Result<std::string> ln_text(const Digits& d) {
    const int scale =
        std::min(std::max({significant_digits_min - ln_weight(d), d.scale(), 0}), display_scale_max);
    return text_of(ln_at(d, scale), scale);
}

Result<std::string> sqrt_text(const Digits& d) {
    const Leading lead = leading(d);
    const int weight = (lead.weight + 1) * 2 - 1;
    const int scale = std::min(std::max({significant_digits_min - weight, d.scale(), 0}), display_scale_max);
    // floor(sqrt) with one more digit would not round correctly: compare with the half instead.
    const Big value = rescale(coefficient(d), d.scale(), std::max(2 * scale, d.scale()));
    const Big target = d.scale() > 2 * scale ? Big(value / power_of_ten(d.scale() - 2 * scale)) : value;
    Big root = integer_sqrt(target);
    if (target - root * root > root) ++root;
    return text_of(root, scale);
}

Result<std::string> log_text(const Digits& base, const Digits& d) {
    const int dweight = ln_weight(d) - ln_weight(base);
    const int scale =
        std::min(std::max({significant_digits_min - dweight, base.scale(), d.scale(), 0}), display_scale_max);
    const int work = scale + 12 + std::max(0, -ln_weight(base)) * 2 + std::max(0, ln_weight(d));
    const Big denominator = ln_at(base, work);
    if (denominator == 0) return divides_by_zero();
    return text_of(divide_rounded(ln_at(d, work) * power_of_ten(scale), denominator), scale);
}

std::unexpected<Error> bad_logarithm(const char* of) {
    return fail("2201E", std::string("cannot take logarithm of ") + of);
}

std::optional<std::int64_t> as_integer(const Digits& d) {
    if (d.first_nonzero() < d.fraction.size() || d.integer.size() > 18) return {};
    std::int64_t v = 0;
    for (const char c : d.integer) v = v * 10 + (c - '0');
    return d.negative ? -v : v;
}

Result<std::string> integer_power(const Digits& base, std::int64_t exponent) {
    const int scale = std::min(std::max(significant_digits_min, base.scale()), display_scale_max);
    if (base.zero()) {
        if (exponent < 0) return divides_by_zero();
        return join_numeric(
            false, exponent == 0 ? "1" + std::string(static_cast<std::size_t>(scale), '0') : "0", scale);
    }
    const Big value = coefficient(base);
    const double magnitude =
        (std::log10(std::fabs(approximate(value, 0))) - base.scale()) * static_cast<double>(exponent);
    if (magnitude > numeric_integer_digits_max) return numeric_overflows();
    if (magnitude < -display_scale_max - 1) return join_numeric(false, "0", scale);
    const auto steps = static_cast<std::uint64_t>(exponent < 0 ? -exponent : exponent);
    if (base.scale() == 0) {
        Big out = 1;
        Big factor = value;
        for (std::uint64_t bits = steps; bits != 0; bits >>= 1) {
            if (bits & 1) out *= factor;
            if (bits > 1) factor *= factor;
        }
        if (exponent < 0) return text_of(divide_rounded(power_of_ten(scale), out), scale);
        return checked(text_of(Big(out * power_of_ten(scale)), scale));
    }
    // Binary fixed point, cut at each step: the error stays far below the last place.
    const double places = scale + 40 + std::fabs(magnitude) + base.scale();
    const auto shift = static_cast<unsigned>(places * 3.33);
    const Big one = Big(1) << shift;
    Big factor = divide_rounded(value * one, power_of_ten(base.scale()));
    if (exponent < 0) factor = divide_rounded(one * one, factor);
    Big out = one;
    for (std::uint64_t bits = steps; bits != 0; bits >>= 1) {
        if (bits & 1) out = (out * factor) >> shift;
        if (bits > 1) factor = (factor * factor) >> shift;
    }
    return checked(text_of(divide_rounded(out * power_of_ten(scale), one), scale));
}

Result<std::string> power_special(const Digits& a, const Digits& b) {
    const auto one = [] { return std::string("1"); };
    const auto is_one = [](const Digits& d) { return as_integer(d) == 1; };
    if (a.special == Special::nan) return b.special == Special::none && b.zero() ? one() : std::string("NaN");
    if (b.special == Special::nan)
        return a.special == Special::none && is_one(a) ? one() : std::string("NaN");
    if (b.special == Special::infinity) {
        if (a.special == Special::none && is_one(a)) return one();
        if (a.special == Special::none && a.negative && as_integer(a) == -1) return one();
        const bool above_one = a.special == Special::infinity || !a.integer.empty();
        if (a.special == Special::none && a.zero() && b.negative) {
            return fail("2201F", "zero raised to a negative power is undefined");
        }
        return std::string(above_one != b.negative ? "Infinity" : "0");
    }
    if (b.zero()) return one();
    if (b.negative) return std::string("0");
    const bool odd =
        b.first_nonzero() == b.fraction.size() && !b.integer.empty() && (b.integer.back() - '0') % 2 == 1;
    if (a.negative && b.first_nonzero() < b.fraction.size()) {
        return fail("2201F", "a negative number raised to a non-integer power yields a complex result");
    }
    return std::string(a.negative && odd ? "-Infinity" : "Infinity");
}

Result<std::string> power(const Digits& a, const Digits& b) {
    if (a.special != Special::none || b.special != Special::none) return power_special(a, b);
    if (a.zero() && b.negative) return fail("2201F", "zero raised to a negative power is undefined");
    const auto integer = as_integer(b);
    if (integer && *integer >= INT32_MIN && *integer <= INT32_MAX) return integer_power(a, *integer);
    if (a.zero()) return join_numeric(false, "0", significant_digits_min);
    bool negative = false;
    Digits magnitude = a;
    if (a.negative) {
        if (b.first_nonzero() < b.fraction.size()) {
            return fail("2201F", "a negative number raised to a non-integer power yields a complex result");
        }
        magnitude.negative = false;
        negative = !b.integer.empty() && (b.integer.back() - '0') % 2 == 1;
    }
    // exp(b ln a); the weight of the product decides how many places of ln a matter.
    if (as_integer(magnitude) == 1)
        return std::string(negative ? "-1.0000000000000000" : "1.0000000000000000");
    const double estimate = std::log(std::fabs(approximate(coefficient(magnitude), a.scale()))) *
                            approximate(coefficient(b), b.scale());
    if (estimate >= exponent_max) return numeric_overflows();
    if (estimate <= -exponent_max) return join_numeric(false, "0", display_scale_max);
    const int work = significant_digits_min + 30 + std::abs(static_cast<int>(estimate)) +
                     static_cast<int>(b.integer.size()) + std::max(a.scale(), b.scale());
    const Big exponent = ln_at(magnitude, work) * coefficient(b);
    TRY(std::string out, exp_text(exponent, work + b.scale(), std::max(a.scale(), b.scale())));
    return negative ? numeric_negate(out) : out;
}

}  // namespace

Result<std::string> numeric_binary(NumericOp op, std::string_view a, std::string_view b) {
    const Digits x = split_numeric(a);
    const Digits y = split_numeric(b);
    if (op == NumericOp::power) return power(x, y);
    if (x.special != Special::none || y.special != Special::none) return special_binary(op, x, y);
    switch (op) {
        case NumericOp::add:
        case NumericOp::sub:
        case NumericOp::mul: {
            if (is_small(x) && is_small(y)) return small_binary(op, x, y);
            if (op == NumericOp::mul) {
                const int scale = x.scale() + y.scale();
                const Big product = coefficient(x) * coefficient(y);
                const int kept = std::min(scale, numeric_scale_max);
                return checked(text_of(kept == scale ? product : rescale(product, scale, kept), kept));
            }
            const int scale = std::max(x.scale(), y.scale());
            const Big left = rescale(coefficient(x), x.scale(), scale);
            const Big right = rescale(coefficient(y), y.scale(), scale);
            return checked(text_of(op == NumericOp::add ? Big(left + right) : Big(left - right), scale));
        }
        case NumericOp::div:
            return divide(x, y);
        case NumericOp::mod:
            return remainder(x, y);
        case NumericOp::power:
            break;
    }
    return std::string("NaN");
}

Result<std::string> numeric_function(NumericFunction f, std::string_view a) {
    const Digits d = split_numeric(a);
    if (d.special == Special::nan) return std::string("NaN");
    if (f == NumericFunction::exp) {
        if (d.special == Special::infinity) return std::string(d.negative ? "0" : "Infinity");
        return exp_text(coefficient(d), d.scale(), d.scale());
    }
    if (f == NumericFunction::sqrt) {
        if (d.negative && !d.zero()) return fail("2201F", "cannot take square root of a negative number");
        if (d.special == Special::infinity) return std::string(a);
        return sqrt_text(d);
    }
    if (d.negative && !d.zero()) return bad_logarithm("a negative number");
    if (d.zero()) return bad_logarithm("zero");
    if (d.special == Special::infinity) return std::string(a);
    return f == NumericFunction::ln ? ln_text(d) : log_text(split_numeric("10"), d);
}

Result<std::string> numeric_log(std::string_view base, std::string_view a) {
    const Digits b = split_numeric(base);
    const Digits d = split_numeric(a);
    if (b.special == Special::nan || d.special == Special::nan) return std::string("NaN");
    for (const Digits* each : {&b, &d}) {
        if (each->negative && !each->zero()) return bad_logarithm("a negative number");
        if (each->zero()) return bad_logarithm("zero");
    }
    if (b.special == Special::infinity) return std::string(d.special == Special::infinity ? "NaN" : "0");
    if (d.special == Special::infinity) return std::string("Infinity");
    return log_text(b, d);
}

// ---- Sums ----

struct NumericSum::State {
    Big total = 0;
    int scale = 0;      // of `total`
    int scale_max = 0;  // of the values seen: the scale of the result
    bool nan = false, infinity = false, minus_infinity = false;

    std::optional<std::string> special() const {
        if (nan || (infinity && minus_infinity)) return "NaN";
        if (infinity) return "Infinity";
        if (minus_infinity) return "-Infinity";
        return {};
    }
};

NumericSum::NumericSum() = default;
NumericSum::~NumericSum() = default;
NumericSum::NumericSum(const NumericSum& other)
    : state_(other.state_ ? std::make_unique<State>(*other.state_) : nullptr) {}
NumericSum& NumericSum::operator=(const NumericSum& other) {
    if (this != &other) state_ = other.state_ ? std::make_unique<State>(*other.state_) : nullptr;
    return *this;
}
NumericSum::NumericSum(NumericSum&&) noexcept = default;
NumericSum& NumericSum::operator=(NumericSum&&) noexcept = default;

void NumericSum::add(std::string_view value) {
    if (!state_) state_ = std::make_unique<State>();
    State& s = *state_;
    const Digits d = split_numeric(value);
    if (d.special == Special::nan) {
        s.nan = true;
        return;
    }
    if (d.special == Special::infinity) {
        (d.negative ? s.minus_infinity : s.infinity) = true;
        return;
    }
    if (d.scale() > s.scale) {
        s.total *= power_of_ten(d.scale() - s.scale);
        s.scale = d.scale();
    }
    if (is_small(d) && s.scale - d.scale() <= static_cast<int>(small_digits)) {
        s.total += Big(small_coefficient(d) * small_power(s.scale - d.scale()));
    } else {
        s.total += coefficient(d) * power_of_ten(s.scale - d.scale());
    }
}

std::string NumericSum::sum() const {
    if (!state_) return "0";
    if (auto text = state_->special()) return *text;
    return text_of(state_->total, state_->scale);
}

Result<std::string> NumericSum::average(std::int64_t count) const {
    return numeric_binary(NumericOp::div, sum(), numeric_from_integer(count));
}

}  // namespace anabranch::sql
