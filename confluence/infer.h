// Bounds that every reachable state keeps although nobody declared them: "x >= 0", "status in ('open',
// 'closed')", and rows that are there from the start and never go. Candidates are guessed from the initial
// rows and proved by induction; they only ever add assumptions, so a wrong guess costs time and nothing else.
// Without them the start (0, 0) could not be told from an unreachable start (-1, 1).
#pragma once

#include <map>
#include <set>
#include <vector>

#include "confluence/smt/analysis.h"

namespace anabranch::confluence {

// Candidates for these columns, true of the initial rows; not yet proved inductive.
std::vector<smt::Bound> bound_candidates(const smt::Analysis& analysis,
                                         const std::map<TableId, std::set<std::uint32_t>>& columns);
// Rows of the start in tables that lose no row, with the columns that nobody changes: in every state. At most
// two per table.
std::vector<smt::PermanentRow> permanent_rows(const smt::Analysis& analysis, const std::set<TableId>& tables);

}  // namespace anabranch::confluence
