// Tombstones go when nobody can need them any more: at one place of the causal order for all, an entry of the
// order that the primary makes (crdt::Forget). What it must know before it may is found out in three rounds,
// each of which asks every member for its version once it durably holds what the round before has shown:
//
//   1  the version of the primary when it chose a time T: it has all deltas stamped up to T. Whatever a
//   member
//      commits after its answer knows them.
//   2  V, all that was answered in 1. What did not know the deltas up to T is in V.
//   3  V', all that was answered in 2; the entry's past holds what is answered in 3. So every commit that is
//      not in the entry's past knows V': all deletes up to T, all inserts that did not know them, and all
//      inserts that knew the former and not the latter.
//
// The proof is in crdt/README.md. A round ends without an entry when the epoch or the members have changed,
// when a delta stamped up to T comes late, or when it takes too long; then it begins anew.
//
// A commit by somebody who was not asked may come later all the same: by a node that lost its directory and
// wrote before it had heard of anybody, from a directory that had been replaced and came back, or from a
// member that was removed. Whoever has it before the entry is `suspect`: its rows may not be what they are at
// those who get it after. It compares at the next equal version and takes their rows (audit.h); for a while
// it says nothing of its own digests, so that nobody else raises an alarm.
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

    Result<void> recover(BytesView body);  // an 'F' record
    void image(FunctionRef<void(RecordKind, BytesView)> put) const;

  private:
    static constexpr int rounds = 3;
    struct Round {
        std::uint64_t number = 0;
        int stage = 1;
        order::Epoch epoch = 0;
        std::vector<std::pair<std::string, ReplicaId>> members;  // the others
        crdt::VersionVector wanted, agreed;
        std::map<std::string, crdt::VersionVector> answers;
        Instant deadline, asked_at;
    };
    void start();
    bool valid() const;
    void ask(bool all);
    void advance();
    void end(Duration pause);
    std::vector<std::pair<std::string, ReplicaId>> others() const;

    State& state_;
    Gossip& gossip_;
    Ordered& ordered_;
    std::optional<Round> round_;
    std::map<std::string, wire::StableRequest> asked_;  // by peers, and not answered yet
    Instant next_;
};

// After a delta that forgets has been merged, by whatever way it came: does this replica hold what the
// primary did not know of?
void note_forgotten(State& state, const crdt::Delta& delta);
void set_suspect(State& state, bool suspect);

}  // namespace anabranch::replica
