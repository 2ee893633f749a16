// PostgreSQL's "advanced" regular expressions (its manual, section 9.7.3) in the syntax of RE2, which matches
// in time linear in the text, whatever the pattern, and therefore has neither look-around nor back
// references. Letters change case in ASCII only, as everywhere here.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "lib/base/error.h"

namespace anabranch::sql {

// What the flags of a function, or (?...) in front of a pattern, say.
struct RegexOptions {
    bool ignore_case = false;    // i
    bool newline_parts = false;  // n, p: `.` and [^...] match no newline
    bool newline_ends = false;   // n, w: ^ and $ match beside one
    bool expanded = false;       // x: white space and comments in the pattern are not part of it
    bool literal = false;        // q: the pattern is the text itself
    friend auto operator<=>(const RegexOptions&, const RegexOptions&) = default;
    // False for a letter that is none. 0A000 for b and e, older syntaxes.
    Result<bool> take(char letter);
};

// For RE2, whose `.` matches a newline, and whose case counts. Where no quantifier is lazy, `pattern` says it
// all: of the matches that begin first, the longest. Else a match is found in two steps, as in PostgreSQL
// (9.7.3.5): first its bounds, the longest or the shortest one depending on the first quantifier, then what
// its groups have, by the preference of each.
struct TranslatedRegex {
    std::string pattern;
    bool lazy = false;      // it has quantifiers that take as little as they can
    bool shortest = false;  // the whole does; then:
    std::string all_lazy;   // the pattern with no other quantifiers
};
// 2201B for what PostgreSQL refuses, with its message; 0A000 for what RE2 cannot do.
Result<TranslatedRegex> translate_regex(std::string_view pattern, RegexOptions options);

}  // namespace anabranch::sql
