#include "confluence/smt/eval_query.h"

#include <algorithm>
#include <bit>
#include <variant>

#include "confluence/walk.h"
#include "lib/sql/bind_walk.h"

namespace anabranch::confluence::smt {

using namespace sql;

namespace {

std::uint64_t bit(std::size_t rel) {
    return std::uint64_t{1} << (rel < 63 ? rel : 63);
}

// The name of a rest row within its pattern: its position among the rest rows.
std::string local_name(std::uint64_t rest, std::size_t rel) {
    return "r" + std::to_string(std::popcount(rest & (bit(rel) - 1)));
}

const TableRel* stored(const Rel& rel) {
    return std::get_if<TableRel>(&rel.source);
}

}  // namespace

QueryEncoder::QueryEncoder(Evaluator& evaluator, const Query& query, const Env* outer)
    : ev_(evaluator), terms_(evaluator.terms()), query_(query), outer_(outer) {
    for (const FromItem& item : query.from) collect(item);
    for (const ExprPtr& part : conjuncts(query.where)) {
        Condition condition{part.get(), 0, false};
        condition.rels = rels_of(*part, &condition.subquery);
        conditions_.push_back(condition);
    }
}

void QueryEncoder::collect(const FromItem& item) {
    if (!item.join) return;
    if (item.join->kind != JoinKind::inner) {
        outer_joins_ = true;
        return;
    }
    collect(item.join->left);
    collect(item.join->right);
    for (const ExprPtr& part : conjuncts(item.join->condition)) {
        Condition condition{part.get(), 0, false};
        condition.rels = rels_of(*part, &condition.subquery);
        conditions_.push_back(condition);
    }
}

bool QueryEncoder::plain() const {
    return query_.set_op == SetOp::none && query_.values.empty() && !outer_joins_ && !query_.grouped &&
           !query_.offset;
}

Env QueryEncoder::base() const {
    Env env;
    env.outer = outer_;
    env.rows.resize(query_.rels.size());
    env.ctes = &query_.ctes;
    return env;
}

std::vector<Evaluator::Candidate> Evaluator::candidates(const Rel& rel, const Env& env) {
    std::vector<Candidate> out;
    if (const auto* table = std::get_if<TableRel>(&rel.source)) {
        if (reads != nullptr) {
            if (universe_.rows_appear(table->table)) reads->appear(table->table);
            if (universe_.rows_vanish(table->table)) reads->vanish(table->table);
        }
        for (std::uint32_t s = 0; s < universe_.slots(table->table); ++s) {
            const z3::expr present = universe_.visible(*state, table->table, s, reads);
            if (!present.is_false()) out.push_back({stored_row(table->table, s), present, nullptr});
        }
        return out;
    }
    const Query* derived = nullptr;
    const Env* around = &env;
    if (const auto* from = std::get_if<DerivedRel>(&rel.source)) derived = from->query.get();
    if (const auto* cte = std::get_if<CteRel>(&rel.source)) {
        for (std::uint32_t i = 0; i < cte->level && around != nullptr; ++i) around = around->outer;
        if (around != nullptr && around->ctes != nullptr && cte->index < around->ctes->size() &&
            !(*around->ctes)[cte->index].recursive) {
            const Statement& body = *(*around->ctes)[cte->index].statement;
            const auto* query = std::get_if<QueryPtr>(&body.body);
            const bool inside = query != nullptr && std::find(expanding_.begin(), expanding_.end(),
                                                              query->get()) != expanding_.end();
            if (query != nullptr && !inside) derived = query->get();
        }
    }
    if (derived != nullptr && around != nullptr) {
        expanding_.push_back(derived);
        std::vector<Tuple> rows = tuples(*derived, around);
        expanding_.pop_back();
        for (Tuple& tuple : rows) {
            auto owned = std::make_shared<std::vector<Val>>(std::move(tuple.values));
            out.push_back({RowRef{owned.get(), std::nullopt, false, false}, tuple.present, owned});
        }
        return out;
    }
    // Recursion, data-modifying CTEs, table functions: some row with anything in it, or none.
    auto owned = std::make_shared<std::vector<Val>>();
    for (const OutputColumn& column : rel.columns) owned->push_back(unknown(rel.alias, column.type));
    out.push_back({RowRef{owned.get(), std::nullopt, false, false}, terms_.boolean("?" + rel.alias), owned});
    opaque = true;
    return out;
}

bool QueryEncoder::matches(bool with_rest, const std::vector<ExtraCondition>& extra,
                           std::vector<Match>& out) {
    Env env = base();
    std::vector<std::shared_ptr<std::vector<Val>>> owned;
    z3::expr present = terms_.yes();
    for (const Condition& condition : conditions_) {
        if (condition.rels == 0) present = terms_.and_(present, ev_.expression(*condition.e, env).value);
    }
    return bind(0, env, present, 0, with_rest, extra, owned, out);
}

bool QueryEncoder::bind(std::size_t rel, Env& env, const z3::expr& present, std::uint64_t rest,
                        bool with_rest, const std::vector<ExtraCondition>& extra,
                        std::vector<std::shared_ptr<std::vector<Val>>>& owned, std::vector<Match>& out) {
    if (present.is_false()) return true;
    if (rel == query_.rels.size()) return finish(env, present, rest, extra, owned, out);
    const Rel& source = query_.rels[rel];
    const std::uint64_t bound = bit(rel) | (bit(rel) - 1);
    for (const auto& candidate : ev_.candidates(source, env)) {
        env.rows[rel] = candidate.row;
        if (candidate.owned) owned.push_back(candidate.owned);
        z3::expr now = terms_.and_(present, candidate.present);
        for (const Condition& condition : conditions_) {
            const bool ready = (condition.rels & ~bound) == 0 && (condition.rels & bit(rel)) != 0 &&
                               (condition.rels & rest) == 0;
            if (ready && !now.is_false()) now = terms_.and_(now, ev_.expression(*condition.e, env).value);
        }
        if (!bind(rel + 1, env, now, rest, with_rest, extra, owned, out)) return false;
        if (candidate.owned) owned.pop_back();
    }
    env.rows[rel] = {};
    if (!with_rest) return true;
    if (stored(source) == nullptr) return false;
    env.rows[rel] = {nullptr, stored(source)->table, false, true};
    const bool ok = bind(rel + 1, env, present, rest | bit(rel), with_rest, extra, owned, out);
    env.rows[rel] = {};
    return ok;
}

z3::expr QueryEncoder::extra_holds(const ExtraCondition& extra, const Env& env) {
    const Val right = ev_.expression(*extra.right, env);
    if (extra.compare == Func::is_not_distinct) return terms_.same(*extra.left, right);
    const Val v = ev_.compare(extra.compare, *extra.left, right);
    switch (extra.want) {
        case ExtraCondition::Want::is_true:
            return v.value;
        case ExtraCondition::Want::is_false:
            return terms_.is_false(v);
        case ExtraCondition::Want::is_null:
            return v.null;
    }
    return v.value;
}

bool QueryEncoder::finish(Env& env, const z3::expr& present, std::uint64_t rest,
                          const std::vector<ExtraCondition>& extra,
                          std::vector<std::shared_ptr<std::vector<Val>>>& owned, std::vector<Match>& out) {
    Match match{present, env, rest != 0, {}, {}, {}, owned};
    std::vector<const Expr*> deferred;
    for (const Condition& condition : conditions_) {
        if ((condition.rels & rest) == 0) continue;
        if (condition.subquery) return false;
        deferred.push_back(condition.e);
    }
    std::vector<ExtraCondition> deferred_extra;
    for (const ExtraCondition& condition : extra) {
        bool subquery = false;
        if ((rels_of(*condition.right, &subquery) & rest) != 0) {
            if (subquery) return false;
            deferred_extra.push_back(condition);
        } else {
            match.present = terms_.and_(match.present, extra_holds(condition, env));
        }
    }
    if (match.present.is_false()) return true;
    if (rest != 0) describe(match, env, rest, deferred, deferred_extra);
    if (rest != 0 && match.pattern.empty()) return false;
    out.push_back(std::move(match));
    return true;
}

// Which set-oriented statements changed these rows of the rest, as the names of their functions must tell.
std::string QueryEncoder::version(TableId table, const std::set<std::uint32_t>& columns,
                                  std::vector<std::string>* without_deletes) {
    std::string all, kept;
    for (const RestChange& change : ev_.state->rest[table.value]) {
        const bool rewrites = std::any_of(change.columns.begin(), change.columns.end(),
                                          [&](std::uint32_t c) { return columns.contains(c); });
        if (!change.appear && !change.vanish && !rewrites) continue;
        all += change.tag + ";";
        if (change.appear || rewrites) kept += change.tag + ";";
    }
    if (without_deletes != nullptr && kept != all) without_deletes->push_back(kept);
    return all;
}

// The conditions on the rest rows, sorted by their text; false when one cannot be written.
bool QueryEncoder::canonical_parts(const Env& env, std::uint64_t rest,
                                   const std::vector<const Expr*>& conditions,
                                   const std::vector<ExtraCondition>& extra, std::vector<Canonical>& parts) {
    for (const Expr* e : conditions) {
        Canonical part;
        if (!canonical(ev_, *e, env, rest, part)) return false;
        parts.push_back(std::move(part));
    }
    for (const ExtraCondition& condition : extra) {
        Canonical part;
        if (!canonical(ev_, *condition.right, env, rest, part)) return false;
        const std::string tail = condition.want == ExtraCondition::Want::is_true    ? ""
                                 : condition.want == ExtraCondition::Want::is_false ? "!f"
                                                                                    : "!n";
        part.text =
            "f" + std::to_string(static_cast<int>(condition.compare)) + tail + "(" + part.text + ",?,)";
        part.args.push_back(*condition.left);
        parts.push_back(std::move(part));
    }
    std::sort(parts.begin(), parts.end(),
              [](const Canonical& a, const Canonical& b) { return a.text < b.text; });
    return true;
}

void QueryEncoder::describe(Match& match, const Env& env, std::uint64_t rest,
                            const std::vector<const Expr*>& conditions,
                            const std::vector<ExtraCondition>& extra) {
    std::vector<Canonical> parts;
    if (!canonical_parts(env, rest, conditions, extra, parts)) return;
    std::set<std::pair<std::uint32_t, std::uint32_t>> columns;
    std::string text = "rest";
    for (std::size_t r = 0; r < query_.rels.size(); ++r) {
        if ((rest & bit(r)) != 0)
            text += " " + std::to_string(stored(query_.rels[r])->table.value) + ":" + local_name(rest, r);
    }
    for (const Canonical& part : parts) {
        text += "&" + part.text;
        match.args.insert(match.args.end(), part.args.begin(), part.args.end());
        columns.insert(part.columns.begin(), part.columns.end());
    }
    std::string versions;
    std::string kept_versions;
    for (std::size_t r = 0; r < query_.rels.size(); ++r) {
        if ((rest & bit(r)) == 0) continue;
        std::set<std::uint32_t> of_rel;
        for (const auto& [rel, column] : columns) {
            if (rel == r) of_rel.insert(column);
        }
        const TableId table = stored(query_.rels[r])->table;
        std::vector<std::string> kept;
        const std::string v = version(table, of_rel, &kept);
        if (!v.empty()) versions += "@" + local_name(rest, r) + v;
        const std::string k = kept.empty() ? v : kept[0];
        if (!k.empty()) kept_versions += "@" + local_name(rest, r) + k;
        for (std::uint32_t c : of_rel) ev_.universe().note_column(table, c, ev_.reads);
        if (ev_.reads != nullptr) {
            if (ev_.universe().rows_appear(table)) ev_.reads->appear(table);
            if (ev_.universe().rows_vanish(table)) ev_.reads->vanish(table);
        }
    }
    match.pattern = text + versions;
    match.whole = text + kept_versions;
    if ((rest & (rest - 1)) == 0 && versions.empty()) pin_keys(match, rest, parts);
}

// A unique key pinned to values: that row is in no slot.
void QueryEncoder::pin_keys(const Match& match, std::uint64_t rest, const std::vector<Canonical>& parts) {
    std::size_t rel = 0;
    while ((rest & bit(rel)) == 0) ++rel;
    const TableId table = stored(query_.rels[rel])->table;
    const auto& keys = ev_.universe().schema().table(table).keys;
    for (std::uint32_t k = 0; k < keys.size(); ++k) {
        if (keys[k].predicate || !keys[k].expressions.empty()) continue;
        RestKey pinned{table, k, {}, terms_.no()};
        for (ColumnId c : keys[k].columns) {
            const std::string wanted = "f0(r0." + std::to_string(c.value) + ",?,)";
            for (const Canonical& part : parts) {
                if (part.text == wanted) {
                    pinned.values.push_back(part.args[0]);
                    break;
                }
            }
        }
        if (pinned.values.size() != keys[k].columns.size()) continue;
        pinned.exists = terms_.function(match.pattern, match.args, Kind::boolean);
        if (ev_.pinned_reads != nullptr) ev_.pinned_reads->push_back(pinned.exists);
        ev_.rest_keys_->push_back(std::move(pinned));
    }
}

z3::expr QueryEncoder::rest_exists(const Match& match) {
    const z3::expr here = terms_.function(match.pattern, match.args, Kind::boolean);
    if (match.whole != match.pattern) {
        terms_.axiom(terms_.implies(here, terms_.function(match.whole, match.args, Kind::boolean)));
    }
    return here;
}

z3::expr QueryEncoder::exists(const std::vector<ExtraCondition>& extra) {
    if (query_.set_op == SetOp::union_ || query_.set_op == SetOp::union_all) {
        Env env = base();
        QueryEncoder left(ev_, *query_.left, &env);
        QueryEncoder right(ev_, *query_.right, &env);
        if (extra.empty()) return terms_.or_(left.exists({}), right.exists({}));
    }
    if (query_.set_op == SetOp::none && query_.values.empty() && query_.grouped && query_.group_by.empty() &&
        extra.empty()) {
        if (!query_.having) return terms_.yes();
        const Val having = scalar(*query_.having);
        return having.value;
    }
    std::vector<Match> found;
    const bool groups = query_.grouped && !query_.group_by.empty() && !query_.having && extra.empty();
    const bool simple =
        plain() || (groups && query_.set_op == SetOp::none && query_.values.empty() && !outer_joins_);
    if (!simple) {
        ev_.opaque = true;
        return terms_.boolean("?exists");
    }
    const bool witnessed = ev_.slots_only && ev_.polarity_ == 1;
    const bool outside = ev_.slots_only;
    if (!matches(!witnessed, extra, found)) {
        ev_.opaque = true;
        return terms_.boolean("?exists");
    }
    ev_.slots_only = outside;
    std::vector<z3::expr> ways;
    for (const Match& match : found) {
        ways.push_back(match.rest ? terms_.and_(match.present, rest_exists(match)) : match.present);
    }
    return terms_.or_(ways);
}

// A WHERE that pins a total unique key of the only table to values from outside: at most one row.
bool QueryEncoder::pins_one_row() const {
    if (query_.rels.size() != 1 || stored(query_.rels[0]) == nullptr) return false;
    const TableId table = stored(query_.rels[0])->table;
    for (const auto& key : ev_.universe().schema().table(table).keys) {
        if (key.predicate || !key.expressions.empty()) continue;
        const bool all = std::all_of(key.columns.begin(), key.columns.end(), [&](ColumnId c) {
            return std::any_of(conditions_.begin(), conditions_.end(), [&](const Condition& condition) {
                const auto* call = std::get_if<Call>(&condition.e->node);
                if (call == nullptr || call->func != Func::eq) return false;
                for (int side = 0; side < 2; ++side) {
                    const auto* ref =
                        std::get_if<ColumnRef>(&call->args[static_cast<std::size_t>(side)]->node);
                    const bool outside = (rels_of(*call->args[static_cast<std::size_t>(1 - side)]) & 1) == 0;
                    if (ref != nullptr && ref->level == 0 && ref->column == c.value && outside) return true;
                }
                return false;
            });
        });
        if (all) return true;
    }
    return false;
}

Val QueryEncoder::scalar(const Expr& target) {
    std::vector<Match> found;
    const bool simple =
        query_.set_op == SetOp::none && query_.values.empty() && !outer_joins_ && !query_.offset;
    if (simple && query_.grouped && query_.group_by.empty()) {
        if (!matches(true, {}, found)) return ev_.unknown("scalar", target.type);
        const Group group{std::move(found)};
        Env env = base();
        env.group = &group;
        const Val value = ev_.expression(target, env);
        if (!query_.having || query_.having.get() == &target) return value;
        return terms_.choose(ev_.expression(*query_.having, env).value, value, terms_.null(target.type));
    }
    if (simple && !query_.grouped && query_.rels.empty()) {
        Env env = base();
        return terms_.choose(ev_.condition(query_.where, env), ev_.expression(target, env),
                             terms_.null(target.type));
    }
    if (!simple || query_.grouped || !pins_one_row() || !matches(true, {}, found))
        return ev_.unknown("scalar", target.type);
    Val result = terms_.null(target.type);
    for (const Match& match : found) {
        const Val there = match.rest ? rest_value(match, target) : ev_.expression(target, match.env);
        const z3::expr present = match.rest ? terms_.and_(match.present, rest_exists(match)) : match.present;
        result = terms_.choose(present, there, result);
    }
    return result;
}

// A column of the one row of the rest that matches.
Val QueryEncoder::rest_value(const Match& match, const Expr& e) {
    Canonical target;
    if (!canonical(ev_, e, match.env, 1, target)) return ev_.unknown("scalar", e.type);
    std::vector<Val> args = match.args;
    args.insert(args.end(), target.args.begin(), target.args.end());
    std::string name = match.pattern + "|" + target.text;
    const TableId table = stored(query_.rels[0])->table;
    for (const auto& [rel, column] : target.columns) {
        name += version(table, {column}, nullptr);
        ev_.universe().note_column(table, column, ev_.reads);
    }
    const Kind kind = kind_of(e.type);
    bool nullable = true;
    if (const auto* ref = std::get_if<ColumnRef>(&e.node))
        nullable = !ev_.universe().schema().table(table).columns[ref->column].not_null;
    const z3::expr null = nullable ? terms_.function(name + "|null", args, Kind::boolean) : terms_.no();
    const z3::expr value = terms_.function(name, args, kind);
    return {null, kind == Kind::boolean ? terms_.and_(terms_.not_(null), value) : value, kind, Mark::none};
}

z3::expr Evaluator::exists(const Query& query, const Env* env) {
    QueryEncoder encoder(*this, query, env);
    return encoder.exists({});
}

Val Evaluator::subquery(const Subquery& subquery, const Expr& e, const Env& env) {
    QueryEncoder encoder(*this, *subquery.query, &env);
    const auto with = [&](ExtraCondition::Want want, const std::vector<Val>& left) {
        std::vector<ExtraCondition> extra;
        for (std::size_t i = 0; i < left.size() && i < subquery.query->targets.size(); ++i) {
            extra.push_back({want, subquery.compare[i], &left[i], subquery.query->targets[i].get()});
        }
        return extra;
    };
    switch (subquery.kind) {
        case SubqueryKind::exists:
            return terms_.boolean_value(encoder.exists({}));
        case SubqueryKind::scalar: {
            const int polarity = polarity_;
            polarity_ = 0;
            const Val v = subquery.query->targets.empty() ? unknown("scalar", e.type)
                                                          : encoder.scalar(*subquery.query->targets[0]);
            polarity_ = polarity;
            return v;
        }
        case SubqueryKind::any:
        case SubqueryKind::all: {
            const int polarity = polarity_;
            polarity_ = 0;
            std::vector<Val> left;
            for (const ExprPtr& item : subquery.left) left.push_back(expression(item, env));
            polarity_ = polarity;
            if (left.size() != 1 || !encoder.plain() || subquery.query->targets.empty()) break;
            const bool any = subquery.kind == SubqueryKind::any;
            if (!any) polarity_ = -polarity_;
            const z3::expr decides = encoder.exists(
                with(any ? ExtraCondition::Want::is_true : ExtraCondition::Want::is_false, left));
            polarity_ = 0;
            const z3::expr unsure = encoder.exists(with(ExtraCondition::Want::is_null, left));
            polarity_ = polarity;
            if (any)
                return terms_.three_valued(decides, terms_.and_(terms_.not_(decides), terms_.not_(unsure)));
            return terms_.three_valued(terms_.and_(terms_.not_(decides), terms_.not_(unsure)), decides);
        }
        case SubqueryKind::array:
            break;
    }
    return unknown("subquery", e.type);
}

}  // namespace anabranch::confluence::smt
