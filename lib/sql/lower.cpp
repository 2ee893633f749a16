#include "lib/sql/lower.h"

#include <cctype>

#include "lib/sql/bounds.h"
#include "lib/sql/lowering.h"

namespace anabranch::sql {

void Lowering::fail(Error error) {
    if (!error_) error_ = std::move(error);
}

void Lowering::fail(Span span, std::string_view state, std::string message) {
    fail(Error::make(state, std::move(message)).with_span(span));
}

Lowering::Level::Level(Lowering& lowering, Span span, std::size_t count)
    : lowering_(lowering), count_(count) {
    lowering_.depth_ += count;
    if (lowering_.depth_ <= depth_max) return;
    ok = false;
    lowering_.fail(Error::make("54001", "statement is nested too deeply")
                       .with_detail("At most " + std::to_string(depth_max) + " levels are accepted.")
                       .with_span(span));
}

Span Lowering::span(const TextRange& range) const {
    if (input_.everywhere.known) return input_.everywhere;
    return {range.begin + input_.base, range.end - range.begin, true};
}

Span Lowering::span(ParseNode node, const char* field) const {
    if (input_.everywhere.known) return input_.everywhere;
    const std::int64_t at = node.integer(field);
    if (!node || at < 0) return {};
    const auto offset = static_cast<std::uint32_t>(static_cast<std::uint64_t>(at) + input_.offset);
    if (input_.tokens == nullptr) return {offset + input_.base, 0, true};
    const std::size_t index = token_at(*input_.tokens, offset);
    const bool exact = index < input_.tokens->size() && (*input_.tokens)[index].begin == offset;
    return {offset + input_.base, exact ? (*input_.tokens)[index].end - offset : 0, true};
}

Span Lowering::span_before(ParseNode type, std::string_view name) const {
    const Span span = this->span(type);
    if (input_.tokens == nullptr || input_.everywhere.known || !span.known || name.empty()) return span;
    const std::size_t index = token_at(*input_.tokens, span.offset - input_.base);
    if (index == 0) return span;
    const Token& token = (*input_.tokens)[index - 1];
    if (token.begin < input_.offset) return span;
    const std::string_view written =
        std::string_view(*input_.text).substr(token.begin - input_.offset, token.end - token.begin);
    const bool same = written.starts_with('"') || written.size() == name.size();
    return same ? span_of(token) : span;
}

Span Lowering::span_of(const Token& token) const {
    return {token.begin + input_.base, token.end - token.begin, true};
}

const std::vector<Token>& Lowering::tokens() {
    if (input_.tokens != nullptr) return *input_.tokens;
    if (!scanned_) {
        auto result = scan(*input_.text);
        if (!result) fail(std::move(result).error());
        scanned_ = result ? std::move(*result) : std::vector<Token>();
    }
    return *scanned_;
}

std::int64_t Lowering::integer(ParseNode value, ParseNode holder) {
    if (value.has("ival")) return value.integer("ival");
    const std::int64_t at = holder.integer("location");
    if (at < 0) return 0;
    const std::vector<Token>& all = tokens();
    const std::uint32_t base = input_.tokens != nullptr ? input_.offset : 0;
    for (std::size_t i = token_at(all, static_cast<std::uint32_t>(at) + base); i < all.size(); ++i) {
        if (all[i].kind != TokenKind::Integer) continue;
        if (all[i].end - base > input_.text->size()) break;
        std::int64_t number = 0;
        for (const char digit : input_.text->substr(all[i].begin - base, all[i].end - all[i].begin)) {
            number = number * 10 + (digit - '0');
        }
        return -number;
    }
    fail(span(holder), sqlstate::internal_error, "the parser lost the value of an integer constant");
    return 0;
}

ast::Statement lower_statement(Lowering& l, ParseNode wrapped, Span span) {
    ast::Statement out;
    out.span = span;
    const Lowering::Level level(l, span);
    if (!level.ok) {
        out.node = ast::Unmodelled{};
        return out;
    }
    const std::string_view kind = wrapped.kind();
    const ParseNode node = wrapped.body();
    if (kind == "SelectStmt") {
        out.node = lower_query(l, node, span);
        return out;
    }
    for (const auto find :
         {find_change_lowering, find_session_lowering, find_table_lowering, find_schema_lowering}) {
        if (const StatementLowering lowering = find(kind)) {
            out.node = lowering(l, node, span);
            return out;
        }
    }
    out.node = lower_other(l, kind, node, span);
    return out;
}

ast::Box<ast::Statement> lower_boxed_statement(Lowering& l, ParseNode wrapped, Span span) {
    return lower_statement(l, wrapped, span);
}

namespace {

// Where PostgreSQL says a statement is, blanks and comments before it included, without these.
Span trimmed(const std::string& text, std::int64_t location, std::int64_t size) {
    auto begin = static_cast<std::size_t>(location);
    std::size_t end = size == 0 ? text.size() : begin + static_cast<std::size_t>(size);
    if (begin > text.size() || end > text.size()) return {};
    const auto blank = [&](std::size_t i) { return std::isspace(static_cast<unsigned char>(text[i])) != 0; };
    while (begin < end) {
        if (blank(begin)) {
            ++begin;
        } else if (text.compare(begin, 2, "--") == 0) {
            while (begin < end && text[begin] != '\n') ++begin;
        } else if (text.compare(begin, 2, "/*") == 0) {
            std::size_t open = 0;
            do {
                if (text.compare(begin, 2, "/*") == 0) {
                    ++open;
                    begin += 2;
                } else if (text.compare(begin, 2, "*/") == 0) {
                    --open;
                    begin += 2;
                } else {
                    ++begin;
                }
            } while (open > 0 && begin < end);
        } else {
            break;
        }
    }
    while (end > begin && blank(end - 1)) --end;
    return {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end - begin), true};
}

}  // namespace

Result<std::vector<ast::Statement>> lower(const ParseTree& tree, const LowerInput& input) {
    Lowering lowering(input);
    std::vector<ast::Statement> out;
    const ParseNode statements = tree.root().get("stmts");
    for (std::size_t i = 0; i < statements.size(); ++i) {
        const ParseNode raw = statements[i];
        const Span span = input.range != nullptr
                              ? lowering.span(input.range->range)
                              : trimmed(*input.text, raw.integer("stmt_location"), raw.integer("stmt_len"));
        out.push_back(lower_statement(lowering, raw.get("stmt"), span));
        if (lowering.error()) return anabranch::fail(*lowering.error());
    }
    return out;
}

}  // namespace anabranch::sql
