// + - * / % and bits on integers, floating point and numeric. Those on dates are in evaluate_datetime.cpp.
#include <cmath>
#include <limits>
#include <numeric>

#include "lib/sql/evaluate_internal.h"
#include "lib/sql/numeric.h"

namespace anabranch::sql {
namespace {

template <typename T>
[[gnu::cold, gnu::noinline]] Datum out_of_range(EvalContext& context) {
    const char* name = sizeof(T) == 2 ? "smallint" : sizeof(T) == 4 ? "integer" : "bigint";
    return context.fail(sqlstate::numeric_value_out_of_range, std::string(name) + " out of range");
}
[[gnu::cold, gnu::noinline]] Datum division_by_zero(EvalContext& context) {
    return context.fail(sqlstate::division_by_zero, "division by zero");
}

template <typename T>
bool fits(std::int64_t v) {
    return v >= std::numeric_limits<T>::min() && v <= std::numeric_limits<T>::max();
}

// ---- Integers: T is the width of the result, the arguments are at most as wide ----

template <typename T, Func F>
Datum integer_binary(EvalContext& context, const CallSite&, const Datum* args) {
    if (args[0].is_null() || args[1].is_null()) [[unlikely]]
        return {};
    const std::int64_t a = args[0].as_integer();
    const std::int64_t b = args[1].as_integer();
    std::int64_t out = 0;
    bool overflow = false;
    if constexpr (F == Func::add) overflow = __builtin_add_overflow(a, b, &out);
    if constexpr (F == Func::sub) overflow = __builtin_sub_overflow(a, b, &out);
    if constexpr (F == Func::mul) overflow = __builtin_mul_overflow(a, b, &out);
    if constexpr (F == Func::div || F == Func::mod) {
        if (b == 0) [[unlikely]]
            return division_by_zero(context);
        if (b == -1) [[unlikely]] {  // the least value has no negative: / overflows, % is 0
            if constexpr (F == Func::div) overflow = __builtin_sub_overflow(std::int64_t{0}, a, &out);
        } else {
            out = F == Func::div ? a / b : a % b;
        }
    }
    if (overflow || !fits<T>(out)) [[unlikely]]
        return out_of_range<T>(context);
    return Datum::integer(out);
}

template <Func F>
Datum integer_bits(EvalContext&, const CallSite&, const Datum* args) {
    if (args[0].is_null() || args[1].is_null()) return {};
    const std::int64_t a = args[0].as_integer();
    const std::int64_t b = args[1].as_integer();
    if constexpr (F == Func::bit_and) return Datum::integer(a & b);
    if constexpr (F == Func::bit_or) return Datum::integer(a | b);
    return Datum::integer(a ^ b);
}

// Shift distances wrap at the width, as the machine's do.
template <typename T, Func F>
Datum integer_shift(EvalContext&, const CallSite&, const Datum* args) {
    constexpr std::uint64_t mask = sizeof(T) == 8 ? 63 : 31;
    const auto by = static_cast<unsigned>(static_cast<std::uint64_t>(args[1].as_integer()) & mask);
    const std::int64_t a = args[0].as_integer();
    if constexpr (F == Func::shift_right) return Datum::integer(a >> by);
    return Datum::integer(static_cast<T>(static_cast<std::uint64_t>(a) << by));
}

template <typename T, Func F>
Datum integer_unary(EvalContext& context, const CallSite&, const Datum* args) {
    const std::int64_t a = args[0].as_integer();
    if constexpr (F == Func::bit_not) return Datum::integer(~a);
    if constexpr (F == Func::abs || F == Func::neg) {
        if (a == std::numeric_limits<T>::min()) return out_of_range<T>(context);
    }
    if constexpr (F == Func::abs) return Datum::integer(a < 0 ? -a : a);
    if constexpr (F == Func::neg) return Datum::integer(-a);
    return args[0];
}

template <typename T, Func F>
Datum integer_divisor(EvalContext& context, const CallSite&, const Datum* args) {
    const auto magnitude = [](std::int64_t v) {
        return v < 0 ? -static_cast<std::uint64_t>(v) : static_cast<std::uint64_t>(v);
    };
    const std::uint64_t a = magnitude(args[0].as_integer());
    const std::uint64_t b = magnitude(args[1].as_integer());
    const std::uint64_t divisor = std::gcd(a, b);
    unsigned __int128 out = divisor;
    if constexpr (F == Func::lcm)
        out = a == 0 || b == 0 ? 0 : static_cast<unsigned __int128>(a / divisor) * b;
    if (out > static_cast<std::uint64_t>(std::numeric_limits<T>::max())) return out_of_range<T>(context);
    return Datum::integer(static_cast<std::int64_t>(out));
}

template <typename T>
Kernel integer_kernel(Func func) {
    switch (func) {
        case Func::add:
            return integer_binary<T, Func::add>;
        case Func::sub:
            return integer_binary<T, Func::sub>;
        case Func::mul:
            return integer_binary<T, Func::mul>;
        case Func::div:
            return integer_binary<T, Func::div>;
        case Func::mod:
            return integer_binary<T, Func::mod>;
        case Func::bit_and:
            return integer_bits<Func::bit_and>;
        case Func::bit_or:
            return integer_bits<Func::bit_or>;
        case Func::bit_xor:
            return integer_bits<Func::bit_xor>;
        case Func::shift_left:
            return strict_call<integer_shift<T, Func::shift_left>, 2>;
        case Func::shift_right:
            return strict_call<integer_shift<T, Func::shift_right>, 2>;
        case Func::bit_not:
            return strict_call<integer_unary<T, Func::bit_not>, 1>;
        case Func::abs:
            return strict_call<integer_unary<T, Func::abs>, 1>;
        case Func::neg:
            return strict_call<integer_unary<T, Func::neg>, 1>;
        case Func::gcd:
            return strict_call<integer_divisor<T, Func::gcd>, 2>;
        case Func::lcm:
            return strict_call<integer_divisor<T, Func::lcm>, 2>;
        default:
            return nullptr;
    }
}

// ---- Floating point ----

template <typename T, Func F>
Datum floating_binary(EvalContext& context, const CallSite&, const Datum* args) {
    const auto a = static_cast<T>(args[0].as_floating());
    const auto b = static_cast<T>(args[1].as_floating());
    T out = 0;
    if constexpr (F == Func::add) out = a + b;
    if constexpr (F == Func::sub) out = a - b;
    if constexpr (F == Func::mul) out = a * b;
    if constexpr (F == Func::div) {
        if (b == 0 && !std::isnan(a)) return division_by_zero(context);
        out = a / b;
    }
    if (std::isinf(out) && !std::isinf(a) && !std::isinf(b)) {
        return context.fail(sqlstate::numeric_value_out_of_range, "value out of range: overflow");
    }
    const bool vanishes =
        (F == Func::mul && a != 0 && b != 0) || (F == Func::div && a != 0 && !std::isinf(b));
    if (out == 0 && vanishes)
        return context.fail(sqlstate::numeric_value_out_of_range, "value out of range: underflow");
    return Datum::floating(static_cast<double>(out));
}

template <Func F>
Datum floating_unary(EvalContext&, const CallSite&, const Datum* args) {
    const double a = args[0].as_floating();
    return Datum::floating(F == Func::neg ? -a : std::fabs(a));
}

template <typename T>
Kernel floating_kernel(Func func) {
    switch (func) {
        case Func::add:
            return strict_call<floating_binary<T, Func::add>, 2>;
        case Func::sub:
            return strict_call<floating_binary<T, Func::sub>, 2>;
        case Func::mul:
            return strict_call<floating_binary<T, Func::mul>, 2>;
        case Func::div:
            return strict_call<floating_binary<T, Func::div>, 2>;
        case Func::neg:
            return strict_call<floating_unary<Func::neg>, 1>;
        case Func::abs:
            return strict_call<floating_unary<Func::abs>, 1>;
        default:
            return nullptr;
    }
}

// ---- numeric ----

template <NumericOp Op>
Datum numeric_binary_kernel(EvalContext& context, const CallSite&, const Datum* args) {
    return unwrap_bytes(context, numeric_binary(Op, args[0].as_bytes(), args[1].as_bytes()));
}
Datum numeric_div_trunc(EvalContext& context, const CallSite&, const Datum* args) {
    const std::string_view a = args[0].as_bytes();
    const std::string_view b = args[1].as_bytes();
    // NaN, infinities and errors as division has them; else exact: the quotient of a less its remainder.
    if (a.ends_with('y') || b.ends_with('y'))
        return unwrap_bytes(context, numeric_binary(NumericOp::div, a, b));
    Result<std::string> rest = numeric_binary(NumericOp::mod, a, b);
    if (!rest) return context.fail(std::move(rest).error());
    Result<std::string> multiple = numeric_binary(NumericOp::sub, a, *rest);
    if (!multiple) return context.fail(std::move(multiple).error());
    Result<std::string> quotient = numeric_binary(NumericOp::div, *multiple, b);
    if (!quotient) return context.fail(std::move(quotient).error());
    return make_bytes(context, numeric_round(*quotient, 0));
}
Datum numeric_neg_kernel(EvalContext& context, const CallSite&, const Datum* args) {
    return make_bytes(context, numeric_negate(args[0].as_bytes()));
}
Datum numeric_abs_kernel(EvalContext& context, const CallSite&, const Datum* args) {
    return make_bytes(context, numeric_abs(args[0].as_bytes()));
}

Kernel numeric_kernel(Func func) {
    switch (func) {
        case Func::add:
            return strict_call<numeric_binary_kernel<NumericOp::add>, 2>;
        case Func::sub:
            return strict_call<numeric_binary_kernel<NumericOp::sub>, 2>;
        case Func::mul:
            return strict_call<numeric_binary_kernel<NumericOp::mul>, 2>;
        case Func::div:
            return strict_call<numeric_binary_kernel<NumericOp::div>, 2>;
        case Func::mod:
            return strict_call<numeric_binary_kernel<NumericOp::mod>, 2>;
        case Func::power:
            return strict_call<numeric_binary_kernel<NumericOp::power>, 2>;
        case Func::div_trunc:
            return strict_call<numeric_div_trunc, 2>;
        case Func::neg:
            return strict_call<numeric_neg_kernel, 1>;
        case Func::abs:
            return strict_call<numeric_abs_kernel, 1>;
        default:
            return nullptr;
    }
}

}  // namespace

Kernel arithmetic_kernel(Func func, std::span<const Type> args, Type result) {
    if (args.empty() || result.array) return nullptr;
    for (const Type& type : args) {
        const bool number =
            is_integer(type) || (!type.array && (type.id == TypeId::float4 || type.id == TypeId::float8 ||
                                                 type.id == TypeId::numeric));
        if (!number) return nullptr;
    }
    if (is_integer(args[0]) != is_integer(result)) return nullptr;
    switch (result.id) {
        case TypeId::int2:
            return integer_kernel<std::int16_t>(func);
        case TypeId::int4:
            return integer_kernel<std::int32_t>(func);
        case TypeId::int8:
            return integer_kernel<std::int64_t>(func);
        case TypeId::float4:
            return floating_kernel<float>(func);
        case TypeId::float8:
            return floating_kernel<double>(func);
        case TypeId::numeric:
            return numeric_kernel(func);
        default:
            return nullptr;
    }
}

}  // namespace anabranch::sql
