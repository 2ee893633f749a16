// A replica: the whole of a node's behaviour without a socket, clock, file, thread or entropy. step(input,
// now) appends outputs; the shell (node/io) or the simulator (node/sim) carries them out. One request
// followed from psql to merge is in node/README.md.
//
// Durability rule: a delta is appended to the log by Output Persist; nothing that depends on it (a reply,
// gossip, an order vote) leaves before Persisted{ticket} has come back. The replica keeps this rule itself by
// holding outputs back, except for Reply and order::Send, which carry the ticket they wait for.
//
// Merging: a local free delta is visible to local readers at once (before it is durable); a crash may forget
// it, but then nobody was told.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "crdt/database.h"
#include "crdt/delta.h"
#include "lib/base/random.h"
#include "lib/base/time.h"
#include "lib/catalog/load.h"
#include "lib/catalog/plan.h"
#include "lib/exec/engine.h"
#include "lib/wire/messages.h"
#include "node/order/order.h"
#include "node/replica/overwritten.h"
#include "node/replica/traffic.h"

namespace anabranch::replica {

using Ticket = std::uint64_t;  // log position, ascending; shared with the order core's tickets

// Ad-hoc statements are analysed on first sight by whoever has the checker; a seam, so that node never
// includes confluence.
class StatementAnalyst {
  public:
    virtual ~StatementAnalyst() = default;
    virtual Result<catalog::Route> route_of(const std::string& statement,
                                            std::span<const sql::Type> parameter_types) = 0;
};

struct PeerConfig {
    std::string name;
    ReplicaId id;  // none until the first handshake when unknown
    bool voter = true;
    std::string address = {};
};
struct Options {
    std::string name;
    ReplicaId id;
    std::uint64_t cluster = 0;      // nodes of different clusters never talk; 0: that of whoever lets it join
    std::vector<PeerConfig> peers;  // the other members of a new cluster; later the order says who they are
    std::string address;            // where peers find this node
    bool joining = false;           // `peers` are members of a cluster that was there before this node
    // The cluster began with a backup of another one: ids and promises from before it mean nothing in it.
    bool founded = false;
    Duration gossip_interval = millis(200);  // version vector exchange
    Duration order_timeout = seconds(5);     // default of anabranch.order_timeout
    std::size_t order_in_flight_max = 64;    // entries that were proposed and are not committed
    Duration order_pace = millis(1);         // from one proposal to the next, at least, while some are
    Duration clock_ahead_max = seconds(60);
    std::size_t batch_bytes_max = 256 * 1024;                // per gossip message
    std::size_t unacknowledged_bytes_max = 8 * 1024 * 1024;  // per peer: back-pressure
    std::size_t waiting_bytes_max = 32 * 1024 * 1024;        // of deltas that came before their past
    std::size_t kept_bytes_max = 64 * 1024 * 1024;  // of deltas that some member lacks; beyond: a snapshot
    // Of one transaction and of one row: with what else a message holds they fit into one between nodes.
    std::size_t delta_bytes_max = 48 * 1024 * 1024;
    std::size_t row_bytes_max = 32 * 1024 * 1024;
    bool forget_deleted = true;          // tombstones go once nobody can need them: forgetting.h
    std::uint64_t memory_bytes_max = 0;  // of rows and indexes; writes are refused beyond; 0: no bound
    std::uint64_t checkpoint_log_bytes_min = 16 * 1024 * 1024;  // log bytes from one checkpoint to the next
    std::uint64_t checkpoint_log_ratio = 2;                     // and at least so many times its size
    // Deltas of more bytes are merged in slices of so many rows, about 1 ms each.
    std::size_t large_delta_bytes = 64 * 1024;
    std::size_t slice_rows = 500;
    Duration slice_pause;                      // from one to the next, beyond what there is to do
    std::size_t checkpoint_entries_min = 256;  // of the order, in a checkpoint that need not have them
    std::size_t slice_bytes = 256 * 1024;  // of checkpoints and snapshots: a slice is one step, about 1 ms
    // Each switches one safety rule off. Only the simulator's own tests set them: they prove that it finds
    // such a bug.
    struct Unsafe {
        bool ignore_causality = false;  // merges a delta before what it depends on
        bool arrival_order = false;     // the last write to arrive wins
        bool quorum_of_one = false;     // a majority is answered for when this disk has it
        bool keep_promises = false;     // a node that lost its directory takes part in the order at once
        bool answer_early = false;      // ordered calls are answered when they have run, not when committed
        bool forget_losses = false;     // a session goes on as if no early answer could be lost
        bool forget_early = false;      // tombstones go before all members are known to be past needing them
    } unsafe;
    order::Options order;
};

// ---- inputs ----
struct Tick {};
struct PeerUp {
    std::string peer;
};  // a link to that member is open (either direction); handshake messages follow
struct PeerDown {
    std::string peer;
};
struct FromPeer {
    std::string peer;
    wire::Message message;
};
struct Persisted {
    Ticket ticket = 0;
};  // every Persist up to ticket is durable
struct LogSpace {
    bool available = true;  // false: the disk is full; writes are refused with 53100 and remote deltas wait
    std::uint64_t free_bytes = UINT64_MAX;  // for a delta that does not fit into what the log has reserved
};
struct CheckpointReady {  // the last CheckpointPart has been taken; after an end: the checkpoint is on disk
    std::string problem;  // not empty: it failed and the checkpoint is given up
};
struct CutLink {
    std::string peer;
    bool cut = true;
};  // admin: pretend the link is down (empty peer: all links)

// A client statement or call, ready to run. `later` answers come as Reply.
struct OpenSession {
    std::uint64_t session = 0;
};
struct CloseSession {
    std::uint64_t session = 0;
};
struct CancelRequest {
    std::uint64_t session = 0;
};
struct ChangeRequest {  // admin: member_changes.h; its outcome is asked for by number
    wire::MemberRequest request;
};

using Input = std::variant<Tick, PeerUp, PeerDown, FromPeer, Persisted, LogSpace, CheckpointReady, CutLink,
                           OpenSession, CloseSession, CancelRequest, ChangeRequest>;

// ---- outputs ----
struct Persist {  // append to the log, in this order
    Ticket ticket = 0;
    Bytes record;
    // Who is in no hurry may wait for the next one that is, or for somebody who waits for its ticket, but not
    // longer than some 5 ms (soon) or 20 ms (lazily).
    enum class When : std::uint8_t { at_once, soon, lazily } when = When::at_once;
};
// One part of a checkpoint, to be kept beside the log; answered by CheckpointReady, then the next comes. The
// shell makes it the newest one when `end` comes and the log is durable up to `last`.
struct CheckpointPart {
    enum class Step : std::uint8_t { begin, rows, end } step = Step::begin;
    Ticket first = 0;  // the first record that is not in the checkpoint
    Ticket last = 0;   // with end: the newest record that may have left traces in it
    Bytes bytes;       // empty with end
};
struct TruncateLog {
    Ticket before = 0;
};  // the records before it are no longer needed
// Somebody waits for what was to be persisted soon.
struct Hurry {};
struct Send {
    std::string peer;
    wire::Message message;
    Ticket after = 0;  // not before this is durable
};
struct Reply {  // a `later` execution has ended; rows went to its sink during this step
    std::uint64_t session = 0, number = 0;
    Result<std::string> tag;  // "CALL", "UPDATE 1"
};
struct Notice {  // something a person should know: level, text (clock too far ahead, divergence, bad peer)
    enum class Level : std::uint8_t { info, warning, alarm } level = Level::info;
    std::string text;
};
struct Disconnect {
    std::string peer;
    std::string reason;
};               // bad handshake or bad bytes
struct Notify {  // to every client that listens on the channel
    std::string channel, payload;
};
struct Members {  // whom to keep links to from now on, and what the data directory is to tell
    std::uint64_t cluster = 0;
    struct Contact {
        std::string name, address;
        friend bool operator==(const Contact&, const Contact&) = default;
    };
    std::vector<Contact> contacts;
    std::vector<std::string> names;  // of all members, as far as known
    friend bool operator==(const Members&, const Members&) = default;
};
using Output = std::variant<Persist, Hurry, CheckpointPart, TruncateLog, Send, Reply, Notice, Disconnect,
                            Notify, Members>;
using Outputs = std::vector<Output>;

// What execute() runs: made by prepare(), cached by the caller.
struct Runnable {
    std::string text;
    std::shared_ptr<const catalog::BoundText> bound;
    exec::CompiledPtr compiled;                // of the statement, or of the called transaction's body
    std::optional<std::uint32_t> transaction;  // a declared transaction is called
    catalog::Route route = catalog::Route::ordered;
    bool writes = false;
    bool as_rows = false;       // SELECT * FROM f(...)
    bool asks_session = false;  // exec::asks_session: for its user or its settings
    // A call's arguments: constants and $n are taken directly where the call itself checks their domains;
    // anything else, and what is sent elsewhere, is evaluated by `arguments`.
    struct Argument {
        std::int32_t parameter = -1;  // $n, 0-based; -1: constant
        sql::Const constant;
        sql::Storage storage = sql::Storage::integer;
    };
    std::vector<Argument> simple_arguments;  // all of them, or none
    exec::CompiledPtr arguments;             // null: the simple ones are complete, wherever it runs
};
using RunnablePtr = std::shared_ptr<const Runnable>;

struct Execution {
    enum class When : std::uint8_t { now, durable, later } when = When::now;
    Ticket ticket = 0;
    Result<std::string> tag;  // for now and durable
};

enum class Block : std::uint8_t { none, open, failed };
enum class SavepointCommand : std::uint8_t { set, release, rollback_to };

class Replica {
  public:
    // Before start() the newest checkpoint, if there is one, is read back, part by part, and then the log:
    // its records in order, with their tickets, without gaps.
    Replica(catalog::SchemaPtr schema, catalog::Plan plan, const Options& options, Random random,
            StatementAnalyst* analyst, const exec::VirtualTables* outside);
    ~Replica();

    Result<void> recover_checkpoint(BytesView part);
    Result<void> recover(Ticket ticket, BytesView record);  // error 58030 with what is corrupt
    Result<void> start(
        Instant now,
        Outputs& out);  // a fresh directory: runs the schema's INSERTs as the cluster's common initial delta

    void step(const Input& input, Instant now, Outputs& out);
    Instant next_deadline() const;

    Result<RunnablePtr> prepare(std::string_view text, std::span<const sql::Type> types);
    // Runs for a session, alone or inside its open block. Parameters are borrowed for the call; `sink` must
    // live until the answer.
    Execution execute(std::uint64_t session, std::uint64_t number, const RunnablePtr& runnable,
                      std::span<const sql::Datum> parameters, exec::RowSink* sink, Instant now, Outputs& out);
    Result<void> begin(std::uint64_t session);
    Execution commit(std::uint64_t session, std::uint64_t number, Instant now, Outputs& out);
    void rollback(std::uint64_t session);
    void fail_block(std::uint64_t session);  // a statement of the block could not even be prepared
    // Of an open block. Errors: 25P01 no block, 25P02 a failed one, 3B001 no such savepoint; 40001 when what
    // is kept would read otherwise by now. An error fails the block.
    Result<void> savepoint(std::uint64_t session, SavepointCommand command, const std::string& name);
    Block block(std::uint64_t session) const;
    // Looked at by statements of sessions while they run; another thread may raise it: true stops them
    // with 57014. Set once, before the first.
    void set_cancelled(const bool* flag);
    // SET / SHOW anabranch.*: order_timeout, durability, read, session (token), lost_update ...
    Result<void> set(std::uint64_t session, std::string_view name, std::string_view value);
    std::optional<std::string> setting(std::uint64_t session, std::string_view name) const;

    const crdt::Database& database() const;
    // State for people: rows of anabranch.replicas, .lag, .plan, .conflicts, .order, .overwritten are made
    // from this.
    struct PeerStatus {
        std::string name;
        ReplicaId id;
        bool connected = false, cut = false, voter = false, primary = false, self = false;
        std::uint64_t missing_deltas = 0;  // it lacks, as far as known
        std::uint64_t missing_bytes = 0;   // of those that are kept for it here
        std::int64_t behind_micros = 0;    // since the oldest of those became durable here
        bool needs_state = false;          // some are gone here: only a state can bring it up to date
        std::int64_t heard_micros = -1;    // since its last message; -1 never
        crdt::VersionVector version;
    };
    std::vector<PeerStatus> peers(Instant now) const;
    struct MemberStatus {
        std::string name, address;
        std::string role;  // voter, learner, joining: a voter once it has caught up
        bool self = false, primary = false, reachable = false;
    };
    std::vector<MemberStatus> members() const;
    enum class TicketState : std::uint8_t { waiting, sent, committed, refused, replaced, unknown };
    struct TicketStatus {  // of a tentative call: tentative.h
        std::string ticket, transaction;
        TicketState state = TicketState::waiting;
        std::uint64_t csn = 0;
        std::string detail;
        Instant at;  // when it was settled; before: when it was made
    };
    std::vector<TicketStatus> tickets() const;
    std::string survives() const;  // what this cluster can lose, for people
    std::optional<Result<std::string>> change_outcome(std::uint64_t number) const;  // none: not yet
    order::Status order_status() const;
    const order::Entry* order_entry(order::Index index) const;  // null: not in the log, or not any more
    struct OrderWork {              // at this node as the primary, since its start
        std::uint64_t entries = 0;  // proposed,
        std::uint64_t calls = 0;    // with so many calls;
        std::uint64_t ahead = 0;    // executed while earlier ones were not committed
        std::uint64_t lost = 0;     // whose place another entry has taken, or not known here
    };
    const OrderWork& order_work() const;
    struct CheckpointStatus {
        bool running = false;
        std::uint64_t passes = 0;     // completed since the start
        std::uint64_t bytes = 0;      // of the last one
        std::uint64_t log_bytes = 0;  // written since it began
    };
    CheckpointStatus checkpoint_status() const;
    const Options& options() const;
    const Traffic& traffic() const;
    const Overwritten& overwritten() const;  // last-writer losses since the start
    const catalog::Plan& plan() const;
    std::string describe() const;
    bool is_settled() const;        // it takes free writes: standing.h
    bool is_member() const;         // it belongs to the cluster, and has what was committed before it joined
    std::string not_ready() const;  // why clients are better served elsewhere for now; empty: they are not
    std::string under_way() const;  // why this node does not do all it could, for people; empty: it does

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

const char* describe(Replica::TicketState state);  // "waiting", ...

}  // namespace anabranch::replica
