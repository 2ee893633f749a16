#include "tools/bench_sql.h"

#include <cmath>
#include <cstdio>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "tools/bench_parts.h"
#include "tools/cluster.h"
#include "tools/commands.h"
#include "tools/figure.h"
#include "tools/load.h"
#include "tools/load_client.h"
#include "tools/postgres.h"

// How fast statements run: every figure beside its bar, PostgreSQL 15 with the same schema file and the same
// durability taking turns with one node. CPU time is what compares on a machine that does other things too:
// "/CPU s" is per second of CPU of the server, all its threads and processes together.
namespace anabranch::tools {

namespace {

struct Size {
    std::uint32_t accounts = 100'000;
    double seconds = 3;
};

// ---- in process ----

Result<double> withdraw_micros(const catalog::SchemaPtr& schema, const catalog::Plan& plan,
                               const Size& size) {
    InProcess engine(schema, plan);
    TRY_VOID(engine.start());
    TRY(const auto open, engine.replica.prepare("CALL open_account($1, 'x')", {}));
    TRY(const auto deposit, engine.replica.prepare("CALL deposit($1, $2)", {}));
    TRY(const auto withdraw, engine.replica.prepare("CALL withdraw($1, $2)", {}));
    for (std::uint32_t i = 1; i <= size.accounts; ++i) {
        const sql::Datum values[] = {sql::Datum::integer(i), sql::Datum::integer(1'000'000'000'000)};
        TRY_VOID(engine.call(open, {values, 1}));
        TRY_VOID(engine.call(deposit, values));
    }
    Random random(3);
    std::uint64_t calls = 0;
    const double start = cpu_of_thread();
    do {
        for (int i = 0; i < 1000; ++i, ++calls) {
            const sql::Datum values[] = {sql::Datum::integer(random.between(1, size.accounts)),
                                         sql::Datum::integer(1)};
            TRY_VOID(engine.call(withdraw, values));
        }
    } while (cpu_of_thread() - start < size.seconds);
    return (cpu_of_thread() - start) * 1e6 / static_cast<double>(calls);
}

// ---- through the wire ----

struct Server {
    LoadOptions where;
    std::string asynchronous;  // the setting with which an answer does not wait for the disk
    std::string socket{};      // directory of its Unix-domain socket; empty: it has none
};

struct Measured {
    double per_second = 0, per_cpu_second = 0;
    double p99 = 0;  // microseconds
};

Result<void> fill(const Server& server, const Size& size) {
    std::vector<std::string> statements;
    constexpr std::uint32_t chunk = 10'000;
    for (std::uint32_t first = 1; first <= size.accounts; first += chunk)
        statements.push_back(
            "INSERT INTO accounts (id, owner, balance) SELECT i, 'x', 1000000000 FROM generate_series(" +
            std::to_string(first) + "::bigint, " +
            std::to_string(std::min(first + chunk - 1, size.accounts)) + ") i");
    return run_all(server.where, statements);
}

struct Wanted {
    const char* statement = "";
    bool amount = true;  // a second parameter
    bool synced = true;
    std::uint32_t connections = 16, depth = 1;
};

Result<Measured> measure(const Server& server, const Wanted& wanted, const Size& size) {
    LoadOptions load = server.where;
    load.statements = {wanted.statement};
    load.connections = wanted.connections;
    load.depth = wanted.depth;
    load.seconds = size.seconds;
    if (!wanted.synced) load.settings.push_back(server.asynchronous);
    load.call = [&, random = Random(5)](std::uint32_t, std::uint64_t) mutable {
        LoadCall out{0, {std::to_string(random.between(1, size.accounts))}};
        if (wanted.amount) out.parameters.push_back("1");
        return out;
    };
    TRY(const auto result, run_load(load));
    if (result.errors > 0) return fail("XX000", "bench: " + result.first_error);
    const double per_cpu_second =
        result.cpu_seconds == 0 ? 0 : static_cast<double>(result.calls) / result.cpu_seconds;
    return Measured{result.per_second(), per_cpu_second, static_cast<double>(result.p99_micros)};
}

// Of each figure by itself.
Measured medians(const std::vector<Measured>& all) {
    const auto of = [&](double Measured::*figure) {
        std::vector<double> values;
        for (const auto& measured : all) values.push_back(measured.*figure);
        return quantile(std::move(values), 0.5);
    };
    return {of(&Measured::per_second), of(&Measured::per_cpu_second), of(&Measured::p99)};
}

// A measurement on both; PostgreSQL first, when it is there. Machines are faster at one moment than at the
// next: so both are measured several times, in turns.
struct Both {
    Measured ours, theirs;
};
Result<Both> take_turns(const Server& node, const std::optional<Server>& postgres, const Wanted& wanted,
                        Size size) {
    const int turns = size.seconds < 1 ? 1 : 5;
    size.seconds /= turns;
    std::vector<Measured> ours, theirs;
    for (int i = 0; i < turns; ++i) {
        if (postgres) {
            TRY(theirs.emplace_back(), measure(*postgres, wanted, size));
        }
        TRY(ours.emplace_back(), measure(node, wanted, size));
    }
    return Both{medians(ours), medians(theirs)};
}

Result<Both> compare(const Server& node, const std::optional<Server>& postgres, const std::string& what,
                     const Wanted& wanted, double bar, const Size& size) {
    TRY(const auto both, take_turns(node, postgres, wanted, size));
    if (!postgres) bar = 0;
    print_bar({what, both.ours.per_second, "/s", both.theirs.per_second, bar});
    print_bar({what, both.ours.per_cpu_second, "/CPU s", both.theirs.per_cpu_second, bar});
    return both;
}

constexpr const char* withdraw = "CALL withdraw($1, $2)";
constexpr const char* point = "SELECT balance FROM accounts WHERE id = $1";

// What both are compared by; of these, the withdrawals that do not wait for the disk.
Result<Both> compare_all(const Server& node, const std::optional<Server>& postgres, const std::string& how,
                         const Size& size) {
    TRY_VOID(compare(node, postgres, "CALL withdraw" + how + ", synced", {withdraw}, 5, size));
    TRY(const auto lazy,
        compare(node, postgres, "CALL withdraw" + how + ", not synced", {withdraw, true, false}, 5, size));
    TRY_VOID(compare(node, postgres, "SELECT by primary key" + how, {point, false}, 3, size));
    return lazy;
}

Result<void> through_the_wire(const Server& node, const std::optional<Server>& postgres, const Size& size) {
    TRY(const auto lazy, compare_all(node, postgres, ", 16 connections", size));
    std::printf("\n");
    print_bars_head();
    print_bar({"withdraw, 16 connections, not synced", lazy.ours.per_cpu_second, "/CPU s", 0, 70'000});
    TRY(const auto deep, take_turns(node, {}, {withdraw, true, false, 16, 16}, size));
    print_bar(
        {"withdraw, 16 connections, 16 deep, not synced", deep.ours.per_cpu_second, "/CPU s", 0, 250'000});
    TRY(const auto wide, take_turns(node, {}, {withdraw, true, true, 64}, size));
    print_bar({"withdraw, 64 connections, synced before the answer", wide.ours.per_cpu_second, "/CPU s", 0,
               40'000});
    print_bar({"  the same by the clock, the load client beside it", wide.ours.per_second, "/s"});
    print_bar({"  the slowest of a hundred waits", wide.ours.p99, "us"});
    return {};
}

// What the kernel's TCP takes of the figures above, on both sides: psql, pgbench and libpq come this way when
// no host is named.
Result<void> through_sockets(Server node, std::optional<Server> postgres, const Size& size) {
    if (node.socket.empty()) return {};
    node.where.host = node.socket;
    if (postgres) postgres->where.host = postgres->socket;
    std::printf("\nThrough a Unix-domain socket, 16 connections:\n");
    print_bars_head();
    TRY_VOID(compare_all(node, postgres, "", size));
    return {};
}

Result<void> both_ways(const Server& node, const std::optional<Server>& postgres, const Size& size) {
    TRY_VOID(through_the_wire(node, postgres, size));
    return through_sockets(node, postgres, size);
}

Result<void> beside_postgres(const Server& node, const std::string& file, const Size& size) {
    TRY(const auto ports, free_ports(1));
    TRY(const auto server, Postgres::start(ports.front()));
    TRY_VOID(server.load(file));
    Server postgres;
    postgres.where.ports = {server.port()};
    postgres.where.user = postgres.where.database = "postgres";
    postgres.where.cpu = [pid = server.process()] { return cpu_of_family(pid); };
    postgres.asynchronous = "SET synchronous_commit = off";
    postgres.socket = server.socket_directory();
    TRY_VOID(fill(postgres, size));
    TRY_VOID(run_once(postgres.where, "VACUUM ANALYZE"));
    return both_ways(node, postgres, size);
}

Result<void> with_servers(const BenchArguments& a, const std::string& program, const std::string& file,
                          const Size& size) {
    Cluster cluster(program, {file}, "");
    cluster.with_sockets();
    TRY_VOID(cluster.start(1));
    const auto& process = cluster.nodes().front();
    Server node;
    node.where.ports = {process.sql};
    node.where.cpu = [pid = process.pid] { return cpu_of_process(pid); };
    node.asynchronous = "SET anabranch.durability = 'memory'";
    node.socket = process.socket;
    TRY_VOID(fill(node, size));
    return a.postgres ? beside_postgres(node, file, size) : both_ways(node, {}, size);
}

Result<void> measure_all(const BenchArguments& a, const std::string& program) {
    Size size{100'000, static_cast<double>(a.seconds)};
    NewOrderSize orders;
    orders.seconds = size.seconds;
    if (a.quick) {
        size = {1000, 0.1};
        orders = {1000, 30, 0.1};
    }
    TRY(const double syncs, syncs_per_second(a.quick ? 0.1 : 1));
    std::printf("This machine: %.0f synced 128-byte writes per second, one at a time.\n\n", syncs);
    const std::string bank = example_file(program, "bank");
    const auto schema = load_schema({bank}, false);
    if (schema == nullptr) return fail("XX000", "bench: " + bank + " cannot be read");
    confluence::Options options;
    options.repairs = options.witnesses = false;
    TRY(const auto report, confluence::check(schema, options));
    print_bars_head();
    TRY(const double micros, withdraw_micros(schema, report.plan, size));
    print_bar({"withdraw in process, one thread", micros, "us", 0, 2, true});
    for (const bool assertions : {false, true}) {
        TRY(auto bar, measure_new_order(example_file(program, "tpcc"), orders, assertions));
        bar.what = assertions ? "  with the 11 assertions of tpcc.sql as well"
                              : "TPC-C New-Order in process: checks, foreign keys, log";
        if (!assertions) bar.bar = 25'000;
        print_bar(bar);
    }
    std::printf(
        "\nOne node and PostgreSQL 15 in turns, on TCP, %u accounts, prepared; ratio and bar are multiples "
        "of "
        "PostgreSQL's:\n",
        size.accounts);
    print_bars_head();
    return with_servers(a, program, bank, size);
}

// Of which a ratio can be told to a hundredth.
std::string figure_text(double value) {
    char text[64];
    std::snprintf(text, sizeof text, value < 100 ? "%.2f" : "%.0f", value);
    return text;
}

}  // namespace

void print_bars_head() {
    std::printf("  %-52s %17s %12s %8s %8s\n", "", "figure", "PostgreSQL", "ratio", "bar");
}

void print_bar(const Bar& bar) {
    std::printf("  %-52s %17s %12s", bar.what.c_str(), (figure_text(bar.value) + " " + bar.unit).c_str(),
                bar.reference > 0 ? figure_text(bar.reference).c_str() : "");
    const double against = bar.reference > 0 ? bar.reference : bar.bar;
    if (against > 0) {
        const double ratio = bar.value / against, wanted = bar.reference > 0 ? bar.bar : 1;
        std::printf(" %8.2f %8g %s", ratio, bar.bar,
                    (ratio < wanted) == bar.less_is_better ? "met" : "missed");
    }
    std::printf("\n");
    std::fflush(stdout);
}

int bench_sql(const BenchArguments& arguments, const std::string& program) {
    const auto done = measure_all(arguments, program);
    return done ? 0 : explain(done.error());
}

}  // namespace anabranch::tools
