// Expressions except names, operators and calls.
#include <array>

#include "lib/base/overload.h"
#include "lib/sql/bind_internal.h"
#include "lib/sql/bind_walk.h"
#include "lib/sql/value.h"

namespace anabranch::sql::binding {

namespace {

Const integer_const(std::int64_t v) {
    Const c;
    c.null = false;
    c.integer = v;
    return c;
}
Const bytes_const(std::string bytes) {
    Const c;
    c.null = false;
    c.bytes = std::move(bytes);
    return c;
}

bool is_default_collation(const std::string& name) {
    return name == "C" || name == "POSIX" || name == "default" || name == "ucs_basic" || name == "C.UTF-8" ||
           name == "und-x-icu";
}

}  // namespace

Result<ExprPtr> Binding::literal(const ast::Literal& l, Span at) {
    return std::visit(
        Overload{
            [&](const ast::Null&) -> Result<ExprPtr> { return null_of({}, at); },
            [&](bool v) -> Result<ExprPtr> { return make({TypeId::bool_}, at, integer_const(v ? 1 : 0)); },
            [&](std::int64_t v) -> Result<ExprPtr> {
                const bool small = v >= INT32_MIN && v <= INT32_MAX;
                return make({small ? TypeId::int4 : TypeId::int8}, at, integer_const(v));
            },
            [&](const ast::Number& n) -> Result<ExprPtr> {
                return coerce(make({}, at, bytes_const(n.text)), {TypeId::numeric}, Coercion::implicit, at);
            },
            [&](const std::string& s) -> Result<ExprPtr> { return make({}, at, bytes_const(s)); },
            [&](const ast::BitString&) -> Result<ExprPtr> { return fail(unsupported("a bit string", at)); }},
        l.value);
}

Result<ExprPtr> Binding::parameter(const ast::Parameter& p, Span at) {
    const Error none =
        Error::make("42P02", "there is no parameter $" + std::to_string(p.number)).with_span(at);
    constexpr std::int32_t number_max = 65535;
    if (p.number < 1 || p.number > number_max) return fail(none);
    const auto index = static_cast<std::uint32_t>(p.number - 1);
    if (index >= context_.parameters.size()) {
        if (!context_.infer) return fail(none);
        context_.parameters.resize(index + 1);
    }
    BoundParameter& bound = context_.parameters[index];
    bound.used = true;
    if (!bound.span.known) bound.span = at;
    return make(bound.type, at, Param{index});
}

Result<ExprPtr> Binding::logical(const ast::Logical& l, Scope& scope, Span at) {
    const bool is_and = l.kind == ast::LogicalKind::And;
    std::vector<ExprPtr> args;
    for (const ast::Expr& operand : l.operands) {
        TRY(ExprPtr arg, expr(operand, scope));
        TRY(arg, to_boolean(arg, is_and ? "AND" : "OR", operand.span));
        args.push_back(std::move(arg));
    }
    return truth(is_and ? LogicOp::and_ : LogicOp::or_, std::move(args), at);
}

Result<ExprPtr> Binding::is_test(const ast::IsTest& t, Scope& scope, Span at) {
    TRY(ExprPtr arg, expr(*t.operand, scope));
    const Type boolean{TypeId::bool_};
    if (t.kind != ast::TestKind::Null) {
        TRY(arg, to_boolean(arg, "IS", at));
        const TestOp op = t.kind == ast::TestKind::True ? (t.negated ? TestOp::is_not_true : TestOp::is_true)
                          : t.kind == ast::TestKind::False
                              ? (t.negated ? TestOp::is_not_false : TestOp::is_false)
                              : (t.negated ? TestOp::is_not_unknown : TestOp::is_unknown);
        return make(boolean, at, Test{op, std::move(arg)});
    }
    const TestOp op = t.negated ? TestOp::is_not_null : TestOp::is_null;
    // A row IS [NOT] NULL when every field is (not).
    if (const auto* row = std::get_if<RowOf>(&arg->node)) {
        std::vector<ExprPtr> tests;
        for (const ExprPtr& item : row->items) tests.push_back(make(boolean, at, Test{op, item}));
        if (!tests.empty()) return truth(LogicOp::and_, std::move(tests), at);
    }
    return make(boolean, at, Test{op, resolve_unknown(arg)});
}

Error Binding::no_common_type(const std::string& what, Type first, Type second) const {
    if (category_of(first) == category_of(second))
        return Error::make("42846",
                           what + " could not convert type " + type_text(second) + " to " + type_text(first));
    return Error::make(sqlstate::datatype_mismatch, what + " types " + type_text(first) + " and " +
                                                        type_text(second) + " cannot be matched");
}

Result<Type> Binding::unify(std::vector<ExprPtr>& items, const char* what, Span at) {
    std::vector<Type> types;
    for (const ExprPtr& e : items) types.push_back(e->type);
    const std::optional<Type> type = common_type(types);
    if (!type) {
        Type first, second;
        for (const Type t : types) {
            if (is_unknown(t)) continue;
            if (is_unknown(first))
                first = t;
            else if (!same_type(first, t))
                second = t;
        }
        return fail(no_common_type(what, first, second).with_span(at));
    }
    for (ExprPtr& e : items) {
        TRY(e, coerce(e, *type, Coercion::implicit, e->span));
    }
    return *type;
}

Result<ExprPtr> Binding::case_of(const ast::Case& c, Scope& scope, Span at) {
    ExprPtr operand;
    if (c.operand) {
        TRY(operand, expr(*c.operand, scope));
        operand = resolve_unknown(operand);
    }
    std::vector<ExprPtr> conditions, results;
    for (const ast::CaseWhen& w : c.whens) {
        TRY(ExprPtr condition, expr(w.when, scope));
        if (operand) {
            TRY(condition, operate("=", operand, condition, w.when.span));
        } else {
            TRY(condition, to_boolean(condition, "CASE/WHEN", w.when.span));
        }
        conditions.push_back(std::move(condition));
        TRY(ExprPtr result, expr(w.then, scope));
        results.push_back(std::move(result));
    }
    if (c.otherwise) {  // its type is looked at first
        TRY(ExprPtr otherwise, expr(*c.otherwise, scope));
        results.insert(results.begin(), std::move(otherwise));
    }
    TRY(Type type, unify(results, "CASE", at));
    if (!c.otherwise) type = without_modifier(type);  // the NULL it may yield has none
    Case out;
    if (c.otherwise) {
        out.otherwise = results.front();
        results.erase(results.begin());
    }
    for (std::size_t i = 0; i < conditions.size(); ++i) out.branches.push_back({conditions[i], results[i]});
    return make(type, at, std::move(out));
}

namespace {

// The last field of `interval day to hour`, by PostgreSQL's masks; empty for a plain interval.
std::string_view last_field(const ast::TypeName& type) {
    if (type.name.name != "interval" || type.modifiers.empty()) return {};
    constexpr std::pair<std::int32_t, std::string_view> fields[] = {{0x1000, "second"}, {0x0800, "minute"},
                                                                    {0x0400, "hour"},   {0x0008, "day"},
                                                                    {0x0002, "month"},  {0x0004, "year"}};
    const std::int32_t mask = type.modifiers[0];
    if (mask == 0x7fff) return {};
    for (const auto& [bit, name] : fields)
        if ((mask & bit) != 0) return name;
    return {};
}

// interval '1' day: a number alone counts the last field.
ExprPtr with_unit(const ExprPtr& e, std::string_view field) {
    const auto* literal = std::get_if<Const>(&e->node);
    if (literal == nullptr || literal->null || e->type.id != TypeId::unknown) return e;
    std::string_view digits = literal->bytes;
    if (!digits.empty() && (digits.front() == '-' || digits.front() == '+')) digits.remove_prefix(1);
    if (digits.empty() || digits.find_first_not_of("0123456789.") != std::string_view::npos) return e;
    Const out = *literal;
    out.bytes += " ";
    out.bytes += field;
    return make(e->type, e->span, std::move(out));
}

}  // namespace

Result<ExprPtr> Binding::cast(const ast::Cast& c, Scope& scope, Span at) {
    TRY(ResolvedType target, type(c.type));
    ExprPtr value;
    if (const auto* a = std::get_if<ast::Array>(&c.operand->node); a != nullptr && target.type.array) {
        TRY(value, array(*a, scope, at, element_of(target.type)));
    } else {
        TRY(value, expr(*c.operand, scope));
    }
    const std::string_view field = last_field(c.type);
    if (!field.empty()) value = with_unit(value, field);
    if (value->type.id == TypeId::record && target.type.id != TypeId::record) {
        // t::text and the like: the row's text form.
        if (target.type.id != TypeId::text && target.type.id != TypeId::varchar)
            return fail(
                Error::make("42846", "cannot cast type record to " + type_text(target.type)).with_span(at));
        value = zoned(target.type, at, Cast{value, false});
    } else {
        TRY(value, coerce(value, target.type, Coercion::explicit_, at));
    }
    if (!field.empty() && field != "second" && !target.type.array) {  // lesser fields are cut off
        Const name;
        name.null = false;
        name.bytes = field;
        const Type text{TypeId::text};
        const Resolution trunc = resolve_function("date_trunc", std::array{text, target.type});
        TRY(value, convert_arguments({make(text, at, std::move(name)), value}, trunc.resolved, at));
    }
    if (!target.domain) return value;
    return make(target.type, at, DomainCheck{std::move(value), target.domain});
}

Result<ExprPtr> Binding::array(const ast::Array& a, Scope& scope, Span at, std::optional<Type> element) {
    std::vector<ExprPtr> items;
    for (const ast::Expr& item : a.items) {
        if (std::holds_alternative<ast::Array>(item.node))
            return fail(unsupported("an array of several dimensions", item.span));
        TRY(ExprPtr e, expr(item, scope));
        if (element) {
            TRY(e, coerce(e, *element, Coercion::explicit_, item.span));
        }
        items.push_back(std::move(e));
    }
    if (!element) {
        if (items.empty())
            return fail(
                Error::make("42P18", "cannot determine type of empty array")
                    .with_span(at)
                    .with_hint("Explicitly cast to the desired type, for example ARRAY[]::integer[]."));
        TRY(element, unify(items, "ARRAY", at));
        if (element->array) return fail(unsupported("an array of several dimensions", at));
    }
    return make(array_of_type(*element), at, ArrayOf{std::move(items)});
}

Result<ExprPtr> Binding::subscript(const ast::Subscript& s, Scope& scope, Span at) {
    TRY(ExprPtr base, expr(*s.array, scope));
    if (base->type.id == TypeId::jsonb && !base->type.array && !s.slice) {
        TRY(ExprPtr key, expr(*s.upper, scope));
        return operate("->", base, key, at);
    }
    if (!base->type.array)
        return fail(Error::make(sqlstate::datatype_mismatch, "cannot subscript type " +
                                                                 type_text(base->type) +
                                                                 " because it does not support subscripting")
                        .with_span(at));
    const Type int4{TypeId::int4};
    const auto bound = [&](const ast::Box<ast::Expr>& e, Func otherwise) -> Result<ExprPtr> {
        if (!e) return make(int4, at, Call{otherwise, {base, make(int4, at, integer_const(1))}});
        TRY(ExprPtr index, expr(*e, scope));
        return coerce(index, int4, Coercion::assignment, e->span);
    };
    TRY(ExprPtr upper, bound(s.upper, Func::array_upper));
    if (!s.slice)
        return make(element_of(base->type), at, Call{Func::array_element, {base, std::move(upper)}});
    TRY(ExprPtr lower, bound(s.lower, Func::array_lower));
    const Type type = base->type;
    return make(type, at, Call{Func::array_slice, {base, std::move(lower), std::move(upper)}});
}

Result<ExprPtr> Binding::subquery(const ast::Subquery& s, Scope& scope, Span at) {
    TRY(std::shared_ptr<Query> q, query(*s.query, &scope));
    if (s.kind == ast::SubqueryKind::Exists) {
        resolve_unknown_outputs(*q);
        return make({TypeId::bool_}, at, Subquery{SubqueryKind::exists, std::move(q), {}, {}});
    }
    if (q->columns.size() != 1)
        return fail(Error::make(sqlstate::syntax_error, q->columns.empty()
                                                            ? "subquery must return a column"
                                                            : "subquery must return only one column")
                        .with_span(at));
    resolve_unknown_outputs(*q);
    const Type type = q->columns[0].type;
    if (s.kind == ast::SubqueryKind::Array) {
        if (type.array) return fail(unsupported("an array of several dimensions", at));
        return make(array_of_type(type), at, Subquery{SubqueryKind::array, std::move(q), {}, {}});
    }
    return make(type, at, Subquery{SubqueryKind::scalar, std::move(q), {}, {}});
}

Result<ExprPtr> Binding::row(const ast::Row& r, Scope& scope, Span at) {
    std::vector<ExprPtr> items;
    for (const ast::Expr& item : r.items) {
        if (const auto* star = std::get_if<ast::Star>(&item.node)) {
            std::vector<std::pair<std::string, ExprPtr>> columns;
            TRY_VOID(expand_star(*star, scope, item.span, columns));
            for (auto& [name, e] : columns) items.push_back(std::move(e));
            continue;
        }
        TRY(ExprPtr e, expr(item, scope));
        items.push_back(std::move(e));
    }
    return make({TypeId::record}, at, RowOf{std::move(items), {}});
}

Result<std::vector<ExprPtr>> Binding::exprs(const std::vector<ast::Expr>& list, Scope& scope) {
    std::vector<ExprPtr> out;
    for (const ast::Expr& e : list) {
        TRY(ExprPtr bound, expr(e, scope));
        out.push_back(std::move(bound));
    }
    return out;
}

Result<ExprPtr> Binding::expr_in(const ast::Expr& e, Scope& scope, Clause clause) {
    const Clause before = std::exchange(scope.clause, clause);
    Result<ExprPtr> out = expr(e, scope);
    scope.clause = before;
    return out;
}

Result<ExprPtr> Binding::condition(const ast::Expr& e, Scope& scope, Clause clause) {
    TRY(ExprPtr bound, expr_in(e, scope, clause));
    return to_boolean(bound,
                      clause == Clause::join_on ? "JOIN/ON"
                      : clause == Clause::check ? "CHECK"
                                                : name_of(clause),
                      e.span);
}

Result<ExprPtr> Binding::expr(const ast::Expr& e, Scope& scope) {
    const Span at = e.span;
    return std::visit(
        Overload{[&](const ast::Literal& n) { return literal(n, at); },
                 [&](const ast::ColumnRef& n) { return column(n, scope, at); },
                 [&](const ast::Parameter& n) { return parameter(n, at); },
                 [&](const ast::Star& n) -> Result<ExprPtr> {
                     if (!n.parts.empty())
                         return column({n.parts}, scope, at);  // t.* as a value is the row t
                     return fail(Error::make(sqlstate::syntax_error, "* is not allowed here").with_span(at));
                 },
                 [&](const ast::FieldAccess& n) { return field(n, scope, at); },
                 [&](const ast::Subscript& n) { return subscript(n, scope, at); },
                 [&](const ast::UnaryOp& n) { return unary(n, scope, at); },
                 [&](const ast::BinaryOp& n) { return binary(n, scope, at); },
                 [&](const ast::Logical& n) { return logical(n, scope, at); },
                 [&](const ast::Not& n) -> Result<ExprPtr> {
                     TRY(ExprPtr arg, expr(*n.operand, scope));
                     TRY(arg, to_boolean(arg, "NOT", at));
                     return truth(LogicOp::not_, {std::move(arg)}, at);
                 },
                 [&](const ast::IsTest& n) { return is_test(n, scope, at); },
                 [&](const ast::DistinctFrom& n) { return distinct_from(n, scope, at); },
                 [&](const ast::Between& n) { return between(n, scope, at); },
                 [&](const ast::InList& n) { return in_list(n, scope, at); },
                 [&](const ast::QuantifiedQuery& n) { return quantified_query(n, scope, at); },
                 [&](const ast::QuantifiedArray& n) { return quantified_array(n, scope, at); },
                 [&](const ast::Subquery& n) { return subquery(n, scope, at); },
                 [&](const ast::Case& n) { return case_of(n, scope, at); },
                 [&](const ast::Cast& n) { return cast(n, scope, at); },
                 [&](const ast::Collate& n) -> Result<ExprPtr> {
                     if (!is_default_collation(n.collation.name))
                         return fail(unsupported("COLLATE \"" + n.collation.name + "\"", at));
                     return expr(*n.operand, scope);
                 },
                 [&](const ast::Row& n) { return row(n, scope, at); },
                 [&](const ast::Array& n) { return array(n, scope, at, {}); },
                 [&](const ast::FunctionCall& n) { return call(n, scope, at); },
                 [&](const ast::DefaultValue&) -> Result<ExprPtr> {
                     return fail(Error::make(sqlstate::syntax_error, "DEFAULT is not allowed in this context")
                                     .with_span(at));
                 },
                 [&](const ast::Unsupported& n) -> Result<ExprPtr> { return fail(unsupported(n.what, at)); }},
        e.node);
}

}  // namespace anabranch::sql::binding
