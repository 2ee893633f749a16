// Errors and results.
//
// A user's mistake or an expected refusal is an Error inside a Result. A broken invariant of our own is a
// CHECK (check.h) and stops the process. Exceptions come from third parties only and are caught in the one
// file that calls them.
//
// Every Error can be shown to a person: what is wrong (message), why (detail), the way out (hint) and, where
// text was involved, the place. `sqlstate` is the five-letter code PostgreSQL would use for the same mistake.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace anabranch {

// A range of bytes in a named source text. `offset` counts bytes from 0; `size` may be 0 (a point).
// `known` is false for an error that has no place.
struct Span {
    std::uint32_t offset = 0;
    std::uint32_t size = 0;
    bool known = false;
    friend bool operator==(const Span&, const Span&) = default;
};

// A resolved place: file name, 1-based line, 1-based column in characters (not bytes).
struct Place {
    std::string file;
    std::uint32_t line = 0;
    std::uint32_t column = 0;
    std::string describe() const;  // "bank.sql:12:5"
    friend bool operator==(const Place&, const Place&) = default;
};

struct Error {
    std::string sqlstate = "XX000";
    std::string message;
    std::string detail;
    std::string hint;
    std::string constraint;  // name of the violated constraint, if any
    std::string table;       // name of its table, if any
    std::string column;      // name of the column that may not be null, if that is what is wrong
    Span span;               // within the text of the statement or schema file
    Place place;             // resolved place, when the source is known (file empty if not)

    static Error make(std::string_view sqlstate, std::string message) {
        Error error;
        error.sqlstate = sqlstate;
        error.message = std::move(message);
        return error;
    }
    Error&& with_detail(std::string text) && {
        detail = std::move(text);
        return std::move(*this);
    }
    Error&& with_hint(std::string text) && {
        hint = std::move(text);
        return std::move(*this);
    }
    Error&& with_span(Span at) && {
        span = at;
        return std::move(*this);
    }
    Error&& with_constraint(std::string name, std::string on_table) && {
        constraint = std::move(name);
        table = std::move(on_table);
        return std::move(*this);
    }
    friend bool operator==(const Error&, const Error&) = default;
};

template <typename T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(Error error) {
    return std::unexpected<Error>(std::move(error));
}
inline std::unexpected<Error> fail(std::string_view sqlstate, std::string message) {
    return std::unexpected<Error>(Error::make(sqlstate, std::move(message)));
}

// SQLSTATEs used in more than one place; the names are PostgreSQL's.
namespace sqlstate {
inline constexpr std::string_view feature_not_supported = "0A000";
inline constexpr std::string_view protocol_violation = "08P01";
inline constexpr std::string_view cardinality_violation = "21000";
inline constexpr std::string_view numeric_value_out_of_range = "22003";
inline constexpr std::string_view division_by_zero = "22012";
inline constexpr std::string_view invalid_text_representation = "22P02";
inline constexpr std::string_view not_null_violation = "23502";
inline constexpr std::string_view foreign_key_violation = "23503";
inline constexpr std::string_view unique_violation = "23505";
inline constexpr std::string_view check_violation = "23514";
inline constexpr std::string_view exclusion_violation = "23P01";
inline constexpr std::string_view active_sql_transaction = "25001";
inline constexpr std::string_view in_failed_transaction = "25P02";
inline constexpr std::string_view serialization_failure = "40001";
inline constexpr std::string_view syntax_error = "42601";
inline constexpr std::string_view undefined_column = "42703";
inline constexpr std::string_view undefined_table = "42P01";
inline constexpr std::string_view undefined_function = "42883";
inline constexpr std::string_view undefined_object = "42704";
inline constexpr std::string_view ambiguous_column = "42702";
inline constexpr std::string_view datatype_mismatch = "42804";
inline constexpr std::string_view duplicate_object = "42710";
inline constexpr std::string_view duplicate_table = "42P07";
inline constexpr std::string_view out_of_memory = "53200";
inline constexpr std::string_view disk_full = "53100";
inline constexpr std::string_view too_many_connections = "53300";
inline constexpr std::string_view object_not_in_prerequisite_state = "55000";
inline constexpr std::string_view query_canceled = "57014";
inline constexpr std::string_view cannot_connect_now = "57P03";
inline constexpr std::string_view io_error = "58030";
inline constexpr std::string_view internal_error = "XX000";
}  // namespace sqlstate

}  // namespace anabranch

// TRY(x, expr): evaluates a Result; on error returns it from the enclosing function, else binds its value to
// x.
#define ANABRANCH_CONCAT_(a, b) a##b
#define ANABRANCH_CONCAT(a, b) ANABRANCH_CONCAT_(a, b)
#define TRY_IMPL(result, declaration, expression)                   \
    auto result = (expression);                                     \
    if (!result) return std::unexpected(std::move(result).error()); \
    declaration = std::move(*result)
#define TRY(declaration, expression) \
    TRY_IMPL(ANABRANCH_CONCAT(try_result_, __LINE__), declaration, expression)
// TRY_VOID(expr): the same for Result<void>, or when the value is not wanted.
#define TRY_VOID(expression)                                         \
    if (auto ANABRANCH_CONCAT(try_result_, __LINE__) = (expression); \
        !ANABRANCH_CONCAT(try_result_, __LINE__))                    \
    return std::unexpected(std::move(ANABRANCH_CONCAT(try_result_, __LINE__)).error())
