// Tokens of PostgreSQL's own scanner, without comments.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"

namespace anabranch::sql {

enum class TokenKind : std::uint8_t {
    Symbol,      // one character: ( ) [ ] , ; : . + - ...
    Operator,    // || <= :: ...
    Identifier,  // also quoted ones
    Keyword,     // any of PostgreSQL's, reserved or not
    Integer,     // fits 32 bits
    Number,
    String,  // '...', E'...', $$...$$, U&'...'
    Bits,
    Parameter,  // $1
};

// Bytes [begin, end) of the text that was scanned. `reserved` is true of keywords that can name nothing
// unquoted.
struct Token {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    TokenKind kind = TokenKind::Symbol;
    bool reserved = false;

    std::string_view text(std::string_view source) const { return source.substr(begin, end - begin); }
    bool is_symbol(std::string_view source, char symbol) const {
        return kind == TokenKind::Symbol && source[begin] == symbol;
    }
    // `word` in lower case.
    bool is_word(std::string_view source, std::string_view word) const;
};

// The text must hold no NUL and be well-formed UTF-8 (source.h). An error (an unterminated string, say)
// carries a span in the text. Implemented in grammar.cpp.
Result<std::vector<Token>> scan(const std::string& text);

// The first token that begins at or after `offset`; tokens.size() if there is none.
std::size_t token_at(const std::vector<Token>& tokens, std::uint32_t offset);

}  // namespace anabranch::sql
