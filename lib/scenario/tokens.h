// The characters of a command line: words, quotes, brackets. Used by parse and by the writers of scenarios.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/scenario/script.h"

namespace anabranch::scenario {

// Letters, digits and `_`, `-`, `.`, not beginning with a digit or a sign.
bool is_command_name(std::string_view text);

// Splits what follows the command name, from byte `offset` of `line` on. On error Place::column is set, the
// line number is not.
Result<std::vector<Argument>> split_arguments(std::string_view line, std::size_t offset);

// The argument in double quotes.
std::string quote(std::string_view text);

// 1-based column, in characters, of a byte offset of a UTF-8 line.
std::uint32_t column_of(std::string_view line, std::size_t offset);

// Without spaces, tabs and carriage returns at the end.
std::string_view trim_end(std::string_view text);

std::vector<std::string_view> split_lines(std::string_view text);

}  // namespace anabranch::scenario
