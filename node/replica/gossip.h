// Causal delta gossip (design section 6): push new deltas at once, exchange version vectors now and then,
// send what is missing, never what a peer is known to hold. A peer that is cut off costs nothing but the
// deltas kept for it.
//
// Deltas of others are pushed on, too, since the peer may have no link to their origin. Where it has a
// shorter way it says so: what came here a second time was the longer way's fault, and that peer is asked
// to spare this one deltas of that origin (Plumtree; Leitão, Pereira, Rodrigues 2007). What it spared it
// sends after all when the version vectors show that they do not arrive. So in a mesh each delta arrives
// once, and in any other topology by the shortest way.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "lib/base/function_ref.h"
#include "node/replica/state.h"

namespace anabranch::replica {

class Gossip {
  public:
    explicit Gossip(State& state);

    void contacts_changed();           // State::contacts
    std::size_t member_count() const;  // this one included
    bool knows(const std::string& peer) const { return peers_.contains(peer); }

    void up(const std::string& peer);
    void down(const std::string& peer);
    void cut(const std::string& peer, bool cut);
    // What it has said it holds; empty before it has.
    const crdt::VersionVector& holds(const std::string& peer) const { return peers_.at(peer).acknowledged; }
    bool reachable(const std::string& peer) const;  // link up, handshake done, not cut
    bool is_cut(const std::string& peer) const;
    bool is_given_up(const std::string& peer) const { return peers_.at(peer).given_up; }
    const std::string* name_of(ReplicaId id) const;
    // Also after a crash it knows which data directories have been replaced.
    bool remembers_ids() const { return ids_recorded_ <= state_.durable; }
    ReplicaId newest_id_of(const std::string& peer) const { return peers_.at(peer).ids.newest; }

    // Messages that belong to gossip. Deltas are handed to `merge` one by one, in order; it answers whether
    // the delta is in now.
    enum class Greeted : std::uint8_t { refused, known, replaced };  // replaced: it has a new replica id
    Greeted hello(const std::string& peer, const wire::Hello& message);
    void have(const std::string& peer, const wire::Have& message);
    void heard(const std::string& peer);
    // A delta has come from a peer; `first`: nobody had brought it before.
    void delivered(const std::string& peer, Dot dot, bool first);
    // Called when deltas have become held.
    void push();
    void tick();
    void hurry();          // deltas came in: their senders wait to hear that they are held
    void exchange_soon();  // this replica can take again what it could not
    Instant next_deadline() const;
    crdt::VersionVector stable() const;  // held by every member, as far as known
    // The newest delta of an origin that more than half of the members are known to hold, with all before it.
    std::uint64_t majority_holds(ReplicaId origin) const;
    std::vector<std::string> holders(Dot dot) const;  // members that are known to hold it, ascending
    void fill(std::vector<Replica::PeerStatus>& out, Instant now) const;
    std::size_t reachable_count() const;
    // What the log remembers of names and ids; false: the record is not well formed.
    bool recover_peer(BytesView record);
    void forget_ids();                                               // of another cluster
    void image(FunctionRef<void(RecordKind, BytesView)> put) const;  // the same records for a checkpoint

  private:
    struct Ids {
        ReplicaId last, first;  // under which the name is known, and was known first
        // As `last`, but also of one that was removed and has not come back yet.
        ReplicaId newest;
        std::set<ReplicaId> replaced;  // of directories that others came after
        void seen(ReplicaId id);
    };
    struct Peer {
        Ids ids;
        bool told = false;  // it has said what it holds since it greeted last
        bool voter = true;
        bool up = false;       // we can send to it
        bool greeted = false;  // it has said who it is since the last link went down
        bool cut = false;
        crdt::VersionVector acknowledged;                  // it said that it holds this durably
        crdt::VersionVector sent;                          // acknowledged, and what is on its way
        crdt::VersionVector sent_then, acknowledged_then;  // as they were at looked_at
        std::uint64_t position = 0;  // deltas before it have been looked at for this peer
        // Of those, deltas of origins in `spares` were left to others; from `relayed` on they are looked at
        // again.
        std::uint64_t relayed = 0;
        std::vector<ReplicaId> spares;  // it gets their deltas sooner by another way
        crdt::VersionVector before;     // what it held a while ago
        std::set<ReplicaId> spared;     // it need not push their deltas here
        // What it was told last: what is held here, and what it is to spare this replica.
        crdt::VersionVector told_version;
        std::set<ReplicaId> told_spared;
        bool waits = false;  // for an acknowledgement
        std::size_t unacknowledged_bytes = 0;
        Instant sent_at, heard_at, looked_at;
        bool heard = false;
        bool lacks_dropped = false;
        bool former = false;    // no member any more: it is listened to, and nothing is kept for it
        bool given_up = false;  // ... nor is anything taken from it
        // The list of members that it has greeted with last. One that has missed the newest is told of it:
        // perhaps it knows no link to the primary.
        Bytes members;
        std::uint64_t members_at = 0;
    };
    wire::Hello greeting(const Peer& peer) const;
    void offer_again(Peer& peer);
    void look_again(Peer& peer);
    bool has_lost_some(Peer& peer) const;
    void lost_source(const std::string& name);
    void send(const std::string& name, wire::Message message);
    bool may_push(const std::string& name, Peer& peer);
    bool take(Peer& peer, const DeltaStore::Entry& entry, wire::Deltas& batch, std::size_t& bytes) const;
    void send_batch(const std::string& name, Peer& peer, wire::Deltas batch, std::size_t bytes);
    void push(const std::string& name, Peer& peer);
    void relay(const std::string& name, Peer& peer);
    void send_have(const std::string& name, bool reply_wanted);
    void acknowledge(const std::string& name, Peer& peer);
    bool same_version(const Peer& peer) const;

    State& state_;
    std::map<std::string, Peer> peers_;
    std::map<ReplicaId, std::string> sources_;  // which peer is the first to bring an origin's deltas
    // Of names that are no peers: who was removed may come back, and with the log comes who is not known yet.
    std::map<std::string, Ids> others_;
    Ticket ids_recorded_ = 0;
    Instant next_exchange_;     // of version vectors
    Instant next_acknowledge_;  // of what came in between
};

}  // namespace anabranch::replica
