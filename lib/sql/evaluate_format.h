// Kernels of evaluate_format_time.cpp, chosen in evaluate_format.cpp.
#pragma once

#include "lib/sql/evaluate.h"

namespace anabranch::sql {

Datum time_to_char(EvalContext& context, const CallSite& site, const Datum* args);
Datum to_date_kernel(EvalContext& context, const CallSite& site, const Datum* args);
Datum to_timestamp_format_kernel(EvalContext& context, const CallSite& site, const Datum* args);

}  // namespace anabranch::sql
