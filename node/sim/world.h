// A deterministic world: replicas, their disks, a network and clients, all from one seed. It drives the
// replicas that ship; nothing above the four seams (network, disk, clock, entropy) is mocked. The same seed
// and options give the same events, which the fingerprint shows.
//
// First faults and load, then everything heals and the replicas must converge within a bounded time. Checked
// all along:
//   - every invariant of the schema at every replica's visible state, whenever it has changed;
//   - no acknowledged write is missing anywhere at the end;
//   - equal version vectors mean equal digests.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lib/catalog/plan.h"
#include "lib/catalog/schema.h"
#include "node/replica/replica.h"

namespace anabranch::sim {

struct Faults {
    bool delay = true, loss = true, duplication = true, reordering = true;
    bool partitions = true;
    bool crashes = true;  // with loss of what was not synced
    bool clocks = true;   // skew and jumps
};

struct Options {
    std::uint64_t seed = 1;
    std::uint32_t replicas = 3;
    Duration load = seconds(20);        // with faults
    Duration settle_max = seconds(60);  // without: convergence must come within this
    Duration call_interval = millis(20);
    Faults faults;
    bool verbose = false;  // events into Outcome::trace
    // Switches a safety rule off, to show that the checkers notice.
    enum class Planted : std::uint8_t {
        nothing,
        all_free,
        gossip_before_durable,
        forget_disk
    } planted = Planted::nothing;
};

struct Outcome {
    bool ok = true;
    std::string problem;  // what was violated, where, when
    std::uint64_t events = 0, calls = 0, committed = 0, refused = 0, unavailable = 0, crashes = 0,
                  partitions = 0, messages = 0;
    Duration simulated;
    Duration converged_after;  // from the healing on
    std::uint64_t fingerprint = 0;
    std::vector<std::string> trace;
};

// Runs one seed to its end.
Outcome simulate(const catalog::SchemaPtr& schema, const catalog::Plan& plan, const Options& options);

}  // namespace anabranch::sim
