#include <algorithm>

#include "lib/exec/executor.h"
#include "lib/sql/evaluate_aggregate.h"

namespace anabranch::exec {

using sql::Datum;

Executor::Capture Executor::capture(const Group& group) {
    auto* kept = reinterpret_cast<Slot*>(arena().allocate(group.slots.size() * sizeof(Slot)));
    for (std::size_t i = 0; i < group.slots.size(); ++i) {
        kept[i] = slots_[group.slots[i]];
        if (kept[i].values != nullptr && group.widths[i] != 0)
            kept[i].values = keep(kept[i].values, group.widths[i]);
    }
    return {kept};
}

void Executor::restore(const Group& group, Capture captured) {
    for (std::size_t i = 0; i < group.slots.size(); ++i) slots_[group.slots[i]] = captured.slots[i];
}

namespace {

// The groups of one run: keys, a row of each, and an accumulator per aggregate.
class Groups {
  public:
    Groups(Executor& executor, const QueryPlan& plan)
        : executor_(executor), plan_(plan), collected_(plan.aggregates.size()) {
        for (const AggregatePlan& aggregate : plan.aggregates)
            empty_.emplace_back(aggregate.func, aggregate.types, aggregate.result);
    }
    void open() {
        constexpr std::size_t few_groups = 16;
        if (accumulators_.size() == empty_.size()) accumulators_.reserve(few_groups * empty_.size());
        accumulators_.insert(accumulators_.end(), empty_.begin(), empty_.end());
    }
    void add(std::uint32_t group) {
        for (std::size_t i = 0; i < plan_.aggregates.size(); ++i) {
            const AggregatePlan& aggregate = plan_.aggregates[i];
            if (aggregate.filter != no_expr && !executor_.evaluator().truth(aggregate.filter)) continue;
            constexpr std::size_t most = 8;
            Datum args[most];
            const std::size_t count = std::min(aggregate.args.size(), most);
            for (std::size_t a = 0; a < count; ++a) args[a] = executor_.eval(aggregate.args[a]);
            if (executor_.failed()) return;
            if (aggregate.distinct && !first_time(group, i, args, count)) continue;
            if (aggregate.order.empty())
                at(group, i).add(executor_.context(), args);
            else
                collect(group, i, args, count);
        }
    }
    void finish(std::uint32_t group) {
        for (std::size_t i = 0; i < plan_.aggregates.size(); ++i) {
            const AggregatePlan& aggregate = plan_.aggregates[i];
            std::vector<Datum> direct;
            for (const ExprId e : aggregate.direct) direct.push_back(executor_.eval(e));
            if (executor_.failed()) return;
            *executor_.registers(aggregate.reg) = is_hypothetical(aggregate.func)
                                                      ? hypothetical(group, i, direct.data())
                                                      : finished(group, i, direct.data());
        }
    }

  private:
    struct Row {
        std::uint32_t group;
        const Datum* values;  // arguments, then sort keys
    };
    sql::Accumulator& at(std::uint32_t group, std::size_t i) {
        return accumulators_[group * empty_.size() + i];
    }
    bool first_time(std::uint32_t group, std::size_t i, const Datum* args, std::size_t count) {
        std::string key;
        append_key(key, {}, Datum::integer(static_cast<std::int64_t>(group * empty_.size() + i)));
        for (std::size_t a = 0; a < count; ++a) append_key(key, plan_.aggregates[i].types[a], args[a]);
        return seen_.insert(key, [&](std::string_view k) { return executor_.arena().copy(k); }).second;
    }
    void collect(std::uint32_t group, std::size_t i, const Datum* args, std::size_t count) {
        const auto& order = plan_.aggregates[i].order;
        std::vector<Datum> row(args, args + count);
        for (const AggregatePlan::Order& key : order) row.push_back(executor_.eval(key.key));
        collected_[i].push_back({group, executor_.keep(row.data(), row.size())});
    }
    int compare_keys(const AggregatePlan& aggregate, const Datum* a, const Datum* b) {
        for (std::size_t k = 0; k < aggregate.order.size(); ++k) {
            const auto& key = aggregate.order[k];
            if (const int order = compare_sorted(key.type, a[k], b[k], key.descending, key.nulls_first);
                order != 0)
                return order;
        }
        return 0;
    }
    std::vector<const Datum*> sorted(std::uint32_t group, std::size_t i) {
        const AggregatePlan& aggregate = plan_.aggregates[i];
        std::vector<Row>& all = collected_[i];
        const auto by_group = [](const Row& a, const Row& b) { return a.group < b.group; };
        if (group == 0) std::stable_sort(all.begin(), all.end(), by_group);
        const auto [first, last] = std::equal_range(all.begin(), all.end(), Row{group, nullptr}, by_group);
        std::vector<const Datum*> rows;
        for (auto row = first; row != last; ++row) rows.push_back(row->values);
        const std::size_t args = aggregate.args.size();
        std::stable_sort(rows.begin(), rows.end(), [&](const Datum* a, const Datum* b) {
            return compare_keys(aggregate, a + args, b + args) < 0;
        });
        return rows;
    }
    Datum finished(std::uint32_t group, std::size_t i, const Datum* direct) {
        if (!plan_.aggregates[i].order.empty())
            for (const Datum* row : sorted(group, i)) at(group, i).add(executor_.context(), row);
        const sql::InZone zone(executor_.context(), plan_.aggregates[i].zone.get());
        return at(group, i).finish(executor_.context(), direct);
    }
    // The place that a row of these keys would have among the group's.
    Datum hypothetical(std::uint32_t group, std::size_t i, const Datum* keys) {
        const AggregatePlan& aggregate = plan_.aggregates[i];
        const std::vector<const Datum*> rows = sorted(group, i);
        std::int64_t before = 0, peers = 0, distinct = 0;
        const Datum* last = nullptr;
        for (const Datum* row : rows) {
            const int order = compare_keys(aggregate, row, keys);
            if (order > 0) break;
            if (order == 0) {
                ++peers;
                continue;
            }
            ++before;
            if (last == nullptr || compare_keys(aggregate, last, row) != 0) ++distinct;
            last = row;
        }
        const auto count = static_cast<double>(rows.size());
        switch (aggregate.func) {
            case sql::AggregateFunc::rank:
                return Datum::integer(before + 1);
            case sql::AggregateFunc::dense_rank:
                return Datum::integer(distinct + 1);
            case sql::AggregateFunc::percent_rank:
                return Datum::floating(rows.empty() ? 0 : static_cast<double>(before) / count);
            default:
                return Datum::floating(static_cast<double>(before + peers + 1) / (count + 1));
        }
    }

    Executor& executor_;
    const QueryPlan& plan_;
    std::vector<sql::Accumulator> empty_, accumulators_;
    std::vector<std::vector<Row>> collected_;  // per aggregate with ORDER BY
    KeyMap seen_;                              // DISTINCT
};

}  // namespace

bool Executor::grouped(const QueryPlan& plan, Next next) {
    Groups groups(*this, plan);
    std::vector<Capture> rows;
    NodeState& state = states_[plan.group_state];
    state.clear();
    const bool one = plan.group_by.empty();
    if (one) {
        groups.open();
        clear_slots(plan.from);
        rows.push_back(capture(plan.from));
    }
    bool any = false;
    group(plan.from, [&] {
        std::uint32_t number = 0;
        if (one) {
            if (!any) rows[0] = capture(plan.from);
        } else {
            Lease key(*this);
            for (std::size_t i = 0; i < plan.group_by.size(); ++i)
                append_key(key.text, plan.group_types[i], eval(plan.group_by[i]));
            if (failed()) return false;
            state.used = true;
            const auto [at, fresh] =
                state.keys.insert(key.text, [&](std::string_view k) { return arena().copy(k); });
            number = at;
            if (fresh) {
                groups.open();
                rows.push_back(capture(plan.from));
            }
        }
        any = true;
        groups.add(number);
        return !failed() && !plan.first_row_decides;
    });
    if (failed()) return false;
    for (std::uint32_t i = 0; i < rows.size(); ++i) {
        restore(plan.from, rows[i]);
        groups.finish(i);
        if (failed()) return false;
        if (plan.having != no_expr && !evaluator_.truth(plan.having)) {
            if (failed()) return false;
            continue;
        }
        if (!next()) return false;
    }
    return true;
}

}  // namespace anabranch::exec
