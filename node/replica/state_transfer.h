// State transfer: a replica that lacks deltas which nobody keeps any more gets the state they led to, chunk
// by chunk, and joins it with its own: local work is merged, never overwritten.
//
// The receiver asks for one chunk at a time, the next when the last one is durable, so neither side holds
// more than one. The source keeps nothing about a transfer: any replica that holds the version of the first
// chunk can go on with it, after a broken link or a restart of either side. A chunk leaves the source only
// when all that it shows is durable there. The chunks are as of the time when each was made, so that the last
// ones may show half of a transaction that the first ones do not: from the first chunk on until all that any
// chunk may show is here, the receiver's tables are not a state that any replica ever had, and its clients
// are told to wait (57P03). The source's notice nothing.
//
// What a chunk has shown may never come: a disk is lost that alone had it. Then the receiver starts over with
// another source, one that has all that is held here, and chunks take the place of the rows instead of being
// joined with them. Nothing is lost by that: a chunk is taken only if it shows all that is here as deltas.
#pragma once

#include <optional>
#include <string>

#include "node/replica/gossip.h"
#include "node/replica/origin.h"
#include "node/replica/state.h"

namespace anabranch::replica {

class StateTransfer {
  public:
    StateTransfer(State& state, Gossip& gossip, IdentityValues& identities);

    // At the source.
    void request(const std::string& peer, const wire::StateRequest& message);

    // At the receiver.
    void offered(const std::string& peer);
    Result<void> chunk(const std::string& peer, const wire::StateChunk& message);
    void persisted();
    void merged();                 // the version has grown: what the chunks have shown may be complete
    void tick();                   // with each exchange of version vectors
    std::string describe() const;  // empty: nothing is under way

    Result<void> recover(BytesView body);  // an 'S' record
    void start();                          // all records have been read
    void image(FunctionRef<void(RecordKind, BytesView)> put) const;

  private:
    Bytes record(const wire::StateChunk& message) const;
    Result<void> join(BytesView chunk, bool last, BytesView identities);
    void ask();
    void give_up();
    bool stuck() const;
    bool is_lost(const crdt::VersionVector& shown) const;
    void start_over();
    bool awaits_first() const { return state_.starting_over && !shown_anew_; }
    void all_rows_replaced();
    // The first peer behind the last source, in their order, that can be asked and holds this.
    const Contact* next_source(const crdt::VersionVector& holding) const;

    State& state_;
    Gossip& gossip_;
    IdentityValues& identities_;
    std::string peer_;             // the source; empty: whoever can
    crdt::VersionVector version_;  // of the transfer; empty before the first chunk
    std::uint32_t table_ = 0;
    std::string from_;
    crdt::VersionVector shown_;  // by any chunk so far
    // By chunks that take the place of rows, from the first of them on until the last.
    std::optional<crdt::VersionVector> shown_anew_;
    std::optional<Instant> stuck_since_;
    bool crossed_ = false;  // a chunk had forgotten other deletes than this replica
    bool asking_ = false;   // an answer is awaited
    Ticket stored_ = 0;     // record of the last chunk
    Instant asked_at_;
    std::uint64_t bytes_ = 0;
};

}  // namespace anabranch::replica
