#include "confluence/smt/call.h"

#include <algorithm>
#include <variant>

#include "confluence/smt/call_context.h"
#include "confluence/smt/eval_query.h"
#include "confluence/walk.h"

namespace anabranch::confluence::smt {

using namespace sql;
using catalog::Merge;

Call::Call(Universe& universe, const catalog::Transaction& transaction, Owner side,
           std::vector<RestKey>* rest_keys)
    : universe_(universe),
      transaction_(transaction),
      side_(side),
      name_(side == Owner::first ? "e" : "f"),
      rest_keys_(rest_keys),
      stamp_(universe.terms().variable(name_ + ".stamp", Kind::integer)),
      effect_(universe.no_effect(side, name_, stamp_)) {
    for (const catalog::Parameter& p : transaction.parameters) {
        Val value = terms().unknown(name_ + "." + p.name, p.type);
        if (p.mode == catalog::Parameter::Mode::out) value = terms().null(p.type);
        if (p.fresh) value.mark = Mark::generated;
        parameters_.push_back(value);
    }
}

Val Call::variable(const std::string& name, Type type, bool nullable) {
    const auto found = variables_.find(name);
    if (found != variables_.end()) return found->second;
    return variables_.emplace(name, terms().unknown(name_ + "." + name, type, nullable)).first->second;
}

z3::expr Call::flag(const std::string& name) {
    const auto found = variables_.find(name);
    if (found != variables_.end()) return found->second.value;
    return variables_.emplace(name, terms().boolean_value(terms().boolean(name_ + "." + name)))
        .first->second.value;
}

Val Call::parameter(std::uint32_t index, Type type) {
    for (std::size_t i = 0; i < transaction_.parameters.size(); ++i) {
        if (transaction_.parameters[i].index == index) return parameters_[i];
    }
    return variable("$" + std::to_string(index), type);
}

Val Call::generated(const Expr& expression, const std::string& site) {
    const auto* call = std::get_if<sql::Call>(&expression.node);
    const bool per_call = call != nullptr && call->func != Func::gen_random_uuid &&
                          call->func != Func::random && call->func != Func::clock_timestamp;
    const std::string where = call != nullptr ? "f" + std::to_string(static_cast<int>(call->func)) : "value";
    const std::string name =
        per_call ? where
                 : where + "@" + site + "@" + std::to_string(reinterpret_cast<std::uintptr_t>(&expression));
    Val value = variable(name, expression.type, false);
    if (call != nullptr && call->func == Func::gen_random_uuid) value.mark = Mark::generated;
    return value;
}

std::string Call::slot_name(TableId table, std::uint32_t slot) const {
    return universe_.shape(table).table->name + "#" + std::to_string(slot);
}

void Call::fact(Context& c, const std::string& key, const z3::expr& holds, const Reads& reads) {
    // Elsewhere a fact that is missing counts as falsified, so one that holds trivially must be there.
    if (holds.is_true() && c.first()) return;
    const auto found = c.facts.find(key);
    if (found == c.facts.end()) {
        c.facts.emplace(key, Fact{key, holds, reads});
        return;
    }
    found->second.holds = terms().and_(found->second.holds, holds);
    found->second.reads.add(reads);
}

Effect Call::run(const State& s, std::vector<Fact>& facts, std::vector<z3::expr>& hard) {
    effect_ = universe_.no_effect(side_, name_, stamp_);
    hard.push_back(stamp_ >= 1);
    Context c{s, nullptr, s, {}, &hard, Evaluator(universe_, this)};
    c.ev.share_rest_keys(rest_keys_);
    std::vector<z3::expr> absent;
    c.hard_absent = &absent;
    c.room_for_reads = demand_of(universe_.schema(), transaction_).reads_fit;
    // Parameters: the domain is checked before anything runs.
    for (std::size_t i = 0; i < transaction_.parameters.size(); ++i) {
        const catalog::Parameter& p = transaction_.parameters[i];
        if (!p.domain || p.mode == catalog::Parameter::Mode::out) continue;
        if (p.domain->not_null) hard.push_back(terms().not_(parameters_[i].null));
        for (const auto& check : p.domain->checks) {
            Env env;
            env.domain_value = &parameters_[i];
            c.begin(nullptr, "parameter", false);
            const Val holds = c.ev.expression(check.condition, env);
            if (!c.ev.opaque) hard.push_back(terms().not_false(holds));
            c.end();
        }
    }
    walk(c);
    finish(c);
    for (const z3::expr& e : absent) hard.push_back(terms().not_(e));
    for (auto& [key, fact] : c.facts) facts.push_back(std::move(fact));
    return effect_;
}

void Call::facts_at(const State& state, const Effect& other, std::vector<Fact>& facts) {
    Context c{state, &other, state, {}, nullptr, Evaluator(universe_, this)};
    c.ev.share_rest_keys(rest_keys_);
    walk(c);
    finish(c);
    for (auto& [key, fact] : c.facts) facts.push_back(std::move(fact));
}

void Call::walk(Context& c) {
    c.ev.state = &c.local;
    for (std::size_t i = 0; i < transaction_.body.size(); ++i) {
        State after = c.local;
        after.forget_views();
        statement(c, *transaction_.body[i], std::to_string(i), nullptr, after);
        after.forget_views();
        c.local = std::move(after);
    }
}

void Call::statement(Context& c, const Statement& statement, const std::string& path, const Env* outer,
                     State& after) {
    if (const auto* body = std::get_if<QueryPtr>(&statement.body)) {
        // Data-modifying WITH entries all see the state before the statement.
        Env env;
        env.outer = outer;
        env.rows.resize((*body)->rels.size());
        env.ctes = &(*body)->ctes;
        for (std::size_t i = 0; i < (*body)->ctes.size(); ++i) {
            const Statement& inner = *(*body)->ctes[i].statement;
            if (!std::holds_alternative<QueryPtr>(inner.body))
                this->statement(c, inner, path + "w" + std::to_string(i), &env, after);
        }
        query(c, **body, path, outer);
        return;
    }
    Env around;
    around.outer = outer;
    around.ctes = &statement.ctes;
    for (std::size_t i = 0; i < statement.ctes.size(); ++i) {
        const Statement& inner = *statement.ctes[i].statement;
        if (!std::holds_alternative<QueryPtr>(inner.body))
            this->statement(c, inner, path + "w" + std::to_string(i), &around, after);
    }
    if (const auto* body = std::get_if<Insert>(&statement.body)) insert(c, *body, path, around, after);
    if (const auto* body = std::get_if<Update>(&statement.body)) update(c, *body, path, around, after);
    if (const auto* body = std::get_if<Delete>(&statement.body)) remove(c, *body, path, around, after);
}

// A query matters for what it requires: guards are casts of its targets to a domain.
void Call::query(Context& c, const Query& query, const std::string& path, const Env* outer) {
    if (query.set_op != SetOp::none || !query.values.empty()) return;
    std::size_t number = 0;
    const auto guard = [&](const Expr& target, const Env& env, const z3::expr& when) {
        if (!std::holds_alternative<DomainCheck>(target.node)) return;
        std::vector<Requirement> required;
        Reads reads;
        c.begin(&reads, path, true);
        c.ev.requirements = &required;
        c.ev.expression(target, env);
        const bool opaque = c.ev.opaque;
        c.end();
        for (const Requirement& r : required) {
            if (!opaque)
                fact(c, path + ".guard" + std::to_string(number), terms().implies(when, r.condition), reads);
            ++number;
        }
    };
    if (query.grouped) {
        if (!query.group_by.empty()) return;
        c.begin(nullptr, path, false);
        QueryEncoder encoder(c.ev, query, outer);
        Reads reads;
        c.begin(&reads, path, false);
        Group group;
        const bool known = encoder.matches(true, {}, group.matches);
        const bool opaque = c.ev.opaque;
        c.end();
        if (!known || opaque || query.having) return;
        Env env = encoder.base();
        env.group = &group;
        for (const ExprPtr& target : query.targets) guard(*target, env, terms().yes());
        for (auto& [key, found] : c.facts) {
            if (key.rfind(path + ".guard", 0) == 0) found.reads.add(reads);
        }
        return;
    }
    c.begin(nullptr, path, false);
    QueryEncoder encoder(c.ev, query, outer);
    if (!encoder.plain()) {
        c.end();
        return;
    }
    std::vector<Match> found;
    Reads reads;
    c.begin(&reads, path, false);
    encoder.matches(false, {}, found);
    const bool opaque = c.ev.opaque;
    c.end();
    if (opaque) return;
    for (const Match& match : found) {
        number = 0;
        for (const ExprPtr& target : query.targets) guard(*target, match.env, match.present);
    }
    for (auto& [key, fact] : c.facts) {
        if (key.rfind(path + ".guard", 0) == 0) fact.reads.add(reads);
    }
}

Val Call::fixed_value(Context& c, const Val& value, const Reads& reads, bool opaque, const std::string& name,
                      Type type, const z3::expr& when) {
    if (c.first() ? (reads.empty() && !opaque) : !variables_.contains(name)) return value;
    const Val fixed = variable(name, type);
    if (c.first() && !opaque) read_values_.emplace(name, ReadValue{fixed, when});
    if (!opaque)
        fact(c, name.substr(0, name.find('@')), terms().implies(when, terms().same(fixed, value)), reads);
    return fixed;
}

void Call::rest_change(Context& c, TableId table, const std::string& path, bool appear, bool vanish,
                       const std::set<std::uint32_t>& columns, bool own, State& after) {
    const auto add = [&](TableId id, const RestChange& change) {
        if (!change.appear && !change.vanish && change.columns.empty()) return;
        after.rest[id.value].push_back(change);
        if (!c.first()) return;
        auto& whole = effect_.rest[id.value];
        if (whole.empty()) whole.push_back({name_, false, false, {}});
        whole[0].appear |= change.appear;
        whole[0].vanish |= change.vanish;
        whole[0].columns.insert(change.columns.begin(), change.columns.end());
    };
    const std::string tag = name_ + "#" + path;
    if (own) add(table, {tag, appear, vanish, columns});
    if (!vanish && !appear) return;
    if (!universe_.rows_vanish(table)) return;  // nothing below it is ever hidden
    for (const auto& [id, touch] : derived_touches(universe_.schema(), table, vanish, appear))
        add(id, {tag, touch.appear, touch.vanish, touch.derived});
}

void Call::finish(Context& c) {
    for (const catalog::Table& table : universe_.schema().tables) {
        for (std::uint32_t s = 0; s < universe_.slots(table.id); ++s) {
            if (effect_.tables[table.id.value][s].touched) finish_slot(c, table.id, s);
        }
    }
}

// Completes what is shipped of a slot: groups go whole, and the facts that order this call's writes after
// what it saw.
void Call::finish_slot(Context& c, TableId id, std::uint32_t slot) {
    const TableShape& shape = universe_.shape(id);
    const catalog::Table& table = *shape.table;
    const SlotEffect& e = effect_.tables[id.value][slot];
    const SlotState& s = c.at.tables[id.value][slot];
    copy_group_cells(c, id, slot);
    if (is_own(id, slot)) return;
    copy_group_parents(c, id, slot);
    for (std::uint32_t g = 0; g < e.writes.size(); ++g) {
        if (e.writes[g].is_false()) continue;
        Reads reads;
        for (std::uint32_t col = 0; col < table.columns.size(); ++col) {
            if (shape.is_register(col) && table.columns[col].policy.group == g && universe_.changes(id, col))
                reads.column(id, col);
        }
        fact(c, "newest." + table.name + "." + std::to_string(g),
             terms().implies(e.writes[g], stamp_ > s.stamps[g]), reads);
    }
    finish_existence(c, id, slot);
}

// A register group goes whole: the cells that the call did not assign are shipped as it saw them.
void Call::copy_group_cells(Context& c, TableId id, std::uint32_t slot) {
    const TableShape& shape = universe_.shape(id);
    const catalog::Table& table = *shape.table;
    SlotEffect& e = effect_.tables[id.value][slot];
    const SlotState& s = c.at.tables[id.value][slot];
    const bool own = is_own(id, slot);
    for (std::uint32_t col = 0; col < table.columns.size(); ++col) {
        if (!shape.is_register(col)) continue;
        const std::uint32_t group = table.columns[col].policy.group;
        if (e.writes[group].is_false() || own) continue;
        const z3::expr copies = terms().and_(e.writes[group], terms().not_(e.assigned[col]));
        if (copies.is_false()) continue;
        if (!universe_.changes(id, col)) {
            if (c.first()) e.values[col] = terms().choose(e.assigned[col], e.values[col], s.cells[col]);
            continue;
        }
        const Val copy = variable("copy@" + slot_name(id, slot) + "." + table.columns[col].name,
                                  table.columns[col].type, !table.columns[col].not_null);
        Reads reads;
        reads.column(id, col);
        fact(c, "copy." + table.name + "." + table.columns[col].name,
             terms().implies(copies, terms().same(copy, s.cells[col])), reads);
        if (c.first()) e.values[col] = terms().choose(e.assigned[col], e.values[col], copy);
    }
}

// The same for the parents that a group's references carry along.
void Call::copy_group_parents(Context& c, TableId id, std::uint32_t slot) {
    const TableShape& shape = universe_.shape(id);
    const catalog::Table& table = *shape.table;
    SlotEffect& e = effect_.tables[id.value][slot];
    const SlotState& s = c.at.tables[id.value][slot];
    for (std::uint32_t d = 0; d < shape.derived.size(); ++d) {
        const std::uint32_t column = table.foreign_keys[shape.derived[d].foreign_key].columns[0].value;
        if (!shape.is_register(column)) continue;
        const z3::expr copies =
            terms().and_(e.writes[table.columns[column].policy.group], terms().not_(e.assigned[column]));
        if (copies.is_false()) continue;
        const std::string name = "parent@" + slot_name(id, slot) + "." + std::to_string(d);
        const Val copy = variable(name, Type{TypeId::int8}, false);
        const Val incarnation = variable(name + "i", Type{TypeId::int8}, false);
        const z3::expr rest = flag(name + "r");
        Reads reads;
        reads.column(id, column);
        fact(c, "parent." + table.name + "." + std::to_string(d),
             terms().implies(copies, terms().and_({terms().equal(copy.value, s.parents[d]),
                                                   terms().equal(incarnation.value, s.parent_incarnations[d]),
                                                   terms().equal(rest, s.rest_parent[d])})),
             reads);
        if (c.first()) {
            e.parents[d] = terms().ite(e.assigned[column], e.parents[d], copy.value);
            e.parent_incarnations[d] =
                terms().ite(e.assigned[column], e.parent_incarnations[d], incarnation.value);
            e.rest_parent[d] = terms().ite(e.assigned[column], e.rest_parent[d], rest);
        }
    }
}

// Which dots of the row the call saw, and which incarnation of it its writes belong to.
void Call::finish_existence(Context& c, TableId id, std::uint32_t slot) {
    const TableShape& shape = universe_.shape(id);
    const catalog::Table& table = *shape.table;
    SlotEffect& e = effect_.tables[id.value][slot];
    const SlotState& s = c.at.tables[id.value][slot];
    const z3::expr meets = terms().or_(e.removes, e.adds_dot);
    if (shape.per_key && !meets.is_false()) {
        const z3::expr saw = flag("saw@" + slot_name(id, slot));
        if (c.first()) e.saw_all = saw;
        const z3::expr unseen = c.other == nullptr ? terms().no() : c.other->tables[id.value][slot].adds_dot;
        Reads reads;
        reads.appear(id);
        fact(c, "saw." + table.name, terms().implies(meets, terms().and_(saw, terms().not_(unseen))), reads);
    }
    if (!shape.incarnations) return;
    const Val incarnation = variable("incarnation@" + slot_name(id, slot), Type{TypeId::int8}, false);
    const z3::expr renewed = terms().and_(e.created, e.removes);
    if (c.first()) e.incarnation = terms().ite(renewed, stamp_, incarnation.value);
    const z3::expr made = terms().and_(e.created, terms().not_(e.removes));
    c.require(terms().implies(made, incarnation.value <= s.deleted_at));
    c.require(terms().implies(terms().not_(e.created), incarnation.value <= s.incarnation));
    c.require(incarnation.value >= 0);
    Reads reads;
    reads.appear(id);
    reads.vanish(id);
    fact(c, "incarnation." + table.name,
         terms().and_(
             terms().implies(made, terms().equal(incarnation.value, s.deleted_at)),
             terms().implies(terms().not_(e.created), terms().equal(incarnation.value, s.incarnation))),
         reads);
}

}  // namespace anabranch::confluence::smt
