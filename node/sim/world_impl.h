// The inside of a simulated world. Internal to node/sim: world.cpp has time, nodes and disks, network.cpp the
// links, clients.cpp the calls and their answers, judge.cpp what must hold.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <span>
#include <tuple>
#include <vector>

#include "node/replica/replica.h"
#include "node/sim/disk.h"
#include "node/sim/history.h"
#include "node/sim/order_facts.h"
#include "node/sim/workload.h"
#include "node/sim/world.h"

namespace anabranch::sim {

// Of answers only the tag counts.
struct NoRows final : exec::RowSink {
    bool row(std::span<const sql::Datum>) override { return true; }
};
inline NoRows no_rows;

struct SimNode {
    std::uint32_t index = 0;
    std::string name;
    std::unique_ptr<replica::Replica> replica;  // null while crashed
    Disk disk;
    ReplicaId id;
    Duration clock_offset;
    std::uint32_t incarnation = 0;  // events of an earlier one are void
    replica::Ticket durable = 0, newest = 0;
    replica::Ticket urgent = 0;  // the newest that is to be synced soon
    std::uint64_t next_session = 1;
    crdt::VersionVector checked;      // invariants were checked at this state
    std::vector<replica::Send> held;  // wait for the disk
    bool sync_scheduled = false;
    bool due = false;            // a tick comes at once
    bool full = false;           // the disk
    Duration slow;               // each sync takes this long; 0: as usual
    Instant disk_trouble_ended;  // no answer is due before
    std::uint64_t checkpoints = 0;
    bool rotten = false;             // a bit on the disk has turned over, and nobody has noticed yet
    bool spare = false;              // it was not there when the cluster began
    std::string joins_by;            // whom a spare asks; empty: it has not started yet
    std::uint64_t cluster = 0;       // that let a spare in, as its data directory knows
    std::set<std::string> contacts;  // whom it keeps links to
    crdt::VersionVector left;        // what its disk held when it stopped last, though it may be lost since
};

struct Client {  // one call at a time
    std::uint32_t node = 0;
    std::uint64_t session = 0, number = 0;  // session 0: not connected
    bool quorum = false;                    // anabranch.durability: what it is answered for is at a majority
    bool tentative = false;                 // blocks of ordered calls are queued at the node
    std::vector<std::uint64_t> block;       // calls of the one that is under way
    bool memory = false;                    // ordered calls are answered before they are committed
    std::uint64_t thread = 0;  // names what it does between two losses that it is told of: History::invoked
    bool waiting = false;
    bool ordered = false;
    Instant since;
    std::uint64_t call = 0;  // History's number
    std::string text;
    replica::Ticket ticket = 0;  // 0: the answer comes as a Reply
    Dot write;                   // of a free call
    crdt::VersionVector seen;    // what the answers so far were made from
    crdt::VersionVector shown;   // what the one under way is made from
};

struct Acknowledged {
    Dot dot;
    std::uint64_t call = 0;
    std::string text;
};

class World {
  public:
    World(catalog::SchemaPtr schema, catalog::Plan plan, Script script, bool verbose);
    Outcome run();

  private:
    using Action = std::function<void()>;
    struct Scheduled {
        Instant at;
        std::uint64_t order;
        std::shared_ptr<Action> action;
        bool operator>(const Scheduled& other) const {
            return std::tie(at, order) > std::tie(other.at, other.order);
        }
    };
    using Link = std::pair<std::uint32_t, std::uint32_t>;

    // ---- time and nodes: world.cpp ----
    void schedule(Duration after, Action action);
    void advance_until(Instant end);
    void note(const std::string& text);
    void fail(const char* rule, const std::string& what);
    void mark(const std::string& rare) { ++outcome_.marks[rare]; }
    Instant clock(const SimNode& node) const { return now_ + node.clock_offset; }
    void create(std::uint32_t index);
    replica::Options options_of(const SimNode& node) const;
    void happen(Event& event);
    void boot(SimNode& node);
    bool recover(SimNode& node);
    void crash(SimNode& node);
    void lose(SimNode& node);
    void count_work(const SimNode& node);
    bool may_lose(const SimNode& node) const;
    bool nobody_knows_of_loss() const;
    void rot(SimNode& node);
    bool readable(SimNode& node);
    void heal();
    void catch_up();
    void introduce();
    void step(SimNode& node, const replica::Input& input);
    void arm(SimNode& node);
    void carry(SimNode& node, replica::Outputs& out);
    void noticed(SimNode& node, const replica::Notice& notice);
    void join(SimNode& node, const SimNode& by);
    void change(SimNode& node, const std::string& request);

    // ---- disk: world.cpp ----
    void write(SimNode& node, replica::Persist& persist);
    void keep(SimNode& node, replica::CheckpointPart& part);
    void checkpoint_ready(SimNode& node, const std::string& problem = {});
    void sync_later(SimNode& node);
    void hurry(SimNode& node, replica::Ticket ticket);  // somebody waits for it
    void synced(SimNode& node, replica::Ticket ticket);
    void disk_full(SimNode& node, bool full);

    // ---- network.cpp ----
    static Link pair_of(std::uint32_t a, std::uint32_t b) { return {std::min(a, b), std::max(a, b)}; }
    void connect(SimNode& a, SimNode& b);
    void disconnect(SimNode& a, SimNode& b);
    void reconnect_soon(SimNode& a, SimNode& b);
    void link_anew(SimNode& node, const replica::Members& members);
    void send(SimNode& node, replica::Send& message);
    void transmit(SimNode& node, const replica::Send& message);
    void deliver(Link link, std::uint64_t connection, const Bytes& bytes);
    Bytes corrupted(const Bytes& bytes);

    // ---- clients.cpp ----
    void call(Event& event);
    bool seat(Client& client, SimNode& node);
    void execute(SimNode& node, Client& client, const replica::RunnablePtr& runnable);
    void begin_waiting(SimNode& node, Client& client, const replica::Execution& done);
    void answered(SimNode& node, const replica::Reply& reply);
    void acknowledge(SimNode& node);
    void settle(SimNode& node, Client& client, const Result<std::string>& tag);
    void lose_answers(SimNode& node);
    void excuse(const SimNode& lost);

    // ---- blocks.cpp ----
    void queue(SimNode& node, Client& client, const std::string& text);
    Result<void> run_block(SimNode& node, Client& client, const std::string& text, replica::Outputs& out);
    void queued(const SimNode& node, Client& client, bool taken);
    bool queues_are_empty() const;
    void learn_fates();

    // ---- judge.cpp ----
    bool shows_tables(const SimNode& node) const;
    bool serving(const SimNode& node) const;
    std::set<std::string> members() const;
    const SimNode& some_member() const;
    bool settled(const SimNode& node, const SimNode& member) const;
    void check(SimNode& node);
    void check_promise(const SimNode& node, const Client& client, const replica::Runnable& runnable,
                       const replica::Execution& done);
    void check_patience();
    void check_quorum(const SimNode& at, const Client& client, bool answered);
    void check_recovered(const SimNode& node);
    bool order_is_settled() const;
    bool converged() const;
    void check_end();
    void check_same(const SimNode& node);
    std::string describe() const;

    catalog::SchemaPtr schema_;
    catalog::Plan plan_;
    Script script_;
    const bool verbose_;
    Random random_, network_, faults_, load_;
    Workload workload_;
    History history_;
    Conditions conditions_;
    std::optional<Instant> lost_at_;  // when a disk was last lost or began to rot
    bool identities_ = false;         // the schema draws some: a lost directory may not rejoin
    Instant now_;
    std::uint64_t order_ = 0;
    std::priority_queue<Scheduled, std::vector<Scheduled>, std::greater<>> events_;
    std::deque<SimNode> nodes_;
    std::map<std::string, std::uint32_t> index_of_;
    std::vector<Client> clients_;
    std::set<Link> cut_;                        // directed
    std::map<Link, std::uint64_t> connection_;  // of a pair: its number, 0 while there is none
    std::uint64_t connections_ = 0;
    std::set<Link> to_corrupt_;
    std::map<Link, Instant> last_delivery_;
    std::vector<Acknowledged> acknowledged_;
    // Free calls that were acknowledged after a wait, by node: the dots of what they wrote are not known.
    std::multimap<std::uint32_t, std::uint64_t> waited_;
    // Blocks that were taken, by replica id and ticket.
    std::map<std::pair<ReplicaId, std::string>, std::vector<std::uint64_t>> tickets_;
    std::string primary_;
    OrderFacts facts_;
    std::uint64_t changes_asked_ = 0;
    std::uint64_t threads_ = 0;
    bool quiet_ = false;  // the load has ended
    Outcome outcome_;
};

}  // namespace anabranch::sim
