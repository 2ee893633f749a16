// Symbolic states. Each table has finitely many slots with distinct identities and symbolic contents; every
// other row of the table is "the rest", known only through uninterpreted functions (query.h). A slot is one
// incarnation of a row in per_insert tables and one key in per_key tables (crdt/database.h). Applying an
// effect is a functional update that mirrors the merge of the CRDTs: S.e, S.f and S.e.f need no new
// variables.
//
// Base slots are rows that S may hold, alive or dead; own slots are the rows that one of the two calls
// inserts into a per_insert table. Not thread-safe.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "confluence/access.h"
#include "confluence/smt/term.h"
#include "lib/catalog/schema.h"

namespace anabranch::confluence::smt {

enum class Owner : std::uint8_t { base, first, second };

// A foreign key whose parent's end is answered by the merge.
struct Derived {
    std::uint32_t foreign_key = 0;
    bool cascade = false;                // else the columns below read as NULL
    std::vector<std::uint32_t> columns;  // that become NULL
};

struct TableShape {
    const catalog::Table* table = nullptr;
    bool per_key = false;
    bool incarnations = false;  // per_key and deleted from: payloads belong to incarnations
    bool claims = false;        // per_key, and plain INSERTs make rows too
    std::vector<Derived> derived;
    std::vector<Owner> slots;
    bool is_register(std::uint32_t column) const;
    bool is_key(std::uint32_t column) const;
};

struct SlotState {
    z3::expr alive;      // by dots that S holds
    z3::expr alive_new;  // by dots that the calls add: a concurrent delete has not seen them
    z3::expr born;
    std::vector<Val> cells;          // counters: the initial value, `adds` on top
    std::vector<z3::expr> adds;      // per column; 0 for all but counters
    std::vector<z3::expr> stamps;    // per register group
    std::vector<z3::expr> initials;  // per column: stamp of a counter's initial value
    std::vector<z3::expr>
        parents;  // per TableShape::derived: index of the parent's slot, -1 = a row of the rest
    std::vector<z3::expr> parent_incarnations;
    std::vector<z3::expr> rest_parent;  // per derived: whether the parent in the rest is visible
    z3::expr incarnation, deleted_at;
    z3::expr claimed, claimed_new;  // a live dot of these claims
    z3::expr created_new;           // a call made the row where none was visible
    z3::expr duplicate;             // two live dots of which one claims
};

// How statements changed rows of the rest: `tag` names who ("e", "f", or a prefix of a call's statements).
struct RestChange {
    std::string tag;
    bool appear = false, vanish = false;
    std::set<std::uint32_t> columns;
};

class State {
  public:
    std::vector<std::vector<SlotState>> tables;
    std::vector<std::vector<RestChange>> rest;  // per table
    void forget_views() {
        views_.clear();
        visible_.clear();
    }

  private:
    friend class Universe;
    mutable std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<Val>> views_;
    mutable std::map<std::pair<std::uint32_t, std::uint32_t>, z3::expr> visible_;
};

// What one call ships about one slot: the net of all its statements, free of the state it is applied to.
struct SlotEffect {
    bool touched = false;
    z3::expr removes;  // dots seen at the origin go
    z3::expr saw_all;  // ... which are all that there are
    z3::expr adds_dot;
    z3::expr created;  // adds_dot, and the row was not visible before: all of the payload is written
    z3::expr claims;
    z3::expr incarnation;            // that the payload belongs to
    std::vector<z3::expr> writes;    // per register group
    std::vector<Val> values;         // per column: of a written group; a counter's initial value; an extreme
    std::vector<z3::expr> assigned;  // per column: by a statement, not only as a part of its group
    std::vector<z3::expr> updated;   // per group: by UPDATE or DO UPDATE
    std::vector<z3::expr> amounts;   // per column: added to a counter
    std::vector<z3::expr> initial;   // per column: writes a counter's initial value
    std::vector<z3::expr> joins;     // per column: joins `values` into a max / min
    std::vector<z3::expr> parents, parent_incarnations,
        rest_parent;  // per derived, with the group of its columns
};

struct Effect {
    Owner side = Owner::first;
    std::string tag;
    z3::expr stamp;
    std::vector<std::vector<SlotEffect>> tables;
    std::vector<std::vector<RestChange>> rest;
};

// What evaluation read that some call might change.
class Reads {
  public:
    void column(TableId table, std::uint32_t c) { tables_[table].columns.insert(c); }
    void appear(TableId table) { tables_[table].appear = true; }
    void vanish(TableId table) { tables_[table].vanish = true; }
    bool empty() const { return tables_.empty(); }
    // May a transaction with these touches change what was read?
    bool met_by(const Touches& touches) const;
    void add(const Reads& other);

  private:
    struct OfTable {
        bool appear = false, vanish = false;
        std::set<std::uint32_t> columns;
    };
    std::map<TableId, OfTable> tables_;
};

class Universe {
  public:
    // `touched`: by any transaction; not owned.
    Universe(const catalog::Schema& schema, Terms& terms, const Touches& touched,
             const std::set<TableId>& claimed);

    const catalog::Schema& schema() const { return schema_; }
    Terms& terms() const { return terms_; }
    const TableShape& shape(TableId table) const { return shapes_[table.value]; }
    std::uint32_t slots(TableId table) const {
        return static_cast<std::uint32_t>(shapes_[table.value].slots.size());
    }
    std::uint32_t add_slot(TableId table, Owner owner);

    // After all slots were added: S, with all that is known of any state. What holds of S unconditionally
    // goes to `hard`.
    State start(std::vector<z3::expr>& hard);
    State apply(const State& state, const Effect& effect);
    Effect no_effect(Owner side, const std::string& tag, const z3::expr& stamp);
    SlotEffect no_slot_effect(TableId table);

    z3::expr alive(const State& state, TableId table, std::uint32_t slot) const;
    // The sign of a column's values in every row that is not in a slot, by a CHECK on a column that never
    // changes: 1, -1, or 0 (unknown).
    int sign(TableId table, std::uint32_t column) const;
    // As readers see it: alive, and not gone with a parent.
    z3::expr visible(const State& state, TableId table, std::uint32_t slot, Reads* reads = nullptr) const;
    // Columns as readers see them: counters summed, SET NULL applied.
    const std::vector<Val>& row(const State& state, TableId table, std::uint32_t slot) const;
    // Generated columns are computed from the merged row by whoever can evaluate expressions.
    std::function<Val(const sql::Expr& e, const std::vector<Val>& row)> compute;
    // Records what reading one column of the row means.
    void note_column(TableId table, std::uint32_t column, Reads* reads) const;
    // A column that no declared transaction can change, or that never changes in a slot.
    bool changes(TableId table, std::uint32_t column) const;
    bool rows_appear(TableId table) const { return touch(table) != nullptr && touch(table)->appear; }
    bool rows_vanish(TableId table) const { return touch(table) != nullptr && touch(table)->vanish; }

  private:
    const Touch* touch(TableId table) const {
        const auto found = touched_.find(table);
        return found == touched_.end() ? nullptr : &found->second;
    }
    z3::expr parent_visible(const State& state, TableId table, std::uint32_t slot, std::uint32_t derived,
                            Reads* reads) const;
    SlotState base_slot(TableId table, std::uint32_t slot, std::vector<z3::expr>& hard);
    SlotState own_slot(TableId table);
    void link(State& state, std::vector<z3::expr>& hard);
    SlotState merge(TableId table, std::uint32_t slot, const SlotState& old, const SlotEffect& effect,
                    const Effect& whole);

    const catalog::Schema& schema_;
    Terms& terms_;
    const Touches& touched_;
    std::vector<TableShape> shapes_;
    mutable std::set<std::pair<std::uint32_t, std::uint32_t>> visiting_;
};

}  // namespace anabranch::confluence::smt
