#include "lib/exec/output.h"

#include <algorithm>

#include "lib/sql/value.h"

namespace anabranch::exec {

using sql::Datum;

int compare_sorted(sql::Type type, Datum a, Datum b, bool descending, bool nulls_first) {
    if (a.is_null() || b.is_null()) {
        if (a.is_null() && b.is_null()) return 0;
        return a.is_null() == nulls_first ? -1 : 1;
    }
    const int order = sql::compare(type, a, b);
    return descending ? -order : order;
}

Output::Output(Executor& executor, const QueryPlan& plan, RowEmitter emit)
    : executor_(executor),
      plan_(plan),
      emit_(emit),
      sorts_(!plan.order.empty() && !plan.ordered),
      width_(plan.width() + plan.order.size() + (plan.distinct_on.empty() ? 0 : 1)) {}

bool Output::limit(ExprId id, const char* word, const char* code, std::int64_t& out) {
    if (id == no_expr) return true;
    const Datum value = executor_.eval(id);
    if (executor_.failed()) return false;
    if (value.is_null()) return true;
    if (value.as_integer() < 0) {
        executor_.context().fail(code, std::string(word) + " must not be negative");
        return false;
    }
    out = value.as_integer();
    return true;
}

bool Output::begin() {
    if (!limit(plan_.limit, "LIMIT", "2201W", left_) || !limit(plan_.offset, "OFFSET", "2201X", skip_))
        return false;
    constexpr std::int64_t small = 100'000;
    if (left_ >= 0 && left_ < small && skip_ < small) keep_ = static_cast<std::size_t>(left_ + skip_);
    return left_ != 0;
}

bool Output::from_targets() {
    Datum* row = executor_.registers(plan_.output_register);
    for (std::size_t i = 0; i < plan_.targets.size(); ++i) row[i] = executor_.eval(plan_.targets[i]);
    return !executor_.failed() && take(row);
}

bool Output::from_row(const Datum* row) {
    executor_.slot(plan_.result_slot).values = row;
    return take(row);
}

bool Output::take(const Datum* row) {
    if (plan_.distinct && !new_key(row)) return !executor_.failed();
    if (sorts_) return hold(row);
    if (!plan_.distinct_on.empty() && !new_distinct_on()) return !executor_.failed();
    return pass(row);
}

bool Output::pass(const Datum* row) {
    if (skip_ > 0) {
        --skip_;
        return true;
    }
    if (left_ == 0) return false;
    if (left_ > 0) --left_;
    stopped_ = !emit_(row);
    return !stopped_ && left_ != 0;
}

bool Output::new_key(const Datum* row) {
    Executor::Lease key(executor_);
    executor_.key_of(row, plan_.types, key.text);
    return executor_.insert_key(executor_.states_[plan_.distinct_state], key.text);
}

bool Output::new_distinct_on() {
    Executor::Lease key(executor_);
    for (const SortKey& part : plan_.distinct_on) append_key(key.text, part.type, executor_.eval(part.key));
    return !executor_.failed() && executor_.insert_key(executor_.states_[plan_.distinct_state], key.text);
}

bool Output::hold(const Datum* row) {
    auto* kept = reinterpret_cast<Datum*>(executor_.arena().allocate(width_ * sizeof(Datum)));
    const std::size_t columns = plan_.width();
    std::copy(row, row + columns, kept);
    for (std::size_t i = 0; i < plan_.order.size(); ++i) {
        const SortKey& key = plan_.order[i];
        kept[columns + i] = key.key == no_expr ? row[key.column] : executor_.eval(key.key);
    }
    if (!plan_.distinct_on.empty()) {
        Executor::Lease key(executor_);
        for (const SortKey& part : plan_.distinct_on)
            append_key(key.text, part.type, executor_.eval(part.key));
        kept[width_ - 1] = Datum::bytes(executor_.arena().copy(key.text));
    }
    if (executor_.failed()) return false;
    held_.push_back(kept);
    if (keep_ != 0 && plan_.distinct_on.empty() && held_.size() >= 4 * keep_ + 256) prune(keep_);
    return true;
}

bool Output::sorted_before(const Datum* a, const Datum* b) const {
    const std::size_t columns = plan_.width();
    for (std::size_t i = 0; i < plan_.order.size(); ++i) {
        const SortKey& key = plan_.order[i];
        const int order =
            compare_sorted(key.type, a[columns + i], b[columns + i], key.descending, key.nulls_first);
        if (order != 0) return order < 0;
    }
    return false;
}

void Output::prune(std::size_t keep) {
    std::stable_sort(held_.begin(), held_.end(),
                     [&](const Datum* a, const Datum* b) { return sorted_before(a, b); });
    if (held_.size() > keep) held_.resize(keep);
}

bool Output::finish() {
    if (executor_.failed()) return false;
    if (!sorts_) return !stopped_;
    prune(held_.size());
    std::string_view last;
    for (std::size_t i = 0; i < held_.size(); ++i) {
        if (!plan_.distinct_on.empty()) {
            const std::string_view key = held_[i][width_ - 1].as_bytes();
            if (i > 0 && key == last) continue;
            last = key;
        }
        if (!pass(held_[i])) break;
    }
    return !stopped_;
}

}  // namespace anabranch::exec
