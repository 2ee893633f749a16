// Causal delta gossip (design section 6): push new deltas at once, exchange version vectors now and then,
// send what is missing, never what a peer is known to hold. A peer that is cut off costs nothing but the
// deltas kept for it.
#pragma once

#include <map>
#include <string>

#include "lib/base/function_ref.h"
#include "node/replica/state.h"

namespace anabranch::replica {

class Gossip {
  public:
    explicit Gossip(State& state);

    void up(const std::string& peer);
    void down(const std::string& peer);
    void cut(const std::string& peer, bool cut);
    // What it has said it holds; empty before it has.
    const crdt::VersionVector& holds(const std::string& peer) const { return peers_.at(peer).acknowledged; }
    bool reachable(const std::string& peer) const;  // link up, handshake done, not cut
    bool is_cut(const std::string& peer) const;
    const std::string* name_of(ReplicaId id) const;

    // Messages that belong to gossip. Deltas are handed to `merge` one by one, in order; it answers whether
    // the delta is in now.
    enum class Greeted : std::uint8_t { refused, known, replaced };  // replaced: it has a new replica id
    Greeted hello(const std::string& peer, const wire::Hello& message);
    void have(const std::string& peer, const wire::Have& message);
    void heard(const std::string& peer);
    // Called when deltas have become held.
    void push();
    void tick();
    void hurry();  // deltas came in: their senders wait to hear that they are held
    Instant next_deadline() const;
    // Told when what a peer holds is learned.
    crdt::VersionVector stable() const;  // held by every member, as far as known
    void fill(std::vector<Replica::PeerStatus>& out, Instant now) const;
    std::size_t reachable_count() const;
    // What the log remembers of names and ids; false: the record is not well formed.
    bool recover_peer(BytesView record);
    void forget_ids();                                               // of another cluster
    void image(FunctionRef<void(RecordKind, BytesView)> put) const;  // the same records for a checkpoint

  private:
    struct Peer {
        ReplicaId id;
        ReplicaId first_id;  // under which the name was known first
        bool told = false;   // it has said what it holds since it greeted last
        bool voter = true;
        bool up = false;       // we can send to it
        bool greeted = false;  // it has said who it is since the last link went down
        bool cut = false;
        crdt::VersionVector acknowledged;  // it said that it holds this durably
        crdt::VersionVector sent;          // acknowledged, and what is on its way
        std::uint64_t position = 0;        // deltas before it have been looked at for this peer
        std::size_t unacknowledged_bytes = 0;
        Instant sent_at, heard_at;
        bool heard = false;
        bool lacks_dropped = false;
    };
    wire::Hello greeting(const Peer& peer) const;
    void offer_again(Peer& peer);
    void send(const std::string& name, wire::Message message);
    void push(const std::string& name, Peer& peer);
    void send_have(const std::string& name, bool reply_wanted);
    bool same_version(const Peer& peer) const;

    State& state_;
    std::map<std::string, Peer> peers_;
    Instant next_exchange_;
};

}  // namespace anabranch::replica
