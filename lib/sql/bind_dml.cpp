// UPDATE, DELETE and what they share with INSERT: targets, assignments, RETURNING.
#include <algorithm>

#include "lib/sql/bind_internal.h"
#include "lib/sql/bind_walk.h"

namespace anabranch::sql::binding {

Result<const Relation*> Binding::target_table(const ast::TableName& name, const char* verb) {
    TRY(const Relation* relation, find_relation(name.name));
    if (relation->kind == Relation::Kind::view)
        return fail(unsupported(std::string(verb) + " a view", name.span));
    if (relation->kind == Relation::Kind::virtual_table)
        return fail(
            Error::make("42501", "\"" + relation->name + "\" is a system relation: it can only be read")
                .with_span(name.span));
    return relation;
}

void Binding::add_target(Scope& scope, const Relation& table, const ast::Alias& alias, Span at) {
    Rel rel{alias.name.empty() ? table.name : alias.name, TableRel{table.table}, {}};
    NameItem item;
    item.alias = rel.alias;
    if (alias.name.empty()) item.schema = table.schema;
    item.table = table.name;
    item.rel = static_cast<std::uint32_t>(scope.rels.size());
    for (std::uint32_t i = 0; i < table.columns.size(); ++i) {
        rel.columns.push_back({table.columns[i].name, table.columns[i].type, table.table, i});
        item.columns.push_back({table.columns[i].name, column_ref(*item.rel, i, table.columns[i].type, at),
                                table.columns[i].hidden});
    }
    scope.rels.push_back(std::move(rel));
    scope.items.push_back(std::move(item));
}

Result<std::uint32_t> Binding::target_column(const Relation& table, const ast::Target& target) {
    if (!target.path.empty()) return fail(unsupported("assigning to a part of a column", target.span));
    std::vector<std::string> names;
    for (std::uint32_t i = 0; i < table.columns.size(); ++i) {
        if (table.columns[i].hidden) continue;
        if (table.columns[i].name == target.column) return i;
        names.push_back(table.columns[i].name);
    }
    Error error = Error::make(sqlstate::undefined_column, "column \"" + target.column + "\" of relation \"" +
                                                              table.name + "\" does not exist")
                      .with_span(target.span);
    if (const std::string close = closest_name(target.column, names); !close.empty())
        error.hint = "Perhaps you meant \"" + close + "\".";
    return fail(std::move(error));
}

// The value of DEFAULT written out.
Result<ExprPtr> Binding::default_of(const RelationColumn& column, Span at) {
    if (column.default_value) return column.default_value;
    if (column.identity)
        return fail(unsupported("DEFAULT of the identity column \"" + column.name + "\" here", at));
    return assign(null_of(column.type, at), column, at);
}

void Binding::warn_of_self_assignment(const ExprPtr& value, std::uint32_t column, Span at) {
    const auto* ref = std::get_if<ColumnRef>(&value->node);
    if (ref == nullptr || ref->level != 0 || ref->rel != 0 || ref->column != column) return;
    for (const auto& [index, span] : context_.shadowed) {
        if (!(span == value->span)) continue;
        const std::string& name = context_.parameters[index].name;
        context_.warnings.push_back(
            {at, "SET " + name + " = " + name +
                     " changes nothing: a column beats a parameter of the same name; write " +
                     (context_.routine.empty() ? "" : context_.routine + ".") + name + " for the parameter"});
        context_.parameters[index].used = true;  // told already
        return;
    }
}

// (a, b) = (SELECT ...): one scalar subquery per column.
Result<void> Binding::assign_subquery(const ast::Assignment& a, const Relation& table, Scope& scope,
                                      std::vector<Assignment>& out) {
    const auto* s = std::get_if<ast::Subquery>(&a.value.node);
    if (s == nullptr || s->kind != ast::SubqueryKind::Scalar)
        return fail(unsupported("this multiple-column assignment", a.span));
    for (std::size_t i = 0; i < a.targets.size(); ++i) {
        TRY(std::uint32_t index, target_column(table, a.targets[i]));
        Scope wrapper;
        wrapper.parent = &scope;
        TRY(std::shared_ptr<Query> inner, query(*s->query, &wrapper));
        if (inner->columns.size() != a.targets.size())
            return fail(
                Error::make(sqlstate::syntax_error, "number of columns does not match number of values")
                    .with_span(a.span));
        const RelationColumn& column = table.columns[index];
        if (is_unknown(inner->columns[i].type)) {
            TRY_VOID(coerce_output(*inner, i, column.type, a.value.span, "UPDATE"));
        }
        resolve_unknown_outputs(*inner);
        auto one = std::make_shared<Query>();
        one->targets.push_back(
            column_ref(0, static_cast<std::uint32_t>(i), inner->columns[i].type, a.value.span));
        one->columns.push_back(inner->columns[i]);
        std::vector<OutputColumn> columns = inner->columns;
        one->rels.push_back({{}, DerivedRel{std::move(inner), false}, std::move(columns)});
        one->from.push_back({0, nullptr});
        const Type type = one->columns[0].type;
        TRY(ExprPtr value,
            assign(make(type, a.value.span, Subquery{SubqueryKind::scalar, std::move(one), {}, {}}), column,
                   a.value.span));
        out.push_back({ColumnId{index}, std::move(value)});
    }
    return {};
}

Result<std::vector<Assignment>> Binding::assignments(const std::vector<ast::Assignment>& list,
                                                     const Relation& table, Scope& scope) {
    std::vector<Assignment> out;
    for (const ast::Assignment& a : list) {
        if (a.targets.size() != 1) {
            TRY_VOID(assign_subquery(a, table, scope, out));
            continue;
        }
        TRY(std::uint32_t index, target_column(table, a.targets[0]));
        const RelationColumn& column = table.columns[index];
        const bool is_default = std::holds_alternative<ast::DefaultValue>(a.value.node);
        if (column.generated || column.identity_always) {
            if (is_default && column.generated) continue;
            return fail(
                Error::make("428C9", "column \"" + column.name + "\" can only be updated to DEFAULT")
                    .with_detail("Column \"" + column.name +
                                 (column.generated ? "\" is a generated column."
                                                   : "\" is an identity column defined as GENERATED ALWAYS."))
                    .with_span(a.targets[0].span));
        }
        if (is_default) {
            TRY(ExprPtr value, default_of(column, a.value.span));
            out.push_back({ColumnId{index}, std::move(value)});
            continue;
        }
        const Clause clause = scope.clause == Clause::on_conflict ? Clause::on_conflict : Clause::update;
        TRY(ExprPtr value, expr_in(a.value, scope, clause));
        warn_of_self_assignment(value, index, a.span);
        TRY(value, assign(value, column, a.value.span));
        out.push_back({ColumnId{index}, std::move(value)});
    }
    for (std::size_t i = 0; i < out.size(); ++i)
        for (std::size_t j = 0; j < i; ++j)
            if (out[i].column == out[j].column)
                return fail(Error::make(sqlstate::syntax_error, "multiple assignments to same column \"" +
                                                                    table.columns[out[i].column.value].name +
                                                                    "\"")
                                .with_span(list[std::min(i, list.size() - 1)].span));
    return out;
}

Result<void> Binding::returning(const std::vector<ast::SelectItem>& items, Scope& scope,
                                std::vector<ExprPtr>& exprs, std::vector<OutputColumn>& columns) {
    TRY_VOID(targets(items, scope, Clause::returning, exprs, columns));
    for (std::size_t i = 0; i < exprs.size(); ++i) {
        exprs[i] = resolve_unknown(exprs[i]);
        columns[i].type = exprs[i]->type;
    }
    return {};
}

Result<StatementPtr> Binding::update(const ast::Update& u, Span span, Scope* parent) {
    auto out = std::make_shared<Statement>();
    out->span = span;
    Scope outer, scope;
    outer.parent = parent;
    scope.parent = &outer;
    TRY_VOID(with(u.with, outer, out->ctes));
    TRY(const Relation* table, target_table(u.table, "updating"));
    Update body;
    body.merge = u.merge;
    body.table = table->table;
    add_target(scope, *table, u.table.alias, u.table.span);
    scope.items[0].lateral_only = true;
    TRY_VOID(add_from(u.from, scope, body.from));
    TRY(body.assignments, assignments(u.assignments, *table, scope));
    if (u.where) {
        TRY(body.where, condition(*u.where, scope, Clause::where));
    }
    TRY_VOID(returning(u.returning, scope, body.returning, out->columns));
    body.rels = std::move(scope.rels);
    out->body = std::move(body);
    return StatementPtr(std::move(out));
}

Result<StatementPtr> Binding::erase(const ast::Delete& d, Span span, Scope* parent) {
    auto out = std::make_shared<Statement>();
    out->span = span;
    Scope outer, scope;
    outer.parent = parent;
    scope.parent = &outer;
    TRY_VOID(with(d.with, outer, out->ctes));
    TRY(const Relation* table, target_table(d.table, "deleting from"));
    Delete body;
    body.merge = d.merge;
    body.table = table->table;
    add_target(scope, *table, d.table.alias, d.table.span);
    scope.items[0].lateral_only = true;
    TRY_VOID(add_from(d.using_tables, scope, body.from));
    if (d.where) {
        TRY(body.where, condition(*d.where, scope, Clause::where));
    }
    TRY_VOID(returning(d.returning, scope, body.returning, out->columns));
    body.rels = std::move(scope.rels);
    out->body = std::move(body);
    return StatementPtr(std::move(out));
}

}  // namespace anabranch::sql::binding
