#include "lib/base/hex.h"

#include <charconv>

namespace anabranch {

std::optional<std::uint64_t> from_hex(std::string_view text) {
    if (text.size() != 16 || text.find_first_not_of("0123456789abcdef") != std::string_view::npos) return {};
    std::uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value, 16);
    return value;
}

}  // namespace anabranch
