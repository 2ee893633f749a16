// The parts of the binder (bind_*.cpp) and what they share. Not for use outside lib/sql/bind*.
#pragma once

#include <map>
#include <optional>
#include <span>

#include "lib/base/function_ref.h"
#include "lib/sql/bind.h"
#include "lib/sql/bind_walk.h"
#include "lib/sql/builtin.h"

namespace anabranch::sql::binding {

// Where an expression stands: decides what may occur in it and how PostgreSQL words the refusal.
enum class Clause : std::uint8_t {
    none,
    target,
    where,
    join_on,
    group_by,
    having,
    order_by,
    distinct_on,
    limit,
    offset,
    values,
    from_function,
    update,
    returning,
    on_conflict,
    filter,
    aggregate_argument,
    window,
    check,
    default_value,
    generated,
    index_expression,
    index_predicate,
    call_argument,
};
const char* name_of(Clause clause);  // "WHERE", "JOIN conditions", ... after "are not allowed in"

// A column as a scope offers it; `expr` counts levels from that scope.
struct NameColumn {
    std::string name;
    ExprPtr expr;
    bool hidden = false;
};
// An entry of the namespace of FROM: a table, or a join whose USING columns are merged.
struct NameItem {
    std::string alias;   // empty: cannot be qualified
    std::string schema;  // of an unaliased table, so that s.t.c works
    std::string table;   // the relation's own name, which an alias hides
    std::vector<NameColumn> columns;
    bool qualified = true;             // alias.column is visible
    bool unqualified = true;           // column is visible
    bool lateral_only = false;         // visible only to LATERAL items of the same FROM
    std::optional<std::uint32_t> rel;  // set for a rel, absent for a join
};

struct CteName {
    std::string name;
    std::uint32_t index = 0;
    std::vector<OutputColumn> columns;
    bool usable = true;  // false: a recursive reference where none may be
    bool writes = false;
    bool used = false;
};

// Numbers of the keys that one set of a GROUP BY groups by, ascending.
using GroupingSet = std::vector<std::uint32_t>;

struct Scope {
    Scope* parent = nullptr;
    std::vector<Rel> rels;
    std::vector<NameItem> items;
    std::vector<CteName> ctes;
    const std::vector<ast::WindowSpec>* windows = nullptr;
    std::vector<FromItem>* from =
        nullptr;  // where set-returning functions of the select list go; null: not allowed
    std::optional<std::uint32_t> select_functions;  // the rel made for them
    Clause clause = Clause::none;
    bool aggregates = false;  // met in this scope
    bool windows_used = false;
    std::vector<std::vector<ExprPtr>> groupings;  // arguments of each GROUPING() met in this scope
    bool lateral_active = false;                  // items marked lateral_only are visible now
    std::size_t first_visible = 0;  // items before it are out of sight: an ON clause sees its own join only
};

class Binding {
  public:
    explicit Binding(BindContext& context) : context_(context) {}

    // ---- expressions (bind_expr.cpp, bind_operator.cpp, bind_call.cpp, bind_aggregate.cpp) ----
    Result<ExprPtr> expr(const ast::Expr& e, Scope& scope);
    Result<ExprPtr> condition(const ast::Expr& e, Scope& scope, Clause clause);  // boolean
    Result<ExprPtr> expr_in(const ast::Expr& e, Scope& scope, Clause clause);
    Result<std::vector<ExprPtr>> exprs(const std::vector<ast::Expr>& list, Scope& scope);

    // ---- queries (bind_query.cpp, bind_from.cpp, bind_group.cpp) ----
    // With unknown outputs left unknown, so that the context may decide.
    Result<std::shared_ptr<Query>> query(const ast::Query& q, Scope* parent);
    // Unknown outputs become text.
    Result<QueryPtr> finished_query(const ast::Query& q, Scope* parent);
    Result<void> coerce_output(Query& q, std::size_t column, Type type, Span span, const char* what);
    void resolve_unknown_outputs(Query& q);

    // ---- statements (bind_dml.cpp) ----
    Result<StatementPtr> statement(const ast::Statement& s, Scope* parent);
    Result<StatementPtr> insert(const ast::Insert& i, Span span, Scope* parent);
    Result<StatementPtr> update(const ast::Update& u, Span span, Scope* parent);
    Result<StatementPtr> merge(const ast::Merge& m, Span span, Scope* parent);
    Result<StatementPtr> erase(const ast::Delete& d, Span span, Scope* parent);

    // ---- types and conversion (bind_coerce.cpp) ----
    Result<ResolvedType> type(const ast::TypeName& name);
    Result<ExprPtr> coerce(const ExprPtr& e, Type to, Coercion how, Span at);
    bool can_coerce(const ExprPtr& e, Type to, Coercion how) const;
    // Assignment to a column: conversion, then the domain's conditions.
    Result<ExprPtr> assign(const ExprPtr& e, const RelationColumn& column, Span at);
    Result<ExprPtr> to_boolean(const ExprPtr& e, const char* what,
                               Span at);        // "argument of WHERE must be type boolean, ..."
    ExprPtr resolve_unknown(const ExprPtr& e);  // unknown becomes text
    std::string type_text(Type t) const;

    // ---- the session's zone (bind_zone.cpp) ----
    ExprPtr zoned(Type type, Span at, decltype(Expr::node) node);  // an operation that may depend on it
    QueryPtr in_session(const QueryPtr& query) const;              // of a view or a function of the schema
    Zoning zoning() const;

    // ---- the rest of what the files share ----
    Result<ExprPtr> row_item(const ast::Expr& e, Scope& scope, const Relation& table, RowUse use,
                             Type target);
    void add_relation_item(Scope& scope, const Relation& relation, const std::string& alias, bool aliased,
                           std::uint32_t rel);
    Result<const Relation*> find_relation(const ast::QualifiedName& name) const;

    BindContext& context() { return context_; }

  private:
    // bind_expr.cpp
    Result<ExprPtr> literal(const ast::Literal& l, Span at);
    Result<ExprPtr> parameter(const ast::Parameter& p, Span at);
    Result<ExprPtr> logical(const ast::Logical& l, Scope& scope, Span at);
    Result<ExprPtr> is_test(const ast::IsTest& t, Scope& scope, Span at);
    Result<ExprPtr> case_of(const ast::Case& c, Scope& scope, Span at);
    Result<ExprPtr> cast(const ast::Cast& c, Scope& scope, Span at);
    Result<ExprPtr> array(const ast::Array& a, Scope& scope, Span at, std::optional<Type> element);
    Result<ExprPtr> subscript(const ast::Subscript& s, Scope& scope, Span at);
    Result<ExprPtr> subquery(const ast::Subquery& s, Scope& scope, Span at);
    Result<ExprPtr> row(const ast::Row& r, Scope& scope, Span at);
    Error no_common_type(const std::string& what, Type first, Type second) const;
    Result<Type> unify(std::vector<ExprPtr>& items, const char* what,
                       Span at);  // converts all to one type

    // bind_name.cpp
    Result<ExprPtr> column(const ast::ColumnRef& c, Scope& scope, Span at);
    Result<ExprPtr> find_column(Scope& scope, const std::string& name, Span at, std::uint32_t& found_level);
    struct Qualified {
        const NameItem* item = nullptr;
        std::uint32_t level = 0;
    };
    Result<Qualified> find_item(Scope& scope, const std::string& schema, const std::string& alias, Span at);
    ExprPtr whole_row(const NameItem& item, const Scope& scope, std::uint32_t level, Span at);
    Result<ExprPtr> named_parameter(const std::vector<std::string>& parts, Span at);
    Error no_column(Scope& scope, const std::vector<std::string>& parts, Span at);
    Result<void> expand_star(const ast::Star& star, Scope& scope, Span at,
                             std::vector<std::pair<std::string, ExprPtr>>& out);

    // bind_record.cpp
    Result<ExprPtr> field(const ast::FieldAccess& f, Scope& scope, Span at);
    Result<std::vector<std::pair<std::string, ExprPtr>>> all_fields(const ast::FieldAccess& f, Scope& scope,
                                                                    Span at);
    Result<std::vector<std::pair<std::string, ExprPtr>>> fields_of(const ExprPtr& row, const Scope& scope,
                                                                   Span at);

    // bind_operator.cpp
    Result<ExprPtr> unary(const ast::UnaryOp& u, Scope& scope, Span at);
    Result<ExprPtr> binary(const ast::BinaryOp& b, Scope& scope, Span at);
    Result<ExprPtr> compare_rows(const std::string& op, const ExprPtr& left, const ExprPtr& right, Span at);
    Result<ExprPtr> distinct_from(const ast::DistinctFrom& d, Scope& scope, Span at);
    Result<ExprPtr> between(const ast::Between& b, Scope& scope, Span at);
    Result<ExprPtr> in_list(const ast::InList& i, Scope& scope, Span at);
    void unify_values(const ExprPtr& operand, std::vector<ExprPtr>& items, Span at);
    Result<ExprPtr> quantified_query(const ast::QuantifiedQuery& q, Scope& scope, Span at);
    Result<ExprPtr> quantified_array(const ast::QuantifiedArray& q, Scope& scope, Span at);
    // op over bound operands; left null for a prefix operator.
    Result<ExprPtr> operate(const std::string& op, const ExprPtr& left, const ExprPtr& right, Span at);
    // What the operator wants of two types, without applying it.
    Result<Resolved> operator_for(const std::string& op, std::optional<Type> left, Type right, Span at);

    // bind_call.cpp
    Result<ExprPtr> call(const ast::FunctionCall& c, Scope& scope, Span at);
    Result<std::optional<ExprPtr>> special_call(const ast::FunctionCall& c, Scope& scope, Span at);
    Result<std::optional<ExprPtr>> routine_call(const ast::FunctionCall& c, const std::vector<ExprPtr>& args,
                                                Span at);
    Result<std::vector<ExprPtr>> routine_arguments(const RoutineSignature& r, const ast::FunctionCall& c,
                                                   const std::vector<ExprPtr>& args, Span at);
    Result<std::vector<ExprPtr>> interval_parts(const ast::FunctionCall& c, std::vector<ExprPtr> args,
                                                Span at);
    Result<ExprPtr> select_list_function(const ast::FunctionCall& c, const std::vector<ExprPtr>& args,
                                         Scope& scope, Span at);
    Error no_function(const ast::FunctionCall& c, const std::vector<ExprPtr>& args, Span at);
    Result<ExprPtr> convert_arguments(std::vector<ExprPtr> args, const Resolved& resolved, Span at);

    // bind_aggregate.cpp
    Result<ExprPtr> aggregate(const ast::FunctionCall& c, Scope& scope, Span at);
    Result<ExprPtr> window(const ast::FunctionCall& c, Scope& scope, Span at);
    // What stands in the parentheses of an aggregate and behind them, bound as in `clause`.
    Result<void> aggregate_operands(const ast::FunctionCall& c, Scope& scope, Clause clause,
                                    std::vector<ExprPtr>& args, Aggregate& out);
    Result<Aggregate> aggregate_parts(const ast::FunctionCall& c, Scope& scope, Span at, Type& result);
    // bind_within_group.cpp
    Result<Aggregate> within_group(const ast::FunctionCall& c, Scope& scope, Span at, Type& result);
    Result<void> hypothetical_row(const ast::FunctionCall& c, Aggregate& out, Span at);
    Result<void> window_spec(const ast::WindowSpec& spec, Scope& scope, Window& out, Span at);
    Result<void> window_frame(const ast::WindowFrame& frame, Scope& scope, Window& out, Span at);
    Result<void> range_bound(FrameBound& bound, Window& out, Span at);
    Result<Aggregate::Order> sort_key(const ast::SortKey& key, Scope& scope);

    // bind_query.cpp
    Result<std::shared_ptr<Query>> query_in(const ast::Query& q, Scope& scope);
    Result<void> select(const ast::Select& s, const ast::Query& q, Scope& scope, Query& out);
    Result<void> values(const ast::Values& v, Scope& scope, Query& out);
    Result<void> set_operation(const ast::SetOperation& s, Scope& scope, Query& out);
    Result<void> with(const ast::With& w, Scope& scope, std::vector<Cte>& out);
    Result<Cte> recursive_cte(const ast::CommonTable& t, const ast::Query& q, Scope& scope,
                              std::uint32_t index);
    Result<void> name_columns(const ast::CommonTable& t, std::vector<OutputColumn>& columns) const;
    Result<void> targets(const std::vector<ast::SelectItem>& items, Scope& scope, Clause clause,
                         std::vector<ExprPtr>& exprs, std::vector<OutputColumn>& columns);
    Result<void> limits(const ast::Query& q, Scope& scope, Query& out);
    Result<void> output_order(const ast::Query& q, Query& out);
    OutputColumn output_column(const std::string& name, const ExprPtr& e, const Scope& scope) const;
    void set_output_type(Query& q, std::size_t column, ExprPtr value);

    // bind_group.cpp
    Result<void> order_by(const std::vector<ast::SortKey>& keys, Scope& scope, Query& out);
    Result<void> distinct(const ast::Select& s, Scope& scope, Query& out);
    // Values of json are neither equal nor in an order. `kind`: "equality" or "ordering".
    Result<void> check_comparable(const ExprPtr& e, const char* kind) const;
    Result<ExprPtr> target_or_expr(const ast::Expr& e, Scope& scope, Query& out, Clause clause);
    // `common`: keys that every row is grouped by.
    Result<void> check_grouping(const Query& q, const std::vector<ExprPtr>& common);

    // bind_grouping.cpp
    Result<std::vector<GroupingSet>> group_by(const ast::Select& s, Scope& scope, Query& out);
    Result<std::vector<GroupingSet>> grouping_sets_of(const ast::Expr& item, Scope& scope, Query& out);
    Result<std::uint32_t> group_key(const ast::Expr& item, Scope& scope, Query& out);
    Result<ExprPtr> grouping_call(const ast::FunctionCall& c, Scope& scope, Span at);
    Result<void> check_groupings(const Query& q, const Scope& scope, Span at) const;
    // Makes a grouped query one of all its sets.
    Result<void> spread_sets(Query& out, const Scope& scope, const std::vector<GroupingSet>& sets);

    // bind_from.cpp
    Result<FromItem> from_item(const ast::TableRef& t, Scope& scope);
    Result<FromItem> table_item(const ast::TableName& t, Scope& scope, Span at);
    Result<FromItem> subquery_item(const ast::SubqueryRef& s, Scope& scope, Span at);
    Result<FromItem> function_item(const ast::FunctionRef& f, Scope& scope, Span at);
    Result<FunctionRel::Source> function_source(const ast::FunctionCall& c,
                                                const std::vector<ast::ColumnDefinition>& definitions,
                                                Scope& scope, Span at, std::vector<OutputColumn>& columns);
    Result<std::optional<FromItem>> routine_item(const ast::FunctionRef& f, Scope& scope, Span at);
    Result<FromItem> join_item(const ast::Join& j, Scope& scope, Span at);
    Result<void> join_using(const ast::Join& j, Scope& scope, std::size_t left_begin, std::size_t right_begin,
                            Join& out, Span at);
    Result<FromItem> add_rel(Scope& scope, Rel rel, const ast::Alias& alias, const std::string& name, Span at,
                             const Relation* relation = nullptr);
    Result<void> add_from(const std::vector<ast::TableRef>& list, Scope& scope, std::vector<FromItem>& out);
    Result<void> check_new_names(const Scope& scope, std::size_t from, Span at) const;

    // bind_dml.cpp
    Result<std::vector<Assignment>> assignments(const std::vector<ast::Assignment>& list,
                                                const Relation& table, Scope& scope);
    Result<void> assign_subquery(const ast::Assignment& a, const Relation& table, Scope& scope,
                                 std::vector<Assignment>& out);
    Result<ExprPtr> default_of(const RelationColumn& column, Span at);
    Result<void> insert_source(const ast::Insert& i, const Relation& table, Scope& scope, Insert& out);
    Result<void> insert_values(const ast::Insert& i, const ast::Query& q, const Relation& table, Scope& scope,
                               Insert& out);
    Result<void> insert_query(const ast::Query& q, const Relation& table, Scope& scope, Insert& out);
    Result<void> insert_columns(const ast::Insert& i, const Relation& table, Insert& out);
    Result<void> check_insertable(const RelationColumn& column, const ast::Insert& i, Span at) const;
    void fit_columns(const ast::Insert& i, std::size_t width, Insert& out) const;
    Result<void> check_width(const ast::Insert& i, std::size_t width, const Insert& out, Span at) const;
    void add_target(Scope& scope, const Relation& table, const ast::Alias& alias, Span at);
    Result<void> returning(const std::vector<ast::SelectItem>& items, Scope& scope,
                           std::vector<ExprPtr>& exprs, std::vector<OutputColumn>& columns);
    void warn_of_self_assignment(const ExprPtr& value, std::uint32_t column, Span at);
    Result<OnConflict> on_conflict(const ast::OnConflict& c, const Relation& table, Scope& scope);
    Result<std::uint32_t> conflict_key(const ast::OnConflict& c, const Relation& table);
    Result<const Relation*> target_table(const ast::TableName& name, const char* verb);
    Result<std::uint32_t> target_column(const Relation& table, const ast::Target& target);

    BindContext& context_;
};

QueryPtr shifted_from_with(const QueryPtr& root, std::uint32_t by);  // bind_walk.cpp
ExprPtr make(Type type, Span at, decltype(Expr::node) node);
ExprPtr column_ref(std::uint32_t rel, std::uint32_t column, Type type, Span at);
ExprPtr null_of(Type type, Span at);
ExprPtr text_const(const std::string& text, Span at);
ExprPtr truth(LogicOp op, std::vector<ExprPtr> args, Span at);
inline bool is_unknown(Type t) {
    return t.id == TypeId::unknown && !t.array;
}
std::string column_name_of(
    const ast::Expr& e);  // what PostgreSQL calls an unnamed output: "?column?", a function's name, ...
Error unsupported(const std::string& what, Span at);  // 0A000 "X is not supported"
Error undefined_table(const BindContext& context, const ast::QualifiedName& name);

}  // namespace anabranch::sql::binding
