// What the parts of one replica share: its state, clock, log tickets and outputs. Internal to node/replica.
//
// A delta becomes *local* when it is merged here and appended to the log, and *held* when the log has it on
// disk. Only held deltas are gossiped, counted as dependencies for the order, or answered for.
#pragma once

#include <deque>
#include <functional>

#include "crdt/hlc.h"
#include "node/replica/delta_store.h"
#include "node/replica/replica.h"

namespace anabranch::replica {

// Kinds of log records: the first byte.
enum class RecordKind : char {
    delta = 'D',      // an encoded delta
    order = 'O',      // a record of the order core
    committed = 'C',  // varint index: this entry of the order's log has been merged
    peer = 'P',       // the id seen behind a peer's name
};

struct State {
    State(catalog::SchemaPtr schema_in, catalog::Plan plan_in, const Options& options_in, Random random_in)
        : schema(std::move(schema_in)),
          plan(std::move(plan_in)),
          options(options_in),
          random(random_in),
          database(schema) {}

    catalog::SchemaPtr schema;
    catalog::Plan plan;
    Options options;
    Random random;
    crdt::Database database;
    crdt::HybridClock clock;
    DeltaStore deltas;          // held ones
    crdt::VersionVector held;   // durable here
    std::uint64_t own_seq = 0;  // newest delta of this replica
    Ticket next_ticket = 1;
    Ticket durable = 0;
    bool log_space = true;
    std::uint64_t changes = 0;  // grows with every merge: an open block notices that the state has moved
    Instant now;
    Outputs* out = nullptr;

    // A delta merged here whose record waits for the disk.
    struct Pending {
        Ticket ticket = 0;
        Dot dot;
        Bytes bytes;
    };
    std::deque<Pending> pending;

    Ticket append(RecordKind kind, BytesView body, bool lazy = false) {
        Persist persist;
        persist.ticket = next_ticket++;
        persist.record.reserve(body.size() + 1);
        persist.record.push_back(static_cast<char>(kind));
        persist.record.append(body);
        persist.lazy = lazy;
        const Ticket ticket = persist.ticket;
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
