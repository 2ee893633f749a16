// Ordered calls where the nodes are far from each other: three replicas in this process, time simulated, so
// that only round trips and disks count. Clients of the primary, each with an account of its own, call one
// after another.
#include "tools/bench_order_far.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>

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
            arm(i);
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
    void call(std::uint64_t session, const replica::RunnablePtr& runnable,
              std::span<const sql::Datum> values) {
        replica::Outputs out;
        const auto done =
            primary().execute(session, ++number_, runnable, values, nullptr, events_.now(), out);
        carry(0, out);
        if (done.when == replica::Execution::When::now) answered(session, done.tag);
    }
    void run(Duration time, const std::function<bool()>& done) { events_.run(time, done); }
    Instant now() const { return events_.now(); }
    std::function<void(std::uint64_t session, const Result<std::string>& tag)> answered;

  private:
    struct Node {
        std::unique_ptr<replica::Replica> replica;
        replica::Ticket newest = 0;
        bool syncs = false;
        std::vector<replica::Send> held = {};
    };
    static std::string name(std::size_t i) { return std::string(1, static_cast<char>('a' + i)); }

    void step(std::size_t i, const replica::Input& input) {
        replica::Outputs out;
        nodes_[i].replica->step(input, events_.now(), out);
        carry(i, out);
    }
    void arm(std::size_t i) {
        const auto next = std::max(nodes_[i].replica->next_deadline(), events_.now() + micros(100));
        events_.schedule(std::min(next - events_.now(), millis(10)), [this, i] {
            if (nodes_[i].replica->next_deadline() <= events_.now()) step(i, replica::Tick{});
            arm(i);
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
                answered(reply->session, reply->tag);
            }
        }
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
    std::uint64_t number_ = 0;
};

struct Measured {
    double calls = 0, p50_millis = 0, p99_millis = 0;  // calls: per second
};

Result<Measured> measure(const catalog::SchemaPtr& schema, const catalog::Plan& plan,
                         const FarFigures& wanted, std::size_t in_flight_max) {
    FarNodes nodes(schema, plan, in_flight_max);
    std::vector<Instant> since(wanted.clients);
    std::vector<std::int64_t> times;
    std::optional<Error> problem;
    replica::RunnablePtr open, deposit, withdraw;
    bool measuring = false;
    std::vector<std::uint64_t> again;  // sessions whose next call is due
    nodes.answered = [&](std::uint64_t session, const Result<std::string>& tag) {
        if (!tag) problem = tag.error();
        if (measuring) times.push_back((nodes.now() - since[session - 1]).micros);
        again.push_back(session);
    };
    TRY_VOID(nodes.start());
    TRY(open, nodes.primary().prepare("CALL open_account($1, 'x')", {}));
    TRY(deposit, nodes.primary().prepare("CALL deposit($1, $2)", {}));
    TRY(withdraw, nodes.primary().prepare("CALL withdraw($1, $2)", {}));
    const auto call = [&](std::uint64_t session, const replica::RunnablePtr& what, std::int64_t amount) {
        const sql::Datum values[] = {sql::Datum::integer(static_cast<std::int64_t>(session)),
                                     sql::Datum::integer(amount)};
        since[session - 1] = nodes.now();
        nodes.call(session, what, {values, what == open ? 1U : 2U});
    };
    for (std::uint64_t session = 1; session <= wanted.clients; ++session) {
        nodes.step_primary(replica::OpenSession{session});
        call(session, open, 0);
    }
    nodes.run(seconds(5), [&] { return again.size() == wanted.clients; });
    for (std::uint64_t session = 1; session <= wanted.clients; ++session) call(session, deposit, 1'000'000);
    nodes.run(seconds(1), [] { return false; });
    // They do not begin together.
    Random random(7);
    again.clear();
    std::vector<std::uint64_t> idle;
    for (std::uint64_t session = 1; session <= wanted.clients; ++session) idle.push_back(session);
    const Instant begun = nodes.now();
    measuring = true;
    while (nodes.now() < begun + wanted.load && !problem) {
        if (!idle.empty()) call(idle.back(), withdraw, 1), idle.pop_back();
        for (const auto session : std::exchange(again, {})) call(session, withdraw, 1);
        const Duration pause = idle.empty() ? millis(50) : micros(random.between(100, 3000));
        nodes.run(pause, [&] { return !again.empty(); });
    }
    if (problem) return std::unexpected(*problem);
    std::sort(times.begin(), times.end());
    if (times.empty()) return fail("XX000", "bench: no call was answered");
    const auto at = [&](double part) {
        return static_cast<double>(
                   times[static_cast<std::size_t>(part * static_cast<double>(times.size() - 1))]) /
               1e3;
    };
    return Measured{static_cast<double>(times.size()) * 1e6 / static_cast<double>(wanted.load.micros),
                    at(0.5), at(0.99)};
}

}  // namespace

Result<void> measure_far(const catalog::SchemaPtr& schema, const catalog::Plan& plan,
                         const FarFigures& wanted) {
    const double round_trip = 2 * static_cast<double>(link_delay.micros) / 1e3;
    std::printf(
        "\nSimulated, %.0f ms from node to node and back, disks of %.1f ms, %zu clients of the primary:\n",
        round_trip, static_cast<double>(disk_delay.micros) / 1e3, wanted.clients);
    const std::size_t several = replica::Options().order_in_flight_max;
    for (const std::size_t in_flight : {std::size_t{1}, several}) {
        TRY(const auto measured, measure(schema, plan, wanted, in_flight));
        std::printf("  at most %2zu entries in flight: %38.0f calls/s   p50 %7.2f ms   p99 %7.2f ms\n",
                    in_flight, measured.calls, measured.p50_millis, measured.p99_millis);
        if (in_flight == several)
            print({"half of the calls take at most, in round trips", measured.p50_millis / round_trip, "",
                   1.25});
    }
    return {};
}

}  // namespace anabranch::tools
