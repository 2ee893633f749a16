// Deltas that peers send: checked, merged, appended to the log. One that comes before what it depends on
// waits here, within a bound; where there is no room it is dropped, and its sender, who never hears that it
// is held, sends it again. What a peer may have on its way is bounded by its own flow control
// (Options::unacknowledged_bytes_max), so that in practice there is room.
#pragma once

#include <map>
#include <string>

#include "node/replica/gossip.h"
#include "node/replica/origin.h"
#include "node/replica/outcomes.h"
#include "node/replica/state.h"
#include "node/replica/traffic.h"

namespace anabranch::replica {

class Intake {
  public:
    Intake(State& state, Gossip& gossip, IdentityValues& identities)
        : state_(state), gossip_(gossip), identities_(identities) {}

    // An error: what is wrong with the message; nothing behind it was looked at.
    Result<void> receive(const std::string& peer, const wire::Deltas& message);
    void merged();  // the version has grown: what waits may go in
    const Traffic& traffic() const { return traffic_; }
    std::size_t waiting_bytes() const { return waiting_bytes_; }

  private:
    struct Source {
        std::string peer;
        ReplicaId directory;
    };
    struct Waiting {
        Source source;
        DecodedDelta decoded;  // without its rows, if it is large
        Bytes bytes;
    };
    bool still_wanted(const Source& source) const;
    Source source_of(const std::string& peer) const { return {peer, gossip_.newest_id_of(peer)}; }
    Result<void> receive_large(const std::string& peer, const Bytes& bytes);
    void begin_large(const Source& source, LargeMerge::Job job);
    void merged(const crdt::Delta& delta, std::vector<Outcomes::Outcome> outcomes, BytesView bytes);
    Result<void> check_origin(const DecodedDelta& decoded);
    crdt::Database::Merged merge(DecodedDelta& decoded, BytesView bytes);
    void wait(const std::string& peer, DecodedDelta decoded, BytesView bytes);
    void pretend_complete(crdt::Delta& delta) const;

    State& state_;
    Gossip& gossip_;
    IdentityValues& identities_;
    Traffic traffic_;
    std::map<Dot, Waiting> waiting_;
    std::size_t waiting_bytes_ = 0;
};

}  // namespace anabranch::replica
