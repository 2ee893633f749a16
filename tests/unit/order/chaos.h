// One random history: faults for a while, then a healed world in which the cluster must come back to work.
// Everything follows from the seed.
#pragma once

#include "tests/unit/order/cluster.h"

namespace anabranch::order::test {

struct Chaos {
    World world;
    std::vector<std::uint64_t> voters = {1, 2, 3};
    std::vector<std::uint64_t> learners;
    std::vector<std::uint64_t> spares;  // join, and may become members
    Duration time = seconds(2);
    Duration fault_every = millis(60);  // on average
    Duration propose_every = millis(4);
    double crashes = 1, partitions = 1, transfers = 0.3, changes = 0, compactions = 0.5, slow_disks = 0.3,
           losses = 0;     // relative
    bool recovers = true;  // end in a healed world that must come back to work
    Duration recover_within = seconds(5);
    Chaos();
};

struct Outcome {
    std::uint64_t elections = 0;
    std::uint64_t commits = 0;
    std::uint64_t messages = 0;
    std::uint64_t reads = 0;
    std::map<std::string, std::uint64_t> seen;  // rare outputs, by name: a campaign must reach them
    std::uint64_t unseed = 0;                   // last random number: the same seed must give the same
};

// Throws Violation.
Outcome run(const Chaos& chaos, std::uint64_t seed);

// The shape of Raft's figure 8, again and again with random timing: a primary is cut off with one other voter
// while it proposes; a primary is elected on the other side and crashes at once; the first side leads again,
// and crashes a little later; the other returns.
void storm_of_figure_8(const Options& options, std::uint64_t seed);

// The first seed of 1..seeds that finds a violation, with its text; 0: none.
std::pair<std::uint64_t, std::string> first_violation(const std::function<void(std::uint64_t)>& history,
                                                      std::uint64_t seeds);

}  // namespace anabranch::order::test
