#include <variant>

#include "confluence/smt/eval.h"

namespace anabranch::confluence::smt {

using namespace sql;

namespace {

bool is_const(const ExprPtr& e, std::int64_t& out) {
    const Expr* at = e.get();
    while (const auto* inner = std::get_if<Cast>(&at->node)) at = inner->arg.get();
    const auto* constant = std::get_if<Const>(&at->node);
    if (constant == nullptr || constant->null || storage_of(at->type) != Storage::integer) return false;
    out = constant->integer;
    return true;
}

bool any_numeral(const std::vector<Val>& args) {
    return args[0].value.is_numeral() || args[1].value.is_numeral();
}

bool exact_arithmetic(Type type) {
    return is_integer(type) ||
           (!type.array && (type.id == TypeId::numeric || type.id == TypeId::date || type.id == TypeId::oid));
}

bool takes_nulls(Func func) {
    switch (func) {
        case Func::is_distinct:
        case Func::is_not_distinct:
        case Func::coalesce:
        case Func::greatest:
        case Func::least:
        case Func::nullif:
        case Func::concat:
        case Func::concat_ws:
        case Func::format:
        case Func::quote_nullable:
        case Func::num_nulls:
        case Func::num_nonnulls:
        case Func::array_append:
        case Func::array_prepend:
        case Func::array_cat:
        case Func::array_remove:
        case Func::array_replace:
        case Func::array_fill:
        case Func::array_position:
        case Func::array_positions:
        case Func::array_to_string:
        case Func::string_to_array:
        case Func::enum_first:
        case Func::enum_last:
        case Func::enum_range:
        case Func::pg_typeof:
        case Func::jsonb_build_object:
        case Func::jsonb_build_array:
        case Func::to_jsonb:
        case Func::range_make:
        case Func::overlaps:
            return true;
        default:
            return false;
    }
}

// Strict, but NULL also of arguments that are not: an absent key, an empty array, an unbounded range, no
// match.
bool may_find_nothing(Func func) {
    switch (func) {
        case Func::json_get:
        case Func::json_get_text:
        case Func::json_path:
        case Func::json_path_text:
        case Func::regexp_match:
        case Func::regexp_substr:
        case Func::substring_from:
        case Func::array_element:
        case Func::array_slice:
        case Func::array_length:
        case Func::array_upper:
        case Func::array_lower:
        case Func::array_ndims:
        case Func::array_dims:
        case Func::range_lower:
        case Func::range_upper:
        case Func::extract:
        case Func::date_part:
        case Func::scale:
        case Func::min_scale:
        case Func::to_regclass:
        case Func::to_regtype:
            return true;
        default:
            return func >= Func::current_user && func <= Func::pg_char_to_encoding;  // of session and catalog
    }
}

// Different at every evaluation, or fixed per call: never determined by the state.
bool is_generated(Func func) {
    switch (func) {
        case Func::now:
        case Func::clock_timestamp:
        case Func::current_date:
        case Func::localtimestamp:
        case Func::gen_random_uuid:
        case Func::random:
        case Func::set_config:
            return true;
        default:
            return sql::asks_session(func);
    }
}

}  // namespace

Val Evaluator::compare(Func func, const Val& a, const Val& b) {
    Kind kind = a.kind == b.kind ? a.kind : Kind::real;
    z3::expr x = a.value;
    z3::expr y = b.value;
    if (kind == Kind::boolean && func != Func::eq && func != Func::ne) kind = Kind::integer;
    x = terms_.to_kind(x, a.kind, kind);
    y = terms_.to_kind(y, b.kind, kind);
    const z3::expr known = terms_.and_(terms_.not_(a.null), terms_.not_(b.null));
    z3::expr result = terms_.no();
    const bool numerals = x.is_numeral() && y.is_numeral();
    switch (func) {
        case Func::eq:
            result = terms_.equal(x, y);
            break;
        case Func::ne:
            result = terms_.not_(terms_.equal(x, y));
            break;
        case Func::lt:
            result = x < y;
            break;
        case Func::le:
            result = x <= y;
            break;
        case Func::gt:
            result = x > y;
            break;
        case Func::ge:
            result = x >= y;
            break;
        default:
            return unknown("comparison", Type{TypeId::bool_});
    }
    if (numerals) result = result.simplify();
    return {terms_.not_(known), terms_.and_(known, result), Kind::boolean, Mark::none};
}

Val Evaluator::operate(Func func, const Val& a, const Val& b) {
    if (func <= Func::ge) return compare(func, a, b);
    const Type type{TypeId::bool_};
    const std::string name =
        "f" + std::to_string(static_cast<int>(func)) + "." + std::to_string(static_cast<int>(type.id));
    const Val there = uninterpreted(name, type, {a, b});
    if (func != Func::range_overlaps) return there;
    const Val back = uninterpreted(name, type, {b, a});
    return {there.null, terms_.or_(there.value, back.value), Kind::boolean, Mark::none};
}

Val Evaluator::call(const Call& call, const Expr& e, const Env& env) {
    const int polarity = polarity_;
    polarity_ = 0;
    std::vector<Val> args;
    for (const ExprPtr& arg : call.args) args.push_back(expression(arg, env));
    polarity_ = polarity;
    if (is_generated(call.func))
        return values_ != nullptr ? values_->generated(e, site) : unknown("generated", e.type);
    switch (call.func) {
        case Func::eq:
        case Func::ne:
        case Func::lt:
        case Func::le:
        case Func::gt:
        case Func::ge:
            return compare(call.func, args[0], args[1]);
        case Func::is_distinct:
            return terms_.boolean_value(terms_.not_(terms_.same(args[0], args[1])));
        case Func::is_not_distinct:
            return terms_.boolean_value(terms_.same(args[0], args[1]));
        default:
            break;
    }
    if (takes_nulls(call.func)) return choice(call.func, e, args);
    return strict_call(call.func, e, call, args);
}

Val Evaluator::choice(Func func, const Expr& e, const std::vector<Val>& args) {
    switch (func) {
        case Func::coalesce: {
            Val result = args.back();
            for (std::size_t i = args.size() - 1; i-- > 0;)
                result = terms_.choose(terms_.not_(args[i].null), args[i], result);
            return result;
        }
        case Func::greatest:
        case Func::least: {
            Val result = args[0];
            for (std::size_t i = 1; i < args.size(); ++i) {
                const Val further = compare(func == Func::greatest ? Func::gt : Func::lt, args[i], result);
                const z3::expr takes =
                    terms_.and_(terms_.not_(args[i].null), terms_.or_(result.null, further.value));
                result = terms_.choose(takes, args[i], result);
            }
            return result;
        }
        case Func::nullif: {
            Val result = args[0];
            const z3::expr equal = terms_.equal_values(args[0], args[1]);
            result.null = terms_.or_(result.null, equal);
            if (result.kind == Kind::boolean) result.value = terms_.and_(result.value, terms_.not_(equal));
            return result;
        }
        default:
            break;
    }
    const std::string name = "f" + std::to_string(static_cast<int>(func));
    const Kind kind = kind_of(e.type);
    const z3::expr null = func == Func::concat || func == Func::jsonb_build_object ||
                                  func == Func::jsonb_build_array || func == Func::range_make
                              ? terms_.no()
                              : terms_.function(name + ".null", args, Kind::boolean);
    const z3::expr value = terms_.function(name, args, kind);
    return {null, kind == Kind::boolean ? terms_.and_(terms_.not_(null), value) : value, kind, Mark::none};
}

Val Evaluator::arithmetic(Func func, const Expr& e, const Call& call, const std::vector<Val>& args) {
    std::vector<z3::expr> nulls;
    for (const Val& a : args) nulls.push_back(a.null);
    const z3::expr null = terms_.or_(nulls);
    const Kind kind = kind_of(e.type);
    const z3::expr x = terms_.to_kind(args[0].value, args[0].kind, kind);
    const z3::expr y = args.size() > 1 ? terms_.to_kind(args[1].value, args[1].kind, kind) : x;
    const auto exact = [&](const z3::expr& value) { return Val{null, value, kind, Mark::none}; };
    std::int64_t divisor = 0;
    const bool divides =
        call.args.size() == 2 && is_const(call.args[1], divisor) && divisor > 0 && kind == Kind::integer;
    switch (func) {
        case Func::add:
            return exact(x + y);
        case Func::sub:
            return exact(x - y);
        case Func::neg:
            return exact(-x);
        case Func::abs:
            return exact(terms_.ite(x >= 0, x, -x));
        case Func::sign:
            return exact(terms_.ite(x > 0, terms_.to_kind(terms_.integer(1), Kind::integer, kind),
                                    terms_.ite(x < 0, terms_.to_kind(terms_.integer(-1), Kind::integer, kind),
                                               terms_.zero(kind))));
        case Func::mul: {
            if (any_numeral(args)) return exact(x * y);
            // Arguments keep their places, so that equal factors give equal products whatever they are made
            // of.
            const Val result = uninterpreted("mul", e.type, args);
            const z3::expr& p = result.value;
            terms_.axiom(p == uninterpreted("mul", e.type, {args[1], args[0]}).value);
            terms_.axiom(terms_.implies((x >= 0 && y >= 0) || (x <= 0 && y <= 0), p >= 0));
            terms_.axiom(terms_.implies((x >= 0 && y <= 0) || (x <= 0 && y >= 0), p <= 0));
            return result;
        }
        case Func::div:
            // Towards zero, as in PostgreSQL; Z3's div rounds down for a positive divisor.
            if (divides) return exact(terms_.ite(x >= 0, x / y, -((-x) / y)));
            break;
        case Func::mod:
            if (divides) return exact(terms_.ite(x >= 0, z3::mod(x, y), -z3::mod(-x, y)));
            break;
        case Func::floor:
        case Func::ceil:
        case Func::round:
        case Func::trunc:
            if (args[0].kind == Kind::integer && args.size() == 1) return exact(x);
            break;
        default:
            break;
    }
    return uninterpreted(
        "f" + std::to_string(static_cast<int>(func)) + "." + std::to_string(static_cast<int>(e.type.id)),
        e.type, args);
}

Val Evaluator::strict_call(Func func, const Expr& e, const Call& call, const std::vector<Val>& args) {
    const std::string name =
        "f" + std::to_string(static_cast<int>(func)) + "." + std::to_string(static_cast<int>(e.type.id));
    switch (func) {
        case Func::add:
        case Func::sub:
        case Func::mul:
        case Func::div:
        case Func::mod:
        case Func::neg:
        case Func::abs:
        case Func::sign:
        case Func::floor:
        case Func::ceil:
        case Func::round:
        case Func::trunc: {
            bool exact = exact_arithmetic(e.type);
            for (const ExprPtr& arg : call.args) exact = exact && exact_arithmetic(arg->type);
            if (exact) return arithmetic(func, e, call, args);
            break;
        }
        case Func::not_like: {
            const Val like = uninterpreted("f" + std::to_string(static_cast<int>(Func::like)) + "." +
                                               std::to_string(static_cast<int>(e.type.id)),
                                           e.type, args);
            return terms_.three_valued(terms_.is_false(like), like.value);
        }
        case Func::range_overlaps: {
            const Val there = uninterpreted(name, e.type, args);
            const Val back = uninterpreted(name, e.type, {args[1], args[0]});
            return {there.null, terms_.or_(there.value, back.value), Kind::boolean, Mark::none};
        }
        case Func::length:
        case Func::octet_length:
        case Func::cardinality: {
            const Val result = uninterpreted(name, e.type, args);
            terms_.axiom(result.value >= 0);
            return result;
        }
        case Func::uninterpreted:
            if (const auto* label = call.args.empty() ? nullptr : std::get_if<Const>(&call.args[0]->node)) {
                Val result = uninterpreted(
                    "user." + label->bytes + "." + std::to_string(static_cast<int>(e.type.id)), e.type, args);
                opaque = true;
                return result;
            }
            break;
        default:
            break;
    }
    Val result = uninterpreted(name, e.type, args);
    if (!may_find_nothing(func)) return result;
    result.null = terms_.or_(result.null, uninterpreted(name + ".nothing", Type{TypeId::bool_}, args).value);
    if (result.kind == Kind::boolean) result.value = terms_.and_(result.value, terms_.not_(result.null));
    return result;
}

}  // namespace anabranch::confluence::smt
