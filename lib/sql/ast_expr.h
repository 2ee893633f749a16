// Part of lib/sql/ast.h: expressions. Nothing is resolved: a ColumnRef may name a column, parameter or table.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "lib/sql/ast_base.h"

namespace anabranch::sql::ast {

struct Expr;
struct Query;

// A numeric constant that is not an integer of 64 bits; `text` is as written, with the sign.
struct Number {
    std::string text;
    friend bool operator==(const Number&, const Number&) = default;
};

// B'0101' or X'1F'; `text` begins with b or x.
struct BitString {
    std::string text;
    friend bool operator==(const BitString&, const BitString&) = default;
};

struct Null {
    friend bool operator==(const Null&, const Null&) = default;
};

// A constant. The sign of a number belongs to it: `-5` is one literal, as in PostgreSQL's grammar. An integer
// is int4 if it fits, else int8; a string has no type yet ("unknown").
struct Literal {
    std::variant<Null, bool, std::int64_t, Number, std::string, BitString> value;
    friend bool operator==(const Literal&, const Literal&) = default;
};

// $1 is number 1.
struct Parameter {
    std::int32_t number = 0;
    friend bool operator==(const Parameter&, const Parameter&) = default;
};

// a, t.a, s.t.a: the parts as written. A domain's VALUE is the single part `value`.
struct ColumnRef {
    std::vector<std::string> parts;
    friend bool operator==(const ColumnRef&, const ColumnRef&) = default;
};

// * (no parts), t.*, s.t.*
struct Star {
    std::vector<std::string> parts;
    friend bool operator==(const Star&, const Star&) = default;
};

// (row).field, or (row).* when `field` is empty.
struct FieldAccess {
    Box<Expr> row;
    std::string field;
    friend bool operator==(const FieldAccess&, const FieldAccess&) = default;
};

// array[upper], or array[lower:upper] with `slice`, where both bounds may be absent.
struct Subscript {
    Box<Expr> array;
    bool slice = false;
    Box<Expr> lower;  // null if absent
    Box<Expr> upper;  // null if absent
    friend bool operator==(const Subscript&, const Subscript&) = default;
};

struct UnaryOp {
    QualifiedName op;
    Box<Expr> operand;
    friend bool operator==(const UnaryOp&, const UnaryOp&) = default;
};

// Every infix operator except AND, OR and those below. LIKE is `~~`, NOT LIKE `!~~`, ILIKE `~~*`, NOT ILIKE
// `!~~*`; with ESCAPE the right side is like_escape(pattern, escape). SIMILAR TO is `~` (NOT: `!~`) with
// similar_to_escape(pattern[, escape]). `<>` also stands for `!=`. Rows compare like anything else: Row =
// Row.
struct BinaryOp {
    QualifiedName op;
    Box<Expr> left;
    Box<Expr> right;
    friend bool operator==(const BinaryOp&, const BinaryOp&) = default;
};

enum class LogicalKind : std::uint8_t { And, Or };

// a AND b AND c: two operands or more, left to right.
struct Logical {
    LogicalKind kind = LogicalKind::And;
    std::vector<Expr> operands;
    friend bool operator==(const Logical&, const Logical&);
};

struct Not {
    Box<Expr> operand;
    friend bool operator==(const Not&, const Not&) = default;
};

enum class TestKind : std::uint8_t { Null, True, False, Unknown };

// operand IS [NOT] NULL | TRUE | FALSE | UNKNOWN
struct IsTest {
    TestKind kind = TestKind::Null;
    bool negated = false;
    Box<Expr> operand;
    friend bool operator==(const IsTest&, const IsTest&) = default;
};

// left IS [NOT] DISTINCT FROM right
struct DistinctFrom {
    bool negated = false;  // IS NOT DISTINCT FROM
    Box<Expr> left;
    Box<Expr> right;
    friend bool operator==(const DistinctFrom&, const DistinctFrom&) = default;
};

// operand [NOT] BETWEEN [SYMMETRIC] low AND high
struct Between {
    bool negated = false;
    bool symmetric = false;
    Box<Expr> operand;
    Box<Expr> low;
    Box<Expr> high;
    friend bool operator==(const Between&, const Between&) = default;
};

// operand [NOT] IN (items)
struct InList {
    bool negated = false;
    Box<Expr> operand;
    std::vector<Expr> items;
    friend bool operator==(const InList&, const InList&);
};

enum class Quantifier : std::uint8_t { Any, All };

// operand op ANY|ALL (query). IN (query) is `= ANY`; NOT IN (query) is Not of that, as in PostgreSQL.
struct QuantifiedQuery {
    QualifiedName op;
    Quantifier quantifier = Quantifier::Any;
    Box<Expr> operand;
    Box<Query> query;
    friend bool operator==(const QuantifiedQuery&, const QuantifiedQuery&) = default;
};

// operand op ANY|ALL (array)
struct QuantifiedArray {
    QualifiedName op;
    Quantifier quantifier = Quantifier::Any;
    Box<Expr> operand;
    Box<Expr> array;
    friend bool operator==(const QuantifiedArray&, const QuantifiedArray&) = default;
};

enum class SubqueryKind : std::uint8_t { Scalar, Exists, Array };

// (query), EXISTS (query), ARRAY(query)
struct Subquery {
    SubqueryKind kind = SubqueryKind::Scalar;
    Box<Query> query;
    friend bool operator==(const Subquery&, const Subquery&) = default;
};

struct CaseWhen;

// CASE [operand] WHEN ... THEN ... [ELSE otherwise] END
struct Case {
    Box<Expr> operand;  // null: each WHEN is a condition
    std::vector<CaseWhen> whens;
    Box<Expr> otherwise;  // null: NULL
    friend bool operator==(const Case&, const Case&);
};

// CAST(operand AS type), operand::type, type 'literal'
struct Cast {
    Box<Expr> operand;
    TypeName type;
    friend bool operator==(const Cast&, const Cast&) = default;
};

struct Collate {
    Box<Expr> operand;
    QualifiedName collation;
    friend bool operator==(const Collate&, const Collate&) = default;
};

// ROW(a, b) or (a, b)
struct Row {
    std::vector<Expr> items;
    friend bool operator==(const Row&, const Row&);
};

// ARRAY[a, b]
struct Array {
    std::vector<Expr> items;
    friend bool operator==(const Array&, const Array&);
};

// DEFAULT, in VALUES of an INSERT and in SET of an UPDATE only.
struct DefaultValue {
    friend bool operator==(const DefaultValue&, const DefaultValue&) = default;
};

enum class SortDirection : std::uint8_t { Default, Ascending, Descending };
enum class NullsOrder : std::uint8_t { Default, First, Last };

struct SortKey;
struct Argument;

enum class FrameMode : std::uint8_t { Range, Rows, Groups };
enum class FrameBoundKind : std::uint8_t {
    UnboundedPreceding,
    Preceding,
    CurrentRow,
    Following,
    UnboundedFollowing
};
enum class FrameExclusion : std::uint8_t { None, CurrentRow, Group, Ties };

struct FrameBound {
    FrameBoundKind kind = FrameBoundKind::UnboundedPreceding;
    Box<Expr> distance;  // of Preceding and Following, else null
    friend bool operator==(const FrameBound&, const FrameBound&) = default;
};

struct WindowFrame {
    FrameMode mode = FrameMode::Range;
    FrameBound start{FrameBoundKind::UnboundedPreceding, {}};
    FrameBound end{FrameBoundKind::CurrentRow, {}};
    FrameExclusion exclusion = FrameExclusion::None;
    friend bool operator==(const WindowFrame&, const WindowFrame&) = default;
};

// OVER (...) or an entry of the WINDOW clause.
struct WindowSpec : At {
    std::string name;  // WINDOW name AS (...); in OVER: OVER name, with all else empty
    std::string base;  // OVER (base ...): the window it extends
    std::vector<Expr> partition_by;
    std::vector<SortKey> order_by;
    std::optional<WindowFrame> frame;  // absent: RANGE UNBOUNDED PRECEDING TO CURRENT ROW
    friend bool operator==(const WindowSpec&, const WindowSpec&);
};

// A call of a function or an aggregate. The special spellings arrive as ordinary calls under these names:
// coalesce, greatest, least, nullif; current_date, current_time, current_timestamp, localtime, localtimestamp
// (the precision, if written, is the argument), current_user, current_role, session_user, user,
// current_catalog, current_schema; extract('field', x), position(whole, part), substring, overlay,
// btrim/ltrim/rtrim (TRIM), timezone(zone, x) (AT TIME ZONE), overlaps, normalize, is_normalized,
// pg_collation_for.
struct FunctionCall {
    QualifiedName name;
    std::vector<Argument> arguments;
    bool star = false;              // count(*)
    bool distinct = false;          // agg(DISTINCT x)
    std::vector<SortKey> order_by;  // agg(x ORDER BY y)
    bool within_group = false;      // order_by is that of WITHIN GROUP
    Box<Expr> filter;               // FILTER (WHERE ...), null if absent
    Box<WindowSpec> over;           // OVER, null if absent
    friend bool operator==(const FunctionCall&, const FunctionCall&);
};

// One expression.
struct Expr : At {
    struct Nodes {
        using Variant = std::variant<Literal, ColumnRef, Parameter, Star, FieldAccess, Subscript, UnaryOp,
                                     BinaryOp, Logical, Not, IsTest, DistinctFrom, Between, InList,
                                     QuantifiedQuery, QuantifiedArray, Subquery, Case, Cast, Collate, Row,
                                     Array, FunctionCall, DefaultValue, Unsupported>;
    };
    using Node = Alternatives<Nodes>;
    Node node;
    friend bool operator==(const Expr&, const Expr&);
};

struct CaseWhen {
    Expr when;
    Expr then;
    friend bool operator==(const CaseWhen&, const CaseWhen&) = default;
};

struct SortKey : At {
    Expr expr;
    SortDirection direction = SortDirection::Default;
    NullsOrder nulls = NullsOrder::Default;
    std::optional<QualifiedName> using_op;  // ORDER BY x USING <
    friend bool operator==(const SortKey&, const SortKey&) = default;
};

struct Argument {
    std::string name;  // f(name => value), else empty
    Expr value;
    bool variadic = false;
    friend bool operator==(const Argument&, const Argument&) = default;
};

inline bool operator==(const Logical& l, const Logical& r) {
    return l.kind == r.kind && l.operands == r.operands;
}
inline bool operator==(const InList& l, const InList& r) {
    return l.negated == r.negated && l.operand == r.operand && l.items == r.items;
}
inline bool operator==(const Case& l, const Case& r) {
    return l.operand == r.operand && l.whens == r.whens && l.otherwise == r.otherwise;
}
inline bool operator==(const Row& l, const Row& r) {
    return l.items == r.items;
}
inline bool operator==(const Array& l, const Array& r) {
    return l.items == r.items;
}
inline bool operator==(const WindowSpec& l, const WindowSpec& r) {
    return l.name == r.name && l.base == r.base && l.partition_by == r.partition_by &&
           l.order_by == r.order_by && l.frame == r.frame;
}
inline bool operator==(const FunctionCall& l, const FunctionCall& r) {
    return l.name == r.name && l.arguments == r.arguments && l.star == r.star && l.distinct == r.distinct &&
           l.order_by == r.order_by && l.within_group == r.within_group && l.filter == r.filter &&
           l.over == r.over;
}

}  // namespace anabranch::sql::ast
