// What agreement costs: ordered calls on three nodes of this machine, beside etcd and PostgreSQL, which do
// the same in the same run: compare and set, durable on the disks of a majority (of primary and standby)
// before anybody is answered. The systems take turns, so that other work on this machine disturbs all of
// them.
#include <algorithm>
#include <cstdio>
#include <deque>
#include <functional>
#include <optional>
#include <thread>

#include "lib/base/bytes.h"
#include "tools/bench_order_far.h"
#include "tools/cluster.h"
#include "tools/commands.h"
#include "tools/etcd.h"
#include "tools/figure.h"
#include "tools/load.h"
#include "tools/load_client.h"
#include "tools/node_metrics.h"
#include "tools/postgres.h"

namespace anabranch::tools {

namespace {

constexpr std::uint32_t accounts = 1000;

struct Plan {
    double seconds = 3;
    int rounds = 3;  // of which the median is taken
    std::vector<std::uint32_t> clients;
    std::uint32_t clients_mixed = 64;
    std::vector<double> shares{0, 1, 5, 10, 50, 100};  // per cent of ordered calls
};

struct Measured {
    LoadResult load;
    double syncs = 0;  // per second, of all processes of the system
};

// Somebody who does compare and set. Each client has a cell of its own, and each run has new ones.
struct System {
    std::string name;
    LoadOptions where;
    std::uint64_t first_version = 0;  // that a new cell has
    std::function<Result<void>(const std::string& run, std::uint32_t cells)> make_cells;
    std::function<Result<double>()> syncs;
    std::vector<std::vector<Measured>> full{};  // per number of clients, per round
    const Measured& best_of(std::size_t clients) const { return full[clients][full[clients].size() / 2]; }
};

std::string cell_name(const std::string& run, std::uint32_t connection) {
    return run + "." + std::to_string(connection);
}

Result<Measured> measure(const System& system, std::uint32_t clients, double seconds, double rate) {
    static int runs = 0;
    const std::string run = std::to_string(++runs);
    TRY_VOID(system.make_cells(run, clients));
    LoadOptions load = system.where;
    load.connections = clients;
    load.seconds = seconds;
    load.calls_per_second = rate;
    load.call = [&](std::uint32_t connection, std::uint64_t n) {
        return LoadCall{0, {cell_name(run, connection), std::to_string(n + system.first_version), "held"}};
    };
    TRY(const double before, system.syncs());
    Measured out;
    TRY(out.load, run_load(load));
    TRY(const double after, system.syncs());
    if (out.load.errors > 0) return fail("XX000", "bench: " + system.name + ": " + out.load.first_error);
    out.syncs = (after - before) / out.load.seconds;
    return out;
}

void print_row(const std::string& what, const Measured& m) {
    std::printf("  %-66s %8.0f calls/s   p50 %7.2f ms   p99 %7.2f ms   %6.0f syncs/s\n", what.c_str(),
                m.load.per_second(), m.load.p50_micros / 1e3, m.load.p99_micros / 1e3, m.syncs);
    std::fflush(stdout);
}

// ---- the systems ----

Result<void> make_cells_by_sql(const LoadOptions& where, const std::string& run, std::uint32_t cells) {
    std::string sql = "INSERT INTO cells (name, value) VALUES ";
    for (std::uint32_t i = 0; i < cells; ++i)
        sql += (i == 0 ? "('" : ", ('") + cell_name(run, i) + "', 'free')";
    return run_once(where, sql);
}

System anabranch(const Cluster& cluster, std::size_t primary) {
    LoadOptions where;
    where.ports = {cluster.nodes()[primary].sql};
    where.statements = {"CALL set_if($1, $2, $3)"};
    return {"anabranch, three nodes", where, 1,
            [where](const auto& run, auto cells) { return make_cells_by_sql(where, run, cells); },
            [&cluster]() -> Result<double> {
                TRY(const auto metrics, metrics_of(cluster));
                return sum(metrics, "log_syncs_total");
            }};
}

System postgresql(const Postgres& server) {
    LoadOptions where;
    where.host = server.socket_directory();
    where.ports = {server.port()};
    where.user = where.database = "postgres";
    where.statements = {"CALL set_if($1, $2, $3)"};
    return {"PostgreSQL 15, one standby, synchronous_commit = on", where, 1,
            [where](const auto& run, auto cells) { return make_cells_by_sql(where, run, cells); },
            [&server] { return server.syncs(); }};
}

Result<System> etcd(const Etcd& cluster) {
    LoadOptions where;
    TRY(const auto leader, cluster.leader_port());
    where.ports = {leader};
    where.protocol = etcd_connection;
    return System{"etcd " + cluster.version() + ", three members, JSON over HTTP", where, 0,
                  [](const auto&, auto) { return Result<void>(); }, [&cluster] { return cluster.syncs(); }};
}

// ---- beside the others ----

Result<void> take_turns(std::vector<System>& systems, const Plan& plan) {
    for (auto& system : systems) system.full.resize(plan.clients.size());
    for (std::size_t i = 0; i < plan.clients.size(); ++i) {
        std::printf("\nCompare and set, %u clients of one server, each with a cell of its own:\n",
                    plan.clients[i]);
        for (int round = 0; round < plan.rounds; ++round)
            for (auto& system : systems) {
                TRY(auto measured, measure(system, plan.clients[i], plan.seconds, 0));
                system.full[i].push_back(std::move(measured));
            }
        for (auto& system : systems) {
            std::sort(system.full[i].begin(), system.full[i].end(),
                      [](const auto& a, const auto& b) { return a.load.per_second() < b.load.per_second(); });
            print_row(system.name, system.best_of(i));
        }
        for (const auto& other : systems)
            if (&other != &systems.front())
                print({"anabranch, times " + other.name.substr(0, other.name.find(',')),
                       systems.front().best_of(i).load.per_second() / other.best_of(i).load.per_second(), "",
                       2, true});
    }
    return {};
}

Result<void> latencies(const std::vector<System>& systems, const Plan& plan) {
    std::printf(
        "\nHow long one takes, idle (one client) and at half of what the system takes of %u clients:\n",
        plan.clients.front());
    for (const auto& system : systems) {
        TRY(const auto idle, measure(system, 1, plan.seconds, 0));
        print_row(system.name + ", idle", idle);
        const double half = system.best_of(0).load.per_second() / 2;
        TRY(const auto loaded, measure(system, plan.clients.front(), plan.seconds, half));
        print_row(system.name + ", half load", loaded);
    }
    return {};
}

Result<void> compare(const BenchArguments& arguments, const std::string& program, const Plan& plan) {
    const std::string file = example_file(program, "check_and_set");
    Cluster cluster(program, {file}, "");
    TRY_VOID(cluster.start(3));
    TRY(const auto primary, primary_of(cluster));
    std::vector<System> systems{anabranch(cluster, primary)};
    auto members = Etcd::start();
    if (members) {
        TRY(auto system, etcd(*members));
        systems.push_back(std::move(system));
    } else if (members.error().sqlstate == sqlstate::feature_not_supported) {
        std::printf("Without etcd: %s (%s).\n", members.error().message.c_str(),
                    members.error().hint.c_str());
    } else {
        return std::unexpected(members.error());
    }
    std::optional<Postgres> server;
    if (arguments.postgres) {
        TRY(server, Postgres::start());
        TRY_VOID(server->add_standby());
        TRY_VOID(server->load(file));
        systems.push_back(postgresql(*server));
    }
    TRY_VOID(take_turns(systems, plan));
    return latencies(systems, plan);
}

// ---- free and ordered calls together ----

Result<void> open_accounts(const Cluster& cluster, const LoadOptions& where) {
    std::string sql = "INSERT INTO accounts (id, owner, balance) VALUES ";
    for (std::uint32_t i = 1; i <= accounts; ++i)
        sql += (i == 1 ? "(" : ", (") + std::to_string(i) + ", 'x', 1000000000)";
    TRY_VOID(run_once(where, sql));
    for (int i = 0; i < 200; ++i) {
        TRY(const auto metrics, metrics_of(cluster));
        if (std::all_of(metrics.begin(), metrics.end(),
                        [](const auto& m) { return m.at("rows") >= accounts; }))
            return {};
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return fail("XX000", "bench: the nodes did not converge");
}

// Deposits are free, withdrawals ordered; clients at all three nodes.
Result<void> mixed(const std::string& program, const Plan& plan) {
    Cluster cluster(program, {example_file(program, "bank")}, "");
    TRY_VOID(cluster.start(3));
    TRY_VOID(primary_of(cluster));
    LoadOptions load;
    for (const auto& node : cluster.nodes()) load.ports.push_back(node.sql);
    load.statements = {"CALL deposit($1, $2)", "CALL withdraw($1, $2)"};
    load.connections = plan.clients_mixed;
    load.seconds = plan.seconds;
    TRY_VOID(open_accounts(cluster, load));
    std::printf("\nFree calls (deposit) and ordered ones (withdraw), %u clients of three nodes:\n",
                plan.clients_mixed);
    std::vector<std::vector<double>> rates(plan.shares.size());
    for (int round = 0; round < plan.rounds; ++round)
        for (std::size_t i = 0; i < plan.shares.size(); ++i) {
            load.call = [&](std::uint32_t connection, std::uint64_t n) {
                const std::uint64_t parts[] = {connection, n};
                const auto random = hash64({reinterpret_cast<const char*>(parts), sizeof parts});
                const bool ordered = static_cast<double>(random % 10'000) < plan.shares[i] * 100;
                return LoadCall{ordered ? 1U : 0U, {std::to_string((random >> 20) % accounts + 1), "1"}};
            };
            TRY(const auto result, run_load(load));
            if (result.errors > 0) return fail("XX000", "bench: " + result.first_error);
            rates[i].push_back(result.per_second());
        }
    const double free = quantile(rates.front(), 0.5);
    for (std::size_t i = 0; i < plan.shares.size(); ++i) {
        const double rate = quantile(rates[i], 0.5);
        char what[80];
        std::snprintf(what, sizeof what, "%3g %% ordered: calls taken, %3.0f %% fewer than all free",
                      plan.shares[i], (1 - rate / free) * 100);
        print({what, rate, "per second", plan.shares[i] == 5 ? free * 2 / 3 : 0, true});
    }
    return {};
}

Result<void> far(const std::string& program, bool quick) {
    const auto schema = load_schema({example_file(program, "bank")}, false);
    if (schema == nullptr) return fail("XX000", "bench: the example cannot be read");
    confluence::Options options;
    options.repairs = false;
    TRY(const auto report, confluence::check(schema, options));
    return measure_far(schema, report.plan, quick ? FarFigures{4, seconds(1)} : FarFigures());
}

}  // namespace

int bench_order(const BenchArguments& arguments, const std::string& program) {
    Plan plan;
    plan.seconds = arguments.seconds;
    plan.clients = {arguments.clients, arguments.clients * 8};
    if (arguments.quick) plan = {0.2, 1, {arguments.clients}, arguments.clients, {0, 5, 100}};
    const auto syncs = syncs_per_second();
    if (!syncs) return explain(syncs.error());
    std::printf(
        "This machine: %.0f synced 128-byte writes per second, one at a time; %u cores, which clients and "
        "all "
        "servers share.\n",
        *syncs, std::thread::hardware_concurrency());
    auto done = compare(arguments, program, plan);
    if (done) done = mixed(program, plan);
    if (done) done = far(program, arguments.quick);
    return done ? 0 : explain(done.error());
}

}  // namespace anabranch::tools
