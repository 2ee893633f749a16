#include "lib/sql/parse.h"

#include <algorithm>

#include "lib/sql/clean.h"
#include "lib/sql/grammar.h"
#include "lib/sql/bounds.h"
#include "lib/sql/lower.h"
#include "lib/sql/routine_body.h"
#include "lib/sql/scan.h"
#include "lib/sql/split.h"

namespace anabranch::sql {
namespace {

constexpr std::size_t scan_errors_max = 20;  // of one script; more would be echoes of the first

// A text that is parsed statement by statement: a file, or the quoted body of a routine.
struct Piece {
    std::string text;
    std::uint32_t base = 0;
    Span everywhere;
    bool is_body = false;
};

ParsedScript parse_piece(Piece piece);

// Moves an error of the text at `offset` of the piece to its place in the source. `statement` stands in for
// an unknown place.
Error moved(Error error, const Piece& piece, std::uint32_t offset, TextRange statement) {
    if (piece.everywhere.known) {
        error.span = piece.everywhere;
    } else if (error.span.known) {
        error.span.offset += offset + piece.base;
    } else {
        error.span = {statement.begin + piece.base, 0, true};
    }
    return error;
}

void blank(std::string& text, std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end && i < text.size(); ++i) {
        if (text[i] != '\n') text[i] = ' ';
    }
}

// Where the statement around `at` begins: after the last statement that is complete before it.
std::size_t statement_start(const std::string& text, std::size_t at) {
    std::string before = text.substr(0, at);
    const auto tokens = scan(before);
    if (!tokens) return at;
    const std::vector<StatementRange> ranges = split(before, *tokens);
    if (ranges.empty()) return at;
    const bool finished = before.find(';', ranges.back().range.end) != std::string::npos;
    return finished ? at : ranges.back().range.begin;
}

// The scanner gives up on the whole text at its first error. The statement in which it lies is reported and
// blanked out, so that the others are still read.
std::vector<Token> scan_all(Piece& piece, std::vector<Error>& errors) {
    for (std::size_t attempt = 0; attempt < scan_errors_max; ++attempt) {
        auto tokens = scan(piece.text);
        if (tokens) return std::move(*tokens);
        const Span span = tokens.error().span;
        errors.push_back(moved(std::move(tokens).error(), piece, 0, {}));
        if (!span.known) break;
        const std::size_t end = piece.text.find(';', span.offset);
        blank(piece.text, statement_start(piece.text, span.offset),
              end == std::string::npos ? piece.text.size() : end);
    }
    return {};
}

Result<void> read_quoted_body(ast::CreateRoutine& routine, const QuotedBody& body,
                              std::vector<Error>& errors) {
    ParsedScript inside = parse_piece({body.text, body.base, body.everywhere, true});
    if (!inside.ok()) {
        for (Error& error : inside.errors) errors.push_back(std::move(error));
        return fail(sqlstate::syntax_error, "the body is not SQL");
    }
    ast::SqlBody read;
    read.quoted = true;
    read.statements = std::move(inside.statements);
    routine.body = std::move(read);
    return {};
}

// The SELECT into which split() turned an assertion, back into one.
ast::Statement as_assertion(ast::Statement statement, const StatementRange& range, const Piece& piece) {
    const auto place = [&](TextRange at) {
        return piece.everywhere.known ? piece.everywhere
                                      : Span{at.begin + piece.base, at.end - at.begin, true};
    };
    ast::CreateAssertion out;
    out.name = range.assertion->name;
    out.name.span.offset += piece.base;
    out.condition_span.span = place(range.assertion->condition);
    out.deferrable = range.assertion->deferrable;
    out.initially_deferred = range.assertion->initially_deferred;
    auto* query = std::get_if<ast::Query>(&statement.node);
    auto* select = query == nullptr ? nullptr : std::get_if<ast::Select>(&query->body);
    if (select != nullptr && select->items.size() == 1) out.condition = std::move(select->items.front().expr);
    statement.node = std::move(out);
    return statement;
}

void parse_range(const Piece& piece, const std::vector<Token>& tokens, const StatementRange& range,
                 ParsedScript& out) {
    const auto report = [&](Error error, std::uint32_t offset) {
        out.errors.push_back(moved(std::move(error), piece, offset, range.range));
    };
    if (range.error) return report(*range.error, 0);
    if (auto sized = check_size(piece.text, tokens, range.first_token, range.last_token); !sized) {
        return report(std::move(sized).error(), 0);
    }
    const std::string text = piece.text.substr(range.range.begin, range.range.end - range.range.begin);
    auto tree = parse_tree(text);
    if (!tree) return report(std::move(tree).error(), range.range.begin);
    LowerInput input;
    input.text = &text;
    input.offset = range.range.begin;
    input.base = piece.base;
    input.tokens = &tokens;
    input.range = &range;
    input.everywhere = piece.everywhere;
    auto statements = lower(*tree, input);
    if (!statements) {
        // Lowering places its errors in the source itself.
        Error error = std::move(statements).error();
        if (!error.span.known) return report(std::move(error), range.range.begin);
        out.errors.push_back(std::move(error));
        return;
    }
    for (ast::Statement& statement : *statements) {
        if (range.assertion) statement = as_assertion(std::move(statement), range, piece);
        auto* routine = std::get_if<ast::CreateRoutine>(&statement.node);
        if (routine != nullptr && !piece.is_body) {
            const auto body =
                quoted_body(*routine, piece.text, tokens, range.first_token, range.last_token, piece.base);
            if (body && !read_quoted_body(*routine, *body, out.errors)) continue;
        }
        out.statements.push_back(std::move(statement));
    }
}

ParsedScript parse_piece(Piece piece) {
    ParsedScript out;
    const std::vector<Token> tokens = scan_all(piece, out.errors);
    for (const StatementRange& range : split(piece.text, tokens)) parse_range(piece, tokens, range, out);
    std::stable_sort(out.errors.begin(), out.errors.end(),
                     [](const Error& a, const Error& b) { return a.span.offset < b.span.offset; });
    return out;
}

Error too_long(std::size_t size, std::size_t size_max) {
    return Error::make("54000", "the text is too long: " + std::to_string(size) + " bytes, at most " +
                                    std::to_string(size_max) + " are accepted")
        .with_hint("Split it, or pass long values as parameters.");
}

// A client's CREATE FUNCTION ... AS is rare enough to be scanned a second time.
Result<void> read_client_body(ast::Statement& statement, const std::string& text) {
    auto* routine = std::get_if<ast::CreateRoutine>(&statement.node);
    if (routine == nullptr || !std::holds_alternative<ast::Skipped>(routine->body)) return {};
    TRY(const std::vector<Token> tokens, scan(text));
    const std::size_t first = token_at(tokens, statement.span.offset);
    const std::size_t last = token_at(tokens, statement.span.offset + statement.span.size);
    const auto body = quoted_body(*routine, text, tokens, first, last, 0);
    if (!body) return {};
    std::vector<Error> errors;
    if (!read_quoted_body(*routine, *body, errors)) return fail(std::move(errors.front()));
    return {};
}

}  // namespace

ParsedScript parse_script(const Source& source) {
    ParsedScript out;
    if (source.text().size() > script_bytes_max) {
        out.errors.push_back(too_long(source.text().size(), script_bytes_max));
        return out;
    }
    std::string text = clean(source.text());
    if (const std::size_t bad = find_ill_formed(text); bad != std::string::npos) {
        out.errors.push_back(source.located(ill_formed_error(text, bad)));
        return out;
    }
    out = parse_piece({std::move(text), 0, {}, false});
    for (Error& error : out.errors) error = source.located(std::move(error));
    return out;
}

Result<std::vector<ast::Statement>> parse_statements(const std::string& text, ParseOptions options) {
    if (options.capped && text.size() > statement_bytes_max)
        return fail(too_long(text.size(), statement_bytes_max));
    if (text.size() > script_bytes_max) return fail(too_long(text.size(), script_bytes_max));
    if (const std::size_t bad = find_ill_formed(text); bad != std::string::npos)
        return fail(ill_formed_error(text, bad));
    if (text.size() > harmless_bytes_max) {
        TRY(const std::vector<Token> tokens, scan(text));
        TRY_VOID(check_size(text, tokens, 0, tokens.size()));
    }
    TRY(const ParseTree tree, parse_tree(text));
    LowerInput input;
    input.text = &text;
    TRY(std::vector<ast::Statement> statements, lower(tree, input));
    for (ast::Statement& statement : statements) TRY_VOID(read_client_body(statement, text));
    return statements;
}

}  // namespace anabranch::sql
