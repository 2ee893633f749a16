// Ranges.
#include "lib/sql/builtin.h"
#include "lib/sql/evaluate_internal.h"
#include "lib/sql/range.h"

namespace anabranch::sql {
namespace {

Datum finish(EvalContext& c, Type range, const Range& value) {
    return unwrap_bytes(c, write_range(range, value));
}

// int8range(lower, upper [, '[]']): NULL bounds are unbounded.
Datum make(EvalContext& c, const CallSite& site, const Datum* args) {
    Range out;
    out.lower = args[0];
    out.upper = args[1];
    out.lower_inclusive = true;
    if (site.args.size() > 2) {
        if (args[2].is_null()) return c.fail("22000", "range constructor flags argument must not be null");
        const std::string_view flags = args[2].as_bytes();
        if (flags != "[]" && flags != "[)" && flags != "(]" && flags != "()") {
            return c.fail(Error::make(sqlstate::syntax_error, "invalid range bound flags")
                              .with_hint("Valid values are \"[]\", \"[)\", \"(]\", and \"()\"."));
        }
        out.lower_inclusive = flags[0] == '[';
        out.upper_inclusive = flags[1] == ']';
    }
    return finish(c, site.result, out);
}

bool overlaps(Type element, const Range& a, const Range& b) {
    if (a.empty || b.empty) return false;
    return compare_upper_to_lower(element, a, b) >= 0 && compare_upper_to_lower(element, b, a) >= 0;
}
bool contains(Type element, const Range& a, const Range& b) {
    if (b.empty) return true;
    return !a.empty && compare_lower(element, a, b) <= 0 && compare_upper(element, a, b) >= 0;
}
bool contains_value(Type element, const Range& range, Datum value) {
    Range point;
    point.lower = point.upper = value;
    point.lower_inclusive = point.upper_inclusive = true;
    return contains(element, range, point);
}
// a's end is b's beginning, of which just one belongs to its range.
bool touches(Type element, const Range& a, const Range& b) {
    if (a.upper.is_null() || b.lower.is_null()) return false;
    return compare(element, a.upper, b.lower) == 0 && a.upper_inclusive != b.lower_inclusive;
}
bool adjacent(Type element, const Range& a, const Range& b) {
    return !a.empty && !b.empty && (touches(element, a, b) || touches(element, b, a));
}
bool before(Type element, const Range& a, const Range& b) {
    return !a.empty && !b.empty && compare_upper_to_lower(element, a, b) < 0;
}

template <Func F>
Datum relation(EvalContext&, const CallSite& site, const Datum* args) {
    const Type range = site.args[0];
    const Type element = range_element(range);
    const Range a = read_range(range, args[0].as_bytes());
    const Range b = read_range(range, args[1].as_bytes());
    if constexpr (F == Func::range_overlaps) return Datum::boolean(overlaps(element, a, b));
    if constexpr (F == Func::range_contains) return Datum::boolean(contains(element, a, b));
    if constexpr (F == Func::range_contained) return Datum::boolean(contains(element, b, a));
    if constexpr (F == Func::range_adjacent) return Datum::boolean(adjacent(element, a, b));
    if constexpr (F == Func::range_before) return Datum::boolean(before(element, a, b));
    if constexpr (F == Func::range_after) return Datum::boolean(before(element, b, a));
    if constexpr (F == Func::range_not_right)
        return Datum::boolean(!a.empty && !b.empty && compare_upper(element, a, b) <= 0);
    return Datum::boolean(!a.empty && !b.empty && compare_lower(element, a, b) >= 0);
}

template <std::size_t At, std::size_t Value>
Datum has_value(EvalContext&, const CallSite& site, const Datum* args) {
    const Type range = site.args[At];
    return Datum::boolean(
        contains_value(range_element(range), read_range(range, args[At].as_bytes()), args[Value]));
}

template <Func F>
Datum property(EvalContext&, const CallSite& site, const Datum* args) {
    const Range r = read_range(site.args[0], args[0].as_bytes());
    if constexpr (F == Func::range_lower) return r.empty ? Datum() : r.lower;
    if constexpr (F == Func::range_upper) return r.empty ? Datum() : r.upper;
    if constexpr (F == Func::range_isempty) return Datum::boolean(r.empty);
    if constexpr (F == Func::range_lower_inc)
        return Datum::boolean(!r.empty && !r.lower.is_null() && r.lower_inclusive);
    if constexpr (F == Func::range_upper_inc)
        return Datum::boolean(!r.empty && !r.upper.is_null() && r.upper_inclusive);
    if constexpr (F == Func::range_lower_inf) return Datum::boolean(!r.empty && r.lower.is_null());
    return Datum::boolean(!r.empty && r.upper.is_null());
}

void take_lower(Range& to, const Range& from) {
    to.lower = from.lower;
    to.lower_inclusive = from.lower_inclusive;
}
void take_upper(Range& to, const Range& from) {
    to.upper = from.upper;
    to.upper_inclusive = from.upper_inclusive;
}

// Strict is `+`, which refuses a gap; range_merge spans it.
template <bool Strict>
Datum unite(EvalContext& c, const CallSite& site, const Datum* args) {
    const Type range = site.args[0];
    const Type element = range_element(range);
    const Range a = read_range(range, args[0].as_bytes());
    const Range b = read_range(range, args[1].as_bytes());
    if (a.empty) return args[1];
    if (b.empty) return args[0];
    if (Strict && !overlaps(element, a, b) && !adjacent(element, a, b)) {
        return c.fail("22000", "result of range union would not be contiguous");
    }
    Range out;
    take_lower(out, compare_lower(element, a, b) <= 0 ? a : b);
    take_upper(out, compare_upper(element, a, b) >= 0 ? a : b);
    return finish(c, range, out);
}

Datum intersect(EvalContext& c, const CallSite& site, const Datum* args) {
    const Type range = site.args[0];
    const Type element = range_element(range);
    const Range a = read_range(range, args[0].as_bytes());
    const Range b = read_range(range, args[1].as_bytes());
    Range out;
    out.empty = !overlaps(element, a, b);
    take_lower(out, compare_lower(element, a, b) >= 0 ? a : b);
    take_upper(out, compare_upper(element, a, b) <= 0 ? a : b);
    return finish(c, range, out);
}

Datum subtract(EvalContext& c, const CallSite& site, const Datum* args) {
    const Type range = site.args[0];
    const Type element = range_element(range);
    const Range a = read_range(range, args[0].as_bytes());
    const Range b = read_range(range, args[1].as_bytes());
    if (!overlaps(element, a, b)) return args[0];
    const bool keeps_left = compare_lower(element, a, b) < 0;
    const bool keeps_right = compare_upper(element, a, b) > 0;
    if (keeps_left && keeps_right)
        return c.fail("22000", "result of range difference would not be contiguous");
    Range out = a;
    out.empty = !keeps_left && !keeps_right;
    if (keeps_left) {
        out.upper = b.lower;
        out.upper_inclusive = !b.lower_inclusive;
    } else if (keeps_right) {
        out.lower = b.upper;
        out.lower_inclusive = !b.upper_inclusive;
    }
    return finish(c, range, out);
}

}  // namespace

// tidy: table
Kernel range_kernel(Func func, std::span<const Type>, Type) {
    switch (func) {
        case Func::range_make:
            return make;
        case Func::range_overlaps:
            return strict_call<relation<Func::range_overlaps>, 2>;
        case Func::range_contains:
            return strict_call<relation<Func::range_contains>, 2>;
        case Func::range_contained:
            return strict_call<relation<Func::range_contained>, 2>;
        case Func::range_adjacent:
            return strict_call<relation<Func::range_adjacent>, 2>;
        case Func::range_before:
            return strict_call<relation<Func::range_before>, 2>;
        case Func::range_after:
            return strict_call<relation<Func::range_after>, 2>;
        case Func::range_not_right:
            return strict_call<relation<Func::range_not_right>, 2>;
        case Func::range_not_left:
            return strict_call<relation<Func::range_not_left>, 2>;
        case Func::range_contains_elem:
            return strict_call<has_value<0, 1>, 2>;
        case Func::range_elem_contained:
            return strict_call<has_value<1, 0>, 2>;
        case Func::range_lower:
            return strict_call<property<Func::range_lower>, 1>;
        case Func::range_upper:
            return strict_call<property<Func::range_upper>, 1>;
        case Func::range_isempty:
            return strict_call<property<Func::range_isempty>, 1>;
        case Func::range_lower_inc:
            return strict_call<property<Func::range_lower_inc>, 1>;
        case Func::range_upper_inc:
            return strict_call<property<Func::range_upper_inc>, 1>;
        case Func::range_lower_inf:
            return strict_call<property<Func::range_lower_inf>, 1>;
        case Func::range_upper_inf:
            return strict_call<property<Func::range_upper_inf>, 1>;
        case Func::range_union:
            return strict_call<unite<true>, 2>;
        case Func::range_merge:
            return strict_call<unite<false>, 2>;
        case Func::range_intersect:
            return strict_call<intersect, 2>;
        case Func::range_difference:
            return strict_call<subtract, 2>;
        default:
            return nullptr;
    }
}

}  // namespace anabranch::sql
