#include <algorithm>

#include "lib/exec/executor.h"
#include "lib/sql/array.h"
#include "lib/sql/evaluate_table.h"

namespace anabranch::exec {

using sql::Datum;

bool Executor::cancelled() {
    constexpr std::uint32_t poll_every = 256;
    if (rows_until_poll_-- != 0) return false;
    rows_until_poll_ = poll_every;
    // Another thread may raise it.
    if (cancelled_ == nullptr || !__atomic_load_n(cancelled_, __ATOMIC_RELAXED)) return false;
    context_.fail(sqlstate::query_canceled, "canceling statement due to user request");
    return true;
}

bool Executor::passes(const std::vector<ExprId>& conditions) {
    for (const ExprId condition : conditions)
        if (!evaluator_.truth(condition)) return false;
    return true;
}

void Executor::clear_slots(const Group& group) {
    for (const std::uint32_t slot : group.slots) slots_[slot] = {};
}

bool Executor::step(const Group& group, std::size_t at, Next next) {
    if (at == 0 && !passes(group.first)) return !failed();
    if (at == group.steps.size()) return next();
    const Step& step_plan = group.steps[at];
    const auto onward = [&] {
        if (!passes(step_plan.filters)) return !failed();
        return step(group, at + 1, next);
    };
    switch (step_plan.kind) {
        case Step::Kind::leaf: {
            const bool point = at + 1 < group.steps.size() && group.steps[at + 1].leaf.access.foreseen;
            return leaf(step_plan.leaf, point ? &group.steps[at + 1].leaf.access : nullptr, onward);
        }
        case Step::Kind::outer: {
            bool matched = false;
            const bool more = step(*step_plan.right, 0, [&] {
                matched = true;
                return onward();
            });
            if (!more || failed()) return false;
            if (matched) return true;
            clear_slots(*step_plan.right);
            return onward();
        }
        case Step::Kind::full:
            return full_join(group, at, onward);
    }
    return true;
}

bool Executor::full_join(const Group& group, std::size_t at, Next onward) {
    const Step& plan = group.steps[at];
    std::vector<Capture> right;
    step(*plan.right, 0, [&] {
        right.push_back(capture(*plan.right));
        return true;
    });
    if (failed()) return false;
    std::vector<bool> seen(right.size(), false);
    const bool more = step(*plan.left, 0, [&] {
        bool matched = false;
        for (std::size_t i = 0; i < right.size(); ++i) {
            restore(*plan.right, right[i]);
            if (!passes(plan.condition)) {
                if (failed()) return false;
                continue;
            }
            matched = seen[i] = true;
            if (!onward()) return false;
        }
        if (matched) return true;
        clear_slots(*plan.right);
        return onward();
    });
    if (!more || failed()) return false;
    clear_slots(*plan.left);
    for (std::size_t i = 0; i < right.size(); ++i) {
        if (seen[i]) continue;
        restore(*plan.right, right[i]);
        if (!onward()) return false;
    }
    return true;
}

NodeState& Executor::stored(const Leaf& plan) {
    NodeState& state = states_[plan.state];
    if (state.ready) return state;
    state.used = state.ready = true;
    stream(plan, nullptr, [&] {
        if (!passes(plan.filters)) return !failed();
        Slot kept = slots_[plan.slot];
        if (kept.values != nullptr) kept.values = keep(kept.values, plan.width);
        const auto row = static_cast<std::uint32_t>(state.rows.size());
        if (plan.mode == Leaf::Mode::hashed) {
            Lease key(*this);
            for (std::size_t i = 0; i < plan.build.size(); ++i) {
                const Datum value = eval(plan.build[i]);
                if (value.is_null()) return !failed();
                append_key(key.text, plan.key_types[i], value);
            }
            const auto [number, fresh] =
                state.keys.insert(key.text, [&](std::string_view k) { return arena().copy(k); });
            if (fresh) {
                state.head.push_back(row);
                state.last.push_back(row);
            } else {
                state.next[state.last[number]] = row;
                state.last[number] = row;
            }
            state.next.push_back(KeyMap::none);
        }
        state.rows.push_back(kept);
        return !failed();
    });
    return state;
}

// Rows that are all there before the first is handed on. Where the next step looks each of them up by key,
// the store hears of some keys before they are needed, so that it waits for memory once for all of them.
bool Executor::rows_at_hand(std::size_t count, FillSlot fill, const Access* next_point, Next next) {
    for (std::size_t i = 0; i < count; ++i) {
        if (next_point != nullptr && i % KeyBatch::at_once == 0)
            expect(*next_point, i, std::min(i + KeyBatch::at_once, count), fill);
        fill(i);
        if (cancelled() || !next()) return false;
    }
    return true;
}

void Executor::expect(const Access& point, std::size_t first, std::size_t last, FillSlot fill) {
    expected_.clear();
    for (std::size_t row = first; row < last; ++row) {
        fill(row);
        for (std::size_t i = 0; i < point.equal.size(); ++i)
            append_key(expected_.text(), point.types[i], eval(point.equal[i]));
        expected_.end_key();
    }
    expected_.expect(view_.store(), point.table);
}

bool Executor::leaf(const Leaf& plan, const Access* next_point, Next next) {
    if (plan.mode == Leaf::Mode::stream) return stream(plan, next_point, next);
    NodeState& state = stored(plan);
    if (failed()) return false;
    if (plan.mode == Leaf::Mode::stored) {
        return rows_at_hand(
            state.rows.size(), [&](std::size_t i) { slots_[plan.slot] = state.rows[i]; }, next_point, next);
    }
    std::uint32_t row = KeyMap::none;
    {
        Lease key(*this);
        for (std::size_t i = 0; i < plan.probe.size(); ++i) {
            const Datum value = eval(plan.probe[i]);
            if (value.is_null()) return !failed();
            append_key(key.text, plan.key_types[i], value);
        }
        const std::uint32_t number = state.keys.find(key.text);
        if (number != KeyMap::none) row = state.head[number];
    }
    for (; row != KeyMap::none; row = state.next[row]) {
        slots_[plan.slot] = state.rows[row];
        if (cancelled() || !next()) return false;
    }
    return true;
}

bool Executor::stream(const Leaf& plan, const Access* next_point, Next next) {
    switch (plan.source) {
        case Leaf::Source::table:
            return table(plan.access, plan.slot, next);
        case Leaf::Source::derived:
            return query(*plan.derived, [&](const Datum* row) {
                slots_[plan.slot].values = row;
                return next();
            });
        case Leaf::Source::cte:
            return cte_rows(plan, next_point, next);
        case Leaf::Source::function:
            return functions(plan, next_point, next);
        case Leaf::Source::virtual_table:
            break;
    }
    bool more = true;
    if (virtual_tables_ == nullptr) return true;
    virtual_tables_->rows(plan.virtual_table, [&](std::span<const Datum> row) {
        slots_[plan.slot].values = row.data();
        return more = next() && !cancelled();
    });
    return more && !failed();
}

bool Executor::table(const Access& access, std::uint32_t slot, Next next) {
    bool more = true;
    const auto visit = [&](RowView row) {
        slots_[slot].row = row;
        return more = next() && !cancelled();
    };
    switch (access.kind) {
        case Access::Kind::full:
            view_.scan_all(access.table, access.reverse, moment(access), visit);
            break;
        case Access::Kind::index:
            return indexed(access, slot, next);
        case Access::Kind::touched:
        case Access::Kind::removed:
        case Access::Kind::added:
            return touched(access, slot, next);
        case Access::Kind::point: {
            RowView row;
            {
                Lease key(*this);
                for (std::size_t i = 0; i < access.equal.size(); ++i) {
                    const Datum value = eval(access.equal[i]);
                    if (value.is_null()) return !failed();
                    append_key(key.text, access.types[i], value);
                }
                if (failed()) return false;
                row = view_.find(access.table, key.text, moment(access));
            }
            if (row) visit(row);
            break;
        }
    }
    return more && !failed();
}

bool Executor::touched(const Access& access, std::uint32_t slot, Next next) {
    const auto visit = [&](RowView row) {
        slots_[slot].row = row;
        return !row || next();
    };
    for (const Touched* row : overlay_.recent(access.table)) {
        if (row->before.data() == row->now.data()) continue;
        if (access.kind != Access::Kind::added && !visit(row->before)) return false;
        if (access.kind != Access::Kind::removed && !visit(row->now)) return false;
    }
    return !failed();
}

// The bounds of the part after `prefix`; false when a bound is NULL, which nothing meets.
bool Executor::range(const Access& access, const std::string& prefix, std::string& low, std::string& high) {
    const auto bound = [&](ExprId id, std::string& out) {
        const Datum value = eval(id);
        if (value.is_null()) return false;
        append_key(out, access.types.back(), value);
        return true;
    };
    low = prefix;
    high = prefix;
    if (access.low != no_expr) {
        if (!bound(access.low, low)) return false;
        if (!access.low_inclusive) low = sql::key_successor(low);
    }
    if (access.high == no_expr) {
        high.push_back('\x02');  // NULLs meet no range
    } else {
        if (!bound(access.high, high)) return false;
        if (access.high_inclusive) high = sql::key_successor(high);
    }
    return true;
}

bool Executor::indexed(const Access& access, std::uint32_t slot, Next next) {
    bool more = true;
    const auto visit = [&](RowView row) {
        slots_[slot].row = row;
        return more = next() && !cancelled();
    };
    Lease prefix(*this), low(*this), high(*this);
    for (std::size_t i = 0; i < access.equal.size(); ++i) {
        const Datum value = eval(access.equal[i]);
        if (value.is_null()) return !failed();
        append_key(prefix.text, access.types[i], value);
    }
    if (failed()) return false;
    if (!access.any.empty() || access.any_array != no_expr)
        return alternatives(access, prefix.text, visit) && more && !failed();
    if (access.low != no_expr || access.high != no_expr) {
        if (!range(access, prefix.text, low.text, high.text)) return !failed();
    } else if (!prefix.text.empty()) {
        low.text = prefix.text;
        high.text = sql::key_successor(prefix.text);
    }
    if (failed()) return false;
    view_.scan(access.table, access.index, low.text, high.text, access.reverse, moment(access), visit);
    return more && !failed();
}

bool Executor::alternatives(const Access& access, const std::string& prefix, RowVisitor visit) {
    std::vector<std::string> keys;
    const sql::Type type = access.types.back();
    sql::Type array_type = type;
    array_type.array = true;
    const auto add = [&](Datum value) {
        if (value.is_null()) return;
        keys.push_back(prefix);
        append_key(keys.back(), type, value);
    };
    for (const ExprId id : access.any) add(eval(id));
    if (access.any_array != no_expr) {
        const Datum array = eval(access.any_array);
        if (!array.is_null())
            for (const Datum element : sql::array_elements(array_type, array.as_bytes())) add(element);
    }
    if (failed()) return false;
    std::sort(keys.begin(), keys.end());
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    if (access.reverse) std::reverse(keys.begin(), keys.end());
    const IndexPlan& index = plans_.table(access.table).indexes[access.index.value];
    const bool whole_primary = access.index.value == 0 && access.equal.size() + 1 == index.parts.size();
    bool more = true;
    for (const std::string& key : keys) {
        if (whole_primary) {
            const RowView row = view_.find(access.table, key, moment(access));
            if (row) more = visit(row);
        } else {
            view_.scan(access.table, access.index, key, sql::key_successor(key), access.reverse,
                       moment(access), [&](RowView row) { return more = visit(row); });
        }
        if (!more || failed()) return false;
    }
    return true;
}

bool Executor::cte_rows(const Leaf& plan, const Access* next_point, Next next) {
    const CtePlan& cte = *program_->ctes[plan.cte];
    const bool running = cte.recursive && states_[cte.state].used && !states_[cte.state].ready;
    if (!running) run_cte(plan.cte);
    if (failed()) return false;
    const NodeState& state = states_[running ? cte.working : cte.state];
    return rows_at_hand(
        state.tuples.size(), [&](std::size_t i) { slots_[plan.slot].values = state.tuples[i]; }, next_point,
        next);
}

bool Executor::functions(const Leaf& plan, const Access* next_point, Next next) {
    if (plan.functions.size() != 1) return zipped(plan, next_point, next);
    const FunctionSource& source = plan.functions.front();
    std::vector<Datum> args;
    for (const ExprId arg : source.args) args.push_back(eval(arg));
    if (failed()) return false;
    bool more = true;
    std::int64_t ordinal = 0;
    const std::size_t batch = (next_point == nullptr ? 1 : KeyBatch::at_once) * plan.width;
    std::vector<Datum> rows;
    rows.reserve(batch);
    const auto hand_on = [&] {
        const auto fill = [&](std::size_t i) { slots_[plan.slot].values = rows.data() + i * plan.width; };
        more = rows_at_hand(rows.size() / plan.width, fill, next_point, next);
        rows.clear();
        return more;
    };
    sql::run_table_function(
        context_, source.func, source.types, args, source.columns,
        [&](std::span<const Datum> values) {
            rows.resize(rows.size() + plan.width);
            std::copy(values.begin(), values.end(), rows.end() - plan.width);
            if (plan.ordinality) rows.back() = Datum::integer(++ordinal);
            return rows.size() < batch || hand_on();
        },
        source.zone.get());
    return more && !failed() && hand_on() && !failed();
}

// Several functions side by side: rows are as many as the longest has, NULLs where one has ended.
bool Executor::zipped(const Leaf& plan, const Access* next_point, Next next) {
    std::vector<Datum*> rows;
    std::size_t column = 0;
    for (const FunctionSource& source : plan.functions) {
        std::vector<Datum> args;
        for (const ExprId arg : source.args) args.push_back(eval(arg));
        if (failed()) return false;
        std::size_t at = 0;
        sql::run_table_function(
            context_, source.func, source.types, args, source.columns,
            [&](std::span<const Datum> values) {
                if (at == rows.size()) {
                    rows.push_back(reinterpret_cast<Datum*>(arena().allocate(plan.width * sizeof(Datum))));
                    std::fill_n(rows.back(), plan.width, Datum());
                }
                std::copy(values.begin(), values.end(), rows[at++] + column);
                return !failed() && !cancelled();
            },
            source.zone.get());
        column += source.columns.size();
        if (failed()) return false;
    }
    const auto fill = [&](std::size_t i) {
        if (plan.ordinality) rows[i][plan.width - 1] = Datum::integer(static_cast<std::int64_t>(i + 1));
        slots_[plan.slot].values = rows[i];
    };
    return rows_at_hand(rows.size(), fill, next_point, next);
}

}  // namespace anabranch::exec
