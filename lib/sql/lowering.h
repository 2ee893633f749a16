// Inside of lower.h: the state of one lowering and the functions its files share. Nobody else includes this.
//
// The first mistake is kept and the walk goes on with placeholders; lower() throws the tree away then.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/sql/ast.h"
#include "lib/sql/lower.h"
#include "lib/sql/tree.h"

namespace anabranch::sql {

class Lowering {
  public:
    explicit Lowering(const LowerInput& input) : input_(input) {}

    const LowerInput& input() const { return input_; }
    void fail(Error error);
    void fail(Span span, std::string_view sqlstate, std::string message);
    const std::optional<Error>& error() const { return error_; }

    // Counts levels of recursion; `ok` is false when the tree is too deep.
    class Level {
      public:
        Level(Lowering& lowering, Span span, std::size_t count = 1);
        ~Level() { lowering_.depth_ -= count_; }
        Level(const Level&) = delete;
        Level& operator=(const Level&) = delete;
        bool ok = true;

      private:
        Lowering& lowering_;
        std::size_t count_;
    };

    // The place of a range of the piece.
    Span span(const TextRange& range) const;
    // The place of an unwrapped node. A missing location is 0, and -1 is nowhere.
    Span span(ParseNode node, const char* field = "location") const;
    // The place of the word before the one at `type`'s location if it may be the identifier `name`, else the
    // latter's.
    Span span_before(ParseNode type, std::string_view name) const;
    Span span_of(const Token& token) const;
    // Value of the content of an A_Const's `ival` (or of an Integer) whose holder has the location, with the
    // cure for negative ones.
    std::int64_t integer(ParseNode value, ParseNode holder);

  private:
    const std::vector<Token>& tokens();

    const LowerInput& input_;
    std::optional<std::vector<Token>> scanned_;
    std::optional<Error> error_;
    std::size_t depth_ = 0;
};

// `wrapped` nodes are {"Kind": {...}}, as in lists; the others are the content alone, as in typed fields.

// lower_names.cpp
std::string lower_string(ParseNode wrapped);
std::vector<std::string> lower_strings(ParseNode list);
ast::QualifiedName lower_name(Lowering& l, ParseNode list, Span span);     // drops pg_catalog
ast::QualifiedName lower_relation_name(Lowering& l, ParseNode range_var);  // keeps pg_catalog
ast::TypeName lower_type(Lowering& l, ParseNode type_name);
ast::QualifiedName lower_collation(Lowering& l, ParseNode collate_clause);
ast::Option lower_option(Lowering& l, ParseNode def_elem);
std::string lower_object_word(std::string_view object_type);  // OBJECT_MATVIEW -> MATERIALIZED VIEW

// lower_expr.cpp
ast::Expr lower_expr(Lowering& l, ParseNode wrapped);
ast::Box<ast::Expr> lower_optional_expr(Lowering& l, ParseNode wrapped);  // null if absent
std::vector<ast::Expr> lower_exprs(Lowering& l, ParseNode list);
std::vector<ast::Expr> lower_path(Lowering& l, ParseNode indirection);  // steps with null inner boxes
std::vector<ast::SortKey> lower_sort_keys(Lowering& l, ParseNode list);
ast::SortDirection lower_direction(std::string_view name);
ast::NullsOrder lower_nulls(std::string_view name);
ast::WindowSpec lower_window(Lowering& l, ParseNode window_def);
ast::FunctionCall lower_call(Lowering& l, ParseNode func_call);

// lower_query.cpp
ast::Query lower_query(Lowering& l, ParseNode select_stmt, Span span);
ast::Query lower_wrapped_query(Lowering& l, ParseNode wrapped, Span span);  // refuses what is no SELECT
ast::TableName lower_table_name(Lowering& l, ParseNode range_var);
ast::TableRef lower_table_ref(Lowering& l, ParseNode wrapped);
std::vector<ast::TableRef> lower_table_refs(Lowering& l, ParseNode list);
ast::With lower_with(Lowering& l, ParseNode with_clause);
std::vector<ast::SelectItem> lower_select_items(Lowering& l, ParseNode list);

// One function per kind of statement. `node` is unwrapped.
using StatementLowering = ast::Statement::Node (*)(Lowering& l, ParseNode node, Span span);

// lower_change.cpp: INSERT, UPDATE, DELETE, MERGE, CALL
ast::IndexElement lower_index_element(Lowering& l, ParseNode wrapped);
StatementLowering find_change_lowering(std::string_view kind);
// lower_table.cpp: tables and constraints
ast::Constraint lower_constraint(Lowering& l, ParseNode constraint);
// A column's or a domain's constraints, with DEFERRABLE and the like folded in.
std::vector<ast::Constraint> lower_constraints(Lowering& l, ParseNode list);
ast::ColumnDef lower_column(Lowering& l, ParseNode column_def);
StatementLowering find_table_lowering(std::string_view kind);
// lower_schema.cpp: the other declarations
StatementLowering find_schema_lowering(std::string_view kind);
// lower_session.cpp
StatementLowering find_session_lowering(std::string_view kind);
// lower_other.cpp: what is ignored or not modelled. Knows every kind.
ast::Statement::Node lower_other(Lowering& l, std::string_view kind, ParseNode node, Span span);

// lower.cpp
ast::Statement lower_statement(Lowering& l, ParseNode wrapped, Span span);
ast::Box<ast::Statement> lower_boxed_statement(Lowering& l, ParseNode wrapped, Span span);

}  // namespace anabranch::sql
