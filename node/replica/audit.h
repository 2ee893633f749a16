// Finds out that replicas differ which should not, where, and who is wrong.
//
// With each exchange of version vectors, replicas that hold the same deltas compare the digests of their
// tables. Equal deltas and different rows are a defect of memory or of this program: an alarm, always. When
// more than half of all members agree on a table's digest and this replica does not, it is the one that is
// wrong: it asks one of them for the digests of ranges of keys, and again within those that differ, until the
// keys that differ are known (a few messages for each difference, however large the table), takes their rows
// as they are there, and logs that it did. Where no majority agrees nobody changes anything: people decide.
//
// Nothing of this may mix states of different deltas: a message of another version is not answered, and an
// audit ends, to be begun anew, when this replica's version has moved.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "node/replica/gossip.h"
#include "node/replica/state.h"

namespace anabranch::replica {

class Audit {
  public:
    Audit(State& state, Gossip& gossip) : state_(state), gossip_(gossip) {}

    void have(const std::string& peer, const wire::Have& message);
    void request(const std::string& peer, const wire::AuditRequest& message);
    Result<void> answer(const std::string& peer, const wire::AuditAnswer& message);
    void tick();
    Result<void> recover(BytesView body);  // an 'H' record
    std::uint64_t alarms() const { return alarms_; }

  private:
    using Digests = std::vector<std::uint64_t>;
    struct Told {
        crdt::VersionVector version;
        Digests digests;
        std::vector<bool> differed;  // tables of which people have been told
    };
    struct Search {  // in one table, at a peer of the majority
        std::string peer;
        TableId table;
        crdt::VersionVector version;
        std::deque<wire::AuditRange> open;  // ranges that differ
        std::size_t asked = 0;              // of those, in front
        Instant asked_at;
        std::vector<std::string> changed;
        std::uint64_t messages = 0;
    };
    Digests own() const;
    bool steady(const crdt::VersionVector& version) const;
    bool wrong_here(std::size_t table, const Digests& mine, const Digests& theirs) const;
    void begin(const std::string& peer, std::size_t table);
    void ask();
    void end();

    State& state_;
    Gossip& gossip_;
    std::map<std::string, Told> told_;
    std::optional<Search> search_;
    std::uint64_t alarms_ = 0;
};

}  // namespace anabranch::replica
