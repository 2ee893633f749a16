// Bounds of the front end, and the checks that keep hostile text from exhausting the stack or the memory.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "lib/base/error.h"
#include "lib/sql/scan.h"

namespace anabranch::sql {

// Bytes of one ad-hoc statement text. libpg_query recurses once per level of the tree and the densest text,
// `1+1+...`, makes one level of two bytes: 32,700 levels, which fits a stack of 8 MiB with room to spare.
inline constexpr std::size_t statement_bytes_max = std::size_t{64} * 1024;
// Bytes of one schema file.
inline constexpr std::size_t script_bytes_max = std::size_t{256} * 1024 * 1024;
// Levels of a syntax tree. Visitors may recurse this deep, also in a build with sanitizers, whose frames are
// several times larger.
inline constexpr std::size_t depth_max = 500;
// What depth_bound may give before a statement of a schema file is handed to libpg_query.
inline constexpr std::size_t depth_bound_max = 40'000;
// Tokens of the targets times tokens of the source in `SET (a, b, ...) = (...)`: the grammar copies the
// source for each target.
inline constexpr std::size_t row_assignment_max = 1'000'000;
static_assert(statement_bytes_max / 2 < depth_bound_max);

// Texts up to this size need no check_size: nothing in them can grow out of hand.
inline constexpr std::size_t harmless_bytes_max = 1024;

// An upper bound of how deep the syntax tree of tokens [first, last) can be, cheap and never too low.
std::size_t depth_bound(std::string_view text, const std::vector<Token>& tokens, std::size_t first,
                        std::size_t last);

// Refuses (54001) tokens [first, last) that would exhaust the parser.
Result<void> check_size(std::string_view text, const std::vector<Token>& tokens, std::size_t first,
                        std::size_t last);

}  // namespace anabranch::sql
