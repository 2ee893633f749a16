// Plans of one assertion: the whole query, and where its shape allows, queries that look for violations from
// touched rows only.
//
// The state before a transaction satisfies the assertion, so a violating row of the query owes itself to a
// touched row:
//   - one of its own rels is bound to a touched row, or
//   - a subquery's answer for the row has changed: the row meets the subquery's own conditions together with
//   a touched row, as it was or
//     as it is (the conditions that speak of no other rel of the subquery), or
//   - its group has changed: it has the group key of a touched row, as it was or as it is.
// What has another shape is asked in full.
#pragma once

#include "lib/exec/schema_plans.h"

namespace anabranch::exec {

AssertionPlan assertion_plan(const SchemaPlans& plans, std::uint32_t invariant);

}  // namespace anabranch::exec
