#include "lib/sql/bind.h"
#include "lib/base/overload.h"

#include "lib/sql/bind_internal.h"
#include "lib/sql/bind_walk.h"

namespace anabranch::sql {

namespace binding {

namespace {

Clause clause_of(RowUse use) {
    switch (use) {
        case RowUse::check:
            return Clause::check;
        case RowUse::generated:
            return Clause::generated;
        case RowUse::index_expression:
            return Clause::index_expression;
        case RowUse::index_predicate:
            return Clause::index_predicate;
    }
    return Clause::check;
}

// What PostgreSQL says of a subquery where a table's own expressions stand.
Result<void> refuse_subqueries(const ExprPtr& e, Clause clause, bool inlined_ok) {
    std::optional<Span> at;
    walk(e, [&](const ExprPtr& part, std::uint32_t) {
        if (std::holds_alternative<Subquery>(part->node) && !at) at = part->span;
        return !at.has_value();
    });
    if (!at || inlined_ok) return {};
    const char* where = clause == Clause::check              ? "check constraint"
                        : clause == Clause::generated        ? "column generation expression"
                        : clause == Clause::default_value    ? "DEFAULT expression"
                        : clause == Clause::index_expression ? "index expression"
                                                             : "index predicate";
    return fail(Error::make(sqlstate::feature_not_supported, std::string("cannot use subquery in ") + where)
                    .with_span(*at)
                    .with_hint(clause == Clause::check ? "A condition over other rows or tables is a view in "
                                                         "schema assertion, or CREATE ASSERTION."
                                                       : ""));
}

}  // namespace

Result<ExprPtr> Binding::row_item(const ast::Expr& e, Scope& scope, const Relation& table, RowUse use,
                                  Type target) {
    add_target(scope, table, {}, e.span);
    const Clause clause = clause_of(use);
    ExprPtr bound;
    if (use == RowUse::check || use == RowUse::index_predicate) {
        TRY(bound, condition(e, scope, clause));
    } else {
        TRY(bound, expr_in(e, scope, clause));
        if (is_unknown(target)) {
            bound = resolve_unknown(bound);
        } else {
            TRY(bound, coerce(bound, target, Coercion::assignment, e.span));
        }
    }
    TRY_VOID(refuse_subqueries(bound, clause, false));
    return bound;
}

Result<StatementPtr> Binding::statement(const ast::Statement& s, Scope* parent) {
    return std::visit(Overload{[&](const ast::Query& q) -> Result<StatementPtr> {
                                   TRY(QueryPtr bound, finished_query(q, parent));
                                   auto out = std::make_shared<Statement>();
                                   out->span = s.span;
                                   out->columns = bound->columns;
                                   out->body = std::move(bound);
                                   return StatementPtr(std::move(out));
                               },
                               [&](const ast::Insert& i) { return insert(i, s.span, parent); },
                               [&](const ast::Update& u) { return update(u, s.span, parent); },
                               [&](const ast::Delete& d) { return erase(d, s.span, parent); },
                               [&](const ast::Merge& m) { return merge(m, s.span, parent); },
                               [&](const ast::Unmodelled& u) -> Result<StatementPtr> {
                                   return fail(unsupported(u.what, s.span));
                               },
                               [&](const ast::Call&) -> Result<StatementPtr> {
                                   return fail(unsupported("CALL here", s.span));
                               },
                               [&](const auto&) -> Result<StatementPtr> {
                                   return fail(unsupported("this statement here", s.span));
                               }},
                      s.node);
}

}  // namespace binding

Result<StatementPtr> bind_statement(const ast::Statement& statement, BindContext& context) {
    return binding::Binding(context).statement(statement, nullptr);
}

Result<QueryPtr> bind_query(const ast::Query& query, BindContext& context) {
    return binding::Binding(context).finished_query(query, nullptr);
}

Result<ExprPtr> bind_value(const ast::Expr& expr, Type target, const std::shared_ptr<const Domain>& domain,
                           BindContext& context) {
    binding::Binding binding(context);
    binding::Scope scope;
    TRY(ExprPtr bound, binding.expr_in(expr, scope, binding::Clause::default_value));
    RelationColumn column;
    column.name = "value";
    column.type = target;
    column.domain = domain;
    if (binding::is_unknown(target)) return binding.resolve_unknown(bound);
    return binding.assign(bound, column, expr.span);
}

Result<ExprPtr> bind_argument(const ast::Expr& expr, Type target, BindContext& context) {
    binding::Binding binding(context);
    binding::Scope scope;
    TRY(ExprPtr bound, binding.expr_in(expr, scope, binding::Clause::call_argument));
    if (!binding.can_coerce(bound, target, Coercion::implicit))
        return fail(Error::make(sqlstate::undefined_function, "an argument of type " +
                                                                  binding.type_text(bound->type) +
                                                                  " is not a " + binding.type_text(target))
                        .with_span(expr.span)
                        .with_hint("No procedure matches the given name and argument types. You might need "
                                   "to add explicit type casts."));
    return binding.coerce(bound, target, Coercion::implicit, expr.span);
}

Result<ExprPtr> bind_row_expression(const ast::Expr& expr, const Relation& table, RowUse use, Type target,
                                    BindContext& context) {
    binding::Binding binding(context);
    binding::Scope scope;
    return binding.row_item(expr, scope, table, use, target);
}

Result<ExprPtr> bind_domain_check(const ast::Expr& expr, Type base, BindContext& context) {
    binding::Binding binding(context);
    binding::Scope scope;
    binding::NameItem item;
    item.columns.push_back({"value", binding::make(base, expr.span, DomainValue{}), false});
    scope.items.push_back(std::move(item));
    return binding.condition(expr, scope, binding::Clause::check);
}

Result<Func> bind_exclusion_operator(const ast::QualifiedName& op, Type type) {
    const Resolution r = resolve_operator(op.name, type, type);
    if (r.match != Match::found || r.resolved.result.id != TypeId::bool_)
        return fail(Error::make(sqlstate::undefined_function,
                                "operator " + op.name + " cannot be used in this exclusion constraint")
                        .with_span(op.span));
    return r.resolved.func;
}

}  // namespace anabranch::sql
