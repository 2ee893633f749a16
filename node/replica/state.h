// What the parts of one replica share: its state, clock, log tickets and outputs. Internal to node/replica.
//
// A delta becomes *local* when it is merged here and appended to the log, and *held* when the log has it on
// disk. Only held deltas are gossiped, counted as dependencies for the order, or answered for.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>

#include "crdt/hlc.h"
#include "node/replica/delta_store.h"
#include "node/replica/large_merge.h"
#include "node/replica/outcomes.h"
#include "node/replica/replica.h"
#include "node/replica/roster.h"

namespace anabranch::replica {

// Kinds of log records: the first byte.
enum class RecordKind : char {
    delta = 'D',      // an encoded delta, with outcomes in front where it has some
    order = 'O',      // a record of the order core
    committed = 'C',  // varint index: this entry of the order's log has been merged
    peer = 'P',       // the id seen behind a peer's name
    version = 'V',    // of the state in a checkpoint
    identity = 'I',   // identity values drawn so far
    healed = 'H',     // rows that were wrong, and what has taken their place: audit.h
    state = 'S',      // a chunk of another replica's state, and where the transfer is
    standing = 'B',   // what this replica may do in the order: standing.h
    outcomes = 'Q',   // what ordered requests were told: outcomes.h
    tentative = 'T',  // a call in the queue, or what has become of it: tentative.h
    members = 'M',    // a list of members that a peer told of: membership.h
    forgotten = 'F',  // up to what time deleted rows are forgotten: forgetting.h
};

struct Contact {  // somebody this replica talks to
    std::string name, address;
    ReplicaId member;                                        // in the order
    bool voter = true;                                       // or about to be one
    bool former = false;                                     // has been removed
    Roster::Former::Past past = Roster::Former::Past::open;  // ... and then: what it had committed
    friend bool operator==(const Contact&, const Contact&) = default;
};

struct State {
    State(catalog::SchemaPtr schema_in, catalog::Plan plan_in, const Options& options_in, Random random_in)
        : schema(std::move(schema_in)),
          plan(std::move(plan_in)),
          options(options_in),
          random(random_in),
          cluster(options_in.cluster),
          belongs(options_in.joining ? Belongs::waiting : Belongs::joined),
          database(schema),
          large(database, options.slice_rows, options.slice_pause) {
        // Until the order has said who they are.
        for (const auto& peer : options.peers)
            contacts.push_back({peer.name, peer.address, member_id(peer.name), peer.voter, false});
    }

    catalog::SchemaPtr schema;
    catalog::Plan plan;
    Options options;
    Random random;
    std::uint64_t cluster;          // 0: not known yet
    std::vector<Contact> contacts;  // ascending by name
    Roster roster;                  // of the newest committed list of members that is known here,
    Bytes members;                  // the list itself, for greetings,
    std::uint64_t members_at = 0;   // and a position of the order at which it was in force
    enum class Belongs : std::uint8_t { joined, waiting, removed } belongs;
    std::uint64_t joined_at = 0;  // a position in the order: it serves nobody before it is there
    bool started = false;
    crdt::Database database;
    LargeMerge large;
    crdt::HybridClock clock;
    DeltaStore deltas;          // held ones
    crdt::VersionVector held;   // durable here
    Outcomes outcomes;          // of the ordered requests in the database
    std::uint64_t own_seq = 0;  // newest delta of this replica
    Ticket next_ticket = 1;
    Ticket durable = 0;
    std::uint64_t log_bytes = 0;  // of all records so far, for the trigger of checkpoints
    bool log_space = true;
    std::uint64_t log_free =
        UINT64_MAX;  // bytes on the log's disk, when the shell looked last, less what has been written since
    bool memory_full = false;  // rows take as much as they may
    std::uint64_t memory_bytes = 0;
    bool outdated = false;      // peers know more of this replica's past than it does
    std::uint64_t changes = 0;  // grows with every merge
    // An open block notices that rows have moved, be it that they show what they have shown.
    std::uint64_t moves() const { return changes + large.slices(); }
    Instant now;
    Outputs* out = nullptr;

    // At the primary, while it finds out whether tombstones may go: a delta stamped up to `until` that is not
    // in `base` upsets that.
    struct Forgetting {
        std::uint64_t until = 0;
        crdt::VersionVector base;
        bool spoiled = false;
        void note(const crdt::Delta& delta) {
            if (!delta.rows.empty()) note_rows(delta);
        }
        void note_rows(const crdt::Delta& head) {
            if (head.stamp.hlc <= until && !base.contains(head.dot)) spoiled = true;
        }
    } forgetting;

    // A delta merged here whose record waits for the disk.
    struct Pending {
        Ticket ticket = 0;
        Dot dot;
        Bytes bytes;
    };
    std::deque<Pending> pending;
    // The newest record of a delta that a crash could still take from everybody: not one of the order's,
    // which a majority has.
    Ticket newest_free = 0;
    Ticket unsettled() const { return newest_free > durable ? newest_free : 0; }
    void wait_for_disk(Ticket ticket, Dot dot, Bytes bytes) {
        if (dot.origin != ORDER_ORIGIN) newest_free = ticket;
        pending.push_back({ticket, dot, std::move(bytes)});
    }
    // Versions that a transferred state has brought and that wait for the disk.
    std::deque<std::pair<Ticket, crdt::VersionVector>> pending_versions;
    // A state is being transferred: the tables are not fit to be seen.
    bool importing = false;
    bool import_complete = false;  // all of it is here; what it may have shown beyond its version follows
    // What it may have shown is at nobody who can be reached: it is not handed on.
    bool import_lost = false;
    // The rows are replaced by those of a peer that has all that is here: nothing is merged meanwhile, for
    // that would be lost.
    bool starting_over = false;
    bool takes_deltas() const { return log_space && !memory_full && !starting_over; }
    // The order has told this data directory all that was forgotten before it writes (standing.h).
    bool settled = false;
    // This replica may have made promises that it does not remember: it neither votes nor acknowledges.
    bool passive = false;
    // Of the order, before the directory was lost, while they have to be kept to.
    std::optional<order::Promises> promises;
    std::string state_wanted;  // a peer whose state the order needs here; empty: none

    // What only forgets has no rows, whatever its size.
    bool is_large(BytesView delta) const {
        return delta.size() > options.large_delta_bytes && !forgets(delta);
    }
    crdt::Database::Merged merge(const crdt::Delta& delta) {
        if (!database.apart(delta)) large.finish();
        return database.merge(delta);
    }
    Ticket append(RecordKind kind, BytesView body, Persist::When when = Persist::When::at_once) {
        Persist persist;
        persist.ticket = next_ticket++;
        persist.record.reserve(body.size() + 1);
        persist.record.push_back(static_cast<char>(kind));
        persist.record.append(body);
        persist.when = when;
        const Ticket ticket = persist.ticket;
        log_bytes += persist.record.size();
        log_free -= std::min<std::uint64_t>(log_free, persist.record.size());
        out->push_back(std::move(persist));
        return ticket;
    }
    Ticket newest_ticket() const { return next_ticket - 1; }
    void notice(Notice::Level level, std::string text) { out->push_back(Notice{level, std::move(text)}); }
};

inline order::Dots to_dots(const crdt::VersionVector& version, bool with_order) {
    order::Dots out;
    for (const auto& entry : version.entries())
        if (with_order || entry.origin != ORDER_ORIGIN) out.push_back({entry.origin, entry.seq});
    return out;
}
inline wire::Dots to_wire(const crdt::VersionVector& version) {
    wire::Dots out;
    for (const auto& entry : version.entries()) out.emplace_back(entry.origin, entry.seq);
    return out;
}
inline crdt::VersionVector from_wire(const wire::Dots& dots) {
    crdt::VersionVector out;
    for (const auto& [origin, seq] : dots) out.set(origin, seq);
    return out;
}

}  // namespace anabranch::replica
