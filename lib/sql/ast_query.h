// Part of lib/sql/ast.h: queries and the statements that change rows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "lib/sql/ast_expr.h"

namespace anabranch::sql::ast {

struct Statement;
struct TableRef;

// AS name (columns): `columns` may be shorter than the table is wide.
struct Alias {
    std::string name;  // empty if there is no alias
    std::vector<std::string> columns;
    friend bool operator==(const Alias&, const Alias&) = default;
};

// A table, view or CTE by name.
struct TableName : At {
    QualifiedName name;
    bool only = false;
    Alias alias;
    friend bool operator==(const TableName&, const TableName&) = default;
};

struct SubqueryRef {
    bool lateral = false;
    Box<Query> query;
    Alias alias;
    friend bool operator==(const SubqueryRef&, const SubqueryRef&) = default;
};

// A column of AS l(sku text, q int).
struct ColumnDefinition : At {
    std::string name;
    TypeName type;
    QualifiedName collation;  // name empty if absent
    friend bool operator==(const ColumnDefinition&, const ColumnDefinition&) = default;
};

struct FunctionSource {
    Expr call;                              // a FunctionCall (or what PostgreSQL spells like one)
    std::vector<ColumnDefinition> columns;  // ROWS FROM (f(...) AS (a int)); empty outside ROWS FROM
    friend bool operator==(const FunctionSource&, const FunctionSource&) = default;
};

// f(...) [WITH ORDINALITY] [AS alias (...)], or ROWS FROM (f(...), g(...)), which sets `rows_from`.
struct FunctionRef {
    bool lateral = false;
    bool rows_from = false;
    bool ordinality = false;
    std::vector<FunctionSource> functions;  // exactly one unless rows_from
    Alias alias;
    std::vector<ColumnDefinition> columns;  // jsonb_to_recordset(x) AS l(sku text, q int)
    friend bool operator==(const FunctionRef&, const FunctionRef&) = default;
};

enum class JoinKind : std::uint8_t { Inner, Left, Right, Full, Cross };

// At most one of `natural`, `using_columns` and `on` is given. CROSS JOIN has none; an inner join written
// without a condition is a cross join.
struct Join {
    JoinKind kind = JoinKind::Inner;
    bool natural = false;
    Box<TableRef> left;
    Box<TableRef> right;
    std::vector<std::string> using_columns;
    std::string using_alias;  // USING (...) AS alias
    Box<Expr> on;             // null if absent
    Alias alias;              // (a JOIN b ...) AS alias
    friend bool operator==(const Join&, const Join&) = default;
};

// One entry of FROM.
struct TableRef : At {
    struct Nodes {
        using Variant = std::variant<TableName, SubqueryRef, FunctionRef, Join, Unsupported>;
    };
    using Node = Alternatives<Nodes>;
    Node node;
    friend bool operator==(const TableRef&, const TableRef&);
};

// expr [AS alias], in a select list or in RETURNING. The expression may be a Star.
struct SelectItem : At {
    Expr expr;
    std::string alias;  // empty if none
    friend bool operator==(const SelectItem&, const SelectItem&) = default;
};

enum class DistinctKind : std::uint8_t { All, Distinct, On };

struct Select {
    DistinctKind distinct = DistinctKind::All;
    std::vector<Expr> distinct_on;
    std::vector<SelectItem> items;  // may be empty: SELECT FROM t
    std::vector<TableRef> from;
    Box<Expr> where;              // null if absent
    bool group_distinct = false;  // GROUP BY DISTINCT
    std::vector<Expr> group_by;   // a grouping set is Unsupported; `()` is too
    Box<Expr> having;             // null if absent
    std::vector<WindowSpec> windows;
    friend bool operator==(const Select&, const Select&) = default;
};

struct Values {
    std::vector<std::vector<Expr>> rows;
    friend bool operator==(const Values&, const Values&) = default;
};

enum class SetOperator : std::uint8_t { Union, Intersect, Except };

struct SetOperation {
    SetOperator op = SetOperator::Union;
    bool all = false;
    Box<Query> left;
    Box<Query> right;
    friend bool operator==(const SetOperation&, const SetOperation&) = default;
};

enum class Materialized : std::uint8_t { Default, Always, Never };

// name [(columns)] AS [NOT] [MATERIALIZED] (Query | Insert | Update | Delete)
struct CommonTable : At {
    std::string name;
    std::vector<std::string> columns;
    Materialized materialized = Materialized::Default;
    Box<Statement> statement;
    bool search_or_cycle = false;  // a SEARCH or CYCLE clause was written; the dialect has none
    friend bool operator==(const CommonTable&, const CommonTable&) = default;
};

struct With {
    bool recursive = false;
    std::vector<CommonTable> tables;  // empty: no WITH clause
    friend bool operator==(const With&, const With&) = default;
};

// FOR UPDATE | NO KEY UPDATE | SHARE | KEY SHARE [OF tables] [NOWAIT | SKIP LOCKED]
struct Locking {
    std::string strength;  // "UPDATE", "NO KEY UPDATE", "SHARE", "KEY SHARE"
    std::vector<QualifiedName> tables;
    std::string wait;  // "", "NOWAIT", "SKIP LOCKED"
    friend bool operator==(const Locking&, const Locking&) = default;
};

// A whole query: SELECT, VALUES or a set operation, with what may surround each of them.
struct Query : At {
    With with;
    struct Bodies {
        using Variant = std::variant<Select, Values, SetOperation>;
    };
    using Body = Alternatives<Bodies>;
    Body body;
    std::vector<SortKey> order_by;
    Box<Expr> limit;   // null if absent or ALL
    Box<Expr> offset;  // null if absent
    bool with_ties = false;
    std::vector<Locking> locking;
    Box<TableName> into;  // SELECT INTO, which the dialect does not have; else null
    friend bool operator==(const Query&, const Query&);
};

// A column to write: name, name[1], name.field.
struct Target : At {
    std::string column;
    std::vector<Expr>
        path;  // Subscript and FieldAccess steps with a null inner box; empty for a whole column
    friend bool operator==(const Target&, const Target&) = default;
};

// target = value, or (targets) = (subquery) with more targets than one, whose value is then a scalar
// Subquery. A row of expressions on the right is split into single assignments.
struct Assignment : At {
    std::vector<Target> targets;
    Expr value;
    friend bool operator==(const Assignment&, const Assignment&) = default;
};

// An element of an index, of a UNIQUE index or of a conflict target: a column or an expression.
struct IndexElement : At {
    std::string column;            // empty if it is an expression
    Box<Expr> expr;                // null if it is a column
    QualifiedName collation;       // name empty if absent
    QualifiedName operator_class;  // name empty if absent
    SortDirection direction = SortDirection::Default;
    NullsOrder nulls = NullsOrder::Default;
    friend bool operator==(const IndexElement&, const IndexElement&) = default;
};

// ON CONFLICT [(elements) [WHERE ...] | ON CONSTRAINT name] DO NOTHING | DO UPDATE SET ... [WHERE ...]
struct OnConflict : At {
    std::vector<IndexElement> elements;  // empty: no target, or a constraint
    Box<Expr> elements_where;            // of a partial index; null if absent
    std::string constraint;              // empty if absent
    bool update = false;                 // DO UPDATE, else DO NOTHING
    std::vector<Assignment> assignments;
    Box<Expr> where;  // null if absent
    friend bool operator==(const OnConflict&, const OnConflict&) = default;
};

enum class Overriding : std::uint8_t { None, User, System };

struct Insert {
    With with;
    TableName table;
    std::vector<Target> columns;  // empty: all, in order
    Overriding overriding = Overriding::None;
    Box<Query> source;  // null: DEFAULT VALUES
    std::optional<OnConflict> on_conflict;
    std::vector<SelectItem> returning;
    bool merge = false;  // one action of a MERGE
    friend bool operator==(const Insert&, const Insert&) = default;
};

struct Update {
    With with;
    TableName table;
    std::vector<Assignment> assignments;
    std::vector<TableRef> from;
    Box<Expr> where;  // null if absent
    std::vector<SelectItem> returning;
    bool merge = false;  // one action of a MERGE
    friend bool operator==(const Update&, const Update&) = default;
};

struct Delete {
    With with;
    TableName table;
    std::vector<TableRef> using_tables;
    Box<Expr> where;  // null if absent
    std::vector<SelectItem> returning;
    bool merge = false;  // one action of a MERGE
    friend bool operator==(const Delete&, const Delete&) = default;
};

enum class MergeAction : std::uint8_t { Nothing, Update, Delete, Insert };

// WHEN [NOT] MATCHED [AND condition] THEN action
struct MergeWhen : At {
    bool matched = true;
    Box<Expr> condition;  // null if absent
    MergeAction action = MergeAction::Nothing;
    std::vector<Assignment> assignments;  // of an update
    std::vector<Target> columns;          // of an insert; empty: all, in order
    Overriding overriding = Overriding::None;
    std::vector<Expr> values;  // of an insert; empty: DEFAULT VALUES
    friend bool operator==(const MergeWhen&, const MergeWhen&) = default;
};

struct Merge {
    With with;
    TableName table;
    Box<TableRef> source;
    Expr on;
    std::vector<MergeWhen> whens;
    friend bool operator==(const Merge&, const Merge&) = default;
};

// CALL procedure(...); the call is a FunctionCall without aggregate parts.
struct Call {
    FunctionCall call;
    friend bool operator==(const Call&, const Call&) = default;
};

}  // namespace anabranch::sql::ast
