// What the files of built-ins share. Each file offers one chooser: the kernel for a function it knows on
// these types, or null.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "lib/sql/evaluate.h"

namespace anabranch::sql {

Kernel comparison_kernel(Func func, std::span<const Type> args, Type result);
Kernel arithmetic_kernel(Func func, std::span<const Type> args, Type result);
Kernel math_kernel(Func func, std::span<const Type> args, Type result);
Kernel text_kernel(Func func, std::span<const Type> args, Type result);
Kernel encoding_kernel(Func func, std::span<const Type> args, Type result);
Kernel format_kernel(Func func, std::span<const Type> args, Type result);
Kernel pattern_kernel(Func func, std::span<const Type> args, Type result);
Kernel regexp_kernel(Func func, std::span<const Type> args, Type result);
Kernel datetime_kernel(Func func, std::span<const Type> args, Type result);
Kernel range_kernel(Func func, std::span<const Type> args, Type result);
Kernel array_kernel(Func func, std::span<const Type> args, Type result);
Kernel json_kernel(Func func, std::span<const Type> args, Type result);
Kernel session_kernel(Func func, std::span<const Type> args, Type result);
Kernel bytes_kernel(Func func, std::span<const Type> args, Type result);
Kernel cast_kernel(Type from, Type to, bool implicit);

// Kernels of constructors that no Func names.
Datum array_of_kernel(EvalContext& context, const CallSite& site, const Datum* args);
Datum row_of_kernel(EvalContext& context, const CallSite& site, const Datum* args);
Datum record_field_kernel(EvalContext& context, const CallSite& site, const Datum* args);
Datum array_compare_kernel(EvalContext& context, const CallSite& site, const Datum* args);

// ---- Strict calls: NULL as soon as one argument is NULL ----

using KernelBody = Datum (*)(EvalContext&, const CallSite&, const Datum*);

template <KernelBody Body, std::size_t Count>
Datum strict_call(EvalContext& context, const CallSite& site, const Datum* args) {
    for (std::size_t i = 0; i < Count; ++i) {
        if (args[i].is_null()) [[unlikely]]
            return {};
    }
    return Body(context, site, args);
}

template <KernelBody Body>
Kernel strict(std::size_t count) {
    constexpr std::array<Kernel, 8> by_count = {
        strict_call<Body, 0>, strict_call<Body, 1>, strict_call<Body, 2>, strict_call<Body, 3>,
        strict_call<Body, 4>, strict_call<Body, 5>, strict_call<Body, 6>, strict_call<Body, 7>};
    return count < by_count.size() ? by_count[count] : nullptr;
}

// As quote_literal() of SQL: with a backslash inside it is E'...', whatever the session's settings.
std::string escape_literal(std::string_view text);

// ---- Results ----

inline constexpr std::size_t text_bytes_max = 64 * 1024 * 1024;

inline Datum make_bytes(EvalContext& context, std::string_view bytes) {
    if (bytes.size() > text_bytes_max) return context.fail("54000", "requested length too large");
    return Datum::bytes(context.arena.copy(bytes));
}

inline Datum unwrap(EvalContext& context, Result<Datum> result) {
    if (!result) return context.fail(std::move(result).error());
    return *result;
}
inline Datum unwrap_integer(EvalContext& context, Result<std::int64_t> result) {
    if (!result) return context.fail(std::move(result).error());
    return Datum::integer(*result);
}
inline Datum unwrap_bytes(EvalContext& context, Result<std::string> result) {
    if (!result) return context.fail(std::move(result).error());
    return make_bytes(context, *result);
}

}  // namespace anabranch::sql
