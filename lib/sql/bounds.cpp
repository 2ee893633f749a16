#include "lib/sql/bounds.h"

#include <algorithm>

namespace anabranch::sql {

std::size_t depth_bound(std::string_view text, const std::vector<Token>& tokens, std::size_t first,
                        std::size_t last) {
    // A tree grows deeper with each token that joins what stands on its left; a comma starts afresh, except
    // that UNION and JOIN join across commas. What stood in parentheses counts like as many tokens.
    struct Level {
        std::size_t run = 0;      // since the last comma
        std::size_t longest = 0;  // of the runs before
        std::size_t joined = 0;   // UNION, JOIN and the like
        std::size_t total() const { return std::max(run, longest) + joined; }
    };
    std::vector<Level> levels(1);
    for (std::size_t i = first; i < last; ++i) {
        const Token& token = tokens[i];
        Level& top = levels.back();
        if (token.is_symbol(text, '(') || token.is_symbol(text, '[')) {
            levels.emplace_back();
        } else if (token.is_symbol(text, ')') || token.is_symbol(text, ']')) {
            if (levels.size() == 1) continue;
            const std::size_t inside = top.total() + 1;
            levels.pop_back();
            levels.back().run += inside;
        } else if (token.is_symbol(text, ',') || token.is_symbol(text, ';')) {
            top.longest = std::max(top.longest, top.run);
            top.run = 0;
        } else if (token.is_word(text, "union") || token.is_word(text, "except") ||
                   token.is_word(text, "intersect") || token.is_word(text, "join")) {
            ++top.joined;
        } else {
            ++top.run;
        }
    }
    std::size_t bound = 0;
    for (const Level& level : levels) bound += level.total() + 1;
    return bound;
}

namespace {

Error too_large(const Token& token, std::string message) {
    return Error::make("54001", std::move(message))
        .with_hint("Split the statement into smaller ones.")
        .with_span({token.begin, token.end - token.begin, true});
}

// For each parenthesis that opens at first + i, the index of the one that closes it; `last` for all others.
std::vector<std::size_t> closing(std::string_view text, const std::vector<Token>& tokens, std::size_t first,
                                 std::size_t last) {
    std::vector<std::size_t> out(last - first, last);
    std::vector<std::size_t> open;
    for (std::size_t i = first; i < last; ++i) {
        if (tokens[i].is_symbol(text, '(')) open.push_back(i);
        if (!tokens[i].is_symbol(text, ')') || open.empty()) continue;
        out[open.back() - first] = i;
        open.pop_back();
    }
    return out;
}

}  // namespace

Result<void> check_size(std::string_view text, const std::vector<Token>& tokens, std::size_t first,
                        std::size_t last) {
    if (first >= last) return {};
    if (depth_bound(text, tokens, first, last) > depth_bound_max) {
        return fail(too_large(tokens[first], "statement is nested too deeply"));
    }
    const std::vector<std::size_t> close_of = closing(text, tokens, first, last);
    for (std::size_t i = first + 1; i < last; ++i) {
        if (!tokens[i].is_symbol(text, '(')) continue;
        if (!tokens[i - 1].is_word(text, "set") && !tokens[i - 1].is_symbol(text, ',')) continue;
        const std::size_t close = close_of[i - first];
        if (close + 2 >= last || !tokens[close + 1].is_symbol(text, '=')) continue;
        std::size_t open = close + 2;
        if (tokens[open].is_word(text, "row")) ++open;
        if (open >= last || !tokens[open].is_symbol(text, '(')) continue;
        if ((close - i) * (close_of[open - first] - open) > row_assignment_max) {
            return fail(too_large(tokens[i], "the list of columns to assign is too long"));
        }
    }
    return {};
}

}  // namespace anabranch::sql
