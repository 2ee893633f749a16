// A script: all that happens to a simulated world and when, so that one run can be written down, made
// smaller and run again. What it leaves open (the delay of each message, what a crash keeps) follows from its
// seed.
//
//   # any comment
//   schema tools/examples/bank.sql     where the tables come from (for the command line; may repeat)
//   seed 17
//   replicas 3
//   loss 0.03                          ... and the other Conditions
//   at 120.300 call b 2 CALL deposit(1, 5)   milliseconds; client 2, who is at node b or moves there
//   at 400 cut a b                     from a to b nothing arrives any more
//   at 900 mend                        all links work again
//   at 950 change b remove c           anabranch admin remove c, at node b
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/time.h"

namespace anabranch::sim {

// Switches a safety rule off, to show that the checkers notice (tests/unit/sim/planted_test.cpp).
enum class Planted : std::uint8_t {
    nothing,
    all_free,               // ordered transactions run as free ones
    gossip_before_durable,  // the disk says that it has what it has not
    forget_disk,            // an fsync is skipped: a crash takes what had been synced
    early_checkpoint,       // a checkpoint counts before the log is durable up to its end
    early_truncation,       // the log gives up what is still needed
    keep_promises,          // a node that lost its directory takes part in the order at once
    ignore_causality,       // a delta is merged before what it depends on
    quorum_of_one,          // what one disk has is answered for as a majority's
    arrival_order,          // the last write to arrive wins, not the last one made
    ignore_checksums,       // bits that have rotted on disk are read as they are
    answer_early,           // an ordered call is answered before its entry is committed
    forget_losses,          // what a session does behind a lost call that was answered early goes on
    forget_early,           // tombstones go before all members are known to be past needing them
    ack_before_durable,     // the rest are order::Options::Unsafe
    forget_vote,
    ignore_dependencies,
    skip_log_check,
    execute_before_applied,
    one_majority_when_joint,
    count_learners,
};

struct Event {
    enum class Kind : std::uint8_t {
        call,   // client `other` at `node`: `text`, or empty: made up from the schema and the state then
        cut,    // nothing from `node` arrives at `other`
        mend,   // all links deliver again
        down,   // the connection between the two breaks
        up,     // and is made again
        crash,  // what was not synced is lost, but for a random part of it
        boot,
        lose,   // a crash that takes the data directory; skipped where that would be more than one at a time
        clock,  // jumps by `amount`
        full,   // the disk takes no more
        room,   // and does again
        slow,   // each sync takes `amount`; 0: as usual
        corrupt,  // a bit of the next message from `node` to `other` is flipped
        join,     // `node`, a spare, starts for the first time and asks `other` to be let in
        rot,  // a bit on the disk of `node` turns over; skipped where that would be more than one at a time
        change,  // `node` is asked for a change of members, as by anabranch admin: "add d", "step-down"
    };
    Duration at;  // since the beginning
    Kind kind = Kind::call;
    std::uint32_t node = 0, other = 0;
    Duration amount;
    std::string text;
};

struct Conditions {
    Duration delay_max = micros(500), sync_max = micros(200);
    double loss = 0, duplication = 0;
    bool reordering = false;
    std::uint64_t kept_bytes = 64 << 20;     // of deltas, before a peer needs a state transfer
    std::uint64_t checkpoint_bytes = 2000;   // of log between two checkpoints
    std::uint64_t slice_bytes = 200;         // of checkpoints and states
    std::uint64_t batch_bytes = 256 * 1024;  // per gossip message
    std::uint64_t checkpoint_entries = 256;  // of the order, that a checkpoint need not have
    std::uint64_t large_bytes = 64 * 1024;   // deltas of more are merged in slices of a row each,
    Duration slice_pause;                    // with so much between them
    Duration patience_max;                   // before a record is synced that nobody waits for
    bool quorum = false;                     // clients 1, 5, 9 ... use anabranch.durability = 'quorum'
    bool memory = false;        // clients 3, 7, 11 ... make ordered calls with durability = 'memory'
    bool tentative = false;     // clients 2, 6, 10 ... make blocks of ordered calls that wait for nobody
    bool forget = true;         // nodes run without --keep-deleted
    Duration pace = millis(1);  // of a primary's proposals
};

struct Script {
    std::vector<std::string> schema;
    std::uint64_t seed = 1;
    std::uint32_t replicas = 3, clients = 12;
    std::uint32_t spares = 0;     // nodes that may join
    Duration load = seconds(20);  // then the faults end
    // The load goes on until all have caught up with what was there then, which must come within this; 0: it
    // ends with the faults.
    Duration catch_up_max;
    Duration settle_max = seconds(60);  // without load convergence must come within this
    Conditions conditions;
    Planted planted = Planted::nothing;
    std::vector<Event> events;  // ascending by time
};

std::string print(const Script& script);
Result<Script> parse_script(const std::string& text);  // error 22023 names the line

std::string name_of(Planted planted);
Result<Planted> parse_planted(std::string_view name);
std::string node_name(std::uint32_t index);  // a, b, ... z, n26, ...

}  // namespace anabranch::sim
