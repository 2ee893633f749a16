// PostgreSQL's binary format of scalar values.
#include <cstring>

#include "lib/sql/array.h"
#include "lib/sql/datetime.h"
#include "lib/sql/json_value.h"
#include "lib/sql/numeric.h"
#include "lib/sql/range.h"
#include "lib/sql/record.h"
#include "lib/sql/value.h"
#include "lib/sql/value_internal.h"
#include "lib/sql/wire_words.h"

namespace anabranch::sql {
namespace {

template <typename To, typename From>
To bit_copy(From from) {
    static_assert(sizeof(To) == sizeof(From));
    To out;
    std::memcpy(&out, &from, sizeof out);
    return out;
}

std::unexpected<Error> bad_size(Type type) {
    return fail("22P03", "incorrect binary data format for type " + type_name(type));
}

template <typename T>
Result<Datum> integer(Type type, std::string_view bytes) {
    WordReader in(bytes);
    const T value = in.get<T>();
    if (!in.complete()) return bad_size(type);
    return Datum::integer(static_cast<std::int64_t>(value));
}

Result<Datum> parse_date_binary(Type type, std::string_view bytes) {
    TRY(const Datum days, integer<std::int32_t>(type, bytes));
    const std::int64_t v = days.as_integer();
    if (v != date_infinity && v != date_minus_infinity && (v < date_min || v > date_max))
        return fail("22008", "date out of range");
    return days;
}

Result<Datum> parse_timestamp_binary(Type type, std::string_view bytes) {
    TRY(const Datum micros, integer<std::int64_t>(type, bytes));
    const std::int64_t v = micros.as_integer();
    if (type.id == TypeId::time) {
        if (v < 0 || v > micros_per_day) return fail("22008", "time out of range");
    } else if (v != timestamp_infinity && v != timestamp_minus_infinity &&
               (v < timestamp_min || v > timestamp_max)) {
        return fail("22008", "timestamp out of range");
    }
    return fit_time(type, v);
}

Result<Datum> parse_interval_binary(Type type, std::string_view bytes, Arena& arena) {
    WordReader in(bytes);
    Interval value;
    value.micros = in.get<std::int64_t>();
    value.days = in.get<std::int32_t>();
    value.months = in.get<std::int32_t>();
    if (!in.complete()) return bad_size(type);
    return interval_datum(value, arena);
}

}  // namespace

// tidy: table
Result<Datum> parse_binary(Type type, std::string_view bytes, Arena& arena, const EnumLabels* labels) {
    if (type.array) return parse_array_binary(type, bytes, arena, labels);
    switch (type.id) {
        case TypeId::bool_: {
            if (bytes.size() != 1) return bad_size(type);
            return Datum::boolean(bytes[0] != 0);
        }
        case TypeId::char_:
            return integer<std::uint8_t>(type, bytes);
        case TypeId::int2:
            return integer<std::int16_t>(type, bytes);
        case TypeId::int4:
            return integer<std::int32_t>(type, bytes);
        case TypeId::int8:
            return integer<std::int64_t>(type, bytes);
        case TypeId::oid:
        case TypeId::regclass:
        case TypeId::regtype:
        case TypeId::regproc:
            return integer<std::uint32_t>(type, bytes);
        case TypeId::float4: {
            WordReader in(bytes);
            const auto word = in.get<std::uint32_t>();
            if (!in.complete()) return bad_size(type);
            return Datum::floating(static_cast<double>(bit_copy<float>(word)));
        }
        case TypeId::float8: {
            WordReader in(bytes);
            const auto word = in.get<std::uint64_t>();
            if (!in.complete()) return bad_size(type);
            return Datum::floating(bit_copy<double>(word));
        }
        case TypeId::numeric: {
            TRY(std::string text, numeric_parse_binary(bytes));
            TRY(text, numeric_fit(text, type.modifier));
            return Datum::bytes(arena.copy(text));
        }
        case TypeId::uuid:
            if (bytes.size() != 16) return bad_size(type);
            return Datum::bytes(arena.copy(bytes));
        case TypeId::bytea:
            return Datum::bytes(arena.copy(bytes));
        case TypeId::date:
            return parse_date_binary(type, bytes);
        case TypeId::time:
        case TypeId::timestamp:
        case TypeId::timestamptz:
            return parse_timestamp_binary(type, bytes);
        case TypeId::interval:
            return parse_interval_binary(type, bytes, arena);
        case TypeId::jsonb:
            if (bytes.empty() || bytes[0] != 1) return fail("22P03", "unsupported jsonb version number");
            return parse_text(type, bytes.substr(1), arena, labels);
        case TypeId::int4range:
        case TypeId::int8range:
        case TypeId::numrange:
        case TypeId::tsrange:
        case TypeId::tstzrange:
        case TypeId::daterange:
            return parse_range_binary(type, bytes, arena);
        case TypeId::record:
            return fail(sqlstate::feature_not_supported,
                        "input of anonymous composite types is not implemented");
        case TypeId::unknown:
        case TypeId::void_:
        case TypeId::text:
        case TypeId::varchar:
        case TypeId::bpchar:
        case TypeId::name:
        case TypeId::json:
        case TypeId::enum_:
            return parse_text(type, bytes, arena, labels);
    }
    return bad_size(type);
}

// tidy: table
void print_binary(Type type, Datum value, std::string& out, const EnumLabels* labels) {
    if (type.array) return print_array_binary(type, value.as_bytes(), out, labels);
    switch (type.id) {
        case TypeId::bool_:
            out += value.as_bool() ? '\1' : '\0';
            return;
        case TypeId::char_:
            out += static_cast<char>(value.as_integer() & 0xff);
            return;
        case TypeId::int2:
            put_word(out, static_cast<std::int16_t>(value.as_integer()));
            return;
        case TypeId::int4:
        case TypeId::oid:
        case TypeId::regclass:
        case TypeId::regtype:
        case TypeId::regproc:
        case TypeId::date:
            put_word(out, static_cast<std::int32_t>(value.as_integer()));
            return;
        case TypeId::int8:
        case TypeId::time:
        case TypeId::timestamp:
        case TypeId::timestamptz:
            put_word(out, value.as_integer());
            return;
        case TypeId::float4:
            put_word(out, bit_copy<std::uint32_t>(static_cast<float>(value.as_floating())));
            return;
        case TypeId::float8:
            put_word(out, bit_copy<std::uint64_t>(value.as_floating()));
            return;
        case TypeId::numeric:
            numeric_print_binary(value.as_bytes(), out);
            return;
        case TypeId::interval: {
            const Interval i = read_interval(value.as_bytes());
            put_word(out, i.micros);
            put_word(out, i.days);
            put_word(out, i.months);
            return;
        }
        case TypeId::jsonb:
            out += '\1';
            out += value.as_bytes();
            return;
        case TypeId::int4range:
        case TypeId::int8range:
        case TypeId::numrange:
        case TypeId::tsrange:
        case TypeId::tstzrange:
        case TypeId::daterange:
            print_range_binary(type, value.as_bytes(), out);
            return;
        case TypeId::record:
            print_record_binary(value.as_bytes(), out, labels);
            return;
        case TypeId::enum_:
            print_text(type, value, out, labels);
            return;
        case TypeId::unknown:
        case TypeId::void_:
        case TypeId::text:
        case TypeId::varchar:
        case TypeId::bpchar:
        case TypeId::name:
        case TypeId::bytea:
        case TypeId::uuid:
        case TypeId::json:
            out += value.as_bytes();
            return;
    }
}

}  // namespace anabranch::sql
