// Comparison, choice among values, and casts.
#include <cmath>
#include <cstring>

#include "lib/sql/array.h"
#include "lib/sql/builtin.h"
#include "lib/sql/evaluate_internal.h"
#include "lib/sql/record.h"

namespace anabranch::sql {
namespace {

// How the values of a type are told apart, from fastest to most general.
struct Integers {
    static int compare(const CallSite&, Datum a, Datum b) {
        return a.as_integer() < b.as_integer() ? -1 : static_cast<int>(a.as_integer() > b.as_integer());
    }
    static bool equal(const CallSite&, Datum a, Datum b) { return a.as_integer() == b.as_integer(); }
};
struct PlainBytes {
    static int compare(const CallSite&, Datum a, Datum b) { return a.as_bytes().compare(b.as_bytes()); }
    static bool equal(const CallSite&, Datum a, Datum b) { return a.as_bytes() == b.as_bytes(); }
};
struct AnyType {
    static int compare(const CallSite& site, Datum a, Datum b) { return sql::compare(site.args[0], a, b); }
    static bool equal(const CallSite& site, Datum a, Datum b) { return compare(site, a, b) == 0; }
};

template <Func F, typename Kind>
bool holds(const CallSite& site, Datum a, Datum b) {
    if constexpr (F == Func::eq) return Kind::equal(site, a, b);
    if constexpr (F == Func::ne) return !Kind::equal(site, a, b);
    if constexpr (F == Func::lt) return Kind::compare(site, a, b) < 0;
    if constexpr (F == Func::le) return Kind::compare(site, a, b) <= 0;
    if constexpr (F == Func::gt) return Kind::compare(site, a, b) > 0;
    if constexpr (F == Func::ge) return Kind::compare(site, a, b) >= 0;
}

template <Func F, typename Kind>
Datum compare_kernel(EvalContext&, const CallSite& site, const Datum* args) {
    if (args[0].is_null() || args[1].is_null()) [[unlikely]]
        return {};
    return Datum::boolean(holds<F, Kind>(site, args[0], args[1]));
}

template <bool Distinct, typename Kind>
Datum distinct_kernel(EvalContext&, const CallSite& site, const Datum* args) {
    const bool same = args[0].is_null() || args[1].is_null() ? args[0].is_null() && args[1].is_null()
                                                             : Kind::equal(site, args[0], args[1]);
    return Datum::boolean(same != Distinct);
}

template <typename Kind>
Datum nullif_kernel(EvalContext&, const CallSite& site, const Datum* args) {
    if (!args[0].is_null() && !args[1].is_null() && Kind::equal(site, args[0], args[1])) return {};
    return args[0];
}

template <bool Greatest, typename Kind>
Datum extreme_kernel(EvalContext&, const CallSite& site, const Datum* args) {
    Datum best;
    for (std::size_t i = 0; i < site.args.size(); ++i) {
        if (args[i].is_null()) continue;
        const int order = best.is_null() ? 0 : Kind::compare(site, args[i], best);
        if (best.is_null() || (Greatest ? order > 0 : order < 0)) best = args[i];
    }
    return best;
}

Datum coalesce_kernel(EvalContext&, const CallSite& site, const Datum* args) {
    for (std::size_t i = 0; i < site.args.size(); ++i) {
        if (!args[i].is_null()) return args[i];
    }
    return {};
}

template <bool Nulls>
Datum count_nulls_kernel(EvalContext&, const CallSite& site, const Datum* args) {
    std::int64_t n = 0;
    for (std::size_t i = 0; i < site.args.size(); ++i) n += args[i].is_null() == Nulls ? 1 : 0;
    return Datum::integer(n);
}

template <typename Kind>
Kernel choose(Func func) {
    switch (func) {
        case Func::eq:
            return compare_kernel<Func::eq, Kind>;
        case Func::ne:
            return compare_kernel<Func::ne, Kind>;
        case Func::lt:
            return compare_kernel<Func::lt, Kind>;
        case Func::le:
            return compare_kernel<Func::le, Kind>;
        case Func::gt:
            return compare_kernel<Func::gt, Kind>;
        case Func::ge:
            return compare_kernel<Func::ge, Kind>;
        case Func::is_distinct:
            return distinct_kernel<true, Kind>;
        case Func::is_not_distinct:
            return distinct_kernel<false, Kind>;
        case Func::nullif:
            return nullif_kernel<Kind>;
        case Func::greatest:
            return extreme_kernel<true, Kind>;
        case Func::least:
            return extreme_kernel<false, Kind>;
        default:
            return nullptr;
    }
}

bool has_plain_bytes(Type type) {
    if (type.array) return false;
    switch (type.id) {
        case TypeId::text:
        case TypeId::varchar:
        case TypeId::name:
        case TypeId::unknown:
        case TypeId::bytea:
        case TypeId::uuid:
        case TypeId::json:
            return true;
        default:
            return false;
    }
}

// ---- Casts ----

Datum general_cast(EvalContext& context, const CallSite& site, const Datum* args) {
    if (args[0].is_null()) return {};
    Result<Datum> out = cast(site.args[0], site.result, args[0], context.arena, context.labels, site.flag);
    if (!out) return context.fail(std::move(out).error());
    return *out;
}

Datum integer_to_float8(EvalContext&, const CallSite&, const Datum* args) {
    if (args[0].is_null()) return {};
    return Datum::floating(static_cast<double>(args[0].as_integer()));
}

int integer_width(TypeId id) {
    return id == TypeId::int2 ? 2 : id == TypeId::int4 ? 4 : 8;
}

}  // namespace

Kernel comparison_kernel(Func func, std::span<const Type> args, Type) {
    if (func == Func::coalesce) return coalesce_kernel;
    if (func == Func::num_nulls) return count_nulls_kernel<true>;
    if (func == Func::num_nonnulls) return count_nulls_kernel<false>;
    if (args.empty()) return nullptr;
    if (storage_of(args[0]) == Storage::integer) return choose<Integers>(func);
    if (has_plain_bytes(args[0])) return choose<PlainBytes>(func);
    return choose<AnyType>(func);
}

// Null: the value is the same in both types.
Kernel cast_kernel(Type from, Type to, bool) {
    if (is_integer(from) && is_integer(to) && integer_width(from.id) <= integer_width(to.id)) return nullptr;
    const auto unlimited_text = [](Type t) {
        return !t.array && t.modifier < 0 &&
               (t.id == TypeId::text || t.id == TypeId::varchar || t.id == TypeId::unknown);
    };
    const bool from_text = !from.array && (from.id == TypeId::text || from.id == TypeId::varchar ||
                                           from.id == TypeId::name || from.id == TypeId::unknown);
    if (from_text && unlimited_text(to)) return nullptr;
    const auto modified = to.modifier >= 0 && to.modifier != from.modifier;
    if (same_type(from, to) && !modified) return nullptr;
    if (is_integer(from) && to == Type{TypeId::float8}) return integer_to_float8;
    return general_cast;
}

Datum array_compare_kernel(EvalContext& context, const CallSite& site, const Datum* args) {
    if (args[1].is_null()) return {};
    bool unknown = false;
    ArrayReader reader(site.args[1], args[1].as_bytes());
    while (!reader.done()) {
        const Datum pair[] = {args[0], reader.next()};
        const Datum answer = (*site.inner)(context, pair);
        if (answer.is_null()) {
            if (context.failed) return {};
            unknown = true;
        } else if (answer.as_bool() != site.flag) {
            return Datum::boolean(!site.flag);
        }
    }
    return unknown ? Datum() : Datum::boolean(site.flag);
}

// The field of a number, from 1.
Datum record_field_kernel(EvalContext&, const CallSite&, const Datum* args) {
    if (args[0].is_null()) return {};
    const std::vector<RecordField> fields = read_record(args[0].as_bytes());
    const auto index = static_cast<std::size_t>(args[1].as_integer()) - 1;
    return index < fields.size() ? fields[index].value : Datum();
}

Datum row_of_kernel(EvalContext& context, const CallSite& site, const Datum* args) {
    std::vector<RecordField> fields(site.args.size());
    for (std::size_t i = 0; i < fields.size(); ++i) fields[i] = {site.names[i], site.args[i], args[i]};
    std::string out;
    write_record(fields, out);
    return make_bytes(context, out);
}

}  // namespace anabranch::sql
