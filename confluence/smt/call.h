// One call of a transaction as an effect plus the facts that were true where it ran.
//
// The effect is free: which slots each statement hit and what values it wrote are variables of the call, so
// that the same effect can be met at any state it may be merged into. What ties the variables to a state are
// facts: "a hit row is visible", "a hit row matches this conjunct", "no matching row was missed", "the value
// written is this expression", "my write is the newest" ... Every fact is true at the origin; only those that
// no concurrent call can falsify (stable.h) may be used elsewhere. A fact is a property of a state, written
// over its slots.
//
// What no state decides (parameters' domains, NOT NULL of values written, key equality of a row hit by its
// key) is asserted once, in `hard`. What is not modelled goes to `unmodelled`: invariants that read such a
// table are never proved for this call.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "confluence/smt/eval.h"
#include "confluence/smt/state.h"
#include "lib/catalog/schema.h"

namespace anabranch::confluence::smt {

struct Fact {
    std::string key;  // the same for every slot and pair: Houdini decides it as a whole
    z3::expr holds;
    Reads reads;
};

// How many slots a call needs.
struct Demand {
    std::map<TableId, std::uint32_t>
        base;  // targets of pinned statements, keys of merging inserts, witnesses of what is read
    std::set<TableId> sets;  // tables whose rows a set-oriented statement changes
    bool reads_fit = true;   // every row that is looked up by key can have a slot
};
Demand demand_of(const catalog::Schema& schema, const catalog::Transaction& transaction);

// The pinned unique key of a single-row statement, as text that is equal for equal pins; empty: any number of
// rows.
std::string pin_of(const catalog::Table& table, const sql::ExprPtr& where, const std::string& path);

class Call final : public CallValues {
  public:
    Call(Universe& universe, const catalog::Transaction& transaction, Owner side,
         std::vector<RestKey>* rest_keys);

    // Adds this call's own slots. Before Universe::start.
    void reserve();
    // The effect, and the facts at S. `hard` collects what holds unconditionally.
    Effect run(const State& s, std::vector<Fact>& facts, std::vector<z3::expr>& hard);
    // The facts at another state, into which the other call's effect was merged.
    void facts_at(const State& state, const Effect& other, std::vector<Fact>& facts);

    const catalog::Transaction& transaction() const { return transaction_; }
    const std::set<TableId>& unmodelled() const { return unmodelled_; }
    const std::vector<Val>& parameters() const { return parameters_; }
    const z3::expr& stamp() const { return stamp_; }
    // Values the system made, by the column they went to.
    struct Generated {
        TableId table;
        std::uint32_t column = 0;
        Val value;
        z3::expr executed;
    };
    const std::vector<Generated>& generated_values() const { return generated_; }

    // Values that were read where the call ran, by name: what is provable of them there is true for ever.
    // What statements read where the call ran; it means something when the row that it is written to is hit.
    struct ReadValue {
        Val value;
        z3::expr when;
    };
    const std::map<std::string, ReadValue>& read_values() const { return read_values_; }

    Val parameter(std::uint32_t index, sql::Type type) override;
    Val generated(const sql::Expr& expression, const std::string& site) override;

  private:
    struct Context;
    using Row = std::vector<Val>;
    Terms& terms() { return universe_.terms(); }
    void walk(Context& c);
    void statement(Context& c, const sql::Statement& statement, const std::string& path, const Env* outer,
                   State& after);
    void query(Context& c, const sql::Query& query, const std::string& path, const Env* outer);
    void insert(Context& c, const sql::Insert& insert, const std::string& path, const Env& around,
                State& after);
    void update(Context& c, const sql::Update& update, const std::string& path, const Env& around,
                State& after);
    void remove(Context& c, const sql::Delete& remove, const std::string& path, const Env& around,
                State& after);

    struct Source {  // rows that an INSERT has
        z3::expr executed;
        std::vector<Val> values;  // of Insert::columns
    };
    std::vector<Source> source_rows(Context& c, const sql::Insert& insert, const std::string& path,
                                    const Env& around);
    std::vector<Source> value_rows(Context& c, const sql::Query& source, const std::string& path,
                                   const Env& env);
    std::vector<std::optional<Val>> pinned_cells(Context& c, const sql::Query& source,
                                                 const std::string& path, const Env& env);
    Source pinned_row(Context& c, const sql::Query& source, const std::string& path, Env env);
    std::vector<Source> many_rows(Context& c, const sql::Insert& insert, const std::string& path,
                                  const Env& env);
    Source conditional_row(Context& c, const sql::Query& source, const std::string& path, const Env* around);
    Row full_row(Context& c, const sql::Insert& insert, const Source& source, const std::string& path);
    void insert_own(Context& c, TableId table, std::uint32_t slot, const z3::expr& executed, const Row& row,
                    const std::string& path, State& after);
    struct KeyedInsert {  // of one slot
        z3::expr ins;     // the row goes to this slot
        z3::expr fresh;   // it makes the row
        z3::expr met;     // ON CONFLICT: it meets one
    };
    void ship_keyed(const sql::Insert& insert, std::uint32_t slot, const KeyedInsert& key, const Row& row,
                    const std::string& path, const SlotState& s);
    void insert_keyed(Context& c, const sql::Insert& insert, const z3::expr& executed, const Row& row,
                      const std::string& path, const Env& around, State& after);
    void merge_update(Context& c, const sql::Insert& insert, std::uint32_t slot, const z3::expr& met,
                      const Row& excluded, const std::string& path, const Env& around, State& after);
    void assign(Context& c, TableId table, std::uint32_t slot, const z3::expr& hit,
                const std::vector<sql::Assignment>& assignments, const Env& env, const std::string& path,
                bool one_row, State& after);
    void write_counter(Context& c, TableId table, std::uint32_t slot, std::uint32_t column,
                       const z3::expr& hit, const sql::ExprPtr& value, const Env& env,
                       const std::string& path, bool one_row, State& after);
    void write_cell(Context& c, TableId table, std::uint32_t slot, std::uint32_t column, const z3::expr& hit,
                    const Val& value, State& after);
    void reference(Context& c, TableId table, std::uint32_t slot, const z3::expr& hit,
                   const std::set<std::uint32_t>& columns, const std::string& path, State& after);
    z3::expr hit(Context& c, TableId table, std::uint32_t slot, const std::string& path);
    std::vector<std::pair<std::uint32_t, z3::expr>> hits(Context& c, TableId table,
                                                         const std::vector<sql::Rel>& rels,
                                                         const sql::ExprPtr& where, const std::string& path,
                                                         const Env& around, std::vector<RowRef>* others);
    void finish(Context& c);
    void finish_slot(Context& c, TableId table, std::uint32_t slot);
    void copy_group_cells(Context& c, TableId table, std::uint32_t slot);
    void copy_group_parents(Context& c, TableId table, std::uint32_t slot);
    void finish_existence(Context& c, TableId table, std::uint32_t slot);
    // The value as it is, when no state decides it; else a variable of the call, with the equation as a fact.
    Val fixed_value(Context& c, const Val& value, const Reads& reads, bool opaque, const std::string& name,
                    sql::Type type, const z3::expr& when);
    Val variable(const std::string& name, sql::Type type, bool nullable = true);
    z3::expr flag(const std::string& name);
    void fact(Context& c, const std::string& key, const z3::expr& holds, const Reads& reads);
    void rest_change(Context& c, TableId table, const std::string& path, bool appear, bool vanish,
                     const std::set<std::uint32_t>& columns, bool own, State& after);
    bool may_have(TableId table, std::uint32_t slot) const {
        return universe_.shape(table).slots[slot] == Owner::base || is_own(table, slot);
    }
    bool is_own(TableId table, std::uint32_t slot) const {
        return universe_.shape(table).slots[slot] == side_;
    }
    std::string slot_name(TableId table, std::uint32_t slot) const;

    Universe& universe_;
    const catalog::Transaction& transaction_;
    Owner side_;
    std::string name_;  // "e" or "f"
    std::vector<RestKey>* rest_keys_;
    z3::expr stamp_;
    std::vector<Val> parameters_;
    std::vector<Generated> generated_;
    std::set<TableId> unmodelled_;
    std::map<std::string, Val> variables_;
    std::map<std::string, std::vector<std::uint32_t>> own_slots_;  // per INSERT's path
    std::map<std::string, ReadValue> read_values_;
    Effect effect_;
};

}  // namespace anabranch::confluence::smt
