#include <chrono>
#include <cstdio>

#include "tools/bench_parts.h"
#include "tools/cluster.h"
#include "tools/commands.h"
#include "tools/figure.h"
#include "tools/load.h"
#include "tools/load_client.h"
#include "tools/postgres.h"

namespace anabranch::tools {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::uint32_t accounts = 1000;

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

Result<double> in_process(const catalog::SchemaPtr& schema, catalog::Plan plan, const char* transaction,
                          std::uint32_t seconds) {
    InProcess engine(schema, std::move(plan));
    TRY_VOID(engine.start());
    TRY(const auto open, engine.replica.prepare("CALL open_account($1, 'x')", {}));
    TRY(const auto deposit, engine.replica.prepare("CALL deposit($1, $2)", {}));
    TRY(const auto measured, engine.replica.prepare("CALL " + std::string(transaction) + "($1, $2)", {}));
    for (std::uint32_t i = 1; i <= accounts; ++i) {
        const sql::Datum values[] = {sql::Datum::integer(i), sql::Datum::integer(1'000'000'000'000)};
        TRY_VOID(engine.call(open, {values, 1}));
        TRY_VOID(engine.call(deposit, values));
    }
    std::uint64_t calls = 0;
    const auto start = Clock::now();
    do {
        for (int i = 0; i < 1000; ++i, ++calls) {
            const sql::Datum values[] = {sql::Datum::integer(static_cast<std::int64_t>(calls % accounts) + 1),
                                         sql::Datum::integer(1)};
            TRY_VOID(engine.call(measured, values));
        }
    } while (seconds_since(start) < seconds);
    return seconds_since(start) / static_cast<double>(calls);
}

Result<void> fill(const LoadOptions& where) {
    std::vector<std::string> statements;
    for (std::uint32_t i = 1; i <= accounts; ++i) {
        statements.push_back("CALL open_account(" + std::to_string(i) + ", 'x')");
        statements.push_back("CALL deposit(" + std::to_string(i) + ", 1000000000)");
    }
    return run_all(where, statements);
}

Result<LoadResult> measure(LoadOptions where, const char* transaction, const BenchArguments& a,
                           std::uint32_t depth) {
    where.statements = {"CALL " + std::string(transaction) + "($1, $2)"};
    where.connections = a.clients;
    where.depth = depth;
    where.seconds = a.seconds;
    where.call = [](std::uint32_t connection, std::uint64_t n) {
        return LoadCall{0, {std::to_string((connection * 61 + n * 17) % accounts + 1), "1"}};
    };
    return run_load(where);
}

void print(const char* what, const LoadResult& r, double reference) {
    std::printf("  %-44s %9.0f calls/s   p50 %6u us   p99 %6u us", what, r.per_second(), r.p50_micros,
                r.p99_micros);
    if (reference > 0) std::printf("   %5.2f x PostgreSQL", r.per_second() / reference);
    if (r.errors > 0)
        std::printf("   %llu errors: %s", static_cast<unsigned long long>(r.errors), r.first_error.c_str());
    std::printf("\n");
    std::fflush(stdout);
}

}  // namespace

int bench(const BenchArguments& arguments, const std::string& program) {
    if (arguments.what == "check") return bench_check(arguments, program);
    if (arguments.what == "schema") return print_schema(arguments);
    if (arguments.what == "sql") return bench_sql(arguments, program);
    if (arguments.what == "order") return bench_order(arguments, program);
    if (arguments.what == "gossip" || arguments.what == "scale") return bench_gossip(arguments, program);
    const std::string file = example_file(program, "bank");
    const auto schema = load_schema({file}, false);
    if (schema == nullptr) return 1;
    confluence::Options options;
    options.repairs = false;
    auto report = confluence::check(schema, options);
    if (!report) return explain(report.error());
    const auto syncs = syncs_per_second();
    if (!syncs) return explain(syncs.error());
    std::printf(
        "This machine: %.0f synced 128-byte writes per second, one at a time.\n\nIn process, one thread, log "
        "records made but not written:\n",
        *syncs);
    for (const char* transaction : {"deposit", "withdraw"}) {
        const auto seconds = in_process(schema, report->plan, transaction, 1);
        if (!seconds) return explain(seconds.error());
        std::printf("  %-44s %9.0f calls/s   %6.2f us per call\n", transaction, 1 / *seconds, *seconds * 1e6);
    }
    double reference_deposit = 0, reference_withdraw = 0, reference_pipelined = 0;
    std::printf(
        "\nThrough the wire, %u connections, prepared CALL, every answer after its write is on disk:\n",
        arguments.clients);
    if (arguments.postgres) {
        auto postgres = Postgres::start();
        if (!postgres) return explain(postgres.error());
        if (auto loaded = postgres->load(file); !loaded) return explain(loaded.error());
        LoadOptions where;
        where.host = postgres->socket_directory();
        where.ports = {postgres->port()};
        where.user = where.database = "postgres";
        if (auto filled = fill(where); !filled) return explain(filled.error());
        const auto deposit = measure(where, "deposit", arguments, 1);
        const auto withdraw = measure(where, "withdraw", arguments, 1);
        const auto pipelined = measure(where, "deposit", arguments, 16);
        for (const auto* result : {&deposit, &withdraw, &pipelined})
            if (!*result) return explain(result->error());
        print("PostgreSQL 15, deposit (Unix socket)", *deposit, 0);
        print("PostgreSQL 15, withdraw", *withdraw, 0);
        print("PostgreSQL 15, deposit, 16 deep", *pipelined, 0);
        reference_deposit = deposit->per_second();
        reference_withdraw = withdraw->per_second();
        reference_pipelined = pipelined->per_second();
    }
    for (const std::uint32_t replicas : {1U, 3U}) {
        Cluster cluster(program, {file}, "");
        if (auto started = cluster.start(replicas); !started) return explain(started.error());
        LoadOptions where;
        where.ports = {cluster.nodes().front().sql};
        if (auto filled = fill(where); !filled) return explain(filled.error());
        const auto deposit = measure(where, "deposit", arguments, 1);
        const auto withdraw = measure(where, "withdraw", arguments, 1);
        const auto pipelined = measure(where, "deposit", arguments, 16);
        for (const auto* result : {&deposit, &withdraw, &pipelined})
            if (!*result) return explain(result->error());
        const std::string name =
            "anabranch, " + std::to_string(replicas) + (replicas == 1 ? " node, " : " nodes, ");
        print((name + "deposit (free, TCP)").c_str(), *deposit, reference_deposit);
        print((name + "withdraw (ordered)").c_str(), *withdraw, reference_withdraw);
        print((name + "deposit, 16 deep").c_str(), *pipelined, reference_pipelined);
    }
    return 0;
}

}  // namespace anabranch::tools
