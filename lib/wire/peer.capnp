# What peers say to each other: the protocol's specification. One Message per frame; a frame on a stream is
# a 4-byte little-endian
# length and that many bytes of Cap'n Proto in the standard (unpacked) encoding.
#
# Rules that hold for every message:
#  - Hello is the first message on a link in each direction; anything else before it ends the link.
#  - A version vector lists origins in ascending order, each once, with seq > 0.
#  - Deltas carry records exactly as they stand in the sender's log; a receiver checks each record's own
#    checksum and refuses
#    (naming the origin) what does not match.
#  - A field that is not understood by an older peer is ignored by it; `protocol` changes only when that
#    would be wrong.
@0xc3f4b9a7d1e26085;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("anabranch::wire::capnp_schema");

struct Dot {
  origin @0 :UInt64;
  seq @1 :UInt64;
}

struct Hello {
  protocol @0 :UInt32;
  cluster @1 :UInt64;      # hash of what all members must agree on
  schemaHash @2 :UInt64;
  name @3 :Text;
  id @4 :UInt64;
  version @5 :Text;
  answerWanted @6 :Bool;     # the sender has not been greeted yet
  known @7 :UInt64;          # the first id under which the sender knew the receiver's name; 0: none
  members @8 :Data;          # node/order's member list as of membersAt, committed; empty: the sender has none
  membersAt @9 :UInt64;      # a position in the order
}

# Anti-entropy: "this is what I hold durably". With replyWanted the receiver answers with its own Have; in
# any case it sends what is missing.
struct Have {
  version @0 :List(Dot);
  replyWanted @1 :Bool;
  digests @2 :List(UInt64);  # two words per table, to be compared when the version vectors are equal
  stateOffered @3 :Bool;     # deltas that the receiver lacks are gone here: it needs a state
  spared @4 :List(UInt64);   # origins whose deltas reach the sender sooner by another way, ascending
  partial @5 :Bool;          # only the origins that have changed since the last Have, and nothing else
}

# One chunk of the receiver's state. The version is that of the first answer, so that a transfer can go
# on after a break, and at any replica that holds it.
struct StateRequest {
  version @0 :List(Dot);     # empty: the first chunk
  table @1 :UInt32;
  from @2 :Data;
}

struct StateChunk {
  version @0 :List(Dot);
  table @1 :UInt32;          # as asked
  from @2 :Data;
  chunk @3 :Data;            # the format of crdt/snapshot.cpp, with a checksum of its own
  nextTable @4 :UInt32;
  nextFrom @5 :Data;
  identities @6 :Data;       # identity values drawn so far; not empty with the last chunk
  shown @7 :List(Dot);       # the rows may be as new as this
}

# Range digests (node/replica/audit.h): by them a replica whose rows are wrong finds which.
struct AuditRange {
  from @0 :Data;
  to @1 :Data;               # empty: the end of the table
  keys @2 :UInt64;
  digestLow @3 :UInt64;
  digestHigh @4 :UInt64;
}

struct AuditRequest {
  version @0 :List(Dot);     # answered only by a replica that holds just this
  table @1 :UInt32;
  ranges @2 :List(AuditRange);
  asked @3 :UInt64;          # comes back with the answer
}

struct AuditAnswer {
  version @0 :List(Dot);
  table @1 :UInt32;
  ranges @2 :List(AuditRange);  # parts of ranges asked for
  chunks @3 :List(Data);        # or all their rows, as in StateChunk
  asked @4 :UInt64;
}

# In causal order; per origin without gaps.
struct Deltas {
  deltas @0 :List(Data);
}

# A message of the order (Raft), in the flat encoding of node/order/codec.
struct OrderMessage {
  bytes @0 :Data;
}

struct Value {
  typeOid @0 :UInt32;
  null @1 :Bool;
  text @2 :Data;             # PostgreSQL's text form
}

struct Step {
  transaction @0 :Text;      # a declared transaction; empty: statement
  statement @1 :Text;
  parameters @2 :List(Value);
  # hash of the result the requester has shown already; 0: none. The primary refuses (40001) when its own
  # differs
  expected @3 :UInt64;
  session @4 :Data;          # its user and settings, where the statement asks for them
}

# What a transaction block has drawn at its origin, to be drawn again by the primary.
struct Drawn {
  nowMicros @0 :Int64;
  seed @1 :UInt64;
  identities @2 :List(Int64);
}

# An ordered request on its way to the primary.
struct Forward {
  origin @0 :UInt64;
  session @1 :UInt64;
  number @2 :UInt64;
  steps @3 :List(Step);      # one transaction; none: an entry without effect
  drawn @4 :Drawn;           # absent: the primary draws
  seen @5 :List(Dot);        # the primary executes only when it holds this
  deadlineMicros @6 :Int64;  # how long the requester will wait, counted from its sending
  # the same client's request before this one while it is not answered: turned away where that has not come
  followsSession @7 :UInt64;
  followsNumber @8 :UInt64;
  early @9 :Bool;            # to be answered once executed, before it is committed
  epoch @10 :UInt64;         # to be executed in this epoch of the order, or not at all; 0: in any
}

struct Row {
  values @0 :List(Value);    # typeOid unused
}

struct Forwarded {
  session @0 :UInt64;
  number @1 :UInt64;
  csn @2 :UInt64;            # to be applied before the client is answered; 0: nothing was written
  ok @3 :Bool;
  tag @4 :Text;
  rows @5 :List(Row);
  sqlstate @6 :Text;
  message @7 :Text;
  detail @8 :Text;
  hint @9 :Text;
  constraint @10 :Text;
  table @11 :Text;
  early @12 :Bool;           # the entry at csn is not committed yet,
  epoch @13 :UInt64;         # and of this epoch
  column @14 :Text;
}

# A change of the members, on its way to the primary. To repeat one that has been made does nothing.
struct MemberRequest {
  number @0 :UInt64;         # of the requester's choice
  action @1 :Text;           # add, learner, remove, transfer, step-down
  member @2 :Text;
  address @3 :Text;
}

struct MemberAnswer {
  number @0 :UInt64;
  ok @1 :Bool;
  text @2 :Text;             # what was done
  sqlstate @3 :Text;
  message @4 :Text;
  detail @5 :Text;
  hint @6 :Text;
}

# What a member knows once it durably holds `wanted` (node/replica/forgetting.h).
struct StableRequest {
  round @0 :UInt64;          # comes back with the answer
  wanted @1 :List(Dot);
  members @2 :UInt64;        # hash of the members and data directories that it has to have met
  farewell @3 :Bool;         # to one that was removed: what it knew when it had committed its last
}

struct StableAnswer {
  round @0 :UInt64;
  version @1 :List(Dot);
  farewell @2 :Bool;
}

struct Message {
  union {
    hello @0 :Hello;
    have @1 :Have;
    deltas @2 :Deltas;
    order @3 :OrderMessage;
    forward @4 :Forward;
    forwarded @5 :Forwarded;
    stateRequest @6 :StateRequest;
    stateChunk @7 :StateChunk;
    auditRequest @8 :AuditRequest;
    auditAnswer @9 :AuditAnswer;
    memberRequest @10 :MemberRequest;
    memberAnswer @11 :MemberAnswer;
    stableRequest @12 :StableRequest;
    stableAnswer @13 :StableAnswer;
  }
}
