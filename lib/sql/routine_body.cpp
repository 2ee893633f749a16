#include "lib/sql/routine_body.h"

namespace anabranch::sql {
namespace {

// The string after the AS outside all parentheses.
const Token* find_string(std::string_view piece, const std::vector<Token>& tokens, std::size_t first,
                         std::size_t last) {
    std::size_t depth = 0;
    for (std::size_t i = first; i + 1 < last; ++i) {
        if (tokens[i].is_symbol(piece, '(')) ++depth;
        if (tokens[i].is_symbol(piece, ')') && depth > 0) --depth;
        if (depth == 0 && tokens[i].is_word(piece, "as") && tokens[i + 1].kind == TokenKind::String)
            return &tokens[i + 1];
    }
    return nullptr;
}

}  // namespace

std::optional<QuotedBody> quoted_body(const ast::CreateRoutine& routine, std::string_view piece,
                                      const std::vector<Token>& tokens, std::size_t first, std::size_t last,
                                      std::uint32_t base) {
    const auto* skipped = std::get_if<ast::Skipped>(&routine.body);
    if (skipped == nullptr || skipped->language != "sql") return std::nullopt;
    QuotedBody out;
    out.text = skipped->text;
    const Token* token = find_string(piece, tokens, first, last);
    if (token == nullptr) {
        out.everywhere = {base + (first < last ? tokens[first].begin : 0), 0, true};
        return out;
    }
    const std::string_view written = token->text(piece);
    const std::size_t opening = written.starts_with('$') ? written.find('$', 1) + 1 : 1;
    if (written.substr(opening).starts_with(out.text) && written.size() == out.text.size() + 2 * opening) {
        out.base = base + token->begin + static_cast<std::uint32_t>(opening);
    } else {
        out.everywhere = {base + token->begin, token->end - token->begin, true};
    }
    return out;
}

}  // namespace anabranch::sql
