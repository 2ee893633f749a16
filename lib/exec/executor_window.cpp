#include <algorithm>
#include <numeric>

#include "lib/exec/executor.h"
#include "lib/exec/window_frame.h"
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
    WindowRun(Executor& executor, const WindowPlan& plan)
        : executor_(executor),
          plan_(plan),
          plain_(plan.mode == sql::FrameMode::range && plan.exclusion == sql::FrameExclusion::none &&
                 plan.start.kind == sql::FrameBound::Kind::unbounded_preceding &&
                 plan.end.kind == sql::FrameBound::Kind::current_row) {}

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
        if (rows_.empty()) {
            start_offset_ = offset(plan_.start, "starting");
            end_offset_ = offset(plan_.end, "ending");
        }
        if (plan_.key != no_expr) {
            const auto value = [&](ExprId id) {
                const Datum v = id == no_expr ? Datum() : executor_.eval(id);
                return *executor_.keep(&v, 1);
            };
            values_.push_back({value(plan_.key), value(plan_.start.value), value(plan_.end.value)});
        }
        rows_.push_back(row);
    }
    void compute() {
        sequence_.resize(rows_.size());
        std::iota(sequence_.begin(), sequence_.end(), std::size_t{0});
        std::stable_sort(sequence_.begin(), sequence_.end(), [&](std::size_t a, std::size_t b) {
            const int order = rows_[a].partition.compare(rows_[b].partition);
            return order != 0 ? order < 0 : order_of(a, b) < 0;
        });
        for (std::size_t first = 0; first < sequence_.size() && !executor_.failed();) {
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

    // Of a frame's bound: a number of rows or groups, 0 where there is none. In RANGE mode the bounds are
    // values.
    std::int64_t offset(const WindowPlan::Bound& bound, const char* which) {
        if (bound.offset == no_expr) return 0;
        const Datum value = executor_.eval(bound.offset);
        sql::EvalContext& context = executor_.context();
        if (value.is_null())
            context.fail("22004", std::string("frame ") + which + " offset must not be null");
        else if (executor_.evaluator().truth(bound.negative))
            context.fail("22013", plan_.mode == sql::FrameMode::range
                                      ? "invalid preceding or following size in window function"
                                      : std::string("frame ") + which + " offset must not be negative");
        return plan_.mode == sql::FrameMode::range || value.is_null() ? 0 : value.as_integer();
    }

    void partition(std::size_t first, std::size_t last) {
        if (plan_.func == sql::WindowFunc::aggregate && plain_) return aggregate(first, last);
        if (uses_frame()) return framed(first, last);
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
    bool uses_frame() const {
        return plan_.func == sql::WindowFunc::aggregate || plan_.func == sql::WindowFunc::first_value ||
               plan_.func == sql::WindowFunc::last_value || plan_.func == sql::WindowFunc::nth_value;
    }
    Datum value(std::size_t first, std::size_t last, std::size_t i, std::int64_t rank, std::int64_t dense,
                std::size_t peers_end) {
        const auto count = static_cast<std::int64_t>(last - first);
        switch (plan_.func) {
            case sql::WindowFunc::row_number:
                return Datum::integer(static_cast<std::int64_t>(i - first) + 1);
            case sql::WindowFunc::rank:
                return Datum::integer(rank);
            case sql::WindowFunc::dense_rank:
                return Datum::integer(dense);
            case sql::WindowFunc::percent_rank:
                return Datum::floating(
                    count == 1 ? 0 : static_cast<double>(rank - 1) / static_cast<double>(count - 1));
            case sql::WindowFunc::cume_dist:
                return Datum::floating(static_cast<double>(peers_end - first) / static_cast<double>(count));
            case sql::WindowFunc::ntile:
                return ntile(first, count, static_cast<std::int64_t>(i - first));
            case sql::WindowFunc::lag:
                return shifted(first, last, i, -1);
            case sql::WindowFunc::lead:
                return shifted(first, last, i, 1);
            default:
                return {};
        }
    }
    // The first `count mod buckets` buckets take one row more.
    Datum ntile(std::size_t first, std::int64_t count, std::int64_t row) {
        const Datum buckets = at(first).args[0];
        if (buckets.is_null()) return {};
        const std::int64_t n = buckets.as_integer();
        if (n <= 0) return executor_.context().fail("22014", "argument of ntile must be greater than zero");
        const std::int64_t size = count / n, larger = count % n;
        if (row < larger * (size + 1)) return Datum::integer(row / (size + 1) + 1);
        return Datum::integer(larger + (row - larger * (size + 1)) / std::max<std::int64_t>(size, 1) + 1);
    }

    // What depends on the frame.
    void framed(std::size_t first, std::size_t last) {
        std::vector<std::size_t> groups;
        std::vector<FrameValues> values;
        for (std::size_t i = first; i < last; ++i) {
            groups.push_back(i == first ? 0 : groups.back() + (peers(i - 1, i) ? 0 : 1));
            if (!values_.empty()) values.push_back(values_[sequence_[i]]);
        }
        WindowFrame frame(plan_, start_offset_, end_offset_, first, last, groups, values);
        if (plan_.func == sql::WindowFunc::aggregate) return framed_aggregate(frame, first, last);
        for (std::size_t i = first; i < last && !executor_.failed(); ++i) {
            frame.move_to(i);
            at(i).result = chosen(frame, i);
        }
    }
    Datum chosen(const WindowFrame& frame, std::size_t i) {
        std::int64_t wanted = 1;
        if (plan_.func == sql::WindowFunc::nth_value) {
            if (at(i).args[1].is_null()) return {};
            wanted = at(i).args[1].as_integer();
            if (wanted <= 0)
                return executor_.context().fail("22016", "argument of nth_value must be greater than zero");
        }
        const auto size = static_cast<std::int64_t>(frame.end() - frame.begin());
        if (plan_.func == sql::WindowFunc::last_value) {
            for (std::size_t j = frame.end(); j-- > frame.begin();)
                if (frame.holds(j)) return at(j).args[0];
            return {};
        }
        if (frame.whole())
            return wanted <= size ? at(frame.begin() + static_cast<std::size_t>(wanted) - 1).args[0]
                                  : Datum();
        for (std::size_t j = frame.begin(); j < frame.end(); ++j)
            if (frame.holds(j) && --wanted == 0) return at(j).args[0];
        return {};
    }
    Datum finished(const sql::Accumulator& running) {
        const sql::InZone zone(executor_.context(), plan_.aggregate->zone.get());
        return running.finish(executor_.context());
    }
    // Rows are added as long as the frame only grows; when its start moves, it is added up anew.
    void framed_aggregate(WindowFrame& frame, std::size_t first, std::size_t last) {
        const sql::Accumulator empty(plan_.aggregate->func, plan_.aggregate->types, plan_.aggregate->result);
        sql::Accumulator running = empty;
        std::size_t begin = first, end = first;
        for (std::size_t i = first; i < last && !executor_.failed(); ++i) {
            frame.move_to(i);
            if (frame.begin() != begin || frame.end() < end || !frame.whole()) {
                running = empty;
                begin = end = frame.begin();
            }
            for (; end < frame.end() && !executor_.cancelled(); ++end)
                if (at(end).counts && frame.holds(end)) running.add(executor_.context(), at(end).args);
            at(i).result = finished(running);
        }
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
            const Datum result = finished(running);
            for (; i < end; ++i) at(i).result = result;
        }
    }

    Executor& executor_;
    const WindowPlan& plan_;
    const bool plain_;  // the default frame
    std::int64_t start_offset_ = 0, end_offset_ = 0;
    std::vector<FrameValues> values_;  // per row, where the frame's bounds are values
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
