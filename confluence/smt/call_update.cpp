#include <algorithm>
#include <variant>

#include "confluence/smt/call.h"
#include "confluence/smt/call_context.h"
#include "confluence/walk.h"
#include "lib/sql/bind_walk.h"

namespace anabranch::confluence::smt {

using namespace sql;
using catalog::Merge;

namespace {

const Expr* peel(const ExprPtr& e) {
    const Expr* at = e.get();
    while (const auto* cast = std::get_if<Cast>(&at->node)) {
        if (!is_integer(at->type) || !is_integer(cast->arg->type)) break;
        at = cast->arg.get();
    }
    return at;
}

bool is_self(const Expr& e, std::uint32_t column) {
    const auto* ref = std::get_if<ColumnRef>(&e.node);
    return ref != nullptr && ref->level == 0 && ref->rel == 0 && ref->column == column;
}

struct Addend {
    bool minus = false;
    const Expr* e = nullptr;
};

// c + a - b ...: the column itself exactly once, with a plus sign. The rest is collected.
bool additive(const ExprPtr& value, std::uint32_t column, std::vector<Addend>& out) {
    const Expr* at = peel(value);
    if (const auto* check = std::get_if<DomainCheck>(&at->node)) return additive(check->arg, column, out);
    if (is_self(*at, column)) return true;
    const auto* call = std::get_if<sql::Call>(&at->node);
    if (call == nullptr || call->args.size() != 2 || (call->func != Func::add && call->func != Func::sub))
        return false;
    const std::size_t before = out.size();
    if (additive(call->args[0], column, out)) {
        out.push_back({call->func == Func::sub, call->args[1].get()});
        return true;
    }
    out.resize(before);
    if (call->func == Func::add && additive(call->args[1], column, out)) {
        out.push_back({false, call->args[0].get()});
        return true;
    }
    out.resize(before);
    return false;
}

// greatest(c, a, b): what the column is joined with. Nothing when the value has another form.
std::vector<ExprPtr> joined_with(const ExprPtr& value, std::uint32_t column, Merge merge) {
    const Expr* at = peel(value);
    if (const auto* check = std::get_if<DomainCheck>(&at->node))
        return joined_with(check->arg, column, merge);
    const auto* call = std::get_if<sql::Call>(&at->node);
    if (call == nullptr || call->func != (merge == Merge::max ? Func::greatest : Func::least)) return {};
    std::vector<ExprPtr> others;
    bool self = false;
    for (const ExprPtr& arg : call->args) {
        if (is_self(*peel(arg), column)) {
            self = true;
        } else {
            others.push_back(arg);
        }
    }
    return self ? others : std::vector<ExprPtr>{};
}

}  // namespace

std::vector<std::pair<std::uint32_t, z3::expr>> Call::hits(Context& c, TableId table,
                                                           const std::vector<Rel>& rels, const ExprPtr& where,
                                                           const std::string& path, const Env& around,
                                                           std::vector<RowRef>* others) {
    std::vector<std::pair<std::uint32_t, z3::expr>> out;
    const std::vector<ExprPtr> parts = conjuncts(where);
    const bool pinned = !pin_of(universe_.schema().table(table), where, path).empty();
    const bool joined = rels.size() > 1;
    for (std::size_t r = 1; r < rels.size(); ++r) others->push_back({nullptr, std::nullopt, true, false});
    for (std::uint32_t s = 0; s < universe_.slots(table); ++s) {
        if (!may_have(table, s)) {
            // Rows of the other call: none was there to be hit, and none may have been missed.
            if (joined || universe_.alive(c.local, table, s).is_false()) continue;
        }
        Reads seen;
        const z3::expr visible = universe_.visible(c.local, table, s, &seen);
        if (visible.is_false()) continue;
        Env env;
        env.outer = &around;
        env.rows.push_back(c.ev.stored_row(table, s));
        env.rows.insert(env.rows.end(), others->begin(), others->end());
        const z3::expr hit = may_have(table, s) ? flag(path + ".hit@" + slot_name(table, s)) : terms().no();
        std::vector<z3::expr> all{visible};
        Reads all_reads = seen;
        if (universe_.rows_appear(table)) all_reads.appear(table);
        bool known = !joined;
        bool never = false;
        std::vector<std::pair<std::string, Context::Result>> kept;
        for (std::size_t i = 0; i < parts.size(); ++i) {
            if ((rels_of(*parts[i]) & ~std::uint64_t{1}) != 0) continue;
            bool subquery = false;
            rels_of(*parts[i], &subquery);
            Context::Result weak = c.evaluate(*parts[i], env, path + slot_name(table, s), false);
            known = known && !weak.opaque;
            all.push_back(weak.value.value);
            all_reads.add(weak.reads);
            never = never || (weak.value.value.is_false() && weak.reads.empty());
            if (weak.opaque) continue;
            const std::string key = path + ".where" + std::to_string(i);
            if (subquery && pinned && c.first()) {
                kept.emplace_back(key, c.evaluate(*parts[i], env, path + slot_name(table, s), true));
            } else {
                kept.emplace_back(key, std::move(weak));
            }
        }
        if (never) continue;
        if (may_have(table, s)) {
            fact(c, path + ".row", terms().implies(hit, visible), seen);
            for (const auto& [key, part] : kept)
                fact(c, key, terms().implies(hit, part.value.value), part.reads);
            out.emplace_back(s, hit);
        }
        if (known) fact(c, path + ".all", terms().implies(terms().and_(all), hit), all_reads);
    }
    if (pinned && c.first()) {
        for (std::size_t i = 0; i < out.size(); ++i) {
            for (std::size_t j = i + 1; j < out.size(); ++j)
                c.require(terms().not_(terms().and_(out[i].second, out[j].second)));
        }
    }
    return out;
}

void Call::update(Context& c, const Update& update, const std::string& path, const Env& around,
                  State& after) {
    const catalog::Table& table = universe_.schema().table(update.table);
    std::set<std::uint32_t> columns;
    for (const Assignment& a : update.assignments) columns.insert(a.column.value);
    for (ColumnId key : table.keys[0].columns) {
        if (columns.contains(key.value))
            unmodelled_.insert(update.table);  // a key that changes is another row
    }
    const bool pinned = !pin_of(table, update.where, path).empty();
    std::vector<RowRef> others;
    const auto hit_slots = hits(c, update.table, update.rels, update.where, path, around, &others);
    for (const auto& [slot, hit] : hit_slots) {
        Env env;
        env.outer = &around;
        env.rows.push_back(c.ev.stored_row(update.table, slot));
        env.rows.insert(env.rows.end(), others.begin(), others.end());
        assign(c, update.table, slot, hit, update.assignments, env, path, pinned, after);
    }
    if (!pinned) rest_change(c, update.table, path, false, false, columns, true, after);
}

void Call::remove(Context& c, const Delete& remove, const std::string& path, const Env& around,
                  State& after) {
    std::vector<RowRef> others;
    const auto hit_slots = hits(c, remove.table, remove.rels, remove.where, path, around, &others);
    for (const auto& [slot, hit] : hit_slots) {
        SlotState& s = after.tables[remove.table.value][slot];
        s.alive = terms().and_(s.alive, terms().not_(hit));
        s.alive_new = terms().and_(s.alive_new, terms().not_(hit));
        if (!c.first()) continue;
        SlotEffect& e = effect_.tables[remove.table.value][slot];
        e.touched = true;
        e.removes = terms().or_(e.removes, hit);
        e.adds_dot = terms().and_(e.adds_dot, terms().not_(hit));
        e.created = terms().and_(e.created, terms().not_(hit));
    }
    const bool pinned = !pin_of(universe_.schema().table(remove.table), remove.where, path).empty();
    rest_change(c, remove.table, path, false, true, {}, !pinned, after);
}

void Call::assign(Context& c, TableId id, std::uint32_t slot, const z3::expr& hit,
                  const std::vector<Assignment>& assignments, const Env& env, const std::string& path,
                  bool one_row, State& after) {
    const TableShape& shape = universe_.shape(id);
    const catalog::Table& table = *shape.table;
    if (c.first()) effect_.tables[id.value][slot].touched = true;
    std::set<std::uint32_t> columns;
    for (const Assignment& a : assignments) columns.insert(a.column.value);
    for (const Assignment& a : assignments) {
        const std::uint32_t col = a.column.value;
        const catalog::Column& column = table.columns[col];
        if (shape.is_key(col)) continue;
        const std::string name = path + ".set." + column.name + "@" + slot_name(id, slot);
        if (column.policy.merge == Merge::counter) {
            write_counter(c, id, slot, col, hit, a.value, env, name, one_row, after);
            continue;
        }
        ExprPtr value = a.value;
        Context::Result result = c.value(*value, env, name, one_row || rels_of(*value) == 0);
        if (column.policy.merge == Merge::max || column.policy.merge == Merge::min) {
            // Joining with what greatest() is given has the same effect as joining with its result.
            const std::vector<ExprPtr> others = joined_with(value, col, column.policy.merge);
            for (std::size_t i = 0; i < others.size(); ++i) {
                Context::Result one = c.value(*others[i], env, name, one_row || rels_of(*others[i]) == 0);
                const Val v = fixed_value(c, one.value, one.reads, one.opaque, name + std::to_string(i),
                                          others[i]->type, hit);
                write_cell(c, id, slot, col, hit, v, after);
            }
            if (!others.empty()) continue;
        }
        const Val v = fixed_value(c, result.value, result.reads, result.opaque, name, column.type, hit);
        if (column.not_null) c.require(terms().implies(hit, terms().not_(v.null)));
        write_cell(c, id, slot, col, hit, v, after);
        if (c.first() && shape.is_register(col)) {
            z3::expr& updated = effect_.tables[id.value][slot].updated[column.policy.group];
            updated = terms().or_(updated, hit);
        }
    }
    reference(c, id, slot, hit, columns, path, after);
}

void Call::write_counter(Context& c, TableId id, std::uint32_t slot, std::uint32_t col, const z3::expr& hit,
                         const ExprPtr& value, const Env& env, const std::string& name, bool one_row,
                         State& after) {
    const catalog::Column& column = universe_.schema().table(id).columns[col];
    std::vector<Addend> addends;
    Val amount = terms().value(terms().integer(0), Kind::integer);
    if (additive(value, col, addends)) {
        for (std::size_t i = 0; i < addends.size(); ++i) {
            const Context::Result part =
                c.value(*addends[i].e, env, name, one_row || rels_of(*addends[i].e) == 0);
            const Val v = fixed_value(c, part.value, part.reads, part.opaque, name + "." + std::to_string(i),
                                      addends[i].e->type, hit);
            c.require(terms().implies(hit, terms().not_(v.null)));
            const z3::expr term = terms().to_kind(v.value, v.kind, Kind::integer);
            const bool zero = terms().equal(amount.value, terms().integer(0)).is_true();
            amount.value =
                addends[i].minus ? (zero ? -term : amount.value - term) : (zero ? term : amount.value + term);
        }
    } else {
        Context::Result whole = c.value(*value, env, name, one_row || rels_of(*value) == 0);
        const Val& before = (*env.rows[0].cells)[col];
        whole.reads.column(id, col);
        whole.value.value =
            terms().to_kind(whole.value.value, whole.value.kind, Kind::integer) - before.value;
        whole.value.kind = Kind::integer;
        amount = fixed_value(c, whole.value, whole.reads, whole.opaque, name, Type{TypeId::int8}, hit);
        if (column.not_null) c.require(terms().implies(hit, terms().not_(amount.null)));
    }
    const z3::expr add = terms().ite(hit, amount.value, terms().integer(0));
    SlotState& s = after.tables[id.value][slot];
    s.adds[col] = terms().equal(s.adds[col], terms().integer(0)).is_true() ? add : s.adds[col] + add;
    if (!c.first()) return;
    z3::expr& total = effect_.tables[id.value][slot].amounts[col];
    total = terms().equal(total, terms().integer(0)).is_true() ? add : total + add;
}

void Call::write_cell(Context& c, TableId id, std::uint32_t slot, std::uint32_t col, const z3::expr& hit,
                      const Val& value, State& after) {
    const catalog::ColumnPolicy& policy = universe_.schema().table(id).columns[col].policy;
    SlotState& s = after.tables[id.value][slot];
    const bool extreme = policy.merge == Merge::max || policy.merge == Merge::min;
    const auto farther = [&](const Val& v, const Val& before) {
        const z3::expr further = policy.merge == Merge::max ? v.value > before.value : v.value < before.value;
        return terms().and_(terms().not_(v.null), terms().or_(before.null, further));
    };
    s.cells[col] =
        terms().choose(extreme ? terms().and_(hit, farther(value, s.cells[col])) : hit, value, s.cells[col]);
    if (!c.first()) return;
    SlotEffect& e = effect_.tables[id.value][slot];
    if (extreme) {
        const z3::expr takes =
            terms().and_(hit, terms().or_(terms().not_(e.joins[col]), farther(value, e.values[col])));
        e.values[col] = terms().choose(takes, value, e.values[col]);
        e.joins[col] = terms().or_(e.joins[col], hit);
    } else {
        e.values[col] = terms().choose(hit, value, e.values[col]);
        e.assigned[col] = terms().or_(e.assigned[col], hit);
        e.writes[policy.group] = terms().or_(e.writes[policy.group], hit);
    }
}

// A foreign key with CASCADE or SET NULL points to the row that its value meant where it was written.
void Call::reference(Context& c, TableId id, std::uint32_t slot, const z3::expr& hit,
                     const std::set<std::uint32_t>& columns, const std::string& path, State& after) {
    const TableShape& shape = universe_.shape(id);
    for (std::uint32_t d = 0; d < shape.derived.size(); ++d) {
        const catalog::ForeignKey& fk = shape.table->foreign_keys[shape.derived[d].foreign_key];
        if (std::none_of(fk.columns.begin(), fk.columns.end(),
                         [&](ColumnId col) { return columns.contains(col.value); }))
            continue;
        const TableShape& parent = universe_.shape(fk.parent);
        const std::string name = path + ".ref" + std::to_string(d) + "@" + slot_name(id, slot);
        const Val target = variable(name, Type{TypeId::int8}, false);
        const Val incarnation = variable(name + "i", Type{TypeId::int8}, false);
        const z3::expr outside = flag(name + "r");
        SlotState& s = after.tables[id.value][slot];
        std::vector<z3::expr> given{hit};
        for (ColumnId col : fk.columns) given.push_back(terms().not_(s.cells[col.value].null));
        const z3::expr when = terms().and_(given);
        Reads reads;
        c.require(target.value >= -1 && target.value < static_cast<int>(universe_.slots(fk.parent)));
        std::vector<z3::expr> there, nowhere;
        const z3::expr rest = terms().equal(target.value, terms().integer(-1));
        for (std::uint32_t j = 0; j < universe_.slots(fk.parent); ++j) {
            std::vector<z3::expr> same;
            const auto& row = universe_.row(c.local, fk.parent, j);
            for (std::size_t k = 0; k < fk.columns.size(); ++k) {
                same.push_back(
                    terms().equal_values(s.cells[fk.columns[k].value], row[fk.parent_columns[k].value]));
                universe_.note_column(fk.parent, fk.parent_columns[k].value, &reads);
            }
            const z3::expr chosen = terms().equal(target.value, terms().integer(static_cast<int>(j)));
            const z3::expr visible = universe_.visible(c.local, fk.parent, j, &reads);
            const z3::expr matches = terms().and_(same);
            if (!may_have(fk.parent, j)) {
                c.require(terms().not_(chosen));
                nowhere.push_back(terms().implies(rest, terms().not_(terms().and_(visible, matches))));
                continue;
            }
            z3::expr good = terms().and_(visible, matches);
            if (parent.incarnations)
                good = terms().and_(
                    good, terms().equal(incarnation.value, c.local.tables[fk.parent.value][j].incarnation));
            c.require(
                terms().implies(terms().and_(when, chosen),
                                terms().and_(matches, terms().or_(c.at.tables[fk.parent.value][j].born,
                                                                  universe_.alive(c.local, fk.parent, j)))));
            there.push_back(terms().implies(chosen, good));
            nowhere.push_back(terms().implies(rest, terms().not_(terms().and_(visible, matches))));
        }
        reads.vanish(fk.parent);
        if (parent.per_key) reads.appear(fk.parent);
        there.push_back(terms().implies(rest, outside));
        Reads new_parents = reads;
        if (universe_.rows_appear(fk.parent)) new_parents.appear(fk.parent);
        fact(c, path + ".refrest" + std::to_string(d), terms().implies(when, terms().and_(nowhere)),
             new_parents);
        fact(c, path + ".ref" + std::to_string(d), terms().implies(when, terms().and_(there)), reads);
        s.parents[d] = terms().ite(hit, target.value, s.parents[d]);
        s.parent_incarnations[d] = terms().ite(hit, incarnation.value, s.parent_incarnations[d]);
        s.rest_parent[d] = terms().ite(hit, outside, s.rest_parent[d]);
        if (!c.first()) continue;
        SlotEffect& e = effect_.tables[id.value][slot];
        e.parents[d] = terms().ite(hit, target.value, e.parents[d]);
        e.parent_incarnations[d] = terms().ite(hit, incarnation.value, e.parent_incarnations[d]);
        e.rest_parent[d] = terms().ite(hit, outside, e.rest_parent[d]);
    }
}

}  // namespace anabranch::confluence::smt
