// Changes of the members and hand-overs of the primacy, asked for at any node (`anabranch admin`).
//
// A request is sent to the primary until it is answered; made twice it does nothing. The primary lets a new
// member in as a learner: it gets the log, or a state, and counts for nothing. When it has caught up the
// primary makes it a voter. Both are lists of members in the order (node/order/membership.cpp); a request is
// answered when its list is committed.
//
// Who was removed may have committed what nobody has heard of. While the primary keeps deleted rows it asks:
// when all of that is here, or people give it up, the list says so, and from then on nothing is taken from
// it. Until then nothing is forgotten (forgetting.h).
//
// A member is removed only if those that stay have a majority that answers now: otherwise the change could
// never end. A primary that is to go hands over first.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "node/replica/ordered.h"

namespace anabranch::replica {

class MemberChanges {
  public:
    MemberChanges(State& state, Gossip& gossip, Ordered& ordered)
        : state_(state), gossip_(gossip), ordered_(ordered) {}

    void ask(const wire::MemberRequest& request);  // by this node's admin
    std::optional<Result<std::string>> outcome(std::uint64_t number) const;

    void request(const std::string& peer, const wire::MemberRequest& request);
    void answer(const std::string& peer, const wire::MemberAnswer& answer);
    void farewell(const std::string& peer, const wire::StableAnswer& answer);  // of one that was removed
    void tick();

    std::vector<Replica::MemberStatus> members() const;
    std::string survives() const;

  private:
    struct Asked {
        wire::MemberRequest request;
        Instant deadline, sent_at;
        std::optional<Result<std::string>> outcome;
        std::optional<Error> problem;  // of the last attempt
    };
    struct Pending {            // at the primary: waits for its list to be committed
        std::string requester;  // empty: this node
        wire::MemberRequest request;
    };
    using Done = std::optional<Result<std::string>>;  // nothing: later

    void send(Asked& asked);
    void tell(const std::string& requester, std::uint64_t number, Result<std::string> outcome);
    Done carry_out(const wire::MemberRequest& request);
    Done add(const wire::MemberRequest& request, bool voter);
    Done remove(const std::string& name);
    Done give_up(const std::string& name);
    bool forgets() const { return state_.options.forget_deleted && state_.database.forgets(); }
    void ask_for_farewells();
    static std::string done_text(const std::string& action, const std::string& name);
    Done hand_over(const std::string& name);
    Result<void> propose(order::Members next, const Roster& roster);
    std::optional<Error> stuck_without(const std::string& name, const order::Members& next) const;
    void settle();
    void promote();
    bool answers(ReplicaId member, const order::Status& status) const;
    bool has_caught_up(ReplicaId member, const order::Status& status) const;

    State& state_;
    Gossip& gossip_;
    Ordered& ordered_;
    std::map<std::uint64_t, Asked> asked_;
    std::vector<Pending> pending_;
    Instant farewells_asked_at_;
};

}  // namespace anabranch::replica
