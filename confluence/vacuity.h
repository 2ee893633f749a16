// What makes a verdict worthless although it is right: invariants that nothing satisfies, transactions that
// never succeed, a start that is already invalid. People want to hear of these before anything else.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "confluence/check.h"
#include "confluence/smt/analysis.h"

namespace anabranch::confluence {

// `committed`: transactions that are known to succeed, and are not asked about.
std::vector<Vacuous> find_vacuous(const smt::Analysis& analysis,
                                  const std::set<std::uint32_t>& committed = {});

}  // namespace anabranch::confluence
