// (row).field and (row).*: which fields a row has is known from where it was made.
#include <algorithm>

#include "lib/sql/bind_internal.h"
#include "lib/sql/bind_walk.h"

namespace anabranch::sql::binding {

namespace {

using Shape = std::vector<std::pair<std::string, Type>>;

Shape shape_of(const Expr& e, const std::vector<Rel>* rels);

Shape shape_of(const Query& query, std::size_t column) {
    if (query.set_op != SetOp::none) return shape_of(*query.left, column);
    return column < query.targets.size() ? shape_of(*query.targets[column], &query.rels) : Shape{};
}

// `rels` are those of the scope that a ColumnRef of level 0 means. A row from elsewhere has no known shape.
Shape shape_of(const Expr& e, const std::vector<Rel>* rels) {
    if (const auto* row = std::get_if<RowOf>(&e.node)) {
        Shape out;
        for (std::size_t i = 0; i < row->items.size(); ++i)
            out.emplace_back(i < row->names.size() ? row->names[i] : "f" + std::to_string(i + 1),
                             row->items[i]->type);
        return out;
    }
    if (const auto* choice = std::get_if<Case>(&e.node))  // the row that an outer join may make up
        return choice->branches.size() == 1 && !choice->otherwise
                   ? shape_of(*choice->branches[0].result, rels)
                   : Shape{};
    if (const auto* inner = std::get_if<Subquery>(&e.node))
        return inner->kind == SubqueryKind::scalar ? shape_of(*inner->query, 0) : Shape{};
    const auto* ref = std::get_if<ColumnRef>(&e.node);
    if (ref == nullptr || ref->level != 0 || rels == nullptr || ref->rel >= rels->size()) return {};
    const auto* derived = std::get_if<DerivedRel>(&(*rels)[ref->rel].source);
    return derived != nullptr ? shape_of(*derived->query, ref->column) : Shape{};
}

ExprPtr int_const(std::size_t value, Span at) {
    Const c;
    c.null = false;
    c.integer = static_cast<std::int64_t>(value);
    return make({TypeId::int4}, at, std::move(c));
}

}  // namespace

// Names and values of the fields; none where PostgreSQL would not know them either.
Result<std::vector<std::pair<std::string, ExprPtr>>> Binding::fields_of(const ExprPtr& row,
                                                                        const Scope& scope, Span at) {
    const Scope* around = &scope;
    Expr here = *row;
    if (auto* ref = std::get_if<ColumnRef>(&here.node)) {
        for (; ref->level > 0 && around != nullptr; --ref->level) around = around->parent;
        if (around == nullptr) return std::vector<std::pair<std::string, ExprPtr>>{};
    }
    const Shape shape = shape_of(here, &around->rels);
    const auto* made = std::get_if<RowOf>(&row->node);
    std::vector<std::pair<std::string, ExprPtr>> out;
    for (std::size_t i = 0; i < shape.size(); ++i)
        out.emplace_back(shape[i].first, made != nullptr
                                             ? made->items[i]
                                             : make(shape[i].second, at,
                                                    Call{Func::array_element, {row, int_const(i + 1, at)}}));
    return out;
}

Result<std::vector<std::pair<std::string, ExprPtr>>> Binding::all_fields(const ast::FieldAccess& f,
                                                                         Scope& scope, Span at) {
    TRY(const ExprPtr row, expr(*f.row, scope));
    if (row->type.id != TypeId::record || row->type.array)
        return fail(Error::make("42809", "type " + type_text(row->type) + " is not composite").with_span(at));
    TRY(auto fields, fields_of(row, scope, at));
    if (fields.empty())
        return fail(Error::make("42P18", "record type has not been registered").with_span(at));
    return fields;
}

Result<ExprPtr> Binding::field(const ast::FieldAccess& f, Scope& scope, Span at) {
    if (f.field.empty())
        return fail(
            Error::make(sqlstate::feature_not_supported, "row expansion via \"*\" is not supported here")
                .with_span(at));
    const auto* name = std::get_if<ast::ColumnRef>(&f.row->node);
    Result<ExprPtr> row = expr(*f.row, scope);
    if (!row && name == nullptr) return row;
    if (row && (row->get()->type.id != TypeId::record || row->get()->type.array))
        return fail(Error::make("42809", "column notation ." + f.field + " applied to type " +
                                             type_text((*row)->type) + ", which is not a composite type")
                        .with_span(at));
    if (row) {
        TRY(auto fields, fields_of(*row, scope, at));
        const auto found =
            std::find_if(fields.begin(), fields.end(), [&](const auto& one) { return one.first == f.field; });
        if (found != fields.end()) return found->second;
        if (name == nullptr || std::holds_alternative<ColumnRef>((*row)->node))
            return fail(Error::make(sqlstate::undefined_column,
                                    "could not identify column \"" + f.field + "\" in record data type")
                            .with_span(at));
    }
    ast::ColumnRef inner = *name;
    inner.parts.push_back(f.field);
    return column(inner, scope, at);
}

}  // namespace anabranch::sql::binding
