#include "lib/exec/executor.h"
#include "lib/sql/array.h"

namespace anabranch::exec {

using sql::Datum;

Datum Executor::subquery(const SubqueryPlan& plan) {
    if (plan.kind == sql::SubqueryKind::any || plan.kind == sql::SubqueryKind::all) return compared(plan);
    NodeState& state = states_[plan.state];
    if (!plan.correlated && state.ready) return state.value;
    Datum value;
    switch (plan.kind) {
        case sql::SubqueryKind::exists:
            value = exists(plan);
            break;
        case sql::SubqueryKind::array:
            value = array(plan);
            break;
        default:
            value = scalar(plan);
            break;
    }
    if (failed()) return {};
    state.used = state.ready = true;
    return state.value = value;
}

Datum Executor::exists(const SubqueryPlan& plan) {
    bool found = false;
    query(*plan.query, [&](const Datum*) {
        found = true;
        return false;
    });
    return Datum::boolean(found);
}

Datum Executor::scalar(const SubqueryPlan& plan) {
    bool found = false;
    Datum value;
    query(*plan.query, [&](const Datum* row) {
        if (found) {
            context_.fail(sqlstate::cardinality_violation,
                          "more than one row returned by a subquery used as an expression");
            return false;
        }
        found = true;
        value = row[0];
        return true;
    });
    return value;
}

Datum Executor::array(const SubqueryPlan& plan) {
    std::vector<Datum> items;
    query(*plan.query, [&](const Datum* row) {
        items.push_back(row[0]);
        return true;
    });
    std::string bytes;
    sql::write_array(plan.result, items, bytes);
    return Datum::bytes(arena().copy(bytes));
}

// `left compare row`, over all columns: false decides, then unknown.
Datum Executor::compare_row(const SubqueryPlan& plan, const Datum* row) {
    Datum* right = registers(plan.row_register);
    std::copy(row, row + plan.compare.size(), right);
    bool unknown = false;
    for (const ExprId compare : plan.compare) {
        const Datum value = eval(compare);
        if (value.is_null())
            unknown = true;
        else if (!value.as_bool())
            return Datum::boolean(false);
    }
    return unknown ? Datum{} : Datum::boolean(true);
}

Datum Executor::look_up(const SubqueryPlan& plan) {
    NodeState& state = states_[plan.state];
    const std::size_t width = plan.compare.size();
    if (!state.ready) {
        state.used = state.ready = true;
        query(*plan.query, [&](const Datum* row) {
            Lease key(*this);
            for (std::size_t i = 0; i < width; ++i) {
                state.has_null = state.has_null || row[i].is_null();
                append_key(key.text, plan.row_types[i], row[i]);
            }
            if (insert_key(state, key.text)) state.tuples.push_back(keep(row, width));
            return true;
        });
        if (failed()) return {};
    }
    const Datum* left = registers(plan.left_register);
    bool left_null = false;
    {
        Lease key(*this);
        for (std::size_t i = 0; i < width; ++i) {
            left_null = left_null || left[i].is_null();
            append_key(key.text, plan.row_types[i], left[i]);
        }
        if (!left_null && state.keys.find(key.text) != KeyMap::none) return Datum::boolean(true);
    }
    if (!left_null && !state.has_null) return Datum::boolean(false);
    for (const Datum* row : state.tuples)
        if (compare_row(plan, row).is_null()) return {};
    return Datum::boolean(false);
}

Datum Executor::compared(const SubqueryPlan& plan) {
    Datum* left = registers(plan.left_register);
    for (std::size_t i = 0; i < plan.left.size(); ++i) left[i] = eval(plan.left[i]);
    if (failed()) return {};
    if (plan.hashed) return look_up(plan);
    const bool all = plan.kind == sql::SubqueryKind::all;
    const std::size_t width = plan.compare.size();
    bool unknown = false, decided = false;
    const auto each = [&](const Datum* row) {
        const Datum value = compare_row(plan, row);
        if (value.is_null())
            unknown = true;
        else if (value.as_bool() != all)
            decided = true;
        return !decided && !failed();
    };
    if (plan.correlated) {
        query(*plan.query, each);
    } else {
        NodeState& state = states_[plan.state];
        if (!state.ready) {
            state.used = state.ready = true;
            query(*plan.query, [&](const Datum* row) {
                state.tuples.push_back(keep(row, width));
                return true;
            });
        }
        for (std::size_t i = 0; i < state.tuples.size() && each(state.tuples[i]); ++i) {
        }
    }
    if (failed()) return {};
    if (decided) return Datum::boolean(!all);
    return unknown ? Datum{} : Datum::boolean(all);
}

void Executor::run_cte(std::uint32_t number) {
    const CtePlan& cte = *program_->ctes[number];
    NodeState& state = states_[cte.state];
    if (state.ready) return;
    state.used = true;
    const auto add = [&](const Datum* row) {
        state.tuples.push_back(keep(row, cte.width));
        return true;
    };
    if (cte.recursive)
        recursive(cte);
    else if (cte.write != nullptr)
        writer_->write(*cte.write, add);
    else
        query(*cte.query, add);
    state.ready = true;
}

void Executor::recursive(const CtePlan& cte) {
    NodeState& state = states_[cte.state];
    NodeState& working = states_[cte.working];
    working.used = true;
    std::vector<const Datum*> round;
    const auto add = [&](const Datum* row) {
        if (!cte.keep_duplicates) {
            Lease key(*this);
            key_of(row, cte.types, key.text);
            if (!insert_key(state, key.text)) return !failed();
        }
        round.push_back(keep(row, cte.width));
        return !failed() && !cancelled();
    };
    query(*cte.query, add);
    while (!round.empty() && !failed()) {
        state.tuples.insert(state.tuples.end(), round.begin(), round.end());
        working.tuples.swap(round);
        round.clear();
        query(*cte.again, add);
    }
    working.tuples.clear();
}

}  // namespace anabranch::exec
