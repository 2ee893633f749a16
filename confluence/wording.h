// Words that scenarios, stories and reports share: names of replicas, lists, texts cut to a line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "confluence/check.h"

namespace anabranch::confluence {

std::string replica_name(std::uint32_t replica);              // a, b, c ...
std::string replica_names(std::uint32_t count);               // "a, b and c"
std::string list_of(const std::vector<Argument>& arguments);  // "1, 'ann'"
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string join_and(const std::vector<std::string>& parts);  // "x, y and z"
bool is_lost_update(std::string_view invariant);

// White space to single spaces, cut to `width` characters with "..." at the end.
std::string one_line(std::string_view text, std::size_t width);

// The parameters of the pair's transaction that must equal the other's for the conflict to arise: "account",
// or "payer = account" where the names differ.
std::vector<std::string> scope_words(const catalog::Schema& schema, const Pair& pair,
                                     const Conflict& conflict);

// Arguments as people write them: '2026-01-01'::timestamp without time zone becomes '2026-01-01'.
std::string without_casts(std::string_view text);

// Long generated keys to their beginnings: 3f2b8c1e-... becomes 3f2b8c1e..
std::string shorten_keys(std::string_view text);

// The items of "1, 'a, b', f(2, 3)", without spaces around them; nothing when brackets or quotes do not
// balance.
std::optional<std::vector<std::string>> split_list(std::string_view text);
std::optional<std::int64_t> read_integer(std::string_view text);

// Columns a terminal needs for a UTF-8 text (one per character).
std::size_t width_of(std::string_view text);
// `text` filled up with spaces to `width` characters.
std::string pad(std::string_view text, std::size_t width);
// Broken at spaces into lines of at most `width` characters; longer words are cut. At least one line.
std::vector<std::string> wrap(std::string_view text, std::size_t width);

}  // namespace anabranch::confluence
