#include <algorithm>
#include <bit>
#include <variant>

#include "confluence/smt/eval_query.h"
#include "confluence/walk.h"
#include "lib/sql/bind_walk.h"

namespace anabranch::confluence::smt {

using namespace sql;

namespace {

// Adds up what one aggregate sees of the rows of a group.
class Fold {
  public:
    Fold(Evaluator& evaluator, const Aggregate& aggregate, Kind kind)
        : evaluator_(evaluator),
          terms_(evaluator.terms()),
          aggregate_(aggregate),
          kind_(kind),
          sum_(terms_.zero(kind)),
          count_(terms_.integer(0)),
          extreme_{terms_.yes(), terms_.zero(kind), kind, Mark::none} {}

    void row(const Match& match) {
        z3::expr present = match.present;
        if (aggregate_.filter)
            present = terms_.and_(present, evaluator_.expression(*aggregate_.filter, match.env).value);
        if (aggregate_.star || aggregate_.args.empty()) {
            add(present, terms_.integer(1), terms_.zero(kind_));
            return;
        }
        const Val v = evaluator_.expression(*aggregate_.args[0], match.env);
        const z3::expr counts = terms_.and_(present, terms_.not_(v.null));
        add(counts, terms_.integer(1), terms_.to_kind(v.value, v.kind, kind_));
        join(counts, terms_.to_kind(v.value, v.kind, kind_));
    }

    // False: this aggregate of these rest rows cannot be named.
    bool rest(const Match& match, std::uint64_t local, const z3::expr& exists) {
        std::string name = match.pattern;
        std::vector<Val> args = match.args;
        bool counts_all = aggregate_.star || aggregate_.args.empty();
        if (!counts_all) {
            Canonical arg;
            if (!canonical(evaluator_, *aggregate_.args[0], match.env, local, arg)) return false;
            args.insert(args.end(), arg.args.begin(), arg.args.end());
            const auto* ref = std::get_if<ColumnRef>(&aggregate_.args[0]->node);
            counts_all = ref != nullptr && match.env.rows.size() == 1 && not_null_;
            value_name_ = name + "|of " + arg.text;
        }
        if (aggregate_.filter) {
            Canonical filter;
            if (!canonical(evaluator_, *aggregate_.filter, match.env, local, filter)) return false;
            args.insert(args.end(), filter.args.begin(), filter.args.end());
            name += "|where " + filter.text;
            value_name_ += "|where " + filter.text;
            counts_all = false;
        }
        const z3::expr rows = terms_.function(match.pattern + "|count", match.args, Kind::integer);
        terms_.axiom(rows >= 0);
        terms_.axiom((rows > 0) == exists);
        if (match.whole != match.pattern)
            terms_.axiom(rows <= terms_.function(match.whole + "|count", match.args, Kind::integer));
        z3::expr counted = rows;
        if (!counts_all) {
            counted =
                terms_.function((value_name_.empty() ? name : value_name_) + "|present", args, Kind::integer);
            terms_.axiom(counted >= 0 && counted <= rows);
        }
        const z3::expr value = terms_.function(
            value_name_ + "|" + std::to_string(static_cast<int>(aggregate_.func)), args, kind_);
        if (aggregate_.func == AggregateFunc::sum) {
            terms_.axiom(terms_.implies(terms_.equal(counted, terms_.integer(0)),
                                        terms_.equal(value, terms_.zero(kind_))));
            if (sign_ > 0) terms_.axiom(value >= 0);
            if (sign_ < 0) terms_.axiom(value <= 0);
        }
        count_ = count_ + terms_.ite(match.present, counted, terms_.integer(0));
        sum_ = sum_ + terms_.ite(match.present, value, terms_.zero(kind_));
        join(terms_.and_(match.present, counted > 0), value);
        value_name_.clear();
        return true;
    }

    void argument_is_not_null() { not_null_ = true; }
    void argument_has_sign(int sign) { sign_ = sign; }

    Val result() const {
        const z3::expr none = terms_.equal(count_, terms_.integer(0)).simplify();
        switch (aggregate_.func) {
            case AggregateFunc::count:
                return {terms_.no(), count_, Kind::integer, Mark::none};
            case AggregateFunc::sum:
                return {none, sum_, kind_, Mark::none};
            default:
                return extreme_;
        }
    }

  private:
    void add(const z3::expr& counts, const z3::expr& one, const z3::expr& value) {
        if (counts.is_false()) return;
        count_ = count_ + terms_.ite(counts, one, terms_.integer(0));
        sum_ = kind_ == Kind::boolean ? sum_ : sum_ + terms_.ite(counts, value, terms_.zero(kind_));
    }
    void join(const z3::expr& counts, const z3::expr& value) {
        z3::expr further = terms_.no();
        switch (aggregate_.func) {
            case AggregateFunc::max:
                further = kind_ == Kind::boolean ? terms_.no() : value > extreme_.value;
                break;
            case AggregateFunc::min:
                further = kind_ == Kind::boolean ? terms_.no() : value < extreme_.value;
                break;
            case AggregateFunc::bool_and:
                further = terms_.not_(value);
                break;
            case AggregateFunc::bool_or:
                further = value;
                break;
            default:
                return;
        }
        const z3::expr takes = terms_.and_(counts, terms_.or_(extreme_.null, further));
        extreme_ = terms_.choose(takes, Val{terms_.no(), value, kind_, Mark::none}, extreme_);
    }

    Evaluator& evaluator_;
    Terms& terms_;
    const Aggregate& aggregate_;
    Kind kind_;
    z3::expr sum_, count_;
    Val extreme_;
    std::string value_name_;
    bool not_null_ = false;
    int sign_ = 0;
};

bool encodable(const Aggregate& aggregate) {
    switch (aggregate.func) {
        case AggregateFunc::min:
        case AggregateFunc::max:
        case AggregateFunc::bool_and:
        case AggregateFunc::bool_or:
            return true;
        case AggregateFunc::count:
        case AggregateFunc::sum:
            return !aggregate.distinct;
        default:
            return false;
    }
}

std::vector<Val> null_row(Terms& terms, const Rel& rel) {
    std::vector<Val> row;
    for (const OutputColumn& column : rel.columns) row.push_back(terms.null(column.type));
    return row;
}

}  // namespace

Val Evaluator::aggregate(const Aggregate& aggregate, const Expr& e, const Env& env) {
    const Env* at = &env;
    while (at != nullptr && at->group == nullptr) at = at->outer;
    if (at == nullptr || !encodable(aggregate)) return unknown("aggregate", e.type);
    Kind kind = kind_of(e.type);
    if (aggregate.func == AggregateFunc::count) kind = Kind::integer;
    if (aggregate.func == AggregateFunc::sum && is_integer(aggregate.args[0]->type)) kind = Kind::integer;
    const bool approximate = !aggregate.args.empty() && (aggregate.args[0]->type.id == TypeId::float4 ||
                                                         aggregate.args[0]->type.id == TypeId::float8);
    if (approximate && aggregate.func == AggregateFunc::sum) return unknown("sum of floats", e.type);
    Fold fold(*this, aggregate, kind);
    const int polarity = polarity_;
    polarity_ = 0;
    for (const Match& match : at->group->matches) {
        if (!match.rest) {
            fold.row(match);
            continue;
        }
        std::uint64_t local = 0;
        std::optional<TableId> only;
        for (std::size_t r = 0; r < match.env.rows.size(); ++r) {
            if (match.env.rows[r].rest) local |= std::uint64_t{1} << (r < 63 ? r : 63);
            if (match.env.rows[r].rest) only = match.env.rows[r].table;
        }
        if (!aggregate.args.empty() && only) {
            if (const auto* ref = std::get_if<ColumnRef>(&aggregate.args[0]->node);
                ref != nullptr && ref->level == 0) {
                if (universe_.schema().table(*only).columns[ref->column].not_null)
                    fold.argument_is_not_null();
                universe_.note_column(*only, ref->column, reads);
                fold.argument_has_sign(universe_.sign(*only, ref->column));
            }
        }
        const z3::expr exists = terms_.function(match.pattern, match.args, Kind::boolean);
        if (!fold.rest(match, local, exists)) {
            polarity_ = polarity;
            return unknown("aggregate", e.type);
        }
    }
    polarity_ = polarity;
    Val result = fold.result();
    if (result.kind == Kind::boolean) result.value = terms_.and_(terms_.not_(result.null), result.value);
    return result;
}

std::vector<Evaluator::Tuple> Evaluator::tuples(const Query& query, const Env* env) {
    QueryEncoder encoder(*this, query, env);
    return encoder.tuples();
}

std::vector<Evaluator::Tuple> QueryEncoder::tuples() {
    std::vector<Evaluator::Tuple> out;
    if (query_.set_op != SetOp::none) {
        Env env = base();
        out = QueryEncoder(ev_, *query_.left, &env).tuples();
        if (query_.set_op == SetOp::union_ || query_.set_op == SetOp::union_all) {
            for (auto& tuple : QueryEncoder(ev_, *query_.right, &env).tuples())
                out.push_back(std::move(tuple));
        } else {
            for (auto& tuple : out) tuple.present = terms_.and_(tuple.present, terms_.boolean("?set"));
            ev_.opaque = true;
        }
    } else if (!query_.values.empty()) {
        Env env = base();
        for (const auto& row : query_.values) {
            Evaluator::Tuple tuple{terms_.yes(), {}};
            for (const ExprPtr& e : row) tuple.values.push_back(ev_.expression(*e, env));
            out.push_back(std::move(tuple));
        }
    } else {
        out = query_.grouped ? grouped_tuples() : plain_tuples();
    }
    if ((query_.limit || query_.offset || !query_.distinct_on.empty()) && outer_ != nullptr) {
        // Which rows are cut off is not modelled.
        for (auto& tuple : out) tuple.present = terms_.and_(tuple.present, terms_.boolean("?limit"));
        ev_.opaque = true;
    }
    return out;
}

std::vector<Evaluator::Tuple> QueryEncoder::grouped_tuples() {
    std::vector<Evaluator::Tuple> out;
    const auto anything = [&](const z3::expr& present) {
        Evaluator::Tuple tuple{terms_.and_(present, terms_.boolean("?group")), {}};
        for (const OutputColumn& column : query_.columns)
            tuple.values.push_back(ev_.unknown("group", column.type));
        ev_.opaque = true;
        return tuple;
    };
    const auto add = [&](const Env& env, const z3::expr& present) {
        Evaluator::Tuple tuple{present, {}};
        if (query_.having) tuple.present = terms_.and_(present, ev_.expression(*query_.having, env).value);
        for (std::size_t i = 0; i < query_.columns.size() && i < query_.targets.size(); ++i) {
            tuple.values.push_back(ev_.expression(*query_.targets[i], env));
        }
        out.push_back(std::move(tuple));
    };
    if (outer_joins_) {
        out.push_back(anything(terms_.yes()));
        return out;
    }
    if (query_.group_by.empty()) {
        Group group;
        if (!matches(true, {}, group.matches)) {
            out.push_back(anything(terms_.yes()));
            return out;
        }
        Env env = base();
        env.group = &group;
        add(env, terms_.yes());
        return out;
    }
    std::vector<Match> representatives;
    if (!matches(false, {}, representatives)) return out;
    for (const Match& representative : representatives) {
        std::vector<Val> keys;
        for (const ExprPtr& e : query_.group_by) keys.push_back(ev_.expression(*e, representative.env));
        std::vector<ExtraCondition> extra;
        for (std::size_t k = 0; k < keys.size(); ++k) {
            const Func compare = keys[k].null.is_false() ? Func::eq : Func::is_not_distinct;
            extra.push_back({ExtraCondition::Want::is_true, compare, &keys[k], query_.group_by[k].get()});
        }
        Group group;
        if (!matches(true, extra, group.matches)) {
            out.push_back(anything(representative.present));
            continue;
        }
        Env env = representative.env;
        env.group = &group;
        add(env, representative.present);
    }
    return out;
}

std::vector<Evaluator::Tuple> QueryEncoder::plain_tuples() {
    std::vector<Evaluator::Tuple> out;
    const auto add = [&](const Env& env, const z3::expr& present) {
        if (present.is_false()) return;
        Evaluator::Tuple tuple{present, {}};
        for (std::size_t i = 0; i < query_.columns.size() && i < query_.targets.size(); ++i) {
            tuple.values.push_back(ev_.expression(*query_.targets[i], env));
        }
        out.push_back(std::move(tuple));
    };
    if (!outer_joins_) {
        std::vector<Match> found;
        matches(false, {}, found);
        for (const Match& match : found) add(match.env, match.present);
        return out;
    }
    std::function<void(std::size_t, Env&, const z3::expr&)> next = [&](std::size_t item, Env& env,
                                                                       const z3::expr& present) {
        if (present.is_false()) return;
        if (item < query_.from.size()) {
            join(query_.from[item], env, present,
                 [&](Env& joined, const z3::expr& there) { next(item + 1, joined, there); });
            return;
        }
        z3::expr all = present;
        for (const Condition& condition : conditions_) {
            if (!all.is_false()) all = terms_.and_(all, ev_.expression(*condition.e, env).value);
        }
        add(env, all);
    };
    Env env = base();
    next(0, env, terms_.yes());
    return out;
}

void QueryEncoder::join(const FromItem& item, Env& env, const z3::expr& present,
                        const std::function<void(Env&, const z3::expr&)>& then) {
    if (present.is_false()) return;
    if (!item.join) {
        for (const auto& candidate : ev_.candidates(query_.rels[item.rel], env)) {
            env.rows[item.rel] = candidate.row;
            then(env, terms_.and_(present, candidate.present));
        }
        env.rows[item.rel] = {};
        return;
    }
    const Join& both = *item.join;
    const FromItem& kept = both.kind == JoinKind::right ? both.right : both.left;
    const FromItem& partner = both.kind == JoinKind::right ? both.left : both.right;
    join(kept, env, present, [&](Env& left, const z3::expr& there) {
        join(partner, left, there, [&](Env& pair, const z3::expr& together) {
            then(pair, terms_.and_(together, ev_.condition(both.condition, pair)));
        });
        if (both.kind == JoinKind::inner) return;
        z3::expr alone = terms_.boolean("?unmatched");
        if (both.kind == JoinKind::full || partner.join) {
            ev_.opaque = true;
        } else {
            alone = terms_.not_(any_partner(partner, both.condition, left));
        }
        if (partner.join) return;
        const std::vector<Val> nulls = null_row(terms_, query_.rels[partner.rel]);
        left.rows[partner.rel] = {&nulls, std::nullopt, false, false};
        then(left, terms_.and_(there, alone));
        left.rows[partner.rel] = {};
    });
}

// Whether any row of one rel meets an outer join's condition.
z3::expr QueryEncoder::any_partner(const FromItem& item, const ExprPtr& condition, Env& env) {
    const Rel& rel = query_.rels[item.rel];
    std::vector<z3::expr> ways;
    for (const auto& candidate : ev_.candidates(rel, env)) {
        env.rows[item.rel] = candidate.row;
        ways.push_back(terms_.and_(candidate.present, ev_.condition(condition, env)));
    }
    env.rows[item.rel] = {};
    const auto* derived = std::get_if<DerivedRel>(&rel.source);
    bool known = false;
    if (const auto* table = std::get_if<TableRel>(&rel.source)) {
        env.rows[item.rel] = {nullptr, table->table, false, true};
        known = rest_partner(item, condition, env, ways);
        env.rows[item.rel] = {};
    } else if (derived != nullptr) {
        known = grouped_partner(item, *derived->query, condition, env, ways);
    }
    if (known) return terms_.or_(ways);
    ev_.opaque = true;
    return terms_.boolean("?partner");
}

// The partners that no slot holds; false when nothing can be said of them.
bool QueryEncoder::rest_partner(const FromItem& item, const ExprPtr& condition, const Env& env,
                                std::vector<z3::expr>& ways) {
    const std::uint64_t own = std::uint64_t{1} << (item.rel < 63 ? item.rel : 63);
    Match match{terms_.yes(), env, true, {}, {}, {}, {}};
    std::vector<const Expr*> mine;
    for (const ExprPtr& part : conjuncts(condition)) {
        bool subquery = false;
        const bool local = (rels_of(*part, &subquery) & own) != 0;
        if (local && subquery) return false;
        if (local) {
            mine.push_back(part.get());
        } else {
            match.present = terms_.and_(match.present, ev_.expression(*part, env).value);
        }
    }
    describe(match, env, own, mine, {});
    if (match.pattern.empty()) return false;
    ways.push_back(terms_.and_(match.present, rest_exists(match)));
    return true;
}

namespace {

bool is_group_key(const Query& query, const Expr& target) {
    const auto* column = std::get_if<ColumnRef>(&target.node);
    return column != nullptr &&
           std::any_of(query.group_by.begin(), query.group_by.end(), [&](const ExprPtr& g) {
               const auto* key = std::get_if<ColumnRef>(&g->node);
               return key != nullptr && key->rel == column->rel && key->column == column->column &&
                      key->level == column->level;
           });
}

}  // namespace

// A grouped sub-query joined on its group keys has a partner iff a row with these keys exists.
bool QueryEncoder::grouped_partner(const FromItem& item, const Query& derived, const ExprPtr& condition,
                                   const Env& env, std::vector<z3::expr>& ways) {
    if (derived.set_op != SetOp::none || !derived.values.empty() || !derived.grouped ||
        derived.group_by.empty() || derived.having)
        return false;
    const auto parts = conjuncts(condition);
    std::vector<Val> left;
    std::vector<const Expr*> right;
    for (const ExprPtr& part : parts) {
        const auto* call = std::get_if<Call>(&part->node);
        if (call == nullptr || call->func != Func::eq) return false;
        for (std::size_t side = 0; side < 2; ++side) {
            const auto* ref = std::get_if<ColumnRef>(&call->args[side]->node);
            if (ref == nullptr || ref->level != 0 || ref->rel != item.rel ||
                ref->column >= derived.targets.size() ||
                !is_group_key(derived, *derived.targets[ref->column]))
                continue;
            left.push_back(ev_.expression(*call->args[1 - side], env));
            right.push_back(derived.targets[ref->column].get());
            break;
        }
    }
    if (left.size() != parts.size()) return false;
    std::vector<ExtraCondition> extra;
    for (std::size_t i = 0; i < left.size(); ++i)
        extra.push_back({ExtraCondition::Want::is_true, Func::eq, &left[i], right[i]});
    QueryEncoder rows(ev_, derived, &env);
    std::vector<Match> found;
    if (!rows.matches(true, extra, found)) return false;
    for (const Match& match : found)
        ways.push_back(match.rest ? terms_.and_(match.present, rows.rest_exists(match)) : match.present);
    return true;
}

}  // namespace anabranch::confluence::smt
