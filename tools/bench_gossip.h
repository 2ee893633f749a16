// What replication costs: the figures of `anabranch bench gossip`, each with what is aimed at. In one process
// without sockets (bench_gossip_local.cpp), and on three nodes of this machine (bench_gossip.cpp).
#pragma once

#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/time.h"
#include "lib/catalog/plan.h"
#include "lib/catalog/schema.h"
#include "tools/figure.h"

namespace anabranch::tools {

struct LocalFigures {
    std::uint64_t deltas = 1'000'000;
    std::string directory;  // for the log that is recovered
};
// Bytes, speed of merging, catching up, recovery.
Result<void> measure_local(const catalog::SchemaPtr& schema, const catalog::Plan& plan,
                           const LocalFigures& wanted);

struct ScaleFigures {
    std::vector<std::size_t> replicas{3, 10, 50, 200};
    std::int64_t calls_per_second = 1000;
    Duration load = seconds(2);
};
// Bytes per delta and peer, and the time until a delta is everywhere, in a mesh and in an overlay.
Result<void> measure_scale(const catalog::SchemaPtr& schema, const catalog::Plan& plan,
                           const ScaleFigures& wanted);

}  // namespace anabranch::tools
