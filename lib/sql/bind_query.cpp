// Queries: WITH, select lists, VALUES, set operations, LIMIT.
#include <algorithm>

#include "lib/base/overload.h"
#include "lib/sql/bind_internal.h"
#include "lib/sql/bind_walk.h"

namespace anabranch::sql::binding {

namespace {

SetOp set_op_of(ast::SetOperator op, bool all) {
    switch (op) {
        case ast::SetOperator::Union:
            return all ? SetOp::union_all : SetOp::union_;
        case ast::SetOperator::Intersect:
            return all ? SetOp::intersect_all : SetOp::intersect;
        case ast::SetOperator::Except:
            return all ? SetOp::except_all : SetOp::except;
    }
    return SetOp::union_;
}
const char* text_of(ast::SetOperator op) {
    switch (op) {
        case ast::SetOperator::Union:
            return "UNION";
        case ast::SetOperator::Intersect:
            return "INTERSECT";
        case ast::SetOperator::Except:
            return "EXCEPT";
    }
    return "UNION";
}

// A query just made and not yet shared: its parts may still change.
Query& fresh(const QueryPtr& q) {
    return const_cast<Query&>(*q);
}

struct Named {
    std::string name;
    int strength = 0;  // 2: a name of its own, 1: a cast's type
};

Named figure_name(const ast::Expr& e) {
    return std::visit(Overload{[](const ast::ColumnRef& n) {
                                   return Named{n.parts.back(), 2};
                               },
                               [](const ast::FieldAccess& n) {
                                   return Named{n.field, 2};
                               },
                               [](const ast::FunctionCall& n) {
                                   return Named{n.name.name, 2};
                               },
                               [](const ast::Subscript& n) { return figure_name(*n.array); },
                               [](const ast::Collate& n) { return figure_name(*n.operand); },
                               [](const ast::Cast& n) {
                                   Named inner = figure_name(*n.operand);
                                   return inner.strength > 1 ? inner : Named{n.type.name.name, 1};
                               },
                               [](const ast::Case& n) {
                                   Named inner = n.otherwise ? figure_name(*n.otherwise) : Named{};
                                   return inner.strength > 1 ? inner : Named{"case", 1};
                               },
                               [](const ast::Array&) {
                                   return Named{"array", 2};
                               },
                               [](const ast::Row&) {
                                   return Named{"row", 2};
                               },
                               [](const ast::Subquery& n) {
                                   if (n.kind == ast::SubqueryKind::Exists) return Named{"exists", 2};
                                   if (n.kind == ast::SubqueryKind::Array) return Named{"array", 2};
                                   const auto* s = std::get_if<ast::Select>(&n.query->body);
                                   if (s == nullptr || s->items.empty()) return Named{};
                                   if (!s->items[0].alias.empty()) return Named{s->items[0].alias, 2};
                                   return figure_name(s->items[0].expr);
                               },
                               [](const auto&) { return Named{}; }},
                      e.node);
}

}  // namespace

std::string column_name_of(const ast::Expr& e) {
    Named n = figure_name(e);
    return n.strength == 0 ? "?column?" : n.name;
}

OutputColumn Binding::output_column(const std::string& name, const ExprPtr& e, const Scope& scope) const {
    OutputColumn out{name, e->type, {}, 0};
    const auto* ref = std::get_if<ColumnRef>(&e->node);
    if (ref == nullptr || ref->level != 0 || ref->rel >= scope.rels.size()) return out;
    const OutputColumn& source = scope.rels[ref->rel].columns[ref->column];
    out.table = source.table;
    out.column = source.column;
    return out;
}

Result<void> Binding::targets(const std::vector<ast::SelectItem>& items, Scope& scope, Clause clause,
                              std::vector<ExprPtr>& exprs, std::vector<OutputColumn>& columns) {
    for (const ast::SelectItem& item : items) {
        const auto* star = std::get_if<ast::Star>(&item.expr.node);
        const auto* row = std::get_if<ast::FieldAccess>(&item.expr.node);
        if (star != nullptr || (row != nullptr && row->field.empty())) {
            std::vector<std::pair<std::string, ExprPtr>> all;
            if (star != nullptr) {
                TRY_VOID(expand_star(*star, scope, item.expr.span, all));
            } else {
                const Clause before = std::exchange(scope.clause, clause);
                Result<std::vector<std::pair<std::string, ExprPtr>>> fields =
                    all_fields(*row, scope, item.expr.span);
                scope.clause = before;
                if (!fields) return fail(fields.error());
                all = std::move(*fields);
            }
            for (auto& [name, e] : all) {
                columns.push_back(output_column(name, e, scope));
                exprs.push_back(std::move(e));
            }
            continue;
        }
        TRY(ExprPtr e, expr_in(item.expr, scope, clause));
        columns.push_back(
            output_column(item.alias.empty() ? column_name_of(item.expr) : item.alias, e, scope));
        exprs.push_back(std::move(e));
    }
    return {};
}

Result<void> Binding::limits(const ast::Query& q, Scope& scope, Query& out) {
    if (q.with_ties) return fail(unsupported("FETCH FIRST ... WITH TIES", q.span));
    if (q.into) return fail(unsupported("SELECT INTO", q.span));
    const auto one = [&](const ast::Box<ast::Expr>& e, Clause clause) -> Result<ExprPtr> {
        if (!e) return ExprPtr{};
        TRY(ExprPtr bound, expr_in(*e, scope, clause));
        bool variables = false;
        walk(bound, [&](const ExprPtr& part, std::uint32_t depth) {
            const auto* ref = std::get_if<ColumnRef>(&part->node);
            variables |= ref != nullptr && ref->level == depth;
            return true;
        });
        if (variables)
            return fail(Error::make("42P10", std::string("argument of ") + name_of(clause) +
                                                 " must not contain variables")
                            .with_span(e->span));
        if (!can_coerce(bound, {TypeId::int8}, Coercion::assignment))
            return fail(Error::make(sqlstate::datatype_mismatch,
                                    std::string("argument of ") + name_of(clause) +
                                        " must be type bigint, not type " + type_text(bound->type))
                            .with_span(e->span));
        return coerce(bound, {TypeId::int8}, Coercion::assignment, e->span);
    };
    Result<ExprPtr> limit = one(q.limit, Clause::limit), offset = one(q.offset, Clause::offset);
    if (!limit) return fail(limit.error());
    if (!offset) return fail(offset.error());
    out.limit = std::move(*limit);
    out.offset = std::move(*offset);
    out.for_update = !q.locking.empty();
    return {};
}

Result<void> Binding::select(const ast::Select& s, const ast::Query& q, Scope& scope, Query& out) {
    scope.windows = &s.windows;
    TRY_VOID(add_from(s.from, scope, out.from));
    scope.from = &out.from;
    TRY_VOID(targets(s.items, scope, Clause::target, out.targets, out.columns));
    scope.from = nullptr;
    if (s.where) {
        TRY(out.where, condition(*s.where, scope, Clause::where));
    }
    if (s.having) {
        TRY(out.having, condition(*s.having, scope, Clause::having));
    }
    TRY_VOID(order_by(q.order_by, scope, out));
    TRY(const std::vector<GroupingSet> sets, group_by(s, scope, out));
    TRY_VOID(distinct(s, scope, out));
    out.grouped = scope.aggregates || !s.group_by.empty() || s.having || !scope.groupings.empty();
    if (out.grouped && scope.select_functions)
        return fail(unsupported("a set-returning function in the select list of a grouped query", q.span));
    out.rels = std::move(scope.rels);
    if (!out.grouped) return {};
    std::vector<ExprPtr> common;
    for (std::uint32_t key = 0; key < out.group_by.size(); ++key)
        if (std::all_of(sets.begin(), sets.end(), [&](const GroupingSet& set) {
                return std::binary_search(set.begin(), set.end(), key);
            }))
            common.push_back(out.group_by[key]);
    TRY_VOID(check_grouping(out, common));
    TRY_VOID(check_groupings(out, scope, q.span));
    const bool plain = sets.size() == 1 && sets[0].size() == out.group_by.size();
    if (plain && scope.groupings.empty()) return {};
    return spread_sets(out, scope, sets);
}

Result<void> Binding::values(const ast::Values& v, Scope& scope, Query& out) {
    const std::size_t width = v.rows.at(0).size();
    for (const std::vector<ast::Expr>& row : v.rows) {
        if (row.size() != width)
            return fail(Error::make(sqlstate::syntax_error, "VALUES lists must all be the same length")
                            .with_span(row.empty() ? Span{} : row[0].span));
        scope.clause = Clause::values;
        TRY(std::vector<ExprPtr> items, exprs(row, scope));
        out.values.push_back(std::move(items));
    }
    for (std::size_t i = 0; i < width; ++i) {
        std::vector<ExprPtr> column;
        for (const std::vector<ExprPtr>& row : out.values) column.push_back(row[i]);
        if (column.size() > 1 || !is_unknown(column[0]->type)) {
            TRY_VOID(unify(column, "VALUES", v.rows[0][i].span));
        }
        for (std::size_t r = 0; r < column.size(); ++r) out.values[r][i] = column[r];
        out.columns.push_back({"column" + std::to_string(i + 1), column[0]->type, {}, 0});
    }
    return {};
}

Result<void> Binding::set_operation(const ast::SetOperation& s, Scope& scope, Query& out) {
    out.set_op = set_op_of(s.op, s.all);
    TRY(std::shared_ptr<Query> left, query(*s.left, &scope));
    TRY(std::shared_ptr<Query> right, query(*s.right, &scope));
    const Span at = s.right->span;
    if (left->columns.size() != right->columns.size())
        return fail(Error::make(sqlstate::syntax_error, std::string("each ") + text_of(s.op) +
                                                            " query must have the same number of columns")
                        .with_span(at));
    for (std::size_t i = 0; i < left->columns.size(); ++i) {
        const Type types[] = {left->columns[i].type, right->columns[i].type};
        std::optional<Type> type = common_type(types);
        if (!type) return fail(no_common_type(text_of(s.op), types[0], types[1]).with_span(at));
        TRY_VOID(coerce_output(*left, i, *type, at, text_of(s.op)));
        TRY_VOID(coerce_output(*right, i, *type, at, text_of(s.op)));
        out.columns.push_back({left->columns[i].name, *type, {}, 0});
    }
    out.left = std::move(left);
    out.right = std::move(right);
    return {};
}

Result<void> Binding::output_order(const ast::Query& q, Query& out) {
    for (const ast::SortKey& key : q.order_by) {
        if (key.using_op) return fail(unsupported("ORDER BY USING", key.span));
        std::optional<std::size_t> at;
        if (const auto* l = std::get_if<ast::Literal>(&key.expr.node)) {
            const auto* n = std::get_if<std::int64_t>(&l->value);
            if (n != nullptr && *n >= 1 && static_cast<std::size_t>(*n) <= out.columns.size())
                at = static_cast<std::size_t>(*n - 1);
            if (n != nullptr && !at)
                return fail(
                    Error::make("42P10", "ORDER BY position " + std::to_string(*n) + " is not in select list")
                        .with_span(key.expr.span));
        } else if (const auto* c = std::get_if<ast::ColumnRef>(&key.expr.node);
                   c != nullptr && c->parts.size() == 1) {
            for (std::size_t i = 0; i < out.columns.size() && !at; ++i)
                if (out.columns[i].name == c->parts[0]) at = i;
            if (!at)
                return fail(
                    Error::make(sqlstate::undefined_column, "column \"" + c->parts[0] + "\" does not exist")
                        .with_span(key.expr.span));
        }
        if (!at)
            return fail(
                Error::make(sqlstate::feature_not_supported, "invalid UNION/INTERSECT/EXCEPT ORDER BY clause")
                    .with_span(key.expr.span)
                    .with_detail("Only result column names can be used, not expressions or functions.")
                    .with_hint("Add the expression/function to every SELECT, or move the UNION into a FROM "
                               "clause."));
        const bool descending = key.direction == ast::SortDirection::Descending;
        out.order_by.push_back(
            {column_ref(0, static_cast<std::uint32_t>(*at), out.columns[*at].type, key.span), descending,
             key.nulls == ast::NullsOrder::Default ? descending : key.nulls == ast::NullsOrder::First});
    }
    return {};
}

Result<void> Binding::name_columns(const ast::CommonTable& t, std::vector<OutputColumn>& columns) const {
    if (t.columns.size() > columns.size())
        return fail(Error::make("42P10", "WITH query \"" + t.name + "\" has " +
                                             std::to_string(columns.size()) + " columns available but " +
                                             std::to_string(t.columns.size()) + " columns specified")
                        .with_span(t.span));
    for (std::size_t i = 0; i < t.columns.size(); ++i) columns[i].name = t.columns[i];
    return {};
}

Result<Cte> Binding::recursive_cte(const ast::CommonTable& t, const ast::Query& q, Scope& scope,
                                   std::uint32_t index) {
    const auto& s = std::get<ast::SetOperation>(q.body);
    auto out = std::make_shared<Query>();
    Scope inner;
    inner.parent = &scope;
    TRY_VOID(with(q.with, inner, out->ctes));
    scope.ctes.push_back({t.name, index, {}, false, false, false});
    TRY(std::shared_ptr<Query> left, query(*s.left, &inner));
    resolve_unknown_outputs(*left);
    std::vector<OutputColumn> columns = left->columns;
    for (OutputColumn& c : columns) c = {c.name, c.type, {}, 0};
    TRY_VOID(name_columns(t, columns));
    scope.ctes.back().columns = columns;
    scope.ctes.back().usable = true;
    TRY(std::shared_ptr<Query> right, query(*s.right, &inner));
    const bool recursive = scope.ctes.back().used;
    scope.ctes.pop_back();
    if (recursive && s.op != ast::SetOperator::Union)
        return fail(Error::make("42P19",
                                "recursive query \"" + t.name +
                                    "\" does not have the form non-recursive-term UNION [ALL] recursive-term")
                        .with_span(t.span));
    if (right->columns.size() != columns.size())
        return fail(Error::make(sqlstate::syntax_error, std::string("each ") + text_of(s.op) +
                                                            " query must have the same number of columns")
                        .with_span(t.span));
    for (std::size_t i = 0; i < columns.size(); ++i) {
        const Type of_right = right->columns[i].type;
        if (coercion(of_right, columns[i].type) != Coercion::implicit)
            return fail(Error::make(sqlstate::datatype_mismatch,
                                    "recursive query \"" + t.name + "\" column " + std::to_string(i + 1) +
                                        " has type " + type_text(columns[i].type) +
                                        " in non-recursive term but type " + type_text(of_right) + " overall")
                            .with_span(t.span)
                            .with_hint("Cast the output of the non-recursive term to the correct type."));
        TRY_VOID(coerce_output(*right, i, columns[i].type, t.span, "UNION"));
    }
    out->set_op = set_op_of(s.op, s.all);
    out->left = std::move(left);
    out->right = std::move(right);
    out->columns = columns;
    TRY_VOID(limits(q, inner, *out));
    TRY_VOID(output_order(q, *out));
    auto statement = std::make_shared<Statement>();
    statement->span = q.span;
    statement->columns = columns;
    statement->body = QueryPtr(std::move(out));
    return Cte{t.name, std::move(columns), std::move(statement), recursive};
}

Result<void> Binding::with(const ast::With& w, Scope& scope, std::vector<Cte>& out) {
    for (const ast::CommonTable& t : w.tables) {
        if (t.search_or_cycle) return fail(unsupported("SEARCH or CYCLE", t.span));
        for (const Cte& other : out)
            if (other.name == t.name)
                return fail(
                    Error::make("42712", "WITH query name \"" + t.name + "\" specified more than once")
                        .with_span(t.span));
        const auto index = static_cast<std::uint32_t>(out.size());
        const auto* q = std::get_if<ast::Query>(&t.statement->node);
        Cte cte;
        if (w.recursive && q != nullptr && std::holds_alternative<ast::SetOperation>(q->body)) {
            TRY(cte, recursive_cte(t, *q, scope, index));
        } else {
            if (std::holds_alternative<ast::Merge>(t.statement->node))
                return fail(unsupported("MERGE in a WITH query", t.span));
            if (q == nullptr && scope.parent != nullptr)
                return fail(
                    Error::make(sqlstate::feature_not_supported,
                                "WITH clause containing a data-modifying statement must be at the top level")
                        .with_span(t.span));
            TRY(StatementPtr body, statement(*t.statement, &scope));
            cte = {t.name, body->columns, body, false};
            for (OutputColumn& c : cte.columns) c = {c.name, c.type, {}, 0};
            TRY_VOID(name_columns(t, cte.columns));
        }
        scope.ctes.push_back({t.name, index, cte.columns, true, q == nullptr, false});
        out.push_back(std::move(cte));
    }
    return {};
}

Result<std::shared_ptr<Query>> Binding::query_in(const ast::Query& q, Scope& scope) {
    auto out = std::make_shared<Query>();
    TRY_VOID(with(q.with, scope, out->ctes));
    const auto body =
        std::visit(Overload{[&](const ast::Select& s) { return select(s, q, scope, *out); },
                            [&](const ast::Values& v) { return values(v, scope, *out); },
                            [&](const ast::SetOperation& s) { return set_operation(s, scope, *out); }},
                   q.body);
    if (!body) return fail(body.error());
    if (!std::holds_alternative<ast::Select>(q.body)) {
        TRY_VOID(output_order(q, *out));
    }
    TRY_VOID(limits(q, scope, *out));
    return out;
}

Result<std::shared_ptr<Query>> Binding::query(const ast::Query& q, Scope* parent) {
    Scope scope;
    scope.parent = parent;
    return query_in(q, scope);
}

Result<QueryPtr> Binding::finished_query(const ast::Query& q, Scope* parent) {
    TRY(std::shared_ptr<Query> out, query(q, parent));
    resolve_unknown_outputs(*out);
    return QueryPtr(std::move(out));
}

void Binding::set_output_type(Query& q, std::size_t column, ExprPtr value) {
    const ExprPtr before = q.targets[column];
    for (ExprPtr& key : q.distinct_on)
        if (key == before) key = value;
    for (OrderKey& key : q.order_by)
        if (key.key == before) key.key = value;
    if (value->node.index() != before->node.index()) q.columns[column].table.reset();
    q.targets[column] = std::move(value);
}

Result<void> Binding::coerce_output(Query& q, std::size_t column, Type type, Span span, const char* what) {
    if (same_type(q.columns[column].type, type) &&
        (type.modifier == -1 || q.columns[column].type.modifier == type.modifier))
        return {};
    const auto convert = [&](const ExprPtr& e) -> Result<ExprPtr> {
        if (!can_coerce(e, type, Coercion::assignment))
            return fail(Error::make(sqlstate::datatype_mismatch, std::string(what) + " types " +
                                                                     type_text(e->type) + " and " +
                                                                     type_text(type) + " cannot be matched")
                            .with_span(span));
        return coerce(e, type, Coercion::assignment, e->span);
    };
    if (q.set_op != SetOp::none) {
        TRY_VOID(coerce_output(fresh(q.left), column, type, span, what));
        TRY_VOID(coerce_output(fresh(q.right), column, type, span, what));
        for (OrderKey& key : q.order_by)
            if (const auto& ref = std::get<ColumnRef>(key.key->node); ref.column == column)
                key.key = column_ref(0, static_cast<std::uint32_t>(column), type, key.key->span);
    } else if (!q.values.empty()) {
        for (std::vector<ExprPtr>& row : q.values) {
            TRY(row[column], convert(row[column]));
        }
    } else {
        TRY(ExprPtr value, convert(q.targets[column]));
        set_output_type(q, column, std::move(value));
    }
    q.columns[column].type = type;
    return {};
}

void Binding::resolve_unknown_outputs(Query& q) {
    for (std::size_t i = 0; i < q.columns.size(); ++i) {
        if (!is_unknown(q.columns[i].type)) continue;
        const Result<void> done = coerce_output(q, i, {TypeId::text}, {}, "SELECT");
        (void)done;  // an unknown literal is always good as text
    }
}

}  // namespace anabranch::sql::binding

namespace anabranch::sql {

Result<QueryPtr> with_output_types(QueryPtr query, const std::vector<Type>& types, Span span,
                                   const BindContext& context) {
    auto copy = std::make_shared<Query>(*query);
    BindContext scratch(context.names);
    binding::Binding binding(scratch);
    if (copy->set_op != SetOp::none || !copy->values.empty() || copy->distinct) {
        auto outer = std::make_shared<Query>();
        outer->rels.push_back({{}, DerivedRel{shifted(query, 1), false}, query->columns});
        outer->from.push_back({0, nullptr});
        outer->columns = query->columns;
        for (std::size_t i = 0; i < query->columns.size(); ++i)
            outer->targets.push_back(
                binding::column_ref(0, static_cast<std::uint32_t>(i), query->columns[i].type, span));
        copy = std::move(outer);
    }
    for (std::size_t i = 0; i < types.size() && i < copy->columns.size(); ++i) {
        TRY_VOID(binding.coerce_output(*copy, i, types[i], span, "return"));
    }
    return QueryPtr(std::move(copy));
}

}  // namespace anabranch::sql
