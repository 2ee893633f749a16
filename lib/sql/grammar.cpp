#include "lib/sql/grammar.h"

#include <pg_query.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <string_view>

#include "lib/base/bytes.h"
#include "lib/sql/scan.h"

namespace anabranch::sql {
namespace {

constexpr std::size_t tokens_max = std::size_t{1} << 24U;

// libpg_query returns plain structs whose parts it allocated; freeing the struct's copy frees them.
template <typename T, void (*release)(T)>
class Owned {
  public:
    explicit Owned(T value) : value_(value) {}
    Owned(const Owned&) = delete;
    Owned& operator=(const Owned&) = delete;
    ~Owned() { release(value_); }
    const T* operator->() const { return &value_; }

  private:
    T value_;
};
using Parsed = Owned<PgQueryParseResult, pg_query_free_parse_result>;
using Scanned = Owned<PgQueryScanResult, pg_query_free_scan_result>;

// libpg_query drops the SQLSTATE; the message tells it.
std::string_view state_of(std::string_view message) {
    const auto says = [&](std::string_view part) { return message.find(part) != message.npos; };
    if (message.starts_with("LIMIT #,#")) return sqlstate::syntax_error;
    if (says("not yet implemented") || says("not supported") || says("not implemented")) {
        return sqlstate::feature_not_supported;
    }
    if (says("memory exhausted") || says("stack depth")) return "54001";
    if (says("out of memory")) return sqlstate::out_of_memory;
    if (says("invalid byte sequence")) return "22021";
    if (says("frame start") || says("frame end")) return "42P20";
    if (says("Unicode")) return "22025";
    return sqlstate::syntax_error;
}

std::string_view hint_for(std::string_view message) {
    struct Advice {
        std::string_view part;
        std::string_view hint;
    };
    static constexpr Advice all[] = {
        {"subquery in FROM must have an alias", "For example, FROM (SELECT ...) [AS] foo."},
        {"VALUES in FROM must have an alias", "For example, FROM (VALUES ...) [AS] foo."},
        {"LIMIT #,#", "Use separate LIMIT and OFFSET clauses."},
        {"unterminated quoted string", "A single quote inside a string is written twice: 'it''s'."},
        {"unterminated dollar-quoted string", "Close the string with the same tag that opened it."},
        {"unterminated /* comment", "Comments nest: each /* needs its own */."},
        {"memory exhausted", "Write the statement with fewer nested parentheses."},
    };
    for (const Advice& advice : all) {
        if (message.find(advice.part) != message.npos) return advice.hint;
    }
    return {};
}

// `cursor` counts characters from 1; 0 means unknown.
Span span_of(std::string_view text, int cursor) {
    if (cursor <= 0) return {};
    std::size_t at = 0;
    for (int left = cursor - 1; left > 0 && at < text.size(); --left) {
        ++at;
        while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U) ++at;
    }
    const auto in_word = [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' ||
               (static_cast<unsigned char>(c) & 0x80U) != 0;
    };
    std::size_t end = at;
    while (end < text.size() && in_word(text[end])) ++end;
    if (end == at && end < text.size()) ++end;
    return {static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(end - at), true};
}

Error error_of(std::string_view text, const PgQueryError& error) {
    const std::string_view message = error.message == nullptr ? "syntax error" : error.message;
    Error out = Error::make(state_of(message), std::string(message));
    out.hint = hint_for(message);
    out.span = span_of(text, error.cursorpos);
    return out;
}

// Numbers of the protobuf enums Token and KeywordKind, which libpg_query keeps stable within a major version
// of PostgreSQL.
namespace token_number {
constexpr std::uint64_t identifier = 258, unicode_identifier = 259, decimal = 260, string = 261,
                        unicode_string = 262, bits = 263, hex_bits = 264, integer = 266, parameter = 267,
                        line_comment = 275, block_comment = 276, reserved_keyword = 4;
}

TokenKind kind_of(std::uint64_t token, std::uint64_t keyword) {
    if (keyword != 0) return TokenKind::Keyword;
    if (token < 256) return TokenKind::Symbol;
    switch (token) {
        case token_number::identifier:
        case token_number::unicode_identifier:
            return TokenKind::Identifier;
        case token_number::decimal:
            return TokenKind::Number;
        case token_number::string:
        case token_number::unicode_string:
            return TokenKind::String;
        case token_number::bits:
        case token_number::hex_bits:
            return TokenKind::Bits;
        case token_number::integer:
            return TokenKind::Integer;
        case token_number::parameter:
            return TokenKind::Parameter;
        default:
            return TokenKind::Operator;
    }
}

struct ScanToken {
    std::uint64_t begin = 0, end = 0, token = 0, keyword = 0;
};

// message ScanToken { int32 start = 1; int32 end = 2; Token token = 4; KeywordKind keyword_kind = 5; }
bool read_token(BytesView bytes, ScanToken& out) {
    ByteReader reader(bytes);
    while (!reader.done()) {
        const std::uint64_t tag = reader.varint();
        if ((tag & 7U) != 0) return false;
        const std::uint64_t value = reader.varint();
        switch (tag >> 3U) {
            case 1:
                out.begin = value;
                break;
            case 2:
                out.end = value;
                break;
            case 4:
                out.token = value;
                break;
            case 5:
                out.keyword = value;
                break;
            default:
                break;
        }
    }
    return !reader.failed();
}

// libpg_query ends the tokens U&'...' and U&"..." too early. Their end is the closing quote (a doubled one
// does not close), and a string goes on in the next line if a quote follows a line break.
std::size_t end_of_unicode(std::string_view text, std::size_t begin) {
    const auto quote_at = [&](std::size_t at) { return at < text.size() ? text[at] : '\0'; };
    const char quote = quote_at(begin + 2);
    std::size_t at = begin + 3;
    while (true) {
        at = std::min(text.find(quote, at), text.size());
        if (at == text.size()) return at;
        if (quote_at(++at) == quote) {
            ++at;
            continue;
        }
        const std::size_t next = text.find_first_not_of(" \t\n\r\f", at);
        if (quote != '\'' || next == text.npos || text[next] != quote ||
            text.substr(at, next - at).find('\n') == text.npos)
            return at;
        at = next + 1;
    }
}

// message ScanResult { int32 version = 1; repeated ScanToken tokens = 2; }
bool read_tokens(BytesView bytes, std::string_view text, std::vector<Token>& out) {
    ByteReader reader(bytes);
    while (!reader.done()) {
        const std::uint64_t tag = reader.varint();
        if ((tag & 7U) == 0) {
            reader.varint();
            continue;
        }
        if ((tag & 7U) != 2) return false;
        const BytesView inside = reader.sized();
        if (tag >> 3U != 2) continue;
        ScanToken token;
        if (!read_token(inside, token) || token.begin > token.end || token.end > text.size()) return false;
        if (token.token == token_number::line_comment || token.token == token_number::block_comment) continue;
        if (token.token == token_number::unicode_string || token.token == token_number::unicode_identifier) {
            token.end = end_of_unicode(text, token.begin);
        }
        if (out.size() >= tokens_max) return false;
        out.push_back({static_cast<std::uint32_t>(token.begin), static_cast<std::uint32_t>(token.end),
                       kind_of(token.token, token.keyword), token.keyword == token_number::reserved_keyword});
    }
    return !reader.failed();
}

}  // namespace

Result<ParseTree> parse_tree(const std::string& text) {
    const Parsed parsed(pg_query_parse(text.c_str()));
    if (parsed->error != nullptr) return fail(error_of(text, *parsed->error));
    ParseTree tree(parsed->parse_tree);
    if (!tree.root()) return fail(sqlstate::internal_error, "the parser's answer is not JSON");
    return tree;
}

Result<std::vector<Token>> scan(const std::string& text) {
    const Scanned scanned(pg_query_scan(text.c_str()));
    if (scanned->error != nullptr) return fail(error_of(text, *scanned->error));
    std::vector<Token> tokens;
    if (!read_tokens({scanned->pbuf.data, scanned->pbuf.len}, text, tokens)) {
        return fail(sqlstate::internal_error, "the scanner's answer cannot be decoded");
    }
    return tokens;
}

}  // namespace anabranch::sql
