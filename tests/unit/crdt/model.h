// The naive model that the compact state must agree with: a replica holds a set of commits, and what it shows
// is worked out from that set alone, from the beginning, each time. No version vectors, no tombstones, no
// totals: every commit keeps what it did and which commits it knew.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "crdt/delta.h"
#include "lib/catalog/schema.h"
#include "lib/exec/store.h"
#include "tests/unit/crdt/transaction.h"

namespace anabranch::crdt::test {

// Wrong models, each with one law broken: a test that cannot tell them from the product proves nothing.
enum class Mutant {
    none,
    counters_add_totals,       // a counter's totals taken for increments
    counters_outlive_deletes,  // sums do not belong to an incarnation
    delete_wins,               // a delete kills inserts it did not see
    touch_adds_nothing,        // ON CONFLICT on an existing row does not keep it alive
    least_stamp_wins,
    columns_win_alone,  // register groups fall apart
    latest_extreme_wins,
    reference_by_value,  // a parent made again brings its old children back
    cascade_one_level,
    no_set_null,
    claims_forgotten,   // a touched row no longer claims
    hidden_rows_merge,  // a row made in the place of a hidden one inherits from it
};
inline constexpr int mutant_count = 13;

struct Instance {
    std::uint32_t table = 0;
    std::string key;
    Stamp incarnation;
    auto operator<=>(const Instance&) const = default;
};

struct Effect {
    std::uint32_t table = 0;
    std::string key;
    bool inserted = false, claims = false, created = false, gone = false;
    std::map<std::uint32_t, exec::RowWrite::ColumnWrite> ops;
    Values values;
    Stamp incarnation;
    Stamp deleted_at;
    Dot claim;
    std::map<std::uint32_t, Instance> parents;  // by foreign key
};

struct Commit {
    Dot dot;
    Stamp stamp;
    std::set<Dot> past;
    std::vector<Effect> effects;
};

struct ShownRow {
    Values values;
    bool operator==(const ShownRow&) const = default;
};

struct View {
    std::map<std::pair<std::uint32_t, std::string>, ShownRow> rows;
    std::set<std::pair<std::uint32_t, std::string>> contested;
    bool operator==(const View&) const = default;
};

class Model {
  public:
    explicit Model(catalog::SchemaPtr schema, Mutant mutant = Mutant::none)
        : schema_(std::move(schema)), mutant_(mutant) {}

    void commit(const std::set<Dot>& past, const exec::WriteSet& writes, Dot dot, Stamp stamp) {
        Commit commit{dot, stamp, past, {}};
        const State state = state_of(past);
        for (const exec::RowWrite& write : writes.rows)
            commit.effects.push_back(effect_of(state, past, write, dot, stamp));
        for (std::size_t i = 0; i < writes.rows.size(); ++i) find_parents(state, commit, writes, i);
        commits_.emplace(dot, std::move(commit));
    }

    View view(const std::set<Dot>& held) const {
        const State state = state_of(held);
        View out;
        std::map<std::pair<std::uint32_t, std::string>, std::set<Dot>> claims;
        std::map<std::pair<std::uint32_t, std::string>, int> live;
        for (const auto& [id, row] : state) {
            if (!row.visible) continue;
            const std::pair place(id.table, id.key);
            out.rows[place].values = row.shown;  // ascending by incarnation: the newest stays
            for (const auto& [dot, claim] : row.dots) {
                claims[place].insert(claim);
                ++live[place];
            }
        }
        for (const auto& [place, of] : claims) {
            if (of.size() > 1 && live[place] > 1) out.contested.insert(place);
        }
        return out;
    }

  private:
    struct Row {
        std::map<Dot, Dot> dots;  // live inserts and what they claim
        Values values;            // as stored
        Values shown;             // as read
        std::map<std::uint32_t, Instance> parents;
        bool visible = false;
    };
    using State = std::map<Instance, Row>;

    const catalog::Table& table(std::uint32_t id) const { return schema_->tables[id]; }
    bool per_key(std::uint32_t id) const { return table(id).identity == catalog::RowIdentity::per_key; }
    static bool kills(const Effect& effect) { return effect.gone || effect.inserted; }
    bool births(const Effect& effect) const {
        if (effect.gone || !effect.inserted) return false;
        return effect.created || (per_key(effect.table) && mutant_ != Mutant::touch_adds_nothing);
    }
    bool live(const std::set<Dot>& held, const Commit& birth, const Effect& effect) const {
        for (const Dot dot : held) {
            const Commit& other = commits_.at(dot);
            const bool saw = other.past.contains(birth.dot);
            const bool concurrent = !saw && !birth.past.contains(dot) && dot != birth.dot;
            for (const Effect& e : other.effects) {
                if (e.table != effect.table || e.key != effect.key || !kills(e)) continue;
                if (saw || (mutant_ == Mutant::delete_wins && concurrent && e.gone)) return false;
            }
        }
        return true;
    }

    State state_of(const std::set<Dot>& held) const {
        State out;
        std::map<std::pair<std::uint32_t, std::string>, Stamp>
            newest;  // per_key tables: the payload's incarnation
        for (const Dot dot : held) {
            for (const Effect& e : commits_.at(dot).effects) {
                if (!e.gone) newest[{e.table, e.key}] = std::max(newest[{e.table, e.key}], e.incarnation);
            }
        }
        for (const Dot dot : held) {
            const Commit& commit = commits_.at(dot);
            for (const Effect& e : commit.effects) {
                if (!births(e) || !live(held, commit, e)) continue;
                const Stamp incarnation = per_key(e.table) ? newest[{e.table, e.key}] : e.incarnation;
                out[{e.table, e.key, incarnation}].dots[dot] = e.claim;
            }
        }
        for (auto& [id, row] : out) fill(held, id, row);
        show(out);
        return out;
    }

    bool same_cells(const Instance& id, const Effect& e, std::uint32_t column) const {
        if (e.table != id.table || e.key != id.key || e.gone) return false;
        if (mutant_ == Mutant::counters_outlive_deletes &&
            table(id.table).columns[column].policy.merge == catalog::Merge::counter)
            return true;
        return e.incarnation == id.incarnation;
    }
    bool wrote(const Effect& e, std::uint32_t column) const {
        if (e.created) return true;
        const auto& columns = table(e.table).columns;
        const auto grouped = [&](std::uint32_t c) {
            return columns[c].policy.merge <= catalog::Merge::register_ &&
                   columns[column].policy.merge <= catalog::Merge::register_ &&
                   columns[c].policy.group == columns[column].policy.group &&
                   mutant_ != Mutant::columns_win_alone;
        };
        for (const auto& [c, op] : e.ops) {
            if (c == column || grouped(c)) return true;
        }
        return false;
    }

    void fill(const std::set<Dot>& held, const Instance& id, Row& row) const {
        const catalog::Table& t = table(id.table);
        row.values.resize(t.columns.size());
        for (std::uint32_t c = 0; c < t.columns.size(); ++c) {
            if (t.columns[c].policy.merge == catalog::Merge::counter) {
                row.values[c] = sum(held, id, c);
                continue;
            }
            const Commit* winner = nullptr;
            for (const Dot dot : held) {
                const Commit& commit = commits_.at(dot);
                for (const Effect& e : commit.effects) {
                    if (!same_cells(id, e, c) || !wrote(e, c)) continue;
                    if (winner != nullptr &&
                        !better(t.columns[c].policy.merge, commit, e.values[c], *winner, row.values[c]))
                        continue;
                    winner = &commit;
                    row.values[c] = e.values[c];
                    for (std::uint32_t k = 0; k < t.foreign_keys.size(); ++k) {
                        if (t.foreign_keys[k].columns[0].value != c) continue;
                        row.parents.erase(k);
                        if (e.parents.contains(k)) row.parents[k] = e.parents.at(k);
                    }
                }
            }
        }
    }
    bool better(catalog::Merge merge, const Commit& by, const CellValue& value, const Commit& winner,
                const CellValue& held) const {
        const bool extreme = merge == catalog::Merge::max || merge == catalog::Merge::min;
        if (!extreme || mutant_ == Mutant::latest_extreme_wins) {
            return mutant_ == Mutant::least_stamp_wins ? by.stamp < winner.stamp : by.stamp > winner.stamp;
        }
        if (value.kind == CellValue::Kind::null) return false;
        if (held.kind == CellValue::Kind::null) return true;
        return merge == catalog::Merge::max ? value.integer > held.integer : value.integer < held.integer;
    }
    CellValue sum(const std::set<Dot>& held, const Instance& id, std::uint32_t column) const {
        using Op = exec::RowWrite::Op;
        CellValue out = number(0);
        Stamp set_at;
        std::int64_t total = 0;
        std::map<ReplicaId, std::int64_t> so_far;
        for (const Dot dot : held) {  // ascending by sequence number within an origin
            const Commit& commit = commits_.at(dot);
            for (const Effect& e : commit.effects) {
                if (!same_cells(id, e, column)) continue;
                const auto op = e.ops.find(column);
                const bool adds =
                    op != e.ops.end() && (op->second.op == Op::add || op->second.op == Op::initial);
                const std::int64_t amount = adds ? op->second.amount : 0;
                if (e.created && (!adds || op->second.op == Op::initial) &&
                    (set_at == Stamp{} || set_at < commit.stamp)) {
                    set_at = commit.stamp;
                    out = e.values[column];
                    if (out.kind == CellValue::Kind::integer) out.integer -= amount;
                }
                so_far[dot.origin] += amount;
                total += mutant_ == Mutant::counters_add_totals && amount != 0 ? so_far[dot.origin] : amount;
            }
        }
        if (out.kind == CellValue::Kind::integer) out.integer += total;
        return out;
    }

    bool parent_visible(const State& state, const Instance& parent) const {
        for (const auto& [id, row] : state) {
            if (id.table != parent.table || id.key != parent.key || !row.visible) continue;
            if (id.incarnation == parent.incarnation || mutant_ == Mutant::reference_by_value) return true;
        }
        return false;
    }
    void show(State& state) const {
        for (auto& [id, row] : state) row.visible = true;
        for (bool changed = true; changed;) {
            changed = false;
            const State before = state;
            for (auto& [id, row] : state) {
                for (const auto& [k, parent] : row.parents) {
                    if (table(id.table).foreign_keys[k].on_delete != catalog::OnDelete::cascade) continue;
                    if (!row.visible || parent_visible(before, parent)) continue;
                    row.visible = false;
                    changed = true;
                }
            }
            if (mutant_ == Mutant::cascade_one_level) break;
        }
        for (auto& [id, row] : state) {
            row.shown = row.values;
            for (const auto& [k, parent] : row.parents) {
                const catalog::ForeignKey& key = table(id.table).foreign_keys[k];
                if (key.on_delete != catalog::OnDelete::set_null || parent_visible(state, parent)) continue;
                if (mutant_ == Mutant::no_set_null) continue;
                for (const ColumnId c : key.columns) row.shown[c.value] = null();
            }
        }
    }

    // ---- At the origin ----

    const State::value_type* shown(const State& state, std::uint32_t table, const std::string& key) const {
        const State::value_type* out = nullptr;
        for (const auto& entry : state) {
            if (entry.first.table == table && entry.first.key == key && entry.second.visible) out = &entry;
        }
        return out;
    }
    Effect effect_of(const State& state, const std::set<Dot>& past, const exec::RowWrite& write, Dot dot,
                     Stamp stamp) const {
        Effect out;
        out.table = write.table.value;
        out.key = write.key;
        out.gone = write.row == nullptr;
        const auto* held = shown(state, out.table, out.key);
        out.inserted = write.inserted && !out.gone;
        out.created = out.inserted && (write.created || write.deleted || held == nullptr);
        out.claims = out.created && write.claims;
        for (const auto& op : write.columns) out.ops.emplace(op.column, op);
        if (!out.gone) {
            const exec::RowLayout layout = exec::RowLayout::of(table(out.table));
            out.values = values_of(table(out.table), exec::RowView(write.row, &layout));
        }
        bool live = false;
        for (const auto& [id, row] : state) live = live || (id.table == out.table && id.key == out.key);
        Stamp deleted;
        if (per_key(out.table)) {
            for (const Dot d : past) deleted = deleted_in(d, out.table, out.key, deleted);
        }
        if (out.claims) out.claim = dot;
        const bool kept = mutant_ == Mutant::hidden_rows_merge && !write.deleted && per_key(out.table);
        if (live && (out.gone || (out.created && !kept))) out.deleted_at = stamp;
        if (out.created) {
            out.incarnation = !per_key(out.table) || (live && !kept) ? stamp : deleted;
        } else if (held != nullptr) {
            out.incarnation = held->first.incarnation;
            if (out.inserted && mutant_ != Mutant::claims_forgotten) {
                for (const auto& [d, claim] : held->second.dots) out.claim = std::max(out.claim, claim);
            }
        }
        return out;
    }
    Stamp deleted_in(Dot dot, std::uint32_t table, const std::string& key, Stamp so_far) const {
        for (const Effect& e : commits_.at(dot).effects) {
            if (e.table == table && e.key == key) so_far = std::max(so_far, e.deleted_at);
        }
        return so_far;
    }
    void find_parents(const State& state, Commit& commit, const exec::WriteSet& writes,
                      std::size_t number) const {
        Effect& effect = commit.effects[number];
        if (effect.gone) return;
        const catalog::Table& t = table(effect.table);
        for (std::uint32_t k = 0; k < t.foreign_keys.size(); ++k) {
            const catalog::ForeignKey& key = t.foreign_keys[k];
            const bool derived =
                key.on_delete == catalog::OnDelete::cascade || key.on_delete == catalog::OnDelete::set_null;
            const CellValue& value = effect.values[key.columns[0].value];
            if (!derived || !wrote(effect, key.columns[0].value) || value.kind == CellValue::Kind::null)
                continue;
            if (const auto parent = parent_of(state, commit, writes, key, value)) effect.parents[k] = *parent;
        }
    }
    // Single-column keys only, which is what the test schemas have.
    std::optional<Instance> parent_of(const State& state, const Commit& commit, const exec::WriteSet& writes,
                                      const catalog::ForeignKey& key, const CellValue& value) const {
        const std::uint32_t column = key.parent_columns[0].value;
        for (std::size_t i = 0; i < writes.rows.size(); ++i) {
            const Effect& e = commit.effects[i];
            if (e.table == key.parent.value && !e.gone && e.values[column] == value)
                return Instance{e.table, e.key, e.incarnation};
        }
        for (const auto& [id, row] : state) {
            if (id.table != key.parent.value || !row.visible || row.shown[column] != value) continue;
            if (shown(state, id.table, id.key)->first != id) continue;
            bool written = false;
            for (const Effect& e : commit.effects)
                written = written || (e.table == id.table && e.key == id.key);
            if (!written) return id;
        }
        return std::nullopt;
    }

    catalog::SchemaPtr schema_;
    Mutant mutant_;
    std::map<Dot, Commit> commits_;
};

}  // namespace anabranch::crdt::test
