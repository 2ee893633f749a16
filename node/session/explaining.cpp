#include "node/session/explaining.h"

#include <algorithm>
#include <array>

#include "lib/exec/engine.h"

namespace anabranch::session {

namespace {

// Words of a statement's head, comments and blanks left out.
class Words {
  public:
    explicit Words(std::string_view text) : text_(text) {}
    // The next word in lower case, or one other character; empty at the end.
    std::string next() {
        skip();
        std::string out;
        while (at_ < text_.size() && is_letter(text_[at_])) out.push_back(lower(text_[at_++]));
        if (out.empty() && at_ < text_.size()) out.push_back(text_[at_++]);
        return out;
    }
    std::string peek() {
        const std::size_t before = place();
        std::string out = next();
        at_ = before;
        return out;
    }
    std::size_t place() {
        skip();
        return at_;
    }

  private:
    static bool is_letter(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    }
    static char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
    void skip() {
        while (at_ < text_.size()) {
            const std::string_view rest = text_.substr(at_);
            if (rest.starts_with("--"))
                at_ = std::min(text_.find('\n', at_), text_.size());
            else if (rest.starts_with("/*"))
                at_ = std::min(text_.find("*/", at_ + 2), text_.size() - 2) + 2;
            else if (rest[0] == ' ' || (rest[0] >= '\t' && rest[0] <= '\r'))
                ++at_;
            else
                return;
        }
    }
    std::string_view text_;
    std::size_t at_ = 0;
};

struct Option {
    std::string name, value;
};

// EXPLAIN, with its options; false when the text is something else.
bool read_head(Words& words, std::vector<Option>& options) {
    if (words.next() != "explain") return false;
    if (words.peek() != "(") {
        for (std::string word = words.peek(); word == "analyze" || word == "analyse" || word == "verbose";
             word = words.peek())
            options.push_back({words.next(), ""});
        return true;
    }
    words.next();
    while (true) {
        Option option{words.next(), ""};
        std::string word = words.next();
        while (word != "," && word != ")" && !word.empty()) {
            option.value += word;
            word = words.next();
        }
        options.push_back(std::move(option));
        if (word != ",") return word == ")";
    }
}

bool is_off(const std::string& value) {
    return value == "off" || value == "false" || value == "0";
}

// What is no declared transaction is free only when it needs to know of nobody else.
std::vector<std::string> reasons_of(const replica::Runnable& runnable, const catalog::Plan& plan) {
    if (runnable.transaction) return plan.transactions[*runnable.transaction].reasons;
    switch (runnable.route) {
        case catalog::Route::read_only:
            return {"it writes nothing: this replica answers from its own state"};
        case catalog::Route::free:
            return {"nothing that others write breaks an invariant together with it"};
        default:
            return {"what others write could break an invariant together with it"};
    }
}

}  // namespace

std::optional<std::size_t> explained_statement(std::string_view text) {
    Words words(text);
    std::vector<Option> options;
    if (!read_head(words, options)) return {};
    return words.place();
}

Result<void> check_explain_options(std::string_view text) {
    Words words(text);
    std::vector<Option> options;
    read_head(words, options);
    constexpr std::array known{"verbose", "costs", "settings", "buffers", "wal", "timing", "summary"};
    for (const Option& option : options) {
        if (option.name == "analyze" || option.name == "analyse") {
            if (is_off(option.value)) continue;
            return fail(
                Error::make(sqlstate::feature_not_supported, "EXPLAIN ANALYZE is not supported")
                    .with_hint("EXPLAIN without ANALYZE shows the plan and the route, and runs nothing."));
        }
        if (option.name == "format") {
            if (option.value == "text") continue;
            return fail(Error::make(sqlstate::feature_not_supported,
                                    "EXPLAIN in format \"" + option.value + "\" is not supported")
                            .with_hint("Ask for text."));
        }
        if (std::find(known.begin(), known.end(), option.name) == known.end())
            return fail(sqlstate::syntax_error, "unrecognized EXPLAIN option \"" + option.name + "\"");
    }
    return {};
}

std::vector<std::string> explanation(const replica::Runnable& runnable, const catalog::Plan& plan) {
    std::vector<std::string> out;
    const std::string nodes = exec::explain(*runnable.compiled);
    for (std::size_t at = 0; at < nodes.size();) {
        const auto end = std::min(nodes.find('\n', at), nodes.size());
        out.push_back(nodes.substr(at, end - at));
        at = end + 1;
    }
    out.push_back(std::string("Route: ") + catalog::name_of(runnable.route));
    for (const auto& reason : reasons_of(runnable, plan)) out.push_back("  " + reason);
    return out;
}

}  // namespace anabranch::session
