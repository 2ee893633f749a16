// INSERT: target columns, sources, ON CONFLICT.
#include <algorithm>

#include "lib/sql/bind_internal.h"
#include "lib/sql/bind_walk.h"

namespace anabranch::sql::binding {

namespace {

bool is_default(const ast::Expr& e) {
    return std::holds_alternative<ast::DefaultValue>(e.node);
}

// A conversion of the outputs would change what DISTINCT, ORDER BY or a set operation compare: it goes around
// them.
bool needs_wrapping(const ast::Query& q) {
    const auto* s = std::get_if<ast::Select>(&q.body);
    return s == nullptr || s->distinct != ast::DistinctKind::All || !q.order_by.empty();
}

}  // namespace

Result<void> Binding::check_insertable(const RelationColumn& column, const ast::Insert& i, Span at) const {
    if (!column.generated && (!column.identity_always || i.overriding != ast::Overriding::None)) return {};
    Error error =
        Error::make("428C9", "cannot insert a non-DEFAULT value into column \"" + column.name + "\"")
            .with_span(at);
    error.detail = "Column \"" + column.name +
                   (column.generated ? "\" is a generated column."
                                     : "\" is an identity column defined as GENERATED ALWAYS.");
    if (!column.generated) error.hint = "Use OVERRIDING SYSTEM VALUE to override.";
    return fail(std::move(error));
}

Result<void> Binding::insert_columns(const ast::Insert& i, const Relation& table, Insert& out) {
    if (i.columns.empty()) {
        for (std::uint32_t c = 0; c < table.columns.size(); ++c)
            if (!table.columns[c].hidden) out.columns.push_back({c});
        return {};
    }
    for (const ast::Target& target : i.columns) {
        TRY(std::uint32_t index, target_column(table, target));
        if (std::find(out.columns.begin(), out.columns.end(), ColumnId{index}) != out.columns.end())
            return fail(Error::make("42701", "column \"" + target.column + "\" specified more than once")
                            .with_span(target.span));
        out.columns.push_back({index});
    }
    return {};
}

Result<void> Binding::check_width(const ast::Insert& i, std::size_t width, const Insert& out, Span at) const {
    if (width > out.columns.size())
        return fail(Error::make(sqlstate::syntax_error, "INSERT has more expressions than target columns")
                        .with_span(at));
    if (width < out.columns.size() && !i.columns.empty())
        return fail(Error::make(sqlstate::syntax_error, "INSERT has more target columns than expressions")
                        .with_span(i.columns[width].span));
    return {};
}

void Binding::fit_columns(const ast::Insert& i, std::size_t width, Insert& out) const {
    if (i.columns.empty() && width < out.columns.size()) out.columns.resize(width);
}

Result<void> Binding::insert_values(const ast::Insert& i, const ast::Query& q, const Relation& table,
                                    Scope& scope, Insert& out) {
    const auto& v = std::get<ast::Values>(q.body);
    auto source = std::make_shared<Query>();
    Scope inner;
    inner.parent = &scope;
    inner.clause = Clause::values;
    TRY_VOID(with(q.with, inner, source->ctes));
    const std::size_t width = v.rows.at(0).size();
    for (const std::vector<ast::Expr>& row : v.rows) {
        if (row.size() != width)
            return fail(Error::make(sqlstate::syntax_error, "VALUES lists must all be the same length")
                            .with_span(row.at(0).span));
        TRY_VOID(check_width(i, width, out, row[std::min(width - 1, out.columns.size())].span));
    }
    fit_columns(i, width, out);
    std::vector<ColumnId> kept;
    std::vector<std::size_t> slots;
    for (std::size_t c = 0; c < width; ++c) {  // DEFAULT in every row: as if the column were not listed
        if (std::all_of(v.rows.begin(), v.rows.end(), [&](const auto& row) { return is_default(row[c]); }))
            continue;
        for (const auto& row : v.rows)
            if (!is_default(row[c])) {
                TRY_VOID(check_insertable(table.columns[out.columns[c].value], i, row[c].span));
            }
        kept.push_back(out.columns[c]);
        slots.push_back(c);
    }
    if (kept.empty() && v.rows.size() == 1) {  // VALUES (DEFAULT): DEFAULT VALUES
        out.columns.clear();
        return {};
    }
    for (const std::vector<ast::Expr>& row : v.rows) {
        std::vector<ExprPtr> bound;
        for (std::size_t k = 0; k < kept.size(); ++k) {
            const RelationColumn& column = table.columns[kept[k].value];
            const ast::Expr& e = row[slots[k]];
            if (is_default(e)) {
                TRY(ExprPtr value, default_of(column, e.span));
                bound.push_back(std::move(value));
                continue;
            }
            TRY(ExprPtr value, expr(e, inner));
            TRY(value, assign(value, column, e.span));
            bound.push_back(std::move(value));
        }
        source->values.push_back(std::move(bound));
    }
    for (std::size_t k = 0; k < kept.size(); ++k)
        source->columns.push_back(
            {"column" + std::to_string(k + 1), table.columns[kept[k].value].type, {}, 0});
    out.columns = std::move(kept);
    out.source = std::move(source);
    return {};
}

Result<void> Binding::insert_query(const ast::Query& q, const Relation& table, Scope& scope, Insert& out) {
    Scope wrapper;
    wrapper.parent = &scope;
    const bool wrap = needs_wrapping(q);
    TRY(std::shared_ptr<Query> source, query(q, wrap ? &wrapper : &scope));
    for (std::size_t c = 0; c < source->columns.size() && c < out.columns.size(); ++c) {
        if (!is_unknown(source->columns[c].type)) continue;
        const Type type = without_modifier(table.columns[out.columns[c].value].type);
        TRY_VOID(coerce_output(*source, c, type, q.span, "INSERT"));
    }
    resolve_unknown_outputs(*source);
    if (wrap) {
        auto outer = std::make_shared<Query>();
        outer->columns = source->columns;
        for (std::size_t c = 0; c < source->columns.size(); ++c)
            outer->targets.push_back(
                column_ref(0, static_cast<std::uint32_t>(c), source->columns[c].type, q.span));
        std::vector<OutputColumn> columns = source->columns;
        outer->rels.push_back({{}, DerivedRel{std::move(source), false}, std::move(columns)});
        outer->from.push_back({0, nullptr});
        source = std::move(outer);
    }
    for (std::size_t c = 0; c < source->columns.size() && c < out.columns.size(); ++c) {
        const ExprPtr before = source->targets[c];
        TRY(ExprPtr value, assign(before, table.columns[out.columns[c].value], before->span));
        source->columns[c].type = value->type;
        source->targets[c] = std::move(value);
    }
    out.source = std::move(source);
    return {};
}

Result<void> Binding::insert_source(const ast::Insert& i, const Relation& table, Scope& scope, Insert& out) {
    if (!i.source) {
        out.columns.clear();
        return {};
    }
    const ast::Query& q = *i.source;
    const bool plain_values =
        std::holds_alternative<ast::Values>(q.body) && q.order_by.empty() && !q.limit && !q.offset;
    if (plain_values) return insert_values(i, q, table, scope, out);
    TRY_VOID(insert_query(q, table, scope, out));
    const std::size_t width = out.source->columns.size();
    TRY_VOID(check_width(i, width, out, q.span));
    fit_columns(i, width, out);
    for (std::size_t c = 0; c < out.columns.size(); ++c) {
        TRY_VOID(check_insertable(table.columns[out.columns[c].value], i, q.span));
    }
    return {};
}

Result<std::uint32_t> Binding::conflict_key(const ast::OnConflict& c, const Relation& table) {
    if (!c.constraint.empty()) {
        for (std::uint32_t k = 0; k < table.keys.size(); ++k)
            if (table.keys[k].name == c.constraint) return k;
        return fail(
            Error::make(sqlstate::undefined_object,
                        "constraint \"" + c.constraint + "\" for table \"" + table.name + "\" does not exist")
                .with_span(c.span));
    }
    std::vector<ColumnId> columns;
    std::vector<ExprPtr> expressions;
    for (const ast::IndexElement& e : c.elements) {
        Scope row;
        if (!e.expr) {
            TRY(std::uint32_t index, target_column(table, ast::Target{e, e.column, {}}));
            columns.push_back({index});
            continue;
        }
        TRY(ExprPtr bound, row_item(*e.expr, row, table, RowUse::index_expression, {}));
        if (const auto* ref = std::get_if<ColumnRef>(&bound->node))
            columns.push_back({ref->column});
        else
            expressions.push_back(std::move(bound));
    }
    ExprPtr predicate;
    if (c.elements_where) {
        Scope row;
        TRY(predicate, row_item(*c.elements_where, row, table, RowUse::index_predicate, {}));
    }
    const auto matches = [&](const Relation::Key& key) {
        if (key.predicate && !same(key.predicate, predicate)) return false;
        std::vector<ColumnId> of_key = key.columns;
        std::vector<ExprPtr> rest;
        for (const ExprPtr& e : key.expressions) {
            if (const auto* ref = std::get_if<ColumnRef>(&e->node))
                of_key.push_back({ref->column});
            else
                rest.push_back(e);
        }
        std::vector<ColumnId> wanted = columns;
        const auto tidy = [](std::vector<ColumnId>& list) {
            std::sort(list.begin(), list.end());
            list.erase(std::unique(list.begin(), list.end()), list.end());
        };
        tidy(of_key);
        tidy(wanted);
        return of_key == wanted && rest.size() == expressions.size() &&
               std::is_permutation(rest.begin(), rest.end(), expressions.begin(), same);
    };
    for (std::uint32_t k = 0; k < table.keys.size(); ++k)
        if (matches(table.keys[k])) return k;
    return fail(
        Error::make("42P10",
                    "there is no unique or exclusion constraint matching the ON CONFLICT specification")
            .with_span(c.span));
}

Result<OnConflict> Binding::on_conflict(const ast::OnConflict& c, const Relation& table, Scope& scope) {
    OnConflict out;
    out.action = c.update ? ConflictAction::update : ConflictAction::nothing;
    if (c.elements.empty() && c.constraint.empty()) {
        if (c.update)
            return fail(
                Error::make(sqlstate::syntax_error,
                            "ON CONFLICT DO UPDATE requires inference specification or constraint name")
                    .with_span(c.span)
                    .with_hint("For example, ON CONFLICT (column_name)."));
    } else {
        TRY(out.key, conflict_key(c, table));
    }
    if (!c.update) return out;
    scope.clause = Clause::on_conflict;
    add_target(scope, table, ast::Alias{"excluded", {}}, c.span);
    TRY(out.assignments, assignments(c.assignments, table, scope));
    if (c.where) {
        TRY(out.where, condition(*c.where, scope, Clause::where));
    }
    return out;
}

Result<StatementPtr> Binding::insert(const ast::Insert& i, Span span, Scope* parent) {
    auto out = std::make_shared<Statement>();
    out->span = span;
    Scope outer;
    outer.parent = parent;
    TRY_VOID(with(i.with, outer, out->ctes));
    TRY(const Relation* table, target_table(i.table, "inserting into"));
    if (i.overriding == ast::Overriding::User) return fail(unsupported("OVERRIDING USER VALUE", span));
    Insert body;
    body.merge = i.merge;
    body.table = table->table;
    body.overriding_system = i.overriding == ast::Overriding::System;
    TRY_VOID(insert_columns(i, *table, body));
    {
        Scope scope;  // the source does not see the table
        scope.parent = &outer;
        TRY_VOID(insert_source(i, *table, scope, body));
    }
    if (i.on_conflict) {
        Scope scope;
        scope.parent = &outer;
        add_target(scope, *table, i.table.alias, i.table.span);
        TRY(body.on_conflict, on_conflict(*i.on_conflict, *table, scope));
    }
    Scope scope;
    scope.parent = &outer;
    add_target(scope, *table, i.table.alias, i.table.span);
    TRY_VOID(returning(i.returning, scope, body.returning, out->columns));
    out->body = std::move(body);
    return StatementPtr(std::move(out));
}

}  // namespace anabranch::sql::binding
