// Operators: resolution by types, rows, quantified comparisons.
#include <algorithm>
#include <array>

#include "lib/sql/bind_internal.h"
#include "lib/sql/bind_walk.h"

namespace anabranch::sql::binding {

namespace {

bool is_comparison(const std::string& op) {
    return op == "=" || op == "<>" || op == "<" || op == "<=" || op == ">" || op == ">=";
}

// `c = c` where a parameter c exists: the parameter was meant.
bool same_column(const ExprPtr& left, const ExprPtr& right) {
    return std::holds_alternative<ColumnRef>(left->node) && same(left, right);
}

const RowOf* row_of(const ExprPtr& e) {
    return e ? std::get_if<RowOf>(&e->node) : nullptr;
}

}  // namespace

Result<Resolved> Binding::operator_for(const std::string& op, std::optional<Type> left, Type right, Span at) {
    const Resolution r = resolve_operator(op, left, right);
    if (r.match == Match::found) {
        Resolved resolved = r.resolved;
        // Text without a length compares varchar columns as they are, so that an index on them can be used.
        const auto is_varchar = [](Type t) { return t.id == TypeId::varchar && !t.array; };
        if (is_comparison(op) && left && resolved.args[0].id == TypeId::text &&
            (is_varchar(*left) || is_varchar(right)))
            resolved.args = {{TypeId::varchar}, {TypeId::varchar}};
        return resolved;
    }
    const std::string text = (left ? type_text(*left) + " " : std::string()) + op + " " + type_text(right);
    if (r.match == Match::ambiguous)
        return fail(Error::make("42725", "operator is not unique: " + text)
                        .with_span(at)
                        .with_hint("Could not choose a best candidate operator. You might need to add "
                                   "explicit type casts."));
    return fail(Error::make(sqlstate::undefined_function, "operator does not exist: " + text)
                    .with_span(at)
                    .with_hint("No operator matches the given name and argument types. You might need to add "
                               "explicit type casts."));
}

Result<ExprPtr> Binding::operate(const std::string& op, const ExprPtr& left, const ExprPtr& right, Span at) {
    if (row_of(left) != nullptr && row_of(right) != nullptr && is_comparison(op))
        return compare_rows(op, left, right, at);
    TRY(Resolved resolved,
        operator_for(op, left ? std::optional<Type>(left->type) : std::nullopt, right->type, at));
    std::vector<ExprPtr> args;
    if (left) args.push_back(left);
    args.push_back(right);
    if (left && is_comparison(op) && same_column(left, right)) {
        for (const auto& [index, span] : context_.shadowed)
            if (span == left->span || span == right->span) {
                const std::string& name = context_.parameters[index].name;
                context_.warnings.push_back(
                    {right->span, "\"" + name +
                                      "\" is the column on both sides, as a column beats a parameter of the "
                                      "same name; write " +
                                      (context_.routine.empty() ? "" : context_.routine + ".") + name +
                                      " for the parameter"});
                break;
            }
    }
    return convert_arguments(std::move(args), resolved, at);
}

Result<ExprPtr> Binding::convert_arguments(std::vector<ExprPtr> args, const Resolved& resolved, Span at) {
    for (std::size_t i = 0; i < args.size(); ++i) {
        if (resolved.args[i].id == TypeId::record) continue;
        // text || anything converts as if cast.
        const Coercion how = can_coerce(args[i], resolved.args[i], Coercion::implicit) ? Coercion::implicit
                                                                                       : Coercion::assignment;
        TRY(args[i], coerce(args[i], resolved.args[i], how, args[i]->span));
    }
    return zoned(resolved.result, at, Call{resolved.func, std::move(args)});
}

Result<ExprPtr> Binding::compare_rows(const std::string& op, const ExprPtr& left, const ExprPtr& right,
                                      Span at) {
    const std::vector<ExprPtr>&l = row_of(left)->items, &r = row_of(right)->items;
    if (l.size() != r.size())
        return fail(Error::make(sqlstate::syntax_error, "unequal number of entries in row expressions")
                        .with_span(at));
    if (l.empty()) return fail(unsupported("comparison of rows of length zero", at));
    if (op == "=" || op == "<>") {
        std::vector<ExprPtr> parts;
        for (std::size_t i = 0; i < l.size(); ++i) {
            TRY(ExprPtr part, operate(op, l[i], r[i], at));
            parts.push_back(std::move(part));
        }
        return truth(op == "=" ? LogicOp::and_ : LogicOp::or_, std::move(parts), at);
    }
    // (a, b) < (c, d): a < c OR (a = c AND b < d).
    const std::string strict = op.substr(0, 1);
    TRY(ExprPtr out, operate(op, l.back(), r.back(), at));
    for (std::size_t i = l.size() - 1; i-- > 0;) {
        TRY(ExprPtr less, operate(strict, l[i], r[i], at));
        TRY(ExprPtr equal, operate("=", l[i], r[i], at));
        out = truth(LogicOp::or_,
                    {std::move(less), truth(LogicOp::and_, {std::move(equal), std::move(out)}, at)}, at);
    }
    return out;
}

Result<ExprPtr> Binding::unary(const ast::UnaryOp& u, Scope& scope, Span at) {
    TRY(ExprPtr operand, expr(*u.operand, scope));
    if (u.op.name == "+") {
        if (is_unknown(operand->type)) return coerce(operand, {TypeId::float8}, Coercion::implicit, at);
        TRY_VOID(operator_for("-", {}, operand->type, at));
        return operand;
    }
    return operate(u.op.name, nullptr, operand, at);
}

Result<ExprPtr> Binding::binary(const ast::BinaryOp& b, Scope& scope, Span at) {
    TRY(ExprPtr left, expr(*b.left, scope));
    // (a, b) = (SELECT x, y ...): one comparison over the query's columns.
    if (const auto* s = std::get_if<ast::Subquery>(&b.right->node);
        s != nullptr && s->kind == ast::SubqueryKind::Scalar && row_of(left) != nullptr)
        return fail(unsupported("comparing a row with a subquery", at));
    TRY(ExprPtr right, expr(*b.right, scope));
    return operate(b.op.name, left, right, at);
}

Result<ExprPtr> Binding::distinct_from(const ast::DistinctFrom& d, Scope& scope, Span at) {
    TRY(ExprPtr left, expr(*d.left, scope));
    TRY(ExprPtr right, expr(*d.right, scope));
    const auto one = [&](const ExprPtr& l, const ExprPtr& r) -> Result<ExprPtr> {
        TRY(Resolved resolved, operator_for("=", l->type, r->type, at));
        resolved.func = d.negated ? Func::is_not_distinct : Func::is_distinct;
        return convert_arguments({l, r}, resolved, at);
    };
    const RowOf *l = row_of(left), *r = row_of(right);
    if (l == nullptr || r == nullptr) return one(left, right);
    if (l->items.size() != r->items.size())
        return fail(Error::make(sqlstate::syntax_error, "unequal number of entries in row expressions")
                        .with_span(at));
    std::vector<ExprPtr> parts;
    for (std::size_t i = 0; i < l->items.size(); ++i) {
        TRY(ExprPtr part, one(l->items[i], r->items[i]));
        parts.push_back(std::move(part));
    }
    return truth(d.negated ? LogicOp::and_ : LogicOp::or_, std::move(parts), at);
}

Result<ExprPtr> Binding::between(const ast::Between& b, Scope& scope, Span at) {
    TRY(ExprPtr operand, expr(*b.operand, scope));
    TRY(ExprPtr low, expr(*b.low, scope));
    TRY(ExprPtr high, expr(*b.high, scope));
    const auto within = [&](const ExprPtr& from, const ExprPtr& to) -> Result<ExprPtr> {
        TRY(ExprPtr above, operate(b.negated ? "<" : ">=", operand, from, at));
        TRY(ExprPtr below, operate(b.negated ? ">" : "<=", operand, to, at));
        return truth(b.negated ? LogicOp::or_ : LogicOp::and_, {std::move(above), std::move(below)}, at);
    };
    TRY(ExprPtr out, within(low, high));
    if (!b.symmetric) return out;
    TRY(ExprPtr other, within(high, low));
    return truth(b.negated ? LogicOp::and_ : LogicOp::or_, {std::move(out), std::move(other)}, at);
}

// Items that read no row become an array in PostgreSQL, if they are several and have a type in common.
void Binding::unify_values(const ExprPtr& operand, std::vector<ExprPtr>& items, Span at) {
    std::vector<ExprPtr> values;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < items.size(); ++i) {
        bool reads = false;
        walk(items[i], [&](const ExprPtr& e, std::uint32_t depth) {
            const auto* column = std::get_if<ColumnRef>(&e->node);
            reads = reads || (column != nullptr && column->level == depth);
            return !reads;
        });
        if (reads || row_of(items[i]) != nullptr) continue;
        values.push_back(items[i]);
        places.push_back(i);
    }
    if (values.size() < 2 || row_of(operand) != nullptr) return;
    values.push_back(operand);
    // Else each is compared by itself, or found wrong. There is no array of arrays.
    if (!unify(values, "IN", at) || values.back()->type.array) return;
    for (std::size_t i = 0; i < places.size(); ++i) items[places[i]] = values[i];
}

Result<ExprPtr> Binding::in_list(const ast::InList& i, Scope& scope, Span at) {
    TRY(ExprPtr operand, expr(*i.operand, scope));
    TRY(std::vector<ExprPtr> items, exprs(i.items, scope));
    constexpr std::size_t expanded_max = 32;  // longer lists of constants become an array
    const bool constant = std::all_of(
        items.begin(), items.end(), [](const ExprPtr& e) { return std::holds_alternative<Const>(e->node); });
    if (items.size() > expanded_max && constant && row_of(operand) == nullptr) {
        std::vector<ExprPtr> all = items;
        all.push_back(operand);
        TRY_VOID(unify(all, "IN", at));
        operand = all.back();
        all.pop_back();
        const Type type = operand->type;
        TRY_VOID(operator_for("=", type, type, at));
        const ExprPtr list = make(array_of_type(without_modifier(type)), at, ArrayOf{std::move(all)});
        return make({TypeId::bool_}, at,
                    ArrayCompare{i.negated ? Func::ne : Func::eq, i.negated, operand, list});
    }
    unify_values(operand, items, at);
    std::vector<ExprPtr> parts;
    for (const ExprPtr& item : items) {
        TRY(ExprPtr part, operate(i.negated ? "<>" : "=", operand, item, at));
        parts.push_back(std::move(part));
    }
    return truth(i.negated ? LogicOp::and_ : LogicOp::or_, std::move(parts), at);
}

Result<ExprPtr> Binding::quantified_query(const ast::QuantifiedQuery& q, Scope& scope, Span at) {
    TRY(ExprPtr operand, expr(*q.operand, scope));
    TRY(std::shared_ptr<Query> inner, query(*q.query, &scope));
    std::vector<ExprPtr> left = row_of(operand) != nullptr ? row_of(operand)->items : std::vector{operand};
    if (left.size() != inner->columns.size())
        return fail(Error::make(sqlstate::syntax_error, left.size() < inner->columns.size()
                                                            ? "subquery has too many columns"
                                                            : "subquery has too few columns")
                        .with_span(at));
    if (left.size() > 1 && q.op.name != "=" && q.op.name != "<>")
        return fail(unsupported("comparing rows with a subquery by " + q.op.name, at));
    Subquery out{
        q.quantifier == ast::Quantifier::Any ? SubqueryKind::any : SubqueryKind::all, nullptr, {}, {}};
    for (std::size_t i = 0; i < left.size(); ++i) {
        TRY(Resolved resolved, operator_for(q.op.name, left[i]->type, inner->columns[i].type, at));
        if (resolved.result.id != TypeId::bool_)
            return fail(
                Error::make(sqlstate::datatype_mismatch, "row comparison operator must yield type boolean")
                    .with_span(at));
        TRY(left[i], coerce(left[i], resolved.args[0], Coercion::implicit, left[i]->span));
        TRY_VOID(coerce_output(*inner, i, resolved.args[1], at, "IN"));
        out.compare.push_back(resolved.func);
    }
    resolve_unknown_outputs(*inner);
    out.left = std::move(left);
    out.query = std::move(inner);
    return make({TypeId::bool_}, at, std::move(out));
}

Result<ExprPtr> Binding::quantified_array(const ast::QuantifiedArray& q, Scope& scope, Span at) {
    TRY(ExprPtr left, expr(*q.operand, scope));
    TRY(ExprPtr array, expr(*q.array, scope));
    Type element;
    if (is_unknown(array->type)) {
        element = is_unknown(left->type) ? Type{TypeId::text} : without_modifier(left->type);
        if (element.id == TypeId::varchar) element = {TypeId::text};
        TRY(array, coerce(array, array_of_type(element), Coercion::implicit, array->span));
    } else {
        if (!array->type.array)
            return fail(
                Error::make("42809", "op ANY/ALL (array) requires array on right side").with_span(at));
        element = element_of(array->type);
    }
    TRY(Resolved resolved, operator_for(q.op.name, left->type, element, at));
    if (resolved.result.id != TypeId::bool_)
        return fail(
            Error::make("42809", "op ANY/ALL (array) requires operator to yield boolean").with_span(at));
    TRY(left, coerce(left, resolved.args[0], Coercion::implicit, left->span));
    TRY(array, coerce(array, array_of_type(resolved.args[1]), Coercion::implicit, array->span));
    return make(
        {TypeId::bool_}, at,
        ArrayCompare{resolved.func, q.quantifier == ast::Quantifier::All, std::move(left), std::move(array)});
}

}  // namespace anabranch::sql::binding
