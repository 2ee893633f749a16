#include <algorithm>
#include <numeric>

#include "lib/exec/executor.h"
#include "lib/sql/evaluate_aggregate.h"

namespace anabranch::exec {

using sql::Datum;

namespace {

// What one window function needs of a row.
struct WindowRow {
    std::string_view partition;
    const Datum* order = nullptr;
    const Datum* args = nullptr;
    bool counts = true;  // FILTER
    Datum result;
};

class WindowRun {
  public:
    WindowRun(Executor& executor, const WindowPlan& plan) : executor_(executor), plan_(plan) {}

    void add() {
        WindowRow row;
        std::string key;
        for (std::size_t i = 0; i < plan_.partition.size(); ++i)
            append_key(key, plan_.partition_types[i], executor_.eval(plan_.partition[i]));
        row.partition = executor_.arena().copy(key);
        std::vector<Datum> order, args;
        for (const AggregatePlan::Order& o : plan_.order) order.push_back(executor_.eval(o.key));
        const auto& list = plan_.aggregate ? plan_.aggregate->args : plan_.args;
        for (const ExprId arg : list) args.push_back(executor_.eval(arg));
        row.order = executor_.keep(order.data(), order.size());
        row.args = executor_.keep(args.data(), args.size());
        if (plan_.aggregate && plan_.aggregate->filter != no_expr)
            row.counts = executor_.evaluator().truth(plan_.aggregate->filter);
        rows_.push_back(row);
    }
    void compute() {
        sequence_.resize(rows_.size());
        std::iota(sequence_.begin(), sequence_.end(), std::size_t{0});
        std::stable_sort(sequence_.begin(), sequence_.end(), [&](std::size_t a, std::size_t b) {
            const int order = rows_[a].partition.compare(rows_[b].partition);
            return order != 0 ? order < 0 : order_of(a, b) < 0;
        });
        for (std::size_t first = 0; first < sequence_.size();) {
            std::size_t last = first + 1;
            while (last < sequence_.size() && at(last).partition == at(first).partition) ++last;
            partition(first, last);
            first = last;
        }
    }
    Datum result(std::size_t row) const { return rows_[row].result; }
    const std::vector<std::size_t>& sequence() const { return sequence_; }

  private:
    WindowRow& at(std::size_t position) { return rows_[sequence_[position]]; }
    int order_of(std::size_t a, std::size_t b) const {
        for (std::size_t k = 0; k < plan_.order.size(); ++k) {
            const auto& key = plan_.order[k];
            const int order = compare_sorted(key.type, rows_[a].order[k], rows_[b].order[k], key.descending,
                                             key.nulls_first);
            if (order != 0) return order;
        }
        return 0;
    }
    bool peers(std::size_t a, std::size_t b) const { return order_of(sequence_[a], sequence_[b]) == 0; }

    void partition(std::size_t first, std::size_t last) {
        if (plan_.func == sql::WindowFunc::aggregate) return aggregate(first, last);
        std::int64_t rank = 1, dense = 1;
        std::size_t peers_end = first;
        for (std::size_t i = first; i < last; ++i) {
            if (i > first && !peers(i - 1, i)) {
                rank = static_cast<std::int64_t>(i - first) + 1;
                ++dense;
            }
            while (peers_end < last && (peers_end <= i || peers(i, peers_end))) ++peers_end;
            at(i).result = value(first, last, i, rank, dense, peers_end);
        }
    }
    Datum value(std::size_t first, std::size_t last, std::size_t i, std::int64_t rank, std::int64_t dense,
                std::size_t peers_end) {
        switch (plan_.func) {
            case sql::WindowFunc::row_number:
                return Datum::integer(static_cast<std::int64_t>(i - first) + 1);
            case sql::WindowFunc::rank:
                return Datum::integer(rank);
            case sql::WindowFunc::dense_rank:
                return Datum::integer(dense);
            case sql::WindowFunc::first_value:
                return at(first).args[0];
            case sql::WindowFunc::last_value:
                return at(peers_end - 1).args[0];  // the default frame ends with the row's peers
            case sql::WindowFunc::lag:
                return shifted(first, last, i, -1);
            case sql::WindowFunc::lead:
                return shifted(first, last, i, 1);
            case sql::WindowFunc::aggregate:
                break;
        }
        return {};
    }
    Datum shifted(std::size_t first, std::size_t last, std::size_t i, std::int64_t direction) {
        std::int64_t by = 1;
        if (plan_.args.size() > 1) {
            if (at(i).args[1].is_null()) return {};
            by = at(i).args[1].as_integer();
        }
        const std::int64_t there = static_cast<std::int64_t>(i) + direction * by;
        if (there >= static_cast<std::int64_t>(first) && there < static_cast<std::int64_t>(last))
            return at(static_cast<std::size_t>(there)).args[0];
        return plan_.args.size() > 2 ? at(i).args[2] : Datum{};
    }
    // RANGE UNBOUNDED PRECEDING: up to the last peer; without ORDER BY all rows are peers.
    void aggregate(std::size_t first, std::size_t last) {
        sql::Accumulator running(plan_.aggregate->func, plan_.aggregate->types, plan_.aggregate->result);
        for (std::size_t i = first; i < last;) {
            std::size_t end = i;
            while (end < last && (end == i || peers(i, end))) {
                if (at(end).counts) running.add(executor_.context(), at(end).args);
                ++end;
            }
            const Datum result = running.finish(executor_.context());
            for (; i < end; ++i) at(i).result = result;
        }
    }

    Executor& executor_;
    const WindowPlan& plan_;
    std::vector<WindowRow> rows_;
    std::vector<std::size_t> sequence_;
};

}  // namespace

bool Executor::windowed(const QueryPlan& plan, Next next) {
    std::vector<WindowRun> runs;
    runs.reserve(plan.windows.size());
    for (const WindowPlan& window : plan.windows) runs.emplace_back(*this, window);
    struct Row {
        Capture slots;
        const Datum* aggregates;
    };
    std::vector<Row> rows;
    const auto take = [&] {
        std::vector<Datum> aggregates;
        for (const AggregatePlan& aggregate : plan.aggregates)
            aggregates.push_back(registers_[aggregate.reg]);
        rows.push_back({capture(plan.from), keep(aggregates.data(), aggregates.size())});
        for (WindowRun& run : runs) run.add();
        return !failed() && !cancelled();
    };
    if (plan.grouped)
        grouped(plan, take);
    else
        group(plan.from, take);
    if (failed()) return false;
    for (WindowRun& run : runs) run.compute();
    for (const std::size_t i : runs.back().sequence()) {
        restore(plan.from, rows[i].slots);
        for (std::size_t a = 0; a < plan.aggregates.size(); ++a)
            registers_[plan.aggregates[a].reg] = rows[i].aggregates[a];
        for (std::size_t w = 0; w < runs.size(); ++w) registers_[plan.windows[w].reg] = runs[w].result(i);
        if (failed() || !next()) return false;
    }
    return true;
}

}  // namespace anabranch::exec
