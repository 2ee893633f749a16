// Runs plans: one Executor for one Program at a time, with the arrays the plans refer to (slots, registers,
// states). Rows are pushed: every function that produces rows calls on for each and returns false as soon as
// a callee does, or after a failure (kept in the context).
//
// Arrays and states keep their memory from run to run, so that a warm executor allocates nothing for simple
// statements.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "lib/base/function_ref.h"
#include "lib/exec/engine.h"
#include "lib/exec/evaluator.h"
#include "lib/exec/key_batch.h"
#include "lib/exec/key_map.h"
#include "lib/exec/merged_view.h"
#include "lib/exec/plan.h"

namespace anabranch::exec {

using RowEmitter = FunctionRef<bool(const sql::Datum*)>;
using Next = FunctionRef<bool()>;

// What a plan node remembers between rows: kept rows, hash tables, answers of inner queries.
struct NodeState {
    bool used = false, ready = false, has_null = false;
    sql::Datum value;
    KeyMap keys;
    std::vector<Slot> rows;
    std::vector<const sql::Datum*> tuples;
    std::vector<std::uint32_t> next;  // chains of rows with one key, in order; none at the end
    std::vector<std::uint32_t> last;  // per key: the end of its chain
    std::vector<std::uint32_t> head;  // per key: its first row
    void clear() {
        if (!used) return;
        used = ready = has_null = false;
        value = {};
        keys.clear();
        rows.clear();
        tuples.clear();
        next.clear();
        last.clear();
        head.clear();
    }
};

class WriteRunner {  // data-modifying CTEs: writer.h
  public:
    virtual ~WriteRunner() = default;
    // Rows written, RETURNING rows to `emit`.
    virtual std::uint64_t write(const WritePlan& plan, RowEmitter emit) = 0;
};

class Executor final : public SubqueryRunner {
  public:
    Executor(const SchemaPlans& plans, MergedView& view, Overlay& overlay, sql::EvalContext& context);

    void bind(const Program& program, const sql::Datum* parameters);
    // Forgets what earlier statements have computed.
    void begin(const StatementPlan& statement);
    void set_moment(Moment moment) { moment_ = moment; }
    void set_writer(WriteRunner* writer) { writer_ = writer; }
    void set_virtual_tables(const VirtualTables* tables) { virtual_tables_ = tables; }
    void set_cancelled(const bool* flag) { cancelled_ = flag; }

    bool query(const QueryPlan& plan, RowEmitter emit);
    bool group(const Group& group, Next next) { return step(group, 0, next); }
    void forget(const std::vector<std::uint32_t>& states) {
        for (const std::uint32_t state : states) states_[state].clear();
    }
    void run_cte(std::uint32_t cte);
    sql::Datum subquery(const SubqueryPlan& plan) override;

    Evaluator& evaluator() { return evaluator_; }
    sql::Datum eval(ExprId id) { return evaluator_.eval(id); }
    Slot& slot(std::uint32_t number) { return slots_[number]; }
    sql::Datum* registers(std::uint32_t first) { return registers_.data() + first; }
    Arena& arena() { return context_.arena; }
    sql::EvalContext& context() { return context_; }
    bool failed() const { return context_.failed; }
    bool cancelled();  // asked once per row: whether to stop, and then it has failed
    const sql::Datum* keep(const sql::Datum* row, std::size_t width);  // a copy in the arena

  private:
    friend class Output;
    struct Lease;  // a scratch string, given back at the end of its scope
    std::string& scratch() {
        if (scratch_used_ == scratch_.size()) scratch_.emplace_back();
        std::string& text = scratch_[scratch_used_++];
        text.clear();
        return text;
    }

    // ---- FROM (executor_from.cpp) ----
    bool step(const Group& group, std::size_t at, Next next);
    bool passes(const std::vector<ExprId>& conditions);
    bool full_join(const Group& group, std::size_t at, Next next);
    using FillSlot = FunctionRef<void(std::size_t)>;
    bool leaf(const Leaf& leaf, const Access* next_point, Next next);
    bool stream(const Leaf& leaf, const Access* next_point, Next next);
    bool rows_at_hand(std::size_t count, FillSlot fill, const Access* next_point, Next next);
    void expect(const Access& point, std::size_t first, std::size_t last, FillSlot fill);
    bool table(const Access& access, std::uint32_t slot, Next next);
    bool indexed(const Access& access, std::uint32_t slot, Next next);
    bool alternatives(const Access& access, const std::string& prefix, RowVisitor visit);
    bool touched(const Access& access, std::uint32_t slot, Next next);
    Moment moment(const Access& access) const { return access.before ? Moment::before : moment_; }
    bool functions(const Leaf& leaf, const Access* next_point, Next next);
    bool zipped(const Leaf& leaf, const Access* next_point, Next next);
    bool cte_rows(const Leaf& leaf, const Access* next_point, Next next);
    NodeState& stored(const Leaf& leaf);
    bool range(const Access& access, const std::string& prefix, std::string& low, std::string& high);
    void clear_slots(const Group& group);

    // ---- queries (executor_query.cpp) ----
    bool select(const QueryPlan& plan, RowEmitter emit);
    bool values(const QueryPlan& plan, RowEmitter emit);
    bool set_operation(const QueryPlan& plan, RowEmitter emit);
    void key_of(const sql::Datum* row, const std::vector<sql::Type>& types, std::string& out);
    bool insert_key(NodeState& state, std::string_view key);

    // ---- grouping and windows (executor_group.cpp, executor_window.cpp) ----
    struct Capture {  // the rows of a scope, to come back to
        const Slot* slots = nullptr;
    };
    Capture capture(const Group& group);
    void restore(const Group& group, Capture capture);
    bool grouped(const QueryPlan& plan, Next next);
    bool windowed(const QueryPlan& plan, Next next);

    // ---- inner queries (executor_subquery.cpp) ----
    sql::Datum exists(const SubqueryPlan& plan);
    sql::Datum scalar(const SubqueryPlan& plan);
    sql::Datum array(const SubqueryPlan& plan);
    sql::Datum compared(const SubqueryPlan& plan);
    sql::Datum compare_row(const SubqueryPlan& plan, const sql::Datum* row);
    sql::Datum look_up(const SubqueryPlan& plan);
    void recursive(const CtePlan& cte);

    const SchemaPlans& plans_;
    MergedView& view_;
    Overlay& overlay_;
    sql::EvalContext& context_;
    Evaluator evaluator_;
    const Program* program_ = nullptr;
    WriteRunner* writer_ = nullptr;
    const VirtualTables* virtual_tables_ = nullptr;
    const bool* cancelled_ = nullptr;
    std::uint32_t rows_until_poll_ = 0;
    Moment moment_ = Moment::statement;
    std::vector<Slot> slots_;
    std::vector<sql::Datum> registers_;
    std::vector<NodeState> states_;
    std::deque<std::string> scratch_;
    std::size_t scratch_used_ = 0;
    KeyBatch expected_;
};

struct Executor::Lease {
    explicit Lease(Executor& executor) : owner(executor), text(executor.scratch()) {}
    ~Lease() { --owner.scratch_used_; }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    Executor& owner;
    std::string& text;
};

// Order of two values under a sort key's direction: <0, 0, >0.
int compare_sorted(sql::Type type, sql::Datum a, sql::Datum b, bool descending, bool nulls_first);

}  // namespace anabranch::exec
