#include "node/sim/world.h"

#include <algorithm>
#include <map>
#include <queue>
#include <set>
#include <tuple>

#include "lib/base/check.h"
#include "lib/wire/codec.h"
#include "node/sim/node.h"
#include "node/sim/workload.h"

namespace anabranch::sim {

namespace {

constexpr Instant beginning{1'767'225'600'000'000};

struct NoRows final : exec::RowSink {
    bool row(std::span<const sql::Datum>) override { return true; }
};

class World {
  public:
    World(catalog::SchemaPtr schema, catalog::Plan plan, const Options& options)
        : schema_(std::move(schema)),
          plan_(std::move(plan)),
          options_(options),
          random_(options.seed),
          network_(random_.fork("network")),
          faults_(random_.fork("faults")),
          load_(random_.fork("load")),
          workload_(*schema_) {
        if (options.planted == Options::Planted::all_free)
            for (auto& transaction : plan_.transactions)
                if (transaction.route == catalog::Route::ordered) transaction.route = catalog::Route::free;
    }

    Outcome run() {
        choose_faults();
        for (std::uint32_t i = 0; i < options_.replicas; ++i) create(i);
        for (auto& node : nodes_) boot(node);
        schedule(options_.call_interval, [this] { client_call(); });
        if (active_.partitions) schedule(millis(network_.between(200, 3000)), [this] { partition(); });
        if (active_.crashes) schedule(millis(faults_.between(500, 5000)), [this] { crash_someone(); });
        advance_until(beginning + options_.load);
        heal();
        const Instant healed = now_;
        while (outcome_.ok && !converged() && now_ < healed + options_.settle_max)
            advance_until(now_ + millis(50));
        if (outcome_.ok && !converged())
            fail("replicas have not converged " + std::to_string(options_.settle_max.micros / 1'000'000) +
                 " s after the last fault: " + describe());
        outcome_.converged_after = now_ - healed;
        if (outcome_.ok) check_acknowledged();
        outcome_.simulated = now_ - beginning;
        return std::move(outcome_);
    }

  private:
    using Action = std::function<void()>;
    struct Event {
        Instant at;
        std::uint64_t order;
        std::shared_ptr<Action> action;
        bool operator>(const Event& other) const {
            return std::tie(at, order) > std::tie(other.at, other.order);
        }
    };

    // ---- time ----

    void schedule(Duration after, Action action) {
        events_.push({now_ + after, ++order_, std::make_shared<Action>(std::move(action))});
    }
    void advance_until(Instant end) {
        while (outcome_.ok && !events_.empty() && events_.top().at <= end) {
            const Event event = events_.top();
            events_.pop();
            now_ = event.at;
            ++outcome_.events;
            (*event.action)();
        }
        now_ = std::max(now_, end);
    }
    void note(const std::string& text) {
        outcome_.fingerprint = hash64(text, outcome_.fingerprint ^ static_cast<std::uint64_t>(now_.micros));
        if (options_.verbose)
            outcome_.trace.push_back(std::to_string((now_ - beginning).micros / 1000) + " ms  " + text);
    }
    void fail(const std::string& what) {
        if (!outcome_.ok) return;
        outcome_.ok = false;
        outcome_.problem = std::to_string((now_ - beginning).micros / 1000) + " ms: " + what;
        note("PROBLEM " + what);
    }

    // ---- nodes ----

    // Each seed has its own set of faults, so that some runs have few.
    void choose_faults() {
        const auto pick = [&](bool allowed) { return allowed && faults_.chance(0.7); };
        const auto& f = options_.faults;
        active_ = {pick(f.delay),      pick(f.loss),    pick(f.duplication), pick(f.reordering),
                   pick(f.partitions), pick(f.crashes), pick(f.clocks)};
    }
    void create(std::uint32_t index) {
        SimNode node;
        node.name = std::string(1, static_cast<char>('a' + index));
        node.id = ReplicaId{random_.next() | 2};
        if (active_.clocks) node.clock_offset = millis(faults_.between(-2000, 2000));
        for (std::uint64_t i = 0; i < 4; ++i) node.clients.push_back({i + 1, 0, false, false});
        nodes_.push_back(std::move(node));
    }
    Instant clock(const SimNode& node) const { return now_ + node.clock_offset; }

    void boot(SimNode& node) {
        replica::Options options;
        options.name = node.name;
        options.id = node.id;
        options.cluster = 7;
        options.order_timeout = seconds(2);
        for (std::uint32_t i = 0; i < options_.replicas; ++i)
            if (const std::string name(1, static_cast<char>('a' + i)); name != node.name)
                options.peers.push_back({name, ReplicaId{}, true});
        node.replica = std::make_unique<replica::Replica>(schema_, plan_, options, random_.fork(node.name),
                                                          nullptr, nullptr);
        ++node.incarnation;
        node.durable = node.newest = 0;
        node.waiting.clear();
        node.sync_scheduled = false;
        Disk disk = std::move(node.disk);
        node.disk = {};
        // A restart reads the log and goes on with it: recovered records are on disk already.
        for (std::size_t i = 0; i < disk.size(); ++i) {
            if (auto read = node.replica->recover(disk.at(i)); !read)
                return fail("node " + node.name + " cannot recover: " + read.error().message);
            node.disk.append(0, disk.at(i));
        }
        node.disk.synced(0);
        replica::Outputs out;
        if (auto started = node.replica->start(clock(node), out); !started)
            return fail("node " + node.name + " cannot start: " + started.error().message);
        carry(node, out);
        for (const auto& client : node.clients) step(node, replica::OpenSession{client.session});
        for (auto& client : node.clients) client.waiting = false;
        for (auto& other : nodes_)
            if (other.name != node.name) {
                step(node, replica::PeerUp{other.name});
                if (other.replica != nullptr) step(other, replica::PeerUp{node.name});
            }
        arm(node);
        note("boot " + node.name);
    }

    void step(SimNode& node, const replica::Input& input) {
        if (node.replica == nullptr || !outcome_.ok) return;
        replica::Outputs out;
        node.replica->step(input, clock(node), out);
        carry(node, out);
    }

    void arm(SimNode& node) {
        if (node.replica == nullptr) return;
        const Duration after{
            std::clamp<std::int64_t>((node.replica->next_deadline() - clock(node)).micros, 1000, 1'000'000)};
        schedule(after, [this, &node, life = node.incarnation] {
            if (node.replica == nullptr || node.incarnation != life) return;
            step(node, replica::Tick{});
            arm(node);
        });
    }

    void carry(SimNode& node, replica::Outputs& out) {
        for (auto& output : out) {
            if (auto* persist = std::get_if<replica::Persist>(&output))
                write(node, *persist);
            else if (auto* message = std::get_if<replica::Send>(&output))
                send(node, *message);
            else if (auto* reply = std::get_if<replica::Reply>(&output))
                answered(node, *reply);
            else if (auto* notice = std::get_if<replica::Notice>(&output))
                noticed(node, *notice);
        }
        check(node);
    }
    void noticed(const SimNode& node, const replica::Notice& notice) {
        note(node.name + " says " + notice.text);
        if (notice.level == replica::Notice::Level::alarm &&
            notice.text.find("divergence") != std::string::npos)
            fail("node " + node.name + ": " + notice.text);
    }

    // ---- disk ----

    void write(SimNode& node, replica::Persist& persist) {
        node.disk.append(persist.ticket, std::move(persist.record));
        node.newest = persist.ticket;
        sync_later(node);
    }
    void sync_later(SimNode& node) {
        if (std::exchange(node.sync_scheduled, true)) return;
        const bool hasty = options_.planted == Options::Planted::gossip_before_durable;
        const Duration sync = micros(network_.between(80, active_.delay ? 5000 : 200));
        const auto valid = [this, &node, life = node.incarnation] {
            return node.incarnation == life && node.replica != nullptr;
        };
        schedule(hasty ? micros(1) : sync, [this, &node, valid, hasty, ticket = node.newest] {
            if (!valid()) return;
            node.sync_scheduled = false;
            if (hasty)
                schedule(seconds(2), [&node, valid, ticket] {
                    if (valid()) node.disk.synced(ticket);
                });
            else
                node.disk.synced(ticket);
            node.durable = ticket;
            step(node, replica::Persisted{ticket});
            acknowledge(node);
            for (auto& item : node.held)
                if (item.after <= node.durable) transmit(node, item);
            std::erase_if(node.held, [&](const auto& item) { return item.after <= node.durable; });
            if (node.newest > ticket) sync_later(node);
        });
    }
    void acknowledge(SimNode& node) {
        while (!node.waiting.empty() && node.waiting.front().ticket <= node.durable) {
            auto& item = node.waiting.front();
            node.clients[item.client].waiting = false;
            if (item.write.dot.seq != 0) acknowledged_.push_back(std::move(item.write));
            node.waiting.pop_front();
        }
    }

    // ---- network ----

    void send(SimNode& node, replica::Send& message) {
        if (message.after > node.durable)
            node.held.push_back(std::move(message));
        else
            transmit(node, message);
    }
    void transmit(SimNode& node, const replica::Send& message) {
        ++outcome_.messages;
        const std::uint32_t target = static_cast<std::uint32_t>(message.peer[0] - 'a');
        const std::uint32_t source = static_cast<std::uint32_t>(node.name[0] - 'a');
        if (active_.loss && network_.chance(0.03)) return;
        const int copies = active_.duplication && network_.chance(0.03) ? 2 : 1;
        const auto bytes = std::make_shared<const Bytes>(wire::encode(message.message));
        for (int i = 0; i < copies; ++i) {
            Duration delay = micros(network_.between(100, active_.delay ? 20'000 : 500));
            if (!active_.reordering) {
                // In order: never before what was sent earlier on this link.
                auto& last = last_delivery_[{source, target}];
                last = std::max(last, now_ + delay);
                delay = last - now_;
            }
            schedule(delay, [this, source, target, bytes] { deliver(source, target, *bytes); });
        }
    }
    void deliver(std::uint32_t source, std::uint32_t target, const Bytes& bytes) {
        if (cut_.contains({source, target})) return;
        SimNode& node = nodes_[target];
        if (node.replica == nullptr) return;
        auto message = wire::decode(bytes);
        CHECK(message.has_value());
        step(node, replica::FromPeer{nodes_[source].name, std::move(*message)});
    }
    void partition() {
        if (healed_) return;
        cut_.clear();
        if (network_.chance(0.7)) {
            ++outcome_.partitions;
            const auto side = network_.below((std::uint64_t{1} << options_.replicas) - 1);
            const bool one_way = network_.chance(0.3);
            for (std::uint32_t a = 0; a < options_.replicas; ++a)
                for (std::uint32_t b = 0; b < options_.replicas; ++b)
                    if ((side >> a & 1) != (side >> b & 1) && (!one_way || (side >> a & 1)))
                        cut_.insert({a, b});
            note("partition " + std::to_string(side) + (one_way ? " one way" : ""));
        } else {
            note("no partition");
        }
        schedule(millis(network_.between(300, 6000)), [this] { partition(); });
    }

    // ---- crashes ----

    void crash_someone() {
        if (healed_) return;
        SimNode& node = nodes_[faults_.below(nodes_.size())];
        if (node.replica != nullptr) crash(node);
        schedule(millis(faults_.between(500, 6000)), [this] { crash_someone(); });
    }
    void crash(SimNode& node) {
        ++outcome_.crashes;
        node.replica.reset();
        ++node.incarnation;
        node.held.clear();
        node.disk.crash(faults_);
        if (options_.planted == Options::Planted::forget_disk) node.disk.forget(3);
        if (active_.clocks && faults_.chance(0.3)) node.clock_offset = millis(faults_.between(-5000, 5000));
        note("crash " + node.name);
        for (auto& other : nodes_) step(other, replica::PeerDown{node.name});
        schedule(millis(faults_.between(100, 3000)), [this, &node] {
            if (node.replica == nullptr) boot(node);
        });
    }
    void heal() {
        healed_ = true;
        cut_.clear();
        active_.loss = active_.duplication = false;
        for (auto& node : nodes_)
            if (node.replica == nullptr) boot(node);
        note("healed");
    }

    // ---- clients ----

    void client_call() {
        if (healed_) return;
        schedule({static_cast<std::int64_t>(
                     load_.below(static_cast<std::uint64_t>(2 * options_.call_interval.micros)) + 1)},
                 [this] { client_call(); });
        SimNode& node = nodes_[load_.below(nodes_.size())];
        const std::size_t which = load_.below(node.clients.size());
        if (node.replica == nullptr || node.clients[which].waiting) return;
        Client& client = node.clients[which];
        const std::string text = workload_.next(node.replica->database(), load_);
        if (text.empty()) return;
        auto runnable = node.replica->prepare(text, {});
        ++outcome_.calls;
        if (!runnable) {
            ++outcome_.refused;
            return note(node.name + " " + text + ": " + runnable.error().message);
        }
        replica::Outputs out;
        const auto before = node.replica->database().version().get(node.id);
        auto done = node.replica->execute(client.session, ++client.number, *runnable, {}, &no_rows_,
                                          clock(node), out);
        note(node.name + " " + text + ": " +
             (done.when == replica::Execution::When::later ? "later"
              : done.tag                                   ? *done.tag
                                                           : done.tag.error().message));
        const auto after = node.replica->database().version().get(node.id);
        if (done.when == replica::Execution::When::later) {
            client.waiting = true;
        } else if (!done.tag) {
            ++outcome_.refused;
        } else {
            ++outcome_.committed;
            if (done.when == replica::Execution::When::durable) {
                client.waiting = true;
                node.waiting.push_back(
                    {done.ticket, which, {after > before ? Dot{node.id, after} : Dot{}, text}});
            }
        }
        carry(node, out);
        acknowledge(node);
    }
    void answered(SimNode& node, const replica::Reply& reply) {
        for (auto& client : node.clients)
            if (client.session == reply.session && client.number == reply.number) client.waiting = false;
        if (reply.tag) {
            ++outcome_.committed;
            // Whatever the answer stands for is part of the order up to here.
            acknowledged_.push_back({{ORDER_ORIGIN, node.replica->database().version().get(ORDER_ORIGIN)},
                                     "ordered call at " + node.name});
        } else if (reply.tag.error().sqlstate == sqlstate::cannot_connect_now ||
                   reply.tag.error().sqlstate == "40003") {
            ++outcome_.unavailable;
        } else {
            ++outcome_.refused;
        }
        note(node.name + " reply " + (reply.tag ? *reply.tag : reply.tag.error().message));
    }

    // ---- checking ----

    void check(SimNode& node) {
        if (node.replica == nullptr || node.checked == node.replica->database().version()) return;
        node.checked = node.replica->database().version();
        for (const auto& violation : exec::find_violations(*schema_, node.replica->database(), 2)) {
            std::string rows;
            for (const auto& row : violation.rows) rows += " " + row;
            fail("node " + node.name + " violates " + schema_->invariants[violation.invariant].name + ":" +
                 rows);
        }
    }
    bool converged() const {
        for (const auto& node : nodes_) {
            if (node.replica == nullptr ||
                node.replica->database().version() != nodes_[0].replica->database().version())
                return false;
            for (const auto& client : node.clients)
                if (client.waiting) return false;
        }
        return true;
    }
    void check_acknowledged() {
        for (const auto& node : nodes_) {
            for (const auto& table : schema_->tables)
                if (node.replica->database().digest(table.id) !=
                    nodes_[0].replica->database().digest(table.id))
                    return fail("nodes a and " + node.name + " hold the same deltas and differ in table " +
                                table.display());
            for (const auto& write : acknowledged_)
                if (!node.replica->database().version().contains(write.dot))
                    return fail("acknowledged write lost at node " + node.name + ": " + write.text);
        }
    }
    std::string describe() const {
        std::string out;
        for (const auto& node : nodes_)
            out += (node.replica != nullptr ? node.replica->describe() : node.name + " down") + "; ";
        return out;
    }

    catalog::SchemaPtr schema_;
    catalog::Plan plan_;
    const Options options_;
    Random random_, network_, faults_, load_;
    Workload workload_;
    Faults active_;
    Instant now_ = beginning;
    std::uint64_t order_ = 0;
    std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
    std::deque<SimNode> nodes_;
    std::set<std::pair<std::uint32_t, std::uint32_t>> cut_;
    std::map<std::pair<std::uint32_t, std::uint32_t>, Instant> last_delivery_;
    std::vector<Acknowledged> acknowledged_;
    NoRows no_rows_;
    bool healed_ = false;
    Outcome outcome_;
};

}  // namespace

Outcome simulate(const catalog::SchemaPtr& schema, const catalog::Plan& plan, const Options& options) {
    World world(schema, plan, options);
    return world.run();
}

}  // namespace anabranch::sim
