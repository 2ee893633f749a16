#include <algorithm>

#include "lib/exec/executor.h"
#include "lib/exec/output.h"

namespace anabranch::exec {

using sql::Datum;

Executor::Executor(const SchemaPlans& plans, MergedView& view, Overlay& overlay, sql::EvalContext& context)
    : plans_(plans), view_(view), overlay_(overlay), context_(context), evaluator_(context) {
    evaluator_.subqueries = this;
}

void Executor::bind(const Program& program, const Datum* parameters) {
    program_ = &program;
    if (slots_.size() < program.slots) slots_.resize(program.slots);
    if (registers_.size() < program.registers) registers_.resize(program.registers);
    if (states_.size() < program.states) states_.resize(program.states);
    evaluator_.program = &program;
    evaluator_.parameters = parameters;
    evaluator_.slots = slots_.data();
    evaluator_.registers = registers_.data();
}

void Executor::begin(const StatementPlan& statement) {
    for (std::uint32_t state = statement.first_state; state < statement.last_state; ++state)
        states_[state].clear();
    scratch_used_ = 0;
}

const Datum* Executor::keep(const Datum* row, std::size_t width) {
    auto* kept = reinterpret_cast<Datum*>(arena().allocate(width * sizeof(Datum)));
    std::copy(row, row + width, kept);
    return kept;
}

void Executor::key_of(const Datum* row, const std::vector<sql::Type>& types, std::string& out) {
    for (std::size_t i = 0; i < types.size(); ++i) append_key(out, types[i], row[i]);
}

bool Executor::insert_key(NodeState& state, std::string_view key) {
    state.used = true;
    return state.keys.insert(key, [&](std::string_view k) { return arena().copy(k); }).second;
}

bool Executor::query(const QueryPlan& plan, RowEmitter emit) {
    forget(plan.volatile_states);
    for (const std::uint32_t cte : plan.ctes) {
        states_[program_->ctes[cte]->state].clear();
        states_[program_->ctes[cte]->working].clear();
    }
    switch (plan.kind) {
        case QueryPlan::Kind::select:
            return select(plan, emit);
        case QueryPlan::Kind::values:
            return values(plan, emit);
        case QueryPlan::Kind::set:
            return set_operation(plan, emit);
    }
    return true;
}

bool Executor::select(const QueryPlan& plan, RowEmitter emit) {
    if (plan.distinct || !plan.distinct_on.empty()) states_[plan.distinct_state].clear();
    Output out(*this, plan, emit);
    if (!out.begin()) return !failed();
    const auto row = [&] { return out.from_targets(); };
    bool more = true;
    if (!plan.windows.empty())
        more = windowed(plan, row);
    else if (plan.grouped)
        more = grouped(plan, row);
    else
        more = group(plan.from, row);
    (void)more;  // an early end may be the LIMIT's own: the rows that were held back still go on
    return out.finish() && !failed();
}

bool Executor::values(const QueryPlan& plan, RowEmitter emit) {
    Output out(*this, plan, emit);
    if (!out.begin()) return !failed();
    Datum* row = registers(plan.output_register);
    for (const std::vector<ExprId>& items : plan.values) {
        for (std::size_t i = 0; i < items.size(); ++i) row[i] = eval(items[i]);
        if (failed()) return false;
        if (!out.from_row(row)) break;
    }
    return out.finish() && !failed();
}

namespace {

// How often each row still counts on the right side of INTERSECT and EXCEPT.
struct Counted {
    KeyMap keys;
    std::vector<std::uint64_t> counts;
};

}  // namespace

bool Executor::set_operation(const QueryPlan& plan, RowEmitter emit) {
    Output out(*this, plan, emit);
    if (!out.begin()) return !failed();
    using sql::SetOp;
    const bool intersects = plan.set_op == SetOp::intersect || plan.set_op == SetOp::intersect_all;
    const bool excepts = plan.set_op == SetOp::except || plan.set_op == SetOp::except_all;
    const bool all = plan.set_op == SetOp::union_all || plan.set_op == SetOp::intersect_all ||
                     plan.set_op == SetOp::except_all;
    KeyMap seen;
    Counted right;
    const auto copy = [&](std::string_view k) { return arena().copy(k); };
    if (intersects || excepts) {
        query(*plan.right, [&](const Datum* row) {
            Lease key(*this);
            key_of(row, plan.types, key.text);
            const auto [number, fresh] = right.keys.insert(key.text, copy);
            if (fresh) right.counts.push_back(0);
            ++right.counts[number];
            return !failed();
        });
        if (failed()) return false;
    }
    const auto wanted = [&](const Datum* row) {
        if (plan.set_op == SetOp::union_all) return true;
        Lease key(*this);
        key_of(row, plan.types, key.text);
        if (intersects || excepts) {
            const std::uint32_t number = right.keys.find(key.text);
            const bool there = number != KeyMap::none && right.counts[number] > 0;
            if (there && all) --right.counts[number];
            if (there != intersects) return false;
        }
        return all || seen.insert(key.text, copy).second;
    };
    const auto each = [&](const Datum* row) { return wanted(row) ? out.from_row(row) : !failed(); };
    const bool more = query(*plan.left, each);
    if (more && !failed() && !intersects && !excepts) query(*plan.right, each);
    return out.finish() && !failed();
}

}  // namespace anabranch::exec
