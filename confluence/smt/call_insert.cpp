#include <algorithm>
#include <variant>

#include "confluence/smt/call.h"
#include "confluence/smt/call_context.h"
#include "confluence/smt/eval_query.h"
#include "confluence/walk.h"
#include "lib/sql/bind_walk.h"

namespace anabranch::confluence::smt {

using namespace sql;
using catalog::Merge;

namespace {

// How many rows an INSERT's source may have.
enum class Rows : std::uint8_t { values, one, pinned, grouped, many };

bool pins(const catalog::Table& table, const Query& query) {
    return query.rels.size() == 1 && !pin_of(table, query.where, "source").empty();
}

// Every group key is fixed by the WHERE to a value from outside: at most one group.
bool group_pinned(const Query& query) {
    if (query.rels.size() != 1 || query.having || !std::holds_alternative<TableRel>(query.rels[0].source))
        return false;
    const std::vector<ExprPtr> parts = conjuncts(query.where);
    return std::all_of(query.group_by.begin(), query.group_by.end(), [&](const ExprPtr& g) {
        const auto* key = std::get_if<ColumnRef>(&g->node);
        return key != nullptr && key->level == 0 &&
               std::any_of(parts.begin(), parts.end(), [&](const ExprPtr& part) {
                   const auto* call = std::get_if<sql::Call>(&part->node);
                   if (call == nullptr || call->func != Func::eq) return false;
                   for (std::size_t side = 0; side < 2; ++side) {
                       const auto* ref = std::get_if<ColumnRef>(&call->args[side]->node);
                       if (ref != nullptr && ref->level == 0 && ref->column == key->column &&
                           rels_of(*call->args[1 - side]) == 0)
                           return true;
                   }
                   return false;
               });
    });
}

Rows rows_of(const catalog::Schema& schema, const Insert& insert) {
    if (!insert.source) return Rows::values;
    const Query& q = *insert.source;
    if (q.set_op != SetOp::none) return Rows::many;
    if (!q.values.empty()) return Rows::values;
    if (q.grouped && q.group_by.empty()) return Rows::one;
    if (q.rels.empty()) return Rows::one;
    if (q.grouped) return group_pinned(q) ? Rows::grouped : Rows::many;
    if (const auto* table = std::get_if<TableRel>(&q.rels[0].source);
        table != nullptr && pins(schema.table(table->table), q))
        return Rows::pinned;
    return Rows::many;
}

constexpr std::size_t MANY =
    2;  // rows of an INSERT of any number of rows that have a slot; the others are in the rest

std::size_t row_count(const catalog::Schema& schema, const Insert& insert) {
    switch (rows_of(schema, insert)) {
        case Rows::values:
            return insert.source ? insert.source->values.size() : 1;
        case Rows::many:
            return MANY;
        default:
            return 1;
    }
}

class Inserts : public Walker {
  public:
    std::vector<const Insert*> found;

  protected:
    void on_insert(const Insert& insert) override { found.push_back(&insert); }
};

// Under ON CONFLICT DO UPDATE SET c = c + e the inserted value of a counter is itself an addition.
bool inserts_by_adding(const Insert& insert, std::uint32_t column) {
    return std::any_of(insert.on_conflict.assignments.begin(), insert.on_conflict.assignments.end(),
                       [&](const Assignment& a) { return a.column.value == column; });
}

}  // namespace

void Call::reserve() {
    Inserts inserts;
    for (const auto& statement : transaction_.body) inserts.statement(*statement);
    for (const Insert* insert : inserts.found) {
        if (universe_.shape(insert->table).per_key) continue;
        auto& slots = own_slots_[std::to_string(reinterpret_cast<std::uintptr_t>(insert))];
        for (std::size_t i = row_count(universe_.schema(), *insert); i > 0; --i)
            slots.push_back(universe_.add_slot(insert->table, side_));
    }
}

Call::Source Call::conditional_row(Context& c, const Query& source, const std::string& path,
                                   const Env* around) {
    Source row{terms().yes(), {}};
    Env env;
    env.outer = around;
    env.rows.resize(source.rels.size());
    env.ctes = &source.ctes;
    Group group;
    bool known = true;
    Reads group_reads;
    if (source.grouped) {
        c.begin(&group_reads, path, false);
        QueryEncoder encoder(c.ev, source, around);
        known = encoder.matches(true, {}, group.matches) && !c.ev.opaque;
        c.end();
        env.group = &group;
    }
    const ExprPtr condition = source.grouped ? source.having : source.where;
    if (condition) {
        row.executed = flag(path + ".runs");
        std::vector<z3::expr> all;
        Reads all_reads = group_reads;
        std::size_t i = 0;
        for (const ExprPtr& part : conjuncts(condition)) {
            const Context::Result weak = c.evaluate(*part, env, path, false);
            const Context::Result strong = c.first() ? c.evaluate(*part, env, path, true) : weak;
            known = known && !weak.opaque;
            Reads reads = weak.reads;
            reads.add(group_reads);
            if (!weak.opaque)
                fact(c, path + ".where" + std::to_string(i),
                     terms().implies(row.executed, strong.value.value), reads);
            all.push_back(weak.value.value);
            all_reads.add(reads);
            ++i;
        }
        if (known) fact(c, path + ".all", terms().implies(terms().and_(all), row.executed), all_reads);
    }
    for (std::size_t i = 0; i < source.columns.size() && i < source.targets.size(); ++i) {
        Context::Result v = c.value(*source.targets[i], env, path + "." + std::to_string(i), true);
        v.reads.add(group_reads);
        row.values.push_back(fixed_value(c, v.value, v.reads, v.opaque || !known,
                                         path + ".value" + std::to_string(i), source.targets[i]->type,
                                         row.executed));
    }
    return row;
}

// The rows of VALUES.
std::vector<Call::Source> Call::value_rows(Context& c, const Query& q, const std::string& path,
                                           const Env& env) {
    std::vector<Source> rows;
    for (std::size_t r = 0; r < q.values.size(); ++r) {
        Source row{terms().yes(), {}};
        for (std::size_t i = 0; i < q.values[r].size(); ++i) {
            const std::string name = path + ".value" + std::to_string(r) + "." + std::to_string(i);
            const Context::Result v = c.value(*q.values[r][i], env, name, true);
            row.values.push_back(
                fixed_value(c, v.value, v.reads, v.opaque, name, q.values[r][i]->type, row.executed));
        }
        rows.push_back(std::move(row));
    }
    return rows;
}

// The values that the WHERE pins columns of the only rel to, whichever row it is; nothing for the others.
std::vector<std::optional<Val>> Call::pinned_cells(Context& c, const Query& q, const std::string& path,
                                                   const Env& env) {
    std::vector<std::optional<Val>> cells(q.rels[0].columns.size());
    for (const ExprPtr& part : conjuncts(q.where)) {
        const auto* call = std::get_if<sql::Call>(&part->node);
        if (call == nullptr || call->func != Func::eq) continue;
        for (std::size_t side = 0; side < 2; ++side) {
            const auto* ref = std::get_if<ColumnRef>(&call->args[side]->node);
            if (ref == nullptr || ref->level != 0 || ref->column >= cells.size() ||
                rels_of(*call->args[1 - side]) != 0)
                continue;
            const Context::Result v = c.evaluate(*call->args[1 - side], env, path, false);
            if (!v.opaque && v.reads.empty()) cells[ref->column].emplace(v.value);
        }
    }
    return cells;
}

// The one row of a query whose WHERE pins it, or which groups.
Call::Source Call::pinned_row(Context& c, const Query& q, const std::string& path, Env env) {
    Source row{flag(path + ".runs"), {}};
    Reads reads;
    c.begin(&reads, path, false);
    QueryEncoder encoder(c.ev, q, env.outer);
    Group group;
    const bool known = encoder.matches(true, {}, group.matches) && !c.ev.opaque;
    std::vector<z3::expr> ways;
    for (const Match& m : group.matches)
        ways.push_back(m.rest ? terms().and_(m.present, encoder.rest_exists(m)) : m.present);
    c.end();
    if (known) {
        fact(c, path + ".where", terms().implies(row.executed, terms().or_(ways)), reads);
        fact(c, path + ".all", terms().implies(terms().or_(ways), row.executed), reads);
    }
    const auto pinned = pinned_cells(c, q, path, env);
    std::vector<Val> cells;
    for (std::size_t i = 0; i < pinned.size(); ++i)
        cells.push_back(pinned[i] ? *pinned[i] : terms().unknown("?source", q.rels[0].columns[i].type));
    env.rows[0] = {&cells, std::nullopt, false, false};
    if (q.grouped) env.group = &group;
    for (std::size_t i = 0; i < q.columns.size() && i < q.targets.size(); ++i) {
        const sql::Expr& target = *q.targets[i];
        const std::string name = path + ".value" + std::to_string(i);
        const auto* ref = std::get_if<ColumnRef>(&target.node);
        const bool direct = rels_of(target) == 0 || (ref != nullptr && ref->level == 0 &&
                                                     ref->column < pinned.size() && pinned[ref->column]);
        if (direct || q.grouped) {
            Context::Result v = c.evaluate(target, env, name, false);
            if (!direct) v.reads.add(reads);
            row.values.push_back(fixed_value(c, v.value, v.reads, v.opaque || (!direct && !known), name,
                                             target.type, row.executed));
            continue;
        }
        Reads value_reads;
        c.begin(&value_reads, name, false);
        const Val v = encoder.scalar(target);
        const bool opaque = c.ev.opaque;
        c.end();
        row.values.push_back(fixed_value(c, v, value_reads, opaque, name, target.type, row.executed));
    }
    return row;
}

// Some of the rows of a query of which nobody knows how many there are.
std::vector<Call::Source> Call::many_rows(Context& c, const Insert& insert, const std::string& path,
                                          const Env& env) {
    const Query& q = *insert.source;
    std::vector<Source> rows;
    for (std::size_t r = 0; r < MANY; ++r) {
        Source row{flag(path + ".runs" + std::to_string(r)), {}};
        for (std::size_t i = 0; i < insert.columns.size(); ++i) {
            const std::string name = path + ".value" + std::to_string(r) + "." + std::to_string(i);
            const bool plain = q.set_op == SetOp::none && q.values.empty() && i < q.targets.size() &&
                               rels_of(*q.targets[i]) == 0 && !q.grouped;
            const catalog::Column& column =
                universe_.schema().table(insert.table).columns[insert.columns[i].value];
            if (!plain) {
                row.values.push_back(variable(name, column.type));
                continue;
            }
            const Context::Result v = c.evaluate(*q.targets[i], env, name, false);
            row.values.push_back(fixed_value(c, v.value, v.reads, v.opaque, name, column.type, row.executed));
        }
        rows.push_back(std::move(row));
    }
    return rows;
}

std::vector<Call::Source> Call::source_rows(Context& c, const Insert& insert, const std::string& path,
                                            const Env& around) {
    if (!insert.source) return {Source{terms().yes(), {}}};
    const Query& q = *insert.source;
    Env env;
    env.outer = &around;
    env.rows.resize(q.rels.size());
    env.ctes = &q.ctes;
    switch (rows_of(universe_.schema(), insert)) {
        case Rows::values:
            return value_rows(c, q, path, env);
        case Rows::one:
            return {conditional_row(c, q, path, &around)};
        case Rows::pinned:
        case Rows::grouped:
            return {pinned_row(c, q, path, env)};
        case Rows::many:
            break;
    }
    return many_rows(c, insert, path, env);
}

Call::Row Call::full_row(Context& c, const Insert& insert, const Source& source, const std::string& path) {
    const catalog::Table& table = universe_.schema().table(insert.table);
    Row row;
    Env env;
    for (std::uint32_t col = 0; col < table.columns.size(); ++col) {
        const catalog::Column& column = table.columns[col];
        const auto given = std::find_if(insert.columns.begin(), insert.columns.end(),
                                        [&](ColumnId id) { return id.value == col; });
        const std::string name = path + ".default." + column.name;
        if (given != insert.columns.end() &&
            source.values.size() > static_cast<std::size_t>(given - insert.columns.begin())) {
            Val v = source.values[static_cast<std::size_t>(given - insert.columns.begin())];
            v.value = terms().to_kind(v.value, v.kind, kind_of(column.type));
            v.kind = kind_of(column.type);
            row.push_back(v);
        } else if (column.identity != catalog::Identity::none || column.hidden) {
            Val v = variable(name, column.type, false);
            v.mark = Mark::generated;
            row.push_back(v);
        } else if (column.generated) {
            row.push_back(
                terms().unknown("?generated", column.type, !column.not_null));  // readers compute it
        } else if (column.default_value) {
            const Context::Result v = c.evaluate(*column.default_value, env, name, false);
            row.push_back(v.value);
        } else {
            row.push_back(terms().null(column.type));
        }
    }
    return row;
}

void Call::insert(Context& c, const Insert& insert, const std::string& path, const Env& around,
                  State& after) {
    Env scope;
    scope.outer = &around;
    const std::vector<Source> rows = source_rows(c, insert, path, scope);
    const catalog::Table& table = universe_.schema().table(insert.table);
    for (std::size_t r = 0; r < rows.size(); ++r) {
        const std::string name = path + "r" + std::to_string(r);
        const Row row = full_row(c, insert, rows[r], name);
        for (std::uint32_t col = 0; col < table.columns.size(); ++col) {
            if (table.columns[col].not_null)
                c.require(terms().implies(rows[r].executed, terms().not_(row[col].null)));
            if (c.first() && row[col].mark == Mark::generated)
                generated_.push_back({insert.table, col, row[col], rows[r].executed});
        }
        if (universe_.shape(insert.table).per_key) {
            insert_keyed(c, insert, rows[r].executed, row, name, around, after);
        } else {
            const auto& slots = own_slots_[std::to_string(reinterpret_cast<std::uintptr_t>(&insert))];
            insert_own(c, insert.table, slots[r], rows[r].executed, row, name, after);
        }
    }
    if (rows_of(universe_.schema(), insert) == Rows::many)
        rest_change(c, insert.table, path, true, false, {}, true, after);
}

void Call::insert_own(Context& c, TableId id, std::uint32_t slot, const z3::expr& executed, const Row& row,
                      const std::string& path, State& after) {
    const catalog::Table& table = universe_.schema().table(id);
    SlotState& s = after.tables[id.value][slot];
    s.alive_new = executed;
    s.cells = row;
    std::set<std::uint32_t> all;
    for (std::uint32_t col = 0; col < table.columns.size(); ++col) all.insert(col);
    if (c.first()) {
        SlotEffect& e = effect_.tables[id.value][slot];
        e.touched = true;
        e.adds_dot = e.created = e.claims = executed;
        e.writes.assign(e.writes.size(), executed);
        e.assigned.assign(e.assigned.size(), executed);
        e.values = row;
        for (std::uint32_t col = 0; col < table.columns.size(); ++col) {
            const Merge merge = table.columns[col].policy.merge;
            if (merge == Merge::counter) e.initial[col] = executed;
            if (merge == Merge::max || merge == Merge::min) e.joins[col] = executed;
        }
    }
    reference(c, id, slot, executed, all, path, after);
}

// What a keyed INSERT ships of one slot.
void Call::ship_keyed(const Insert& insert, std::uint32_t slot, const KeyedInsert& key, const Row& row,
                      const std::string& path, const SlotState& s) {
    const TableId id = insert.table;
    const catalog::Table& table = universe_.schema().table(id);
    const bool upsert = insert.on_conflict.action != ConflictAction::none;
    SlotEffect& e = effect_.tables[id.value][slot];
    e.touched = true;
    e.adds_dot = terms().or_(e.adds_dot, key.ins);
    e.created = terms().or_(e.created, key.fresh);
    if (universe_.shape(id).claims) {
        // An upsert that meets a row takes its claim over.
        e.claims = terms().or_(
            e.claims, upsert ? terms().and_(key.met, flag(path + ".claim@" + slot_name(id, slot))) : key.ins);
    }
    for (auto& w : e.writes) w = terms().or_(w, key.fresh);
    for (std::uint32_t col = 0; col < table.columns.size(); ++col) {
        const Merge merge = table.columns[col].policy.merge;
        const bool adds = merge == Merge::counter && inserts_by_adding(insert, col);
        e.assigned[col] = terms().or_(e.assigned[col], key.fresh);
        if (adds) {
            e.amounts[col] = e.amounts[col] + terms().ite(key.fresh, row[col].value, terms().integer(0));
            continue;
        }
        const bool is_key = universe_.shape(id).is_key(col);
        e.values[col] = is_key ? s.cells[col] : terms().choose(key.fresh, row[col], e.values[col]);
        if (merge == Merge::counter) e.initial[col] = terms().or_(e.initial[col], key.fresh);
        if (merge == Merge::max || merge == Merge::min) e.joins[col] = terms().or_(e.joins[col], key.fresh);
    }
}

void Call::insert_keyed(Context& c, const Insert& insert, const z3::expr& executed, const Row& row,
                        const std::string& path, const Env& around, State& after) {
    const TableId id = insert.table;
    const catalog::Table& table = universe_.schema().table(id);
    const bool upsert = insert.on_conflict.action != ConflictAction::none;
    const bool by_key = insert.on_conflict.key ? *insert.on_conflict.key == 0 : table.keys.size() == 1;
    std::vector<z3::expr> somewhere;
    std::set<std::uint32_t> all;
    for (std::uint32_t col = 0; col < table.columns.size(); ++col) all.insert(col);
    for (std::uint32_t slot = 0; slot < universe_.slots(id); ++slot) {
        const std::string name = path + "@" + slot_name(id, slot);
        const z3::expr ins = flag(path + ".key@" + slot_name(id, slot));
        somewhere.push_back(ins);
        std::vector<z3::expr> same{executed};
        for (ColumnId key : table.keys[0].columns) {
            same.push_back(
                terms().equal_values(row[key.value], c.local.tables[id.value][slot].cells[key.value]));
            if (row[key.value].mark == Mark::generated && table.keys[0].columns.size() == 1)
                same.push_back(terms().not_(c.at.tables[id.value][slot].born));
        }
        c.require(terms().implies(ins, terms().and_(same)));
        Reads seen;
        const z3::expr visible = universe_.visible(c.local, id, slot, &seen);
        const z3::expr fresh = upsert ? terms().and_(ins, flag(path + ".new@" + slot_name(id, slot))) : ins;
        const z3::expr met = terms().and_(ins, terms().not_(fresh));
        Reads absent = seen;
        absent.appear(id);
        fact(c, path + ".absent", terms().implies(fresh, terms().not_(visible)), absent);
        if (upsert) {
            fact(c, path + ".present", terms().implies(met, visible), seen);
            c.require(terms().implies(
                met, terms().or_(c.at.tables[id.value][slot].born, effect_.tables[id.value][slot].adds_dot)));
        }
        SlotState& s = after.tables[id.value][slot];
        s.alive_new = terms().or_(s.alive_new, ins);
        for (std::uint32_t col = 0; col < table.columns.size(); ++col) {
            if (universe_.shape(id).is_key(col)) continue;
            s.cells[col] = terms().choose(fresh, row[col], s.cells[col]);
            s.adds[col] = terms().ite(fresh, terms().integer(0), s.adds[col]);
        }
        if (c.first()) ship_keyed(insert, slot, {ins, fresh, met}, row, path, s);
        reference(c, id, slot, fresh, all, path, after);
        if (insert.on_conflict.action == ConflictAction::update && by_key)
            merge_update(c, insert, slot, met, row, path, around, after);
    }
    if (!upsert || by_key) c.require(terms().implies(executed, terms().or_(somewhere)));
    if (!by_key && insert.on_conflict.action == ConflictAction::update) unmodelled_.insert(id);
    rest_change(c, id, path, true, false, {}, false, after);
}

// The row that ON CONFLICT met: DO UPDATE's assignments over it and `excluded`.
void Call::merge_update(Context& c, const Insert& insert, std::uint32_t slot, const z3::expr& met,
                        const Row& excluded, const std::string& path, const Env& around, State& after) {
    Env env;
    env.outer = &around;
    env.rows.push_back(c.ev.stored_row(insert.table, slot));
    env.rows.push_back({&excluded, std::nullopt, false, false});
    z3::expr hit = met;
    if (insert.on_conflict.where) {
        hit = terms().and_(met, flag(path + ".merge@" + slot_name(insert.table, slot)));
        const Context::Result condition = c.evaluate(*insert.on_conflict.where, env, path, false);
        if (!condition.opaque) {
            fact(c, path + ".onconflict", terms().implies(met, terms().equal(hit, condition.value.value)),
                 condition.reads);
        }
    }
    assign(c, insert.table, slot, hit, insert.on_conflict.assignments, env, path + ".do", true, after);
}

}  // namespace anabranch::confluence::smt
