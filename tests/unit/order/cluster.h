// A cluster of order cores in one deterministic world: one virtual clock, one source of randomness, links
// that delay, lose, repeat and reorder, disks that take time and forget what was not synced when a node
// crashes (a random prefix of it survives), and a plain gossip of free deltas. Facts (facts.h) watches every
// step. The same seed gives the same history.
#pragma once

#include <functional>
#include <memory>
#include <queue>

#include "tests/unit/order/facts.h"

namespace anabranch::order::test {

struct World {
    Options order;
    Duration delay_min = millis(1), delay_max = millis(1);
    double loss = 0, repeat = 0;
    Duration disk_min = micros(200), disk_max = micros(200);
    Duration gossip_every = millis(5);  // each node, to one other
    double crash_after_vote = 0;        // chance that a voter crashes when its vote has left
    double crash_after_ack = 0;
    double crash_after_election = 0;  // chance that a new primary crashes in its first milliseconds
    double crash_after_commit = 0;    // chance that a primary crashes when its commit index has moved
    Duration crash_within = millis(2);
    Duration down_min = millis(3), down_max = millis(30);  // how long such a crash lasts
    bool check_promises = true;  // votes and acknowledgements themselves; off: only their consequences
};

// Small timings, so that much happens in a virtual second.
Options quick_options();
World calm();  // with these, and no faults

class Cluster {
  public:
    Cluster(std::uint64_t seed, World world, std::vector<std::uint64_t> voters,
            std::vector<std::uint64_t> learners = {});
    ~Cluster();

    Instant now() const { return now_; }
    Random& random() { return random_; }
    const Facts& facts() const { return facts_; }
    World& world() { return world_; }

    void run_for(Duration time);
    bool run_until(const std::function<bool()>& done, Duration at_most = seconds(10));
    bool elect();  // runs until some primary may execute
    bool settle(
        Duration at_most = seconds(10));  // runs until all members have applied the same last committed entry
    void after(Duration time, std::function<void()> action);

    // Nodes. A node that is no voter and no learner yet is started with join().
    void join(std::uint64_t id);
    void crash(std::uint64_t id);
    void restart(std::uint64_t id);
    // Crashes, and comes back with nothing on its disk. False: another one has not caught up since it did.
    bool lose(std::uint64_t id);
    bool all_remember() const;  // what they have promised
    void write(std::uint64_t id, const Persist& records);  // onto the disk of a node that is down
    bool up(std::uint64_t id) const;
    std::vector<std::uint64_t> ids() const;
    Order& core(std::uint64_t id);
    Status status(std::uint64_t id) { return core(id).status(); }
    std::uint64_t primary() const;  // the one of the highest epoch among those that are up; 0: none
    Index applied(std::uint64_t id) const;
    std::uint64_t elections() const { return facts_.elections(); }

    // Links, each direction by itself.
    void cut(std::uint64_t from, std::uint64_t to);
    void isolate(std::uint64_t id);
    void split(const std::vector<std::uint64_t>& side);
    void heal();
    void slow_disk(std::uint64_t id, Duration extra);

    // Work.
    bool propose(std::uint64_t at, const std::string& text, Dots dependencies = {});  // false: refused
    Dot make_delta(std::uint64_t at);                 // a free delta, durable and gossiped like any other
    void hide_deltas(std::uint64_t of, bool hidden);  // its own free deltas do not gossip
    Dots known(std::uint64_t id) const;               // free deltas in memory
    void read(std::uint64_t at);
    void compact(std::uint64_t at, Index index);
    void input(std::uint64_t at, Input input);  // anything else

    std::size_t messages() const { return messages_; }
    std::vector<Output> take_log(std::uint64_t id);  // outputs since the last call, when recorded
    void record_outputs(bool on) { record_outputs_ = on; }
    std::map<std::string, std::uint64_t> seen;               // rare outputs, by name
    std::vector<std::pair<std::uint64_t, bool>> reads_done;  // node, ready

  private:
    struct Node;
    struct Event {
        Instant at;
        std::uint64_t seq;
        std::function<void()> action;
        bool operator>(const Event& other) const { return std::tie(at, seq) > std::tie(other.at, other.seq); }
    };
    Node& node(ReplicaId id);
    const Node& node(ReplicaId id) const;
    Node& add(ReplicaId id, Members initial);
    void boot(Node& node);
    void feed(Node& node, Input input);
    void handle(Node& node, Output& output);
    void persist(Node& node, const Persist& output);
    void sync(Node& node);
    void synced(Node& node, std::size_t records, Ticket ticket);
    void leave(Node& node, const Send& output);
    void deliver(Node& node, ReplicaId to, const Message& message);
    void arrive(ReplicaId from, std::uint64_t life, ReplicaId to, const Message& message);
    void ask_for_promises(Node& node);
    void watch(Node& node, const Message& message, ReplicaId to);
    void apply(Node& node);
    void gossip(Node& node);
    void receive_gossip(Node& node, const Dots& dots, Index order);
    void hold(Node& node, const Dots& dots, Index order);
    void schedule_tick(Node& node);
    void check_commit(Node& node);
    void maybe_crash(Node& node, double chance);
    Duration disk_time(const Node& node);
    bool step();

    World world_;
    Random random_;
    Instant now_;
    std::uint64_t seq_ = 0;
    std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
    std::map<ReplicaId, std::unique_ptr<Node>> nodes_;
    std::set<std::pair<ReplicaId, ReplicaId>> cuts_;
    Facts facts_;
    std::size_t messages_ = 0;
    std::uint64_t next_token_ = 0;
    bool record_outputs_ = false;
};

}  // namespace anabranch::order::test
