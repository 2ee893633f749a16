#include "confluence/wording.h"

#include <charconv>
#include <utility>

namespace anabranch::confluence {

namespace {

bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
bool continues(char c) {
    return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}
std::string_view trim(std::string_view text) {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
}
// The first `count` characters.
std::string_view head(std::string_view text, std::size_t count) {
    std::size_t i = 0;
    while (i < text.size() && (count > 0 || continues(text[i]))) {
        if (!continues(text[i])) --count;
        ++i;
    }
    return text.substr(0, i);
}

}  // namespace

std::string replica_name(std::uint32_t replica) {
    return std::string(1, static_cast<char>('a' + replica % 26));
}

std::string replica_names(std::uint32_t count) {
    std::vector<std::string> names;
    for (std::uint32_t i = 0; i < count; ++i) names.push_back(replica_name(i));
    return join_and(names);
}

std::string list_of(const std::vector<Argument>& arguments) {
    std::string out;
    for (const auto& argument : arguments) out += (out.empty() ? "" : ", ") + argument.text;
    return out;
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
    std::string out;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (i > 0) out += separator;
        out += parts[i];
    }
    return out;
}

std::string join_and(const std::vector<std::string>& parts) {
    std::string out;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (i > 0) out += i + 1 == parts.size() ? " and " : ", ";
        out += parts[i];
    }
    return out;
}

bool is_lost_update(std::string_view invariant) {
    return invariant.starts_with("lost_update(");
}

std::string one_line(std::string_view text, std::size_t width) {
    std::string out;
    for (const char c : trim(text)) {
        if (!is_space(c))
            out.push_back(c);
        else if (!out.empty() && out.back() != ' ')
            out.push_back(' ');
    }
    if (width_of(out) <= width) return out;
    return std::string(trim(head(out, width > 3 ? width - 3 : 0))) + "...";
}

std::vector<std::string> scope_words(const catalog::Schema& schema, const Pair& pair,
                                     const Conflict& conflict) {
    std::vector<std::string> out;
    for (const auto& key : conflict.scope) {
        const auto& own = schema.transactions[pair.transaction].parameters[key.own].name;
        const auto& other = schema.transactions[conflict.with].parameters[key.other].name;
        out.push_back(own == other ? own : own + " = " + other);
    }
    return out;
}

std::string without_casts(std::string_view text) {
    const auto in_type = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == ' ' || c == '.';
    };
    std::string out;
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\'') quoted = !quoted;
        if (quoted || !text.substr(i).starts_with("::")) {
            out.push_back(text[i]);
            continue;
        }
        std::size_t end = i + 2;
        while (end < text.size() && in_type(text[end])) ++end;
        if (text.substr(end).starts_with("[]")) end += 2;
        i = end - 1;
    }
    return out;
}

std::string shorten_keys(std::string_view text) {
    constexpr std::size_t uuid_size = 36, kept = 8;
    const auto is_key = [](std::string_view part) {
        for (std::size_t i = 0; i < part.size(); ++i) {
            const char c = part[i];
            const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
            if (dash ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
        }
        return part.size() == uuid_size;
    };
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
        // Made by hand, such a key differs at its end only.
        if (is_key(text.substr(i, uuid_size)) && !text.substr(i).starts_with("00000000-")) {
            out.append(text.substr(i, kept)).append("..");
            i += uuid_size;
        } else {
            out.push_back(text[i++]);
        }
    }
    return out;
}

std::optional<std::vector<std::string>> split_list(std::string_view text) {
    std::vector<std::string> out;
    if (trim(text).empty()) return out;
    std::string open;
    std::size_t start = 0;
    for (std::size_t i = 0; i <= text.size(); ++i) {
        const char c = i < text.size() ? text[i] : ',';
        if (c == '\'' || c == '"') {
            const bool escapes = c == '\'' && i > 0 && (text[i - 1] == 'E' || text[i - 1] == 'e');
            for (++i; i < text.size() && text[i] != c; ++i)
                if (escapes && text[i] == '\\') ++i;
            if (i >= text.size()) return std::nullopt;
        } else if (c == '(' || c == '[' || c == '{') {
            open.push_back(c == '(' ? ')' : c == '[' ? ']' : '}');
        } else if (c == ')' || c == ']' || c == '}') {
            if (open.empty() || open.back() != c) return std::nullopt;
            open.pop_back();
        } else if (c == ',' && (open.empty() || i == text.size())) {
            const auto item = trim(text.substr(start, i - start));
            if (item.empty() || !open.empty()) return std::nullopt;
            out.emplace_back(item);
            start = i + 1;
        }
    }
    return out;
}

std::optional<std::int64_t> read_integer(std::string_view text) {
    std::int64_t value = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    if (result.ec != std::errc() || result.ptr != text.data() + text.size()) return std::nullopt;
    return value;
}

std::size_t width_of(std::string_view text) {
    std::size_t count = 0;
    for (const char c : text) count += continues(c) ? 0 : 1;
    return count;
}

std::string pad(std::string_view text, std::size_t width) {
    std::string out(text);
    const std::size_t used = width_of(text);
    if (used < width) out.append(width - used, ' ');
    return out;
}

std::vector<std::string> wrap(std::string_view text, std::size_t width) {
    std::vector<std::string> lines;
    std::string line;
    width = width == 0 ? 1 : width;
    const auto flush = [&] { lines.push_back(std::exchange(line, {})); };
    while (!text.empty()) {
        while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
        std::size_t end = 0;
        while (end < text.size() && !is_space(text[end])) ++end;
        std::string_view word = text.substr(0, end);
        text.remove_prefix(end);
        if (word.empty()) break;
        if (!line.empty() && width_of(line) + 1 + width_of(word) > width) flush();
        if (!line.empty()) line.push_back(' ');
        while (width_of(word) > width) {
            const auto part = head(word, width);
            line += part;
            word.remove_prefix(part.size());
            if (!word.empty()) flush();
        }
        line += word;
    }
    if (!line.empty() || lines.empty()) flush();
    return lines;
}

}  // namespace anabranch::confluence
