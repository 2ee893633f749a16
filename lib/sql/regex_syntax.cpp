#include "lib/sql/regex_syntax.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "lib/sql/value_internal.h"

namespace anabranch::sql {

namespace {

std::unexpected<Error> invalid(const std::string& what) {
    return fail("2201B", "invalid regular expression: " + what);
}
std::unexpected<Error> unavailable(const std::string& what) {
    return fail(Error::make(sqlstate::feature_not_supported, "regular expression is not supported: " + what)
                    .with_hint("Look-around and back references are not available."));
}
std::unexpected<Error> bad_operand() {
    return invalid("quantifier operand invalid");
}
std::unexpected<Error> bad_escape() {
    return invalid("invalid escape \\ sequence");
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_letter(std::uint32_t c) {
    return c < 0x80 && is_letter(static_cast<char>(c));
}
int hex_value(char c) {
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// One character, wherever RE2 may meet it.
std::string spelled(std::uint32_t c) {
    if (is_letter(c) || (c < 0x80 && is_digit(static_cast<char>(c)))) return {static_cast<char>(c)};
    constexpr char digits[] = "0123456789abcdef";
    std::string hex;
    for (std::uint32_t rest = c; rest > 0 || hex.empty(); rest >>= 4)
        hex.insert(hex.begin(), digits[rest & 15]);
    return "\\x{" + hex + "}";
}

// What stands between brackets: ranges, and classes as RE2 spells them.
class Bracket {
  public:
    explicit Bracket(bool ignore_case) : ignore_case_(ignore_case) {}
    void add(std::uint32_t from, std::uint32_t to) {
        range(from, to);
        if (!ignore_case_) return;
        other_case(from, to, 'A', 'Z', 32);
        other_case(from, to, 'a', 'z', -32);
    }
    void add_class(std::string_view name, bool negated = false) {
        if (ignore_case_ && (name == "lower" || name == "upper")) name = "alpha";
        out_ += negated ? "[:^" : "[:";
        out_.append(name).append(":]");
    }
    std::string text(bool negated) const { return (negated ? "[^" : "[") + out_ + "]"; }

  private:
    void range(std::uint32_t from, std::uint32_t to) {
        out_ += spelled(from);
        if (to != from) out_ += "-" + spelled(to);
    }
    void other_case(std::uint32_t from, std::uint32_t to, std::uint32_t first, std::uint32_t last, int by) {
        from = std::max(from, first);
        to = std::min(to, last);
        if (from > to) return;
        range(static_cast<std::uint32_t>(static_cast<int>(from) + by),
              static_cast<std::uint32_t>(static_cast<int>(to) + by));
    }

    bool ignore_case_;
    std::string out_;
};

class Translator {
  public:
    Translator(std::string_view pattern, RegexOptions options) : in_(pattern), options_(options) {}

    Result<TranslatedRegex> run() {
        TRY_VOID(director());
        if (options_.literal) {
            while (!done()) literal(take_character());
            return std::move(out_);
        }
        while (!done()) TRY_VOID(next());
        if (levels_.size() > 1) return invalid("parentheses () not balanced");
        end_atom();
        out_.shortest = levels_.back().whole() == Prefers::shortest;
        return std::move(out_);
    }

  private:
    bool done() const { return at_ == in_.size(); }
    char peek(std::size_t ahead = 0) const { return at_ + ahead < in_.size() ? in_[at_ + ahead] : '\0'; }
    bool starts(std::string_view text) const { return in_.substr(at_).starts_with(text); }
    bool take(std::string_view text) {
        if (!starts(text)) return false;
        at_ += text.size();
        return true;
    }
    std::uint32_t take_character() { return sql::take_character(in_, at_); }

    // What matches longest or shortest: of a whole group, and of the branch of it that is being read.
    enum class Prefers : std::uint8_t { neither, longest, shortest };
    struct Level {
        bool alternatives = false;
        Prefers branch = Prefers::neither;
        Prefers whole() const { return alternatives ? Prefers::longest : branch; }
    };

    void put(std::string_view text) {
        out_.pattern += text;
        out_.all_lazy += text;
    }
    // The first atom of a branch that prefers anything decides.
    void end_atom() {
        if (levels_.back().branch == Prefers::neither) levels_.back().branch = last_;
        last_ = Prefers::neither;
    }
    // Whether a quantifier may follow what was put out last.
    void atom(std::string_view text) {
        end_atom();
        put(text);
        quantifiable_ = true;
    }
    void constraint(std::string_view text) {
        end_atom();
        put(text);
        quantifiable_ = false;
    }
    void literal(std::uint32_t c) {
        if (!options_.ignore_case || !is_letter(c)) return atom(spelled(c));
        Bracket both(true);
        both.add(c, c);
        atom(both.text(false));
    }

    // ***= and ***: in front, then (?letters).
    Result<void> director() {
        if (options_.literal) return {};
        if (take("***=")) {
            options_.literal = true;
            return {};
        }
        if (!take("***:") && starts("***")) return bad_operand();
        if (!starts("(?") || !is_letter(peek(2))) return {};
        at_ += 2;
        while (is_letter(peek())) {
            TRY(const bool known, options_.take(in_[at_]));
            if (!known) return invalid("invalid embedded option");
            ++at_;
        }
        return take(")") ? Result<void>() : invalid("invalid embedded option");
    }

    Result<void> next() {
        const char c = peek();
        if (options_.expanded && skip_space()) return {};
        switch (c) {
            case '(':
                return open();
            case ')':
                return close();
            case '|':
                ++at_;
                constraint("|");
                levels_.back() = {true, Prefers::neither};
                return {};
            case '[':
                return bracket();
            case '.':
                ++at_;
                atom(options_.newline_parts ? "[^\\n]" : ".");
                return {};
            case '^':
            case '$':
                ++at_;
                constraint(options_.newline_ends ? (c == '^' ? "(?m:^)" : "(?m:$)")
                                                 : (c == '^' ? "\\A" : "\\z"));
                return {};
            case '*':
            case '+':
            case '?':
                ++at_;
                return quantifier({c});
            case '{':
                if (is_digit(peek(1))) return bound();
                break;
            case '\\':
                return escape();
            default:
                break;
        }
        literal(take_character());
        return {};
    }

    bool skip_space() {
        constexpr std::string_view space = " \t\n\v\f\r";
        const std::size_t before = at_;
        while (!done() && (space.find(peek()) != std::string_view::npos || peek() == '#')) {
            if (peek() == '#')
                at_ = std::min(in_.find('\n', at_), in_.size());
            else
                ++at_;
        }
        return at_ != before;
    }

    Result<void> open() {
        ++at_;
        if (take("?#")) {
            const auto end = in_.find(')', at_);
            if (end == std::string_view::npos) return invalid("parentheses () not balanced");
            at_ = end + 1;
            return {};
        }
        for (const std::string_view look : {"?=", "?!", "?<=", "?<!"})
            if (starts(look)) return unavailable("(" + std::string(look));
        const bool plain = take("?:");
        if (!plain && peek() == '?') return bad_operand();
        constraint(plain ? "(?:" : "(");
        levels_.push_back({});
        return {};
    }

    Result<void> close() {
        ++at_;
        if (levels_.size() == 1) return invalid("parentheses () not balanced");
        ++closed_;
        atom(")");
        last_ = levels_.back().whole();
        levels_.pop_back();
        return {};
    }

    // `fixed`: it leaves no choice.
    Result<void> quantifier(const std::string& text, bool fixed = false) {
        if (!quantifiable_) return bad_operand();
        const bool lazy = take("?");
        out_.pattern += text + (lazy ? "?" : "");
        out_.all_lazy += text + "?";
        out_.lazy |= lazy;
        if (!fixed) last_ = lazy ? Prefers::shortest : Prefers::longest;
        quantifiable_ = false;
        return {};
    }

    std::optional<unsigned> count() {
        constexpr unsigned most = 255;
        if (!is_digit(peek())) return {};
        unsigned value = 0;
        while (is_digit(peek()))
            value = std::min(value * 10 + static_cast<unsigned>(in_[at_++] - '0'), most + 1);
        return value <= most ? std::optional(value) : std::nullopt;
    }

    Result<void> bound() {
        if (!quantifiable_) return bad_operand();
        ++at_;
        const auto least = count();
        auto most = least;
        const bool open_ended = take(",") && !is_digit(peek());
        if (open_ended)
            most.reset();
        else if (in_[at_ - 1] == ',')
            most = count();
        if (done()) return invalid("braces {} not balanced");
        if (!least || (!open_ended && (!most || *most < *least)) || !take("}"))
            return invalid("invalid repetition count(s)");
        std::string text = "{" + std::to_string(*least);
        if (open_ended) text += ",";
        if (most && *most != *least) text += "," + std::to_string(*most);
        return quantifier(text + "}", most == least);
    }

    // ---- escapes ----

    // \d and its like; none: another escape.
    static std::string_view class_of(char letter) {
        switch (letter | 32) {
            case 'd':
                return "digit";
            case 's':
                return "space";
            case 'w':
                return "word";
            default:
                return {};
        }
    }

    Result<void> escape() {
        const char c = peek(1);
        if (const auto name = class_of(c); is_letter(c) && !name.empty()) {
            at_ += 2;
            Bracket one(false);
            one.add_class(name, c < 'a');
            atom(one.text(false));
            return {};
        }
        constexpr std::string_view constraints = "AmMyYZ";
        // \m and \M differ from \y only beside the other kind of boundary.
        constexpr std::array<std::string_view, 6> of{"\\A", "\\b", "\\b", "\\b", "\\B", "\\z"};
        if (const auto found = constraints.find(c); c != '\0' && found != std::string_view::npos) {
            at_ += 2;
            constraint(of[found]);
            return {};
        }
        if (c >= '1' && c <= '9') TRY_VOID(back_reference());
        TRY(const std::uint32_t character, escaped_character());
        literal(character);
        return {};
    }

    // One digit always is, more are if there are so many groups; else they are octal.
    Result<void> back_reference() const {
        std::size_t number = 0, digits = 0;
        while (is_digit(peek(1 + digits)) && digits < 3)
            number = number * 10 + static_cast<std::size_t>(peek(1 + digits++) - '0');
        if (digits > 1 && number > closed_) return {};
        if (number > closed_) return invalid("invalid backreference number");
        return unavailable("\\" + std::to_string(number));
    }

    Result<std::uint32_t> hexadecimal(std::size_t least, std::size_t most) {
        std::uint64_t value = 0;
        std::size_t digits = 0;
        for (; digits < most && hex_value(peek()) >= 0; ++digits, ++at_)
            value = std::min<std::uint64_t>(value * 16 + static_cast<unsigned>(hex_value(peek())), 0x110000);
        if (digits < least) return bad_escape();
        return value <= 0x10ffff ? Result<std::uint32_t>(static_cast<std::uint32_t>(value)) : bad_escape();
    }

    Result<std::uint32_t> octal() {
        std::uint32_t value = 0;
        for (int digits = 0; digits < 3 && peek() >= '0' && peek() <= '7'; ++digits)
            value = value * 8 + static_cast<std::uint32_t>(in_[at_++] - '0');
        return value;
    }

    // What stands for one character; at its backslash.
    Result<std::uint32_t> escaped_character() {
        ++at_;
        if (done()) return bad_escape();
        const char c = peek();
        if (c >= '0' && c <= '7') return octal();
        if (!is_letter(c) && !is_digit(c)) return take_character();
        ++at_;
        switch (c) {
            case 'a':
                return 0x07;
            case 'b':
                return 0x08;
            case 'B':
                return '\\';
            case 'e':
                return 0x1b;
            case 'f':
                return 0x0c;
            case 'n':
                return 0x0a;
            case 'r':
                return 0x0d;
            case 't':
                return 0x09;
            case 'v':
                return 0x0b;
            case 'c':
                return done() ? Result<std::uint32_t>(bad_escape()) : take_character() & 31;
            case 'u':
                return hexadecimal(4, 4);
            case 'U':
                return hexadecimal(8, 8);
            case 'x':
                return hexadecimal(1, 255);
            default:
                return bad_escape();
        }
    }

    // ---- brackets ----

    Result<void> bracket() {
        for (const std::string_view boundary : {"[[:<:]]", "[[:>:]]"})
            if (take(boundary)) {
                constraint("\\b");
                return {};
            }
        ++at_;
        const bool negated = take("^");
        Bracket set(options_.ignore_case);
        for (bool first = true; first || peek() != ']'; first = false) {
            if (done()) return invalid("brackets [] not balanced");
            TRY_VOID(element(set));
        }
        ++at_;
        if (negated && options_.newline_parts) set.add('\n', '\n');
        atom(set.text(negated));
        return {};
    }

    Result<void> element(Bracket& set) {
        constexpr std::array<std::string_view, 14> classes{"alnum", "alpha", "ascii", "blank", "cntrl",
                                                           "digit", "graph", "lower", "print", "punct",
                                                           "space", "upper", "word",  "xdigit"};
        if (take("[:")) {
            TRY(const auto name, named(":]"));
            if (std::find(classes.begin(), classes.end(), name) == classes.end())
                return invalid("invalid character class");
            set.add_class(name);
            return {};
        }
        if (take("[=")) {
            TRY(const auto name, named("=]"));
            TRY(const std::uint32_t c, collating(name));
            set.add(c, c);
            return {};
        }
        if (const auto name = class_of(peek(1)); peek() == '\\' && is_letter(peek(1)) && !name.empty()) {
            set.add_class(name, peek(1) < 'a');
            at_ += 2;
            return {};
        }
        TRY(const std::uint32_t from, end_of_range());
        std::uint32_t to = from;
        if (peek() == '-' && peek(1) != ']') {
            ++at_;
            if (done()) return invalid("brackets [] not balanced");
            if (peek() == '\\' && is_letter(peek(1)) && !class_of(peek(1)).empty())
                return invalid("invalid character range");
            TRY(to, end_of_range());
        }
        if (from > to) return invalid("invalid character range");
        set.add(from, to);
        return {};
    }

    Result<std::string_view> named(std::string_view end) {
        const auto found = in_.find(end, at_);
        if (found == std::string_view::npos) return invalid("brackets [] not balanced");
        const auto name = in_.substr(at_, found - at_);
        at_ = found + end.size();
        return name;
    }

    // [.x.]; of the names that characters have, none is known.
    static Result<std::uint32_t> collating(std::string_view name) {
        std::size_t at = 0;
        const std::uint32_t c = name.empty() ? 0 : sql::take_character(name, at);
        if (name.empty() || at != name.size()) return invalid("invalid collating element");
        return c;
    }

    Result<std::uint32_t> end_of_range() {
        if (take("[.")) {
            TRY(const auto name, named(".]"));
            return collating(name);
        }
        return peek() == '\\' ? escaped_character() : Result<std::uint32_t>(take_character());
    }

    std::string_view in_;
    RegexOptions options_;
    TranslatedRegex out_;
    std::size_t at_ = 0;
    std::vector<Level> levels_{1};     // the whole, and the groups that are open
    std::size_t closed_ = 0;           // groups
    Prefers last_ = Prefers::neither;  // of the atom that was put out last
    bool quantifiable_ = false;
};

}  // namespace

Result<bool> RegexOptions::take(char letter) {
    switch (letter) {
        case 'c':
        case 'i':
            ignore_case = letter == 'i';
            return true;
        case 'n':
        case 'm':
        case 'p':
        case 'w':
        case 's':
            newline_parts = letter != 'w' && letter != 's';
            newline_ends = letter != 'p' && letter != 's';
            return true;
        case 'x':
        case 't':
            expanded = letter == 'x';
            return true;
        case 'q':
            literal = true;
            return true;
        case 'b':
        case 'e':
            return fail(sqlstate::feature_not_supported,
                        std::string("the regular expression option \"") + letter + "\" is not supported");
        default:
            return false;
    }
}

Result<TranslatedRegex> translate_regex(std::string_view pattern, RegexOptions options) {
    return Translator(pattern, options).run();
}

}  // namespace anabranch::sql
