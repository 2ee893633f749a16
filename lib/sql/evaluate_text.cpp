// Functions on text. Positions and lengths count characters; case changes in ASCII only (the C collation).
#include <algorithm>
#include <cstring>

#include "lib/sql/builtin.h"
#include "lib/sql/evaluate_internal.h"
#include "lib/sql/value_internal.h"

namespace anabranch::sql {
namespace {

char to_lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}
char to_upper(char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
}
bool is_alphanumeric(char c) {
    return (to_lower(c) >= 'a' && to_lower(c) <= 'z') || (c >= '0' && c <= '9');
}

template <char (*F)(char)>
Datum map_bytes(EvalContext& c, const CallSite&, const Datum* args) {
    const std::string_view in = args[0].as_bytes();
    char* out = c.arena.allocate(in.size());
    std::transform(in.begin(), in.end(), out, F);
    return Datum::bytes({out, in.size()});
}

Datum initcap(EvalContext& c, const CallSite&, const Datum* args) {
    const std::string_view in = args[0].as_bytes();
    char* out = c.arena.allocate(in.size());
    bool inside = false;
    for (std::size_t i = 0; i < in.size(); ++i) {
        out[i] = inside ? to_lower(in[i]) : to_upper(in[i]);
        inside = is_alphanumeric(in[i]);
    }
    return Datum::bytes({out, in.size()});
}

Datum concat_op(EvalContext& c, const CallSite&, const Datum* args) {
    const std::string_view a = args[0].as_bytes();
    const std::string_view b = args[1].as_bytes();
    if (a.size() + b.size() > text_bytes_max) return c.fail("54000", "requested length too large");
    char* out = c.arena.allocate(a.size() + b.size());
    std::copy(b.begin(), b.end(), std::copy(a.begin(), a.end(), out));
    return Datum::bytes({out, a.size() + b.size()});
}

// concat and concat_ws print any type and skip NULLs. bool prints as t here.
Datum concat(EvalContext& c, const CallSite& site, const Datum* args) {
    std::string out;
    for (std::size_t i = 0; i < site.args.size(); ++i) {
        if (!args[i].is_null()) print_text(site.args[i], args[i], out, c.labels);
    }
    return make_bytes(c, out);
}
Datum concat_ws(EvalContext& c, const CallSite& site, const Datum* args) {
    if (args[0].is_null()) return {};
    std::string out;
    bool first = true;
    for (std::size_t i = 1; i < site.args.size(); ++i) {
        if (args[i].is_null()) continue;
        if (!first) out += args[0].as_bytes();
        first = false;
        print_text(site.args[i], args[i], out, c.labels);
    }
    return make_bytes(c, out);
}

Datum length(EvalContext&, const CallSite& site, const Datum* args) {
    const std::string_view text = args[0].as_bytes();
    const bool padded = site.args[0].id == TypeId::bpchar;
    return Datum::integer(static_cast<std::int64_t>(character_count(padded ? without_padding(text) : text)));
}
Datum octet_length(EvalContext&, const CallSite&, const Datum* args) {
    return Datum::integer(static_cast<std::int64_t>(args[0].as_bytes().size()));
}

// Characters [from, from + count) of text, bytes of bytea; from may be negative.
Datum slice(const CallSite& site, std::string_view text, std::int64_t from, std::int64_t end) {
    from = std::max<std::int64_t>(from, 1);
    if (end <= from) return Datum::bytes(text.substr(0, 0));
    const auto first = static_cast<std::size_t>(from - 1);
    const auto count = static_cast<std::size_t>(end - from);
    if (site.args[0].id == TypeId::bytea) {
        if (first >= text.size()) return Datum::bytes(text.substr(0, 0));
        return Datum::bytes(text.substr(first, count));
    }
    const std::string_view rest = text.substr(character_offset(text, first));
    return Datum::bytes(rest.substr(0, character_offset(rest, count)));
}
Datum substring(EvalContext& c, const CallSite& site, const Datum* args) {
    const std::int64_t from = args[1].as_integer();
    std::int64_t end = INT64_MAX;
    if (site.args.size() > 2) {
        if (args[2].as_integer() < 0) return c.fail("22011", "negative substring length not allowed");
        if (__builtin_add_overflow(from, args[2].as_integer(), &end)) end = INT64_MAX;
    }
    return slice(site, args[0].as_bytes(), from, end);
}

Datum left(EvalContext&, const CallSite& site, const Datum* args) {
    const std::string_view text = args[0].as_bytes();
    const std::int64_t n = std::clamp<std::int64_t>(args[1].as_integer(), INT32_MIN, INT32_MAX);
    const std::int64_t end = n >= 0 ? n : static_cast<std::int64_t>(character_count(text)) + n;
    return slice(site, text, 1, end + 1);
}
Datum right(EvalContext&, const CallSite& site, const Datum* args) {
    const std::string_view text = args[0].as_bytes();
    const auto size = static_cast<std::int64_t>(character_count(text));
    const std::int64_t n = std::clamp<std::int64_t>(args[1].as_integer(), INT32_MIN, INT32_MAX);
    const std::int64_t skipped = n >= 0 ? size - std::min(n, size) : std::min(-n, size);
    return slice(site, text, skipped + 1, size + 1);
}

template <bool AtLeft>
Datum pad(EvalContext& c, const CallSite& site, const Datum* args) {
    const std::string_view text = args[0].as_bytes();
    const std::string_view fill = site.args.size() > 2 ? args[2].as_bytes() : std::string_view(" ");
    const auto wanted = static_cast<std::size_t>(std::max<std::int64_t>(args[1].as_integer(), 0));
    if (wanted > text_bytes_max) return c.fail("54000", "requested length too large");
    const std::size_t have = character_count(text);
    if (wanted <= have || fill.empty()) return Datum::bytes(text.substr(0, character_offset(text, wanted)));
    std::string padding;
    const std::size_t missing = wanted - have;
    const std::size_t fill_count = character_count(fill);
    for (std::size_t i = 0; i < missing / fill_count && padding.size() <= text_bytes_max; ++i)
        padding += fill;
    padding += fill.substr(0, character_offset(fill, missing % fill_count));
    return make_bytes(c, AtLeft ? padding + std::string(text) : std::string(text) + padding);
}

bool contains_character(std::string_view set, std::string_view character) {
    for (std::size_t i = 0; i < set.size();) {
        const std::size_t n = character_offset(set.substr(i), 1);
        if (set.substr(i, n) == character) return true;
        i += n;
    }
    return false;
}

template <bool AtLeft, bool AtRight>
Datum trim(EvalContext&, const CallSite& site, const Datum* args) {
    std::string_view text = args[0].as_bytes();
    const std::string_view set = site.args.size() > 1 ? args[1].as_bytes() : std::string_view(" ");
    while (AtLeft && !text.empty()) {
        const std::size_t n = character_offset(text, 1);
        if (!contains_character(set, text.substr(0, n))) break;
        text.remove_prefix(n);
    }
    while (AtRight && !text.empty()) {
        std::size_t at = text.size() - 1;
        while (at > 0 && (text[at] & 0xC0) == 0x80) --at;
        if (!contains_character(set, text.substr(at))) break;
        text.remove_suffix(text.size() - at);
    }
    return Datum::bytes(text);
}

Datum replace(EvalContext& c, const CallSite&, const Datum* args) {
    const std::string_view text = args[0].as_bytes();
    const std::string_view from = args[1].as_bytes();
    if (from.empty()) return args[0];
    std::string out;
    std::size_t at = 0;
    for (std::size_t hit = text.find(from); hit != std::string_view::npos; hit = text.find(from, at)) {
        out += text.substr(at, hit - at);
        out += args[2].as_bytes();
        at = hit + from.size();
        if (out.size() > text_bytes_max) break;
    }
    out += text.substr(at);
    return make_bytes(c, out);
}

Datum translate(EvalContext& c, const CallSite&, const Datum* args) {
    const std::string_view text = args[0].as_bytes();
    const std::string_view from = args[1].as_bytes();
    const std::string_view to = args[2].as_bytes();
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t n = character_offset(text.substr(i), 1);
        const std::string_view character = text.substr(i, n);
        i += n;
        std::size_t index = 0;
        std::size_t at = 0;
        bool found = false;
        for (; at < from.size() && !found; ++index) {
            const std::size_t m = character_offset(from.substr(at), 1);
            found = from.substr(at, m) == character;
            at += m;
        }
        if (!found) {
            out += character;
            continue;
        }
        const std::string_view rest = to.substr(character_offset(to, index - 1));
        out += rest.substr(0, character_offset(rest, 1));
    }
    return make_bytes(c, out);
}

Datum position(EvalContext&, const CallSite&, const Datum* args) {
    const std::string_view text = args[0].as_bytes();
    const std::size_t at = text.find(args[1].as_bytes());
    if (at == std::string_view::npos) return Datum::integer(0);
    return Datum::integer(static_cast<std::int64_t>(character_count(text.substr(0, at))) + 1);
}

Datum starts_with(EvalContext&, const CallSite&, const Datum* args) {
    return Datum::boolean(args[0].as_bytes().starts_with(args[1].as_bytes()));
}

Datum split_part(EvalContext& c, const CallSite&, const Datum* args) {
    const std::string_view text = args[0].as_bytes();
    const std::string_view delimiter = args[1].as_bytes();
    std::int64_t number = args[2].as_integer();
    if (number == 0) return c.fail("22023", "field position must not be zero");
    const Datum nothing = Datum::bytes(text.substr(0, 0));
    if (delimiter.empty()) return number == 1 || number == -1 ? args[0] : nothing;
    if (number < 0) {
        std::int64_t fields = 1;
        for (std::size_t at = text.find(delimiter); at != std::string_view::npos;
             at = text.find(delimiter, at + delimiter.size()))
            ++fields;
        number += fields + 1;
        if (number <= 0) return nothing;
    }
    std::size_t begin = 0;
    for (; number > 1; --number) {
        const std::size_t hit = text.find(delimiter, begin);
        if (hit == std::string_view::npos) return nothing;
        begin = hit + delimiter.size();
    }
    return Datum::bytes(text.substr(begin, text.find(delimiter, begin) - begin));
}

Datum repeat(EvalContext& c, const CallSite&, const Datum* args) {
    const std::string_view text = args[0].as_bytes();
    const auto count = static_cast<std::size_t>(std::max<std::int64_t>(args[1].as_integer(), 0));
    if (text.empty() || count == 0) return Datum::bytes(text.substr(0, 0));
    if (count > text_bytes_max / text.size()) return c.fail("54000", "requested length too large");
    char* out = c.arena.allocate(text.size() * count);
    for (std::size_t i = 0; i < count; ++i) std::memcpy(out + i * text.size(), text.data(), text.size());
    return Datum::bytes({out, text.size() * count});
}

Datum reverse(EvalContext& c, const CallSite&, const Datum* args) {
    const std::string_view text = args[0].as_bytes();
    char* out = c.arena.allocate(text.size());
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t n = character_offset(text.substr(i), 1);
        std::memcpy(out + text.size() - i - n, text.data() + i, n);
        i += n;
    }
    return Datum::bytes({out, text.size()});
}

Datum ascii(EvalContext&, const CallSite&, const Datum* args) {
    const std::string_view text = args[0].as_bytes();
    if (text.empty()) return Datum::integer(0);
    std::size_t at = 0;
    return Datum::integer(take_character(text, at));
}

Datum chr(EvalContext& c, const CallSite&, const Datum* args) {
    const std::int64_t code = args[0].as_integer();
    if (code == 0) return c.fail("54000", "null character not permitted");
    if (code < 0) return c.fail("22023", "character number must be positive");
    if (code > 0x10FFFF)
        return c.fail("54000", "requested character too large for encoding: " + std::to_string(code));
    if (code >= 0xD800 && code <= 0xDFFF)
        return c.fail("54000", "requested character not valid for encoding: " + std::to_string(code));
    std::string out;
    const auto tail = [&](int shift) { out += static_cast<char>(0x80 | (code >> shift & 0x3F)); };
    if (code < 0x80) {
        out += static_cast<char>(code);
    } else if (code < 0x800) {
        out += static_cast<char>(0xC0 | code >> 6);
        tail(0);
    } else if (code < 0x10000) {
        out += static_cast<char>(0xE0 | code >> 12);
        tail(6);
        tail(0);
    } else {
        out += static_cast<char>(0xF0 | code >> 18);
        tail(12);
        tail(6);
        tail(0);
    }
    return make_bytes(c, out);
}

// overlay(text placing new from start [for count])
Datum overlay(EvalContext& c, const CallSite& site, const Datum* args) {
    const std::string_view text = args[0].as_bytes();
    const std::string_view part = args[1].as_bytes();
    const std::int64_t start = args[2].as_integer();
    const std::int64_t count =
        site.args.size() > 3 ? args[3].as_integer() : static_cast<std::int64_t>(character_count(part));
    if (start <= 0) return c.fail("22011", "negative substring length not allowed");
    if (start + count > INT32_MAX)
        return c.fail(sqlstate::numeric_value_out_of_range, "integer out of range");
    std::string out(slice(site, text, 1, start).as_bytes());
    out += part;
    out += slice(site, text, start + count, INT64_MAX).as_bytes();
    return make_bytes(c, out);
}

}  // namespace

// tidy: table
Kernel text_kernel(Func func, std::span<const Type> args, Type result) {
    const std::size_t n = args.size();
    switch (func) {
        case Func::concat_op:
            return !result.array && result.id != TypeId::jsonb ? strict_call<concat_op, 2> : nullptr;
        case Func::concat:
            return concat;
        case Func::concat_ws:
            return concat_ws;
        case Func::lower:
            return strict_call<map_bytes<to_lower>, 1>;
        case Func::upper:
            return strict_call<map_bytes<to_upper>, 1>;
        case Func::initcap:
            return strict_call<initcap, 1>;
        case Func::length:
            return strict_call<length, 1>;
        case Func::octet_length:
            return strict_call<octet_length, 1>;
        case Func::substring:
            return strict<substring>(n);
        case Func::left:
            return strict_call<left, 2>;
        case Func::right:
            return strict_call<right, 2>;
        case Func::lpad:
            return strict<pad<true>>(n);
        case Func::rpad:
            return strict<pad<false>>(n);
        case Func::trim:
            return strict<trim<true, true>>(n);
        case Func::ltrim:
            return strict<trim<true, false>>(n);
        case Func::rtrim:
            return strict<trim<false, true>>(n);
        case Func::replace:
            return strict_call<replace, 3>;
        case Func::translate:
            return strict_call<translate, 3>;
        case Func::position:
        case Func::strpos:
            return strict_call<position, 2>;
        case Func::starts_with:
            return strict_call<starts_with, 2>;
        case Func::split_part:
            return strict_call<split_part, 3>;
        case Func::repeat:
            return strict_call<repeat, 2>;
        case Func::reverse:
            return strict_call<reverse, 1>;
        case Func::ascii:
            return strict_call<ascii, 1>;
        case Func::chr:
            return strict_call<chr, 1>;
        case Func::overlay:
            return strict<overlay>(n);
        default:
            return nullptr;
    }
}

}  // namespace anabranch::sql
