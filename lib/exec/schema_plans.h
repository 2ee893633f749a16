// What the executor derives from a schema once: row layouts, index keys, compiled constraints, who refers to
// whom, and plans of the assertions. Immutable, shared by every statement and transaction of the schema.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "lib/catalog/schema.h"
#include "lib/exec/plan.h"
#include "lib/exec/program.h"

namespace anabranch::exec {

// Expressions of SchemaPlans::rows see the row they are about in this slot; an exclusion constraint compares
// it with the other one.
inline constexpr std::uint32_t row_slot = 0;
inline constexpr std::uint32_t other_slot = 1;

struct KeyPart {
    std::uint32_t column = 0;
    ExprId expression = no_expr;  // instead of a column
    sql::Type type;
    sql::ExprPtr source;  // of `expression`
};

struct IndexPlan {
    IndexId id;
    std::string name;
    std::vector<KeyPart> parts;
    ExprId predicate = no_expr;
    sql::ExprPtr predicate_source;
    const catalog::UniqueKey* key = nullptr;  // null: not unique
    bool foreign_key = false;                 // may leave out rows without a reference
};

struct CheckPlan {
    ExprId condition = no_expr;
    std::uint32_t index = 0;  // into Table::checks
};

struct ExclusionPlan {
    std::uint32_t index = 0;  // into Table::exclusions
    ExprId predicate = no_expr;
    std::vector<ExprId> own;     // the parts over row_slot
    std::vector<ExprId> others;  // ... and over other_slot
    Group conflicts;             // other rows that conflict with the one in row_slot, itself included
};

// A foreign key with its columns in the order of the parent's key.
struct Reference {
    TableId child, parent;
    std::uint32_t number = 0;  // into the child's foreign_keys
    const catalog::ForeignKey* key = nullptr;
    std::vector<std::uint32_t> child_columns, parent_columns;
    std::vector<sql::Type> child_types, parent_types;
    std::vector<std::unique_ptr<const sql::Builtin>> to_parent;  // per column: null when the encodings agree
    std::vector<std::uint32_t>
        index_order;  // positions in child_columns, in the order of the foreign key's index
};

struct TablePlan {
    const catalog::Table* table = nullptr;
    RowLayout layout;
    std::vector<IndexPlan> indexes;  // by IndexId
    std::vector<CheckPlan> checks;   // in the order of their names, as PostgreSQL runs them
    std::vector<std::pair<std::uint32_t, ExprId>> generated;
    std::vector<ExprId> defaults;  // per column; no_expr: NULL or identity
    std::vector<ExclusionPlan> exclusions;
    std::vector<std::uint32_t> references;  // into SchemaPlans::references: foreign keys of this table
    std::vector<std::uint32_t> referrers;   // ... that point at it
    std::vector<std::vector<std::uint32_t>> groups;  // columns of each register group
    std::vector<bool> nullable_by_merge;             // columns that ON DELETE SET NULL may end
    const IndexPlan& primary() const { return indexes[0]; }
};

// One assertion: the whole query, and the ways to ask it about touched rows only.
struct AssertionPlan {
    std::uint32_t invariant = 0;  // into Schema::invariants
    std::string name;
    std::unique_ptr<Program> program;
    StatementPlan whole;
    std::vector<sql::OutputColumn> columns;
    struct Reads {  // of one table
        TableId table;
        std::vector<std::uint32_t> columns;
        bool whole = false;  // its changes need the whole query
    };
    std::vector<Reads> reads;
    // Violations that a change of rows of one table can cause, where the query's shape allows to find them
    // from those rows.
    struct Part {
        TableId table;
        StatementPlan query;
        StatementPlan suspects;  // no query: none; else it need not be asked where this has no row
    };
    std::vector<Part> parts;
};

class SchemaPlans final : public sql::EnumLabels {
  public:
    explicit SchemaPlans(const catalog::Schema& schema);
    SchemaPlans(const SchemaPlans&) = delete;
    SchemaPlans& operator=(const SchemaPlans&) = delete;

    const catalog::Schema& schema() const { return schema_; }
    const TablePlan& table(TableId id) const { return tables[id.value]; }

    std::vector<TablePlan> tables;
    std::deque<Reference> references;  // by child table and number
    Program rows;
    std::deque<AssertionPlan> assertions;
    bool asks_session = false;  // a program does

    const std::string* label(std::uint32_t enum_index, std::int64_t ordinal) const override;
    std::int64_t ordinal(std::uint32_t enum_index, std::string_view label) const override;
    std::string enum_name(std::uint32_t enum_index) const override;
    std::string object_name(sql::TypeId kind, std::int64_t oid) const override;
    std::int64_t object_oid(sql::TypeId kind, std::string_view name) const override;

  private:
    const catalog::Schema& schema_;
};

// The plans of a schema, made on first use and kept with it.
const SchemaPlans& plans_of(const catalog::Schema& schema);

}  // namespace anabranch::exec
