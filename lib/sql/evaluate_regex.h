// Compiled regular expressions of one context. Patterns are PostgreSQL's "advanced" ones as far as RE2 has
// them: matching takes time linear in the text, whatever the pattern. Look-around and back references are
// refused (0A000).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"

namespace re2 {
class RE2;
}

namespace anabranch::sql {

class RegexCache {
  public:
    RegexCache();
    ~RegexCache();
    // Lives until the cache does or forgets it: only for the running call. Null after an error in `error`.
    const re2::RE2* find(std::string_view pattern, bool ignore_case, Error& error);

  private:
    static constexpr std::size_t patterns_max = 64;
    std::map<std::string, std::unique_ptr<re2::RE2>, std::less<>> known_;
};

// PostgreSQL's SIMILAR TO pattern as an anchored regular expression; 22019 or 22025 for a bad escape.
Result<std::string> similar_to_regex(std::string_view pattern, std::string_view escape);

// One match: views into the text, group 0 first; a group that took no part has no data.
using RegexGroups = std::vector<std::string_view>;
// All matches, or the first only, in a text whose data is not null. An empty match moves on by one character.
std::vector<RegexGroups> regex_matches(const re2::RE2& regex, std::string_view text, bool all);
// The parts between the matches, the whole when there is none.
std::vector<std::string_view> regex_split(const re2::RE2& regex, std::string_view text);

// Letters of the flags argument: g, i; others fail with 22023.
struct RegexFlags {
    bool global = false;
    bool ignore_case = false;
};
Result<RegexFlags> regex_flags(std::string_view text);

}  // namespace anabranch::sql
