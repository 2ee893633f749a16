// Turns bound statements into plans: resolves references to slots, picks kernels, flattens simple derived
// tables, orders joins and chooses access paths. Used by compile() and by SchemaPlans; lives for one
// compilation.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "lib/exec/plan.h"
#include "lib/exec/schema_plans.h"
#include "lib/sql/bind_walk.h"
#include "lib/sql/ir.h"

namespace anabranch::exec {

// A set of slots: what an expression or a rel reads.
class SlotSet {
  public:
    void add(std::uint32_t slot) {
        if (slot / 64 >= words_.size()) words_.resize(slot / 64 + 1);
        words_[slot / 64] |= std::uint64_t{1} << (slot % 64);
    }
    bool has(std::uint32_t slot) const {
        return slot / 64 < words_.size() && (words_[slot / 64] >> (slot % 64) & 1) != 0;
    }
    void merge(const SlotSet& other) {
        if (other.words_.size() > words_.size()) words_.resize(other.words_.size());
        for (std::size_t i = 0; i < other.words_.size(); ++i) words_[i] |= other.words_[i];
    }
    void remove(const SlotSet& other) {
        for (std::size_t i = 0; i < words_.size() && i < other.words_.size(); ++i)
            words_[i] &= ~other.words_[i];
    }
    void remove(std::uint32_t slot) {
        if (slot / 64 < words_.size()) words_[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
    }
    bool meets(const SlotSet& other) const {
        for (std::size_t i = 0; i < words_.size() && i < other.words_.size(); ++i)
            if ((words_[i] & other.words_[i]) != 0) return true;
        return false;
    }
    bool empty() const {
        for (const std::uint64_t word : words_)
            if (word != 0) return false;
        return true;
    }
    // Drops all slots from `first` on / before it.
    SlotSet before(std::uint32_t first) const {
        SlotSet out;
        for (std::uint32_t slot = 0; slot < first && slot / 64 < words_.size(); ++slot)
            if (has(slot)) out.add(slot);
        return out;
    }
    SlotSet from(std::uint32_t first) const {
        SlotSet out = *this;
        out.remove(before(first));
        return out;
    }
    std::vector<std::uint32_t> list() const {
        std::vector<std::uint32_t> out;
        for (std::uint32_t slot = 0; slot / 64 < words_.size(); ++slot)
            if (has(slot)) out.push_back(slot);
        return out;
    }

  private:
    std::vector<std::uint64_t> words_;
};

// A rel, or an outer join seen as one, before it has its place in a Group.
struct Item {
    Step::Kind kind = Step::Kind::leaf;
    Leaf leaf;
    SlotSet slots;  // that it fills
    SlotSet needs;  // slots that must be filled before (lateral references, the kept side of an outer join)
    std::vector<Item> left, right;   // outer: right; full: both
    std::vector<ExprId> conditions;  // outer, full: ON and what belongs to the right side
    std::vector<ExprId> left_conditions, right_conditions;  // full: of the sides themselves
};

struct ScopeRel {
    std::uint32_t slot = 0;
    const catalog::Table* table = nullptr;  // packed rows of this table
    bool inlined = false;  // a derived table merged into this scope: `columns` instead of a slot
    std::vector<ExprId> columns;
};

inline constexpr std::uint32_t merged_cte = ~std::uint32_t{0};

struct Scope {
    std::vector<ScopeRel> rels;
    std::vector<std::uint32_t> ctes;  // merged_cte: read once, so its query stands where it is read
    const std::vector<sql::Cte>* declared = nullptr;
    QueryPlan* query = nullptr;  // where aggregates and windows go
    std::vector<std::pair<sql::ExprPtr, std::uint32_t>>
        computed;  // aggregates and windows seen, and their registers
};

class Builder {
  public:
    // Of `plans`, layouts, indexes and references must be there.
    Builder(const SchemaPlans& plans, Program& program);

    // Expressions about one row: rel 0 is a row of `table` in `slot`.
    void open_row_scope(const catalog::Table& table, std::uint32_t slot);
    void close_scope() { scopes_.pop_back(); }
    ExprId expr(const sql::ExprPtr& e);
    StatementPlan statement(const sql::Statement& statement);
    StatementPlan query_statement(const sql::QueryPtr& query);
    // Rows of `table` in `slot` that meet all conditions.
    Group table_group(const catalog::Table& table, std::uint32_t slot, std::vector<ExprId> conditions);
    ExprId call_node(sql::Func func, std::vector<ExprId> args, std::vector<sql::Type> types, sql::Type result,
                     const sql::ZonePtr& zone = {});
    std::uint32_t new_slot() { return program_.slots++; }
    // A virtual rel with this number reads a stored table in this way.
    void let_stand(std::uint32_t virtual_table, const Access& access) { stand_ins_[virtual_table] = access; }

    const std::map<std::uint32_t, TableId>& tables_by_slot() const { return tables_by_slot_; }

  private:
    friend class AccessChooser;

    // ---- expressions (builder_expr.cpp) ----
    ExprId add(Node node, SlotSet reads, bool steady = false);
    ExprId add_call(Op op, std::vector<ExprId> args, sql::Type type, std::uint8_t aux = 0);
    ExprId kernel_node(sql::Builtin builtin, std::vector<ExprId> args, sql::Type type, bool foldable,
                       const sql::ZonePtr& zone = {});
    ExprId fail_node(Error error, sql::Type type);
    ExprId node_of(const sql::Expr& e, const sql::Const& n);
    ExprId node_of(const sql::Expr& e, const sql::Param& n);
    ExprId node_of(const sql::Expr& e, const sql::ColumnRef& n);
    ExprId node_of(const sql::Expr& e, const sql::Call& n);
    ExprId node_of(const sql::Expr& e, const sql::Cast& n);
    ExprId node_of(const sql::Expr& e, const sql::Case& n);
    ExprId node_of(const sql::Expr& e, const sql::Logic& n);
    ExprId node_of(const sql::Expr& e, const sql::Test& n);
    ExprId node_of(const sql::Expr& e, const sql::ArrayCompare& n);
    ExprId node_of(const sql::Expr& e, const sql::ArrayOf& n);
    ExprId node_of(const sql::Expr& e, const sql::RowOf& n);
    ExprId node_of(const sql::Expr& e, const sql::Subquery& n);
    ExprId node_of(const sql::Expr& e, const sql::Aggregate& n);
    ExprId node_of(const sql::Expr& e, const sql::Window& n);
    ExprId node_of(const sql::Expr& e, const sql::DomainValue& n);
    ExprId node_of(const sql::Expr& e, const sql::DomainCheck& n);
    ExprId register_node(std::uint32_t reg, sql::Type type);
    ExprId column_node(const ScopeRel& rel, std::uint32_t column, sql::Type type);
    AggregatePlan aggregate(const sql::Aggregate& n, sql::Type result, const sql::ZonePtr& zone);
    std::vector<ExprId> exprs(const std::vector<sql::ExprPtr>& list);
    std::vector<AggregatePlan::Order> orders(const std::vector<sql::Aggregate::Order>& list);
    std::uint32_t new_registers(std::uint32_t count) {
        return std::exchange(program_.registers, program_.registers + count);
    }
    std::uint32_t new_state() { return program_.states++; }

    // ---- queries (builder_query.cpp) ----
    std::shared_ptr<const QueryPlan> query(const sql::Query& q);
    void select(const sql::Query& q, QueryPlan& plan);
    void values(const sql::Query& q, QueryPlan& plan);
    void set_operation(const sql::Query& q, QueryPlan& plan);
    void result_scope(const sql::Query& q, QueryPlan& plan);
    void ordering(const sql::Query& q, QueryPlan& plan);
    void limits(const sql::Query& q, QueryPlan& plan);
    void declare_ctes(const std::vector<sql::Cte>& list, const std::vector<std::uint32_t>& uses);
    void declare_cte(const sql::Cte& c, std::uint32_t index);
    void extreme_by_index(QueryPlan& plan);

    // ---- relations (builder_from.cpp) ----
    struct Source {  // what a rel contributes to its scope's FROM
        std::vector<Item> items;
        std::vector<ExprId> conditions;
    };
    std::vector<Source> declare(const std::vector<sql::Rel>& rels, const std::vector<sql::FromItem>& from);
    Source declare_rel(const sql::Rel& rel, bool nullable);
    void declare_cte_rel(const sql::CteRel& ref, Item& item);
    void declare_functions(const sql::Rel& rel, const sql::FunctionRel& function, Leaf& leaf);
    const sql::Cte* merged(const sql::CteRel& ref) const;
    bool can_merge(const sql::Query& q, bool nullable) const;
    Source merge(const sql::Query& q, ScopeRel& rel);
    void collect(const sql::FromItem& from, std::vector<Source>& sources, Source& out);
    void split(const sql::ExprPtr& condition, std::vector<ExprId>& out);
    // Places items one after the other. `repeated`: the group runs once per row of something outside.
    Group plan_group(std::vector<Item> items, std::vector<ExprId> conditions, bool repeated);
    std::vector<ExprId> usable(const Item& item, const std::vector<ExprId>& conditions,
                               const SlotSet& missing) const;
    int rank_of(const Item& item, const std::vector<ExprId>& conditions, const SlotSet& missing);
    Step place(Item item, std::vector<ExprId>& conditions, const SlotSet& missing, bool repeated);
    void settle_leaf(Item& item, std::vector<ExprId>& conditions, const SlotSet& missing, bool repeated,
                     Step& step);
    void note_point(const Access& access);
    struct Equality {  // `key = value`, for a hash join; the value reads some other slot
        ExprId condition = no_expr, key = no_expr, value = no_expr;
        sql::Type type;
    };
    std::vector<Equality> equalities(const Leaf& leaf, const std::vector<ExprId>& serving) const;
    void store_leaf(Item& item, const std::vector<Equality>& keys, const std::vector<ExprId>& serving,
                    bool repeated, std::vector<ExprId>& conditions);
    bool order_by_index(QueryPlan& plan);

    // ---- writes (builder_write.cpp) ----
    std::shared_ptr<const WritePlan> write(const sql::Statement& s);
    void insert(const sql::Insert& i, WritePlan& plan);
    void conflict(const sql::Insert& i, WritePlan& plan);
    void update(const sql::Update& u, WritePlan& plan);
    void erase(const sql::Delete& d, WritePlan& plan);
    void target_group(const std::vector<sql::Rel>& rels, const std::vector<sql::FromItem>& from,
                      const sql::ExprPtr& where, WritePlan& plan);
    void returning(const std::vector<sql::ExprPtr>& list, WritePlan& plan);

    const SlotSet& reads(ExprId id) const { return reads_[id]; }
    const TablePlan& plan_of(TableId id) const { return tables_[id.value]; }
    bool same_node(ExprId a, ExprId b) const;

    const SchemaPlans& plans_;
    const catalog::Schema& schema_;
    const std::vector<TablePlan>& tables_;
    const sql::EnumLabels* labels_;
    Program& program_;
    std::vector<SlotSet>
        reads_;  // per node: slots it reads, those of inner queries' outer references included
    std::vector<Scope> scopes_;
    std::vector<std::uint32_t>
        log_;  // slots referred to, in order: gives the outer references of a part just compiled
    std::vector<std::uint32_t> domain_registers_;
    std::vector<std::uint32_t> volatile_states_;  // of the query being compiled
    bool nothing_stored_ = false;                 // plans that run while rows change keep no rows
    std::uint32_t first_slot_ = 0;                // of the query being compiled
    std::map<std::uint32_t, Access> stand_ins_;
    std::map<std::uint32_t, TableId> tables_by_slot_;
    std::map<std::uint32_t, std::uint32_t> widths_;  // columns per slot of unpacked rows
    std::map<std::uint32_t, SlotSet> cte_reads_;     // outer slots a CTE depends on
    std::map<std::uint32_t, std::uint32_t>
        recursive_;  // CTE being compiled -> slot that stands for its working rows
};

// How often each CTE of a list is read in what `walk` visits, where the list's own scope has depth 1.
std::vector<std::uint32_t> uses_of(const std::vector<sql::Cte>& list,
                                   FunctionRef<void(sql::RelVisitor)> walk);

// The rels of a query, with the conditions of its WHERE also inside the derived tables that they speak of
// (builder_push.cpp).
std::vector<sql::Rel> pushed_down(const sql::Query& q, FunctionRef<bool(const sql::Query&)> merges);

// Which constraints a write of these columns concerns.
WriteEffects effects_of(const SchemaPlans& plans, const catalog::Table& table, WritePlan::Kind kind,
                        const std::vector<std::uint32_t>& written);

}  // namespace anabranch::exec
