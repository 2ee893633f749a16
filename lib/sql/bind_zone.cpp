// The session's time zone: what depends on it says so (Expr::zone).
#include <algorithm>

#include "lib/sql/bind_internal.h"
#include "lib/sql/bind_walk.h"
#include "lib/sql/value.h"

namespace anabranch::sql {

namespace {

// Values of it are read, written or counted by the clock of a zone, or may have such values in them.
bool has_zone(Type type) {
    return type.id == TypeId::timestamptz || type.id == TypeId::tstzrange || type.id == TypeId::record;
}

// The same in every zone, whatever the operands are.
bool is_apart_from_zones(Func func) {
    switch (func) {
        case Func::eq:
        case Func::ne:
        case Func::lt:
        case Func::le:
        case Func::gt:
        case Func::ge:
        case Func::timezone:
        case Func::uninterpreted:
            return true;
        default:
            return false;
    }
}

struct Depends {
    Type result;

    bool any(const std::vector<ExprPtr>& args) const {
        return std::any_of(args.begin(), args.end(), [](const ExprPtr& e) { return has_zone(e->type); });
    }
    bool operator()(const Cast& cast) const { return has_zone(result) || has_zone(cast.arg->type); }
    bool operator()(const Call& call) const {
        if (call.func == Func::current_date || call.func == Func::localtimestamp) return true;
        if (is_apart_from_zones(call.func)) return false;
        return any(call.args) || (has_zone(result) && !call.args.empty());
    }
    bool operator()(const Aggregate& aggregate) const { return any(aggregate.args); }
    bool operator()(const Window& window) const { return window.aggregate && (*this)(*window.aggregate); }
    bool operator()(const auto&) const { return false; }
};

// An operation of whose meaning only its arguments are known.
ExprPtr uninterpreted(const Expr& e, const std::string& what, std::vector<ExprPtr> args) {
    args.insert(args.begin(), binding::text_const("zoned." + what, e.span));
    return binding::make(e.type, e.span, Call{Func::uninterpreted, std::move(args)});
}

}  // namespace

ExprPtr Zoning::expr(Expr e) const {
    if (zone != nullptr && std::visit(Depends{e.type}, e.node)) {
        const auto* call = std::get_if<Call>(&e.node);
        if (unknown && call != nullptr)
            return uninterpreted(e, std::to_string(static_cast<int>(call->func)), call->args);
        const auto* cast = std::get_if<Cast>(&e.node);
        if (unknown && cast != nullptr) {
            const Type from = cast->arg->type;
            return uninterpreted(e, "cast" + std::to_string(oid_of(from)), {cast->arg});
        }
        e.zone = zone;
    }
    return std::make_shared<const Expr>(std::move(e));
}

namespace binding {

ExprPtr Binding::zoned(Type type, Span at, decltype(Expr::node) node) {
    return zoning().expr({type, at, std::move(node)});
}

Zoning Binding::zoning() const {
    return {context_.zone, context_.unknown_zone};
}

QueryPtr Binding::in_session(const QueryPtr& query) const {
    return context_.zone == nullptr ? query : in_zone(query, zoning());
}

}  // namespace binding

}  // namespace anabranch::sql
