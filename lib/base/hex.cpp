#include "lib/base/hex.h"

#include <charconv>

namespace anabranch {

std::optional<std::uint64_t> from_hex(std::string_view text) {
    if (text.size() != 16 || text.find_first_not_of("0123456789abcdef") != std::string_view::npos) return {};
    std::uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value, 16);
    return value;
}

std::optional<std::string> bytes_from_hex(std::string_view text) {
    if (text.size() % 2 != 0) return {};
    std::string out;
    for (std::size_t at = 0; at < text.size(); at += 2) {
        unsigned char byte = 0;
        const auto [end, problem] = std::from_chars(text.data() + at, text.data() + at + 2, byte, 16);
        if (problem != std::errc() || end != text.data() + at + 2) return {};
        out.push_back(static_cast<char>(byte));
    }
    return out;
}

}  // namespace anabranch
