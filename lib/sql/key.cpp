#include "lib/sql/key.h"

#include <cmath>
#include <cstring>

#include "lib/sql/array.h"
#include "lib/sql/datetime.h"
#include "lib/sql/json_value.h"
#include "lib/sql/numeric_digits.h"
#include "lib/sql/range.h"
#include "lib/sql/record.h"
#include "lib/sql/value_internal.h"
#include "lib/sql/wire_words.h"

namespace anabranch::sql {
namespace {

constexpr char value_mark = 1;
constexpr char null_mark = 2;
constexpr char end_mark = 0;  // sorts before any further part

void put_integer(std::string& out, std::int64_t value) {
    const std::uint64_t word =
        __builtin_bswap64(static_cast<std::uint64_t>(value) ^ (std::uint64_t{1} << 63));
    char buffer[8];
    std::memcpy(buffer, &word, sizeof word);
    out.append(buffer, sizeof buffer);
}

void put_floating(std::string& out, double value) {
    if (value == 0) value = 0;  // -0 equals 0
    std::uint64_t word = 0;
    std::memcpy(&word, &value, sizeof word);
    if (std::isnan(value)) {
        word = ~std::uint64_t{0};  // above infinity
    } else {
        word = word >> 63 != 0 ? ~word : word | std::uint64_t{1} << 63;
    }
    put_word(out, word);
}

// 00 inside as 00 FF, ended by 00 01: a prefix sorts first.
void put_bytes(std::string& out, std::string_view bytes) {
    for (;;) {
        const std::size_t zero = bytes.find('\0');
        out += bytes.substr(0, zero);
        if (zero == std::string_view::npos) break;
        out.append("\0\xff", 2);
        bytes.remove_prefix(zero + 1);
    }
    out.append("\0\1", 2);
}

// Class byte; then for finite nonzero numbers the decimal exponent and the digits two per byte (1 to 100),
// ended by 0, without zeros at either end. All of it inverted for negative numbers.
void put_numeric(std::string& out, std::string_view text) {
    enum Class : char { minus_infinity = 1, negative = 2, zero = 3, positive = 4, infinity = 5, nan = 6 };
    const Digits d = split_numeric(text);
    if (d.special == Digits::Special::nan) {
        out += nan;
        return;
    }
    if (d.special == Digits::Special::infinity) {
        out += d.negative ? minus_infinity : infinity;
        return;
    }
    if (d.zero()) {
        out += zero;
        return;
    }
    out += d.negative ? negative : positive;
    const std::size_t at = out.size();
    std::string digits(d.integer);
    digits += d.fraction;
    digits.erase(0, digits.find_first_not_of('0'));
    digits.resize(digits.find_last_not_of('0') + 1);
    const std::int64_t exponent = d.integer.empty() ? -static_cast<std::int64_t>(d.first_nonzero())
                                                    : static_cast<std::int64_t>(d.integer.size());
    put_word(out, static_cast<std::uint32_t>(exponent + 0x40000000));
    if (digits.size() % 2 == 1) digits += '0';
    for (std::size_t i = 0; i < digits.size(); i += 2)
        out += static_cast<char>((digits[i] - '0') * 10 + digits[i + 1] - '0' + 1);
    out += end_mark;
    if (!d.negative) return;
    for (std::size_t i = at; i < out.size(); ++i) out[i] = static_cast<char>(~out[i]);
}

void put_interval(std::string& out, std::string_view bytes) {
    const auto span = static_cast<unsigned __int128>(interval_span(read_interval(bytes)));
    put_word(out, static_cast<std::uint64_t>(span >> 64) ^ std::uint64_t{1} << 63);
    put_word(out, static_cast<std::uint64_t>(span));
}

void put_array(std::string& out, Type type, std::string_view bytes) {
    ArrayReader reader(type, bytes);
    const Type element = element_of(type);
    while (!reader.done()) encode_key_part(out, element, reader.next());
    out += end_mark;
    out += static_cast<char>(reader.dimensions().size());
    for (const ArrayDimension& d : reader.dimensions()) {
        put_word(out, static_cast<std::uint32_t>(d.size));
        put_word(out, static_cast<std::uint32_t>(d.lower) ^ 0x80000000U);
    }
}

void put_range(std::string& out, Type type, std::string_view bytes) {
    const Range range = read_range(type, bytes);
    const Type element = range_element(type);
    out += static_cast<char>(range.empty ? 0 : 1);
    if (range.empty) return;
    if (range.lower.is_null()) {
        out += end_mark;
    } else {
        encode_key_part(out, element, range.lower);
        out += static_cast<char>(range.lower_inclusive ? 0 : 1);
    }
    encode_key_part(out, element, range.upper);
    if (!range.upper.is_null()) out += static_cast<char>(range.upper_inclusive ? 1 : 0);
}

// tidy: table
void put_value(std::string& out, Type type, Datum value) {
    if (type.array) return put_array(out, type, value.as_bytes());
    switch (storage_of(type)) {
        case Storage::integer:
            return put_integer(out, value.as_integer());
        case Storage::floating:
            return put_floating(out, value.as_floating());
        case Storage::bytes:
            break;
    }
    switch (type.id) {
        case TypeId::numeric:
            return put_numeric(out, value.as_bytes());
        case TypeId::interval:
            return put_interval(out, value.as_bytes());
        case TypeId::bpchar:
            return put_bytes(out, without_padding(value.as_bytes()));
        case TypeId::jsonb:
            return encode_json_key(read_json(value.as_bytes()), out);
        case TypeId::int4range:
        case TypeId::int8range:
        case TypeId::numrange:
        case TypeId::tsrange:
        case TypeId::tstzrange:
        case TypeId::daterange:
            return put_range(out, type, value.as_bytes());
        case TypeId::record:
            for (const RecordField& field : read_record(value.as_bytes()))
                encode_key_part(out, field.type, field.value);
            out += end_mark;
            return;
        default:
            return put_bytes(out, value.as_bytes());
    }
}

}  // namespace

void encode_key_part(std::string& out, Type type, Datum value) {
    if (value.is_null()) {
        out += null_mark;
        return;
    }
    out += value_mark;
    put_value(out, type, value);
}

std::string key_successor(std::string_view prefix) {
    std::string out(prefix);
    while (!out.empty() && static_cast<unsigned char>(out.back()) == 0xff) out.pop_back();
    if (!out.empty()) out.back() = static_cast<char>(out.back() + 1);
    return out;
}

}  // namespace anabranch::sql
