// Binding: the syntax tree (ast.h) becomes the typed intermediate representation (ir.h), names and types
// resolved as PostgreSQL 15 does.
//
// - Relations are searched in `path`, then public, then pg_catalog. A column beats a parameter of the same
// name.
// - Every implicit cast is a Cast node, every domain a DomainCheck on assignment and on cast; views and the
// user's single-query STABLE or
//   IMMUTABLE SQL functions are inlined.
// - Errors have PostgreSQL's SQLSTATE and wording, a span, and often a hint. What the engine does not support
// fails with 0A000, which names
//   the construct: a caller may treat that code as "not modelled" rather than "wrong".
//
// Not thread-safe; one BindContext binds one statement or body.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/sql/ast.h"
#include "lib/sql/ir.h"
#include "lib/sql/names.h"

namespace anabranch::sql {

struct BindWarning {
    Span span;
    std::string message;
};

// Parameters of a routine ($1 is the first; also by name and by routine.name), or of an ad-hoc statement.
struct BoundParameter {
    std::string name;  // empty: by number only
    Type type;         // unknown: to be inferred, when `infer` is set
    Span span;
    bool used = false;  // set by binding
};

struct BindContext {
    explicit BindContext(const Names& all) : names(all) {}
    const Names& names;
    std::vector<std::string> path;  // schemas searched before public
    std::string routine;            // the name that may qualify parameters
    std::vector<BoundParameter> parameters;
    ZonePtr zone;  // of the session; null: UTC
    // For who cannot tell what a zone does: what depends on it becomes Func::uninterpreted.
    bool unknown_zone = false;
    bool infer = false;  // $n may be new, and its type is inferred from its context
    bool uninterpreted =
        false;  // functions the engine does not know become Func::uninterpreted instead of an error
    std::vector<BindWarning> warnings;
    // Internal: unqualified names that meant a column although a parameter has the same name.
    std::vector<std::pair<std::size_t, Span>> shadowed;
};

// Query, Insert, Update or Delete. Anything else is an error.
Result<StatementPtr> bind_statement(const ast::Statement& statement, BindContext& context);
Result<QueryPtr> bind_query(const ast::Query& query, BindContext& context);
// A scalar expression without columns in scope, converted to the type of an assignment target (unknown: its
// own type).
Result<ExprPtr> bind_value(const ast::Expr& expr, Type target, const std::shared_ptr<const Domain>& domain,
                           BindContext& context);
// The same with an explicit cast: RETURN of a function, arguments of CALL with declared domains.
Result<ExprPtr> bind_argument(const ast::Expr& expr, Type target, BindContext& context);
// Over one row of a table as rel 0: CHECK and index predicates are boolean; `target` unknown keeps the
// expression's own type.
enum class RowUse : std::uint8_t { check, generated, index_expression, index_predicate };
Result<ExprPtr> bind_row_expression(const ast::Expr& expr, const Relation& table, RowUse use, Type target,
                                    BindContext& context);
// A domain's CHECK, over DomainValue.
Result<ExprPtr> bind_domain_check(const ast::Expr& expr, Type base, BindContext& context);
// The operator of an EXCLUDE element.
Result<Func> bind_exclusion_operator(const ast::QualifiedName& op, Type type);

Result<ResolvedType> bind_type(const ast::TypeName& type, const BindContext& context);

// The same outputs under an implicit or assignment cast per column; used for a function's result.
Result<QueryPtr> with_output_types(QueryPtr query, const std::vector<Type>& types, Span span,
                                   const BindContext& context);

// After a whole body is bound: adds a warning for each parameter that is never read because a column of the
// same name is.
void warn_of_shadowed_parameters(BindContext& context);

// "Perhaps you meant ...": the closest of the names, empty when none is close.
std::string closest_name(std::string_view name, const std::vector<std::string>& names);

}  // namespace anabranch::sql
