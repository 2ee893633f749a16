// From edges to routes: the plan that nodes obey.
#pragma once

#include "confluence/classify.h"
#include "lib/catalog/plan.h"

namespace anabranch::confluence {

catalog::Plan make_plan(const smt::Analysis& analysis, const Classifier& classifier);

}  // namespace anabranch::confluence
