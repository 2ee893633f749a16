#include "lib/sql/split.h"

#include <algorithm>

namespace anabranch::sql {
namespace {

// Finds the ranges. `text_` is read only here.
class Splitter {
  public:
    Splitter(std::string_view text, const std::vector<Token>& tokens) : text_(text), tokens_(tokens) {}

    std::vector<StatementRange> run() {
        for (at_ = 0; at_ < tokens_.size(); ++at_) step();
        finish(tokens_.size());
        return std::move(out_);
    }

  private:
    const Token& token() const { return tokens_[at_]; }
    bool word(std::size_t index, std::string_view expected) const {
        return index < tokens_.size() && tokens_[index].is_word(text_, expected);
    }
    bool symbol(std::size_t index, char expected) const {
        return index < tokens_.size() && tokens_[index].is_symbol(text_, expected);
    }

    // `x AS end` and `t.case` are names, though both words are reserved.
    bool is_label() const { return at_ > first_ && (word(at_ - 1, "as") || symbol(at_ - 1, '.')); }

    void step() {
        if (symbol(at_, '(')) ++parens_;
        if (symbol(at_, ')') && parens_ > 0) --parens_;
        if (symbol(at_, ';') && parens_ == 0) {
            if (blocks_ == 0) {
                finish(at_);
            } else if (blocks_ == 1) {
                finish_part(at_);
                part_ = at_ + 1;
            }
            return;
        }
        if (token().kind != TokenKind::Keyword || is_label()) return;
        if (blocks_ == 0 && word(at_, "begin") && word(at_ + 1, "atomic") && at_ > first_ &&
            word(first_, "create")) {
            blocks_ = 1;
            part_ = at_ + 2;
            ++at_;
        } else if (blocks_ > 0 && word(at_, "case")) {
            ++blocks_;
        } else if (blocks_ > 0 && word(at_, "end")) {
            if (--blocks_ == 0) finish_part(at_);
        } else if (in_schema_ && parens_ == 0 && blocks_ == 0 &&
                   (word(at_, "create") || word(at_, "grant"))) {
            finish_part(at_);
            part_ = at_;
        }
        if (at_ == first_ + 1 && word(first_, "create") && word(at_, "schema")) in_schema_ = true;
    }

    void finish_part(std::size_t end) {
        if (part_ && *part_ < end) parts_.push_back({tokens_[*part_].begin, tokens_[end - 1].end});
        part_.reset();
    }

    void finish(std::size_t end) {
        if (in_schema_) finish_part(end);
        if (first_ < end) {
            StatementRange range;
            range.range = {tokens_[first_].begin, tokens_[end - 1].end};
            range.first_token = first_;
            range.last_token = end;
            range.parts = std::move(parts_);
            out_.push_back(std::move(range));
        }
        first_ = end + 1;
        parens_ = blocks_ = 0;
        in_schema_ = false;
        parts_.clear();
        part_.reset();
    }

    std::string_view text_;
    const std::vector<Token>& tokens_;
    std::vector<StatementRange> out_;
    std::size_t at_ = 0;
    std::size_t first_ = 0;  // token of the current statement
    std::size_t parens_ = 0;
    std::size_t blocks_ = 0;  // BEGIN ATOMIC and each CASE inside it
    bool in_schema_ = false;
    std::optional<std::size_t> part_;  // first token of the current part
    std::vector<TextRange> parts_;
};

std::string identifier_text(std::string_view written) {
    std::string out;
    if (written.starts_with('"') && written.size() >= 2) {
        written = written.substr(1, written.size() - 2);
        for (std::size_t i = 0; i < written.size(); ++i) {
            out += written[i];
            if (written[i] == '"') ++i;
        }
        return out;
    }
    for (const char c : written) out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return out;
}

// Reads and blanks one CREATE ASSERTION.
class AssertionRewriter {
  public:
    AssertionRewriter(std::string& text, const std::vector<Token>& tokens, StatementRange& range)
        : text_(text), tokens_(tokens), range_(range), at_(range.first_token + 2) {}

    void run() {
        AssertionHead head;
        if (!read(head)) {
            const bool more = at_ < range_.last_token;
            const std::string near =
                more ? "at or near \"" + std::string(token().text(text_)) + "\"" : "at end of input";
            const Span span = more ? Span{token().begin, token().end - token().begin, true}
                                   : Span{range_.range.end, 0, true};
            range_.error = Error::make(sqlstate::syntax_error, "syntax error " + near)
                               .with_hint("An assertion is written CREATE ASSERTION name CHECK (condition).")
                               .with_span(span);
            return;
        }
        for (std::uint32_t i = range_.range.begin; i < open_; ++i) blank(i);
        for (std::uint32_t i = close_ + 1; i < range_.range.end; ++i) blank(i);
        text_.replace(range_.range.begin, 6, "SELECT");
        range_.assertion = std::move(head);
    }

  private:
    const Token& token() const { return tokens_[at_]; }
    bool accept(std::string_view word) {
        if (at_ >= range_.last_token || !token().is_word(text_, word)) return false;
        ++at_;
        return true;
    }
    void blank(std::uint32_t i) {
        if (text_[i] != '\n') text_[i] = ' ';
    }

    bool read_identifier(std::string& out) {
        if (at_ >= range_.last_token) return false;
        const bool name = token().kind == TokenKind::Identifier ||
                          (token().kind == TokenKind::Keyword && !token().reserved);
        const std::string_view written = token().text(text_);
        if (!name || written.starts_with("U&") || written.starts_with("u&")) return false;
        out = identifier_text(written);
        ++at_;
        return true;
    }

    bool read(AssertionHead& head) {
        head.name.span =
            at_ < range_.last_token ? Span{token().begin, token().end - token().begin, true} : Span{};
        if (!read_identifier(head.name.name)) return false;
        if (at_ < range_.last_token && token().is_symbol(text_, '.')) {
            ++at_;
            head.name.schema = std::move(head.name.name);
            if (!read_identifier(head.name.name)) return false;
        }
        if (!accept("check")) return false;
        if (!read_parentheses(head)) return false;
        while (at_ < range_.last_token) {
            const bool negated = accept("not");
            if (accept("deferrable")) {
                head.deferrable = !negated;
            } else if (!negated && accept("initially")) {
                head.initially_deferred = accept("deferred");
                if (!head.initially_deferred && !accept("immediate")) return false;
            } else {
                return false;
            }
        }
        head.deferrable = head.deferrable || head.initially_deferred;
        return true;
    }

    bool read_parentheses(AssertionHead& head) {
        if (at_ >= range_.last_token || !token().is_symbol(text_, '(')) return false;
        open_ = token().begin;
        std::size_t depth = 0;
        std::size_t brackets = 0;
        const std::size_t first = at_ + 1;
        for (; at_ < range_.last_token; ++at_) {
            if (token().is_symbol(text_, '(')) ++depth;
            if (token().is_symbol(text_, ')') && --depth == 0) break;
            if (token().is_symbol(text_, '[')) ++brackets;
            if (token().is_symbol(text_, ']') && brackets > 0) --brackets;
            // (a, b) would be a row to the rewritten statement, and (SELECT ...) a subquery.
            if (depth == 1 &&
                ((brackets == 0 && token().is_symbol(text_, ',')) ||
                 (at_ == first && (token().is_word(text_, "select") || token().is_word(text_, "with") ||
                                   token().is_word(text_, "values"))))) {
                return false;
            }
        }
        if (at_ >= range_.last_token || at_ == first) return false;
        close_ = token().begin;
        head.condition = {tokens_[first].begin, tokens_[at_ - 1].end};
        ++at_;
        return true;
    }

    std::string& text_;
    const std::vector<Token>& tokens_;
    StatementRange& range_;
    std::size_t at_;
    std::uint32_t open_ = 0;
    std::uint32_t close_ = 0;
};

}  // namespace

std::vector<StatementRange> split(std::string& text, const std::vector<Token>& tokens) {
    std::vector<StatementRange> ranges = Splitter(text, tokens).run();
    for (StatementRange& range : ranges) {
        if (range.last_token - range.first_token >= 2 && tokens[range.first_token].is_word(text, "create") &&
            tokens[range.first_token + 1].is_word(text, "assertion")) {
            AssertionRewriter(text, tokens, range).run();
        }
    }
    return ranges;
}

}  // namespace anabranch::sql
