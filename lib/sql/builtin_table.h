// The signatures of built-in operators and functions, as data. Only builtin.cpp reads them.
//
// A signature is text: "int4 int4 > int4". Arguments and result are type names (builtin_type) with "[]" for
// arrays, or a pattern: any, anyelement, anyarray, anynonarray, anyenum, anyrange, anyrangeelement. A last
// argument "..." repeats the one before it any number of times. `as` gives the types the arguments are
// converted to where these are not those of the signature.
#pragma once

#include <span>
#include <string_view>

#include "lib/sql/function.h"

namespace anabranch::sql {

struct OperatorRow {
    std::string_view name;
    std::string_view signature;  // a prefix operator has one argument
    Func func{};
    std::string_view as = {};
};
struct FunctionRow {
    std::string_view name;
    std::string_view signature;
    Func func{};
    std::string_view as = {};
};
struct AggregateRow {
    std::string_view name;
    std::string_view signature;
    AggregateFunc func{};
};
struct WindowRow {
    std::string_view name;
    std::string_view signature;
    WindowFunc func{};
};
struct TableFunctionRow {
    std::string_view name;
    std::string_view signature;  // the result lists the columns: "value:jsonb"
    TableFunc func{};
};

std::span<const OperatorRow> operator_rows();
std::span<const FunctionRow> function_rows();
std::span<const FunctionRow> session_function_rows();
std::span<const AggregateRow> aggregate_rows();
std::span<const WindowRow> window_rows();
std::span<const TableFunctionRow> table_function_rows();

}  // namespace anabranch::sql
