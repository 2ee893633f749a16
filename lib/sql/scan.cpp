#include "lib/sql/scan.h"

#include <algorithm>

namespace anabranch::sql {

bool Token::is_word(std::string_view source, std::string_view word) const {
    if (kind != TokenKind::Keyword && kind != TokenKind::Identifier) return false;
    const std::string_view own = text(source);
    return std::equal(own.begin(), own.end(), word.begin(), word.end(),
                      [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; });
}

std::size_t token_at(const std::vector<Token>& tokens, std::uint32_t offset) {
    const auto found =
        std::lower_bound(tokens.begin(), tokens.end(), offset,
                         [](const Token& token, std::uint32_t at) { return token.begin < at; });
    return static_cast<std::size_t>(found - tokens.begin());
}

}  // namespace anabranch::sql
