#include "lib/base/error.h"

#include <catch2/catch.hpp>

namespace anabranch {
namespace {

Result<int> positive(int n) {
    if (n <= 0) return fail(sqlstate::numeric_value_out_of_range, "not positive: " + std::to_string(n));
    return n;
}

Result<int> sum(int a, int b) {
    TRY(const int first, positive(a));
    TRY(const int second, positive(b));
    TRY_VOID(positive(first + second));
    return first + second;
}

TEST_CASE("TRY binds the value, or returns the first error from the enclosing function") {
    CHECK(sum(1, 2).value() == 3);
    CHECK(sum(-1, -2).error().message == "not positive: -1");
    CHECK(sum(1, -2).error().message == "not positive: -2");
    CHECK(sum(1, -2).error().sqlstate == "22003");
}

TEST_CASE("an error carries what, why and the way out") {
    const Error error = Error::make("23514", "balance would be -20")
                            .with_detail("the balance is 60")
                            .with_hint("withdraw at most 60")
                            .with_span({10, 4, true})
                            .with_constraint("accounts_balance_check", "accounts");
    CHECK(error.sqlstate == "23514");
    CHECK(error.detail == "the balance is 60");
    CHECK(error.hint == "withdraw at most 60");
    CHECK(error.span == Span{10, 4, true});
    CHECK(error.constraint == "accounts_balance_check");
    CHECK(error.table == "accounts");
}

TEST_CASE("a place is written as file, line and column") {
    CHECK(Place{"bank.sql", 12, 5}.describe() == "bank.sql:12:5");
}

}  // namespace
}  // namespace anabranch
