#include "lib/sql/value.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "lib/sql/array.h"
#include "lib/sql/datetime.h"
#include "lib/sql/json_value.h"
#include "lib/sql/numeric.h"
#include "lib/sql/range.h"
#include "lib/sql/record.h"
#include "lib/sql/value_internal.h"

namespace anabranch::sql {
namespace {

constexpr std::size_t name_bytes_max = 63;

template <typename T>
int three_way(T a, T b) {
    return a < b ? -1 : (a > b ? 1 : 0);
}

int compare_floats(double a, double b) {
    const bool a_nan = std::isnan(a);
    const bool b_nan = std::isnan(b);
    if (a_nan || b_nan) return three_way(a_nan, b_nan);
    return three_way(a, b);
}

int compare_bytes(std::string_view a, std::string_view b) {
    const int c = a.compare(b);
    return c;
}

// The first `limit` characters, padded with blanks for bpchar.
Result<std::string_view> fit_characters(Type type, std::string_view text, Arena& arena, bool strict) {
    const auto limit = static_cast<std::size_t>(type.modifier - 4);
    const std::size_t size = text.size() <= limit ? text.size() : character_offset(text, limit);
    if (size < text.size()) {
        const bool only_blanks = text.find_first_not_of(' ', size) == std::string_view::npos;
        if (strict && !only_blanks) {
            return fail("22001", "value too long for type " + type_name(Type{type.id, false, type.modifier}));
        }
        return arena.copy(text.substr(0, size));
    }
    if (type.id != TypeId::bpchar) return arena.copy(text);
    const std::size_t have = character_count(text);
    if (have >= limit) return arena.copy(text);
    char* out = arena.allocate(text.size() + limit - have);
    std::copy(text.begin(), text.end(), out);  // memcpy() minds the null of an empty text
    std::memset(out + text.size(), ' ', limit - have);
    return std::string_view(out, text.size() + limit - have);
}

}  // namespace

Result<Datum> fit_text(Type type, std::string_view text, Arena& arena, bool strict) {
    if (type.id == TypeId::name) {
        std::size_t size = std::min(text.size(), name_bytes_max);
        while (size > 0 && size < text.size() && (text[size] & 0xC0) == 0x80) --size;
        return Datum::bytes(arena.copy(text.substr(0, size)));
    }
    const bool limited = (type.id == TypeId::varchar || type.id == TypeId::bpchar) && type.modifier >= 4;
    if (!limited) return Datum::bytes(arena.copy(text));
    TRY(const std::string_view fitted, fit_characters(type, text, arena, strict));
    return Datum::bytes(fitted);
}

Result<Datum> fit_time(Type type, std::int64_t micros) {
    if (type.modifier < 0 || type.modifier >= 6 || micros == timestamp_infinity ||
        micros == timestamp_minus_infinity) {
        return Datum::integer(micros);
    }
    std::int64_t unit = 1;
    for (int i = type.modifier; i < 6; ++i) unit *= 10;
    const std::int64_t half = unit / 2;
    const std::int64_t rounded =
        micros >= 0 ? (micros + half) / unit * unit : -((-micros + half) / unit * unit);
    return Datum::integer(rounded);
}

Datum interval_datum(Interval value, Arena& arena) {
    char* out = arena.allocate(16);
    write_interval(value, out);
    return Datum::bytes({out, 16});
}

Datum json_datum(const JsonValue& value, Arena& arena) {
    std::string text;
    print_json(value, text);
    return Datum::bytes(arena.copy(text));
}

// tidy: table
int compare(Type type, Datum a, Datum b) {
    if (type.array) return compare_arrays(type, a.as_bytes(), b.as_bytes());
    switch (type.id) {
        case TypeId::bool_:
        case TypeId::int2:
        case TypeId::int4:
        case TypeId::int8:
        case TypeId::oid:
        case TypeId::regclass:
        case TypeId::regtype:
        case TypeId::regproc:
        case TypeId::date:
        case TypeId::time:
        case TypeId::timestamp:
        case TypeId::timestamptz:
        case TypeId::enum_:
        case TypeId::char_:
            return three_way(a.as_integer(), b.as_integer());
        case TypeId::float4:
        case TypeId::float8:
            return compare_floats(a.as_floating(), b.as_floating());
        case TypeId::numeric:
            return numeric_compare(a.as_bytes(), b.as_bytes());
        case TypeId::bpchar:
            return compare_bytes(without_padding(a.as_bytes()), without_padding(b.as_bytes()));
        case TypeId::interval:
            return three_way(interval_span(read_interval(a.as_bytes())),
                             interval_span(read_interval(b.as_bytes())));
        case TypeId::jsonb:
            return compare_json(read_json(a.as_bytes()), read_json(b.as_bytes()));
        case TypeId::int4range:
        case TypeId::int8range:
        case TypeId::numrange:
        case TypeId::tsrange:
        case TypeId::tstzrange:
        case TypeId::daterange:
            return compare_ranges(type, read_range(type, a.as_bytes()), read_range(type, b.as_bytes()));
        case TypeId::record:
            return compare_records(a.as_bytes(), b.as_bytes());
        case TypeId::unknown:
        case TypeId::void_:
        case TypeId::text:
        case TypeId::varchar:
        case TypeId::name:
        case TypeId::bytea:
        case TypeId::uuid:
        case TypeId::json:
            return compare_bytes(a.as_bytes(), b.as_bytes());
    }
    return 0;
}

}  // namespace anabranch::sql
