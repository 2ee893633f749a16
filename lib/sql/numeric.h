// Exact decimal numbers with PostgreSQL's scales. A numeric is canonical text: an optional sign, digits, and
// a point with `scale` digits if scale > 0 ("-12.50"); no leading zeros but one before the point; or "NaN",
// "Infinity", "-Infinity". Ill-formed text counts as NaN. At most 131072 digits before the point and 16383
// after it; beyond that 22003 "value overflows numeric format".
//
// The scale of a result is PostgreSQL's: the larger of both for + - %, the sum for * (at most 16383), 16 or
// more significant digits for / (select_div_scale).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "lib/base/error.h"

namespace anabranch::sql {

// typmod <-> (precision, scale). Scale may be negative (PostgreSQL 15).
struct NumericModifier {
    int precision = 0;
    int scale = 0;
};
constexpr NumericModifier numeric_modifier(std::int32_t typmod) {
    const int scale = (typmod - 4) & 0x7ff;
    return {((typmod - 4) >> 16) & 0xffff, (scale ^ 1024) - 1024};
}
constexpr std::int32_t numeric_typmod(int precision, int scale) {
    return ((precision << 16) | (scale & 0x7ff)) + 4;
}

// User input, with exponents, blanks around, any case of the special names; 22P02 and 22003.
Result<std::string> numeric_parse(std::string_view text, std::int32_t typmod = -1);
// Canonical text rounded to numeric(p,s); 22003 "numeric field overflow" when too wide.
Result<std::string> numeric_fit(std::string_view canonical, std::int32_t typmod);

bool numeric_is_nan(std::string_view a);
int numeric_sign(std::string_view a);                         // NaN: 1
int numeric_compare(std::string_view a, std::string_view b);  // NaN equals itself and is above all
int numeric_scale(std::string_view a);

enum class NumericOp : std::uint8_t { add, sub, mul, div, mod, power };
Result<std::string> numeric_binary(NumericOp op, std::string_view a, std::string_view b);
std::string numeric_negate(std::string_view a);
std::string numeric_abs(std::string_view a);
// Half away from zero, also to the left of the point for negative scales. trunc cuts.
std::string numeric_round(std::string_view a, int scale);
std::string numeric_trunc(std::string_view a, int scale);
std::string numeric_floor(std::string_view a);
std::string numeric_ceil(std::string_view a);
enum class NumericFunction : std::uint8_t { sqrt, exp, ln, log10 };
Result<std::string> numeric_function(NumericFunction f, std::string_view a);
Result<std::string> numeric_log(std::string_view base, std::string_view a);

std::string numeric_from_integer(std::int64_t value);
std::string numeric_from_wide(__int128 value);
std::string numeric_from_double(double value, int digits);  // 15 significant digits for float8, 6 for float4
// Rounded half away from zero; 22003 "bigint out of range" (named by `type`), also for NaN and infinities.
Result<std::int64_t> numeric_to_integer(std::string_view a, std::int64_t low, std::int64_t high,
                                        std::string_view type);
double numeric_to_double(std::string_view a);

void numeric_print_binary(std::string_view a, std::string& out);
Result<std::string> numeric_parse_binary(std::string_view bytes);

// A running exact sum.
class NumericSum {
  public:
    NumericSum();
    ~NumericSum();
    NumericSum(const NumericSum& other);
    NumericSum& operator=(const NumericSum& other);
    NumericSum(NumericSum&&) noexcept;
    NumericSum& operator=(NumericSum&&) noexcept;
    void add(std::string_view value);
    std::string sum() const;
    Result<std::string> average(std::int64_t count) const;

  private:
    struct State;
    std::unique_ptr<State> state_;  // null until the first value
};

}  // namespace anabranch::sql
