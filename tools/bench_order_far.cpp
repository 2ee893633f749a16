// Ordered calls where the nodes are far from each other: three replicas in this process, time simulated, so
// that only round trips and disks count. All clients are the primary's, each has an account of its own.
//
// Clients that call again as soon as they are answered fall into step: with one entry in flight all of them
// are in each, and nobody could be quicker. So there are also calls at moments that have nothing to do with
// each other; those would wait for the entry before theirs.
#include "tools/bench_order_far.h"

#include <algorithm>
#include <cstdio>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "node/replica/replica.h"
#include "tools/event_queue.h"
#include "tools/figure.h"

namespace anabranch::tools {

namespace {

constexpr Duration link_delay = millis(25), disk_delay = micros(200);

class FarNodes {
  public:
    FarNodes(const catalog::SchemaPtr& schema, const catalog::Plan& plan, std::size_t in_flight_max) {
        for (std::size_t i = 0; i < 3; ++i) {
            replica::Options options;
            options.name = name(i);
            options.id = ReplicaId{1000 + i};
            options.order_in_flight_max = in_flight_max;
            // The first one stands for election long before the others.
            options.order.election_timeout = i == 0 ? millis(300) : seconds(5);
            for (std::size_t j = 0; j < 3; ++j)
                if (j != i) options.peers.push_back({name(j), {}, true});
            nodes_.push_back(
                {std::make_unique<replica::Replica>(schema, plan, options, Random(i + 1), nullptr, nullptr),
                 0, false});
        }
    }
    Result<void> start() {
        for (std::size_t i = 0; i < 3; ++i) {
            replica::Outputs out;
            TRY_VOID(nodes_[i].replica->start(events_.now(), out));
            carry(i, out);
        }
        for (std::size_t i = 0; i < 3; ++i)
            for (std::size_t j = 0; j < 3; ++j)
                if (i != j) step(i, replica::PeerUp{name(j)});
        run(seconds(3), [&] { return primary().order_status().may_execute; });
        if (!primary().order_status().may_execute) return fail("XX000", "bench: no primary was elected");
        return {};
    }
    replica::Replica& primary() { return *nodes_[0].replica; }
    void step_primary(const replica::Input& input) { step(0, input); }
    // `answered` hears of it, at once or later.
    void call(std::uint64_t session, std::uint64_t number, const replica::RunnablePtr& runnable,
              std::span<const sql::Datum> values) {
        replica::Outputs out;
        const auto done = primary().execute(session, number, runnable, values, nullptr, events_.now(), out);
        carry(0, out);
        if (done.when == replica::Execution::When::now) answered(session, number, done.tag);
    }
    void run(Duration time, const std::function<bool()>& done) { events_.run(time, done); }
    void pass(Duration time) { events_.run(time); }
    Instant now() const { return events_.now(); }
    std::function<void(std::uint64_t session, std::uint64_t number, const Result<std::string>& tag)> answered;

  private:
    struct Node {
        std::unique_ptr<replica::Replica> replica;
        replica::Ticket newest = 0;
        bool syncs = false;
        Instant tick_at = {};  // the next one, if that is yet to come
        std::vector<replica::Send> held = {};
    };
    static std::string name(std::size_t i) { return std::string(1, static_cast<char>('a' + i)); }

    void step(std::size_t i, const replica::Input& input) {
        replica::Outputs out;
        nodes_[i].replica->step(input, events_.now(), out);
        carry(i, out);
    }
    void arm(std::size_t i) {
        Node& node = nodes_[i];
        const auto next = std::max(node.replica->next_deadline(), events_.now() + micros(100));
        if (node.tick_at > events_.now() && node.tick_at <= next) return;
        node.tick_at = next;
        events_.schedule(next - events_.now(), [this, i, next] {
            if (nodes_[i].tick_at == next) step(i, replica::Tick{});
        });
    }
    void sync(std::size_t i) {
        if (std::exchange(nodes_[i].syncs, true)) return;
        events_.schedule(disk_delay, [this, i, ticket = nodes_[i].newest] {
            Node& node = nodes_[i];
            node.syncs = false;
            step(i, replica::Persisted{ticket});
            auto held = std::exchange(node.held, {});
            for (auto& message : held)
                message.after <= ticket ? transmit(i, std::move(message))
                                        : node.held.push_back(std::move(message));
            if (node.newest > ticket) sync(i);
        });
    }
    void carry(std::size_t i, replica::Outputs& out) {
        for (auto& output : out) {
            if (const auto* persist = std::get_if<replica::Persist>(&output)) {
                nodes_[i].newest = persist->ticket;
                sync(i);
            } else if (auto* send = std::get_if<replica::Send>(&output)) {
                if (send->after == 0)
                    transmit(i, std::move(*send));
                else
                    nodes_[i].held.push_back(std::move(*send));
            } else if (const auto* reply = std::get_if<replica::Reply>(&output)) {
                answered(reply->session, reply->number, reply->tag);
            }
        }
        arm(i);
    }
    void transmit(std::size_t from, replica::Send send) {
        const auto to = static_cast<std::size_t>(send.peer[0] - 'a');
        auto message = std::make_shared<wire::Message>(std::move(send.message));
        events_.schedule(link_delay, [this, from, to, message] {
            step(to, replica::FromPeer{name(from), std::move(*message)});
        });
    }

    std::vector<Node> nodes_;
    EventQueue events_;
};

struct Shape {
    std::string what;
    std::size_t sessions = 1;
    std::size_t calls_each = 1;  // under way at a time
    double per_second = 0;       // at random, of any session that is idle; 0: each follows an answer
};

struct Measured {
    double calls = 0, p50_millis = 0, p99_millis = 0;  // calls: per second
};

class FarLoad {
  public:
    FarLoad(FarNodes& nodes, const Shape& shape) : nodes_(nodes), shape_(shape) {
        nodes_.answered = [this](std::uint64_t session, std::uint64_t number, const auto& tag) {
            if (!tag) problem_ = tag.error();
            if (measuring_) times_.push_back((nodes_.now() - since_[number]).micros);
            since_.erase(number);
            idle_.push_back(session);
        };
    }
    Result<void> open_accounts() {
        TRY(const auto open, nodes_.primary().prepare("CALL open_account($1, 'x')", {}));
        TRY(const auto deposit, nodes_.primary().prepare("CALL deposit($1, $2)", {}));
        TRY(withdraw_, nodes_.primary().prepare("CALL withdraw($1, $2)", {}));
        for (std::uint64_t session = 1; session <= shape_.sessions; ++session) {
            nodes_.step_primary(replica::OpenSession{session});
            call(session, open, {});
        }
        nodes_.run(seconds(5), [&] { return since_.empty(); });
        for (std::uint64_t session = 1; session <= shape_.sessions; ++session)
            call(session, deposit, 1'000'000);
        nodes_.run(seconds(1), [] { return false; });
        return {};
    }
    Result<Measured> run(Duration load) {
        idle_.clear();
        for (std::size_t i = 0; i < shape_.calls_each; ++i)
            for (std::uint64_t session = 1; session <= shape_.sessions; ++session) idle_.push_back(session);
        measuring_ = true;
        const Instant begun = nodes_.now();
        shape_.per_second > 0 ? at_random(begun + load) : one_after_another(begun + load);
        if (problem_) return std::unexpected(*problem_);
        if (times_.empty()) return fail("XX000", "bench: no call was answered");
        std::sort(times_.begin(), times_.end());
        return Measured{static_cast<double>(times_.size()) * 1e6 / static_cast<double>(load.micros), at(0.5),
                        at(0.99)};
    }

  private:
    void call(std::uint64_t session, const replica::RunnablePtr& what, std::optional<std::int64_t> amount) {
        const sql::Datum values[] = {sql::Datum::integer(static_cast<std::int64_t>(session)),
                                     sql::Datum::integer(amount.value_or(0))};
        since_[++number_] = nodes_.now();
        nodes_.call(session, number_, what, {values, amount ? 2U : 1U});
    }
    // They do not begin together.
    void one_after_another(Instant end) {
        auto first = std::exchange(idle_, {});
        while (nodes_.now() < end && !problem_) {
            if (!first.empty()) call(first.back(), withdraw_, 1), first.pop_back();
            for (const auto session : std::exchange(idle_, {})) call(session, withdraw_, 1);
            const Duration pause = first.empty() ? millis(50) : micros(random_.between(100, 3000));
            nodes_.run(pause, [&] { return !idle_.empty(); });
        }
    }
    void at_random(Instant end) {
        const auto gap_max = static_cast<std::int64_t>(2e6 / shape_.per_second);
        while (nodes_.now() < end && !problem_ && !idle_.empty()) {
            const std::uint64_t session = idle_.front();
            idle_.pop_front();
            call(session, withdraw_, 1);
            nodes_.pass(micros(random_.between(0, gap_max)));
        }
    }
    double at(double part) const {
        const auto place = static_cast<std::size_t>(part * static_cast<double>(times_.size() - 1));
        return static_cast<double>(times_[place]) / 1e3;
    }

    FarNodes& nodes_;
    const Shape shape_;
    Random random_{7};
    replica::RunnablePtr withdraw_;
    std::map<std::uint64_t, Instant> since_;  // by number
    std::deque<std::uint64_t> idle_;
    std::vector<std::int64_t> times_;
    std::optional<Error> problem_;
    std::uint64_t number_ = 0;
    bool measuring_ = false;
};

Result<Measured> measure(const catalog::SchemaPtr& schema, const catalog::Plan& plan, const Shape& shape,
                         Duration load, std::size_t in_flight_max) {
    FarNodes nodes(schema, plan, in_flight_max);
    FarLoad calls(nodes, shape);
    TRY_VOID(nodes.start());
    TRY_VOID(calls.open_accounts());
    return calls.run(load);
}

}  // namespace

Result<void> measure_far(const catalog::SchemaPtr& schema, const catalog::Plan& plan,
                         const FarFigures& wanted) {
    const double round_trip = 2 * static_cast<double>(link_delay.micros) / 1e3;
    std::printf(
        "\nSimulated, %.0f ms from node to node and back, disks of %.1f ms, clients of the primary:\n",
        round_trip, static_cast<double>(disk_delay.micros) / 1e3);
    const std::string clients = std::to_string(wanted.clients);
    const double rate = static_cast<double>(wanted.clients) * 8;
    const Shape shapes[] = {
        {"one client, one call after another", 1},
        {"one client, 16 calls under way", 1, 16},
        {clients + " clients, one call after another", wanted.clients},
        {"calls at random moments", wanted.clients * 4, 1, rate},
    };
    for (const auto& shape : shapes) {
        std::printf(" %s:\n", shape.what.c_str());
        for (const std::size_t in_flight : {std::size_t{1}, replica::Options().order_in_flight_max}) {
            TRY(const auto measured, measure(schema, plan, shape, wanted.load, in_flight));
            std::printf("  at most %2zu entries in flight: %38.0f calls/s   p50 %7.2f ms   p99 %7.2f ms\n",
                        in_flight, measured.calls, measured.p50_millis, measured.p99_millis);
            if (in_flight > 1 && shape.sessions > 1)
                print({"half of the calls take at most, in round trips", measured.p50_millis / round_trip, "",
                       1.25});
        }
    }
    return {};
}

}  // namespace anabranch::tools
