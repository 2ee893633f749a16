// How gossip grows with the number of replicas: simulated links of 1 ms and disks of 200 us, every message
// encoded for its size. In a mesh each has a link to each other; in an overlay to a few, at random, so that
// deltas go hop by hop.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <set>

#include "lib/wire/codec.h"
#include "node/io/compress.h"
#include "node/replica/replica.h"
#include "tools/bench_gossip.h"
#include "tools/event_queue.h"

namespace anabranch::tools {

namespace {

constexpr std::uint64_t accounts = 1000;
constexpr std::size_t frame_header_bytes = 4;
constexpr Duration link_delay = millis(1), disk_delay = micros(200);

class Net {
  public:
    Net(const catalog::SchemaPtr& schema, const catalog::Plan& plan, std::size_t count)
        : held_(count), queued_(count) {
        for (std::size_t i = 0; i < count; ++i) {
            replica::Options options;
            options.name = name(i);
            options.id = ReplicaId{1000 + i};
            options.order.election_timeout = seconds(100'000);  // only gossip counts here
            for (std::size_t j = 0; j < count; ++j)
                if (j != i) options.peers.push_back({name(j), {}, true});
            replicas_.push_back(
                std::make_unique<replica::Replica>(schema, plan, options, Random(i + 1), nullptr, nullptr));
            index_[name(i)] = i;
        }
    }
    Result<void> start() {
        for (std::size_t i = 0; i < replicas_.size(); ++i) {
            replica::Outputs out;
            TRY_VOID(replicas_[i]->start(events_.now(), out));
            carry(i, out);
            step(i, replica::OpenSession{1});
            arm(i);
        }
        return {};
    }
    void link(std::size_t a, std::size_t b) {
        links_.insert({std::min(a, b), std::max(a, b)});
        step(a, replica::PeerUp{name(b)});
        step(b, replica::PeerUp{name(a)});
    }
    Result<void> call(std::size_t at, const char* procedure, std::int64_t first, bool with_amount) {
        auto& runnable = prepared_[{at, procedure}];
        if (runnable == nullptr) {
            TRY(runnable, replicas_[at]->prepare(
                              "CALL " + std::string(procedure) + (with_amount ? "($1, $2)" : "($1)"), {}));
        }
        const sql::Datum values[] = {sql::Datum::integer(first), sql::Datum::integer(3)};
        replica::Outputs out;
        const auto done = replicas_[at]->execute(1, ++number_, runnable, {values, with_amount ? 2u : 1u},
                                                 nullptr, events_.now(), out);
        if (!done.tag) return std::unexpected(done.tag.error());
        carry(at, out);
        note(at);
        return {};
    }
    void run(Duration time) { events_.run(time); }

    std::uint64_t bytes = 0;
    bool counting = false;
    std::vector<std::int64_t> everywhere;  // microseconds until a delta had reached every replica
    std::uint64_t received = 0, merged = 0;
    void sum_traffic() {
        received = merged = 0;
        for (const auto& replica : replicas_) {
            received += replica->traffic().deltas_received;
            merged += replica->traffic().deltas_merged;
        }
    }

  private:
    struct Born {
        Instant at;
        std::size_t seen = 0;
    };
    static std::string name(std::size_t i) { return "r" + std::to_string(1000 + i); }

    void step(std::size_t i, const replica::Input& input) {
        replica::Outputs out;
        replicas_[i]->step(input, events_.now(), out);
        carry(i, out);
        note(i);
    }
    void arm(std::size_t i) {
        const auto next = std::max(replicas_[i]->next_deadline(), events_.now() + millis(1));
        events_.schedule(next - events_.now(), [this, i] {
            step(i, replica::Tick{});
            arm(i);
        });
    }
    void carry(std::size_t i, replica::Outputs& out) {
        for (auto& output : out) {
            if (const auto* persist = std::get_if<replica::Persist>(&output)) {
                held_[i] = persist->ticket;
                if (std::exchange(queued_[i], 1) != 0) continue;
                events_.schedule(disk_delay, [this, i] {
                    queued_[i] = 0;
                    step(i, replica::Persisted{held_[i]});
                });
            } else if (auto* send = std::get_if<replica::Send>(&output)) {
                transmit(i, std::move(*send));
            }
        }
    }
    void transmit(std::size_t from, replica::Send send) {
        const std::size_t to = index_.at(send.peer);
        if (std::holds_alternative<wire::OrderMessage>(send.message) ||
            !links_.contains({std::min(from, to), std::max(from, to)}))
            return;
        if (counting) {
            const Bytes plain = wire::encode(send.message);
            const auto packed = plain.size() >= io::compress_from_bytes ? io::compress(plain) : std::nullopt;
            bytes += (packed ? packed->size() : plain.size()) + frame_header_bytes;
        }
        auto message = std::make_shared<wire::Message>(std::move(send.message));
        events_.schedule(link_delay, [this, from, to, message] {
            step(to, replica::FromPeer{name(from), std::move(*message)});
        });
    }
    // What has become visible at a replica.
    void note(std::size_t i) {
        if (!counting) return;
        const auto& version = replicas_[i]->database().version();
        auto& before = seen_[i];
        if (version == before) return;
        for (const auto& entry : version.entries())
            for (auto seq = before.get(entry.origin) + 1; seq <= entry.seq; ++seq) {
                auto& born = born_[{entry.origin, seq}];
                if (born.seen == 0) born.at = events_.now();
                if (++born.seen == replicas_.size()) everywhere.push_back((events_.now() - born.at).micros);
            }
        before = version;
    }

  public:
    void begin_counting() {
        for (std::size_t i = 0; i < replicas_.size(); ++i) seen_[i] = replicas_[i]->database().version();
        counting = true;
    }

  private:
    std::vector<std::unique_ptr<replica::Replica>> replicas_;
    std::map<std::string, std::size_t> index_;
    std::set<std::pair<std::size_t, std::size_t>> links_;
    std::map<std::pair<std::size_t, std::string>, replica::RunnablePtr> prepared_;
    std::vector<replica::Ticket> held_;
    std::vector<char> queued_;  // a sync is under way
    std::map<std::size_t, crdt::VersionVector> seen_;
    std::map<Dot, Born> born_;
    EventQueue events_;
    std::uint64_t number_ = 0;
};

// A ring, so that all are connected, and more links at random until each has about `degree`.
void connect(Net& net, std::size_t count, std::size_t degree) {
    Random random(count);
    std::set<std::pair<std::size_t, std::size_t>> links;
    const auto add = [&](std::size_t a, std::size_t b) {
        if (a != b) links.insert({std::min(a, b), std::max(a, b)});
    };
    for (std::size_t i = 0; i < count; ++i) add(i, (i + 1) % count);
    if (degree >= count - 1)
        for (std::size_t i = 0; i < count; ++i)
            for (std::size_t j = i + 1; j < count; ++j) add(i, j);
    else
        while (links.size() < count * degree / 2) add(random.below(count), random.below(count));
    for (const auto& [a, b] : links) net.link(a, b);
}

Result<void> measure(const catalog::SchemaPtr& schema, const catalog::Plan& plan, std::size_t count,
                     std::size_t degree, ScaleFigures wanted) {
    // Simulating two hundred takes a minute for each second.
    if (count > 100) wanted.load = seconds(1), wanted.calls_per_second = 200;
    Net net(schema, plan, count);
    TRY_VOID(net.start());
    connect(net, count, degree);
    for (std::uint64_t i = 1; i <= accounts; ++i)
        TRY_VOID(net.call(0, "open_account", static_cast<std::int64_t>(i), false));
    net.run(seconds(2));
    const auto load = [&](Duration time) -> Result<void> {
        const std::int64_t gap = 1'000'000 / wanted.calls_per_second;
        for (std::int64_t at = 0, n = 0; at < time.micros; at += gap, ++n) {
            TRY_VOID(net.call(static_cast<std::size_t>(n * 7) % count, "deposit", n * 17 % 900 + 1, true));
            net.run(micros(gap));
        }
        return {};
    };
    TRY_VOID(load(seconds(1)));  // they find out who brings what
    net.run(seconds(1));
    net.sum_traffic();
    const auto received = net.received, merged = net.merged;
    net.begin_counting();
    TRY_VOID(load(wanted.load));
    net.run(seconds(1));
    net.sum_traffic();
    auto& times = net.everywhere;
    std::sort(times.begin(), times.end());
    const auto deltas = static_cast<double>(wanted.load.micros / (1'000'000 / wanted.calls_per_second));
    const double pairs = deltas * static_cast<double>(count - 1);
    const double at_rest = static_cast<double>(net.bytes) / pairs;
    std::printf(
        "  %4zu replicas, %3zu links each: %7.0f bytes per delta and peer, received %5.2f times, everywhere "
        "after"
        " %6.1f ms p50 %7.1f ms p99%s\n",
        count, std::min(degree, count - 1), at_rest,
        static_cast<double>(net.received - received) / static_cast<double>(net.merged - merged),
        times.empty() ? 0.0 : static_cast<double>(times[times.size() / 2]) / 1e3,
        times.empty() ? 0.0 : static_cast<double>(times[times.size() * 99 / 100]) / 1e3,
        static_cast<double>(times.size()) < deltas ? "   (not all)" : "");
    std::fflush(stdout);
    return {};
}

}  // namespace

Result<void> measure_scale(const catalog::SchemaPtr& schema, const catalog::Plan& plan,
                           const ScaleFigures& wanted) {
    constexpr std::size_t overlay_degree = 6;
    std::printf(
        "Simulated, links of 1 ms, %lld deltas of one row per second in all, version vectors included:\n",
        static_cast<long long>(wanted.calls_per_second));
    for (const std::size_t count : wanted.replicas)
        for (const std::size_t degree : {count - 1, overlay_degree})
            if (degree == count - 1 || count > overlay_degree + 1)
                TRY_VOID(measure(schema, plan, count, degree, wanted));
    return {};
}

}  // namespace anabranch::tools
