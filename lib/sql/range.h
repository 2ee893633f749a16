// Canonical bytes of a range: one byte of flags, then the finite bounds as elements (array.h). Ranges of
// discrete types (int4, int8, date) are kept as [lower, upper), so that equal ranges have equal bytes.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/sql/builtin.h"
#include "lib/sql/datum.h"
#include "lib/sql/type.h"

namespace anabranch::sql {

class EnumLabels;  // value.h

// The range type over a type; unknown when there is none.
Type range_over(Type element);

struct Range {
    bool empty = false;
    Datum lower, upper;  // NULL: unbounded
    bool lower_inclusive = false, upper_inclusive = false;
};

// Ill-formed bytes give the empty range.
Range read_range(Type range, std::string_view bytes);
// Makes the range canonical; 22000 when lower > upper, 22003 when a bound leaves its type.
Result<std::string> write_range(Type range, Range value);

// Order as ORDER BY has it: empty first, then by lower and by upper bound.
int compare_ranges(Type range, const Range& a, const Range& b);
// Order of two lower (upper) bounds of ranges that are not empty.
int compare_lower(Type element, const Range& a, const Range& b);
int compare_upper(Type element, const Range& a, const Range& b);
// Order of an upper bound and a lower bound: < 0 when `a` ends before `b` begins.
int compare_upper_to_lower(Type element, const Range& a, const Range& b);

// Text ("[1,5)", "empty") and binary form, in the manner of value.h.
Result<Datum> parse_range(Type range, std::string_view text, Arena& arena,
                          const EnumLabels* labels = nullptr);
Result<Datum> parse_range_binary(Type range, std::string_view bytes, Arena& arena);
void print_range(Type range, std::string_view bytes, std::string& out, const EnumLabels* labels = nullptr);
void print_range_binary(Type range, std::string_view bytes, std::string& out);

}  // namespace anabranch::sql
