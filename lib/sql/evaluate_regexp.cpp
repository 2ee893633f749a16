// regexp_match() and its like: functions that search a text for a pattern.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "lib/sql/array.h"
#include "lib/sql/evaluate_internal.h"
#include "lib/sql/evaluate_regex.h"
#include "lib/sql/value_internal.h"

namespace anabranch::sql {
namespace {

// The text with a position even when it is empty, so that matches can be told from absent groups.
std::string_view placed(Datum text) {
    return text.as_bytes().empty() ? std::string_view("") : text.as_bytes();
}

// What a call searches for, and where. An argument that a call does not have is at position `none`.
constexpr std::size_t none = 99;
struct Places {
    std::size_t start = none;  // in characters, from 1
    std::size_t nth = none;    // match, from 1
    std::size_t flags = none;
    std::size_t group = none;  // from 0, the whole match
};

class Search {
  public:
    Search(EvalContext& context, const CallSite& site, const Datum* args)
        : c_(context), site_(site), args_(args) {}

    // False after a failure. `name`: of a function that does not take the flag g.
    bool prepare(const Places& places, const char* name) {
        text_ = placed(args_[0]);
        if (!number("start", places.start, 1, start_) || !number("n", places.nth, 1, nth_) ||
            !number("subexpr", places.group, 0, group_))
            return false;
        if (has(places.flags)) {
            auto given = regex_flags(args_[places.flags].as_bytes());
            if (!given) return c_.fail(std::move(given).error()), false;
            flags_ = *given;
        }
        if (flags_.global && name != nullptr) {
            Error error =
                Error::make("22023", std::string(name) + "() does not support the \"global\" option");
            if (name == std::string_view("regexp_match"))
                error.hint = "Use the regexp_matches function instead.";
            return c_.fail(std::move(error)), false;
        }
        regex_ = compiled_regex(c_, args_[1].as_bytes(), flags_.options);
        return regex_ != nullptr;
    }
    bool has(std::size_t place) const { return place < site_.args.size(); }
    std::string_view text() const { return text_; }
    const Regex& regex() const { return *regex_; }
    bool global() const { return flags_.global; }
    std::int64_t nth() const { return nth_; }

    std::vector<RegexGroups> matches(bool all) const {
        const auto characters = static_cast<std::size_t>(start_ - 1);
        const std::size_t from = start_ == 1 ? 0 : character_offset(text_, characters);
        if (start_ > 1 && character_count(text_) < characters) return {};
        return regex_matches(*regex_, text_, all, from);
    }
    // The group that is asked for of the match that is.
    std::optional<std::string_view> found() const {
        const auto all = matches(nth_ > 1);
        if (all.size() < static_cast<std::size_t>(nth_)) return {};
        const RegexGroups& groups = all[static_cast<std::size_t>(nth_ - 1)];
        if (static_cast<std::size_t>(group_) >= groups.size()) return {};
        const std::string_view out = groups[static_cast<std::size_t>(group_)];
        return out.data() == nullptr ? std::nullopt : std::optional(out);
    }

  private:
    bool number(const char* name, std::size_t place, std::int64_t least, std::int64_t& out) {
        if (!has(place)) return true;
        out = args_[place].as_integer();
        if (out >= least) return true;
        c_.fail("22023", "invalid value for parameter \"" + std::string(name) + "\": " + std::to_string(out));
        return false;
    }

    EvalContext& c_;
    const CallSite& site_;
    const Datum* args_;
    std::string_view text_;
    std::int64_t start_ = 1, nth_ = 1, group_ = 0;
    RegexFlags flags_;
    const Regex* regex_ = nullptr;
};

// The replacement of one match: \1 to \9, \& and \\.
void append_replacement(std::string& out, std::string_view replacement, const RegexGroups& groups) {
    for (std::size_t i = 0; i < replacement.size(); ++i) {
        if (replacement[i] != '\\' || i + 1 == replacement.size()) {
            out += replacement[i];
            continue;
        }
        const char c = replacement[++i];
        if (c == '&') {
            out += groups[0];
        } else if (c >= '1' && c <= '9') {
            const auto group = static_cast<std::size_t>(c - '0');
            if (group < groups.size()) out += groups[group];
        } else {
            if (c != '\\') out += '\\';
            out += c;
        }
    }
}

// (text, pattern, replacement [, flags]) or (text, pattern, replacement, start [, n [, flags]]), n = 0: all
Datum regexp_replace(EvalContext& context, const CallSite& site, const Datum* args) {
    const bool places = site.args.size() > 3 && site.args[3].id != TypeId::text;
    Search search(context, site, args);
    std::int64_t nth = 1;
    if (places && site.args.size() > 4) nth = args[4].as_integer();
    if (nth < 0) return context.fail("22023", "invalid value for parameter \"n\": " + std::to_string(nth));
    const Places where = places ? Places{.start = 3, .flags = 5} : Places{.flags = 3};
    if (!search.prepare(where, nullptr)) return {};
    const bool all = nth == 0 || (search.global() && site.args.size() != 6);
    std::string out;
    const char* rest = search.text().data();
    std::int64_t number = 0;
    for (const RegexGroups& groups : search.matches(all || nth > 1)) {
        if (!all && ++number != nth) continue;
        out.append(rest, groups[0].data());
        append_replacement(out, args[2].as_bytes(), groups);
        rest = groups[0].data() + groups[0].size();
        if (out.size() > text_bytes_max) return context.fail("54000", "requested length too large");
    }
    out.append(rest, search.text().data() + search.text().size());
    return make_bytes(context, out);
}

Datum regexp_match(EvalContext& context, const CallSite& site, const Datum* args) {
    Search search(context, site, args);
    if (!search.prepare({.flags = 2}, "regexp_match")) return {};
    const auto matches = search.matches(false);
    if (matches.empty()) return {};
    const RegexGroups& groups = matches[0];
    std::vector<Datum> elements;
    for (std::size_t i = groups.size() > 1 ? 1 : 0; i < groups.size(); ++i) {
        elements.push_back(groups[i].data() == nullptr ? Datum() : Datum::bytes(groups[i]));
    }
    std::string out;
    write_array(site.result, elements, out);
    return make_bytes(context, out);
}

Datum regexp_split(EvalContext& context, const CallSite& site, const Datum* args) {
    Search search(context, site, args);
    if (!search.prepare({.flags = 2}, "regexp_split_to_array")) return {};
    std::vector<Datum> parts;
    for (const std::string_view part : regex_split(search.regex(), search.text()))
        parts.push_back(Datum::bytes(part));
    std::string out;
    write_array(site.result, parts, out);
    return make_bytes(context, out);
}

// substring(text from pattern): the first group if there is one, else the match.
Datum substring_from(EvalContext& context, const CallSite& site, const Datum* args) {
    Search search(context, site, args);
    if (!search.prepare({}, nullptr)) return {};
    const auto matches = search.matches(false);
    if (matches.empty()) return {};
    const std::string_view found = matches[0][matches[0].size() > 1 ? 1 : 0];
    return found.data() == nullptr ? Datum() : Datum::bytes(found);
}

// (text, pattern [, start [, n [, flags [, group]]]])
Datum regexp_substr(EvalContext& context, const CallSite& site, const Datum* args) {
    Search search(context, site, args);
    if (!search.prepare({.start = 2, .nth = 3, .flags = 4, .group = 5}, "regexp_substr")) return {};
    const auto found = search.found();
    return found ? Datum::bytes(*found) : Datum();
}

// (text, pattern [, start [, n [, end [, flags [, group]]]]]): where it begins, or what comes after it
Datum regexp_instr(EvalContext& context, const CallSite& site, const Datum* args) {
    Search search(context, site, args);
    const std::int64_t end = site.args.size() > 4 ? args[4].as_integer() : 0;
    if (end != 0 && end != 1)
        return context.fail("22023", "invalid value for parameter \"endoption\": " + std::to_string(end));
    if (!search.prepare({.start = 2, .nth = 3, .flags = 5, .group = 6}, "regexp_instr")) return {};
    const auto found = search.found();
    if (!found) return Datum::integer(0);
    const char* at = found->data() + (end == 1 ? found->size() : 0);
    const auto before = static_cast<std::size_t>(at - search.text().data());
    return Datum::integer(static_cast<std::int64_t>(character_count(search.text().substr(0, before))) + 1);
}

Datum regexp_count(EvalContext& context, const CallSite& site, const Datum* args) {
    Search search(context, site, args);
    if (!search.prepare({.start = 2, .flags = 3}, "regexp_count")) return {};
    return Datum::integer(static_cast<std::int64_t>(search.matches(true).size()));
}

Datum regexp_like(EvalContext& context, const CallSite& site, const Datum* args) {
    Search search(context, site, args);
    if (!search.prepare({.flags = 2}, "regexp_like")) return {};
    return Datum::boolean(search.regex().finds(search.text()));
}

}  // namespace

// tidy: table
Kernel regexp_kernel(Func func, std::span<const Type> args, Type) {
    switch (func) {
        case Func::regexp_replace:
            return strict<regexp_replace>(args.size());
        case Func::regexp_match:
            return strict<regexp_match>(args.size());
        case Func::regexp_split_to_array:
            return strict<regexp_split>(args.size());
        case Func::substring_from:
            return strict_call<substring_from, 2>;
        case Func::regexp_substr:
            return strict<regexp_substr>(args.size());
        case Func::regexp_instr:
            return strict<regexp_instr>(args.size());
        case Func::regexp_count:
            return strict<regexp_count>(args.size());
        case Func::regexp_like:
            return strict<regexp_like>(args.size());
        default:
            return nullptr;
    }
}

}  // namespace anabranch::sql
