// Whether this replica may vote and acknowledge in the order. Votes and acknowledgements are promises, kept
// under the node's name; a node that has lost its disk, or runs on a copy or backup of one, has forgotten
// some. It is passive until a promise made before can do no harm any more:
//
//   member   remembers all it ever promised.
//   unsure   a new directory, perhaps of a name that had another one before. It asks its peers; once as many
//            have answered "never heard of you" as every majority with this node meets, it is a member.
//   reborn   some peer knew the name under another replica id, or the directory was made for another id. It
//            has the primary make an entry (the fence) that a majority without it acknowledges, and is a
//            member again when it durably holds the order up to there. Why that is enough: the entry's voters
//            had not reached any epoch in which this node may have voted for somebody else, and vote from
//            then on only for replicas that have the entry; and whatever it had acknowledged up to that epoch
//            is before it.
//   returning  the same, where no majority is possible without it, as with two voters or while members
//            change: all other voters have told what it may have promised (order/recovery.cpp). It votes and
//            acknowledges, and keeps to that, until it holds what they held.
//   settled  a member whose data directory holds the order up to an entry that is newer than itself: it
//            knows what was forgotten before (forgetting.h), and whoever forgets later asks it. Where rows
//            are forgotten it makes no delta before. One that hears of its removal is only a member again.
//
// Members of a cluster that began with a backup (Options::founded) begin as unsure: what they promised was
// promised to another cluster.
#pragma once

#include <set>
#include <string>

#include "node/replica/ordered.h"
#include "node/replica/state.h"

namespace anabranch::replica {

class Standing {
  public:
    Standing(State& state, Gossip& gossip, Ordered& ordered)
        : state_(state), gossip_(gossip), ordered_(ordered) {}

    Result<void> recover(BytesView body);
    void start();
    void image(FunctionRef<void(RecordKind, BytesView)> put) const;

    void heard(const std::string& peer, ReplicaId known);  // a peer's greeting
    void consider();                                       // the fence may have been reached
    void tick();
    std::string describe() const;  // empty: a member

  private:
    enum class Kind : std::uint8_t { unknown, member, unsure, reborn, returning, settled };
    void begin_again();
    void become(Kind kind);
    bool takes_part() const { return kind_ != Kind::unsure && kind_ != Kind::reborn; }
    void show();
    void begin_to_settle();
    Bytes record() const;
    bool is_alone() const;
    bool never_had_others() const;
    bool is_stranger() const;

    State& state_;
    Gossip& gossip_;
    Ordered& ordered_;
    Kind kind_ = Kind::unknown;
    Ticket kept_ = 0;                  // of the newest record
    ReplicaId recorded_for_;           // whose standing the log tells
    std::set<std::string> strangers_;  // peers that had never heard of this node
    Instant asked_at_;
};

}  // namespace anabranch::replica
