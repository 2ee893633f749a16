// Hexadecimal numbers as `hex` of bytes.h writes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace anabranch {

// Exactly 16 lower-case digits; anything else is no number.
std::optional<std::uint64_t> from_hex(std::string_view text);
// Of any even number of digits.
std::optional<std::string> bytes_from_hex(std::string_view text);

}  // namespace anabranch
