// Plans: what a bound statement is compiled to. The choice of access paths and join order is made once, here;
// running a plan decides nothing. A plan refers to expressions, slots, registers and states by number: it is
// immutable, and each run brings its own arrays.
//
// A scope's FROM becomes a Group: steps that run one inside the other, each filling the slots of its rels and
// passing its conditions before the next begins. Rows are pushed: a step calls on for each row it finds, and
// a consumer that has enough answers false.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/catalog/schema.h"
#include "lib/exec/program.h"
#include "lib/exec/store.h"
#include "lib/sql/evaluate_table.h"

namespace anabranch::exec {

// How the rows of a stored table are found.
struct Access {
    enum class Kind : std::uint8_t {
        full,     // all rows, in primary key order (or reversed)
        point,    // at most one: the whole primary key is given
        index,    // rows of an index whose first parts equal `equal`, then optionally `any` or a range on the
                  // next part
        touched,  // rows that this transaction has written, as they were and as they are (assertions)
        removed,  // ... as they were
        added,    // ... as they are
    };
    Kind kind = Kind::full;
    TableId table;
    IndexId index;
    std::vector<ExprId> equal;
    std::vector<sql::Type> types;  // of the index's parts as far as used
    std::vector<ExprId> any;       // the part after `equal` is one of these values
    ExprId any_array = no_expr;    // ... or an element of this array
    ExprId low = no_expr, high = no_expr;
    bool low_inclusive = false, high_inclusive = false;
    bool reverse = false;
    bool unique = false;  // at most one row
    // A point whose key is read off columns and parameters: it can be worked out ahead of its turn.
    bool foreseen = false;
    bool before = false;  // the table as it was before this transaction (assertions)
    bool of_store() const { return kind < Kind::touched; }
};

struct QueryPlan;
struct Group;

struct FunctionSource {
    sql::TableFunc func{};
    std::vector<ExprId> args;
    std::vector<sql::Type> types;
    std::vector<sql::TableColumn> columns;
    sql::ZonePtr zone;  // null: UTC
};

// One rel.
struct Leaf {
    enum class Source : std::uint8_t { table, virtual_table, derived, cte, function };
    enum class Mode : std::uint8_t {
        stream,  // read anew for each outer row
        stored,  // read once, kept, read again from memory
        hashed,  // read once, found by key
    };
    Source source = Source::table;
    Mode mode = Mode::stream;
    std::uint32_t slot = 0;
    std::uint32_t width = 0;  // columns of an unpacked row
    Access access;
    std::uint32_t virtual_table = 0;
    std::shared_ptr<const QueryPlan> derived;
    std::uint32_t cte = 0;
    std::vector<FunctionSource> functions;
    bool ordinality = false;
    std::vector<ExprId> filters;       // conditions on this rel alone (and outer scopes)
    std::vector<ExprId> build, probe;  // hashed: key expressions over this rel, and over the rels before it
    std::vector<sql::Type> key_types;
    std::uint32_t state = 0;  // stored, hashed
    std::string name;         // for EXPLAIN
};

struct Step {
    enum class Kind : std::uint8_t { leaf, outer, full };
    Kind kind = Kind::leaf;
    Leaf leaf;
    std::unique_ptr<Group> left;    // full
    std::unique_ptr<Group> right;   // outer, full: the side that may be absent
    std::vector<ExprId> condition;  // full: ON
    std::uint32_t state = 0;        // full: the right rows and which have matched
    std::vector<ExprId> filters;    // conditions that hold after this step
};

struct Group {
    std::vector<ExprId> first;  // conditions that need none of the group's rels
    std::vector<Step> steps;
    std::vector<std::uint32_t> slots;   // of all its rels
    std::vector<std::uint32_t> widths;  // per slot: columns of an unpacked row; 0: packed
};

struct AggregatePlan {
    sql::AggregateFunc func{};
    std::vector<ExprId> args;
    std::vector<sql::Type> types;
    sql::Type result;
    ExprId filter = no_expr;
    bool distinct = false;
    struct Order {
        ExprId key = no_expr;
        sql::Type type;
        bool descending = false, nulls_first = false;
    };
    std::vector<Order> order;
    std::vector<ExprId> direct;  // WITHIN GROUP: known per group
    std::vector<sql::Type> direct_types;
    sql::ZonePtr zone;      // null: UTC
    std::uint32_t reg = 0;  // the result
};

struct WindowPlan {
    sql::WindowFunc func{};
    std::optional<AggregatePlan> aggregate;
    std::vector<ExprId> args;
    std::vector<ExprId> partition;
    std::vector<sql::Type> partition_types;
    std::vector<AggregatePlan::Order> order;
    struct Bound {
        sql::FrameBound::Kind kind{};
        ExprId offset = no_expr, negative = no_expr, value = no_expr;
    };
    sql::FrameMode mode{};
    Bound start, end;
    sql::FrameExclusion exclusion{};
    ExprId key = no_expr;  // range with an offset
    sql::Type key_type;
    std::uint32_t reg = 0;
};

struct SortKey {
    ExprId key = no_expr;  // no_expr: the output column `column`
    std::uint32_t column = 0;
    sql::Type type;
    bool descending = false, nulls_first = false;
};

struct QueryPlan {
    enum class Kind : std::uint8_t { select, values, set };
    Kind kind = Kind::select;
    std::vector<std::uint32_t> ctes;             // to forget when the scope is entered again
    std::vector<std::uint32_t> volatile_states;  // states that depend on outer rows: forgotten on entry
    Group from;
    bool grouped = false;
    bool first_row_decides = false;  // min or max read off an index
    std::vector<ExprId> group_by;
    std::vector<sql::Type> group_types;
    std::vector<AggregatePlan> aggregates;
    ExprId having = no_expr;
    std::vector<WindowPlan> windows;
    std::vector<ExprId> targets;        // output columns
    std::vector<sql::Type> types;       // of the output columns
    std::uint32_t output_register = 0;  // the row handed on
    bool distinct = false;
    std::vector<SortKey> distinct_on;
    std::vector<SortKey> order;
    bool ordered = false;  // rows already come in `order`
    ExprId limit = no_expr, offset = no_expr;
    std::vector<std::vector<ExprId>> values;
    sql::SetOp set_op = sql::SetOp::none;
    std::shared_ptr<const QueryPlan> left, right;
    std::uint32_t result_slot = 0;  // set, values: ORDER BY sees the output row here
    std::uint32_t group_state = 0;  // NodeState of the groups / of DISTINCT
    std::uint32_t distinct_state = 0;
    std::uint32_t width() const { return static_cast<std::uint32_t>(types.size()); }
};

struct AssignmentPlan {
    std::uint32_t column = 0;
    ExprId value = no_expr;
};

// What an INSERT gives a column that the statement does not list.
struct ColumnSource {
    enum class Kind : std::uint8_t { source, expression, identity, null };
    Kind kind = Kind::null;
    std::uint32_t source = 0;
    ExprId expression = no_expr;
};

// Which constraints a write to these columns can break, and what it sets in motion. Indexes into TablePlan's
// lists.
struct WriteEffects {
    std::vector<std::uint32_t> columns;  // written, ascending; generated ones included
    std::vector<std::uint32_t> generated;
    std::vector<std::uint32_t> not_null;
    std::vector<std::uint32_t> checks;
    std::vector<std::uint32_t> keys;
    std::vector<std::uint32_t> exclusions;
    std::vector<std::uint32_t> foreign_keys;  // of this table
    std::vector<std::uint32_t> referrers;     // foreign keys that point at what is written
    bool primary_key = false;                 // a primary key column is written
    bool fixed = true;                        // only fixed-size columns are written
};

struct WritePlan {
    enum class Kind : std::uint8_t { insert, update, delete_ };
    Kind kind = Kind::insert;
    bool merge = false;  // one action of a MERGE
    TableId table;
    std::uint32_t target_slot = 0;  // rel 0
    WriteEffects effects;
    WriteEffects conflict_effects;  // of DO UPDATE
    // insert
    std::shared_ptr<const QueryPlan> source;  // null: DEFAULT VALUES
    std::vector<ColumnSource> columns;        // per column of the table
    sql::ConflictAction on_conflict = sql::ConflictAction::none;
    std::optional<std::uint32_t> conflict_key;
    std::uint32_t excluded_slot = 0;
    ExprId conflict_where = no_expr;
    std::vector<std::uint32_t> additive;  // counters whose inserted value is an addition
    std::uint32_t row_register = 0;       // the proposed row, one register per column
    // update (and DO UPDATE), delete
    Group from;
    std::vector<std::uint32_t> volatile_states;
    std::vector<AssignmentPlan> assignments;
    std::vector<ExprId> returning;
    std::uint32_t output_register = 0;
};

struct CtePlan {
    std::string name;
    std::uint32_t width = 0;
    std::shared_ptr<const QueryPlan> query;  // of a recursive one: its first part
    std::shared_ptr<const QueryPlan> again;  // the part that refers to itself
    bool keep_duplicates = false;            // UNION ALL
    std::shared_ptr<const WritePlan> write;
    std::vector<sql::Type> types;
    std::uint32_t state = 0;    // its rows
    std::uint32_t working = 0;  // recursive: the rows of the last round
    bool recursive = false;
};

struct StatementPlan {
    std::vector<std::uint32_t> modifying;  // ctes that write, in order: they run whether read or not
    std::shared_ptr<const QueryPlan> query;
    std::shared_ptr<const WritePlan> write;
    std::uint32_t first_state = 0, last_state = 0;
    std::uint32_t width = 0;  // result columns; 0 = no result
};

}  // namespace anabranch::exec
