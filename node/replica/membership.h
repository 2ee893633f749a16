// Whether this replica belongs to the cluster, and whom it talks to.
//
// The members are those of the newest list in the order that is known to be committed: by the own log, or by
// a peer's greeting, which says which list was in force at which position of the order (State::members). A
// position decides which of two is newer, whoever tells it. Links are kept to the members of that list, to
// those of a list that is in force and not committed yet (it cannot be committed without them), and to the
// last that were removed, so that they hear of it, and to the peers on the command line of a node that
// joined.
//
//   joined    its own log says so. After a restart, also if it had said so before this node was told of a
//             newer list, which nobody may be able to confirm now.
//   waiting   it was started to join (Options::joining) and its own log knows no list with it yet. It greets
//             the peers on its command line; once it has been added, the greetings say where the others are,
//             and the primary sends it the log, or a peer the state.
//   removed   a committed list is without it. It refuses writes, and nobody asks for its vote; its peers go
//             on taking the deltas that it had committed before it knew. Added again, it is joined again.
#pragma once

#include "node/replica/gossip.h"
#include "node/replica/origin.h"
#include "node/replica/state.h"

namespace anabranch::replica {

class Membership {
  public:
    Membership(State& state, Gossip& gossip, IdentityValues& identities);

    // At the start, whenever the order's list has changed, and now and then while this node is not joined.
    void update(const order::Status& status);
    void greeted(const std::string& peer, const wire::Hello& message);
    void heard(const order::Members& members);  // in force at a peer, perhaps not committed

    Result<void> recover(BytesView body);  // an 'M' record
    void image(FunctionRef<void(RecordKind, BytesView)> put) const;

  private:
    void derive();
    void set_contacts(const order::Members& newest);
    void become(State::Belongs belongs);
    Bytes record() const;

    State& state_;
    Gossip& gossip_;
    IdentityValues& identities_;
    std::optional<Members> told_;          // the shell
    order::Members in_force_, committed_;  // by the own log
    order::Members heard_;
    order::Index committed_at_ = 0;
    order::Members learned_;  // from greetings, or before a restart
    order::Index learned_at_ = 0;
};

}  // namespace anabranch::replica
