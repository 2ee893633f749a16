#include "node/sim/world.h"

#include <algorithm>

#include "node/replica/roster.h"
#include "node/sim/world_impl.h"

namespace anabranch::sim {

namespace {

constexpr Instant beginning{1'767'225'600'000'000};

std::string address_of(const std::string& name) {
    return name + ":7433";
}

bool draws_identities(const catalog::Schema& schema) {
    for (const auto& table : schema.tables)
        for (const auto& column : table.columns)
            if (column.identity != catalog::Identity::none) return true;
    return false;
}

}  // namespace

World::World(catalog::SchemaPtr schema, catalog::Plan plan, Script script, bool verbose)
    : schema_(std::move(schema)),
      plan_(std::move(plan)),
      script_(std::move(script)),
      verbose_(verbose),
      random_(script_.seed),
      network_(random_.fork("network")),
      faults_(random_.fork("faults")),
      load_(random_.fork("load")),
      workload_(*schema_),
      history_(*schema_),
      conditions_(script_.conditions),
      identities_(draws_identities(*schema_)),
      now_(beginning) {
    if (script_.planted == Planted::all_free)
        for (auto& transaction : plan_.transactions)
            if (transaction.route == catalog::Route::ordered) transaction.route = catalog::Route::free;
}

Outcome World::run() {
    for (std::uint32_t i = 0; i < script_.replicas + script_.spares; ++i) create(i);
    clients_.resize(script_.clients);
    for (std::size_t i = 1; i < clients_.size(); i += 4) clients_[i].quorum = conditions_.quorum;
    for (std::size_t i = 2; i < clients_.size(); i += 4) clients_[i].tentative = conditions_.tentative;
    for (std::size_t i = 3; i < clients_.size(); i += 4) clients_[i].memory = conditions_.memory;
    for (auto& node : nodes_) boot(node);
    for (const auto& event : script_.events) history_.reserve(event.text);
    for (auto& event : script_.events)
        if (event.at < script_.load || event.kind == Event::Kind::call)
            schedule(event.at, [this, &event] { happen(event); });
    schedule(millis(500), [this] { check_patience(); });
    advance_until(beginning + script_.load);
    heal();
    catch_up();
    quiet_ = true;
    const Instant healed = now_;
    while (outcome_.ok && !converged() && now_ < healed + script_.settle_max)
        advance_until(now_ + millis(50));
    if (outcome_.ok && !converged())
        fail("convergence", "replicas have not converged " +
                                std::to_string(script_.settle_max.micros / 1'000'000) +
                                " s after the last fault: " + describe());
    outcome_.converged_after = now_ - healed;
    if (outcome_.ok) check_end();
    for (const auto& node : nodes_) {
        outcome_.marks["checkpoints"] += node.checkpoints;
        if (node.replica != nullptr) count_work(node);
    }
    outcome_.simulated = now_ - beginning;
    // Whatever was to happen after the failure has no part in it.
    const Duration end = outcome_.simulated;
    std::erase_if(script_.events, [&](const Event& event) { return event.at > end; });
    outcome_.script = std::move(script_);
    return std::move(outcome_);
}

// ---- time ----

void World::schedule(Duration after, Action action) {
    events_.push({now_ + after, ++order_, std::make_shared<Action>(std::move(action))});
}

void World::advance_until(Instant end) {
    while (outcome_.ok && !events_.empty() && events_.top().at <= end) {
        const Scheduled event = events_.top();
        events_.pop();
        now_ = event.at;
        ++outcome_.events;
        (*event.action)();
    }
    if (outcome_.ok) now_ = std::max(now_, end);
}

void World::note(const std::string& text) {
    outcome_.fingerprint = hash64(text, outcome_.fingerprint ^ static_cast<std::uint64_t>(now_.micros));
    if (verbose_) outcome_.trace.push_back(std::to_string((now_ - beginning).micros / 1000) + " ms  " + text);
}

void World::fail(const char* rule, const std::string& what) {
    if (!outcome_.ok) return;
    outcome_.ok = false;
    outcome_.rule = rule;
    outcome_.problem = std::to_string((now_ - beginning).micros / 1000) + " ms: " + what;
    note("PROBLEM " + what);
}

// ---- nodes ----

void World::create(std::uint32_t index) {
    SimNode node{.disk = Disk(script_.planted)};
    node.index = index;
    node.name = node_name(index);
    node.id = ReplicaId{random_.next() | 2};
    node.spare = index >= script_.replicas;
    index_of_[node.name] = index;
    nodes_.push_back(std::move(node));
}

replica::Options World::options_of(const SimNode& node) const {
    replica::Options options;
    options.name = node.name;
    options.id = node.id;
    options.address = address_of(node.name);
    options.joining = node.spare;
    options.cluster = node.spare ? node.cluster : 7;
    options.order_timeout = seconds(2);
    options.checkpoint_log_bytes_min = conditions_.checkpoint_bytes;
    options.checkpoint_log_ratio = 1;
    options.order_pace = conditions_.pace;
    if (conditions_.pace > micros(1)) options.order.commit_news = millis(2);
    options.forget_deleted = conditions_.forget;
    options.slice_bytes = conditions_.slice_bytes;
    options.kept_bytes_max = conditions_.kept_bytes;
    options.batch_bytes_max = conditions_.batch_bytes;
    options.checkpoint_entries_min = conditions_.checkpoint_entries;
    options.large_delta_bytes = conditions_.large_bytes;
    options.slice_rows = 1;
    options.slice_pause = conditions_.slice_pause;
    for (const auto& other : nodes_)
        if (other.index != node.index && (node.spare ? other.name == node.joins_by : !other.spare))
            options.peers.push_back({other.name, ReplicaId{}, true, address_of(other.name)});
    options.unsafe.ignore_causality = script_.planted == Planted::ignore_causality;
    options.unsafe.arrival_order = script_.planted == Planted::arrival_order;
    options.unsafe.quorum_of_one = script_.planted == Planted::quorum_of_one;
    options.unsafe.keep_promises = script_.planted == Planted::keep_promises;
    options.unsafe.answer_early = script_.planted == Planted::answer_early;
    options.unsafe.forget_losses = script_.planted == Planted::forget_losses;
    options.unsafe.forget_early = script_.planted == Planted::forget_early;
    auto& unsafe = options.order.unsafe;
    unsafe.ack_before_durable = script_.planted == Planted::ack_before_durable;
    unsafe.forget_vote = script_.planted == Planted::forget_vote;
    unsafe.ignore_dependencies = script_.planted == Planted::ignore_dependencies;
    unsafe.skip_log_check = script_.planted == Planted::skip_log_check;
    unsafe.execute_before_applied = script_.planted == Planted::execute_before_applied;
    unsafe.one_majority_when_joint = script_.planted == Planted::one_majority_when_joint;
    unsafe.count_learners = script_.planted == Planted::count_learners;
    return options;
}

void World::happen(Event& event) {
    using Kind = Event::Kind;
    SimNode& node = nodes_[event.node];
    SimNode& other = nodes_[event.kind == Kind::call ? event.node : event.other];
    switch (event.kind) {
        case Kind::call:
            return call(event);
        case Kind::cut:
            ++outcome_.partitions;
            cut_.insert({node.index, other.index});
            return note("cut " + node.name + " -> " + other.name);
        case Kind::mend:
            cut_.clear();
            return note("mend");
        case Kind::down:
            return disconnect(node, other);
        case Kind::up:
            return connect(node, other);
        case Kind::crash:
            return crash(node);
        case Kind::boot:
            return boot(node);
        case Kind::lose:
            return lose(node);
        case Kind::clock:
            node.clock_offset.micros += event.amount.micros;
            return note("clock of " + node.name + " jumps by " + std::to_string(event.amount.micros) + " us");
        case Kind::full:
        case Kind::room:
            return disk_full(node, event.kind == Kind::full);
        case Kind::slow:
            node.slow = event.amount;
            node.disk_trouble_ended = now_;
            return note("syncs of " + node.name + " take " + std::to_string(event.amount.micros) + " us");
        case Kind::corrupt:
            to_corrupt_.insert({node.index, other.index});
            return;
        case Kind::join:
            return join(node, other);
        case Kind::rot:
            return rot(node);
        case Kind::change:
            return change(node, event.text);
    }
}

// A restart reads the checkpoint and the log, and goes on with them.
bool World::recover(SimNode& node) {
    const auto failed = [&](const Error& error) {
        fail("recovery", "node " + node.name + " cannot recover: " + error.message);
        return false;
    };
    if (!node.disk.whole())
        return failed(Error::make(sqlstate::io_error, "its log ends before its checkpoint does"));
    for (const auto& part : node.disk.checkpoint())
        if (auto read = node.replica->recover_checkpoint(part.bytes); !read) return failed(read.error());
    for (const auto& item : node.disk.records()) {
        if (auto read = node.replica->recover(item.ticket, item.record); !read) return failed(read.error());
        node.durable = node.newest = item.ticket;
    }
    replica::Outputs out;
    if (auto started = node.replica->start(clock(node), out); !started) return failed(started.error());
    check_recovered(node);
    carry(node, out);
    return outcome_.ok;
}

void World::boot(SimNode& node) {
    if (node.replica != nullptr || (node.spare && node.joins_by.empty()) || !readable(node)) return;
    node.replica = std::make_unique<replica::Replica>(schema_, plan_, options_of(node),
                                                      random_.fork(node.name), nullptr, nullptr);
    ++node.incarnation;
    node.durable = node.newest = node.urgent = 0;
    node.sync_scheduled = node.full = node.due = false;
    node.next_session = 1;
    node.checked = {};
    node.contacts.clear();
    note("boot " + node.name);
    if (!recover(node)) return;
    for (auto& other : nodes_)
        if (other.index != node.index) connect(node, other);
    arm(node);
}

void World::crash(SimNode& node) {
    if (node.replica == nullptr) return;
    ++outcome_.crashes;
    count_work(node);
    node.left.merge(node.replica->peers(clock(node)).front().version);
    node.replica.reset();
    ++node.incarnation;
    node.held.clear();
    node.disk.crash(faults_);
    node.disk_trouble_ended = now_;
    note("crash " + node.name);
    lose_answers(node);
    for (auto& other : nodes_)
        if (other.index != node.index) disconnect(node, other);
}

void World::count_work(const SimNode& node) {
    const auto& work = node.replica->order_work();
    outcome_.marks["entries ahead"] += work.ahead;
    outcome_.marks["entries lost"] += work.lost;
    if (node.replica->database().removed() > 0)
        outcome_.marks["tombstones removed"] += node.replica->database().removed();
}

// A change of members that is begun after a loss is the primary's to refuse, once it can know that somebody
// is down.
bool World::nobody_knows_of_loss() const {
    return lost_at_ && now_ - *lost_at_ < seconds(1);
}

// A node that was never let in, or was removed, takes no part. Of those whom a list names that may be in
// force all others must be there, and remember what they have promised: one disk is lost at a time. That of a
// sole voter is the cluster.
bool World::may_lose(const SimNode& lost) const {
    auto names = members();
    if (identities_ || lost.replica == nullptr || lost.spare || !names.contains(lost.name)) return false;
    for (const auto& node : nodes_) {
        if (node.replica == nullptr) continue;
        const auto list = node.replica->order_status().members;
        if (list.voters.size() == 1 || list.incoming.size() == 1) return false;
        for (const auto& other : nodes_)
            if (list.contains(replica::member_id(other.name))) names.insert(other.name);
    }
    return std::none_of(nodes_.begin(), nodes_.end(), [&](const SimNode& node) {
        return names.contains(node.name) &&
               (node.replica == nullptr || !node.replica->under_way().empty() || node.rotten);
    });
}

void World::rot(SimNode& node) {
    if (!may_lose(node) || !node.disk.rot(faults_)) return;
    node.rotten = true;
    lost_at_ = now_;
    mark("rotten bits");
    note("a bit on the disk of " + node.name + " turns over");
    // Nobody begins to fetch its state: with half of one, from a disk that is lost, a node is of no more use.
    crash(node);
}

// A node that finds its files damaged refuses to start. Its operator salvages what is before the damage,
// which makes it a replica of a new name, once the others are all there to bring it up to date. What only
// this disk held is lost.
bool World::readable(SimNode& node) {
    if (!std::exchange(node.rotten, false) || script_.planted == Planted::ignore_checksums) return true;
    const std::string damage = node.disk.damage();
    if (damage.empty()) return true;  // written anew, or not needed any more
    const auto names = members();
    // One that is to be let in by this very node, and holds nothing yet, need not be waited for.
    const auto is_there = [](const SimNode& other) {
        if (other.spare && other.joins_by.empty()) return true;  // nobody has started it yet
        return other.replica != nullptr &&
               (other.replica->under_way().empty() || other.replica->database().version().empty());
    };
    const bool alone = std::any_of(nodes_.begin(), nodes_.end(), [&](const SimNode& other) {
        return other.index != node.index && names.contains(other.name) && !is_there(other);
    });
    if (alone) {
        node.rotten = true;
        schedule(millis(200), [this, &node] { boot(node); });
        return false;
    }
    mark("rotten disks salvaged");
    note("node " + node.name + " refuses to start: " + damage);
    excuse(node);
    node.disk.salvage();
    node.id = ReplicaId{random_.next() | 2};
    return true;
}

// ---- members ----

void World::join(SimNode& node, const SimNode& by) {
    if (!node.spare || !node.joins_by.empty()) return;
    node.joins_by = by.name;
    boot(node);
}

void World::change(SimNode& node, const std::string& request) {
    if (node.replica == nullptr || nobody_knows_of_loss()) return;
    const auto space = request.find(' ');
    const std::string action = request.substr(0, space);
    const std::string member = space == std::string::npos ? std::string() : request.substr(space + 1);
    const bool adds = action == "add" || action == "learner";
    note(node.name + " is asked: " + request);
    mark("changes asked");
    step(node, replica::ChangeRequest{{++changes_asked_, action, member, adds ? address_of(member) : ""}});
}

void World::lose(SimNode& node) {
    if (!may_lose(node)) return;
    mark("lost directories");
    lost_at_ = now_;
    excuse(node);
    crash(node);
    node.disk = Disk(script_.planted);
    node.id = ReplicaId{random_.next() | 2};
    note("the data directory of " + node.name + " is lost");
}

void World::heal() {
    note("healed");
    cut_.clear();
    to_corrupt_.clear();
    conditions_.loss = conditions_.duplication = 0;
    for (auto& node : nodes_) {
        node.clock_offset = {};
        if (node.slow.micros != 0) node.disk_trouble_ended = now_;
        node.slow = {};
        disk_full(node, false);
        boot(node);
    }
    for (auto& a : nodes_)
        for (auto& b : nodes_)
            if (a.index < b.index) connect(a, b);
    introduce();
}

// While new deltas come all the time, those that were there when the faults ended must come, too.
void World::catch_up() {
    if (!outcome_.ok || script_.catch_up_max.micros == 0) return;
    crdt::VersionVector then;
    const auto names = members();
    for (const auto& node : nodes_) {
        if (node.replica == nullptr || !names.contains(node.name)) continue;
        const auto& version = node.replica->database().version();
        then.set(node.id, version.get(node.id));
        then.set(ORDER_ORIGIN, std::max(then.get(ORDER_ORIGIN), version.get(ORDER_ORIGIN)));
    }
    const auto lacks_some = [&](const SimNode& node) {
        return node.replica != nullptr && names.contains(node.name) && members().contains(node.name) &&
               !node.replica->database().version().covers(then);
    };
    const Instant end = now_ + script_.catch_up_max;
    for (; now_ < end && outcome_.ok; advance_until(now_ + millis(50)))
        if (std::none_of(nodes_.begin(), nodes_.end(), lacks_some)) return;
    if (!outcome_.ok) return;
    const auto late = std::find_if(nodes_.begin(), nodes_.end(), lacks_some);
    if (late != nodes_.end())
        fail("starvation", "under load node " + late->name + " lacks what was there when the faults ended, " +
                               std::to_string(script_.catch_up_max.micros / 1'000'000) +
                               " s ago: " + describe());
}

// A node that waits to be let in knows the one member that it was started with. When that one has been
// removed meanwhile, its operator starts it with another one.
void World::introduce() {
    if (!outcome_.ok) return;
    const auto names = members();
    for (auto& node : nodes_) {
        if (!node.spare || node.replica == nullptr || node.replica->is_member()) continue;
        const bool lonely = std::none_of(node.contacts.begin(), node.contacts.end(),
                                         [&](const std::string& name) { return names.contains(name); });
        const auto other = std::find_if(names.begin(), names.end(),
                                        [&](const std::string& name) { return name != node.name; });
        if (!lonely || other == names.end()) continue;
        crash(node);
        node.joins_by = *other;
        boot(node);
    }
    schedule(seconds(2), [this] { introduce(); });
}

void World::step(SimNode& node, const replica::Input& input) {
    if (node.replica == nullptr || !outcome_.ok) return;
    replica::Outputs out;
    node.replica->step(input, clock(node), out);
    carry(node, out);
}

void World::arm(SimNode& node) {
    if (node.replica == nullptr) return;
    const Duration after{
        std::clamp<std::int64_t>((node.replica->next_deadline() - clock(node)).micros, 1000, 1'000'000)};
    schedule(after, [this, &node, life = node.incarnation] {
        if (node.replica == nullptr || node.incarnation != life) return;
        step(node, replica::Tick{});
        arm(node);
    });
}

void World::carry(SimNode& node, replica::Outputs& out) {
    for (auto& output : out) {
        if (auto* persist = std::get_if<replica::Persist>(&output)) {
            write(node, *persist);
        } else if (auto* part = std::get_if<replica::CheckpointPart>(&output)) {
            keep(node, *part);
        } else if (std::holds_alternative<replica::Hurry>(output)) {
            hurry(node, node.newest);
        } else if (auto* truncate = std::get_if<replica::TruncateLog>(&output)) {
            if (node.disk.truncate(truncate->before)) mark("log truncations");
        } else if (auto* message = std::get_if<replica::Send>(&output)) {
            send(node, *message);
        } else if (auto* reply = std::get_if<replica::Reply>(&output)) {
            answered(node, *reply);
        } else if (auto* notice = std::get_if<replica::Notice>(&output)) {
            noticed(node, *notice);
        } else if (const auto* members = std::get_if<replica::Members>(&output)) {
            link_anew(node, *members);
        } else if (auto* link = std::get_if<replica::Disconnect>(&output)) {
            note(node.name + " breaks the link to " + link->peer + ": " + link->reason);
            mark("refused peers");
            reconnect_soon(node, nodes_[index_of_.at(link->peer)]);
        }
    }
    check(node);
    if (node.replica == nullptr || node.replica->next_deadline() > clock(node) || node.due) return;
    node.due = true;
    schedule(micros(50), [this, &node, life = node.incarnation] {
        if (node.incarnation != life) return;
        node.due = false;
        step(node, replica::Tick{});
    });
}

void World::noticed(SimNode& node, const replica::Notice& notice) {
    note(node.name + " says " + notice.text);
    const auto says = [&](std::string_view text) { return notice.text.find(text) != std::string::npos; };
    if (says("fetches all rows anew")) mark("states fetched anew");
    if (says("fetches the state of")) mark("state transfers begun");
    if (says("clients are served again")) mark("state transfers done");
    if (says("it is fetched again")) mark("state transfers begun again");
    if (says("takes part in the order again")) mark("rejoins");
    if (says("is a member of the cluster")) mark("nodes that joined");
    if (says("has been removed from the cluster")) mark("nodes that were removed");
    if (says("stamped too far in the future")) mark("stamps refused");
    if (says("bad delta")) mark("bad deltas refused");
    if (notice.level == replica::Notice::Level::alarm && says("divergence"))
        fail("divergence", "node " + node.name + ": " + notice.text);
}

// ---- disk ----

void World::write(SimNode& node, replica::Persist& persist) {
    node.disk.append(persist.ticket, std::move(persist.record));
    node.newest = persist.ticket;
    using When = replica::Persist::When;
    const auto latest = persist.when == When::soon     ? conditions_.patience_max
                        : persist.when == When::lazily ? millis(20)
                                                       : Duration{};
    if (latest.micros == 0) return hurry(node, persist.ticket);
    schedule(micros(network_.between(1, latest.micros)), [this, &node, life = node.incarnation] {
        if (node.incarnation == life) hurry(node, node.newest);
    });
}

void World::hurry(SimNode& node, replica::Ticket ticket) {
    node.urgent = std::max(node.urgent, ticket);
    if (node.urgent > node.durable) sync_later(node);
}

void World::keep(SimNode& node, replica::CheckpointPart& part) {
    if (node.full) {
        node.disk.give_up_checkpoint();
        return checkpoint_ready(node, "no space left on device");
    }
    if (node.disk.add(std::move(part))) checkpoint_ready(node);
    if (node.disk.finished()) ++node.checkpoints, checkpoint_ready(node);
}

void World::checkpoint_ready(SimNode& node, const std::string& problem) {
    schedule(micros(network_.between(50, 2000)), [this, &node, problem, life = node.incarnation] {
        if (node.incarnation == life) step(node, replica::CheckpointReady{problem});
    });
}

void World::sync_later(SimNode& node) {
    if (node.full || std::exchange(node.sync_scheduled, true)) return;
    const bool hasty = script_.planted == Planted::gossip_before_durable;
    const Duration usual = micros(network_.between(80, conditions_.sync_max.micros));
    const auto valid = [this, &node, life = node.incarnation] {
        return node.incarnation == life && node.replica != nullptr && outcome_.ok;
    };
    schedule(hasty ? micros(1) : std::max(usual, node.slow),
             [this, &node, valid, hasty, ticket = node.newest] {
                 if (!valid()) return;
                 node.sync_scheduled = false;
                 if (node.full) return;
                 if (hasty)
                     schedule(seconds(2), [&node, valid, ticket] {
                         if (valid()) node.disk.synced(ticket);
                     });
                 else
                     node.disk.synced(ticket);
                 synced(node, ticket);
             });
}

void World::synced(SimNode& node, replica::Ticket ticket) {
    node.durable = ticket;
    step(node, replica::Persisted{ticket});
    if (node.disk.finished()) ++node.checkpoints, checkpoint_ready(node);
    acknowledge(node);
    for (auto& item : node.held)
        if (item.after <= node.durable) transmit(node, item);
    std::erase_if(node.held, [&](const auto& item) { return item.after <= node.durable; });
    if (node.urgent > ticket) sync_later(node);
}

void World::disk_full(SimNode& node, bool full) {
    if (node.full == full || node.replica == nullptr) return;
    node.full = full;
    node.disk_trouble_ended = now_;
    note("the disk of " + node.name + (full ? " is full" : " has room again"));
    if (full) mark("full disks");
    step(node, replica::LogSpace{!full});
    if (!full && node.newest > node.durable) sync_later(node);
}

Outcome run(const catalog::SchemaPtr& schema, const catalog::Plan& plan, const Script& script, bool verbose) {
    return World(schema, plan, script, verbose).run();
}

}  // namespace anabranch::sim
