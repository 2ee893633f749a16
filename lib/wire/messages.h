// What peers say to each other, as plain structs; codec.h turns them into Cap'n Proto and back. Protocol
// behaviour is in node/replica.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/ids.h"

namespace anabranch::wire {

using Dots = std::vector<std::pair<ReplicaId, std::uint64_t>>;  // a version vector: ascending by origin

// 2: frames may be compressed, and chunks of a state say what their rows may show. 3: deleted rows are
// forgotten.
inline constexpr std::uint32_t protocol_version = 3;

struct Hello {  // first message on a link, both ways
    std::uint32_t protocol = protocol_version;
    std::uint64_t cluster = 0;
    std::uint64_t schema_hash = 0;
    std::string name;
    ReplicaId id;
    std::string version;        // of the program, for people
    bool answer_wanted = true;  // the sender has not been greeted yet
    ReplicaId known;            // the first id under which the sender knew the receiver's name; 0: none
    Bytes members;              // node/order's member list, committed, as of a position in the order
    std::uint64_t members_at = 0;
};
struct Have {  // anti-entropy: what I hold durably; the answer is Deltas for what is missing
    Dots version;
    bool reply_wanted = false;
    std::vector<std::uint64_t> digests;  // two words per table when version vectors may be equal, else empty
    bool state_offered = false;          // deltas that the receiver lacks are gone here: it needs a state
    std::vector<ReplicaId> spared;  // origins whose deltas come here sooner by another way: no need to push
    bool partial = false;           // only what has changed since the last one: an acknowledgement in between
};
struct StateRequest {  // one chunk of the sender's state, please
    Dots version;      // what the chunks so far are as of; empty: the first one
    std::uint32_t table = 0;
    Bytes from;  // key
};
struct StateChunk {
    Dots version;
    std::uint32_t table = 0;  // as asked
    Bytes from;
    Bytes chunk;                   // crdt::Database::Chunk
    std::uint32_t next_table = 0;  // where to go on
    Bytes next_from;
    Bytes identities;  // with the last one, and then not empty
    Dots shown;        // the rows may be as new as this
};
// Where do we differ, at this version? Of each range: its parts, or its rows when they are few.
struct AuditRange {
    Bytes from, to;  // keys; an empty `to` is the end of the table
    std::uint64_t keys = 0, digest_low = 0, digest_high = 0;
};
struct AuditRequest {
    Dots version;
    std::uint32_t table = 0;
    std::vector<AuditRange> ranges;  // only their bounds matter
    std::uint64_t asked = 0;         // comes back with the answer
};
struct AuditAnswer {
    Dots version;
    std::uint32_t table = 0;
    std::vector<AuditRange> ranges;
    std::vector<Bytes> chunks;  // crdt::Database::Chunk
    std::uint64_t asked = 0;
};
// What do you know, once you durably hold this and have met these members? For the removal of tombstones:
// node/replica/forgetting.h. Of one that was removed (`farewell`): what did you know when you had committed
// your last?
struct StableRequest {
    std::uint64_t round = 0;  // comes back with the answer
    Dots wanted;
    std::uint64_t members = 0;  // hash
    bool farewell = false;
};
struct StableAnswer {
    std::uint64_t round = 0;
    Dots version;  // durable or not
    bool farewell = false;
};
struct Deltas {  // encoded crdt::Deltas in causal order, per origin contiguous
    std::vector<Bytes> deltas;
};
struct OrderMessage {  // a message of node/order, encoded by it
    Bytes bytes;
};
// One statement of an ordered request.
struct ForwardedStep {
    std::string transaction;  // declared name; empty: `statement`
    std::string statement;
    std::vector<std::pair<std::uint32_t, std::pair<bool, Bytes>>>
        parameters;  // (type oid, (null, text form))
    // Hash of the result already shown to the client, 0: none; a different one is refused with 40001.
    std::uint64_t expected = 0;
    Bytes session;  // what its session answers it: exec::VirtualTables::kept(). Empty: it does not ask
};
// What a transaction block has drawn at its origin, to be drawn again by the primary.
struct DrawnValues {
    std::int64_t now_micros = 0;
    std::uint64_t seed = 0;
    std::vector<std::int64_t> identities;
    friend bool operator==(const DrawnValues&, const DrawnValues&) = default;
};
// An ordered request on its way to the primary: its steps run one after another as one transaction. No step:
// an entry without effect, made after the request came in.
struct Forward {
    ReplicaId origin;
    std::uint64_t session = 0, number = 0;
    std::vector<ForwardedStep> steps;
    std::optional<DrawnValues> drawn;  // none: the primary draws
    Dots seen;                         // the session's causal past: the primary waits until it holds this
    std::int64_t deadline_micros = 0;  // how long the requester will wait, relative
    // The request before it of the same client, as long as that is not answered; 0: none. It is turned away
    // where that one has not come: one client's requests are executed in the order in which it made them.
    std::uint64_t follows_session = 0, follows_number = 0;
    bool early = false;       // to be answered once executed, before it is committed
    std::uint64_t epoch = 0;  // to be executed in this epoch of the order, or not at all; 0: in any
};
struct Refusal {
    std::string sqlstate, message, detail, hint, constraint, table, column;
    friend bool operator==(const Refusal&, const Refusal&) = default;
};
struct Forwarded {  // its answer
    std::uint64_t session = 0, number = 0;
    std::uint64_t csn = 0;  // to be applied locally before answering; 0: nothing was written
    bool ok = false;
    std::string tag;
    std::vector<std::vector<std::pair<bool, Bytes>>> rows;  // text form
    std::shared_ptr<const Refusal> refusal;                 // when !ok; there are few
    const Refusal& why() const {
        static const Refusal unknown;
        return refusal == nullptr ? unknown : *refusal;
    }
    bool early = false;       // the entry at `csn` is not committed yet,
    std::uint64_t epoch = 0;  // and of this epoch
};
// A change of the members, on its way to the primary. To repeat one that has been made does nothing.
struct MemberRequest {
    std::uint64_t number = 0;  // of the requester's choice
    std::string action;        // add, learner, remove, transfer, step-down
    std::string member, address;
};
struct MemberAnswer {
    std::uint64_t number = 0;
    bool ok = false;
    std::string text;  // what was done
    std::string sqlstate, message, detail, hint;
};
using Message =
    std::variant<Hello, Have, Deltas, OrderMessage, Forward, Forwarded, StateRequest, StateChunk,
                 AuditRequest, AuditAnswer, MemberRequest, MemberAnswer, StableRequest, StableAnswer>;

}  // namespace anabranch::wire
