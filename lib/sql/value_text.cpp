// Input and output of scalar values as text.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "lib/base/bytes.h"
#include "lib/sql/array.h"
#include "lib/sql/datetime.h"
#include "lib/sql/json_value.h"
#include "lib/sql/numeric.h"
#include "lib/sql/print.h"
#include "lib/sql/range.h"
#include "lib/sql/record.h"
#include "lib/sql/source.h"
#include "lib/sql/value.h"
#include "lib/sql/value_internal.h"

namespace anabranch::sql {
namespace {

bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
}

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    }
    return out;
}

std::unexpected<Error> bad_syntax(Type type, std::string_view text) {
    return fail(
        sqlstate::invalid_text_representation,
        "invalid input syntax for type " + type_name(Type{type.id}) + ": \"" + std::string(text) + "\"");
}
std::unexpected<Error> out_of_range(Type type, std::string_view text) {
    return fail(sqlstate::numeric_value_out_of_range,
                "value \"" + std::string(text) + "\" is out of range for type " + type_name(type));
}

Result<Datum> parse_integer(Type type, std::string_view text, std::int64_t low, std::int64_t high) {
    std::string_view digits = trimmed(text);
    if (digits.starts_with('+') && digits.size() > 1 && digits[1] != '-') digits.remove_prefix(1);
    std::int64_t value = 0;
    const char* last = digits.data() + digits.size();
    const auto [end, status] = std::from_chars(digits.data(), last, value);
    if (status == std::errc::invalid_argument || end != last) return bad_syntax(type, text);
    if (status == std::errc::result_out_of_range || value < low || value > high)
        return out_of_range(type, text);
    return Datum::integer(value);
}

template <typename T>
Result<Datum> parse_float(Type type, std::string_view text) {
    std::string_view digits = trimmed(text);
    if (digits.starts_with('+')) digits.remove_prefix(1);
    T value = 0;
    const char* last = digits.data() + digits.size();
    const auto [end, status] = std::from_chars(digits.data(), last, value);
    if (digits.starts_with("+") || status == std::errc::invalid_argument || end != last ||
        digits.find('(') != std::string_view::npos) {
        return bad_syntax(type, text);
    }
    if (status == std::errc::result_out_of_range) {
        return fail(sqlstate::numeric_value_out_of_range,
                    "\"" + std::string(text) + "\" is out of range for type " + type_name(type));
    }
    return Datum::floating(static_cast<double>(value));
}

Result<Datum> parse_bool(std::string_view text) {
    const std::string word = lower(trimmed(text));
    const auto abbreviates = [&](std::string_view full, std::size_t least) {
        return word.size() >= least && full.starts_with(word);
    };
    if (abbreviates("true", 1) || abbreviates("yes", 1) || word == "on" || word == "1")
        return Datum::boolean(true);
    if (abbreviates("false", 1) || abbreviates("no", 1) || abbreviates("off", 2) || word == "0")
        return Datum::boolean(false);
    return bad_syntax({TypeId::bool_}, text);
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const char l = static_cast<char>(c | 0x20);
    return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

Result<Datum> parse_uuid(std::string_view text, Arena& arena) {
    std::string_view rest = text;
    const bool braces = rest.starts_with('{');
    if (braces) rest.remove_prefix(1);
    char out[16];
    for (std::size_t i = 0; i < 16; ++i) {
        if (rest.size() < 2 || hex_digit(rest[0]) < 0 || hex_digit(rest[1]) < 0)
            return bad_syntax({TypeId::uuid}, text);
        out[i] = static_cast<char>(hex_digit(rest[0]) * 16 + hex_digit(rest[1]));
        rest.remove_prefix(2);
        if (i % 2 == 1 && i < 15 && rest.starts_with('-')) rest.remove_prefix(1);
    }
    if (braces && rest.starts_with('}')) {
        rest.remove_prefix(1);
    } else if (braces) {
        return bad_syntax({TypeId::uuid}, text);
    }
    if (!rest.empty()) return bad_syntax({TypeId::uuid}, text);
    return Datum::bytes(arena.copy({out, 16}));
}

void print_uuid(std::string_view bytes, std::string& out) {
    const std::string digits = hex(bytes);
    for (std::size_t i = 0; i < digits.size(); ++i) {
        if (i == 8 || i == 12 || i == 16 || i == 20) out += '-';
        out += digits[i];
    }
}

Result<Datum> parse_bytea(std::string_view text, Arena& arena) {
    std::string out;
    if (text.starts_with("\\x")) {
        std::string_view rest = text.substr(2);
        while (!rest.empty()) {
            if (is_space(rest.front())) {
                rest.remove_prefix(1);
                continue;
            }
            if (hex_digit(rest[0]) < 0) {
                return fail("22023", "invalid hexadecimal digit: \"" + std::string(rest.substr(0, 1)) + "\"");
            }
            if (rest.size() < 2) return fail("22023", "invalid hexadecimal data: odd number of digits");
            if (hex_digit(rest[1]) < 0) {
                return fail("22023", "invalid hexadecimal digit: \"" + std::string(rest.substr(1, 1)) + "\"");
            }
            out += static_cast<char>(hex_digit(rest[0]) * 16 + hex_digit(rest[1]));
            rest.remove_prefix(2);
        }
        return Datum::bytes(arena.copy(out));
    }
    const auto octal = [&](std::size_t i, char most) {
        return i < text.size() && text[i] >= '0' && text[i] <= most;
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\') {
            out += text[i];
        } else if (i + 1 < text.size() && text[i + 1] == '\\') {
            out += '\\';
            ++i;
        } else if (octal(i + 1, '3') && octal(i + 2, '7') && octal(i + 3, '7')) {
            out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + text[i + 3] - '0');
            i += 3;
        } else {
            return fail(sqlstate::invalid_text_representation, "invalid input syntax for type bytea");
        }
    }
    return Datum::bytes(arena.copy(out));
}

Result<Datum> parse_enum(Type type, std::string_view text, const EnumLabels* labels) {
    const std::int64_t ordinal = labels != nullptr ? labels->ordinal(type.detail, text) : -1;
    if (ordinal >= 0) return Datum::integer(ordinal);
    return fail(sqlstate::invalid_text_representation,
                "invalid input value for enum " + type_name(Type{type.id, false, -1, type.detail}, labels) +
                    ": \"" + std::string(text) + "\"");
}

// "char": one byte, or \ooo.
Datum parse_char(std::string_view text) {
    if (text.size() == 4 && text[0] == '\\' &&
        std::all_of(text.begin() + 1, text.end(), [](char c) { return c >= '0' && c <= '7'; })) {
        return Datum::integer(((text[1] - '0') * 64 + (text[2] - '0') * 8 + text[3] - '0') & 0xff);
    }
    return Datum::integer(text.empty() ? 0 : static_cast<unsigned char>(text[0]));
}

// regclass, regtype, regproc: a number, "-" for none, or a name.
Result<Datum> parse_object(Type type, std::string_view text, const EnumLabels* labels) {
    const std::string_view name = trimmed(text);
    if (name == "-") return Datum::integer(0);
    if (!name.empty() && name.front() >= '0' && name.front() <= '9')
        return parse_integer(type, name, 0, UINT32_MAX);
    const std::int64_t oid = labels != nullptr ? labels->object_oid(type.id, name) : -1;
    if (oid >= 0) return Datum::integer(oid);
    const std::string quoted = "\"" + std::string(name) + "\" does not exist";
    switch (type.id) {
        case TypeId::regclass:
            return fail(sqlstate::undefined_table, "relation " + quoted);
        case TypeId::regtype: {
            std::string_view base = name;
            const bool array = base.ends_with("[]");
            if (array) base.remove_suffix(2);
            for (int id = 0; id <= static_cast<int>(TypeId::record); ++id) {
                const Type candidate{static_cast<TypeId>(id), array};
                if (id != static_cast<int>(TypeId::enum_) && type_name(Type{candidate.id}) == base)
                    return Datum::integer(oid_of(candidate));
            }
            if (auto type_found = builtin_type(base)) {
                type_found->array = array;
                return Datum::integer(oid_of(*type_found));
            }
            return fail(sqlstate::undefined_object, "type " + quoted);
        }
        default:
            return fail(sqlstate::undefined_function, "function " + quoted);
    }
}

void print_object(Type type, std::int64_t oid, std::string& out, const EnumLabels* labels) {
    if (oid == 0) {
        out += '-';
        return;
    }
    std::string name = labels != nullptr ? labels->object_name(type.id, oid) : std::string();
    if (name.empty() && type.id == TypeId::regtype) {
        const Type found = type_of_oid(static_cast<std::uint32_t>(oid));
        if (found.id != TypeId::unknown) name = type_name(found, labels);
    }
    out += name.empty() ? std::to_string(oid) : name;
}

void print_integer(std::int64_t value, std::string& out) {
    char buffer[24];
    const auto written = std::to_chars(buffer, buffer + sizeof buffer, value);
    out.append(buffer, written.ptr);
}

}  // namespace

Result<void> check_text(std::string_view text) {
    const bool ascii = std::all_of(text.begin(), text.end(), [](char c) { return c > 0; });
    if (ascii) return {};
    const std::size_t at = find_ill_formed(text);
    if (at == std::string_view::npos) return {};
    return fail("22021", "invalid byte sequence for encoding \"UTF8\": 0x" + hex(text.substr(at, 1)));
}

std::size_t character_count(std::string_view text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::uint32_t take_character(std::string_view text, std::size_t& at) {
    const auto lead = static_cast<unsigned char>(text[at++]);
    if (lead < 0x80) return lead;
    std::uint32_t out = lead & (lead < 0xE0 ? 0x1FU : lead < 0xF0 ? 0x0FU : 0x07U);
    for (; at < text.size() && (text[at] & 0xC0) == 0x80; ++at)
        out = out << 6 | (static_cast<unsigned char>(text[at]) & 0x3FU);
    return out & 0x1FFFFF;
}

std::size_t character_offset(std::string_view text, std::size_t characters) {
    std::size_t at = 0;
    for (; at < text.size(); ++at) {
        if ((text[at] & 0xC0) == 0x80) continue;
        if (characters-- == 0) break;
    }
    return at;
}

// tidy: table
Result<Datum> parse_text(Type type, std::string_view text, Arena& arena, const EnumLabels* labels) {
    if (type.array) return parse_array(type, text, arena, labels);
    const auto number = [](Result<std::int64_t> value) -> Result<Datum> {
        if (!value) return std::unexpected(std::move(value).error());
        return Datum::integer(*value);
    };
    switch (type.id) {
        case TypeId::bool_:
            return parse_bool(text);
        case TypeId::int2:
            return parse_integer(type, text, INT16_MIN, INT16_MAX);
        case TypeId::int4:
            return parse_integer(type, text, INT32_MIN, INT32_MAX);
        case TypeId::int8:
            return parse_integer(type, text, INT64_MIN, INT64_MAX);
        case TypeId::oid: {  // negative ones wrap, as int4 does
            TRY(const Datum value, parse_integer(type, text, INT32_MIN, UINT32_MAX));
            return Datum::integer(static_cast<std::uint32_t>(value.as_integer()));
        }
        case TypeId::regclass:
        case TypeId::regtype:
        case TypeId::regproc:
            return parse_object(type, text, labels);
        case TypeId::float4:
            return parse_float<float>(type, text);
        case TypeId::float8:
            return parse_float<double>(type, text);
        case TypeId::numeric: {
            TRY(const std::string canonical, numeric_parse(text, type.modifier));
            return Datum::bytes(arena.copy(canonical));
        }
        case TypeId::unknown:
        case TypeId::text:
        case TypeId::varchar:
        case TypeId::bpchar:
        case TypeId::name:
            TRY_VOID(check_text(text));
            return fit_text(type, text, arena, true);
        case TypeId::char_:
            return parse_char(text);
        case TypeId::bytea:
            return parse_bytea(text, arena);
        case TypeId::uuid:
            return parse_uuid(text, arena);
        case TypeId::date:
            return number(parse_date(text));
        case TypeId::time: {
            TRY(const std::int64_t micros, parse_time(text));
            return fit_time(type, micros);
        }
        case TypeId::timestamp:
        case TypeId::timestamptz: {
            TRY(const std::int64_t micros,
                parse_timestamp(text, type.id == TypeId::timestamptz, zone_of(labels)));
            return fit_time(type, micros);
        }
        case TypeId::interval: {
            TRY(const Interval value, parse_interval(text));
            return interval_datum(value, arena);
        }
        case TypeId::json: {
            TRY_VOID(check_text(text));
            TRY_VOID(parse_json(text, false));
            return Datum::bytes(arena.copy(text));
        }
        case TypeId::jsonb: {
            TRY_VOID(check_text(text));
            TRY(const JsonValue value, parse_json(text, true));
            return json_datum(value, arena);
        }
        case TypeId::int4range:
        case TypeId::int8range:
        case TypeId::numrange:
        case TypeId::tsrange:
        case TypeId::tstzrange:
        case TypeId::daterange:
            return parse_range(type, text, arena, labels);
        case TypeId::enum_:
            return parse_enum(type, text, labels);
        case TypeId::void_:
            return Datum::bytes({});
        case TypeId::record:
            return fail(sqlstate::feature_not_supported,
                        "input of anonymous composite types is not implemented");
    }
    return bad_syntax(type, text);
}

// tidy: table
void print_text(Type type, Datum value, std::string& out, const EnumLabels* labels) {
    if (type.array) return print_array(type, value.as_bytes(), out, labels);
    switch (type.id) {
        case TypeId::bool_:
            out += value.as_bool() ? 't' : 'f';
            return;
        case TypeId::int2:
        case TypeId::int4:
        case TypeId::int8:
        case TypeId::oid:
            print_integer(value.as_integer(), out);
            return;
        case TypeId::regclass:
        case TypeId::regtype:
        case TypeId::regproc:
            print_object(type, value.as_integer(), out, labels);
            return;
        case TypeId::float4:
            print_float(static_cast<float>(value.as_floating()), out);
            return;
        case TypeId::float8:
            print_float(value.as_floating(), out);
            return;
        case TypeId::char_: {
            const auto byte = static_cast<unsigned>(value.as_integer() & 0xff);
            if (byte >= 0x80) {
                out += '\\';
                for (const unsigned shift : {6U, 3U, 0U}) out += static_cast<char>('0' + (byte >> shift & 7));
            } else if (byte != 0) {
                out += static_cast<char>(byte);
            }
            return;
        }
        case TypeId::bytea:
            out += "\\x";
            out += hex(value.as_bytes());
            return;
        case TypeId::uuid:
            print_uuid(value.as_bytes(), out);
            return;
        case TypeId::date:
            print_date(value.as_integer(), out);
            return;
        case TypeId::time:
            print_time(value.as_integer(), out);
            return;
        case TypeId::timestamp:
            print_timestamp(value.as_integer(), false, out);
            return;
        case TypeId::timestamptz:
            print_timestamp(value.as_integer(), true, out, zone_of(labels));
            return;
        case TypeId::interval:
            (labels != nullptr && labels->iso_intervals() ? print_iso_interval : print_interval)(
                read_interval(value.as_bytes()), out);
            return;
        case TypeId::int4range:
        case TypeId::int8range:
        case TypeId::numrange:
        case TypeId::tsrange:
        case TypeId::tstzrange:
        case TypeId::daterange:
            print_range(type, value.as_bytes(), out, labels);
            return;
        case TypeId::enum_: {
            const std::string* label =
                labels != nullptr ? labels->label(type.detail, value.as_integer()) : nullptr;
            out += label != nullptr ? *label : std::to_string(value.as_integer());
            return;
        }
        case TypeId::record:
            print_record(value.as_bytes(), out, labels);
            return;
        case TypeId::void_:
            return;
        case TypeId::unknown:
        case TypeId::numeric:
        case TypeId::text:
        case TypeId::varchar:
        case TypeId::bpchar:
        case TypeId::name:
        case TypeId::json:
        case TypeId::jsonb:
            out += value.as_bytes();
            return;
    }
}

std::string print_literal(Type type, Datum value, const EnumLabels* labels) {
    if (value.is_null()) return "NULL";
    std::string text;
    print_text(type, value, text, labels);
    const bool finite = !text.empty() && text.back() >= '0' && text.back() <= '9';
    if (!type.array) {
        if (type.id == TypeId::bool_) return value.as_bool() ? "TRUE" : "FALSE";
        if (is_integer(type)) return text;
        if (type.id == TypeId::numeric && finite) return text;
    }
    std::string out = quote_literal(text);
    const bool plain =
        !type.array && (type.id == TypeId::text || type.id == TypeId::varchar || type.id == TypeId::unknown ||
                        type.id == TypeId::name || type.id == TypeId::bpchar);
    if (!plain) out += "::" + type_name(Type{type.id, type.array, -1, type.detail}, labels);
    return out;
}

}  // namespace anabranch::sql
