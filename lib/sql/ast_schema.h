// Part of lib/sql/ast.h: statements that declare: the content of schema files.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "lib/sql/ast_query.h"

namespace anabranch::sql::ast {

// ---- constraints

struct NotNull {
    friend bool operator==(const NotNull&, const NotNull&) = default;
};
struct Nullable {  // NULL written out
    friend bool operator==(const Nullable&, const Nullable&) = default;
};
struct Default {
    Expr value;
    friend bool operator==(const Default&, const Default&) = default;
};
// GENERATED ALWAYS | BY DEFAULT AS IDENTITY [(START WITH s INCREMENT BY i ...)]
struct Identity {
    bool always = false;
    std::optional<std::int64_t> start;
    std::optional<std::int64_t> increment;
    friend bool operator==(const Identity&, const Identity&) = default;
};
// GENERATED ALWAYS AS (value) STORED
struct Generated {
    Expr value;
    friend bool operator==(const Generated&, const Generated&) = default;
};
struct Check {
    Expr condition;
    bool no_inherit = false;
    friend bool operator==(const Check&, const Check&) = default;
};
// PRIMARY KEY or UNIQUE. `columns` is empty on a column constraint and for USING INDEX.
struct Key {
    bool primary = false;
    std::vector<std::string> columns;
    std::vector<std::string> include;
    std::string using_index;  // ALTER TABLE ... ADD UNIQUE USING INDEX name; else empty
    bool nulls_not_distinct = false;
    friend bool operator==(const Key&, const Key&) = default;
};

enum class ReferenceAction : std::uint8_t { NoAction, Restrict, Cascade, SetNull, SetDefault };
enum class ReferenceMatch : std::uint8_t { Simple, Full, Partial };

struct ForeignKey {
    std::vector<std::string> columns;  // empty on a column constraint
    QualifiedName table;
    std::vector<std::string> referenced;  // empty: the primary key of `table`
    ReferenceMatch match = ReferenceMatch::Simple;
    ReferenceAction on_update = ReferenceAction::NoAction;
    ReferenceAction on_delete = ReferenceAction::NoAction;
    std::vector<std::string> set_columns;  // ON DELETE SET NULL (these only)
    friend bool operator==(const ForeignKey&, const ForeignKey&) = default;
};

struct ExcludeElement {
    IndexElement element;
    QualifiedName op;
    friend bool operator==(const ExcludeElement&, const ExcludeElement&) = default;
};
struct Exclude {
    std::string method;  // gist unless written
    std::vector<ExcludeElement> elements;
    std::vector<std::string> include;
    Box<Expr> where;  // null if absent
    friend bool operator==(const Exclude&, const Exclude&) = default;
};

// A constraint of a column, a table or a domain, with DEFERRABLE and the like already folded in. The span is
// at its first word, CONSTRAINT if it has a name.
struct Constraint : At {
    struct Nodes {
        using Variant =
            std::variant<NotNull, Nullable, Default, Identity, Generated, Check, Key, ForeignKey, Exclude>;
    };
    using Node = Alternatives<Nodes>;
    std::string name;  // empty if none was written
    Node node;
    bool deferrable = false;
    bool initially_deferred = false;
    bool not_valid = false;
    friend bool operator==(const Constraint&, const Constraint&);
};

// ---- tables

struct ColumnDef : At {
    std::string name;
    TypeName type;
    QualifiedName collation;  // name empty if absent
    std::vector<Constraint> constraints;
    friend bool operator==(const ColumnDef&, const ColumnDef&) = default;
};

// LIKE table [INCLUDING ...]; `options` is PostgreSQL's mask, all bits for INCLUDING ALL.
struct LikeTable : At {
    QualifiedName table;
    std::uint32_t options = 0;
    friend bool operator==(const LikeTable&, const LikeTable&) = default;
};

struct CreateTable {
    QualifiedName name;
    bool if_not_exists = false;
    bool temporary = false;
    bool unlogged = false;
    std::vector<ColumnDef> columns;
    std::vector<Constraint> constraints;
    std::vector<LikeTable> like;
    std::vector<QualifiedName> inherits;
    QualifiedName partition_of;  // name empty if it is no partition; `columns` may then be empty
    QualifiedName of_type;       // CREATE TABLE ... OF type; name empty if absent
    std::string partition_by;    // "range", "list", "hash"; empty if not partitioned
    friend bool operator==(const CreateTable&, const CreateTable&) = default;
};

struct AddColumn {
    ColumnDef column;
    bool if_not_exists = false;
    friend bool operator==(const AddColumn&, const AddColumn&) = default;
};
struct DropColumn {
    std::string column;
    bool if_exists = false;
    bool cascade = false;
    friend bool operator==(const DropColumn&, const DropColumn&) = default;
};
struct AddConstraint {
    Constraint constraint;
    friend bool operator==(const AddConstraint&, const AddConstraint&) = default;
};
struct DropConstraint {
    std::string constraint;
    bool if_exists = false;
    bool cascade = false;
    friend bool operator==(const DropConstraint&, const DropConstraint&) = default;
};
struct ValidateConstraint {
    std::string constraint;
    friend bool operator==(const ValidateConstraint&, const ValidateConstraint&) = default;
};
// ALTER CONSTRAINT name [DEFERRABLE ...]
struct AlterConstraint {
    std::string constraint;
    bool deferrable = false;
    bool initially_deferred = false;
    friend bool operator==(const AlterConstraint&, const AlterConstraint&) = default;
};
struct SetColumnDefault {
    std::string column;
    Box<Expr> value;  // null: DROP DEFAULT
    friend bool operator==(const SetColumnDefault&, const SetColumnDefault&) = default;
};
struct SetColumnNotNull {
    std::string column;
    bool not_null = true;  // false: DROP NOT NULL
    friend bool operator==(const SetColumnNotNull&, const SetColumnNotNull&) = default;
};
struct SetColumnType {
    std::string column;
    TypeName type;
    Box<Expr> using_expr;  // null if absent
    friend bool operator==(const SetColumnType&, const SetColumnType&) = default;
};
struct AddIdentity {
    std::string column;
    Identity identity;
    friend bool operator==(const AddIdentity&, const AddIdentity&) = default;
};
struct DropIdentity {  // DROP IDENTITY, or DROP EXPRESSION
    std::string column;
    bool expression = false;
    bool if_exists = false;
    friend bool operator==(const DropIdentity&, const DropIdentity&) = default;
};
struct AttachPartition {
    QualifiedName partition;
    friend bool operator==(const AttachPartition&, const AttachPartition&) = default;
};
struct DetachPartition {
    QualifiedName partition;
    friend bool operator==(const DetachPartition&, const DetachPartition&) = default;
};
// A form without meaning for us: OWNER TO, SET (...), CLUSTER ON, REPLICA IDENTITY, SET STATISTICS, ...
struct IgnoredAlter {
    std::string what;
    friend bool operator==(const IgnoredAlter&, const IgnoredAlter&) = default;
};
// A form whose meaning we do not model: row security, rules, INHERIT, OF, triggers enabled or disabled, ...
struct UnmodelledAlter {
    std::string what;
    friend bool operator==(const UnmodelledAlter&, const UnmodelledAlter&) = default;
};

struct AlterAction : At {
    struct Nodes {
        using Variant =
            std::variant<AddColumn, DropColumn, AddConstraint, DropConstraint, ValidateConstraint,
                         AlterConstraint, SetColumnDefault, SetColumnNotNull, SetColumnType, AddIdentity,
                         DropIdentity, AttachPartition, DetachPartition, IgnoredAlter, UnmodelledAlter>;
    };
    using Node = Alternatives<Nodes>;
    Node node;
    friend bool operator==(const AlterAction&, const AlterAction&);
};

struct AlterTable {
    QualifiedName table;
    bool if_exists = false;
    bool only = false;
    std::vector<AlterAction> actions;
    friend bool operator==(const AlterTable&, const AlterTable&) = default;
};

struct CreateIndex {
    std::string name;  // empty: PostgreSQL makes one
    QualifiedName table;
    bool unique = false;
    bool if_not_exists = false;
    bool only = false;
    bool nulls_not_distinct = false;
    std::string method;  // btree unless written
    std::vector<IndexElement> elements;
    std::vector<std::string> include;
    Box<Expr> where;  // null if absent
    friend bool operator==(const CreateIndex&, const CreateIndex&) = default;
};

// ---- types

struct CreateDomain {
    QualifiedName name;
    TypeName type;
    QualifiedName collation;              // name empty if absent
    std::vector<Constraint> constraints;  // NotNull, Nullable, Default, Check
    friend bool operator==(const CreateDomain&, const CreateDomain&) = default;
};

// ALTER DOMAIN: each field says what it changes; the others are absent.
struct AlterDomain {
    QualifiedName name;
    std::optional<Constraint> add;
    std::string drop_constraint;  // empty if absent
    std::string validate;         // empty if absent
    bool if_exists = false;       // of drop_constraint
    std::optional<bool> not_null;
    bool sets_default = false;  // SET DEFAULT or DROP DEFAULT
    Box<Expr> default_value;    // null: DROP DEFAULT
    friend bool operator==(const AlterDomain&, const AlterDomain&) = default;
};

struct CreateEnum {
    QualifiedName name;
    std::vector<std::string> labels;
    friend bool operator==(const CreateEnum&, const CreateEnum&) = default;
};

// ALTER TYPE name ADD VALUE label [BEFORE | AFTER neighbor] | RENAME VALUE old_label TO label
struct AlterEnum {
    QualifiedName name;
    std::string label;
    std::string old_label;  // of RENAME VALUE, else empty
    std::string neighbor;   // empty: at the end
    bool after = true;
    bool if_not_exists = false;
    friend bool operator==(const AlterEnum&, const AlterEnum&) = default;
};

struct CreateComposite {
    QualifiedName name;
    std::vector<ColumnDefinition> columns;
    friend bool operator==(const CreateComposite&, const CreateComposite&) = default;
};

// ---- views, routines, assertions, schemas

struct CreateView {
    QualifiedName name;
    std::vector<std::string> columns;
    Box<Query> query;
    bool replace = false;
    bool temporary = false;
    bool check_option = false;
    friend bool operator==(const CreateView&, const CreateView&) = default;
};

enum class RoutineKind : std::uint8_t { Procedure, Function };
enum class ParameterMode : std::uint8_t { In, Out, InOut, Variadic, Table };
enum class Volatility : std::uint8_t { Volatile, Stable, Immutable };

// Table is a result column (RETURNS TABLE), not a parameter.
struct RoutineParameter : At {
    std::string name;  // empty if none
    TypeName type;
    ParameterMode mode = ParameterMode::In;
    Box<Expr> default_value;  // null if absent
    friend bool operator==(const RoutineParameter&, const RoutineParameter&) = default;
};

// SET name = values, on a routine.
struct RoutineSetting : At {
    std::string name;
    std::vector<Expr> values;  // empty: DEFAULT or FROM CURRENT
    friend bool operator==(const RoutineSetting&, const RoutineSetting&) = default;
};

// BEGIN ATOMIC ... END, or AS 'text' LANGUAGE sql, whose text was parsed again (`quoted`). The spans of the
// statements point into the outer source text; where a quoted text holds escapes, all of them are the
// string's place.
struct SqlBody {
    bool quoted = false;
    std::vector<Statement> statements;
    friend bool operator==(const SqlBody&, const SqlBody&);
};
// RETURN value
struct ReturnBody {
    Expr value;
    friend bool operator==(const ReturnBody&, const ReturnBody&) = default;
};
// A body in a language that is not read.
struct Skipped {
    std::string language;
    std::string text;
    friend bool operator==(const Skipped&, const Skipped&) = default;
};

struct CreateRoutine {
    RoutineKind kind = RoutineKind::Procedure;
    QualifiedName name;
    bool replace = false;
    std::vector<RoutineParameter> parameters;
    std::optional<TypeName>
        returns;  // absent for procedures, RETURNS TABLE and functions with OUT parameters only
    bool returns_table = false;
    std::string language = "sql";  // sql also when it was left out
    Volatility volatility = Volatility::Volatile;
    bool strict = false;
    bool security_definer = false;
    std::vector<RoutineSetting> settings;
    std::variant<SqlBody, ReturnBody, Skipped> body;
    friend bool operator==(const CreateRoutine&, const CreateRoutine&) = default;
};

// CREATE ASSERTION name CHECK (condition). The span of the condition's text is `condition_span`, inside the
// parentheses.
struct CreateAssertion {
    QualifiedName name;
    Expr condition;
    At condition_span;
    bool deferrable = false;
    bool initially_deferred = false;
    friend bool operator==(const CreateAssertion&, const CreateAssertion&) = default;
};

// CREATE SCHEMA name elements: tables, views, indexes and what else may stand there, in order. Unqualified
// names in them belong to the new schema.
struct CreateSchema {
    std::string name;  // empty: AUTHORIZATION only
    bool if_not_exists = false;
    std::vector<Statement> elements;
    friend bool operator==(const CreateSchema&, const CreateSchema&);
};

// DROP TABLE | VIEW | INDEX | ... `object` is PostgreSQL's word in capitals. Names as written; for routines
// the argument types are lost.
struct Drop {
    std::string object;
    std::vector<QualifiedName> names;
    QualifiedName of_table;  // DROP TRIGGER | RULE | POLICY name ON table; else empty
    bool if_exists = false;
    bool cascade = false;
    friend bool operator==(const Drop&, const Drop&) = default;
};

// ALTER object name RENAME [COLUMN | CONSTRAINT member] TO new_name, or ALTER object name SET SCHEMA
// new_name.
struct Rename {
    std::string object;  // "TABLE", "COLUMN", "CONSTRAINT", "TYPE", "VIEW", "INDEX", "SCHEMA", ...
    QualifiedName name;
    std::string member;  // column, constraint or attribute; else empty
    std::string new_name;
    bool set_schema = false;
    bool if_exists = false;
    friend bool operator==(const Rename&, const Rename&) = default;
};

// COMMENT ON object name IS text. Comments on other kinds of objects are Ignored.
struct Comment {
    std::string object;               // "TABLE", "COLUMN", "CONSTRAINT", "PROCEDURE", "TYPE", ...
    QualifiedName name;               // of the table for a column or a constraint
    std::string member;               // column or constraint; else empty
    std::optional<std::string> text;  // nothing: IS NULL
    friend bool operator==(const Comment&, const Comment&) = default;
};

// A statement without meaning for us: GRANT, OWNER, SEQUENCE, EXTENSION, ... The catalog passes it
// silently.
struct Ignored {
    std::string what;  // "GRANT", "OWNER", ...
    friend bool operator==(const Ignored&, const Ignored&) = default;
};

// A statement whose meaning we do not model: TRIGGER, RULE, POLICY, DO, CREATE TABLE AS, materialized view,
// MERGE, ... The catalog warns, a session refuses.
struct Unmodelled {
    std::string what;     // "TRIGGER", "RULE", ...
    QualifiedName name;   // of the object, if it has one
    QualifiedName table;  // the table it is about, if any
    friend bool operator==(const Unmodelled&, const Unmodelled&) = default;
};

}  // namespace anabranch::sql::ast
