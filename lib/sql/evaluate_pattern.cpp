// LIKE and regular expressions.
#include <re2/re2.h>

#include <algorithm>

#include "lib/sql/array.h"
#include "lib/sql/evaluate_internal.h"
#include "lib/sql/evaluate_regex.h"

namespace anabranch::sql {
namespace {

// ---- LIKE ----

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

std::size_t character_bytes(std::string_view text, std::size_t at) {
    std::size_t n = 1;
    while (at + n < text.size() && (text[at + n] & 0xC0) == 0x80) ++n;
    return n;
}

enum class Like : std::uint8_t { no, yes, bad_escape };

// Greedy with one restart point: the last %. Time is at most text times pattern.
template <bool IgnoreCase>
Like like(std::string_view text, std::string_view pattern) {
    const auto same = [](char a, char b) { return IgnoreCase ? lower(a) == lower(b) : a == b; };
    std::size_t t = 0;
    std::size_t p = 0;
    std::size_t restart_p = std::string_view::npos;
    std::size_t restart_t = 0;
    for (;;) {
        if (p < pattern.size() && pattern[p] == '%') {
            restart_p = ++p;
            restart_t = t;
            if (p == pattern.size()) return Like::yes;
            continue;
        }
        bool matched = false;
        if (p < pattern.size() && t < text.size()) {
            if (pattern[p] == '_') {
                t += character_bytes(text, t);
                ++p;
                matched = true;
            } else {
                const std::size_t literal = pattern[p] == '\\' ? p + 1 : p;
                if (literal == pattern.size()) return Like::bad_escape;
                if (same(pattern[literal], text[t])) {
                    p = literal + 1;
                    ++t;
                    matched = true;
                }
            }
        } else if (p == pattern.size() && t == text.size()) {
            return Like::yes;
        } else if (t == text.size()) {
            return Like::no;
        }
        if (matched) continue;
        if (restart_p == std::string_view::npos || restart_t >= text.size()) return Like::no;
        restart_t += character_bytes(text, restart_t);
        t = restart_t;
        p = restart_p;
    }
}

template <bool IgnoreCase, bool Negated>
Datum like_kernel(EvalContext& context, const CallSite&, const Datum* args) {
    const Like answer = like<IgnoreCase>(args[0].as_bytes(), args[1].as_bytes());
    if (answer == Like::bad_escape)
        return context.fail("22025", "LIKE pattern must not end with escape character");
    return Datum::boolean((answer == Like::yes) != Negated);
}

// A pattern with another escape character, rewritten for the backslash.
Datum like_escape_kernel(EvalContext& context, const CallSite&, const Datum* args) {
    const std::string_view pattern = args[0].as_bytes();
    const std::string_view escape = args[1].as_bytes();
    if (!escape.empty() && character_bytes(escape, 0) != escape.size()) {
        return context.fail(Error::make("22019", "invalid escape string")
                                .with_hint("Escape string must be empty or one character."));
    }
    std::string out;
    for (std::size_t i = 0; i < pattern.size();) {
        if (!escape.empty() && pattern.substr(i).starts_with(escape)) {
            out += '\\';
            i += escape.size();
            if (i < pattern.size()) out += pattern[i++];
        } else {
            if (pattern[i] == '\\') out += '\\';
            out += pattern[i++];
        }
    }
    return make_bytes(context, out);
}

// ---- Regular expressions ----

re2::StringPiece piece(std::string_view text) {
    return {text.data(), text.size()};
}

template <bool IgnoreCase, bool Negated>
Datum regex_kernel(EvalContext& context, const CallSite&, const Datum* args) {
    const Regex* regex = compiled_regex(context, args[1].as_bytes(), {.ignore_case = IgnoreCase});
    if (regex == nullptr) return {};
    return Datum::boolean(regex->finds(args[0].as_bytes()) != Negated);
}

Datum similar_kernel(EvalContext& context, const CallSite&, const Datum* args) {
    Result<std::string> pattern = similar_to_regex(args[1].as_bytes(), "\\");
    if (!pattern) return context.fail(std::move(pattern).error());
    const Regex* regex = compiled_regex(context, *pattern, {});
    if (regex == nullptr) return {};
    return Datum::boolean(regex->finds(args[0].as_bytes()));
}

Datum similar_escape_kernel(EvalContext& context, const CallSite& site, const Datum* args) {
    return unwrap_bytes(
        context, similar_to_regex(args[0].as_bytes(), site.args.size() > 1 ? args[1].as_bytes() : "\\"));
}

std::unique_ptr<const re2::RE2> compile(const std::string& pattern, bool longest) {
    re2::RE2::Options how;
    how.set_log_errors(false);
    how.set_dot_nl(true);
    how.set_longest_match(longest);
    how.set_max_mem(4 << 20);
    return std::make_unique<const re2::RE2>(pattern, how);
}

}  // namespace

bool Regex::finds(std::string_view text) const {
    return re2::RE2::PartialMatch(piece(text), *whole);
}

RegexCache::RegexCache() = default;
RegexCache::~RegexCache() = default;

Result<const Regex*> RegexCache::find(std::string_view pattern, RegexOptions options) {
    if (last_ != nullptr && last_->first == pattern && last_->second == options) return last_found_;
    std::pair<std::string, RegexOptions> name(pattern, options);
    auto at = known_.find(name);
    if (at == known_.end()) {
        TRY(const TranslatedRegex translated, translate_regex(pattern, options));
        Regex regex;
        regex.whole =
            compile(translated.shortest ? translated.all_lazy : translated.pattern, !translated.shortest);
        if (translated.lazy) regex.groups = compile(translated.pattern, false);
        if (!regex.whole->ok() || (regex.groups != nullptr && !regex.groups->ok()))
            return fail("2201B", "invalid regular expression: regular expression is too complex");
        if (known_.size() >= patterns_max) known_.clear();
        at = known_.emplace(std::move(name), std::move(regex)).first;
    }
    last_ = &at->first;
    return last_found_ = &at->second;
}

const Regex* compiled_regex(EvalContext& context, std::string_view pattern, RegexOptions options) {
    if (!context.regexes) context.regexes = std::make_unique<RegexCache>();
    const auto found = context.regexes->find(pattern, options);
    if (found) return *found;
    context.fail(found.error());
    return nullptr;
}

Result<RegexFlags> regex_flags(std::string_view text) {
    RegexFlags out;
    for (const char c : text) {
        if (c == 'g') {
            out.global = true;
            continue;
        }
        TRY(const bool known, out.options.take(c));
        if (!known) return fail("22023", std::string("invalid regular expression option: \"") + c + "\"");
    }
    return out;
}

std::vector<RegexGroups> regex_matches(const Regex& regex, std::string_view text, bool all,
                                       std::size_t from) {
    const auto groups = static_cast<std::size_t>(regex.whole->NumberOfCapturingGroups()) + 1;
    std::vector<re2::StringPiece> found(groups);
    std::vector<RegexGroups> out;
    const auto match = [&](const re2::RE2& by, std::size_t begin, std::size_t end, re2::RE2::Anchor anchor) {
        return by.Match(piece(text), begin, end, anchor, found.data(), static_cast<int>(groups));
    };
    for (std::size_t at = from; at <= text.size();) {
        if (!match(*regex.whole, at, text.size(), re2::RE2::UNANCHORED)) break;
        const auto begin = static_cast<std::size_t>(found[0].data() - text.data());
        const std::size_t end = begin + found[0].size();
        if (regex.groups != nullptr) match(*regex.groups, begin, end, re2::RE2::ANCHOR_BOTH);
        RegexGroups& next = out.emplace_back();
        for (const re2::StringPiece& group : found) next.emplace_back(group.data(), group.size());
        if (!all) break;
        at = begin == end ? end + (end < text.size() ? character_bytes(text, end) : 1) : end;
    }
    return out;
}

std::vector<std::string_view> regex_split(const Regex& regex, std::string_view text) {
    std::vector<std::string_view> out;
    const char* rest = text.data();
    for (const RegexGroups& groups : regex_matches(regex, text, true)) {
        const std::string_view hit = groups[0];
        // An empty match at either end, or right after another, splits nothing.
        if (hit.empty() && (hit.data() == rest || hit.data() == text.data() + text.size())) continue;
        out.emplace_back(rest, static_cast<std::size_t>(hit.data() - rest));
        rest = hit.data() + hit.size();
    }
    out.emplace_back(rest, static_cast<std::size_t>(text.data() + text.size() - rest));
    return out;
}

Result<std::string> similar_to_regex(std::string_view pattern, std::string_view escape) {
    if (escape.size() > 1) {
        return std::unexpected(Error::make("22019", "invalid escape string")
                                   .with_hint("Escape string must be empty or one character."));
    }
    std::string out = "^(?:";
    bool in_class = false;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        const char c = pattern[i];
        if (!escape.empty() && c == escape[0]) {
            if (++i == pattern.size()) return fail("22025", "invalid escape sequence");
            out += '\\';
            out += pattern[i];
        } else if (in_class) {
            in_class = c != ']';
            if (c == '\\') out += '\\';
            out += c;
        } else if (c == '[') {
            in_class = true;
            out += c;
        } else if (c == '%') {
            out += ".*";
        } else if (c == '_') {
            out += '.';
        } else if (c == '(') {
            out += "(?:";
        } else if (c == '\\' || c == '.' || c == '^' || c == '$') {
            out += '\\';
            out += c;
        } else {
            out += c;
        }
    }
    return out + ")$";
}

// tidy: table
Kernel pattern_kernel(Func func, std::span<const Type> args, Type) {
    switch (func) {
        case Func::like:
            return strict_call<like_kernel<false, false>, 2>;
        case Func::not_like:
            return strict_call<like_kernel<false, true>, 2>;
        case Func::ilike:
            return strict_call<like_kernel<true, false>, 2>;
        case Func::not_ilike:
            return strict_call<like_kernel<true, true>, 2>;
        case Func::like_escape:
            return strict_call<like_escape_kernel, 2>;
        case Func::regex_match:
            return strict_call<regex_kernel<false, false>, 2>;
        case Func::regex_imatch:
            return strict_call<regex_kernel<true, false>, 2>;
        case Func::regex_not_match:
            return strict_call<regex_kernel<false, true>, 2>;
        case Func::regex_not_imatch:
            return strict_call<regex_kernel<true, true>, 2>;
        case Func::similar_to:
            return strict_call<similar_kernel, 2>;
        case Func::similar_to_escape:
            return strict<similar_escape_kernel>(args.size());
        default:
            return nullptr;
    }
}

}  // namespace anabranch::sql
