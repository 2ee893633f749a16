// Aggregates and window functions.
#include "lib/sql/bind_internal.h"
#include "lib/sql/bind_walk.h"

namespace anabranch::sql::binding {

namespace {

bool allows_aggregates(Clause clause) {
    return clause == Clause::target || clause == Clause::having || clause == Clause::order_by ||
           clause == Clause::distinct_on || clause == Clause::window;
}

// All columns an aggregate reads belong to queries around this one: then it belongs there too, which is not
// supported.
bool only_outer_columns(const Aggregate& a) {
    bool any = false, own = false;
    const auto look = [&](const ExprPtr& root) {
        walk(root, [&](const ExprPtr& e, std::uint32_t depth) {
            if (const auto* ref = std::get_if<ColumnRef>(&e->node)) {
                any = true;
                own |= ref->level <= depth;
            }
            return true;
        });
    };
    for (const ExprPtr& e : a.args) look(e);
    if (is_hypothetical(a.func))
        for (const Aggregate::Order& o : a.order) look(o.key);
    return any && !own;
}

}  // namespace

Result<Aggregate::Order> Binding::sort_key(const ast::SortKey& key, Scope& scope) {
    if (key.using_op) return fail(unsupported("ORDER BY USING", key.span));
    Aggregate::Order out;
    TRY(out.key, expr(key.expr, scope));
    TRY_VOID(check_comparable(out.key, "ordering"));
    out.key = resolve_unknown(out.key);
    out.descending = key.direction == ast::SortDirection::Descending;
    out.nulls_first =
        key.nulls == ast::NullsOrder::Default ? out.descending : key.nulls == ast::NullsOrder::First;
    return out;
}

Result<void> Binding::aggregate_operands(const ast::FunctionCall& c, Scope& scope, Clause clause,
                                         std::vector<ExprPtr>& args, Aggregate& out) {
    const Clause before = std::exchange(scope.clause, clause);
    const auto bind = [&]() -> Result<void> {
        for (const ast::Argument& a : c.arguments) {
            if (a.variadic) return fail(unsupported("VARIADIC", a.value.span));
            TRY(ExprPtr arg, expr(a.value, scope));
            args.push_back(std::move(arg));
        }
        for (const ast::SortKey& key : c.order_by) {
            TRY(Aggregate::Order order, sort_key(key, scope));
            out.order.push_back(std::move(order));
        }
        if (c.filter) {
            TRY(out.filter, condition(*c.filter, scope, Clause::filter));
        }
        return {};
    };
    const Result<void> bound = bind();
    scope.clause = before;
    return bound;
}

Result<Aggregate> Binding::aggregate_parts(const ast::FunctionCall& c, Scope& scope, Span at, Type& result) {
    const std::string& name = c.name.name;
    Aggregate out;
    out.distinct = c.distinct;
    out.star = c.star;
    const Clause clause = c.over ? Clause::window : Clause::aggregate_argument;
    TRY_VOID(aggregate_operands(c, scope, clause, out.args, out));
    std::vector<Type> types;
    for (const ExprPtr& e : out.args) types.push_back(e->type);
    if (types.empty() && !c.star && name == "count")
        return fail(Error::make("42809", "count(*) must be used to call a parameterless aggregate function")
                        .with_span(at));
    const std::optional<ResolvedAggregate> r = resolve_aggregate(name, types);
    if (!r || (c.star && name != "count")) return fail(no_function(c, out.args, at));
    if (is_within_group(r->func))
        return fail(
            Error::make("42809", "WITHIN GROUP is required for ordered-set aggregate " + name).with_span(at));
    for (std::size_t i = 0; i < out.args.size(); ++i) {
        if (out.args[i]->type.id == TypeId::record) continue;
        TRY(out.args[i], coerce(out.args[i], r->args[i], Coercion::implicit, out.args[i]->span));
    }
    if (out.distinct && !out.order.empty()) {
        for (const Aggregate::Order& o : out.order)
            if (!same(o.key, out.args.at(0)))
                return fail(
                    Error::make(
                        "42P10",
                        "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list")
                        .with_span(at));
    }
    out.func = r->func;
    result = r->result;
    return out;
}

Result<ExprPtr> Binding::aggregate(const ast::FunctionCall& c, Scope& scope, Span at) {
    if (scope.clause == Clause::aggregate_argument || scope.clause == Clause::filter)
        return fail(Error::make("42803", scope.clause == Clause::filter
                                             ? "aggregate functions are not allowed in FILTER"
                                             : "aggregate function calls cannot be nested")
                        .with_span(at));
    Type result;
    TRY(Aggregate out,
        c.within_group ? within_group(c, scope, at, result) : aggregate_parts(c, scope, at, result));
    if (!allows_aggregates(scope.clause))
        return fail(Error::make("42803", std::string("aggregate functions are not allowed in ") +
                                             name_of(scope.clause))
                        .with_span(at));
    if (only_outer_columns(out)) return fail(unsupported("an aggregate over columns of an outer query", at));
    scope.aggregates = true;
    return zoned(result, at, std::move(out));
}

Result<void> Binding::window_spec(const ast::WindowSpec& spec, Scope& scope, Window& out, Span at) {
    const std::string& base = spec.name.empty() ? spec.base : spec.name;
    if (!base.empty()) {
        const ast::WindowSpec* found = nullptr;
        if (scope.windows != nullptr)
            for (const ast::WindowSpec& w : *scope.windows)
                if (w.name == base) found = &w;
        if (found == nullptr)
            return fail(Error::make(sqlstate::undefined_object, "window \"" + base + "\" does not exist")
                            .with_span(at));
        ast::WindowSpec named = *found;
        named.name.clear();
        if (named.base == base) return fail(unsupported("this window definition", at));
        if (named.frame && spec.name.empty())
            return fail(
                Error::make("42P20", "cannot copy window \"" + base + "\" because it has a frame clause")
                    .with_span(at));
        TRY_VOID(window_spec(named, scope, out, at));
    }
    for (const ast::Expr& e : spec.partition_by) {
        TRY(ExprPtr key, expr_in(e, scope, Clause::window));
        out.partition.push_back(resolve_unknown(key));
    }
    for (const ast::SortKey& key : spec.order_by) {
        const Clause before = std::exchange(scope.clause, Clause::window);
        Result<Aggregate::Order> order = sort_key(key, scope);
        scope.clause = before;
        if (!order) return fail(order.error());
        out.order.push_back(std::move(*order));
    }
    return spec.frame ? window_frame(*spec.frame, scope, out, at) : Result<void>();
}

// In RANGE mode the bounds are values of the sort key: integers are compared as numerics and days as
// timestamps, so that no key is so large that its bound cannot be computed.
Result<void> Binding::range_bound(FrameBound& bound, Window& out, Span at) {
    const Aggregate::Order& order = out.order[0];
    const Type type = order.key->type;
    Type compared = type, distance = type;
    if (is_integer(type) || (type.id == TypeId::numeric && !type.array)) {
        compared = distance = {TypeId::numeric};
    } else if (!type.array && (type.id == TypeId::float4 || type.id == TypeId::float8)) {
        compared = distance = {TypeId::float8};
    } else if (!type.array &&
               (type.id == TypeId::date || type.id == TypeId::timestamp || type.id == TypeId::timestamptz)) {
        compared = {type.id == TypeId::timestamptz ? type.id : TypeId::timestamp};
        distance = {TypeId::interval};
    } else if (!type.array && (type.id == TypeId::time || type.id == TypeId::interval)) {
        compared = distance = {TypeId::interval};
    } else {
        return fail(Error::make(sqlstate::feature_not_supported,
                                "RANGE with offset PRECEDING/FOLLOWING is not supported for column type " +
                                    type_text(type))
                        .with_span(at));
    }
    if (!can_coerce(bound.offset, distance, Coercion::implicit))
        return fail(Error::make(sqlstate::feature_not_supported,
                                "RANGE with offset PRECEDING/FOLLOWING is not supported for column type " +
                                    type_text(type) + " and offset type " + type_text(bound.offset->type))
                        .with_span(at)
                        .with_hint("Cast the offset value to an appropriate type."));
    TRY(bound.offset, coerce(bound.offset, distance, Coercion::implicit, at));
    TRY(out.frame.key, coerce(order.key, compared, Coercion::explicit_, at));
    const bool back = (bound.kind == FrameBound::Kind::preceding) != order.descending;
    TRY(bound.value, operate(back ? "-" : "+", out.frame.key, bound.offset, at));
    return {};
}

Result<void> Binding::window_frame(const ast::WindowFrame& frame, Scope& scope, Window& out, Span at) {
    constexpr const char* modes[] = {"RANGE", "ROWS", "GROUPS"};
    out.frame.mode = static_cast<FrameMode>(frame.mode);
    out.frame.exclusion = static_cast<FrameExclusion>(frame.exclusion);
    const std::string mode = modes[static_cast<std::size_t>(frame.mode)];
    if (out.frame.mode == FrameMode::groups && out.order.empty())
        return fail(Error::make("42P20", "GROUPS mode requires an ORDER BY clause").with_span(at));
    for (const bool start : {true, false}) {
        const ast::FrameBound& from = start ? frame.start : frame.end;
        FrameBound& to = start ? out.frame.start : out.frame.end;
        to.kind = static_cast<FrameBound::Kind>(from.kind);
        if (!from.distance) continue;
        TRY(to.offset, expr_in(*from.distance, scope, Clause::window));
        bool variables = false;
        walk(to.offset, [&](const ExprPtr& part, std::uint32_t depth) {
            const auto* ref = std::get_if<ColumnRef>(&part->node);
            variables |= ref != nullptr && ref->level == depth;
            return true;
        });
        if (variables)
            return fail(Error::make("42P10", "argument of " + mode + " must not contain variables")
                            .with_span(from.distance->span));
        if (out.frame.mode == FrameMode::range) {
            if (out.order.size() != 1)
                return fail(Error::make("42P20",
                                        "RANGE with offset PRECEDING/FOLLOWING requires exactly one "
                                        "ORDER BY column")
                                .with_span(at));
            TRY_VOID(range_bound(to, out, from.distance->span));
        } else {
            if (!can_coerce(to.offset, {TypeId::int8}, Coercion::implicit))
                return fail(Error::make(sqlstate::datatype_mismatch, "argument of " + mode +
                                                                         " must be type bigint, not type " +
                                                                         type_text(to.offset->type))
                                .with_span(from.distance->span));
            TRY(to.offset, coerce(to.offset, {TypeId::int8}, Coercion::implicit, from.distance->span));
        }
        Const zero;
        zero.null = false;
        zero.bytes = "0";
        TRY(to.negative, operate("<", to.offset, make({TypeId::unknown}, at, std::move(zero)), at));
    }
    return {};
}

Result<ExprPtr> Binding::window(const ast::FunctionCall& c, Scope& scope, Span at) {
    if (scope.clause == Clause::aggregate_argument)
        return fail(Error::make("42803", "aggregate function calls cannot contain window function calls")
                        .with_span(at));
    if (scope.clause != Clause::target && scope.clause != Clause::order_by)
        return fail(Error::make("42P20", scope.clause == Clause::window
                                             ? "window function calls cannot be nested"
                                             : std::string("window functions are not allowed in ") +
                                                   name_of(scope.clause))
                        .with_span(at));
    Window out;
    Type result;
    const std::string& name = c.name.name;
    if (c.within_group)
        return fail(Error::make(sqlstate::feature_not_supported,
                                "OVER is not supported for ordered-set aggregate " + name)
                        .with_span(at));
    if (is_window_function(name)) {
        std::vector<Type> types;
        for (const ast::Argument& a : c.arguments) {
            TRY(ExprPtr arg, expr_in(a.value, scope, Clause::window));
            types.push_back(arg->type);
            out.args.push_back(std::move(arg));
        }
        const std::optional<ResolvedWindow> r = resolve_window(name, types);
        if (!r) return fail(no_function(c, out.args, at));
        for (std::size_t i = 0; i < out.args.size(); ++i) {
            TRY(out.args[i], coerce(out.args[i], r->args[i], Coercion::implicit, out.args[i]->span));
        }
        out.func = r->func;
        result = r->result;
    } else if (is_aggregate(name)) {
        TRY(out.aggregate, aggregate_parts(c, scope, at, result));
        if (c.distinct) return fail(unsupported("DISTINCT in a window function", at));
        out.func = WindowFunc::aggregate;
    } else {
        return fail(unsupported("the window function " + c.name.describe() + "()", at));
    }
    TRY_VOID(window_spec(*c.over, scope, out, at));
    scope.windows_used = true;
    return zoned(result, at, std::move(out));
}

}  // namespace anabranch::sql::binding
