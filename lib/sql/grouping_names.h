// GROUPING SETS, ROLLUP, CUBE and the empty set () of a GROUP BY are calls in the syntax tree, as other
// special spellings are; their names are ones that no function can be written under.
#pragma once

#include <string_view>

namespace anabranch::sql {

inline constexpr std::string_view grouping_prefix = "group by ";  // what follows is how it is written
inline constexpr std::string_view grouping_empty = "group by ";
inline constexpr std::string_view grouping_rollup = "group by ROLLUP";
inline constexpr std::string_view grouping_cube = "group by CUBE";
inline constexpr std::string_view grouping_sets = "group by GROUPING SETS";

}  // namespace anabranch::sql
