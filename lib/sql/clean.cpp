#include "lib/sql/clean.h"

#include <string_view>

namespace anabranch::sql {
namespace {

bool in_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '$' || (static_cast<unsigned char>(c) & 0x80U) != 0;
}

bool equals_ignoring_case(std::string_view text, std::string_view word) {
    if (text.size() != word.size()) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if ((text[i] >= 'A' && text[i] <= 'Z' ? text[i] - 'A' + 'a' : text[i]) != word[i]) return false;
    }
    return true;
}

// One pass over the text with just enough of SQL's lexical rules to know what is quoted.
class Cleaner {
  public:
    explicit Cleaner(std::string& text) : text_(text) {}

    void run() {
        while (at_ < text_.size()) step();
    }

  private:
    char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }

    void step() {
        switch (peek()) {
            case '\'':
                return string(false);
            case '"':
                return skip_past('"');
            case '$':
                return dollar();
            case '\\':
                return command();
            case ';':
                return semicolon();
            case '(':
                ++depth_;
                break;
            case ')':
                depth_ -= depth_ > 0 ? 1U : 0U;
                break;
            case '-':
                if (peek(1) == '-') return skip_line();
                break;
            case '/':
                if (peek(1) == '*') return comment();
                break;
            default:
                if (in_word(peek())) return word();
        }
        ++at_;
    }

    void skip_line() {
        while (at_ < text_.size() && peek() != '\n') ++at_;
    }

    // From the opening quote past the closing one; a doubled quote is two strings in a row, which is all the
    // same here.
    void skip_past(char quote) {
        const std::size_t end = text_.find(quote, at_ + 1);
        at_ = end == std::string::npos ? text_.size() : end + 1;
    }

    void string(bool escapes) {
        if (!escapes) return skip_past('\'');
        for (++at_; at_ < text_.size() && peek() != '\''; ++at_) {
            if (peek() == '\\') ++at_;
        }
        ++at_;
    }

    void dollar() {
        std::size_t end = at_ + 1;
        while (end < text_.size() && in_word(text_[end]) && text_[end] != '$') ++end;
        if (end >= text_.size() || text_[end] != '$' || (peek(1) >= '0' && peek(1) <= '9')) {
            ++at_;
            return;
        }
        const std::string tag = text_.substr(at_, end + 1 - at_);
        const std::size_t close = text_.find(tag, end + 1);
        at_ = close == std::string::npos ? text_.size() : close + tag.size();
    }

    void comment() {
        std::size_t open = 1;
        for (at_ += 2; at_ < text_.size() && open > 0;) {
            if (peek() == '*' && peek(1) == '/') {
                --open;
                at_ += 2;
            } else if (peek() == '/' && peek(1) == '*') {
                ++open;
                at_ += 2;
            } else {
                ++at_;
            }
        }
    }

    void word() {
        const std::size_t begin = at_;
        while (at_ < text_.size() && in_word(peek())) ++at_;
        const std::string_view text = std::string_view(text_).substr(begin, at_ - begin);
        if (peek() == '\'' && (text == "e" || text == "E")) return string(true);
        if (first_word_) copy_ = equals_ignoring_case(text, "copy");
        first_word_ = false;
        if (copy_ && depth_ == 0 && after_from_ && equals_ignoring_case(text, "stdin")) from_stdin_ = true;
        after_from_ = equals_ignoring_case(text, "from");
    }

    void semicolon() {
        ++at_;
        if (depth_ == 0 && from_stdin_) data();
        first_word_ = true;
        copy_ = from_stdin_ = after_from_ = false;
    }

    void blank(std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
            if (text_[i] != '\n') text_[i] = ' ';
        }
    }

    void command() {
        const std::size_t begin = at_;
        if (peek(1) == ';') {
            text_[begin] = ' ';
            ++at_;
            return;
        }
        const bool ends_statement = peek(1) == 'g' || text_.compare(begin, 13, "\\crosstabview") == 0;
        skip_line();
        blank(begin, at_);
        if (!ends_statement) return;
        text_[begin] = ';';
        at_ = begin;
    }

    void data() {
        skip_line();
        const std::size_t begin = at_;
        while (at_ < text_.size()) {
            const std::size_t line = ++at_;
            skip_line();
            std::string_view text = std::string_view(text_).substr(line, at_ - line);
            if (text.ends_with('\r')) text.remove_suffix(1);
            if (text == "\\.") break;
        }
        at_ = at_ < text_.size() ? at_ : text_.size();
        blank(begin, at_);
    }

    std::string& text_;
    std::size_t at_ = 0;
    std::size_t depth_ = 0;  // of parentheses
    bool first_word_ = true;
    bool copy_ = false;
    bool after_from_ = false;
    bool from_stdin_ = false;
};

}  // namespace

std::string clean(std::string text) {
    Cleaner(text).run();
    return text;
}

}  // namespace anabranch::sql
