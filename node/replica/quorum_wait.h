// Commits whose clients want a majority of the members to hold them before they are answered
// (SET anabranch.durability = 'quorum').
//
// A member holds a delta when it has said so, and it says so of what is on its disk. So an answered commit
// outlives the loss of any minority of the members' disks. Nothing else changes: the commit is a free one,
// made and kept here whether others can be reached or not. Where no majority holds it in time the client is
// told just that, as an error (40003) that must not be answered by running the call again.
#pragma once

#include <deque>
#include <string>

#include "node/replica/gossip.h"
#include "node/replica/state.h"

namespace anabranch::replica {

class QuorumWait {
  public:
    struct Commit {
        std::uint64_t session = 0, number = 0;
        std::uint64_t seq = 0;  // of this replica
        std::string tag;        // of the answer
        Instant deadline;
    };
    QuorumWait(State& state, const Gossip& gossip) : state_(state), gossip_(gossip) {}

    void add(Commit commit) { commits_.push_back(std::move(commit)); }
    void heard();  // after each step: what a majority holds by now is answered
    void tick();
    void cancel(std::uint64_t session);  // its client is told at once how far it is
    void forget(std::uint64_t session);
    Instant next_deadline() const;

  private:
    void give_up(const Commit& commit, const std::string& why);

    State& state_;
    const Gossip& gossip_;
    std::deque<Commit> commits_;  // ascending by seq
};

}  // namespace anabranch::replica
