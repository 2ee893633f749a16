// Helpers of value*.cpp and evaluate*.cpp: building datums, fitting them to modifiers, characters of UTF-8.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/sql/datetime.h"
#include "lib/sql/datum.h"
#include "lib/sql/json_value.h"
#include "lib/sql/type.h"

namespace anabranch::sql {

// 22021 when the text has a NUL or is not well-formed UTF-8.
Result<void> check_text(std::string_view text);
// Characters of UTF-8 text, and the offset in bytes of a character (the size when there are fewer).
std::size_t character_count(std::string_view text);
std::size_t character_offset(std::string_view text, std::size_t characters);
// The character at an offset before the end, and the offset of the next one. Ill-formed bytes give some
// value.
std::uint32_t take_character(std::string_view text, std::size_t& at);
// Without the blanks that bpchar ignores.
constexpr std::string_view without_padding(std::string_view text) {
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

// Text into text, varchar(n), bpchar(n) or name. Too long: cut when only blanks are lost or when not
// `strict`, else 22001. The result is a copy in the arena.
Result<Datum> fit_text(Type type, std::string_view text, Arena& arena, bool strict);
// Micros of time, timestamp[tz] rounded to the type's precision.
Result<Datum> fit_time(Type type, std::int64_t micros);

// The fewest digits that read back, in PostgreSQL's layout.
void print_float(float value, std::string& out);
void print_float(double value, std::string& out);

// string_to_array's pieces: none of empty text; characters when the delimiter is NULL.
std::vector<std::string_view> split_text(std::string_view text, Datum delimiter);

Datum interval_datum(Interval value, Arena& arena);
Datum json_datum(const JsonValue& value, Arena& arena);

}  // namespace anabranch::sql
