#include "tools/bench_gossip.h"

#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <thread>

#include "tools/bench_parts.h"
#include "tools/cluster.h"
#include "tools/commands.h"
#include "tools/load.h"
#include "tools/load_client.h"
#include "tools/node_metrics.h"
#include "tools/temporary.h"

namespace anabranch::tools {

namespace {

constexpr std::uint32_t accounts = 1000;
constexpr const char* schema_text = R"(
CREATE TABLE accounts (id int PRIMARY KEY, balance bigint NOT NULL DEFAULT 0);
CREATE PROCEDURE open_account(id int) BEGIN ATOMIC
  INSERT INTO accounts (id) VALUES (open_account.id) ON CONFLICT (id) DO NOTHING;
END;
CREATE PROCEDURE deposit(id int, amount int) BEGIN ATOMIC
  UPDATE accounts SET balance = balance + deposit.amount WHERE accounts.id = deposit.id;
END;
CREATE PROCEDURE deposit_ten(first int, amount int) BEGIN ATOMIC
  UPDATE accounts SET balance = balance + deposit_ten.amount
  WHERE accounts.id BETWEEN deposit_ten.first AND deposit_ten.first + 9;
END;
CREATE PROCEDURE open_many(last int) BEGIN ATOMIC
  INSERT INTO accounts (id) SELECT n FROM generate_series(1, open_many.last) AS n ON CONFLICT (id) DO NOTHING;
END;
CREATE PROCEDURE deposit_everywhere(amount int) BEGIN ATOMIC
  UPDATE accounts SET balance = balance + deposit_everywhere.amount;
END;
)";

// The age that a part of the deltas do not exceed, from the buckets of all nodes.
double age_at(const std::vector<Metrics>& before, const std::vector<Metrics>& after, double part) {
    std::map<double, double> buckets;
    const std::string prefix = "delta_age_seconds_bucket ";
    for (std::size_t i = 0; i < after.size(); ++i)
        for (auto at = after[i].lower_bound(prefix); at != after[i].end() && at->first.starts_with(prefix);
             ++at) {
            const std::string bound = at->first.substr(prefix.size());
            const auto former = before[i].find(at->first);
            buckets[bound == "+Inf" ? INFINITY : number(bound)] +=
                at->second - (former == before[i].end() ? 0 : former->second);
        }
    if (buckets.empty() || buckets.rbegin()->second == 0) return 0;
    const double wanted = part * buckets.rbegin()->second;
    double low = 0, below = 0;
    for (const auto& [bound, count] : buckets) {
        if (count >= wanted)
            return std::isinf(bound) ? low : low + (bound - low) * (wanted - below) / (count - below);
        low = bound;
        below = count;
    }
    return low;
}

// ---- load ----

LoadOptions deposits_at(const Cluster::Node& node, const BenchArguments& a) {
    LoadOptions where;
    where.ports = {node.sql};
    where.statements = {"CALL deposit($1, $2)"};
    where.connections = a.clients;
    where.seconds = a.seconds;
    where.call = [](std::uint32_t connection, std::uint64_t n) {
        return LoadCall{0, {std::to_string((connection * 61 + n * 17) % accounts + 1), "1"}};
    };
    return where;
}

Result<void> fill(const Cluster& cluster) {
    LoadOptions where;
    where.ports = {cluster.nodes().front().sql};
    for (std::uint32_t i = 1; i <= accounts; ++i)
        TRY_VOID(run_once(where, "CALL open_account(" + std::to_string(i) + ")"));
    for (int i = 0; i < 200; ++i) {
        TRY(const auto metrics, metrics_of(cluster));
        bool all = true;
        for (const auto& m : metrics) all = all && m.at("rows") == accounts;
        if (all) return {};
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return fail("XX000", "bench: the nodes did not converge");
}

struct Throughput {
    double calls = 0;   // per second
    double micros = 0;  // of the node's CPU per call, at the rate below
    double rate = 0;
};
// CPU compares only at one rate: the more calls, the more of them share a write and a message.
Result<Throughput> throughput(const std::string& program, const std::string& file, std::uint32_t replicas,
                              const BenchArguments& a, double rate) {
    Cluster cluster(program, {file}, "");
    TRY_VOID(cluster.start(replicas));
    TRY_VOID(fill(cluster));
    const auto& node = cluster.nodes().front();
    auto load = deposits_at(node, a);
    TRY(const auto full, run_load(load));
    Throughput out;
    out.calls = full.per_second();
    out.rate = load.calls_per_second = rate > 0 ? rate : out.calls / 2;
    const double before = cpu_of_process(node.pid);
    TRY(const auto half, run_load(load));
    if (full.errors + half.errors > 0) return fail("XX000", "bench: " + full.first_error + half.first_error);
    out.micros = (cpu_of_process(node.pid) - before) * 1e6 / static_cast<double>(half.calls);
    return out;
}

// Each node gets a third of half of what one of them could take from one client after the other.
Result<void> measure_lag(const std::string& program, const std::string& file, double rate,
                         const BenchArguments& a) {
    Cluster cluster(program, {file}, "");
    TRY_VOID(cluster.start(3));
    TRY_VOID(fill(cluster));
    const auto everywhere = [&](std::uint32_t seconds) -> Result<void> {
        std::vector<Result<LoadResult>> results(3);
        {
            std::vector<std::jthread> threads;
            for (std::size_t i = 0; i < 3; ++i)
                threads.emplace_back([&, i] {
                    auto load = deposits_at(cluster.nodes()[i], a);
                    load.seconds = seconds;
                    load.calls_per_second = rate / 3;
                    results[i] = run_load(load);
                });
        }
        for (const auto& result : results) {
            if (!result) return std::unexpected(result.error());
            if (result->errors > 0) return fail("XX000", "bench: " + result->first_error);
        }
        return {};
    };
    TRY_VOID(everywhere(1));
    TRY(const auto before, metrics_of(cluster));
    TRY_VOID(everywhere(a.seconds));
    TRY(const auto after, metrics_of(cluster));
    const double merged = grown(before, after, "deltas_merged_total");
    print(
        {"three nodes, half load: age of a delta when merged, p50", age_at(before, after, 0.5) * 1e3, "ms"});
    print({"three nodes, half load: age of a delta when merged, p99", age_at(before, after, 0.99) * 1e3, "ms",
           5});
    print({"three nodes, half load: deltas received per delta needed",
           grown(before, after, "deltas_received_total") / merged, "", 1.1});
    print({"three nodes, half load: bytes sent per delta and peer",
           grown(before, after, "gossip_bytes_sent_total") / merged, "bytes"});
    return {};
}

Result<void> measure(const BenchArguments& arguments, const std::string& program, const std::string& folder) {
    const std::string file = folder + "/gossip.sql";
    std::ofstream(file) << schema_text;
    const auto schema = load_schema({file}, false);
    if (schema == nullptr) return fail("XX000", "bench: its own schema cannot be read");
    confluence::Options options;
    options.repairs = false;
    TRY(const auto report, confluence::check(schema, options));
    if (arguments.what == "scale")
        return measure_scale(schema, report.plan,
                             arguments.quick ? ScaleFigures{{3, 10}, 500, seconds(1)} : ScaleFigures());
    BenchArguments a = arguments;
    if (a.quick) a.seconds = 1;
    std::printf("In one process, without sockets and disk:\n");
    TRY_VOID(
        measure_local(schema, report.plan, {a.quick ? std::uint64_t{20'000} : 1'000'000, folder + "/log"}));
    std::printf("\nReal nodes on this machine, %u clients, every answer after its write is on disk:\n",
                a.clients);
    TRY(const auto alone, throughput(program, file, 1, a, 0));
    TRY(const auto three, throughput(program, file, 3, a, alone.rate));
    print({"one node: calls taken", alone.calls, "per second"});
    print({"three nodes: calls taken by one of them", three.calls, "per second"});
    // All nodes and the clients share this machine, so that only CPU compares.
    print({"replicating to two peers: the node's CPU at half load, more by",
           (three.micros / alone.micros - 1) * 100, "%", 15});
    return measure_lag(program, file, three.calls / 2, a);
}

}  // namespace

int bench_gossip(const BenchArguments& arguments, const std::string& program) {
    const auto folder = TemporaryDirectory::make("anabranch-bench");
    if (!folder) return explain(folder.error());
    const auto done = measure(arguments, program, folder->path());
    return done ? 0 : explain(done.error());
}

}  // namespace anabranch::tools
