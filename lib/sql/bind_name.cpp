// Column references, whole rows, stars and parameters by name.
#include <algorithm>

#include "lib/sql/bind_internal.h"
#include "lib/sql/bind_walk.h"

namespace anabranch::sql::binding {

namespace {

bool visible(const Scope& scope, std::size_t index) {
    const NameItem& item = scope.items[index];
    return index >= scope.first_visible && (!item.lateral_only || scope.lateral_active);
}

// The engine's own columns, but for those that PostgreSQL has, too.
bool out_of_reach(const NameColumn& column) {
    return column.hidden && column.name != "tableoid";
}

std::string dotted(const std::vector<std::string>& parts) {
    std::string out;
    for (const std::string& part : parts) out += (out.empty() ? "" : ".") + part;
    return out;
}

}  // namespace

Result<ExprPtr> Binding::find_column(Scope& scope, const std::string& name, Span at,
                                     std::uint32_t& found_level) {
    std::uint32_t level = 0;
    for (Scope* s = &scope; s != nullptr; s = s->parent, ++level) {
        const NameColumn* found = nullptr;
        for (std::size_t i = 0; i < s->items.size(); ++i) {
            if (!s->items[i].unqualified || !visible(*s, i)) continue;
            for (const NameColumn& c : s->items[i].columns) {
                if (c.name != name || out_of_reach(c)) continue;
                if (found != nullptr)
                    return fail(Error::make(sqlstate::ambiguous_column,
                                            "column reference \"" + name + "\" is ambiguous")
                                    .with_span(at));
                found = &c;
            }
        }
        if (found == nullptr) continue;
        found_level = level;
        Expr copy = *shifted(found->expr, level);
        copy.span = at;
        return std::make_shared<const Expr>(std::move(copy));
    }
    return ExprPtr{};
}

Result<Binding::Qualified> Binding::find_item(Scope& scope, const std::string& schema,
                                              const std::string& alias, Span at) {
    std::uint32_t level = 0;
    for (Scope* s = &scope; s != nullptr; s = s->parent, ++level) {
        const NameItem* found = nullptr;
        for (std::size_t i = 0; i < s->items.size(); ++i) {
            const NameItem& item = s->items[i];
            if (!item.qualified || item.alias != alias || !visible(*s, i)) continue;
            if (!schema.empty() && item.schema != schema) continue;
            if (found != nullptr)
                return fail(
                    Error::make("42P09", "table reference \"" + alias + "\" is ambiguous").with_span(at));
            found = &item;
        }
        if (found != nullptr) return Qualified{found, level};
    }
    return Qualified{};
}

ExprPtr Binding::whole_row(const NameItem& item, const Scope& scope, std::uint32_t level, Span at) {
    std::vector<ExprPtr> parts;
    std::vector<std::string> names;
    for (const NameColumn& c : item.columns) {
        if (c.hidden) continue;
        parts.push_back(shifted(c.expr, level));
        names.push_back(c.name);
    }
    const ExprPtr row = make({TypeId::record}, at, RowOf{std::move(parts), std::move(names)});
    const auto* table = item.rel ? std::get_if<TableRel>(&scope.rels[*item.rel].source) : nullptr;
    if (table == nullptr) return row;
    // The row that an outer join makes up is NULL, not a row of NULLs: its key tells.
    const Relation* relation = context_.names.table(table->table);
    if (relation == nullptr || relation->keys.empty() || relation->keys[0].columns.empty()) return row;
    const std::uint32_t key = relation->keys[0].columns[0].value;
    const ExprPtr test =
        make({TypeId::bool_}, at, Test{TestOp::is_not_null, shifted(item.columns[key].expr, level)});
    return make({TypeId::record}, at, Case{{{test, row}}, nullptr});
}

Result<ExprPtr> Binding::named_parameter(const std::vector<std::string>& parts, Span at) {
    const bool qualified = parts.size() == 2;
    if (parts.size() > 2 || (qualified && (context_.routine.empty() || parts[0] != context_.routine)))
        return ExprPtr{};
    for (std::size_t i = 0; i < context_.parameters.size(); ++i) {
        BoundParameter& p = context_.parameters[i];
        if (p.name.empty() || p.name != parts.back()) continue;
        p.used = true;
        return make(p.type, at, Param{static_cast<std::uint32_t>(i)});
    }
    return ExprPtr{};
}

Error Binding::no_column(Scope& scope, const std::vector<std::string>& parts, Span at) {
    std::vector<std::string> names;
    for (Scope* s = &scope; s != nullptr; s = s->parent) {
        for (const NameItem& item : s->items) {
            if (parts.size() > 1 && item.alias != parts[parts.size() - 2]) continue;
            for (const NameColumn& c : item.columns)
                if (!c.hidden) names.push_back(c.name);
        }
    }
    std::string hint;
    for (const BoundParameter& p : context_.parameters)
        if (!p.name.empty() && parts.size() == 1) names.push_back(p.name);
    if (const std::string close = closest_name(parts.back(), names); !close.empty())
        hint = "Perhaps you meant \"" + (parts.size() > 1 ? parts[parts.size() - 2] + "." : std::string()) +
               close + "\".";
    const std::string text = parts.size() == 1 ? "column \"" + parts[0] + "\" does not exist"
                                               : "column " + dotted(parts) + " does not exist";
    return Error::make(sqlstate::undefined_column, text).with_span(at).with_hint(std::move(hint));
}

Result<ExprPtr> Binding::column(const ast::ColumnRef& c, Scope& scope, Span at) {
    const std::vector<std::string>& parts = c.parts;
    if (parts.size() > 3) return fail(unsupported("the column reference " + dotted(parts), at));
    std::uint32_t level = 0;
    if (parts.size() == 1) {
        TRY(ExprPtr found, find_column(scope, parts[0], at, level));
        if (found) {
            for (std::size_t i = 0; i < context_.parameters.size(); ++i)
                if (context_.parameters[i].name == parts[0]) context_.shadowed.emplace_back(i, at);
            return found;
        }
        TRY(ExprPtr parameter, named_parameter(parts, at));
        if (parameter) return parameter;
        TRY(Qualified whole, find_item(scope, {}, parts[0], at));
        if (whole.item != nullptr) {
            Scope* s = &scope;
            for (std::uint32_t i = 0; i < whole.level; ++i) s = s->parent;
            return whole_row(*whole.item, *s, whole.level, at);
        }
        return fail(no_column(scope, parts, at));
    }
    const std::string schema = parts.size() == 3 ? parts[0] : std::string();
    const std::string& alias = parts[parts.size() - 2];
    TRY(Qualified found, find_item(scope, schema, alias, at));
    if (found.item != nullptr) {
        for (const NameColumn& column : found.item->columns) {
            if (column.name != parts.back() || out_of_reach(column)) continue;
            Expr copy = *shifted(column.expr, found.level);
            copy.span = at;
            return std::make_shared<const Expr>(std::move(copy));
        }
    }
    TRY(ExprPtr parameter, named_parameter(parts, at));
    if (parameter) return parameter;
    if (found.item != nullptr) return fail(no_column(scope, parts, at));
    Error error =
        Error::make(sqlstate::undefined_table, "missing FROM-clause entry for table \"" + alias + "\"")
            .with_span(at);
    const std::string invalid = "invalid reference to FROM-clause entry for table \"" + alias + "\"";
    for (Scope* s = &scope; s != nullptr; s = s->parent)
        for (const NameItem& item : s->items) {
            if (item.alias != alias && item.table != alias) continue;
            error.message = invalid;
            error.hint = item.alias == alias
                             ? "There is an entry for table \"" + alias +
                                   "\", but it cannot be referenced from this part of the query."
                             : "Perhaps you meant to reference the table alias \"" + item.alias + "\".";
        }
    return fail(std::move(error));
}

Result<void> Binding::expand_star(const ast::Star& star, Scope& scope, Span at,
                                  std::vector<std::pair<std::string, ExprPtr>>& out) {
    const auto add = [&](const NameItem& item, std::uint32_t level) {
        for (const NameColumn& c : item.columns)
            if (!c.hidden) out.emplace_back(c.name, shifted(c.expr, level));
    };
    if (star.parts.empty()) {
        bool any = false;
        for (const NameItem& item : scope.items) {
            if (!item.unqualified) continue;
            any = true;
            add(item, 0);
        }
        if (!any)
            return fail(Error::make(sqlstate::syntax_error, "SELECT * with no tables specified is not valid")
                            .with_span(at));
        return {};
    }
    const std::string schema = star.parts.size() > 1 ? star.parts[star.parts.size() - 2] : std::string();
    TRY(Qualified found, find_item(scope, schema, star.parts.back(), at));
    if (found.item == nullptr)
        return fail(Error::make(sqlstate::undefined_table,
                                "missing FROM-clause entry for table \"" + star.parts.back() + "\"")
                        .with_span(at));
    add(*found.item, found.level);
    return {};
}

}  // namespace anabranch::sql::binding

namespace anabranch::sql {

void warn_of_shadowed_parameters(BindContext& context) {
    std::vector<bool> told(context.parameters.size());
    for (const auto& [index, span] : context.shadowed) {
        const BoundParameter& p = context.parameters[index];
        if (p.used || told[index]) continue;
        told[index] = true;
        const std::string qualified =
            (context.routine.empty() ? std::string() : context.routine + ".") + p.name;
        context.warnings.push_back(
            {span,
             "\"" + p.name +
                 "\" is the column here, as a column beats a parameter of the same name, so the parameter " +
                 "is never read; write " + qualified + " for the parameter"});
    }
}

}  // namespace anabranch::sql
