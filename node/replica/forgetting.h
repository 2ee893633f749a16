// Tombstones go when nobody can need them any more: at one place of the causal order for all, an entry of the
// order that the primary makes (crdt::Forget). What it must know before it may is found out in three rounds,
// each of which asks every member for its version once it durably holds what the round before has shown:
//
//   1  the version of the primary when it chose a time T: it has all deltas stamped up to T. What a member
//      commits after its answer knows them.
//   2  V, all that was answered in 1. What did not know the deltas up to T is in V.
//   3  V', all that was answered in 2; the entry's past holds what is answered in 3. So every commit that is
//      not in the entry's past knows V': all deletes up to T, all inserts that did not know them, and all
//      inserts that knew the former and not the latter.
//
// The proof is in crdt/README.md. A round ends without an entry when the epoch, the members or a member's
// data directory have changed, when a delta stamped up to T comes late, or when it takes too long; then it
// begins anew. Nobody commits who was not asked:
//
// - A new data directory, of a node that lost its former one or had none, makes no delta before it holds the
//   order up to an entry that was made since (standing.h): what was forgotten before that is known there, and
//   whoever forgets something later asks it. One that had been replaced is refused (gossip.h): members answer
//   a round only when they have met the same directories as the primary.
// - Who was removed may not know it yet, so nothing is forgotten while something that it committed may still
//   come (member_changes.h). Nobody takes anything from it afterwards: members answer a round only once they
//   know the list that says so.
// - A state that is fetched brings nothing from the other side of an entry (state_transfer.h).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/function_ref.h"
#include "node/replica/ordered.h"
#include "node/replica/state.h"

namespace anabranch::replica {

class Forgetting {
  public:
    Forgetting(State& state, Gossip& gossip, Ordered& ordered)
        : state_(state), gossip_(gossip), ordered_(ordered) {}

    void tick();
    void consider();  // something has changed
    void request(const std::string& peer, const wire::StableRequest& message);
    void answer(const std::string& peer, const wire::StableAnswer& message);

    Result<void> recover(BytesView body);  // an 'F' record of a checkpoint
    void image(FunctionRef<void(RecordKind, BytesView)> put) const;

  private:
    static constexpr int rounds = 3;
    struct Members {
        std::vector<std::string> others;
        std::uint64_t hash = 0;  // of the list, and of the data directories as far as they are known here
        bool all = false;        // nobody else may commit anything
        bool operator==(const Members&) const = default;
    };
    struct Round {
        std::uint64_t number = 0;
        int stage = 1;
        order::Epoch epoch = 0;
        Members members;
        crdt::VersionVector wanted, agreed;
        std::map<std::string, crdt::VersionVector> answers;
        Instant deadline, asked_at;
    };
    void start();
    bool valid() const;
    void ask(bool all);
    void advance();
    void end(Duration pause);
    bool may_answer(const wire::StableRequest& message) const;
    bool answer_now(const std::string& peer, const wire::StableRequest& message) const;
    Members members() const;

    State& state_;
    Gossip& gossip_;
    Ordered& ordered_;
    std::optional<Round> round_;
    std::map<std::string, wire::StableRequest> asked_;  // by peers, and not answered yet
    Instant next_;
};

}  // namespace anabranch::replica
