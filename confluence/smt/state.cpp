#include "confluence/smt/state.h"

#include <algorithm>
#include <variant>

namespace anabranch::confluence::smt {

using catalog::Merge;
using catalog::OnDelete;

bool TableShape::is_register(std::uint32_t column) const {
    const Merge merge = table->columns[column].policy.merge;
    return merge == Merge::register_ || merge == Merge::immutable;
}

bool TableShape::is_key(std::uint32_t column) const {
    return std::any_of(table->keys[0].columns.begin(), table->keys[0].columns.end(),
                       [&](ColumnId c) { return c.value == column; });
}

bool Reads::met_by(const Touches& touches) const {
    for (const auto& [id, read] : tables_) {
        const auto found = touches.find(id);
        if (found == touches.end()) continue;
        const Touch& touch = found->second;
        if ((read.appear && touch.appear) || (read.vanish && touch.vanish)) return true;
        for (std::uint32_t c : read.columns) {
            if (touch.columns.contains(c) || touch.merges) return true;
        }
    }
    return false;
}

void Reads::add(const Reads& other) {
    for (const auto& [id, read] : other.tables_) {
        OfTable& mine = tables_[id];
        mine.appear |= read.appear;
        mine.vanish |= read.vanish;
        mine.columns.insert(read.columns.begin(), read.columns.end());
    }
}

Universe::Universe(const catalog::Schema& schema, Terms& terms, const Touches& touched,
                   const std::set<TableId>& claimed)
    : schema_(schema), terms_(terms), touched_(touched) {
    shapes_.resize(schema.tables.size());
    for (const catalog::Table& table : schema.tables) {
        TableShape& shape = shapes_[table.id.value];
        shape.table = &table;
        shape.per_key = table.identity == catalog::RowIdentity::per_key;
        shape.claims = shape.per_key && claimed.contains(table.id);
        shape.incarnations = shape.per_key && (table.deletes || rows_vanish(table.id));
        for (std::uint32_t i = 0; i < table.foreign_keys.size(); ++i) {
            const catalog::ForeignKey& fk = table.foreign_keys[i];
            if (fk.on_delete != OnDelete::cascade && fk.on_delete != OnDelete::set_null) continue;
            if (!rows_vanish(fk.parent)) continue;  // the parent never goes: nothing is ever derived
            Derived derived{i, fk.on_delete == OnDelete::cascade, {}};
            if (!derived.cascade) {
                for (ColumnId c : fk.set_columns.empty() ? fk.columns : fk.set_columns)
                    derived.columns.push_back(c.value);
            }
            shape.derived.push_back(std::move(derived));
        }
    }
}

std::uint32_t Universe::add_slot(TableId table, Owner owner) {
    shapes_[table.value].slots.push_back(owner);
    return slots(table) - 1;
}

bool Universe::changes(TableId table, std::uint32_t column) const {
    const TableShape& shape = shapes_[table.value];
    if (shape.is_key(column)) return false;
    if (shape.per_key && rows_appear(table)) return true;
    return touch(table) != nullptr && touch(table)->columns.contains(column);
}

void Universe::note_column(TableId table, std::uint32_t column, Reads* reads) const {
    if (reads != nullptr && changes(table, column)) reads->column(table, column);
}

SlotState Universe::own_slot(TableId table) {
    const TableShape& shape = shapes_[table.value];
    const std::size_t columns = shape.table->columns.size();
    const z3::expr zero = terms_.integer(0);
    const z3::expr no = terms_.no();
    SlotState s{no, no, no, {}, {}, {}, {}, {}, {}, {}, zero, zero, no, no, no, no};
    for (const catalog::Column& column : shape.table->columns) s.cells.push_back(terms_.null(column.type));
    s.adds.assign(columns, zero);
    s.initials.assign(columns, zero);
    s.stamps.assign(shape.table->group_count, zero);
    s.parents.assign(shape.derived.size(), terms_.integer(-1));
    s.parent_incarnations.assign(shape.derived.size(), zero);
    s.rest_parent.assign(shape.derived.size(), terms_.no());
    return s;
}

SlotState Universe::base_slot(TableId id, std::uint32_t slot, std::vector<z3::expr>& hard) {
    const TableShape& shape = shapes_[id.value];
    const catalog::Table& table = *shape.table;
    const std::string name = table.name + "#" + std::to_string(slot);
    SlotState s = own_slot(id);
    s.alive = terms_.boolean(name + ".alive");
    // A dead row matters only where something may still meet it.
    const bool may_die = rows_vanish(id);
    s.born = may_die ? terms_.boolean(name + ".born") : s.alive;
    if (!z3::eq(s.born, s.alive)) hard.push_back(terms_.implies(s.alive, s.born));
    for (std::uint32_t c = 0; c < table.columns.size(); ++c) {
        const catalog::Column& column = table.columns[c];
        // Every value ever written to a NOT NULL column was checked where it was written.
        s.cells[c] =
            terms_.unknown(name + "." + column.name, column.type, !column.not_null && !shape.is_key(c));
        if (column.policy.merge == Merge::counter && shape.per_key) {
            s.adds[c] = terms_.variable(name + "." + column.name + ".adds", Kind::integer);
            hard.push_back(terms_.implies(terms_.not_(s.born), terms_.equal(s.adds[c], terms_.integer(0))));
            hard.push_back(terms_.implies(terms_.not_(s.born),
                                          terms_.and_(terms_.not_(s.cells[c].null),
                                                      terms_.equal(s.cells[c].value, terms_.integer(0)))));
            s.initials[c] = terms_.variable(name + "." + column.name + ".initial", Kind::integer);
            hard.push_back(s.initials[c] >= 0);
            hard.push_back(
                terms_.implies(terms_.not_(s.born), terms_.equal(s.initials[c], terms_.integer(0))));
        }
    }
    for (std::uint32_t g = 0; g < s.stamps.size(); ++g) {
        s.stamps[g] = terms_.variable(name + ".stamp" + std::to_string(g), Kind::integer);
        hard.push_back(s.stamps[g] >= 0);
        hard.push_back(terms_.implies(terms_.not_(s.born), terms_.equal(s.stamps[g], terms_.integer(0))));
    }
    if (shape.incarnations) {
        s.incarnation = terms_.variable(name + ".incarnation", Kind::integer);
        s.deleted_at = terms_.variable(name + ".deleted", Kind::integer);
        hard.push_back(s.incarnation >= 0);
        hard.push_back(s.deleted_at >= s.incarnation);
        hard.push_back(
            terms_.implies(terms_.not_(s.born), terms_.and_(terms_.equal(s.incarnation, terms_.integer(0)),
                                                            terms_.equal(s.deleted_at, terms_.integer(0)))));
    }
    if (shape.claims) {
        s.claimed = terms_.boolean(name + ".claimed");
        hard.push_back(terms_.implies(s.claimed, s.alive));
    }
    return s;
}

// What is known of the keys and of the references of S's rows.
void Universe::link(State& state, std::vector<z3::expr>& hard) {
    for (const TableShape& shape : shapes_) {
        const TableId id = shape.table->id;
        auto& slots_of = state.tables[id.value];
        if (shape.per_key) {
            for (std::size_t i = 0; i < slots_of.size(); ++i) {
                for (std::size_t j = i + 1; j < slots_of.size(); ++j) {
                    std::vector<z3::expr> equal;
                    for (ColumnId c : shape.table->keys[0].columns) {
                        equal.push_back(
                            terms_.equal_values(slots_of[i].cells[c.value], slots_of[j].cells[c.value]));
                    }
                    hard.push_back(terms_.not_(terms_.and_(equal)));
                }
            }
        }
        for (std::uint32_t i = 0; i < slots_of.size(); ++i) {
            if (shape.slots[i] != Owner::base) continue;
            for (std::uint32_t d = 0; d < shape.derived.size(); ++d) {
                const catalog::ForeignKey& fk = shape.table->foreign_keys[shape.derived[d].foreign_key];
                const std::string name =
                    shape.table->name + "#" + std::to_string(i) + ".parent" + std::to_string(d);
                z3::expr& parent = slots_of[i].parents[d];
                parent = terms_.variable(name, Kind::integer);
                slots_of[i].rest_parent[d] = terms_.boolean(name + ".rest");
                const auto& parents = state.tables[fk.parent.value];
                hard.push_back(parent >= -1 && parent < static_cast<int>(parents.size()));
                if (shapes_[fk.parent.value].incarnations) {
                    slots_of[i].parent_incarnations[d] =
                        terms_.variable(name + ".incarnation", Kind::integer);
                }
                for (std::uint32_t j = 0; j < parents.size(); ++j) {
                    std::vector<z3::expr> known{parents[j].born};
                    for (std::size_t k = 0; k < fk.columns.size(); ++k) {
                        if (shapes_[fk.parent.value].is_key(fk.parent_columns[k].value)) {
                            known.push_back(terms_.or_(
                                slots_of[i].cells[fk.columns[k].value].null,
                                terms_.equal_values(slots_of[i].cells[fk.columns[k].value],
                                                    parents[j].cells[fk.parent_columns[k].value])));
                        }
                    }
                    if (shapes_[fk.parent.value].incarnations) {
                        known.push_back(slots_of[i].parent_incarnations[d] <= parents[j].incarnation);
                    }
                    hard.push_back(
                        terms_.implies(terms_.and_(slots_of[i].born,
                                                   terms_.equal(parent, terms_.integer(static_cast<int>(j)))),
                                       terms_.and_(known)));
                }
            }
        }
    }
}

State Universe::start(std::vector<z3::expr>& hard) {
    State state;
    state.tables.resize(shapes_.size());
    state.rest.resize(shapes_.size());
    for (const TableShape& shape : shapes_) {
        for (std::uint32_t i = 0; i < shape.slots.size(); ++i) {
            state.tables[shape.table->id.value].push_back(shape.slots[i] == Owner::base
                                                              ? base_slot(shape.table->id, i, hard)
                                                              : own_slot(shape.table->id));
        }
    }
    link(state, hard);
    return state;
}

SlotEffect Universe::no_slot_effect(TableId id) {
    const TableShape& shape = shapes_[id.value];
    const std::size_t columns = shape.table->columns.size();
    const z3::expr zero = terms_.integer(0);
    const z3::expr no = terms_.no();
    SlotEffect e{false, no, terms_.yes(), no, no, no, zero, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}};
    e.writes.assign(shape.table->group_count, no);
    e.updated.assign(shape.table->group_count, no);
    for (const catalog::Column& column : shape.table->columns) e.values.push_back(terms_.null(column.type));
    e.assigned.assign(columns, no);
    e.initial.assign(columns, no);
    e.joins.assign(columns, no);
    e.amounts.assign(columns, zero);
    e.parents.assign(shape.derived.size(), terms_.integer(-1));
    e.parent_incarnations.assign(shape.derived.size(), zero);
    e.rest_parent.assign(shape.derived.size(), no);
    return e;
}

Effect Universe::no_effect(Owner side, const std::string& tag, const z3::expr& stamp) {
    Effect effect{side, tag, stamp, {}, {}};
    effect.tables.resize(shapes_.size());
    effect.rest.resize(shapes_.size());
    for (const TableShape& shape : shapes_) {
        for (std::size_t i = 0; i < shape.slots.size(); ++i) {
            effect.tables[shape.table->id.value].push_back(no_slot_effect(shape.table->id));
        }
    }
    return effect;
}

namespace {

// One slot's merge: what of the effect is newer than the state, and where that was decided.
struct SlotMerge {
    Terms& terms;
    const TableShape& shape;
    const SlotState& old;
    const SlotEffect& e;
    const z3::expr& stamp;
    bool own;              // the call made the row: nothing in it can be newer
    z3::expr newer, same;  // the effect's incarnation of the row, against the state's

    z3::expr wins(const z3::expr& written, const z3::expr& before) const {
        if (own || written.is_false()) return written;
        return terms.and_(written, terms.or_(newer, terms.and_(same, stamp > before)));
    }
    void counter(std::uint32_t c, SlotState& s) const {
        const z3::expr zero = terms.integer(0);
        const z3::expr initial = wins(e.initial[c], old.initials[c]);
        const Val before = newer.is_false()
                               ? old.cells[c]
                               : terms.choose(newer, terms.value(zero, Kind::integer), old.cells[c]);
        s.cells[c] = terms.choose(initial, e.values[c], before);
        s.initials[c] = terms.ite(initial, stamp, old.initials[c]);
        if (terms.equal(e.amounts[c], zero).is_true()) {
            s.adds[c] = terms.ite(newer, e.amounts[c], old.adds[c]);
            return;
        }
        const z3::expr sum = own ? e.amounts[c] : terms.ite(same, old.adds[c] + e.amounts[c], old.adds[c]);
        s.adds[c] = terms.ite(newer, e.amounts[c], sum);
    }
    void furthest(std::uint32_t c, Merge merge, SlotState& s) const {
        if (e.joins[c].is_false()) return;
        const Val& value = e.values[c];
        const Val& before = old.cells[c];
        const z3::expr further =
            merge == Merge::max ? value.value > before.value : value.value < before.value;
        const z3::expr replaces = terms.and_(terms.not_(value.null), terms.or_(before.null, further));
        const z3::expr takes =
            own ? e.joins[c] : terms.and_(e.joins[c], terms.or_(newer, terms.and_(same, replaces)));
        s.cells[c] = terms.choose(takes, value, before);
    }
    void cells(SlotState& s) const {
        for (std::uint32_t c = 0; c < s.cells.size(); ++c) {
            const catalog::ColumnPolicy& policy = shape.table->columns[c].policy;
            switch (policy.merge) {
                case Merge::immutable:
                case Merge::register_:
                    s.cells[c] = terms.choose(wins(e.writes[policy.group], old.stamps[policy.group]),
                                              e.values[c], old.cells[c]);
                    break;
                case Merge::counter:
                    counter(c, s);
                    break;
                case Merge::max:
                case Merge::min:
                    furthest(c, policy.merge, s);
                    break;
            }
        }
    }
    void parents(SlotState& s) const {
        for (std::uint32_t d = 0; d < shape.derived.size(); ++d) {
            const catalog::ForeignKey& fk = shape.table->foreign_keys[shape.derived[d].foreign_key];
            const std::uint32_t column = fk.columns[0].value;
            if (!shape.is_register(column)) continue;
            const std::uint32_t group = shape.table->columns[column].policy.group;
            const z3::expr takes = wins(e.writes[group], old.stamps[group]);
            s.parents[d] = terms.ite(takes, e.parents[d], old.parents[d]);
            s.parent_incarnations[d] = terms.ite(takes, e.parent_incarnations[d], old.parent_incarnations[d]);
            s.rest_parent[d] = terms.ite(takes, e.rest_parent[d], old.rest_parent[d]);
        }
    }
    void claims(SlotState& s) const {
        const z3::expr beside_old = terms.and_(s.alive, terms.or_(e.claims, old.claimed));
        // Two touches of one row carry the claim that both saw, which is no clash.
        const z3::expr beside_new = terms.and_(
            {old.alive_new, terms.or_(e.claims, old.claimed_new), terms.or_(e.created, old.created_new)});
        s.duplicate = terms.or_(old.duplicate, terms.and_(e.adds_dot, terms.or_(beside_old, beside_new)));
        s.claimed = terms.and_(old.claimed, s.alive);
        s.created_new = terms.or_(old.created_new, e.created);
        s.claimed_new = terms.or_(old.claimed_new, terms.and_(e.adds_dot, e.claims));
    }
};

}  // namespace

SlotState Universe::merge(TableId id, std::uint32_t slot, const SlotState& old, const SlotEffect& e,
                          const Effect& whole) {
    const TableShape& shape = shapes_[id.value];
    SlotMerge merge{terms_,      shape,       old, e, whole.stamp, shape.slots[slot] == whole.side,
                    terms_.no(), terms_.yes()};
    SlotState s = old;
    // An insert takes the place of the dots that it saw, a delete ends them; neither has seen the dots of a
    // concurrent call.
    s.alive = terms_.and_(old.alive, terms_.not_(terms_.and_(terms_.or_(e.removes, e.adds_dot), e.saw_all)));
    s.alive_new = terms_.or_(old.alive_new, e.adds_dot);
    s.born = terms_.or_(old.born, e.adds_dot);
    if (shape.incarnations) {
        merge.newer = terms_.and_(e.created, e.incarnation > old.incarnation);
        merge.same = terms_.equal(e.incarnation, old.incarnation);
        s.incarnation = terms_.ite(merge.newer, e.incarnation, old.incarnation);
        s.deleted_at =
            terms_.ite(terms_.and_(e.removes, whole.stamp > old.deleted_at), whole.stamp, old.deleted_at);
    }
    for (std::uint32_t g = 0; g < s.stamps.size(); ++g)
        s.stamps[g] = terms_.ite(merge.wins(e.writes[g], old.stamps[g]), whole.stamp, old.stamps[g]);
    merge.cells(s);
    merge.parents(s);
    if (shape.claims) merge.claims(s);
    return s;
}

State Universe::apply(const State& state, const Effect& effect) {
    State next = state;
    next.forget_views();
    for (const TableShape& shape : shapes_) {
        const std::uint32_t t = shape.table->id.value;
        for (std::uint32_t i = 0; i < shape.slots.size(); ++i) {
            if (effect.tables[t][i].touched)
                next.tables[t][i] =
                    merge(shape.table->id, i, state.tables[t][i], effect.tables[t][i], effect);
        }
        for (const RestChange& change : effect.rest[t]) next.rest[t].push_back(change);
        std::sort(next.rest[t].begin(), next.rest[t].end(),
                  [](const RestChange& a, const RestChange& b) { return a.tag < b.tag; });
    }
    return next;
}

z3::expr Universe::parent_visible(const State& state, TableId table, std::uint32_t slot,
                                  std::uint32_t derived, Reads* reads) const {
    const TableShape& shape = shapes_[table.value];
    const SlotState& s = state.tables[table.value][slot];
    const catalog::ForeignKey& fk = shape.table->foreign_keys[shape.derived[derived].foreign_key];
    const TableShape& parent_shape = shapes_[fk.parent.value];
    // Set-oriented deletes reach parents in the rest too.
    std::string changed;
    bool back = false;
    for (const RestChange& change : state.rest[fk.parent.value]) {
        if (change.vanish || change.appear) changed += change.tag + ";";
        back |= change.appear && parent_shape.per_key;
    }
    z3::expr outside = s.rest_parent[derived];
    if (!changed.empty()) {
        const std::string name = "parent of " + shape.table->name + "#" + std::to_string(slot) + "." +
                                 std::to_string(derived) + "@" + changed;
        const z3::expr still = terms_.function(name, std::vector<z3::expr>{}, Kind::boolean);
        outside = back ? still : terms_.and_(outside, still);
    }
    std::vector<z3::expr> ways{terms_.and_(terms_.equal(s.parents[derived], terms_.integer(-1)), outside)};
    for (std::uint32_t j = 0; j < parent_shape.slots.size(); ++j) {
        const z3::expr here = terms_.equal(s.parents[derived], terms_.integer(static_cast<int>(j)));
        if (here.is_false()) continue;
        z3::expr there = visible(state, fk.parent, j, reads);
        if (parent_shape.incarnations) {
            there = terms_.and_(there, terms_.equal(s.parent_incarnations[derived],
                                                    state.tables[fk.parent.value][j].incarnation));
        }
        ways.push_back(terms_.and_(here, there));
    }
    if (reads != nullptr) {
        reads->vanish(fk.parent);
        if (parent_shape.per_key) reads->appear(fk.parent);
    }
    return terms_.or_(ways);
}

z3::expr Universe::alive(const State& state, TableId table, std::uint32_t slot) const {
    const SlotState& s = state.tables[table.value][slot];
    return terms_.or_(s.alive, s.alive_new);
}

int Universe::sign(TableId table, std::uint32_t column) const {
    if (changes(table, column)) return 0;
    for (const catalog::CheckConstraint& check : schema_.table(table).checks) {
        const auto* call = std::get_if<sql::Call>(&check.condition->node);
        if (call == nullptr || call->args.size() != 2 || check.columns.size() != 1 ||
            check.columns[0].value != column)
            continue;
        const auto* ref = std::get_if<sql::ColumnRef>(&call->args[0]->node);
        const auto* bound = std::get_if<sql::Const>(&call->args[1]->node);
        if (ref == nullptr || bound == nullptr || bound->null ||
            sql::storage_of(call->args[1]->type) != sql::Storage::integer)
            continue;
        if ((call->func == sql::Func::gt || call->func == sql::Func::ge) && bound->integer >= 0) return 1;
        if ((call->func == sql::Func::lt || call->func == sql::Func::le) && bound->integer <= 0) return -1;
    }
    return 0;
}

z3::expr Universe::visible(const State& state, TableId table, std::uint32_t slot, Reads* reads) const {
    const std::pair<std::uint32_t, std::uint32_t> at{table.value, slot};
    const TableShape& shape = shapes_[table.value];
    const SlotState& s = state.tables[table.value][slot];
    if (reads != nullptr && rows_vanish(table)) {
        reads->vanish(table);
        if (shape.per_key) reads->appear(table);
    }
    const bool cascades =
        std::any_of(shape.derived.begin(), shape.derived.end(), [](const Derived& d) { return d.cascade; });
    if (!cascades) return terms_.or_(s.alive, s.alive_new);
    if (reads == nullptr) {
        if (const auto found = state.visible_.find(at); found != state.visible_.end()) return found->second;
    }
    // Rows that refer to each other in a circle are visible together.
    if (!visiting_.insert(at).second) return terms_.yes();
    std::vector<z3::expr> all{terms_.or_(s.alive, s.alive_new)};
    for (std::uint32_t d = 0; d < shape.derived.size(); ++d) {
        if (!shape.derived[d].cascade) continue;
        const catalog::ForeignKey& fk = shape.table->foreign_keys[shape.derived[d].foreign_key];
        std::vector<z3::expr> ways;
        for (ColumnId c : fk.columns) ways.push_back(s.cells[c.value].null);
        ways.push_back(parent_visible(state, table, slot, d, reads));
        all.push_back(terms_.or_(ways));
    }
    visiting_.erase(at);
    const z3::expr result = terms_.and_(all);
    if (visiting_.empty()) state.visible_.emplace(at, result);
    return result;
}

const std::vector<Val>& Universe::row(const State& state, TableId table, std::uint32_t slot) const {
    const std::pair<std::uint32_t, std::uint32_t> at{table.value, slot};
    if (const auto found = state.views_.find(at); found != state.views_.end()) return found->second;
    const TableShape& shape = shapes_[table.value];
    const SlotState& s = state.tables[table.value][slot];
    std::vector<Val> view = s.cells;
    for (std::uint32_t c = 0; c < view.size(); ++c) {
        if (shape.table->columns[c].policy.merge == Merge::counter &&
            !terms_.equal(s.adds[c], terms_.integer(0)).is_true()) {
            view[c].value = view[c].value + s.adds[c];
        }
    }
    for (std::uint32_t d = 0; d < shape.derived.size(); ++d) {
        if (shape.derived[d].cascade) continue;
        const z3::expr gone = terms_.not_(parent_visible(state, table, slot, d, nullptr));
        for (std::uint32_t c : shape.derived[d].columns) view[c].null = terms_.or_(view[c].null, gone);
    }
    for (std::uint32_t c = 0; c < view.size(); ++c) {
        const sql::ExprPtr& generated = shape.table->columns[c].generated;
        if (generated && compute) view[c] = compute(*generated, view);
    }
    return state.views_.emplace(at, std::move(view)).first->second;
}

}  // namespace anabranch::confluence::smt
