// Which rows of a sorted partition the frame of a window takes in, for one row after another. Both ends only
// move forward, so that a whole partition costs as many steps as it has rows.
#pragma once

#include <span>
#include <vector>

#include "lib/base/error.h"
#include "lib/exec/plan.h"
#include "lib/sql/datum.h"

namespace anabranch::exec {

// What a bound needs of a row: its values in RANGE mode with an offset.
struct FrameValues {
    sql::Datum key, start, end;
};

class WindowFrame {
  public:
    // Rows are [first, last) of a sequence; `peer_group` numbers the groups of equal sort keys from 0.
    WindowFrame(const WindowPlan& plan, std::int64_t start_offset, std::int64_t end_offset, std::size_t first,
                std::size_t last, std::span<const std::size_t> peer_group,
                std::span<const FrameValues> values);

    void move_to(std::size_t row);
    std::size_t begin() const { return begin_; }
    std::size_t end() const { return end_ < begin_ ? begin_ : end_; }
    // EXCLUDE leaves some out.
    bool holds(std::size_t row) const;
    bool whole() const { return plan_.exclusion == sql::FrameExclusion::none; }

  private:
    std::size_t group_of(std::size_t row) const { return peer_group_[row - first_]; }
    std::size_t group_begin(std::int64_t group) const;
    bool range_start_after(std::size_t row) const;
    bool range_end_before(std::size_t row) const;
    std::size_t start_of(std::size_t row);
    std::size_t end_of(std::size_t row);
    std::size_t counted(std::size_t row, std::int64_t by) const;

    const WindowPlan& plan_;
    const std::int64_t start_offset_, end_offset_;
    const std::size_t first_, last_;
    const std::span<const std::size_t> peer_group_;
    const std::span<const FrameValues> values_;
    std::vector<std::size_t> group_begins_;  // and the partition's end
    std::size_t row_ = 0, begin_, end_;
};

}  // namespace anabranch::exec
