// A numeric taken apart into decimal digits: what numeric's text functions and its arithmetic share.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/error.h"

namespace anabranch::sql {

inline constexpr int numeric_integer_digits_max = 131072;
inline constexpr int numeric_scale_max = 16383;

struct Digits {
    enum class Special : unsigned char { none, nan, infinity } special = Special::none;
    bool negative = false;
    // `integer` has no leading zeros (empty for 0.x); value = +-(integer.fraction).
    std::string_view integer;
    std::string_view fraction;
    bool zero() const {
        return special == Special::none && integer.empty() && first_nonzero() == fraction.size();
    }
    std::size_t first_nonzero() const {  // index of the first nonzero digit of the fraction
        const auto at = fraction.find_first_not_of('0');
        return at == std::string_view::npos ? fraction.size() : at;
    }
    int scale() const { return static_cast<int>(fraction.size()); }
};

// Views into canonical text; ill-formed text is NaN.
Digits split_numeric(std::string_view text);

// Canonical text of +-digits / 10^scale; `digits` may have leading zeros.
std::string join_numeric(bool negative, std::string_view digits, int scale);

inline std::unexpected<Error> numeric_overflows() {
    return fail(sqlstate::numeric_value_out_of_range, "value overflows numeric format");
}

// 22003 when the canonical text has too many digits.
bool numeric_too_wide(std::string_view text);

}  // namespace anabranch::sql
