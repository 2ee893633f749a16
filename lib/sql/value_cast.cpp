#include <cmath>

#include "lib/sql/array.h"
#include "lib/sql/builtin.h"
#include "lib/sql/datetime.h"
#include "lib/sql/json_value.h"
#include "lib/sql/numeric.h"
#include "lib/sql/value.h"
#include "lib/sql/value_internal.h"

namespace anabranch::sql {
namespace {

struct Conversion {
    Type from, to;
    Datum value;
    Arena& arena;
    const EnumLabels* labels;
    bool implicit;
};

bool is_text(Type type) {
    return !type.array &&
           (type.id == TypeId::text || type.id == TypeId::varchar || type.id == TypeId::bpchar ||
            type.id == TypeId::name || type.id == TypeId::unknown);
}
bool is_floating(Type type) {
    return type.id == TypeId::float4 || type.id == TypeId::float8;
}
bool is_oid(TypeId id) {
    return id == TypeId::oid || id == TypeId::regclass || id == TypeId::regtype || id == TypeId::regproc;
}

std::unexpected<Error> cannot(const Conversion& c) {
    return fail("42846",
                "cannot cast type " + type_name(c.from, c.labels) + " to " + type_name(c.to, c.labels));
}

struct IntegerRange {
    std::int64_t low, high;
};
IntegerRange integer_range(TypeId id) {
    if (id == TypeId::int2) return {INT16_MIN, INT16_MAX};
    if (id == TypeId::int4) return {INT32_MIN, INT32_MAX};
    return {INT64_MIN, INT64_MAX};
}

Result<Datum> numeric_datum(const Conversion& c, std::string_view canonical) {
    TRY(const std::string fitted, numeric_fit(canonical, c.to.modifier));
    return Datum::bytes(c.arena.copy(fitted));
}

Result<Datum> to_integer(const Conversion& c, std::int64_t value) {
    const auto [low, high] = integer_range(c.to.id);
    if (value < low || value > high)
        return fail(sqlstate::numeric_value_out_of_range, type_name(Type{c.to.id}) + " out of range");
    return Datum::integer(value);
}

Result<Datum> from_integer(const Conversion& c) {
    const std::int64_t value = c.value.as_integer();
    if (is_integer(c.to)) return to_integer(c, value);
    if (c.to.id == TypeId::float8) return Datum::floating(static_cast<double>(value));
    if (c.to.id == TypeId::float4) return Datum::floating(static_cast<double>(static_cast<float>(value)));
    if (c.to.id == TypeId::numeric) return numeric_datum(c, numeric_from_integer(value));
    if (c.to.id == TypeId::bool_) return Datum::boolean(value != 0);
    if (c.to.id == TypeId::char_) {
        if (value < -128 || value > 127)
            return fail(sqlstate::numeric_value_out_of_range, "\"char\" out of range");
        return Datum::integer(value & 0xff);
    }
    if (is_oid(c.to.id)) {
        // int4 wraps into the upper half, int8 does not.
        if (c.from.id != TypeId::int8) return Datum::integer(static_cast<std::uint32_t>(value));
        if (value < 0 || value > UINT32_MAX)
            return fail(sqlstate::numeric_value_out_of_range, "OID out of range");
        return Datum::integer(value);
    }
    return cannot(c);
}

Result<Datum> from_floating(const Conversion& c) {
    const double value = c.value.as_floating();
    if (is_integer(c.to)) {
        const double rounded = std::rint(value);
        const auto [low, high] = integer_range(c.to.id);
        const bool fits = rounded >= static_cast<double>(low) &&
                          (c.to.id == TypeId::int8 ? rounded < 9223372036854775808.0
                                                   : rounded <= static_cast<double>(high));
        if (!fits)
            return fail(sqlstate::numeric_value_out_of_range, type_name(Type{c.to.id}) + " out of range");
        return Datum::integer(static_cast<std::int64_t>(rounded));
    }
    if (c.to.id == TypeId::float8) return c.value;
    if (c.to.id == TypeId::float4) {
        const auto narrow = static_cast<float>(value);
        if (std::isinf(narrow) && !std::isinf(value))
            return fail(sqlstate::numeric_value_out_of_range, "value out of range: overflow");
        if (narrow == 0 && value != 0)
            return fail(sqlstate::numeric_value_out_of_range, "value out of range: underflow");
        return Datum::floating(static_cast<double>(narrow));
    }
    if (c.to.id == TypeId::numeric)
        return numeric_datum(c, numeric_from_double(value, c.from.id == TypeId::float4 ? 6 : 15));
    return cannot(c);
}

Result<Datum> from_numeric(const Conversion& c, std::string_view value) {
    if (c.to.id == TypeId::numeric) return numeric_datum(c, value);
    if (is_integer(c.to)) {
        const auto [low, high] = integer_range(c.to.id);
        TRY(const std::int64_t out, numeric_to_integer(value, low, high, type_name(Type{c.to.id})));
        return Datum::integer(out);
    }
    if (is_floating(c.to)) {
        const double wide = numeric_to_double(value);
        const double out = c.to.id == TypeId::float4 ? static_cast<double>(static_cast<float>(wide)) : wide;
        if (std::isinf(out) && value.find("Inf") == std::string_view::npos) {
            return fail(
                sqlstate::numeric_value_out_of_range,
                "\"" + std::string(value) + "\" is out of range for type " + type_name(Type{c.to.id}));
        }
        return Datum::floating(out);
    }
    return cannot(c);
}

// Between a time on the clock of the session's zone and one that says where it is.
Result<std::int64_t> in_zone(const Conversion& c, std::int64_t timestamp) {
    const bool from_zoned = c.from.id == TypeId::timestamptz, to_zoned = c.to.id == TypeId::timestamptz;
    if (from_zoned == to_zoned) return timestamp;
    return from_zoned ? local_of(timestamp, zone_of(c.labels)) : utc_of(timestamp, zone_of(c.labels));
}

Result<Datum> from_time(const Conversion& c) {
    std::int64_t value = c.value.as_integer();
    if (c.from.id == TypeId::date) {
        if (c.to.id != TypeId::timestamp && c.to.id != TypeId::timestamptz) return cannot(c);
        TRY(const std::int64_t midnight, date_to_timestamp(value));
        TRY(const std::int64_t micros, in_zone(c, midnight));
        return Datum::integer(micros);
    }
    if (c.from.id == TypeId::time) {
        if (c.to.id == TypeId::interval) return interval_datum({0, 0, value}, c.arena);
        return c.to.id == TypeId::time ? fit_time(c.to, value) : cannot(c);
    }
    TRY(value, in_zone(c, value));
    switch (c.to.id) {
        case TypeId::timestamp:
        case TypeId::timestamptz:
            return fit_time(c.to, value);
        case TypeId::date:
            return Datum::integer(timestamp_to_date(value));
        case TypeId::time:
            if (value == timestamp_infinity || value == timestamp_minus_infinity) return Datum();
            return fit_time(c.to, time_of_day(value));
        default:
            return cannot(c);
    }
}

Result<Datum> from_interval(const Conversion& c) {
    if (c.to.id == TypeId::interval) return c.value;
    if (c.to.id != TypeId::time) return cannot(c);
    const std::int64_t micros = read_interval(c.value.as_bytes()).micros % micros_per_day;
    return Datum::integer(micros < 0 ? micros + micros_per_day : micros);
}

Result<Datum> from_json(const Conversion& c) {
    if (c.to.id == TypeId::json) return c.value;
    if (c.to.id == TypeId::jsonb) return parse_text(c.to, c.value.as_bytes(), c.arena, c.labels);
    const JsonValue value = read_json(c.value.as_bytes());
    if (c.to.id == TypeId::bool_ && value.kind == JsonValue::Kind::boolean)
        return Datum::boolean(value.boolean);
    const bool numeric = is_integer(c.to) || is_floating(c.to) || c.to.id == TypeId::numeric;
    if (numeric && value.kind == JsonValue::Kind::number) return from_numeric(c, value.text);
    constexpr const char* kinds[] = {"null", "boolean", "numeric", "string", "array", "object"};
    if (numeric || c.to.id == TypeId::bool_) {
        return fail("22023", std::string("cannot cast jsonb ") + kinds[static_cast<std::size_t>(value.kind)] +
                                 " to type " + type_name(Type{c.to.id}));
    }
    return cannot(c);
}

Result<Datum> to_text(const Conversion& c) {
    const Type to{c.to.id, false, c.to.modifier};
    if (is_text(c.from)) {
        const std::string_view text = c.value.as_bytes();
        const bool unpad = c.from.id == TypeId::bpchar && c.to.id != TypeId::bpchar;
        return fit_text(to, unpad ? without_padding(text) : text, c.arena, c.implicit);
    }
    if (c.from.id == TypeId::bool_ && !c.from.array) {
        return fit_text(to, c.value.as_bool() ? "true" : "false", c.arena, c.implicit);
    }
    std::string text;
    print_text(c.from, c.value, text, c.labels);
    return fit_text(to, text, c.arena, c.implicit);
}

Result<Datum> cast_array(const Conversion& c) {
    if (!c.to.array || !c.from.array) return cannot(c);
    ArrayReader reader(c.from, c.value.as_bytes());
    std::vector<Datum> elements;
    elements.reserve(reader.size());
    while (!reader.done()) {
        TRY(const Datum element,
            cast(element_of(c.from), element_of(c.to), reader.next(), c.arena, c.labels, c.implicit));
        elements.push_back(element);
    }
    std::string out;
    write_array(c.to, reader.dimensions(), elements, out);
    return Datum::bytes(c.arena.copy(out));
}

bool needs_fitting(Type type) {
    return type.modifier >= 0 &&
           (type.id == TypeId::varchar || type.id == TypeId::bpchar || type.id == TypeId::numeric ||
            type.id == TypeId::time || type.id == TypeId::timestamp || type.id == TypeId::timestamptz);
}

// tidy: table
Result<Datum> convert(const Conversion& c) {
    switch (c.from.id) {
        case TypeId::int2:
        case TypeId::int4:
        case TypeId::int8:
            return from_integer(c);
        case TypeId::bool_:
            if (is_integer(c.to)) return Datum::integer(c.value.as_integer());
            return cannot(c);
        case TypeId::float4:
        case TypeId::float8:
            return from_floating(c);
        case TypeId::numeric:
            return from_numeric(c, c.value.as_bytes());
        case TypeId::date:
        case TypeId::time:
        case TypeId::timestamp:
        case TypeId::timestamptz:
            return from_time(c);
        case TypeId::interval:
            return from_interval(c);
        case TypeId::json:
        case TypeId::jsonb:
            return from_json(c);
        case TypeId::oid:
        case TypeId::regclass:
        case TypeId::regtype:
        case TypeId::regproc:
            if (is_oid(c.to.id) || c.to.id == TypeId::int8) return c.value;
            if (c.to.id == TypeId::int4)
                return Datum::integer(
                    static_cast<std::int32_t>(static_cast<std::uint32_t>(c.value.as_integer())));
            return cannot(c);
        case TypeId::char_:
            if (c.to.id == TypeId::int4)
                return Datum::integer(
                    static_cast<std::int8_t>(static_cast<std::uint8_t>(c.value.as_integer())));
            return cannot(c);
        default:
            return cannot(c);
    }
}

}  // namespace

Result<Datum> cast(Type from, Type to, Datum value, Arena& arena, const EnumLabels* labels, bool implicit) {
    if (value.is_null()) return value;
    if (same_type(from, to) && !needs_fitting(to)) return value;
    const Conversion c{from, to, value, arena, labels, implicit};
    if (is_text(to)) return to_text(c);
    if (is_text(from)) return parse_text(to, value.as_bytes(), arena, labels);
    if (from.array || to.array) return cast_array(c);
    return convert(c);
}

}  // namespace anabranch::sql
