// What `anabranch bench order` measures without sockets: see bench_order_far.cpp.
#pragma once

#include "lib/base/error.h"
#include "lib/base/time.h"
#include "lib/catalog/plan.h"
#include "lib/catalog/schema.h"

namespace anabranch::tools {

struct FarFigures {
    std::size_t clients = 64;
    Duration load = seconds(10);
};
// Of the bank: how long ordered calls take where a majority is far away.
Result<void> measure_far(const catalog::SchemaPtr& schema, const catalog::Plan& plan,
                         const FarFigures& wanted);

}  // namespace anabranch::tools
