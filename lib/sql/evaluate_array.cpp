// Arrays.
#include <algorithm>

#include "lib/sql/array.h"
#include "lib/sql/builtin.h"
#include "lib/sql/evaluate_internal.h"
#include "lib/sql/value_internal.h"

namespace anabranch::sql {
namespace {

std::int64_t as_count(std::size_t n) {
    return static_cast<std::int64_t>(n);
}

Datum finish(EvalContext& c, Type array, std::span<const Datum> elements, std::int32_t lower = 1) {
    std::string out;
    write_array(array, elements, out, lower);
    return make_bytes(c, out);
}

// One-dimensional (or empty) arrays only; false after a failure.
bool one_dimension(EvalContext& c, const ArrayReader& array) {
    if (array.dimensions().size() <= 1) return true;
    c.fail(sqlstate::feature_not_supported,
           "searching for elements in multidimensional arrays is not supported");
    return false;
}
std::int32_t lower_of(const ArrayReader& array) {
    return array.dimensions().empty() ? 1 : array.dimensions()[0].lower;
}

// PostgreSQL compares elements with "is not distinct from" here: NULL equals NULL.
bool same(Type element, Datum a, Datum b) {
    if (a.is_null() || b.is_null()) return a.is_null() && b.is_null();
    return compare(element, a, b) == 0;
}

// ---- Shape ----

template <Func F>
Datum shape(EvalContext&, const CallSite& site, const Datum* args) {
    const ArrayReader array(site.args[0], args[0].as_bytes());
    if constexpr (F == Func::cardinality) return Datum::integer(as_count(array.size()));
    if constexpr (F == Func::array_ndims) {
        return array.dimensions().empty() ? Datum() : Datum::integer(as_count(array.dimensions().size()));
    }
    const std::int64_t number = args[1].as_integer();
    if (number < 1 || number > as_count(array.dimensions().size())) return {};
    const ArrayDimension d = array.dimensions()[static_cast<std::size_t>(number - 1)];
    if constexpr (F == Func::array_length) return Datum::integer(d.size);
    if constexpr (F == Func::array_lower) return Datum::integer(d.lower);
    return Datum::integer(std::int64_t{d.lower} + d.size - 1);
}

Datum array_dims(EvalContext& c, const CallSite& site, const Datum* args) {
    const ArrayReader array(site.args[0], args[0].as_bytes());
    if (array.dimensions().empty()) return {};
    std::string out;
    for (const ArrayDimension& d : array.dimensions())
        out += "[" + std::to_string(d.lower) + ":" + std::to_string(std::int64_t{d.lower} + d.size - 1) + "]";
    return make_bytes(c, out);
}

// ---- Elements ----

// array[i][j]...: NULL outside the bounds or with another number of subscripts.
Datum element(EvalContext&, const CallSite& site, const Datum* args) {
    const std::size_t subscripts = site.args.size() - 1;
    for (std::size_t i = 0; i <= subscripts; ++i) {
        if (args[i].is_null()) return {};
    }
    ArrayReader array(site.args[0], args[0].as_bytes());
    if (array.dimensions().size() != subscripts) return {};
    std::size_t index = 0;
    for (std::size_t i = 0; i < subscripts; ++i) {
        const ArrayDimension d = array.dimensions()[i];
        const std::int64_t at = args[i + 1].as_integer() - d.lower;
        if (at < 0 || at >= d.size) return {};
        index = index * static_cast<std::size_t>(d.size) + static_cast<std::size_t>(at);
    }
    for (; index > 0; --index) array.next();
    return array.next();
}

// array[from:to]; NULL bounds are the array's own.
Datum array_slice(EvalContext& c, const CallSite& site, const Datum* args) {
    if (args[0].is_null()) return {};
    ArrayReader array(site.args[0], args[0].as_bytes());
    if (array.dimensions().size() > 1) {
        return c.fail(sqlstate::feature_not_supported, "slices of multidimensional arrays are not supported");
    }
    const std::int64_t lower = lower_of(array);
    const std::int64_t upper = lower + as_count(array.size()) - 1;
    const std::int64_t from = args[1].is_null() ? lower : args[1].as_integer();
    const std::int64_t to = site.args.size() < 3 || args[2].is_null() ? upper : args[2].as_integer();
    std::vector<Datum> out;
    for (std::int64_t at = lower; !array.done(); ++at) {
        const Datum value = array.next();
        if (at >= from && at <= to) out.push_back(value);
    }
    return finish(c, site.args[0], out);
}

template <bool All>
Datum array_position(EvalContext& c, const CallSite& site, const Datum* args) {
    if (args[0].is_null()) return {};
    ArrayReader array(site.args[0], args[0].as_bytes());
    if (!one_dimension(c, array)) return {};
    std::vector<Datum> found;
    for (std::int64_t at = lower_of(array); !array.done(); ++at) {
        if (!same(element_of(site.args[0]), array.next(), args[1])) continue;
        if (!All) return Datum::integer(at);
        found.push_back(Datum::integer(at));
    }
    return All ? finish(c, site.result, found) : Datum();
}

// ---- Building ----

template <bool Append>
Datum add_element(EvalContext& c, const CallSite& site, const Datum* args) {
    const Datum& given = args[Append ? 0 : 1];
    const Datum& value = args[Append ? 1 : 0];
    if (given.is_null()) return finish(c, site.result, {&value, 1});
    ArrayReader array(site.result, given.as_bytes());
    if (array.dimensions().size() > 1)
        return c.fail("22000", "argument must be empty or one-dimensional array");
    std::vector<Datum> elements;
    elements.reserve(array.size() + 1);
    if (!Append) elements.push_back(value);
    while (!array.done()) elements.push_back(array.next());
    if (Append) elements.push_back(value);
    return finish(c, site.result, elements, lower_of(array));
}

Datum array_cat(EvalContext& c, const CallSite& site, const Datum* args) {
    if (args[0].is_null() || args[1].is_null()) return args[args[0].is_null() ? 1 : 0];
    ArrayReader a(site.result, args[0].as_bytes());
    ArrayReader b(site.result, args[1].as_bytes());
    if (a.size() == 0 || b.size() == 0) return args[a.size() == 0 ? 1 : 0];
    std::vector<ArrayDimension> shape_of(a.dimensions().begin(), a.dimensions().end());
    const std::vector<ArrayDimension> other(b.dimensions().begin(), b.dimensions().end());
    const auto incompatible = [&] {
        return c.fail(
            Error::make("2202E", "cannot concatenate incompatible arrays")
                .with_detail("Arrays with differing dimensions are not compatible for concatenation."));
    };
    // A row may be added to a matrix from either side; else the outer sizes add up.
    const auto rows_alike = [](const std::vector<ArrayDimension>& x, std::size_t skip_x,
                               const std::vector<ArrayDimension>& y, std::size_t skip_y) {
        return std::equal(x.begin() + static_cast<std::ptrdiff_t>(skip_x), x.end(),
                          y.begin() + static_cast<std::ptrdiff_t>(skip_y), y.end());
    };
    if (shape_of.size() == other.size()) {
        if (!rows_alike(shape_of, 1, other, 1)) return incompatible();
        shape_of[0].size += other[0].size;
    } else if (shape_of.size() == other.size() + 1) {
        if (!rows_alike(shape_of, 1, other, 0)) return incompatible();
        shape_of[0].size += 1;
    } else if (shape_of.size() + 1 == other.size()) {
        if (!rows_alike(shape_of, 0, other, 1)) return incompatible();
        shape_of = other;
        shape_of[0].size += 1;
    } else {
        return incompatible();
    }
    std::vector<Datum> elements;
    elements.reserve(a.size() + b.size());
    while (!a.done()) elements.push_back(a.next());
    while (!b.done()) elements.push_back(b.next());
    std::string out;
    write_array(site.result, shape_of, elements, out);
    return make_bytes(c, out);
}

// array_remove and array_replace.
template <bool Replace>
Datum edit(EvalContext& c, const CallSite& site, const Datum* args) {
    if (args[0].is_null()) return {};
    ArrayReader array(site.args[0], args[0].as_bytes());
    if (!Replace && array.dimensions().size() > 1) {
        return c.fail(sqlstate::feature_not_supported,
                      "removing elements from multidimensional arrays is not supported");
    }
    std::vector<Datum> elements;
    while (!array.done()) {
        const Datum value = array.next();
        const bool hit = same(element_of(site.args[0]), value, args[1]);
        if (!hit) {
            elements.push_back(value);
        } else if (Replace) {
            elements.push_back(args[2]);
        }
    }
    if (!Replace) return finish(c, site.result, elements, lower_of(array));
    std::string out;
    write_array(site.result, array.dimensions(), elements, out);
    return make_bytes(c, out);
}

Datum trim_array(EvalContext& c, const CallSite& site, const Datum* args) {
    std::vector<Datum> elements = array_elements(site.args[0], args[0].as_bytes());
    const ArrayReader array(site.args[0], args[0].as_bytes());
    std::vector<ArrayDimension> dimensions(array.dimensions().begin(), array.dimensions().end());
    const std::int64_t rows = dimensions.empty() ? 0 : dimensions[0].size;
    const std::int64_t n = args[1].as_integer();
    if (n < 0 || n > rows) {
        return c.fail("2202E", "number of elements to trim must be between 0 and " + std::to_string(rows));
    }
    if (rows == 0) return args[0];
    elements.resize(elements.size() / static_cast<std::size_t>(rows) * static_cast<std::size_t>(rows - n));
    dimensions[0] = {static_cast<std::int32_t>(rows - n), 1};
    std::string out;
    write_array(site.result, dimensions, elements, out);
    return make_bytes(c, out);
}

Datum array_fill(EvalContext& c, const CallSite& site, const Datum* args) {
    if (args[1].is_null()) return c.fail("22004", "dimension array or low bound array cannot be null");
    std::vector<ArrayDimension> dimensions;
    std::size_t size = 1;
    for (const Datum& n : array_elements({TypeId::int4, true}, args[1].as_bytes())) {
        if (n.is_null()) return c.fail("22004", "dimension values cannot be null");
        if (n.as_integer() < 0 || n.as_integer() > 1'000'000)
            return c.fail("54000", "array size exceeds the maximum allowed");
        if (dimensions.size() == ArrayReader::dimensions_max)
            return c.fail("54000", "number of array dimensions exceeds the maximum allowed (6)");
        dimensions.push_back({static_cast<std::int32_t>(n.as_integer()), 1});
        size *= static_cast<std::size_t>(n.as_integer());
        if (size > 1'000'000) return c.fail("54000", "array size exceeds the maximum allowed");
    }
    if (dimensions.empty()) size = 0;
    std::string out;
    write_array(site.result, dimensions, std::vector<Datum>(size, args[0]), out);
    return make_bytes(c, out);
}

// ---- Sets ----

// Every element of `part` is in `whole`; NULLs match nothing.
bool contains_all(Type array, Datum whole, Datum part) {
    const std::vector<Datum> elements = array_elements(array, whole.as_bytes());
    ArrayReader wanted(array, part.as_bytes());
    while (!wanted.done()) {
        const Datum value = wanted.next();
        if (value.is_null()) return false;
        const bool found = std::any_of(elements.begin(), elements.end(), [&](Datum d) {
            return !d.is_null() && compare(element_of(array), d, value) == 0;
        });
        if (!found) return false;
    }
    return true;
}
Datum contains(EvalContext&, const CallSite& site, const Datum* args) {
    return Datum::boolean(contains_all(site.args[0], args[0], args[1]));
}
Datum contained(EvalContext&, const CallSite& site, const Datum* args) {
    return Datum::boolean(contains_all(site.args[0], args[1], args[0]));
}
Datum overlaps(EvalContext&, const CallSite& site, const Datum* args) {
    const std::vector<Datum> elements = array_elements(site.args[0], args[0].as_bytes());
    ArrayReader other(site.args[0], args[1].as_bytes());
    while (!other.done()) {
        const Datum value = other.next();
        if (value.is_null()) continue;
        if (std::any_of(elements.begin(), elements.end(), [&](Datum d) {
                return !d.is_null() && compare(element_of(site.args[0]), d, value) == 0;
            })) {
            return Datum::boolean(true);
        }
    }
    return Datum::boolean(false);
}

// ---- Text ----

// array_to_string(array, delimiter [, text for NULL])
Datum array_to_string(EvalContext& c, const CallSite& site, const Datum* args) {
    if (args[0].is_null() || args[1].is_null()) return {};
    const bool shows_null = site.args.size() > 2 && !args[2].is_null();
    std::string out;
    bool first = true;
    ArrayReader array(site.args[0], args[0].as_bytes());
    while (!array.done()) {
        const Datum value = array.next();
        if (value.is_null() && !shows_null) continue;
        if (!first) out += args[1].as_bytes();
        first = false;
        if (value.is_null()) {
            out += args[2].as_bytes();
        } else {
            print_text(element_of(site.args[0]), value, out, c.labels);
        }
    }
    return make_bytes(c, out);
}

// string_to_array(text, delimiter [, text for NULL]); NULL delimiter: characters.
Datum string_to_array(EvalContext& c, const CallSite& site, const Datum* args) {
    if (args[0].is_null()) return {};
    std::vector<Datum> parts;
    for (const std::string_view part : split_text(args[0].as_bytes(), args[1])) {
        const bool is_null = site.args.size() > 2 && !args[2].is_null() && part == args[2].as_bytes();
        parts.push_back(is_null ? Datum() : Datum::bytes(part));
    }
    return finish(c, site.result, parts);
}

}  // namespace

std::vector<std::string_view> split_text(std::string_view text, Datum delimiter) {
    std::vector<std::string_view> out;
    if (text.empty()) return out;
    if (delimiter.is_null()) {
        for (std::size_t i = 0; i < text.size();) {
            const std::size_t n = character_offset(text.substr(i), 1);
            out.push_back(text.substr(i, n));
            i += n;
        }
        return out;
    }
    const std::string_view by = delimiter.as_bytes();
    std::size_t at = 0;
    while (!by.empty()) {
        const std::size_t hit = text.find(by, at);
        if (hit == std::string_view::npos) break;
        out.push_back(text.substr(at, hit - at));
        at = hit + by.size();
    }
    out.push_back(text.substr(at));
    return out;
}

namespace {

// ARRAY[row, row, ...]: all rows have one shape, which gains a dimension in front.
Datum array_of_rows(EvalContext& c, const CallSite& site, const Datum* args) {
    const auto ragged = [&] {
        return c.fail("2202E",
                      "multidimensional arrays must have array expressions with matching dimensions");
    };
    std::vector<ArrayDimension> dimensions = {{static_cast<std::int32_t>(site.args.size()), 1}};
    std::vector<Datum> elements;
    for (std::size_t i = 0; i < site.args.size(); ++i) {
        ArrayReader row(site.result, args[i].is_null() ? std::string_view() : args[i].as_bytes());
        const auto shape_of = row.dimensions();
        if (i == 0) dimensions.insert(dimensions.end(), shape_of.begin(), shape_of.end());
        if (!std::equal(dimensions.begin() + 1, dimensions.end(), shape_of.begin(), shape_of.end()))
            return ragged();
        while (!row.done()) elements.push_back(row.next());
    }
    if (dimensions.size() > ArrayReader::dimensions_max) {
        return c.fail("54000", "number of array dimensions exceeds the maximum allowed (6)");
    }
    std::string out;
    write_array(site.result, dimensions, elements, out);
    return make_bytes(c, out);
}

}  // namespace

Datum array_of_kernel(EvalContext& c, const CallSite& site, const Datum* args) {
    if (!site.args.empty() && site.args[0].array) return array_of_rows(c, site, args);
    return finish(c, site.result, {args, site.args.size()});
}

// tidy: table
Kernel array_kernel(Func func, std::span<const Type> args, Type) {
    switch (func) {
        case Func::array_length:
            return strict_call<shape<Func::array_length>, 2>;
        case Func::array_upper:
            return strict_call<shape<Func::array_upper>, 2>;
        case Func::array_lower:
            return strict_call<shape<Func::array_lower>, 2>;
        case Func::array_ndims:
            return strict_call<shape<Func::array_ndims>, 1>;
        case Func::cardinality:
            return strict_call<shape<Func::cardinality>, 1>;
        case Func::array_dims:
            return strict_call<array_dims, 1>;
        case Func::array_element:
            if (args.empty()) return nullptr;
            return args[0].id == TypeId::record && !args[0].array ? record_field_kernel : element;
        case Func::array_slice:
            return array_slice;
        case Func::array_position:
            return array_position<false>;
        case Func::array_positions:
            return array_position<true>;
        case Func::array_append:
            return add_element<true>;
        case Func::array_prepend:
            return add_element<false>;
        case Func::array_cat:
            return array_cat;
        case Func::array_remove:
            return edit<false>;
        case Func::array_replace:
            return edit<true>;
        case Func::array_fill:
            return array_fill;
        case Func::trim_array:
            return strict_call<trim_array, 2>;
        case Func::array_contains:
            return strict_call<contains, 2>;
        case Func::array_contained:
            return strict_call<contained, 2>;
        case Func::array_overlaps:
            return strict_call<overlaps, 2>;
        case Func::array_to_string:
            return array_to_string;
        case Func::string_to_array:
            return string_to_array;
        default:
            return nullptr;
    }
}

}  // namespace anabranch::sql
