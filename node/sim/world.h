// A deterministic world: replicas, their disks, a network and clients, all from one seed. It drives the
// replicas that ship; nothing above the four seams (network, disk, clock, entropy) is mocked. The same script
// gives the same events, which the fingerprint shows.
//
// First faults and load, then everything heals, the load goes on until all have caught up, ends, and the
// replicas must converge within a bounded time. Checked
// all along, by name (Outcome::rule):
//   invariant     every invariant of the schema at every replica's visible state, whenever it has changed;
//   sequence      the ordered calls visible anywhere are a prefix of one sequence;
//   session       what a client is answered from covers all it has been answered from before, wherever it is;
//   availability  a free call is answered at once by any node that runs, cut off or not;
//   patience      an ordered call has an answer, good or bad, when its timeout is over;
//   starvation    while the load goes on, each member gets what was there when the faults ended;
//   quorum        what was answered under anabranch.durability = 'quorum' is on more than half of the
//   members' disks; durability    a restarted replica knows every write that it had acknowledged; recovery
//   what is on its disk lets a replica start; election, log_matching, leader_completeness, state_machine what
//   the order promises: order_facts.h;
// and in the end:
//   convergence   all replicas hold the same deltas, and take part in the order again;
//   divergence    ... and then the same bytes, by digest and row by row;
//   acknowledged  no acknowledged write is missing anywhere;
//   once          no call was executed twice, or although it was refused;
//   real_time     the sequence of ordered calls is a linearization.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "lib/catalog/plan.h"
#include "lib/catalog/schema.h"
#include "node/sim/script.h"

namespace anabranch::sim {

struct Faults {
    bool delay = true, loss = true, duplication = true, reordering = true;
    bool partitions = true;   // symmetric, one way, flapping; with and without broken connections
    bool crashes = true;      // with loss of what was not synced
    bool clocks = true;       // skew and jumps
    bool directories = true;  // a node loses all it had, and rejoins
    bool disks = true;        // full, slow
    bool corruption = true;   // flipped bits on the network
    bool power = true;        // all nodes stop at once, with much that is not durable yet
    bool rot = true;          // bits turn over on disk, and are found at the next start
    bool members = true;      // nodes join, are removed and come back; the primacy is handed over
};

struct Options {
    std::uint64_t seed = 1;
    std::uint32_t replicas = 3;
    Duration load = seconds(20);        // with faults
    Duration settle_max = seconds(60);  // without: convergence must come within this
    Duration call_interval = millis(20);
    Faults faults;         // each seed takes some of these
    bool verbose = false;  // events into Outcome::trace
    Planted planted = Planted::nothing;
    bool forget = true;  // nodes run without --keep-deleted
};

struct Outcome {
    bool ok = true;
    std::string rule;     // which one was broken
    std::string problem;  // what, where, when
    std::uint64_t events = 0, calls = 0, committed = 0, refused = 0, unavailable = 0, crashes = 0,
                  partitions = 0, messages = 0;
    Duration simulated;
    Duration converged_after;  // from the healing on
    std::uint64_t fingerprint = 0;
    std::vector<std::string> trace;
    std::map<std::string, std::uint64_t> marks;  // how often rare paths were taken
    Script script;  // what was run, with the calls that were made up; up to the failure
};

Script make_script(const Options& options);
Outcome run(const catalog::SchemaPtr& schema, const catalog::Plan& plan, const Script& script,
            bool verbose = false);
// Runs one seed to its end.
Outcome simulate(const catalog::SchemaPtr& schema, const catalog::Plan& plan, const Options& options);

// Makes the script of a failure smaller, while it breaks the same rule: fewer events, then simpler
// conditions (delta debugging, Zeller and Hildebrandt 2002). Stops when nothing more can go, or when
// `go_on` says no.
Script shrink(const catalog::SchemaPtr& schema, const catalog::Plan& plan, const Outcome& failure,
              const std::function<bool()>& go_on);

}  // namespace anabranch::sim
