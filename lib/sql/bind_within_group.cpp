// WITHIN GROUP: ordered-set and hypothetical-set aggregates.
#include "lib/sql/bind_internal.h"
#include "lib/sql/bind_walk.h"

namespace anabranch::sql::binding {

namespace {

std::vector<Type> types_of(const std::vector<ExprPtr>& direct, const std::vector<Aggregate::Order>& order) {
    std::vector<Type> out;
    for (const ExprPtr& e : direct) out.push_back(e->type);
    for (const Aggregate::Order& o : order) out.push_back(o.key->type);
    return out;
}

}  // namespace

// The values of the row that is not there and the sort keys, pair by pair of one type.
Result<void> Binding::hypothetical_row(const ast::FunctionCall& c, Aggregate& out, Span at) {
    const std::size_t values = out.direct.size(), keys = out.order.size();
    if (values != keys)
        return fail(no_function(c, out.direct, at)
                        .with_hint("To use the hypothetical-set aggregate " + c.name.name +
                                   ", the number of hypothetical direct arguments (here " +
                                   std::to_string(values) +
                                   ") must match the number of ordering columns (here " +
                                   std::to_string(keys) + ")."));
    for (std::size_t i = 0; i < keys; ++i) {
        std::vector<ExprPtr> pair = {out.order[i].key, out.direct[i]};
        TRY(const Type type, unify(pair, "WITHIN GROUP", at));
        for (ExprPtr& e : pair) {
            TRY(e, coerce(resolve_unknown(e), type, Coercion::implicit, e->span));
        }
        out.order[i].key = pair[0];
        out.direct[i] = pair[1];
    }
    return {};
}

Result<Aggregate> Binding::within_group(const ast::FunctionCall& c, Scope& scope, Span at, Type& result) {
    Aggregate out;
    TRY_VOID(aggregate_operands(c, scope, Clause::aggregate_argument, out.direct, out));
    const std::optional<ResolvedAggregate> r =
        resolve_aggregate(c.name.name, types_of(out.direct, out.order));
    if (!r) {
        std::vector<ExprPtr> args = out.direct;
        for (const Aggregate::Order& o : out.order) args.push_back(o.key);
        return fail(no_function(c, args, at));
    }
    out.func = r->func;
    result = r->result;
    if (!is_within_group(out.func))
        return fail(
            Error::make("42809",
                        c.name.name + " is not an ordered-set aggregate, so it cannot have WITHIN GROUP")
                .with_span(at));
    if (is_hypothetical(out.func)) {
        TRY_VOID(hypothetical_row(c, out, at));
        return out;
    }
    if (out.order.size() != 1) return fail(no_function(c, out.direct, at));
    for (ExprPtr& e : out.direct) {
        TRY(e, coerce(e, r->args[0], Coercion::implicit, e->span));
    }
    ExprPtr& key = out.order[0].key;
    TRY(key, coerce(key, r->args.back(), Coercion::implicit, key->span));
    out.args.push_back(key);
    return out;
}

}  // namespace anabranch::sql::binding
