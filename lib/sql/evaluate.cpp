#include "lib/sql/evaluate.h"

#include "lib/sql/builtin.h"
#include "lib/sql/evaluate_internal.h"
#include "lib/sql/evaluate_regex.h"

namespace anabranch::sql {
namespace {

Datum unsupported_kernel(EvalContext& context, const CallSite& site, const Datum*) {
    std::string types;
    for (const Type& type : site.args) types += (types.empty() ? "" : ", ") + type_name(type, context.labels);
    return context.fail(Error::make(sqlstate::feature_not_supported,
                                    "this built-in function is not supported on (" + types + ")")
                            .with_detail("It is known to the analysis but cannot be run yet."));
}

Datum identity_kernel(EvalContext&, const CallSite&, const Datum* args) {
    return args[0];
}

Datum zoned_kernel(EvalContext& context, const CallSite& site, const Datum* args) {
    const InZone zone(context, site.zone.get());
    return (*site.inner)(context, args);
}

Kernel find_kernel(Func func, std::span<const Type> args, Type result) {
    using Chooser = Kernel (*)(Func, std::span<const Type>, Type);
    constexpr Chooser choosers[] = {comparison_kernel, arithmetic_kernel, math_kernel,    text_kernel,
                                    encoding_kernel,   format_kernel,     pattern_kernel, regexp_kernel,
                                    datetime_kernel,   range_kernel,      array_kernel,   json_kernel,
                                    session_kernel,    bytes_kernel};
    for (const Chooser choose : choosers) {
        if (const Kernel kernel = choose(func, args, result)) return kernel;
    }
    return unsupported_kernel;
}

}  // namespace

EvalContext::EvalContext(Arena& memory, Instant transaction_time, Random* numbers)
    : arena(memory), now(transaction_time), random(numbers) {}
EvalContext::~EvalContext() = default;

Datum EvalContext::fail(std::string_view sqlstate, std::string message) {
    return fail(Error::make(sqlstate, std::move(message)));
}

Datum EvalContext::fail(Error reason) {
    if (!failed) {
        failed = true;
        error = std::move(reason);
    }
    return {};
}

Error EvalContext::take_error() {
    failed = false;
    return std::exchange(error, Error());
}

Builtin Builtin::of(Func func, std::span<const Type> args, Type result) {
    CallSite site;
    site.func = func;
    site.args.assign(args.begin(), args.end());
    site.result = result;
    return {find_kernel(func, args, result), std::move(site)};
}

Builtin Builtin::cast(Type from, Type to, bool implicit) {
    CallSite site;
    site.flag = implicit;
    site.args = {from};
    site.result = to;
    const Kernel kernel = cast_kernel(from, to, implicit);
    return {kernel != nullptr ? kernel : identity_kernel, std::move(site)};
}

Builtin Builtin::array_compare(Func compare, bool all, Type left, Type array) {
    CallSite site;
    site.func = compare;
    site.flag = all;
    site.args = {left, array};
    site.result = {TypeId::bool_};
    const Type types[] = {left, element_of(array)};
    site.inner = std::make_shared<const Builtin>(of(compare, types, {TypeId::bool_}));
    return {array_compare_kernel, std::move(site)};
}

Builtin Builtin::array_of(std::span<const Type> items, Type result) {
    CallSite site;
    site.args.assign(items.begin(), items.end());
    site.result = result;
    return {array_of_kernel, std::move(site)};
}

Builtin Builtin::row_of(std::span<const Type> items, std::vector<std::string> names) {
    CallSite site;
    site.args.assign(items.begin(), items.end());
    site.names = std::move(names);
    for (std::size_t i = site.names.size(); i < items.size(); ++i)
        site.names.push_back("f" + std::to_string(i + 1));
    site.result = {TypeId::record};
    return {row_of_kernel, std::move(site)};
}

Builtin Builtin::in_zone(Builtin inner, std::shared_ptr<const TimeZone> zone) {
    CallSite site = inner.site_;
    site.inner = std::make_shared<const Builtin>(std::move(inner));
    site.zone = std::move(zone);
    return {zoned_kernel, std::move(site)};
}

bool Builtin::supported() const {
    return kernel_ != unsupported_kernel;
}

Result<Datum> evaluate(EvalContext& context, Func func, std::span<const Datum> args,
                       std::span<const Type> types, Type result) {
    const Datum value = Builtin::of(func, types, result)(context, args.data());
    if (context.failed) return std::unexpected(context.take_error());
    return value;
}

}  // namespace anabranch::sql
