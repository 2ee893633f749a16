// Compiled regular expressions of one context. Patterns are PostgreSQL's "advanced" ones as far as RE2 has
// them: matching takes time linear in the text, whatever the pattern. Look-around and back references are
// refused (0A000).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/error.h"
#include "lib/sql/regex_syntax.h"

namespace re2 {
class RE2;
}

namespace anabranch::sql {

struct EvalContext;

struct Regex {
    std::unique_ptr<const re2::RE2> whole;   // finds the bounds of a match
    std::unique_ptr<const re2::RE2> groups;  // then finds what its groups have; null: the other has done it
    bool finds(std::string_view text) const;
};

class RegexCache {
  public:
    RegexCache();
    ~RegexCache();
    // Lives until the cache does or forgets it: only for the running call. Errors as of translate_regex().
    Result<const Regex*> find(std::string_view pattern, RegexOptions options);

  private:
    static constexpr std::size_t patterns_max = 64;
    std::map<std::pair<std::string, RegexOptions>, Regex> known_;
    // What was found last: rows are asked about one after another.
    const std::pair<std::string, RegexOptions>* last_ = nullptr;
    const Regex* last_found_ = nullptr;
};

// Of the cache of the context; null after a failure.
const Regex* compiled_regex(EvalContext& context, std::string_view pattern, RegexOptions options);

// PostgreSQL's SIMILAR TO pattern as an anchored regular expression; 22019 or 22025 for a bad escape.
Result<std::string> similar_to_regex(std::string_view pattern, std::string_view escape);

// One match: views into the text, group 0 first; a group that took no part has no data.
using RegexGroups = std::vector<std::string_view>;
// All matches that begin at an offset or behind it, or the first only, in a text whose data is not null. An
// empty match moves on by one character.
std::vector<RegexGroups> regex_matches(const Regex& regex, std::string_view text, bool all,
                                       std::size_t from = 0);
// The parts between the matches, the whole when there is none.
std::vector<std::string_view> regex_split(const Regex& regex, std::string_view text);

// Letters of the flags argument; 22023 for one that is none.
struct RegexFlags {
    bool global = false;  // g
    RegexOptions options;
};
Result<RegexFlags> regex_flags(std::string_view text);

}  // namespace anabranch::sql
