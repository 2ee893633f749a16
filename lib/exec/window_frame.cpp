#include "lib/exec/window_frame.h"

#include <algorithm>

#include "lib/sql/value.h"

namespace anabranch::exec {

using Kind = sql::FrameBound::Kind;

WindowFrame::WindowFrame(const WindowPlan& plan, std::int64_t start_offset, std::int64_t end_offset,
                         std::size_t first, std::size_t last, std::span<const std::size_t> peer_group,
                         std::span<const FrameValues> values)
    : plan_(plan),
      start_offset_(start_offset),
      end_offset_(end_offset),
      first_(first),
      last_(last),
      peer_group_(peer_group),
      values_(values),
      begin_(first),
      end_(first) {
    for (std::size_t i = 0; i < peer_group.size(); ++i)
        if (i == 0 || peer_group[i] != peer_group[i - 1]) group_begins_.push_back(first + i);
    group_begins_.push_back(last);
}

std::size_t WindowFrame::group_begin(std::int64_t group) const {
    const auto most = static_cast<std::int64_t>(group_begins_.size()) - 1;
    return group_begins_[static_cast<std::size_t>(std::clamp<std::int64_t>(group, 0, most))];
}

// `by` rows, or groups of peers, from this one; offsets may be as large as a bigint.
std::size_t WindowFrame::counted(std::size_t row, std::int64_t by) const {
    const auto size = static_cast<std::int64_t>(last_ - first_) + 1;
    by = std::clamp(by, -size, size);
    if (plan_.mode == sql::FrameMode::groups)
        return group_begin(static_cast<std::int64_t>(group_of(row)) + by);
    const auto at = static_cast<std::int64_t>(row - first_) + by;
    return first_ + static_cast<std::size_t>(std::clamp<std::int64_t>(at, 0, size - 1));
}

// NULLs are a group of their own, before or behind all values.
bool WindowFrame::range_start_after(std::size_t row) const {
    const FrameValues &there = values_[row - first_], &here = values_[row_ - first_];
    const bool nulls_first = plan_.order[0].nulls_first;
    if (there.key.is_null() || here.key.is_null())
        return nulls_first ? there.key.is_null() && !here.key.is_null()
                           : !there.key.is_null() && here.key.is_null();
    const int order = sql::compare(plan_.key_type, there.key, here.start);
    return plan_.order[0].descending ? order > 0 : order < 0;
}
bool WindowFrame::range_end_before(std::size_t row) const {
    const FrameValues &there = values_[row - first_], &here = values_[row_ - first_];
    const bool nulls_first = plan_.order[0].nulls_first;
    if (there.key.is_null() || here.key.is_null())
        return nulls_first ? there.key.is_null() : here.key.is_null();
    const int order = sql::compare(plan_.key_type, there.key, here.end);
    return plan_.order[0].descending ? order >= 0 : order <= 0;
}

std::size_t WindowFrame::start_of(std::size_t row) {
    const bool range = plan_.mode == sql::FrameMode::range;
    switch (plan_.start.kind) {
        case Kind::unbounded_preceding:
            return first_;
        case Kind::unbounded_following:
            return last_;
        case Kind::current_row:
            return plan_.mode == sql::FrameMode::rows ? row
                                                      : group_begin(static_cast<std::int64_t>(group_of(row)));
        case Kind::preceding:
        case Kind::following:
            break;
    }
    if (!range) return counted(row, plan_.start.kind == Kind::preceding ? -start_offset_ : start_offset_);
    std::size_t at = begin_;
    while (at < last_ && range_start_after(at)) ++at;
    return at;
}

std::size_t WindowFrame::end_of(std::size_t row) {
    const bool rows = plan_.mode == sql::FrameMode::rows;
    switch (plan_.end.kind) {
        case Kind::unbounded_preceding:
            return first_;
        case Kind::unbounded_following:
            return last_;
        case Kind::current_row:
            return rows ? row + 1 : group_begin(static_cast<std::int64_t>(group_of(row)) + 1);
        case Kind::preceding:
        case Kind::following:
            break;
    }
    const std::int64_t by = plan_.end.kind == Kind::preceding ? -end_offset_ : end_offset_;
    if (plan_.mode != sql::FrameMode::range) {
        // The end is the row, or group, behind the bound; a bound before the partition leaves nothing.
        const auto here = static_cast<std::int64_t>(rows ? row - first_ : group_of(row));
        if (by < -here) return first_;
        return counted(row, by == INT64_MAX ? by : by + 1);
    }
    std::size_t at = end_;
    while (at < last_ && range_end_before(at)) ++at;
    return at;
}

void WindowFrame::move_to(std::size_t row) {
    row_ = row;
    begin_ = start_of(row);
    end_ = end_of(row);
}

bool WindowFrame::holds(std::size_t row) const {
    switch (plan_.exclusion) {
        case sql::FrameExclusion::none:
            return true;
        case sql::FrameExclusion::current_row:
            return row != row_;
        case sql::FrameExclusion::group:
            return group_of(row) != group_of(row_);
        case sql::FrameExclusion::ties:
            return row == row_ || group_of(row) != group_of(row_);
    }
    return true;
}

}  // namespace anabranch::exec
