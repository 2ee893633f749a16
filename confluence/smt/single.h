// Questions about one state, without calls.
#pragma once

#include <cstdint>

#include "confluence/smt/analysis.h"

namespace anabranch::confluence::smt {

// False: no state with a row in every table that the invariant reads satisfies it (proved).
bool can_hold(const Analysis& analysis, std::uint32_t invariant);

// A linear lower bound hidden in a CHECK: sum of (factor * column) + constant >= 0, over counters and columns
// that never change.
struct LinearBound {
    TableId table;
    std::vector<std::pair<std::int64_t, std::uint32_t>> terms;  // factor, column
    std::int64_t constant = 0;
};

}  // namespace anabranch::confluence::smt
