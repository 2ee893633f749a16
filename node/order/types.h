// The words of the order: positions, entries, members and what a voter keeps on disk. Plain values.
//
// An *epoch* is Raft's term, the *primary* its leader, a *voter* a server that counts in majorities, a
// *learner* one that receives every entry and never counts. An *index* is a position in the log, from 1 and
// without gaps.
//
// CSN: every entry is one dot of ORDER_ORIGIN and its index is the dot's sequence number. Entries that carry
// no delta (the first entry of an epoch, changes of membership) are empty deltas, so that a version vector's
// ORDER_ORIGIN component is simply the last index applied.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"

namespace anabranch::order {

using Epoch = std::uint64_t;   // 0: before the first election
using Index = std::uint64_t;   // 0: before the first entry
using Ticket = std::uint64_t;  // names a Persist output; grows by one with each, from 1; 0: nothing

inline constexpr ReplicaId NOBODY{0};

// A version vector: strictly ascending by origin, one dot per origin (the highest seq), seq > 0. ORDER_ORIGIN
// never appears in an entry's dependencies: an entry depends on all entries before it anyway.
using Dots = std::vector<Dot>;

bool covers(const Dots& larger, const Dots& smaller);
void merge(Dots& into, const Dots& from);
Dots missing(const Dots& held, const Dots& wanted);  // the dots of `wanted` above `held`
bool well_formed(const Dots& dots);

enum class EntryKind : std::uint8_t {
    delta = 0,   // payload: an encoded delta, opaque here
    empty = 1,   // the first entry of an epoch; no payload
    config = 2,  // payload: encode(Members)
};

struct Entry {
    Index index = 0;
    Epoch epoch = 0;
    EntryKind kind = EntryKind::empty;
    Bytes payload;
    Dots dependencies;
    friend bool operator==(const Entry&, const Entry&) = default;
};

// Who takes part. Each list is strictly ascending. While `incoming` is not empty the change is joint: a
// majority of `voters` AND a majority of `incoming` is needed for everything (Raft section 6). A learner is
// in neither list of voters.
struct Members {
    std::vector<ReplicaId> voters;
    std::vector<ReplicaId> incoming;
    std::vector<ReplicaId> learners;
    Bytes roster =
        {};  // what the node keeps about members (names, addresses): opaque here, agreed like the rest
    bool joint() const { return !incoming.empty(); }
    bool votes(ReplicaId id) const;     // in voters or incoming
    bool contains(ReplicaId id) const;  // votes, or learns
    std::vector<ReplicaId> all() const;
    std::string describe() const;  // "voters 1 2 3 incoming 4 learners 5"
    friend bool operator==(const Members&, const Members&) = default;
};

Bytes encode(const Members& members);
Result<Members> decode_members(BytesView bytes);
bool well_formed(const Members& members);

// What must survive a crash beside the log. `commit` is a hint: it may be older than the truth, never newer.
struct HardState {
    Epoch epoch = 0;
    ReplicaId vote = NOBODY;  // whom this voter chose in `epoch`
    Index commit = 0;
    friend bool operator==(const HardState&, const HardState&) = default;
};

// What a replica that has lost its disk may have promised before: votes in epochs up to `epoch`, and
// acknowledgements of logs that end at most here.
struct Promises {
    Epoch epoch = 0;
    Epoch last_epoch = 0;
    Index last_index = 0;
    friend bool operator==(const Promises&, const Promises&) = default;
};

// A snapshot by position. The state itself is not in it: it comes by gossip, like any state. A replica stands
// at this snapshot once its durable state covers `dependencies` and holds every committed entry up to
// `index`.
struct Snapshot {
    Index index = 0;
    Epoch epoch = 0;    // of the entry at `index`
    Members members;    // in force at `index`
    Dots dependencies;  // of all entries up to `index`, merged
    friend bool operator==(const Snapshot&, const Snapshot&) = default;
};

std::string describe(ReplicaId id);  // short ids in decimal, others as 8 hex digits
std::string describe(const Dots& dots);

}  // namespace anabranch::order
