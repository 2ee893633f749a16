// GROUP BY, DISTINCT and ORDER BY of a plain select, and the rule about ungrouped columns.
#include <algorithm>

#include "lib/sql/bind_internal.h"
#include "lib/sql/bind_walk.h"

namespace anabranch::sql::binding {

namespace {

// An integer constant in GROUP BY, ORDER BY or DISTINCT ON is a position.
Result<std::optional<std::size_t>> position(const ast::Expr& e, std::size_t count, Clause clause) {
    const auto* l = std::get_if<ast::Literal>(&e.node);
    if (l == nullptr) return std::optional<std::size_t>{};
    const auto* n = std::get_if<std::int64_t>(&l->value);
    if (n == nullptr) {
        if (std::holds_alternative<ast::Null>(l->value)) return std::optional<std::size_t>{};
        return fail(
            Error::make(sqlstate::syntax_error, std::string("non-integer constant in ") + name_of(clause))
                .with_span(e.span));
    }
    if (*n < 1 || static_cast<std::size_t>(*n) > count)
        return fail(Error::make("42P10", std::string(name_of(clause)) + " position " + std::to_string(*n) +
                                             " is not in select list")
                        .with_span(e.span));
    return std::optional<std::size_t>(static_cast<std::size_t>(*n - 1));
}

}  // namespace

Result<void> Binding::check_comparable(const ExprPtr& e, const char* kind) const {
    if (e->type.id != TypeId::json) return {};
    return fail(Error::make(sqlstate::undefined_function, std::string("could not identify an ") + kind +
                                                              " operator for type " + type_text(e->type))
                    .with_hint("Convert it to jsonb.")
                    .with_span(e->span));
}

// SQL92's rule: a bare name is an output column, a number a position; else an expression over the input.
Result<ExprPtr> Binding::target_or_expr(const ast::Expr& e, Scope& scope, Query& out, Clause clause) {
    TRY(std::optional<std::size_t> at, position(e, out.columns.size(), clause));
    if (at) return out.targets[*at];
    if (const auto* c = std::get_if<ast::ColumnRef>(&e.node); c != nullptr && c->parts.size() == 1) {
        bool input_first = false;
        if (clause == Clause::group_by) {  // here an input column beats an output name
            for (const NameItem& item : scope.items)
                for (const NameColumn& column : item.columns)
                    input_first |= item.unqualified && !column.hidden && column.name == c->parts[0];
        }
        ExprPtr found;
        for (std::size_t i = 0; i < out.columns.size() && !input_first; ++i) {
            if (out.columns[i].name != c->parts[0]) continue;
            if (found && !same(found, out.targets[i]))
                return fail(Error::make(sqlstate::ambiguous_column, std::string(name_of(clause)) + " \"" +
                                                                        c->parts[0] + "\" is ambiguous")
                                .with_span(e.span));
            if (!found) found = out.targets[i];
        }
        if (found) return found;
    }
    TRY(ExprPtr bound, expr_in(e, scope, clause));
    for (const ExprPtr& target : out.targets)
        if (same(target, bound)) return target;
    return bound;
}

Result<void> Binding::order_by(const std::vector<ast::SortKey>& keys, Scope& scope, Query& out) {
    for (const ast::SortKey& key : keys) {
        if (key.using_op) return fail(unsupported("ORDER BY USING", key.span));
        TRY(ExprPtr e, target_or_expr(key.expr, scope, out, Clause::order_by));
        TRY_VOID(check_comparable(e, "ordering"));
        auto at = std::find(out.targets.begin(), out.targets.end(), e);
        if (at == out.targets.end()) {
            e = resolve_unknown(e);
            out.targets.push_back(e);
        } else if (is_unknown(e->type)) {
            const auto index = static_cast<std::size_t>(at - out.targets.begin());
            e = resolve_unknown(e);
            set_output_type(out, index, e);
            if (index < out.columns.size()) out.columns[index].type = e->type;
        }
        const bool descending = key.direction == ast::SortDirection::Descending;
        out.order_by.push_back(
            {e, descending,
             key.nulls == ast::NullsOrder::Default ? descending : key.nulls == ast::NullsOrder::First});
    }
    return {};
}

Result<void> Binding::distinct(const ast::Select& s, Scope& scope, Query& out) {
    if (s.distinct == ast::DistinctKind::Distinct) {
        out.distinct = true;
        if (out.targets.size() > out.columns.size())
            return fail(
                Error::make("42P10", "for SELECT DISTINCT, ORDER BY expressions must appear in select list")
                    .with_span(out.targets.back()->span));
    }
    if (s.distinct != ast::DistinctKind::On) return {};
    for (const ast::Expr& item : s.distinct_on) {
        TRY(ExprPtr e, target_or_expr(item, scope, out, Clause::distinct_on));
        if (std::find(out.targets.begin(), out.targets.end(), e) == out.targets.end())
            out.targets.push_back(e);
        out.distinct_on.push_back(std::move(e));
    }
    for (std::size_t i = 0; i < out.order_by.size() && i < out.distinct_on.size(); ++i)
        if (std::find(out.distinct_on.begin(), out.distinct_on.end(), out.order_by[i].key) ==
            out.distinct_on.end())
            return fail(
                Error::make("42P10", "SELECT DISTINCT ON expressions must match initial ORDER BY expressions")
                    .with_span(out.order_by[i].key->span));
    return {};
}

Result<void> Binding::check_grouping(const Query& q, const std::vector<ExprPtr>& common) {
    // Rels whose whole primary key is grouped: all their columns are determined.
    std::vector<bool> determined(q.rels.size());
    for (std::size_t i = 0; i < q.rels.size(); ++i) {
        const auto* table = std::get_if<TableRel>(&q.rels[i].source);
        const Relation* relation = table != nullptr ? context_.names.table(table->table) : nullptr;
        if (relation == nullptr || relation->keys.empty() || relation->keys[0].columns.empty()) continue;
        determined[i] =
            std::all_of(relation->keys[0].columns.begin(), relation->keys[0].columns.end(), [&](ColumnId id) {
                return std::any_of(common.begin(), common.end(), [&](const ExprPtr& e) {
                    const auto* ref = std::get_if<ColumnRef>(&e->node);
                    return ref != nullptr && ref->level == 0 && ref->rel == i && ref->column == id.value;
                });
            });
    }
    std::optional<Error> error;
    std::vector<ExprPtr> direct;  // outside the aggregates that they stand in
    const auto visit = [&](const ExprPtr& e, std::uint32_t depth) {
        if (error) return false;
        if (depth == 0) {
            if (const auto* aggregate = std::get_if<Aggregate>(&e->node)) {
                direct.insert(direct.end(), aggregate->direct.begin(), aggregate->direct.end());
                return false;
            }
            for (const ExprPtr& key : q.group_by)
                if (same(key, e)) return false;
        }
        const auto* ref = std::get_if<ColumnRef>(&e->node);
        if (ref == nullptr || ref->level != depth || ref->rel >= q.rels.size()) return true;
        for (const ExprPtr& key : q.group_by) {
            const auto* own = std::get_if<ColumnRef>(&key->node);
            if (own != nullptr && own->level == 0 && own->rel == ref->rel && own->column == ref->column)
                return true;
        }
        if (determined[ref->rel]) return true;
        const Rel& rel = q.rels[ref->rel];
        const std::string name =
            "\"" + (rel.alias.empty() ? "" : rel.alias + ".") + rel.columns[ref->column].name + "\"";
        error = Error::make(
                    "42803",
                    depth == 0 ? "column " + name +
                                     " must appear in the GROUP BY clause or be used in an aggregate function"
                               : "subquery uses ungrouped column " + name + " from outer query")
                    .with_span(e->span);
        return false;
    };
    for (const ExprPtr& e : q.targets) walk(e, visit);
    if (q.having) walk(q.having, visit);
    if (error) return fail(std::move(*error));
    for (const ExprPtr& e : std::vector<ExprPtr>(direct)) walk(e, visit);
    if (error) {
        error->detail = "Direct arguments of an ordered-set aggregate must use only grouped columns.";
        return fail(std::move(*error));
    }
    return {};
}

}  // namespace anabranch::sql::binding
