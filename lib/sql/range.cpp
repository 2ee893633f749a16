#include "lib/sql/range.h"

#include "lib/base/bytes.h"
#include "lib/sql/array.h"
#include "lib/sql/datetime.h"
#include "lib/sql/value.h"
#include "lib/sql/wire_words.h"

namespace anabranch::sql {
namespace {

enum Flags : std::uint8_t {
    empty_flag = 1,
    lower_inclusive_flag = 2,
    upper_inclusive_flag = 4,
    lower_infinite_flag = 8,
    upper_infinite_flag = 16
};

std::uint8_t flags_of(const Range& r) {
    if (r.empty) return empty_flag;
    int flags = 0;
    if (r.lower.is_null()) {
        flags |= lower_infinite_flag;
    } else if (r.lower_inclusive) {
        flags |= lower_inclusive_flag;
    }
    if (r.upper.is_null()) {
        flags |= upper_infinite_flag;
    } else if (r.upper_inclusive) {
        flags |= upper_inclusive_flag;
    }
    return static_cast<std::uint8_t>(flags);
}

bool is_discrete(Type element) {
    return is_integer(element) || element.id == TypeId::date;
}

bool is_infinite_date(Type element, Datum bound) {
    return element.id == TypeId::date &&
           (bound.as_integer() == date_infinity || bound.as_integer() == date_minus_infinity);
}

// The next value of a discrete type.
Result<Datum> successor(Type element, Datum bound) {
    const std::int64_t v = bound.as_integer();
    const std::int64_t last = element.id == TypeId::int8   ? INT64_MAX
                              : element.id == TypeId::int4 ? INT32_MAX
                                                           : date_max;
    if (v >= last) {
        if (element.id == TypeId::date) return fail("22008", "date out of range");
        return fail(sqlstate::numeric_value_out_of_range, type_name(element) + " out of range");
    }
    return Datum::integer(v + 1);
}

// [lower, upper), which may turn out empty.
Result<void> make_half_open(Type element, Range& value) {
    if (!value.lower.is_null() && !value.lower_inclusive && !is_infinite_date(element, value.lower)) {
        TRY(value.lower, successor(element, value.lower));
        value.lower_inclusive = true;
    }
    if (!value.upper.is_null() && value.upper_inclusive && !is_infinite_date(element, value.upper)) {
        TRY(value.upper, successor(element, value.upper));
        value.upper_inclusive = false;
    }
    const bool bounded = !value.lower.is_null() && !value.upper.is_null();
    value.empty = bounded && value.lower_inclusive && !value.upper_inclusive &&
                  compare(element, value.lower, value.upper) >= 0;
    return {};
}

}  // namespace

Type range_over(Type element) {
    if (element.array) return {};
    switch (element.id) {
        case TypeId::int4:
            return {TypeId::int4range};
        case TypeId::int8:
            return {TypeId::int8range};
        case TypeId::numeric:
            return {TypeId::numrange};
        case TypeId::timestamp:
            return {TypeId::tsrange};
        case TypeId::timestamptz:
            return {TypeId::tstzrange};
        case TypeId::date:
            return {TypeId::daterange};
        default:
            return {};
    }
}

Range read_range(Type range, std::string_view bytes) {
    const Storage storage = storage_of(range_element(range));
    ByteReader in(bytes);
    const std::uint8_t flags = in.u8();
    Range out;
    out.empty = in.failed() || (flags & empty_flag) != 0;
    if (out.empty) return out;
    out.lower_inclusive = (flags & lower_inclusive_flag) != 0;
    out.upper_inclusive = (flags & upper_inclusive_flag) != 0;
    if ((flags & lower_infinite_flag) == 0) out.lower = read_element(storage, in);
    if ((flags & upper_infinite_flag) == 0) out.upper = read_element(storage, in);
    if (!in.complete()) {
        out = {};
        out.empty = true;
    }
    return out;
}

Result<std::string> write_range(Type range, Range value) {
    const Type element = range_element(range);
    if (!value.empty && !value.lower.is_null() && !value.upper.is_null()) {
        const int order = compare(element, value.lower, value.upper);
        if (order > 0)
            return fail("22000", "range lower bound must be less than or equal to range upper bound");
        value.empty = order == 0 && !(value.lower_inclusive && value.upper_inclusive);
    }
    if (!value.empty && is_discrete(element)) {
        TRY_VOID(make_half_open(element, value));
    }
    std::string out;
    ByteWriter writer(out);
    writer.u8(flags_of(value));
    if (value.empty) return out;
    const Storage storage = storage_of(element);
    if (!value.lower.is_null()) write_element(storage, value.lower, writer);
    if (!value.upper.is_null()) write_element(storage, value.upper, writer);
    return out;
}

// ---- Order ----

int compare_lower(Type element, const Range& a, const Range& b) {
    if (a.lower.is_null() || b.lower.is_null()) return a.lower.is_null() ? (b.lower.is_null() ? 0 : -1) : 1;
    if (const int c = compare(element, a.lower, b.lower); c != 0) return c;
    if (a.lower_inclusive == b.lower_inclusive) return 0;
    return a.lower_inclusive ? -1 : 1;
}

int compare_upper(Type element, const Range& a, const Range& b) {
    if (a.upper.is_null() || b.upper.is_null()) return a.upper.is_null() ? (b.upper.is_null() ? 0 : 1) : -1;
    if (const int c = compare(element, a.upper, b.upper); c != 0) return c;
    if (a.upper_inclusive == b.upper_inclusive) return 0;
    return a.upper_inclusive ? 1 : -1;
}

int compare_upper_to_lower(Type element, const Range& a, const Range& b) {
    if (a.upper.is_null() || b.lower.is_null()) return 1;
    if (const int c = compare(element, a.upper, b.lower); c != 0) return c;
    return a.upper_inclusive && b.lower_inclusive ? 0 : -1;
}

int compare_ranges(Type range, const Range& a, const Range& b) {
    if (a.empty || b.empty) return a.empty ? (b.empty ? 0 : -1) : 1;
    const Type element = range_element(range);
    if (const int c = compare_lower(element, a, b); c != 0) return c;
    return compare_upper(element, a, b);
}

// ---- Text ----

namespace {

bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

class RangeParser {
  public:
    explicit RangeParser(std::string_view text) : text_(text), rest_(text) {}

    // Bounds as text; an absent one is unbounded.
    struct Bounds {
        bool empty = false;
        bool lower_inclusive = false, upper_inclusive = false;
        bool has_lower = false, has_upper = false;
        std::string lower, upper;
    };

    Result<Bounds> parse() {
        Bounds out;
        skip();
        if (says_empty()) {
            out.empty = true;
            return out;
        }
        if (rest_.empty() || (rest_.front() != '[' && rest_.front() != '('))
            return malformed("Missing left parenthesis or bracket.");
        out.lower_inclusive = rest_.front() == '[';
        rest_.remove_prefix(1);
        TRY(out.has_lower, bound(out.lower));
        if (rest_.empty() || rest_.front() != ',') {
            return malformed(rest_.empty() ? "Unexpected end of input." : "Missing comma after lower bound.");
        }
        rest_.remove_prefix(1);
        TRY(out.has_upper, bound(out.upper));
        if (rest_.empty()) return malformed("Unexpected end of input.");
        if (rest_.front() == ',') return malformed("Too many commas.");
        out.upper_inclusive = rest_.front() == ']';
        rest_.remove_prefix(1);
        skip();
        if (!rest_.empty()) return malformed("Junk after right parenthesis or bracket.");
        return out;
    }

  private:
    void skip() {
        while (!rest_.empty() && is_space(rest_.front())) rest_.remove_prefix(1);
    }
    bool says_empty() const {
        constexpr std::string_view word = "empty";
        if (rest_.size() < word.size()) return false;
        for (std::size_t i = 0; i < rest_.size(); ++i) {
            if (i < word.size() ? (rest_[i] | 0x20) != word[i] : !is_space(rest_[i])) return false;
        }
        return true;
    }
    std::unexpected<Error> malformed(const char* detail) const {
        return std::unexpected(Error::make(sqlstate::invalid_text_representation,
                                           "malformed range literal: \"" + std::string(text_) + "\"")
                                   .with_detail(detail));
    }
    // Up to an unquoted comma or closing bracket. False: nothing is there, the side is unbounded.
    Result<bool> bound(std::string& out) {
        bool quoted = false;
        bool any = false;
        while (!rest_.empty()) {
            const char c = rest_.front();
            if (!quoted && (c == ',' || c == ')' || c == ']')) return any;
            if (!quoted && (c == '(' || c == '['))
                return malformed("Junk after right parenthesis or bracket.");
            rest_.remove_prefix(1);
            any = true;
            if (c == '\\') {
                if (rest_.empty()) break;
                out += rest_.front();
                rest_.remove_prefix(1);
            } else if (c == '"') {
                if (quoted && rest_.starts_with('"')) {
                    out += '"';
                    rest_.remove_prefix(1);
                } else {
                    quoted = !quoted;
                }
            } else {
                out += c;
            }
        }
        return malformed("Unexpected end of input.");
    }

    std::string_view text_, rest_;
};

void print_bound(Type element, Datum bound, std::string& out, const EnumLabels* labels) {
    std::string text;
    print_text(element, bound, text, labels);
    const bool quote = text.empty() || text.find_first_of("()[],\"\\ \t\n\v\f\r") != std::string::npos;
    if (quote) out += '"';
    out += text;  // no element type prints a quote or a backslash
    if (quote) out += '"';
}

Result<Datum> finish(Type range, Range value, Arena& arena) {
    TRY(const std::string bytes, write_range(range, value));
    return Datum::bytes(arena.copy(bytes));
}

}  // namespace

Result<Datum> parse_range(Type range, std::string_view text, Arena& arena, const EnumLabels* labels) {
    const Type element = range_element(range);
    TRY(const RangeParser::Bounds bounds, RangeParser(text).parse());
    Range value;
    value.empty = bounds.empty;
    value.lower_inclusive = bounds.lower_inclusive;
    value.upper_inclusive = bounds.upper_inclusive;
    if (bounds.has_lower) {
        TRY(value.lower, parse_text(element, bounds.lower, arena, labels));
    }
    if (bounds.has_upper) {
        TRY(value.upper, parse_text(element, bounds.upper, arena, labels));
    }
    return finish(range, value, arena);
}

void print_range(Type range, std::string_view bytes, std::string& out, const EnumLabels* labels) {
    const Range value = read_range(range, bytes);
    if (value.empty) {
        out += "empty";
        return;
    }
    const Type element = range_element(range);
    out += value.lower_inclusive ? '[' : '(';
    if (!value.lower.is_null()) print_bound(element, value.lower, out, labels);
    out += ',';
    if (!value.upper.is_null()) print_bound(element, value.upper, out, labels);
    out += value.upper_inclusive ? ']' : ')';
}

Result<Datum> parse_range_binary(Type range, std::string_view bytes, Arena& arena) {
    const Type element = range_element(range);
    WordReader in(bytes);
    const auto flags = in.get<std::uint8_t>();
    Range value;
    value.empty = (flags & empty_flag) != 0;
    value.lower_inclusive = (flags & lower_inclusive_flag) != 0;
    value.upper_inclusive = (flags & upper_inclusive_flag) != 0;
    for (const bool upper : {false, true}) {
        if (value.empty || (flags & (upper ? upper_infinite_flag : lower_infinite_flag)) != 0) continue;
        const auto size = in.get<std::uint32_t>();
        const std::string_view content = in.raw(size);
        if (in.failed()) break;
        TRY((upper ? value.upper : value.lower), parse_binary(element, content, arena));
    }
    if (!in.complete()) return fail("22P03", "invalid binary range");
    return finish(range, value, arena);
}

void print_range_binary(Type range, std::string_view bytes, std::string& out) {
    const Range value = read_range(range, bytes);
    const Type element = range_element(range);
    out += static_cast<char>(flags_of(value));
    if (value.empty) return;
    for (const Datum& bound : {value.lower, value.upper}) {
        if (bound.is_null()) continue;
        const std::size_t at = out.size();
        put_word(out, std::int32_t{0});
        print_binary(element, bound, out);
        set_size(out, at, out.size() - at - 4);
    }
}

}  // namespace anabranch::sql
