// FROM: tables, views, CTEs, subqueries, functions and joins.
#include <algorithm>
#include <array>

#include "lib/base/overload.h"
#include "lib/sql/bind_internal.h"
#include "lib/sql/bind_walk.h"

namespace anabranch::sql::binding {

namespace {

std::vector<OutputColumn> columns_of(const Relation& r) {
    std::vector<OutputColumn> out;
    for (std::size_t i = 0; i < r.columns.size(); ++i) {
        OutputColumn c{r.columns[i].name, r.columns[i].type, {}, 0};
        if (r.kind == Relation::Kind::table) {
            c.table = r.table;
            c.column = static_cast<std::uint32_t>(i);
        }
        out.push_back(std::move(c));
    }
    return out;
}

JoinKind kind_of(ast::JoinKind kind) {
    switch (kind) {
        case ast::JoinKind::Left:
            return JoinKind::left;
        case ast::JoinKind::Right:
            return JoinKind::right;
        case ast::JoinKind::Full:
            return JoinKind::full;
        case ast::JoinKind::Inner:
        case ast::JoinKind::Cross:
            return JoinKind::inner;
    }
    return JoinKind::inner;
}

// What is seen while a LATERAL item or an ON clause is bound.
class Sight {
  public:
    Sight(Scope& scope, bool lateral, std::size_t first)
        : scope_(scope), lateral_(scope.lateral_active), first_(scope.first_visible) {
        scope.lateral_active = lateral;
        scope.first_visible = first;
    }
    ~Sight() {
        scope_.lateral_active = lateral_;
        scope_.first_visible = first_;
    }
    Sight(const Sight&) = delete;
    Sight& operator=(const Sight&) = delete;

  private:
    Scope& scope_;
    bool lateral_;
    std::size_t first_;
};

}  // namespace

Result<void> Binding::check_new_names(const Scope& scope, std::size_t from, Span at) const {
    for (std::size_t i = from; i < scope.items.size(); ++i) {
        if (scope.items[i].alias.empty() || !scope.items[i].qualified) continue;
        for (std::size_t j = 0; j < i; ++j)
            if (scope.items[j].alias == scope.items[i].alias && scope.items[j].qualified &&
                scope.items[j].schema == scope.items[i].schema)
                return fail(Error::make("42712", "table name \"" + scope.items[i].alias +
                                                     "\" specified more than once")
                                .with_span(at));
    }
    return {};
}

Result<FromItem> Binding::add_rel(Scope& scope, Rel rel, const ast::Alias& alias, const std::string& name,
                                  Span at, const Relation* relation) {
    const auto index = static_cast<std::uint32_t>(scope.rels.size());
    NameItem item;
    item.alias = alias.name.empty() ? name : alias.name;
    if (relation != nullptr && alias.name.empty()) item.schema = relation->schema;
    if (relation != nullptr) item.table = relation->name;
    item.rel = index;
    item.lateral_only = true;
    if (alias.columns.size() > rel.columns.size())
        return fail(Error::make("42P10", "table \"" + item.alias + "\" has " +
                                             std::to_string(rel.columns.size()) + " columns available but " +
                                             std::to_string(alias.columns.size()) + " columns specified")
                        .with_span(at));
    for (std::size_t i = 0, named = 0; i < rel.columns.size(); ++i) {
        const bool hidden = relation != nullptr && relation->columns[i].hidden;
        std::string& column = rel.columns[i].name;
        if (!hidden && named < alias.columns.size()) column = alias.columns[named++];
        item.columns.push_back(
            {column, column_ref(index, static_cast<std::uint32_t>(i), rel.columns[i].type, at), hidden});
    }
    rel.alias = item.alias;
    scope.rels.push_back(std::move(rel));
    scope.items.push_back(std::move(item));
    TRY_VOID(check_new_names(scope, scope.items.size() - 1, at));
    return FromItem{index, nullptr};
}

Result<FromItem> Binding::table_item(const ast::TableName& t, Scope& scope, Span at) {
    if (t.name.schema.empty()) {
        std::uint32_t level = 0;
        for (Scope* s = &scope; s != nullptr; s = s->parent, ++level) {
            for (std::size_t i = s->ctes.size(); i-- > 0;) {
                CteName& cte = s->ctes[i];
                if (cte.name != t.name.name) continue;
                cte.used = true;
                if (!cte.usable)
                    return fail(Error::make("42P19", "recursive reference to query \"" + cte.name +
                                                         "\" must not appear within its non-recursive term")
                                    .with_span(at));
                if (cte.writes && cte.columns.empty())
                    return fail(
                        Error::make(sqlstate::feature_not_supported,
                                    "WITH query \"" + cte.name + "\" does not have a RETURNING clause")
                            .with_span(at));
                return add_rel(scope, {cte.name, CteRel{level, cte.index}, cte.columns}, t.alias, cte.name,
                               at);
            }
        }
    }
    TRY(const Relation* relation, find_relation(t.name));
    Rel rel;
    rel.columns = columns_of(*relation);
    switch (relation->kind) {
        case Relation::Kind::table:
            rel.source = TableRel{relation->table};
            break;
        case Relation::Kind::virtual_table:
            rel.source = VirtualRel{relation->virtual_table};
            break;
        case Relation::Kind::view:
            if (!relation->view)
                return fail(
                    unsupported("the view \"" + relation->name + "\", whose query is not modelled,", at));
            rel.source = DerivedRel{in_session(relation->view), false};
            break;
    }
    return add_rel(scope, std::move(rel), t.alias, relation->name, at, relation);
}

Result<FromItem> Binding::subquery_item(const ast::SubqueryRef& s, Scope& scope, Span at) {
    std::shared_ptr<Query> query_bound;
    {
        const Sight sight(scope, s.lateral, 0);
        TRY(query_bound, query(*s.query, &scope));
    }
    resolve_unknown_outputs(*query_bound);
    std::vector<OutputColumn> columns = query_bound->columns;
    return add_rel(scope, {{}, DerivedRel{std::move(query_bound), s.lateral}, std::move(columns)}, s.alias,
                   {}, at);
}

Result<FunctionRel::Source> Binding::function_source(const ast::FunctionCall& c,
                                                     const std::vector<ast::ColumnDefinition>& definitions,
                                                     Scope& scope, Span at,
                                                     std::vector<OutputColumn>& columns) {
    std::vector<ExprPtr> args;
    std::vector<Type> types;
    for (const ast::Argument& a : c.arguments) {
        TRY(ExprPtr arg, expr_in(a.value, scope, Clause::from_function));
        types.push_back(arg->type);
        args.push_back(std::move(arg));
    }
    const std::optional<ResolvedTableFunction> f = resolve_table_function(c.name.name, types);
    if (!f) return fail(no_function(c, args, at));
    for (std::size_t i = 0; i < args.size(); ++i) {
        TRY(args[i], coerce(args[i], f->args[i], Coercion::implicit, args[i]->span));
    }
    if (f->columns.empty() && definitions.empty())
        return fail(Error::make(sqlstate::syntax_error,
                                "a column definition list is required for functions returning \"record\"")
                        .with_span(at));
    if (!f->columns.empty() && !definitions.empty())
        return fail(Error::make(sqlstate::syntax_error,
                                "a column definition list is only allowed for functions returning \"record\"")
                        .with_span(at));
    for (const auto& [name, type] : f->columns) columns.push_back({name, type, {}, 0});
    for (const ast::ColumnDefinition& d : definitions) {
        TRY(ResolvedType t, type(d.type));
        if (t.domain) return fail(unsupported("a domain in a column definition list", d.span));
        columns.push_back({d.name, t.type, {}, 0});
    }
    return FunctionRel::Source{f->func, std::move(args), context_.zone};
}

// The user's own read-only function in FROM: its body takes its place.
Result<std::optional<FromItem>> Binding::routine_item(const ast::FunctionRef& f, Scope& scope, Span at) {
    const auto& c = std::get<ast::FunctionCall>(f.functions[0].call.node);
    if (is_table_function(c.name.name) && c.name.schema.empty()) return std::optional<FromItem>{};
    std::vector<RoutineSignature> all = context_.names.routines(c.name.schema, c.name.name);
    std::vector<ExprPtr> args;
    for (const ast::Argument& a : c.arguments) {
        TRY(ExprPtr arg, expr_in(a.value, scope, Clause::from_function));
        args.push_back(std::move(arg));
    }
    std::erase_if(all, [&](const RoutineSignature& r) {
        if (args.size() > r.in_types.size() || args.size() < r.required) return true;
        for (std::size_t i = 0; i < args.size(); ++i)
            if (c.arguments[i].name.empty() && !can_coerce(args[i], r.in_types[i], Coercion::implicit))
                return true;
        return false;
    });
    if (all.empty()) return std::optional<FromItem>{};
    const RoutineSignature& r = all.front();
    if (r.is_procedure)
        return fail(Error::make("42809", r.name + " is a procedure")
                        .with_span(at)
                        .with_hint("To call a procedure, use CALL."));
    if (!r.inline_body || f.ordinality)
        return fail(
            unsupported("calling " + r.name + "(), which is not a read-only SQL function of one query,", at));
    TRY(std::vector<ExprPtr> values, routine_arguments(r, c, args, at));
    QueryPtr body = with_arguments(in_session(r.inline_body), values);
    if (!r.returns_set) {  // exactly one row, also when the body has none
        auto one = std::make_shared<Query>();
        for (std::size_t i = 0; i < r.columns.size(); ++i) {
            if (r.columns.size() > 1)
                return fail(unsupported("a function with several OUT parameters in FROM", at));
            one->targets.push_back(
                make(r.columns[i].type, at, Subquery{SubqueryKind::scalar, shifted(body, 1), {}, {}}));
        }
        one->columns = r.columns;
        body = std::move(one);
    }
    TRY(FromItem item,
        add_rel(scope, {r.name, DerivedRel{std::move(body), true}, r.columns}, f.alias, r.name, at));
    // f(x) AS a: a single column takes the alias too.
    if (!r.returns_set && r.columns.size() == 1 && !f.alias.name.empty() && f.alias.columns.empty()) {
        scope.items.back().columns[0].name = f.alias.name;
        scope.rels.back().columns[0].name = f.alias.name;
    }
    return std::optional<FromItem>(item);
}

Result<FromItem> Binding::function_item(const ast::FunctionRef& f, Scope& scope, Span at) {
    const Sight sight(scope, true, 0);
    FunctionRel rel;
    rel.ordinality = f.ordinality;
    std::vector<OutputColumn> columns;
    std::string name;
    for (const ast::FunctionSource& source : f.functions) {
        const auto* c = std::get_if<ast::FunctionCall>(&source.call.node);
        if (c == nullptr) return fail(unsupported("this expression in FROM", at));
        if (name.empty()) name = c->name.name;
        if (f.functions.size() == 1) {
            TRY(std::optional<FromItem> inlined, routine_item(f, scope, at));
            if (inlined) return *inlined;
        }
        if (c->name.name == "pg_get_keywords" && c->arguments.empty() && !f.rows_from && !f.ordinality) {
            ast::TableName table;  // a catalog that is written like a function
            table.name = c->name;
            table.alias = f.alias;
            return table_item(table, scope, at);
        }
        const std::vector<ast::ColumnDefinition>& definitions = f.rows_from ? source.columns : f.columns;
        if (c->name.name == "unnest" && c->name.schema.empty() &&
            c->arguments.size() > 1) {  // unnest(a, b): zipped
            for (const ast::Argument& a : c->arguments) {
                ast::FunctionCall one = *c;
                one.arguments = {a};
                TRY(FunctionRel::Source s,
                    function_source(one, definitions, scope, source.call.span, columns));
                rel.sources.push_back(std::move(s));
            }
            continue;
        }
        if (!is_table_function(c->name.name)) {
            // A plain function in FROM is a table of one row.
            auto one = std::make_shared<Query>();
            Scope inner;
            inner.parent = &scope;
            inner.clause = Clause::from_function;
            TRY(ExprPtr value, expr(source.call, inner));
            value = resolve_unknown(value);
            one->columns.push_back({f.alias.name.empty() ? c->name.name : f.alias.name, value->type, {}, 0});
            one->targets.push_back(std::move(value));
            if (f.functions.size() > 1 || f.ordinality)
                return fail(unsupported("ROWS FROM or WITH ORDINALITY over this function", at));
            std::vector<OutputColumn> outputs = one->columns;
            return add_rel(scope, {name, DerivedRel{std::move(one), true}, std::move(outputs)}, f.alias, name,
                           at);
        }
        TRY(FunctionRel::Source s, function_source(*c, definitions, scope, source.call.span, columns));
        rel.sources.push_back(std::move(s));
    }
    // A single column takes the alias of the table when no column aliases are given.
    if (columns.size() == 1 && f.columns.empty() && !f.alias.name.empty()) columns[0].name = f.alias.name;
    if (f.ordinality) columns.push_back({"ordinality", {TypeId::int8}, {}, 0});
    return add_rel(scope, {name, std::move(rel), std::move(columns)}, f.alias, name, at);
}

Result<void> Binding::join_using(const ast::Join& j, Scope& scope, std::size_t left_begin,
                                 std::size_t right_begin, Join& out, Span at) {
    const std::size_t end = scope.items.size();
    const auto find = [&](const std::string& name, std::size_t from, std::size_t to,
                          const char* side) -> Result<const NameColumn*> {
        const NameColumn* found = nullptr;
        for (std::size_t i = from; i < to; ++i) {
            if (!scope.items[i].unqualified) continue;
            for (const NameColumn& c : scope.items[i].columns) {
                if (c.name != name || c.hidden) continue;
                if (found != nullptr)
                    return fail(Error::make(sqlstate::ambiguous_column, "common column name \"" + name +
                                                                            "\" appears more than once in " +
                                                                            side + " table")
                                    .with_span(at));
                found = &c;
            }
        }
        return found;
    };
    std::vector<std::string> names = j.using_columns;
    if (j.natural)
        for (std::size_t i = left_begin; i < right_begin; ++i) {
            if (!scope.items[i].unqualified) continue;
            for (const NameColumn& c : scope.items[i].columns) {
                TRY(const NameColumn* other, find(c.name, right_begin, end, "right"));
                if (other != nullptr && !c.hidden) names.push_back(c.name);
            }
        }
    NameItem merged;
    merged.lateral_only = true;
    std::vector<ExprPtr> conditions;
    for (const std::string& name : names) {
        TRY(const NameColumn* l, find(name, left_begin, right_begin, "left"));
        TRY(const NameColumn* r, find(name, right_begin, end, "right"));
        if (l == nullptr || r == nullptr)
            return fail(Error::make(sqlstate::undefined_column,
                                    "column \"" + name + "\" specified in USING clause does not exist in " +
                                        (l == nullptr ? "left" : "right") + " table")
                            .with_span(at));
        TRY(ExprPtr equal, operate("=", l->expr, r->expr, at));
        conditions.push_back(std::move(equal));
        std::vector<ExprPtr> both{l->expr, r->expr};
        TRY_VOID(unify(both, "JOIN/USING", at));
        ExprPtr value = out.kind == JoinKind::right ? both[1] : both[0];
        if (out.kind == JoinKind::full) value = make(both[0]->type, at, Call{Func::coalesce, both});
        merged.columns.push_back({name, std::move(value), false});
    }
    if (!conditions.empty()) out.condition = truth(LogicOp::and_, std::move(conditions), at);
    if (!j.using_alias.empty()) {
        NameItem aliased = merged;
        aliased.alias = j.using_alias;
        aliased.unqualified = false;
        scope.items.push_back(std::move(aliased));
    }
    const auto is_merged = [&](const std::string& name) {
        return std::find(names.begin(), names.end(), name) != names.end();
    };
    for (std::size_t i = left_begin; i < end; ++i) {
        if (!scope.items[i].unqualified) continue;
        for (const NameColumn& c : scope.items[i].columns)
            if (!is_merged(c.name)) merged.columns.push_back(c);
        scope.items[i].unqualified = false;
    }
    merged.qualified = false;
    scope.items.push_back(std::move(merged));
    return {};
}

Result<FromItem> Binding::join_item(const ast::Join& j, Scope& scope, Span at) {
    auto out = std::make_shared<Join>();
    out->kind = kind_of(j.kind);
    const std::size_t left_begin = scope.items.size();
    TRY(out->left, from_item(*j.left, scope));
    const std::size_t right_begin = scope.items.size();
    TRY(out->right, from_item(*j.right, scope));
    if (j.natural || !j.using_columns.empty()) {
        TRY_VOID(join_using(j, scope, left_begin, right_begin, *out, at));
    } else if (j.on) {
        const Sight sight(scope, true, left_begin);
        TRY(out->condition, condition(*j.on, scope, Clause::join_on));
    }
    if (!j.alias.name.empty()) {
        NameItem whole;
        whole.alias = j.alias.name;
        whole.lateral_only = true;
        for (std::size_t i = left_begin; i < scope.items.size(); ++i) {
            if (scope.items[i].unqualified)
                for (const NameColumn& c : scope.items[i].columns) whole.columns.push_back(c);
            scope.items[i].unqualified = scope.items[i].qualified = false;
        }
        for (std::size_t i = 0; i < j.alias.columns.size() && i < whole.columns.size(); ++i)
            whole.columns[i].name = j.alias.columns[i];
        scope.items.push_back(std::move(whole));
    }
    return FromItem{0, std::move(out)};
}

Result<FromItem> Binding::from_item(const ast::TableRef& t, Scope& scope) {
    return std::visit(Overload{[&](const ast::TableName& n) { return table_item(n, scope, t.span); },
                               [&](const ast::SubqueryRef& n) { return subquery_item(n, scope, t.span); },
                               [&](const ast::FunctionRef& n) { return function_item(n, scope, t.span); },
                               [&](const ast::Join& n) { return join_item(n, scope, t.span); },
                               [&](const ast::Unsupported& n) -> Result<FromItem> {
                                   return fail(unsupported(n.what, t.span));
                               }},
                      t.node);
}

Result<void> Binding::add_from(const std::vector<ast::TableRef>& list, Scope& scope,
                               std::vector<FromItem>& out) {
    for (const ast::TableRef& t : list) {
        TRY(FromItem item, from_item(t, scope));
        out.push_back(std::move(item));
    }
    for (NameItem& item : scope.items) item.lateral_only = false;
    return {};
}

}  // namespace anabranch::sql::binding
