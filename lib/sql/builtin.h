// PostgreSQL's built-in types, casts, operators and functions by name: what the binder looks up. The rules
// are those of PostgreSQL 15's manual, chapter 10 ("Type Conversion"): exact matches first, then candidates
// that implicit casts can reach, then preferred types, then the category rule for untyped literals.
//
// Pure data and pure functions; safe from any thread.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/sql/function.h"
#include "lib/sql/type.h"

namespace anabranch::sql {

// ---- types ----

// PostgreSQL's internal name ("int4", "bpchar", "char" for the quoted one) without modifier; empty when the
// engine has no such type.
std::optional<Type> builtin_type(std::string_view name);
// The way back: PostgreSQL's typname of a type that is no array and no enum.
std::string_view builtin_type_name(Type type);
// A type of PostgreSQL or of a well-known extension that the engine does not have ("inet", "citext"): met in
// schemas, kept as text.
bool is_foreign_type(std::string_view name);
// smallserial, serial, bigserial: the integer type behind it.
std::optional<Type> serial_type(std::string_view name);

// PostgreSQL's typcategory: B N S D T E R A U P X Z.
char category_of(Type type);
bool is_preferred(Type type);
bool is_range(Type type);
Type element_of(Type array);
Type array_of_type(Type element);
Type range_element(Type range);  // int4range -> int4
// Equal but for the modifier.
bool same_type(Type left, Type right);
Type without_modifier(Type type);

// ---- casts ----

enum class Coercion : std::uint8_t { implicit, assignment, explicit_, none };
// The weakest context in which PostgreSQL converts one into the other; implicit when they are the same type.
Coercion coercion(Type from, Type to);

// The type UNION, CASE, COALESCE, VALUES and ARRAY unify to; empty when there is none. Unknown literals
// follow the others; all unknown is text.
std::optional<Type> common_type(std::span<const Type> types);

// ---- operators and functions ----

struct Resolved {
    Func func{};
    std::vector<Type> args;  // what each argument is converted to; unknown arguments have become something
    Type result;
};
enum class Match : std::uint8_t { found, none, ambiguous };
struct Resolution {
    Match match = Match::none;
    Resolved resolved;
};
// An argument type `unknown` is an untyped literal or parameter.
Resolution resolve_operator(std::string_view name, std::optional<Type> left, Type right);
Resolution resolve_function(std::string_view name, std::span<const Type> args);

struct ResolvedAggregate {
    AggregateFunc func{};
    std::vector<Type> args;
    Type result;
};
bool is_aggregate(std::string_view name);
std::optional<ResolvedAggregate> resolve_aggregate(std::string_view name,
                                                   std::span<const Type> args);  // count(*) has no args

struct ResolvedWindow {
    WindowFunc func{};
    std::vector<Type> args;
    Type result;
};
bool is_window_function(std::string_view name);
std::optional<ResolvedWindow> resolve_window(std::string_view name, std::span<const Type> args);

struct ResolvedTableFunction {
    TableFunc func{};
    std::vector<Type> args;
    std::vector<std::pair<std::string, Type>> columns;  // empty: the query lists them
};
bool is_table_function(std::string_view name);
std::optional<ResolvedTableFunction> resolve_table_function(std::string_view name,
                                                            std::span<const Type> args);

// All function and operator names, for hints.
bool is_function_name(std::string_view name);
std::vector<std::string_view> function_names();

}  // namespace anabranch::sql
