// JSON values. A jsonb is canonical text, as PostgreSQL prints it: keys by length and then bytes, the last of
// equal keys, numbers as numeric, ", " and ": ". A json is the text as given, checked.
//
// JsonValue is the tree of one document; operators parse, look and print. Depth is at most `json_depth_max`,
// so that recursion is safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/error.h"

namespace anabranch::sql {

inline constexpr std::size_t json_depth_max = 1000;

struct JsonValue {
    enum class Kind : std::uint8_t { null, boolean, number, string, array, object };
    Kind kind = Kind::null;
    bool boolean = false;
    std::string text;  // string: content; number: numeric text (jsonb) or as written (json)
    std::vector<JsonValue> items;
    std::vector<std::pair<std::string, JsonValue>> fields;

    static JsonValue of_string(std::string_view text);
    static JsonValue of_number(std::string_view text);
    static JsonValue of_bool(bool value);
    const JsonValue* find(std::string_view key) const;  // of an object in jsonb order or not; null if absent
    const JsonValue* at(std::int64_t index) const;      // negative from the end; null if absent
    bool scalar() const { return kind < Kind::array; }
};

// 22P02 with the reason in DETAIL. `binary`: jsonb's normal form; otherwise order, duplicates and number text
// stay.
Result<JsonValue> parse_json(std::string_view text, bool binary);
// Canonical text of a stored value: ill-formed text is null.
JsonValue read_json(std::string_view stored);
void normalise(JsonValue& value);                                  // into jsonb's form, deeply
void print_json(const JsonValue& value, std::string& out);         // with ", " and ": "
void print_json_pretty(const JsonValue& value, std::string& out);  // jsonb_pretty
void print_json_string(std::string_view text, std::string& out);   // quoted and escaped

int compare_json(const JsonValue& a, const JsonValue& b);           // jsonb's btree order
bool json_contains(const JsonValue& whole, const JsonValue& part);  // @>
void encode_json_key(const JsonValue& value, std::string& out);     // key.h

}  // namespace anabranch::sql
