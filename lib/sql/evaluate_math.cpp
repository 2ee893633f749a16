// Functions of real numbers, on double precision and numeric.
#include <algorithm>
#include <cmath>

#include "lib/sql/evaluate_internal.h"
#include "lib/sql/numeric.h"

namespace anabranch::sql {
namespace {

constexpr double pi = 3.14159265358979323846;
constexpr double radians_per_degree = 0.0174532925199432957692;

Datum overflow(EvalContext& c) {
    return c.fail(sqlstate::numeric_value_out_of_range, "value out of range: overflow");
}
Datum underflow(EvalContext& c) {
    return c.fail(sqlstate::numeric_value_out_of_range, "value out of range: underflow");
}
Datum outside(EvalContext& c) {
    return c.fail(sqlstate::numeric_value_out_of_range, "input is out of range");
}
Datum bad_logarithm(EvalContext& c, double v) {
    return c.fail("2201E",
                  std::string("cannot take logarithm of ") + (v == 0 ? "zero" : "a negative number"));
}

template <double (*F)(double)>
Datum plain(EvalContext& c, const CallSite&, const Datum* args) {
    const double v = args[0].as_floating();
    const double out = F(v);
    if (std::isinf(out) && !std::isinf(v)) return overflow(c);
    return Datum::floating(out);
}
double round_even(double v) {
    return std::rint(v);
}
double sign_of(double v) {
    return v > 0 ? 1 : (v < 0 ? -1 : 0);
}
double to_degrees(double v) {
    return v / radians_per_degree;
}
double to_radians(double v) {
    return v * radians_per_degree;
}
double floor_of(double v) {
    return std::floor(v);
}
double ceil_of(double v) {
    return std::ceil(v);
}
double trunc_of(double v) {
    return std::trunc(v);
}
double cbrt_of(double v) {
    return std::cbrt(v);
}
double atan_of(double v) {
    return std::atan(v);
}

// sinh and cosh of what is too large are infinite, as in PostgreSQL.
template <double (*F)(double)>
Datum hyperbolic(EvalContext&, const CallSite&, const Datum* args) {
    return Datum::floating(F(args[0].as_floating()));
}
Datum acosh_of(EvalContext& c, const CallSite&, const Datum* args) {
    const double v = args[0].as_floating();
    if (v < 1) return outside(c);
    return Datum::floating(std::acosh(v));
}
Datum atanh_of(EvalContext& c, const CallSite&, const Datum* args) {
    const double v = args[0].as_floating();
    if (v < -1 || v > 1) return outside(c);
    return Datum::floating(std::atanh(v));
}
Datum cot_of(EvalContext& c, const CallSite&, const Datum* args) {
    const double v = args[0].as_floating();
    if (std::isinf(v)) return outside(c);
    return Datum::floating(1 / std::tan(v));
}

Datum square_root(EvalContext& c, const CallSite&, const Datum* args) {
    const double v = args[0].as_floating();
    if (v < 0) return c.fail("2201F", "cannot take square root of a negative number");
    return Datum::floating(std::sqrt(v));
}

Datum exponential(EvalContext& c, const CallSite&, const Datum* args) {
    const double v = args[0].as_floating();
    const double out = std::exp(v);
    if (std::isinf(out) && !std::isinf(v)) return overflow(c);
    if (out == 0 && !std::isinf(v)) return underflow(c);
    return Datum::floating(out);
}

template <bool Natural>
Datum logarithm(EvalContext& c, const CallSite&, const Datum* args) {
    const double v = args[0].as_floating();
    if (v <= 0) return bad_logarithm(c, v);
    return Datum::floating(Natural ? std::log(v) : std::log10(v));
}

template <double (*F)(double)>
Datum of_unit(EvalContext& c, const CallSite&, const Datum* args) {  // asin, acos
    const double v = args[0].as_floating();
    if (v < -1 || v > 1) return outside(c);
    return Datum::floating(F(v));
}
template <double (*F)(double)>
Datum of_angle(EvalContext& c, const CallSite&, const Datum* args) {
    const double v = args[0].as_floating();
    if (std::isinf(v)) return outside(c);
    return Datum::floating(F(v));
}

Datum power_of(EvalContext& c, const CallSite&, const Datum* args) {
    const double a = args[0].as_floating();
    const double b = args[1].as_floating();
    if (std::isnan(a) || std::isnan(b)) return Datum::floating(a == 1 || b == 0 ? 1 : std::nan(""));
    if (a == 0 && b < 0) return c.fail("2201F", "zero raised to a negative power is undefined");
    if (a < 0 && std::floor(b) != b) {
        return c.fail("2201F", "a negative number raised to a non-integer power yields a complex result");
    }
    const double out = std::pow(a, b);
    const bool finite = !std::isinf(a) && !std::isinf(b);
    if (std::isinf(out) && finite) return overflow(c);
    if (out == 0 && a != 0 && finite) return underflow(c);
    return Datum::floating(out);
}

Datum arc_tangent(EvalContext&, const CallSite&, const Datum* args) {
    return Datum::floating(std::atan2(args[0].as_floating(), args[1].as_floating()));
}
Datum pi_of(EvalContext&, const CallSite&, const Datum*) {
    return Datum::floating(pi);
}

std::int64_t bucket(double v, double low, double high, std::int64_t count) {
    if (low < high) {
        if (v < low) return 0;
        if (v >= high) return count + 1;
    } else {
        if (v > low) return 0;
        if (v <= high) return count + 1;
    }
    const double at = static_cast<double>(count) * ((v - low) / (high - low));
    return std::min(static_cast<std::int64_t>(at), count - 1) + 1;
}

Datum width_bucket_of(EvalContext& c, const CallSite& site, const Datum* args) {
    const auto number = [&](std::size_t i) {
        return site.args[i].id == TypeId::numeric ? numeric_to_double(args[i].as_bytes())
                                                  : args[i].as_floating();
    };
    const std::int64_t count = args[3].as_integer();
    if (count <= 0) return c.fail("2201G", "count must be greater than zero");
    for (std::size_t i = 0; i < 3; ++i) {
        if (std::isnan(number(i)))
            return c.fail("2201G", "operand, lower bound, and upper bound cannot be NaN");
    }
    if (std::isinf(number(1)) || std::isinf(number(2)))
        return c.fail("2201G", "lower and upper bounds must be finite");
    if (number(1) == number(2)) return c.fail("2201G", "lower bound cannot equal upper bound");
    const std::int64_t out = bucket(number(0), number(1), number(2), count);
    if (out > INT32_MAX) return c.fail(sqlstate::numeric_value_out_of_range, "integer out of range");
    return Datum::integer(out);
}

// tidy: table
Kernel floating_kernel(Func func) {
    switch (func) {
        case Func::sign:
            return strict_call<plain<sign_of>, 1>;
        case Func::floor:
            return strict_call<plain<floor_of>, 1>;
        case Func::ceil:
            return strict_call<plain<ceil_of>, 1>;
        case Func::round:
            return strict_call<plain<round_even>, 1>;
        case Func::trunc:
            return strict_call<plain<trunc_of>, 1>;
        case Func::cbrt:
            return strict_call<plain<cbrt_of>, 1>;
        case Func::degrees:
            return strict_call<plain<to_degrees>, 1>;
        case Func::radians:
            return strict_call<plain<to_radians>, 1>;
        case Func::atan:
            return strict_call<plain<atan_of>, 1>;
        case Func::sin:
            return strict_call<of_angle<std::sin>, 1>;
        case Func::cos:
            return strict_call<of_angle<std::cos>, 1>;
        case Func::tan:
            return strict_call<of_angle<std::tan>, 1>;
        case Func::asin:
            return strict_call<of_unit<std::asin>, 1>;
        case Func::acos:
            return strict_call<of_unit<std::acos>, 1>;
        case Func::atan2:
            return strict_call<arc_tangent, 2>;
        case Func::sinh:
            return strict_call<hyperbolic<std::sinh>, 1>;
        case Func::cosh:
            return strict_call<hyperbolic<std::cosh>, 1>;
        case Func::tanh:
            return strict_call<hyperbolic<std::tanh>, 1>;
        case Func::asinh:
            return strict_call<hyperbolic<std::asinh>, 1>;
        case Func::acosh:
            return strict_call<acosh_of, 1>;
        case Func::atanh:
            return strict_call<atanh_of, 1>;
        case Func::cot:
            return strict_call<cot_of, 1>;
        case Func::sqrt:
            return strict_call<square_root, 1>;
        case Func::exp:
            return strict_call<exponential, 1>;
        case Func::ln:
            return strict_call<logarithm<true>, 1>;
        case Func::log:
            return strict_call<logarithm<false>, 1>;
        case Func::power:
            return strict_call<power_of, 2>;
        default:
            return nullptr;
    }
}

// ---- numeric ----

template <NumericFunction F>
Datum numeric_real(EvalContext& c, const CallSite&, const Datum* args) {
    return unwrap_bytes(c, numeric_function(F, args[0].as_bytes()));
}
template <std::string (*F)(std::string_view)>
Datum numeric_plain(EvalContext& c, const CallSite&, const Datum* args) {
    return make_bytes(c, F(args[0].as_bytes()));
}
template <std::string (*F)(std::string_view, int)>
Datum numeric_places(EvalContext& c, const CallSite& site, const Datum* args) {
    const std::int64_t places =
        site.args.size() > 1 ? std::clamp<std::int64_t>(args[1].as_integer(), -131'073, 16'383) : 0;
    return make_bytes(c, F(args[0].as_bytes(), static_cast<int>(places)));
}
Datum numeric_sign_of(EvalContext& c, const CallSite&, const Datum* args) {
    if (numeric_is_nan(args[0].as_bytes())) return args[0];
    return make_bytes(c, numeric_from_integer(numeric_sign(args[0].as_bytes())));
}
Datum numeric_log_of(EvalContext& c, const CallSite&, const Datum* args) {
    return unwrap_bytes(c, numeric_log(args[0].as_bytes(), args[1].as_bytes()));
}
Datum numeric_scale_of(EvalContext&, const CallSite&, const Datum* args) {
    const std::string_view v = args[0].as_bytes();
    if (v.find_first_of("NI") != std::string_view::npos) return {};
    return Datum::integer(numeric_scale(v));
}

// The scale without zeros at the end.
int least_scale(std::string_view v) {
    int scale = numeric_scale(v);
    for (; scale > 0 && v.back() == '0'; --scale) v.remove_suffix(1);
    return scale;
}
Datum numeric_min_scale(EvalContext&, const CallSite&, const Datum* args) {
    const std::string_view v = args[0].as_bytes();
    if (v.find_first_of("NI") != std::string_view::npos) return {};
    return Datum::integer(least_scale(v));
}
Datum numeric_trim_scale(EvalContext& c, const CallSite&, const Datum* args) {
    const std::string_view v = args[0].as_bytes();
    if (v.find_first_of("NI") != std::string_view::npos) return args[0];
    return make_bytes(c, numeric_round(v, least_scale(v)));
}
Datum factorial(EvalContext& c, const CallSite&, const Datum* args) {
    const std::int64_t n = args[0].as_integer();
    if (n < 0)
        return c.fail(sqlstate::numeric_value_out_of_range, "factorial of a negative number is undefined");
    if (n > 32177) return c.fail(sqlstate::numeric_value_out_of_range, "value overflows numeric format");
    std::string product = "1";
    for (std::int64_t i = 2; i <= n; ++i) {
        Result<std::string> next = numeric_binary(NumericOp::mul, product, numeric_from_integer(i));
        if (!next) return c.fail(std::move(next).error());
        product = std::move(*next);
    }
    return make_bytes(c, product);
}

Kernel numeric_kernel(Func func, std::size_t count) {
    switch (func) {
        case Func::sign:
            return strict_call<numeric_sign_of, 1>;
        case Func::sqrt:
            return strict_call<numeric_real<NumericFunction::sqrt>, 1>;
        case Func::exp:
            return strict_call<numeric_real<NumericFunction::exp>, 1>;
        case Func::ln:
            return strict_call<numeric_real<NumericFunction::ln>, 1>;
        case Func::log:
            return count == 1 ? strict_call<numeric_real<NumericFunction::log10>, 1>
                              : strict_call<numeric_log_of, 2>;
        case Func::floor:
            return strict_call<numeric_plain<numeric_floor>, 1>;
        case Func::ceil:
            return strict_call<numeric_plain<numeric_ceil>, 1>;
        case Func::round:
            return strict<numeric_places<numeric_round>>(count);
        case Func::trunc:
            return strict<numeric_places<numeric_trunc>>(count);
        case Func::scale:
            return strict_call<numeric_scale_of, 1>;
        case Func::min_scale:
            return strict_call<numeric_min_scale, 1>;
        case Func::trim_scale:
            return strict_call<numeric_trim_scale, 1>;
        default:
            return nullptr;
    }
}

}  // namespace

Kernel math_kernel(Func func, std::span<const Type> args, Type) {
    if (func == Func::pi) return pi_of;
    if (func == Func::factorial) return strict_call<factorial, 1>;
    if (func == Func::width_bucket) return strict_call<width_bucket_of, 4>;
    if (args.empty() || args[0].array) return nullptr;
    if (args[0].id == TypeId::numeric) return numeric_kernel(func, args.size());
    if (args[0].id == TypeId::float8 || args[0].id == TypeId::float4) return floating_kernel(func);
    return nullptr;
}

}  // namespace anabranch::sql
