#include "tests/unit/order/cluster.h"

#include <algorithm>
#include <deque>

namespace anabranch::order::test {

struct Cluster::Node {
    ReplicaId id;
    Members initial;
    std::unique_ptr<Order> core;  // null: down
    std::uint64_t boots = 0;
    Instant tick_at{-1};

    // Disk: what was written, of which the first `durable` records survive a crash for certain.
    std::vector<Bytes> records;
    std::size_t durable = 0;
    std::unique_ptr<Recovery> written;  // of all records
    std::unique_ptr<Recovery> on_disk;  // of the durable ones
    Ticket synced_ticket = 0;
    Ticket written_ticket = 0;
    bool syncing = false, sync_wanted = false;
    Duration disk_extra;
    std::deque<Send> waiting;  // for their ticket

    // Replica: free deltas, and the order applied.
    Dots memory, disk;
    std::uint64_t own_seq = 0;
    bool hide_own = false;
    Index applied = 0;            // contiguous
    Index applied_durable = 0;    // by gossip or checkpoint; the rest comes back from the order's own log
    std::deque<Entry> committed;  // handed out, waits for its dependencies
    std::map<std::uint64_t, Index> reads;
    std::vector<Output> outputs;

    // It has lost its disk so many times; until it has asked around nothing that it says counts.
    std::uint64_t life = 0;
    bool passive = false;
    std::optional<Promises> promises;
    std::map<ReplicaId, std::uint64_t> lives;  // of others, that this one has heard of
};

Options quick_options() {
    Options options;
    options.heartbeat = millis(10);
    options.election_timeout = millis(60);
    options.disk_stall = millis(400);
    return options;
}

World calm() {
    World world;
    world.order = quick_options();
    return world;
}

Cluster::Cluster(std::uint64_t seed, World world, std::vector<std::uint64_t> voters,
                 std::vector<std::uint64_t> learners)
    : world_(world), random_(seed) {
    Members initial;
    for (const std::uint64_t id : voters) initial.voters.push_back({id});
    for (const std::uint64_t id : learners) initial.learners.push_back({id});
    for (const ReplicaId id : initial.all()) add(id, initial);
}

Cluster::~Cluster() = default;

Cluster::Node& Cluster::add(ReplicaId id, Members initial) {
    auto& slot = nodes_[id];
    slot = std::make_unique<Node>();
    slot->id = id;
    slot->initial = std::move(initial);
    boot(*slot);
    return *slot;
}

Cluster::Node& Cluster::node(ReplicaId id) {
    return *nodes_.at(id);
}
const Cluster::Node& Cluster::node(ReplicaId id) const {
    return *nodes_.at(id);
}

void Cluster::join(std::uint64_t id) {
    add({id}, {});
}

void Cluster::boot(Node& node) {
    ++node.boots;
    node.on_disk = std::make_unique<Recovery>(node.id, node.initial);
    for (const Bytes& record : node.records) {
        if (auto done = node.on_disk->add(record); !done)
            violated("recovery reads what was written", done.error().message);
    }
    node.written = std::make_unique<Recovery>(*node.on_disk);
    node.durable = node.records.size();
    Boot boot = node.on_disk->boot();
    boot.held = node.disk;
    if (node.applied_durable > 0) merge(boot.held, {{ORDER_ORIGIN, node.applied_durable}});
    boot.applied = node.applied = node.applied_durable;
    boot.promises = node.promises;
    node.memory = node.disk;
    node.core = make_order(world_.order, std::move(boot), random_.fork("core"), now_);
    node.synced_ticket = 0;
    node.written_ticket = 0;
    node.syncing = node.sync_wanted = false;
    node.tick_at = {-1};
    schedule_tick(node);
    gossip(node);
    ask_for_promises(node);
}

namespace {

Members newest_list(const Boot& log) {
    for (auto entry = log.entries.rbegin(); entry != log.entries.rend(); ++entry)
        if (entry->kind == EntryKind::config) return decode_members(entry->payload).value_or(Members{});
    return log.snapshot.members;
}

}  // namespace

bool Cluster::all_remember() const {
    return std::none_of(nodes_.begin(), nodes_.end(), [](const auto& item) {
        const Node& n = *item.second;
        return n.passive || (n.core ? !n.core->caught_up() : n.promises.has_value());
    });
}

bool Cluster::lose(std::uint64_t id) {
    if (!all_remember()) return false;
    for (const auto& [other, n] : nodes_) {
        // The disk of a sole voter is the cluster.
        const Members members = n->core ? n->core->status().members : newest_list(n->written->boot());
        for (const auto* list : {&members.voters, &members.incoming})
            if (*list == std::vector<ReplicaId>{{id}}) return false;
    }
    crash(id);
    Node& n = node({id});
    n.records.clear();
    n.disk.clear();
    n.applied_durable = 0;
    n.passive = true;
    ++n.life;
    ++seen["lost disks"];
    return true;
}

void Cluster::ask_for_promises(Node& node) {
    if (!node.passive) return;
    Recover ask;
    for (const auto& [id, n] : nodes_) ask.known.push_back(id);
    feed(node, std::move(ask));
    after(millis(20), [this, &node, boots = node.boots] {
        if (node.core && node.boots == boots) ask_for_promises(node);
    });
}

void Cluster::crash(std::uint64_t id) {
    Node& n = node({id});
    if (!n.core) return;
    if (n.core->caught_up()) n.promises.reset();
    // The record of them may have been on its way to the disk: then they are asked for again.
    if (n.promises && random_.chance(0.3)) n.promises.reset(), n.passive = true;
    n.core.reset();
    const std::size_t survives = n.durable + random_.below(n.records.size() - n.durable + 1);
    n.records.resize(survives);
    n.waiting.clear();
    n.committed.clear();
    n.reads.clear();
}

void Cluster::write(std::uint64_t id, const Persist& records) {
    for (Bytes& record : encode(records)) node({id}).records.push_back(std::move(record));
}

void Cluster::restart(std::uint64_t id) {
    if (!node({id}).core) boot(node({id}));
}

bool Cluster::up(std::uint64_t id) const {
    return nodes_.contains({id}) && node({id}).core != nullptr;
}
Order& Cluster::core(std::uint64_t id) {
    return *node({id}).core;
}
Index Cluster::applied(std::uint64_t id) const {
    return node({id}).applied;
}
Dots Cluster::known(std::uint64_t id) const {
    return node({id}).memory;
}
void Cluster::hide_deltas(std::uint64_t of, bool hidden) {
    node({of}).hide_own = hidden;
}
void Cluster::slow_disk(std::uint64_t id, Duration extra) {
    node({id}).disk_extra = extra;
}
void Cluster::heal() {
    cuts_.clear();
}
void Cluster::cut(std::uint64_t from, std::uint64_t to) {
    cuts_.insert({{from}, {to}});
}

std::vector<std::uint64_t> Cluster::ids() const {
    std::vector<std::uint64_t> out;
    for (const auto& [id, n] : nodes_) out.push_back(id.value);
    return out;
}

void Cluster::isolate(std::uint64_t id) {
    split({id});
}

void Cluster::split(const std::vector<std::uint64_t>& side) {
    const auto on = [&](ReplicaId id) { return std::find(side.begin(), side.end(), id.value) != side.end(); };
    for (const auto& [a, x] : nodes_) {
        for (const auto& [b, y] : nodes_) {
            if (on(a) != on(b)) cuts_.insert({a, b});
        }
    }
}

std::uint64_t Cluster::primary() const {
    std::uint64_t best = 0;
    Epoch epoch = 0;
    for (const auto& [id, n] : nodes_) {
        if (!n->core || n->core->primary() != id || n->core->epoch() <= epoch) continue;
        epoch = n->core->epoch();
        best = id.value;
    }
    return best;
}

void Cluster::after(Duration time, std::function<void()> action) {
    events_.push({now_ + time, ++seq_, std::move(action)});
}

bool Cluster::step() {
    if (events_.empty()) return false;
    auto action = std::move(const_cast<Event&>(events_.top()).action);
    now_ = events_.top().at;
    events_.pop();
    action();
    return true;
}

void Cluster::run_for(Duration time) {
    const Instant end = now_ + time;
    while (!events_.empty() && events_.top().at <= end) step();
    now_ = end;
}

bool Cluster::run_until(const std::function<bool()>& done, Duration at_most) {
    const Instant end = now_ + at_most;
    while (!done()) {
        if (events_.empty() || events_.top().at > end) return false;
        step();
    }
    return true;
}

bool Cluster::elect() {
    return run_until([&] { return primary() != 0 && core(primary()).may_execute(); });
}

bool Cluster::settle(Duration at_most) {
    return run_until(
        [&] {
            const std::uint64_t lead = primary();
            if (lead == 0 || !core(lead).may_execute()) return false;
            const Status status = core(lead).status();
            if (status.members.joint() || status.commit != status.last_index) return false;
            const auto members = status.members.all();
            return std::all_of(members.begin(), members.end(), [&](ReplicaId id) {
                return up(id.value) &&
                       node(id).applied >= std::max(status.last_index, facts_.last_committed());
            });
        },
        at_most);
}

void Cluster::schedule_tick(Node& node) {
    const Instant at = std::max(now_, node.core->next_deadline());
    if (node.tick_at >= now_ && node.tick_at <= at) return;  // an earlier tick will look again
    node.tick_at = at;
    const std::uint64_t boots = node.boots;
    after(at - now_, [this, &node, boots, at] {
        if (!node.core || node.boots != boots || node.tick_at != at) return;
        node.tick_at = {-1};
        if (node.core->next_deadline() <= now_) feed(node, Tick{});
        if (node.core) schedule_tick(node);
    });
}

void Cluster::input(std::uint64_t at, Input value) {
    feed(node({at}), std::move(value));
}

void Cluster::feed(Node& node, Input input) {
    const std::uint64_t boots = node.boots;
    Outputs outputs = node.core->step(std::move(input), now_);
    for (Output& output : outputs) {
        if (!node.core || node.boots != boots) return;
        handle(node, output);
        if (record_outputs_) node.outputs.push_back(std::move(output));
    }
    if (!node.core || node.boots != boots) return;
    check_commit(node);
    apply(node);
    if (node.core && node.boots == boots) schedule_tick(node);
}

std::vector<Output> Cluster::take_log(std::uint64_t id) {
    return std::exchange(node({id}).outputs, {});
}

void Cluster::check_commit(Node& node) {
    if (node.core->primary() != node.id) return;
    const Status status = node.core->status();
    if (status.commit <= facts_.last_committed()) return;
    std::vector<Durable> disks;
    for (const auto& [id, n] : nodes_) disks.push_back({id, &n->on_disk->boot(), &n->disk});
    facts_.committed(node.written->boot(), status.commit, status.members, disks, world_.check_promises);
    maybe_crash(node, world_.crash_after_commit);
}

void Cluster::handle(Node& node, Output& output) {
    if (auto* persist_out = std::get_if<Persist>(&output)) return persist(node, *persist_out);
    if (auto* send = std::get_if<Send>(&output)) {
        if (send->after > node.synced_ticket) {
            node.waiting.push_back(*send);
        } else {
            leave(node, *send);
        }
        return;
    }
    if (auto* became = std::get_if<BecamePrimary>(&output)) {
        facts_.became_primary(node.id, became->epoch, node.written->boot());
        maybe_crash(node, world_.crash_after_election);
    } else if (auto* may = std::get_if<MayExecute>(&output)) {
        facts_.executes(node.id, may->epoch, node.applied);
    } else if (auto* committed = std::get_if<Committed>(&output)) {
        facts_.handed_out(node.id, committed->entry);
        node.committed.push_back(committed->entry);
    } else if (auto* installed = std::get_if<Installed>(&output)) {
        ++seen["installed"];
        std::erase_if(node.committed, [&](const Entry& entry) { return entry.index <= installed->index; });
    } else if (auto* ready = std::get_if<ReadReady>(&output)) {
        facts_.read(node.id, node.reads.at(ready->token), ready->index);
        node.reads.erase(ready->token);
        reads_done.emplace_back(node.id.value, true);
    } else if (auto* failed = std::get_if<ReadFailed>(&output)) {
        node.reads.erase(failed->token);
        reads_done.emplace_back(node.id.value, false);
    } else if (auto* recovered = std::get_if<Recovered>(&output)) {
        ++seen["recovered"];
        node.promises = recovered->promises;
        node.passive = false;
    } else if (std::holds_alternative<WantDependencies>(output)) {
        ++seen["wants dependencies"];
    } else if (std::holds_alternative<LostPrimary>(output)) {
        ++seen["lost primary"];
    } else if (auto* changed = std::get_if<MembersChanged>(&output)) {
        ++seen[changed->members.joint() ? "joint" : "not joint"];
    } else if (auto* bad = std::get_if<BadMessage>(&output)) {
        violated("correct replicas send no bad messages",
                 describe(node.id) + " from " + describe(bad->from) + ": " + bad->reason);
    }
}

void Cluster::persist(Node& node, const Persist& output) {
    for (Bytes& record : encode(output)) {
        if (auto done = node.written->add(record); !done)
            violated("recovery reads what was written", done.error().message);
        node.records.push_back(std::move(record));
    }
    for (const Entry& entry : output.entries)
        facts_.wrote(entry, epoch_at(node.written->boot(), entry.index - 1));
    node.written_ticket = output.ticket;
    if (!output.lazy) sync(node);
}

// Group commit: one sync at a time, each covers everything written before it began.
void Cluster::sync(Node& node) {
    node.sync_wanted = true;
    if (node.syncing) return;
    node.syncing = true;
    node.sync_wanted = false;
    after(disk_time(node),
          [this, &node, boots = node.boots, records = node.records.size(), ticket = node.written_ticket] {
              if (!node.core || node.boots != boots) return;
              node.syncing = false;
              synced(node, records, ticket);
              if (node.core && node.boots == boots && node.sync_wanted) sync(node);
          });
}

Duration Cluster::disk_time(const Node& node) {
    return {random_.between(world_.disk_min.micros, world_.disk_max.micros) + node.disk_extra.micros};
}

void Cluster::synced(Node& node, std::size_t records, Ticket ticket) {
    for (; node.durable < records; ++node.durable) (void)node.on_disk->add(node.records[node.durable]);
    node.synced_ticket = ticket;
    const std::uint64_t boots = node.boots;
    while (node.core && node.boots == boots && !node.waiting.empty() &&
           node.waiting.front().after <= ticket) {
        const Send send = std::move(node.waiting.front());
        node.waiting.pop_front();
        leave(node, send);
    }
    if (node.core && node.boots == boots) feed(node, Persisted{ticket});
}

void Cluster::watch(Node& node, const Message& message, ReplicaId to) {
    const Durable disk{node.id, &node.on_disk->boot(), &node.disk};
    double crash_chance = 0;
    if (const auto* request = std::get_if<VoteRequest>(&message); request != nullptr && !request->pre) {
        facts_.voted(node.id, request->epoch, node.id, world_.check_promises ? &disk : nullptr);
        crash_chance = world_.crash_after_vote;
    } else if (const auto* vote = std::get_if<VoteReply>(&message);
               vote != nullptr && vote->granted && !vote->pre) {
        facts_.voted(node.id, vote->requested, to, world_.check_promises ? &disk : nullptr);
        crash_chance = world_.crash_after_vote;
    } else if (const auto* reply = std::get_if<AppendReply>(&message); reply != nullptr && !reply->rejected) {
        if (world_.check_promises) facts_.acknowledged(disk, reply->held);
        crash_chance = world_.crash_after_ack;
    }
    maybe_crash(node, crash_chance);
}

void Cluster::maybe_crash(Node& node, double chance) {
    if (chance == 0 || !random_.chance(chance)) return;
    const std::uint64_t id = node.id.value;
    const std::uint64_t boots = node.boots;
    const Duration down{random_.between(world_.down_min.micros, world_.down_max.micros)};
    after(micros(random_.between(0, world_.crash_within.micros)), [this, id, boots, down] {
        if (this->node({id}).boots != boots) return;
        crash(id);
        after(down, [this, id] { restart(id); });
    });
}

namespace {

// As node/replica has it: what may be said by one that has forgotten what it promised.
bool is_harmless(const Message& message) {
    return !std::holds_alternative<VoteRequest>(message) && !std::holds_alternative<VoteReply>(message) &&
           !std::holds_alternative<AppendReply>(message) && !std::holds_alternative<RecoveryReply>(message);
}

}  // namespace

void Cluster::leave(Node& node, const Send& output) {
    if (node.passive && !is_harmless(output.message)) return;
    watch(node, output.message, output.to);
    ++messages_;
    const int copies = random_.chance(world_.loss) ? 0 : random_.chance(world_.repeat) ? 2 : 1;
    for (int i = 0; i < copies; ++i) deliver(node, output.to, output.message);
}

void Cluster::deliver(Node& node, ReplicaId to, const Message& message) {
    const Duration delay{random_.between(world_.delay_min.micros, world_.delay_max.micros)};
    after(delay, [this, from = node.id, life = node.life, to, message] { arrive(from, life, to, message); });
}

// Links tell the lives of a node apart.
void Cluster::arrive(ReplicaId from, std::uint64_t life, ReplicaId to, const Message& message) {
    if (cuts_.contains({from, to}) || !up(to.value)) return;
    Node& node = this->node(to);
    auto& known = node.lives[from];
    if (life < known) return;
    if (life > std::exchange(known, life)) feed(node, Forgotten{from});
    if (node.core) feed(node, Receive{from, message});
}

void Cluster::apply(Node& node) {
    Index before = node.applied;
    while (!node.committed.empty()) {
        const Entry& entry = node.committed.front();
        if (entry.index > node.applied && !covers(node.disk, entry.dependencies)) break;
        node.applied = std::max(node.applied, entry.index);
        node.committed.pop_front();
    }
    if (node.applied != before) feed(node, Applied{node.applied});
}

Dot Cluster::make_delta(std::uint64_t at) {
    Node& n = node({at});
    const Dot dot{n.id, ++n.own_seq};
    merge(n.memory, {dot});
    const std::uint64_t boots = n.boots;
    after(disk_time(n), [this, &n, boots, dot] {
        if (n.core && n.boots == boots) hold(n, {dot}, 0);
    });
    return dot;
}

// From a random other node, what that one durably holds. The pull is one step, so that it works through any
// crash.
void Cluster::gossip(Node& node) {
    const std::uint64_t boots = node.boots;
    after(micros(random_.between(0, 2 * world_.gossip_every.micros)), [this, &node, boots] {
        if (!node.core || node.boots != boots) return;
        auto from = std::next(nodes_.begin(), static_cast<std::ptrdiff_t>(random_.below(nodes_.size())));
        if (from->second->core && from->first != node.id && !cuts_.contains({from->first, node.id})) {
            Dots dots = from->second->disk;
            if (from->second->hide_own)
                std::erase_if(dots, [&](const Dot& dot) { return dot.origin == from->first; });
            receive_gossip(node, dots, from->second->hide_own ? 0 : from->second->applied);
        }
        gossip(node);
    });
}

void Cluster::receive_gossip(Node& node, const Dots& dots, Index order) {
    if (covers(node.disk, dots) && order <= node.applied_durable) return;
    merge(node.memory, dots);
    const std::uint64_t boots = node.boots;
    after(disk_time(node), [this, &node, boots, dots, order] {
        if (node.core && node.boots == boots) hold(node, dots, order);
    });
}

void Cluster::hold(Node& node, const Dots& dots, Index order) {
    merge(node.disk, dots);
    Dots told = dots;
    if (order > node.applied_durable) {
        node.applied_durable = order;
        merge(told, {{ORDER_ORIGIN, order}});
        if (order > node.applied) {
            node.applied = order;
            feed(node, Applied{order});
        }
    }
    if (node.core) feed(node, Held{told});
}

bool Cluster::propose(std::uint64_t at, const std::string& text, Dots dependencies) {
    Node& n = node({at});
    if (!n.core) return false;
    const Index before = n.core->next_index();
    const bool executes = n.core->may_execute();
    const Epoch epoch = n.core->epoch();
    if (executes) facts_.executes(n.id, epoch, n.applied);
    feed(n, Propose{epoch, before, text, std::move(dependencies)});
    return n.core && n.core->epoch() == epoch && executes && n.core->next_index() > before;
}

void Cluster::read(std::uint64_t at) {
    Node& n = node({at});
    if (!n.core) return;
    const std::uint64_t token = ++next_token_;
    n.reads[token] = facts_.last_committed();
    feed(n, Read{token});
}

// The replica's checkpoint comes first: what is compacted must be in its durable state.
void Cluster::compact(std::uint64_t at, Index index) {
    Node& n = node({at});
    if (!n.core) return;
    index = std::min(index, n.applied);
    n.applied_durable = std::max(n.applied_durable, index);
    feed(n, Compact{index});
}

}  // namespace anabranch::order::test
