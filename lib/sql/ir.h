// The typed intermediate representation: what binding makes of a statement. One program, two interpreters:
// the executor (lib/exec) compiles and runs it, the analyser (confluence) encodes it for the solver. Every
// name is resolved, every expression has a type, every implicit cast is explicit, every domain is a base type
// plus a DomainCheck node. Nodes are immutable and shared.
//
// Scopes. Each Query, Insert, Update and Delete opens one scope: a flat list of Rels. A ColumnRef names
// (level, rel, column): level 0 is the innermost open scope, level 1 the one around it, and so on. Fixed
// rels:
//   Update, Delete:        rel 0 is the target row; FROM / USING rels follow from 1.
//   Insert on_conflict:    rel 0 is the existing row, rel 1 is `excluded`.
//   Insert returning:      rel 0 is the row inserted or updated.
//   Table CHECK, generated and default expressions: rel 0 is the row itself.
// How levels are counted, so that binder and interpreters agree:
//   - Every Query is a scope of its own inside whatever contains it, a left or right side of a set operation
//   and a FROM subquery too. The
//     containing scope counts as a level even where its rels may not be referred to (a subquery in FROM
//     without LATERAL, a CTE's body).
//   - A Statement whose body is Insert, Update or Delete opens two scopes: one for Statement::ctes (no rels,
//   counted also when it is empty),
//     and inside it that of the body. Insert::source, its ON CONFLICT part and its RETURNING are inside the
//     Insert's scope.
//   - The body of a CTE is inside the scope its WITH list is attached to: it reaches an earlier CTE of that
//   list, or itself, at level 1.
//   - `order_by`, `distinct_on` and `group_by`: in a plain select each ORDER BY and DISTINCT ON key is the
//   same ExprPtr as one of `targets`
//     (maybe a hidden one). For set operations and VALUES a key is ColumnRef{0, 0, output column}.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/ids.h"
#include "lib/sql/function.h"
#include "lib/sql/type.h"

namespace anabranch::sql {

class TimeZone;
struct Expr;
struct Query;
struct Statement;
using ExprPtr = std::shared_ptr<const Expr>;
using QueryPtr = std::shared_ptr<const Query>;
using StatementPtr = std::shared_ptr<const Statement>;

// ---- Expressions ----

// A constant that owns its bytes. `null` wins over the other fields; which field holds the value follows
// storage_of(type).
struct Const {
    bool null = true;
    std::int64_t integer = 0;
    double floating = 0;
    std::string bytes;
};
struct Param {  // procedure parameter or $n, 0-based
    std::uint32_t index = 0;
};
struct ColumnRef {
    std::uint32_t level = 0;
    std::uint32_t rel = 0;
    std::uint32_t column = 0;
};
struct Call {  // operator or built-in function; strictness and meaning are in function.h
    Func func{};
    std::vector<ExprPtr> args;
};
struct Cast {  // run-time conversion from arg's type to the Expr's type; may fail with 22003, 22P02 ...
    ExprPtr arg;
    bool implicit = false;
};
struct Case {  // searched form; the simple form is bound to comparisons. Result NULL without a matching
               // branch and without otherwise.
    struct Branch {
        ExprPtr condition;
        ExprPtr result;
    };
    std::vector<Branch> branches;
    ExprPtr otherwise;  // may be null
};
// AND, OR, NOT with SQL's three-valued logic (n-ary and, or).
enum class LogicOp : std::uint8_t { and_, or_, not_ };
struct Logic {
    LogicOp op{};
    std::vector<ExprPtr> args;
};
enum class TestOp : std::uint8_t {
    is_null,
    is_not_null,
    is_true,
    is_not_true,
    is_false,
    is_not_false,
    is_unknown,
    is_not_unknown
};
struct Test {
    TestOp op{};
    ExprPtr arg;
};
// IS [NOT] DISTINCT FROM, BETWEEN and IN over lists are bound to Call/Logic nodes. x op ANY/ALL (array) is
// ArrayCompare.
struct ArrayCompare {
    Func compare{};
    bool all = false;
    ExprPtr left;
    ExprPtr array;
};
struct ArrayOf {  // ARRAY[...]
    std::vector<ExprPtr> items;
};
struct RowOf {  // (a, b, ...), only below comparisons that binding could not expand, and as a whole-row value
    std::vector<ExprPtr> items;
    std::vector<std::string> names{};  // of the fields; none: f1, f2, ... as for ROW(...)
};
enum class SubqueryKind : std::uint8_t { scalar, exists, any, all, array };
// any / all: `left[i] compare[i] column i` for a row of the subquery; IN is any with equals. NOT IN is Logic
// not_ over any.
struct Subquery {
    SubqueryKind kind{};
    QueryPtr query;
    std::vector<ExprPtr> left;
    std::vector<Func> compare;
};
// Allowed in targets, HAVING and ORDER BY of a Query with `grouped` set.
struct Aggregate {
    AggregateFunc func{};
    bool distinct = false;
    bool star = false;  // count(*)
    std::vector<ExprPtr> args;
    ExprPtr filter;  // may be null
    struct Order {
        ExprPtr key;
        bool descending = false;
        bool nulls_first = false;
    };
    std::vector<Order> order;
    // WITHIN GROUP: what stands before it, the same for all rows of a group. `args` has the sort key of an
    // inverse distribution and nothing for a hypothetical row, whose values these are.
    std::vector<ExprPtr> direct;
};
enum class FrameMode : std::uint8_t { range, rows, groups };
enum class FrameExclusion : std::uint8_t { none, current_row, group, ties };
struct FrameBound {
    enum class Kind : std::uint8_t {
        unbounded_preceding,
        preceding,
        current_row,
        following,
        unbounded_following
    };
    Kind kind = Kind::unbounded_preceding;
    ExprPtr offset;    // of preceding and following; reads no row
    ExprPtr negative;  // whether it is
    ExprPtr value;     // range: the sort key at the bound, over the current row
};
struct Frame {
    FrameMode mode = FrameMode::range;
    FrameBound start, end{FrameBound::Kind::current_row, nullptr, nullptr, nullptr};
    FrameExclusion exclusion = FrameExclusion::none;
    ExprPtr key;  // range with an offset: the only sort key, in the type of the bounds' values
};
struct Window {
    WindowFunc func{};
    std::optional<Aggregate> aggregate;  // set when func is WindowFunc::aggregate
    std::vector<ExprPtr> args;
    std::vector<ExprPtr> partition;
    std::vector<Aggregate::Order> order;
    Frame frame;
};

// A domain as far as evaluation needs it: CREATE DOMAIN name AS base [NOT NULL] [CHECK ...].
struct Domain {
    std::string schema, name;
    Type base;
    bool not_null = false;
    struct Check {
        std::string name;
        ExprPtr condition;  // over DomainValue
        std::string text;
    };
    std::vector<Check> checks;
    bool is_guard =
        false;  // boolean whose CHECK is VALUE: a cast to it is a precondition (23514 when not true)
};
struct DomainValue {};  // VALUE inside a domain's CHECK
struct DomainCheck {    // the value of arg, after the domain's conditions; fails with 23514 / 23502
    ExprPtr arg;
    std::shared_ptr<const Domain> domain;
};
// A call of a user's own read-only SQL function, already inlined by the binder as a scalar subquery, is a
// Subquery; nothing else is callable.

// The time zone in which an operation takes and gives times: that of the session an ad-hoc statement comes
// from. Null is UTC, in which all that a schema file says is meant; set only where it makes a difference, so
// that the two are never taken for the same.
using ZonePtr = std::shared_ptr<const TimeZone>;

struct Expr {
    Type type;
    Span span;
    std::variant<Const, Param, ColumnRef, Call, Cast, Case, Logic, Test, ArrayCompare, ArrayOf, RowOf,
                 Subquery, Aggregate, Window, DomainValue, DomainCheck>
        node;
    ZonePtr zone{};  // of Call, Cast, Aggregate, Window
};

// ---- Relations ----

struct OutputColumn {
    std::string name;
    Type type;
    // Where the column comes from when it is a plain column of a stored table (RowDescription needs it); none
    // otherwise.
    std::optional<TableId> table;
    std::uint32_t column = 0;
};

struct TableRel {
    TableId table;
};
struct VirtualRel {  // system view or catalog computed at run time: index into Names' virtual tables
    std::uint32_t virtual_table = 0;
};
struct DerivedRel {  // subquery in FROM, view, or VALUES; its scope sees this scope as level 1 only when
                     // lateral
    QueryPtr query;
    bool lateral = false;
};
struct CteRel {  // level: how many scopes out the WITH list is attached; index into Query::ctes (or
                 // Statement::ctes) there
    std::uint32_t level = 0;
    std::uint32_t index = 0;
};
struct FunctionRel {  // unnest(a, b...), generate_series, jsonb_to_recordset, regexp..., one set-returning
                      // call or several zipped
    struct Source {
        TableFunc func{};
        std::vector<ExprPtr> args;
        ZonePtr zone{};
    };
    std::vector<Source> sources;
    bool ordinality = false;  // adds a last int8 column counting from 1
};
struct Rel {
    std::string alias;
    std::variant<TableRel, VirtualRel, DerivedRel, CteRel, FunctionRel> source;
    std::vector<OutputColumn> columns;
};

enum class JoinKind : std::uint8_t { inner, left, right, full };  // a cross join is inner without a condition
struct Join;
struct FromItem {  // a leaf (rel) or a join of two
    std::uint32_t rel = 0;
    std::shared_ptr<const Join> join;  // when set, rel is meaningless
};
struct Join {
    JoinKind kind{};
    FromItem left, right;
    ExprPtr condition;  // may be null
};

struct OrderKey {
    ExprPtr key;
    bool descending = false;
    bool nulls_first = false;
};

struct Cte {
    std::string name;
    std::vector<OutputColumn> columns;
    StatementPtr statement;  // a Query, or Insert / Update / Delete with RETURNING
    bool recursive = false;
};

enum class SetOp : std::uint8_t { none, union_, union_all, intersect, intersect_all, except, except_all };

// SELECT ... or VALUES or a set operation.
//   set_op == none, values empty: a plain select over `rels` / `from`.
//   values not empty: VALUES lists (no rels).
//   set_op != none: left and right; ORDER BY keys then refer to output columns as ColumnRef{level 0, rel 0,
//   column}.
struct Query {
    std::vector<Cte> ctes;
    std::vector<Rel> rels;
    std::vector<FromItem> from;  // joined by comma
    ExprPtr where;
    bool grouped =
        false;  // GROUP BY, HAVING or an aggregate is present; with empty group_by: exactly one group
    std::vector<ExprPtr> group_by;
    ExprPtr having;
    std::vector<ExprPtr> targets;       // output columns first, then hidden ORDER BY / DISTINCT ON helpers
    std::vector<OutputColumn> columns;  // describes the first columns.size() targets
    bool distinct = false;
    std::vector<ExprPtr> distinct_on;
    std::vector<OrderKey> order_by;
    ExprPtr limit, offset;
    std::vector<std::vector<ExprPtr>> values;
    SetOp set_op = SetOp::none;
    QueryPtr left, right;
    bool for_update = false;  // accepted; a transaction runs alone on its replica anyway
};

// ---- Statements ----

struct Assignment {
    ColumnId column;
    ExprPtr value;  // for Update: over the old row; never null (DEFAULT is bound to the column's default)
};

enum class ConflictAction : std::uint8_t { none, nothing, update };
struct OnConflict {
    ConflictAction action = ConflictAction::none;
    // Index into the table's unique keys: 0 is the primary key, i is Table::uniques[i - 1]; empty = any (only
    // with nothing).
    std::optional<std::uint32_t> key;
    std::vector<Assignment> assignments;
    ExprPtr where;
};

// `merge`: one action of a MERGE, whose others are in the same Statement: the last of its ctes and its body.
// They choose their rows by conditions of which one is true at most, and are counted together; a row that is
// changed twice is an error.
struct Insert {
    TableId table;
    // One source column per table column that is given a value by the statement, in this order.
    std::vector<ColumnId> columns;
    QueryPtr source;  // null: DEFAULT VALUES
    // Expressions for the columns not listed: default, identity (null ExprPtr: see Column::identity) or NULL
    // are taken from the catalog. overriding_system is OVERRIDING SYSTEM VALUE.
    bool overriding_system = false;
    OnConflict on_conflict;
    std::vector<ExprPtr> returning;
    bool merge = false;
    // Conditions of the columns' domains are DomainCheck nodes around the source's targets.
};
struct Update {
    TableId table;
    std::vector<Rel> rels;       // rel 0 = target
    std::vector<FromItem> from;  // items over rels 1..
    std::vector<Assignment> assignments;
    ExprPtr where;
    std::vector<ExprPtr> returning;
    bool merge = false;
};
struct Delete {
    TableId table;
    std::vector<Rel> rels;
    std::vector<FromItem> from;
    ExprPtr where;
    std::vector<ExprPtr> returning;
    bool merge = false;
};

// A bound statement. `ctes` belongs to Insert/Update/Delete (a Query carries its own); scope order for CteRel
// levels: the statement's ctes form the scope just outside the statement's own.
struct Statement {
    Span span;
    std::vector<Cte> ctes;
    std::variant<QueryPtr, Insert, Update, Delete> body;
    std::vector<OutputColumn> columns;  // result columns: of the query or of RETURNING; empty = no result
};

}  // namespace anabranch::sql
