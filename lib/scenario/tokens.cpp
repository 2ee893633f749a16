#include "lib/scenario/tokens.h"

#include <optional>

namespace anabranch::scenario {

namespace {

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_space(char c) {
    return c == ' ' || c == '\t';
}

std::unexpected<Error> syntax(std::string_view line, std::size_t offset, std::string message) {
    Error error = Error::make(sqlstate::syntax_error, std::move(message));
    error.hint = "write SQL that does not balance, or spans lines, as an indented body below the command";
    error.place.column = column_of(line, offset);
    return fail(std::move(error));
}

class Splitter {
  public:
    Splitter(std::string_view line, std::size_t offset) : line_(line), at_(offset) {}

    Result<std::vector<Argument>> run() {
        std::vector<Argument> out;
        while (skip_spaces()) {
            Argument argument;
            argument.offset = static_cast<std::uint32_t>(at_);
            argument.name = name();
            bool quoted = false;
            if (at_ < line_.size() && line_[at_] == '"') {
                TRY(quoted, quoted_text(argument.value));
            }
            if (!quoted) {
                TRY(argument.value, word());
            }
            argument.quoted = quoted;
            out.push_back(std::move(argument));
        }
        return out;
    }

  private:
    bool skip_spaces() {
        while (at_ < line_.size() && is_space(line_[at_])) ++at_;
        return at_ < line_.size();
    }

    std::string name() {
        std::size_t end = at_;
        while (end < line_.size() && (is_letter(line_[end]) || (end > at_ && is_digit(line_[end])))) ++end;
        if (end == at_ || end == line_.size() || line_[end] != '=') return {};
        std::string out(line_.substr(at_, end - at_));
        at_ = end + 1;
        return out;
    }

    // False, and nothing consumed, when text follows the closing quote: "a b".c is a word.
    Result<bool> quoted_text(std::string& out) {
        std::string text;
        for (std::size_t i = at_ + 1; i < line_.size(); ++i) {
            if (line_[i] == '"') {
                if (i + 1 < line_.size() && !is_space(line_[i + 1])) return false;
                at_ = i + 1;
                out = std::move(text);
                return true;
            }
            if (line_[i] != '\\') {
                text.push_back(line_[i]);
                continue;
            }
            const char escaped = ++i < line_.size() ? line_[i] : ' ';
            if (escaped == 'n') {
                text.push_back('\n');
            } else if (escaped == 't') {
                text.push_back('\t');
            } else if (escaped == '"' || escaped == '\\') {
                text.push_back(escaped);
            } else {
                return syntax(line_, i - 1,
                              "a backslash in a quoted text must be followed by n, t, \" or \\");
            }
        }
        return syntax(line_, at_, "this quote is not closed");
    }

    Result<std::string> word() {
        const std::size_t start = at_;
        std::vector<std::size_t> open;
        while (at_ < line_.size() && (!open.empty() || !is_space(line_[at_]))) {
            const char c = line_[at_];
            if (c == '\'' || c == '"') {
                const std::size_t close = line_.find(c, at_ + 1);
                if (close == std::string_view::npos) return syntax(line_, at_, "this quote is not closed");
                at_ = close;
            } else if (c == '(' || c == '[' || c == '{') {
                open.push_back(at_);
            } else if (c == ')' || c == ']' || c == '}') {
                const char partner = c == ')' ? '(' : c == ']' ? '[' : '{';
                if (open.empty() || line_[open.back()] != partner) {
                    return syntax(line_, at_, std::string("this '") + c + "' closes nothing");
                }
                open.pop_back();
            }
            ++at_;
        }
        if (!open.empty()) {
            return syntax(line_, open.back(), std::string("this '") + line_[open.back()] + "' is not closed");
        }
        return std::string(line_.substr(start, at_ - start));
    }

    std::string_view line_;
    std::size_t at_;
};

}  // namespace

bool is_command_name(std::string_view text) {
    if (text.empty() || !is_letter(text.front())) return false;
    for (const char c : text) {
        if (!is_letter(c) && !is_digit(c) && c != '-' && c != '.') return false;
    }
    return true;
}

Result<std::vector<Argument>> split_arguments(std::string_view line, std::size_t offset) {
    return Splitter(line, offset).run();
}

std::string quote(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '\n') {
            out += "\\n";
        } else if (c == '\t') {
            out += "\\t";
        } else {
            if (c == '"' || c == '\\') out.push_back('\\');
            out.push_back(c);
        }
    }
    return out + "\"";
}

std::uint32_t column_of(std::string_view line, std::size_t offset) {
    std::uint32_t column = 1;
    for (std::size_t i = 0; i < offset && i < line.size(); ++i) {
        const bool continues = (static_cast<unsigned char>(line[i]) & 0xc0) == 0x80;
        if (!continues) ++column;
    }
    return column;
}

std::string_view trim_end(std::string_view text) {
    while (!text.empty() && (is_space(text.back()) || text.back() == '\r')) text.remove_suffix(1);
    return text;
}

std::vector<std::string_view> split_lines(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        lines.push_back(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return lines;
}

}  // namespace anabranch::scenario
