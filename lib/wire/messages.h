// What peers say to each other, as plain structs; codec.h turns them into Cap'n Proto and back. Protocol
// behaviour is in node/replica.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/ids.h"

namespace anabranch::wire {

using Dots = std::vector<std::pair<ReplicaId, std::uint64_t>>;  // a version vector: ascending by origin

inline constexpr std::uint32_t protocol_version = 1;

struct Hello {  // first message on a link, both ways
    std::uint32_t protocol = protocol_version;
    std::uint64_t cluster = 0;
    std::uint64_t schema_hash = 0;
    std::string name;
    ReplicaId id;
    std::string version;  // of the program, for people
    bool answer_wanted = true;  // the sender has not been greeted yet
};
struct Have {  // anti-entropy: what I hold durably; the answer is Deltas for what is missing
    Dots version;
    bool reply_wanted = false;
    std::vector<std::uint64_t> digests;  // two words per table when version vectors may be equal, else empty
};
struct Deltas {  // encoded crdt::Deltas in causal order, per origin contiguous
    std::vector<Bytes> deltas;
};
struct OrderMessage {  // a message of node/order, encoded by it
    Bytes bytes;
};
struct Forward {  // an ordered request on its way to the primary
    ReplicaId origin;
    std::uint64_t session = 0, number = 0;
    std::string transaction;  // declared name; empty: `statement`
    std::string statement;
    std::vector<std::pair<std::uint32_t, std::pair<bool, Bytes>>>
        parameters;                    // (type oid, (null, text form))
    Dots seen;                         // the session's causal past: the primary waits until it holds this
    std::uint64_t expected = 0;        // hash of the result already shown to the client, 0: none; a different one is refused with 40001
    std::int64_t deadline_micros = 0;  // how long the requester will wait, relative
};
struct Forwarded {  // its answer
    std::uint64_t session = 0, number = 0;
    std::uint64_t csn = 0;  // to be applied locally before answering; 0: nothing was written
    bool ok = false;
    std::string tag;
    std::vector<std::vector<std::pair<bool, Bytes>>> rows;  // text form
    // when !ok
    std::string sqlstate, message, detail, hint, constraint, table;
};
using Message = std::variant<Hello, Have, Deltas, OrderMessage, Forward, Forwarded>;

}  // namespace anabranch::wire
