#include <algorithm>
#include <variant>

#include "confluence/smt/eval.h"
#include "confluence/walk.h"
#include "lib/sql/bind_walk.h"

namespace anabranch::confluence::smt {

using namespace sql;

namespace {

constexpr std::uint32_t DEPTH_MAX = 400;

const ArrayOf* array_items(const ExprPtr& e) {
    const Expr* at = e.get();
    while (const auto* inner = std::get_if<Cast>(&at->node)) at = inner->arg.get();
    return std::get_if<ArrayOf>(&at->node);
}

bool textual(Type type) {
    if (type.array) return false;
    switch (type.id) {
        case TypeId::text:
        case TypeId::varchar:
        case TypeId::bpchar:
        case TypeId::name:
        case TypeId::unknown:
            return true;
        default:
            return false;
    }
}

}  // namespace

RowRef Evaluator::stored_row(TableId table, std::uint32_t slot) {
    return {&universe_.row(*state, table, slot), table, false, false};
}

Val Evaluator::unknown(const std::string& name, Type type) {
    opaque = true;
    return terms_.unknown("?" + name, type);
}

Val Evaluator::expression(const Expr& e, const Env& env) {
    if (++depth_ > DEPTH_MAX) {
        --depth_;
        return unknown("deep", e.type);
    }
    struct Visit {
        Evaluator& self;
        const Expr& e;
        const Env& env;
        Val operator()(const Const& c) { return self.terms_.constant(c, e.type); }
        Val operator()(const Param& p) {
            return self.values_ != nullptr ? self.values_->parameter(p.index, e.type)
                                           : self.unknown("parameter", e.type);
        }
        Val operator()(const ColumnRef& ref) { return self.column(ref, e, env); }
        Val operator()(const Call& c) { return self.call(c, e, env); }
        Val operator()(const Cast& c) { return self.cast(c, e, env); }
        Val operator()(const Case& c) { return self.case_of(c, e, env); }
        Val operator()(const Logic& l) { return self.logic(l, env); }
        Val operator()(const Test& t) { return self.test(t, env); }
        Val operator()(const ArrayCompare& c) { return self.array_compare(c, env); }
        Val operator()(const ArrayOf& a) {
            std::vector<Val> items;
            for (const ExprPtr& item : a.items) items.push_back(self.expression(item, env));
            return {self.terms_.no(), self.terms_.function("array", items, Kind::integer), Kind::integer,
                    Mark::none};
        }
        Val operator()(const RowOf& r) {
            std::vector<Val> items;
            for (const ExprPtr& item : r.items) items.push_back(self.expression(item, env));
            return {self.terms_.no(), self.terms_.function("row", items, Kind::integer), Kind::integer,
                    Mark::none};
        }
        Val operator()(const Subquery& s) { return self.subquery(s, e, env); }
        Val operator()(const Aggregate& a) { return self.aggregate(a, e, env); }
        Val operator()(const Window&) { return self.unknown("window", e.type); }
        Val operator()(const DomainValue&) {
            for (const Env* at = &env; at != nullptr; at = at->outer) {
                if (at->domain_value != nullptr) return *at->domain_value;
            }
            return self.unknown("value", e.type);
        }
        Val operator()(const DomainCheck& d) { return self.domain_check(d, env); }
    };
    Val result = std::visit(Visit{*this, e, env}, e.node);
    --depth_;
    const Kind kind = kind_of(e.type);
    if (result.kind != kind && kind != Kind::boolean && result.kind != Kind::boolean) {
        result.value = terms_.to_kind(result.value, result.kind, kind);
        result.kind = kind;
    }
    return result;
}

Val Evaluator::column(const ColumnRef& ref, const Expr& e, const Env& env) {
    const Env* at = &env;
    for (std::uint32_t i = 0; i < ref.level && at != nullptr; ++i) at = at->outer;
    if (at == nullptr || ref.rel >= at->rows.size()) return unknown("column", e.type);
    const RowRef& row = at->rows[ref.rel];
    if (row.opaque || row.rest || row.cells == nullptr || ref.column >= row.cells->size())
        return unknown("column", e.type);
    if (row.table) universe_.note_column(*row.table, ref.column, reads);
    return (*row.cells)[ref.column];
}

Val Evaluator::case_of(const Case& choice, const Expr& e, const Env& env) {
    // What a branch requires is required only where it is taken.
    std::vector<Requirement>* outside = requirements;
    requirements = nullptr;
    const int polarity = polarity_;
    polarity_ = 0;
    Val result = choice.otherwise ? expression(choice.otherwise, env) : terms_.null(e.type);
    for (auto branch = choice.branches.rbegin(); branch != choice.branches.rend(); ++branch) {
        result =
            terms_.choose(expression(branch->condition, env).value, expression(branch->result, env), result);
    }
    polarity_ = polarity;
    requirements = outside;
    return result;
}

Val Evaluator::logic(const Logic& logic, const Env& env) {
    if (logic.op == LogicOp::not_) {
        polarity_ = -polarity_;
        const Val v = expression(logic.args[0], env);
        polarity_ = -polarity_;
        return terms_.three_valued(terms_.is_false(v), v.value);
    }
    std::vector<z3::expr> yes, no;
    for (const ExprPtr& arg : logic.args) {
        const Val v = expression(arg, env);
        yes.push_back(v.value);
        no.push_back(terms_.is_false(v));
    }
    if (logic.op == LogicOp::and_) return terms_.three_valued(terms_.and_(yes), terms_.or_(no));
    return terms_.three_valued(terms_.or_(yes), terms_.and_(no));
}

Val Evaluator::test(const Test& test, const Env& env) {
    const int polarity = polarity_;
    if (test.op != TestOp::is_true) polarity_ = 0;
    const Val v = expression(test.arg, env);
    polarity_ = polarity;
    switch (test.op) {
        case TestOp::is_null:
        case TestOp::is_unknown:
            return terms_.boolean_value(v.null);
        case TestOp::is_not_null:
        case TestOp::is_not_unknown:
            return terms_.boolean_value(terms_.not_(v.null));
        case TestOp::is_true:
            return terms_.boolean_value(v.value);
        case TestOp::is_not_true:
            return terms_.boolean_value(terms_.not_(v.value));
        case TestOp::is_false:
            return terms_.boolean_value(terms_.is_false(v));
        case TestOp::is_not_false:
            return terms_.boolean_value(terms_.not_false(v));
    }
    return v;
}

Val Evaluator::array_compare(const ArrayCompare& compare, const Env& env) {
    const int polarity = polarity_;
    polarity_ = 0;
    const Val left = expression(compare.left, env);
    Val result = terms_.boolean_value(compare.all ? terms_.yes() : terms_.no());
    if (const ArrayOf* array = array_items(compare.array)) {
        std::vector<z3::expr> yes, no;
        for (const ExprPtr& item : array->items) {
            const Val v = this->compare(compare.compare, left, expression(item, env));
            yes.push_back(v.value);
            no.push_back(terms_.is_false(v));
        }
        result = compare.all ? terms_.three_valued(terms_.and_(yes), terms_.or_(no))
                             : terms_.three_valued(terms_.or_(yes), terms_.and_(no));
    } else {
        const std::vector<Val> args{left, expression(compare.array, env)};
        const std::string name =
            (compare.all ? "all." : "any.") + std::to_string(static_cast<int>(compare.compare));
        const z3::expr null =
            terms_.or_({left.null, args[1].null, terms_.function(name + ".null", args, Kind::boolean)});
        result = {null, terms_.and_(terms_.not_(null), terms_.function(name, args, Kind::boolean)),
                  Kind::boolean, Mark::none};
    }
    polarity_ = polarity;
    return result;
}

Val Evaluator::domain_check(const DomainCheck& check, const Env& env) {
    if (requirements != nullptr && check.domain->is_guard) {
        for (const ExprPtr& part : conjuncts(check.arg))
            requirements->push_back({expression(part, env).value});
        return terms_.boolean_value(terms_.yes());
    }
    const Val v = expression(check.arg, env);
    if (requirements == nullptr) return v;
    std::vector<Requirement>* outside = requirements;
    requirements = nullptr;
    if (check.domain->not_null) outside->push_back({terms_.not_(v.null)});
    for (const auto& rule : check.domain->checks) {
        Env inner;
        inner.outer = &env;
        inner.domain_value = &v;
        outside->push_back({terms_.not_false(expression(rule.condition, inner))});
    }
    requirements = outside;
    return v;
}

Val Evaluator::cast(const Cast& cast, const Expr& e, const Env& env) {
    const Type from = cast.arg->type;
    const Type to = e.type;
    const Val v = expression(cast.arg, env);
    if (from.array || to.array)
        return from.id == to.id ? v
                                : uninterpreted("cast[]." + std::to_string(static_cast<int>(to.id)), to, {v});
    if (from.id == to.id && (from.modifier == to.modifier || to.modifier == -1)) return v;
    if (is_integer(from) && (is_integer(to) || to.id == TypeId::oid)) return v;
    const bool exact_numeric = to.id == TypeId::numeric && (to.modifier == -1 || is_integer(from));
    if (is_integer(from) && exact_numeric)
        return {v.null, terms_.to_kind(v.value, v.kind, Kind::real), Kind::real, Mark::none};
    if (from.id == TypeId::numeric && exact_numeric) return v;
    // A text that is too long for an implicit cast is refused; an explicit cast cuts it off.
    if (textual(from) && textual(to) && (to.modifier == -1 || cast.implicit)) return v;
    if (from.id == TypeId::bool_ && is_integer(to))
        return {v.null, terms_.to_kind(v.value, v.kind, Kind::integer), Kind::integer, Mark::none};
    if (from.id == TypeId::unknown) return v;
    const std::string name = "cast." + std::to_string(static_cast<int>(from.id)) + "." +
                             std::to_string(static_cast<int>(to.id)) + "." + std::to_string(to.modifier);
    Val result = uninterpreted(name, to, {v});
    const bool rounds =
        (kind_of(from) == Kind::real || is_integer(from)) && (kind_of(to) == Kind::real || is_integer(to));
    if (rounds && v.kind != Kind::boolean && result.kind != Kind::boolean) {
        // Rounding keeps the sign (or reaches zero).
        terms_.axiom(terms_.implies(v.value >= 0, result.value >= 0));
        terms_.axiom(terms_.implies(v.value <= 0, result.value <= 0));
    }
    return result;
}

Val Evaluator::uninterpreted(const std::string& name, Type type, const std::vector<Val>& args) {
    std::vector<z3::expr> nulls, values;
    std::string full = name;
    for (const Val& a : args) {
        nulls.push_back(a.null);
        values.push_back(a.value);
        full += a.kind == Kind::boolean ? 'b' : a.kind == Kind::integer ? 'i' : 'r';
    }
    const z3::expr null = terms_.or_(nulls);
    const Kind kind = kind_of(type);
    const z3::expr value = terms_.function(full, values, kind);
    return {null, kind == Kind::boolean ? terms_.and_(terms_.not_(null), value) : value, kind, Mark::none};
}

}  // namespace anabranch::confluence::smt
