#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <tuple>

#include "lib/wire/codec.h"
#include "node/io/compress.h"
#include "node/io/log.h"
#include "node/replica/replica.h"
#include "tools/bench_gossip.h"
#include "tools/bench_parts.h"

namespace anabranch::tools {

namespace {

constexpr std::uint64_t accounts = 1000;
constexpr std::size_t frame_header_bytes = 4;

// A replica whose disk is as quick as memory.
struct Engine {
    Engine(const catalog::SchemaPtr& schema, const catalog::Plan& plan, const std::string& name,
           const std::string& peer)
        : replica(schema, plan, options(name, peer), Random(name[0]), nullptr, nullptr), name_(name) {}

    static replica::Options options(const std::string& name, const std::string& peer) {
        replica::Options o;
        o.name = name;
        o.id = ReplicaId{static_cast<std::uint64_t>(1000 + name[0])};
        o.peers.push_back({peer, {}, true});
        o.kept_bytes_max = std::size_t{4} << 30;
        o.checkpoint_log_bytes_min = std::uint64_t{1} << 40;
        return o;
    }
    Result<void> start() {
        TRY_VOID(replica.start(now(), out));
        replica.step(replica::OpenSession{1}, now(), out);
        settle();
        return {};
    }
    // The clock is moved by hand, so that figures do not depend on the machine's pace.
    Instant now() const { return clock; }
    void step(const replica::Input& input) {
        const double before = cpu_of_thread();
        replica.step(input, now(), out);
        spent(cpu_of_thread() - before);
        settle();
    }
    Result<void> call(const replica::RunnablePtr& runnable, std::span<const sql::Datum> values) {
        clock = clock + micros(10);
        auto done = replica.execute(1, ++number, runnable, values, nullptr, now(), out);
        if (!done.tag) return std::unexpected(done.tag.error());
        return {};
    }
    void spent(double seconds) {
        cpu += seconds;
        longest = std::max(longest, seconds);
    }
    // Everything appended is "durable"; messages are left to send.
    void settle() {
        replica::Ticket last = 0;
        for (auto& output : out) {
            if (auto* persist = std::get_if<replica::Persist>(&output)) {
                last = persist->ticket;
                if (record) record(persist->ticket, persist->record);
            } else if (auto* send = std::get_if<replica::Send>(&output)) {
                outbox.push_back(std::move(send->message));
            }
        }
        out.clear();
        if (last != 0) step(replica::Persisted{last});
    }

    replica::Replica replica;
    replica::Outputs out;
    std::vector<wire::Message> outbox;
    std::function<void(replica::Ticket, BytesView)> record;
    Instant clock{1'700'000'000'000'000};
    double cpu = 0, longest = 0;  // of what is done in one go
    std::uint64_t number = 0, bytes_sent = 0;

  private:
    std::string name_;
};

struct Pair {
    Pair(const catalog::SchemaPtr& schema, const catalog::Plan& plan)
        : a(schema, plan, "a", "b"), b(schema, plan, "b", "a") {}

    Result<void> start() {
        TRY_VOID(a.start());
        TRY_VOID(b.start());
        TRY(const auto open, a.replica.prepare("CALL open_account($1)", {}));
        for (std::uint64_t i = 1; i <= accounts; ++i) {
            const sql::Datum values[] = {sql::Datum::integer(static_cast<std::int64_t>(i))};
            TRY_VOID(a.call(open, values));
        }
        a.settle();
        return {};
    }
    void link() {
        a.step(replica::PeerUp{"b"});
        b.step(replica::PeerUp{"a"});
    }
    // As the shells do it: encoded, compressed where it pays, and back.
    void carry() {
        while (!a.outbox.empty() || !b.outbox.empty()) {
            for (const auto& [from, to] : {std::pair{&a, &b}, std::pair{&b, &a}}) {
                for (const auto& message : std::exchange(from->outbox, {})) {
                    double before = cpu_of_thread();
                    const Bytes plain = wire::encode(message);
                    const auto packed =
                        plain.size() >= io::compress_from_bytes ? io::compress(plain) : std::nullopt;
                    from->bytes_sent += (packed ? packed->size() : plain.size()) + frame_header_bytes;
                    from->cpu += cpu_of_thread() - before;
                    before = cpu_of_thread();
                    const auto unpacked =
                        packed ? io::decompress(*packed, wire::message_bytes_max) : std::optional(plain);
                    auto back = wire::decode(*unpacked);
                    to->spent(cpu_of_thread() - before);
                    to->step(replica::FromPeer{from == &a ? "a" : "b", std::move(*back)});
                }
            }
        }
    }
    void pass(Duration time) {
        a.clock = b.clock = std::max(a.clock, b.clock) + time;
        for (auto* engine : {&a, &b})
            if (engine->replica.next_deadline() <= engine->now()) engine->step(replica::Tick{});
        carry();
    }
    bool equal() const { return a.replica.database().version() == b.replica.database().version(); }

    Engine a, b;
};

Result<void> call_many(Engine& engine, const char* procedure, std::uint64_t calls,
                       const std::function<void(std::uint64_t)>& after) {
    TRY(const auto runnable, engine.replica.prepare("CALL " + std::string(procedure) + "($1, $2)", {}));
    for (std::uint64_t i = 0; i < calls; ++i) {
        const sql::Datum values[] = {
            sql::Datum::integer(static_cast<std::int64_t>(i * 17 % (accounts - 10)) + 1),
            sql::Datum::integer(3)};
        TRY_VOID(engine.call(runnable, values));
        after(i + 1);
    }
    return {};
}

// Group commits of 64 under load, everything that goes from a to b counted.
Result<double> bytes_per_call(Pair& pair, const char* procedure, std::uint64_t calls) {
    const std::uint64_t before = pair.a.bytes_sent;
    TRY_VOID(call_many(pair.a, procedure, calls, [&](std::uint64_t done) {
        if (done % 64 != 0) return;
        pair.a.settle();
        pair.carry();
        pair.pass(micros(640));
    }));
    return static_cast<double>(pair.a.bytes_sent - before) / static_cast<double>(calls);
}

Result<void> measure_bytes(const catalog::SchemaPtr& schema, const catalog::Plan& plan) {
    Pair pair(schema, plan);
    TRY_VOID(pair.start());
    pair.link();
    for (int i = 0; i < 5; ++i) pair.pass(millis(200));
    TRY(const double one, bytes_per_call(pair, "deposit", 12'800));
    TRY(const double ten, bytes_per_call(pair, "deposit_ten", 6'400));
    print({"on the wire per counter update, 64 a batch", one, "bytes", 60});
    print({"on the wire per transaction of 10 rows", ten, "bytes", 500});
    const auto& traffic = pair.b.replica.traffic();
    print({"two nodes: deltas received per delta needed",
           static_cast<double>(traffic.deltas_received) / static_cast<double>(traffic.deltas_merged), "",
           1.1});
    return {};
}

// b was away while a made so many deltas. What each spends is counted for itself.
Result<void> measure_catch_up(const catalog::SchemaPtr& schema, const catalog::Plan& plan,
                              const char* procedure, std::uint64_t deltas, std::uint64_t rows_each) {
    Pair pair(schema, plan);
    TRY_VOID(pair.start());
    TRY_VOID(call_many(pair.a, procedure, deltas, [&](std::uint64_t done) {
        if (done % 1000 != 0) return;
        pair.a.settle();
        pair.a.outbox.clear();
    }));
    pair.a.settle();
    pair.a.outbox.clear();
    pair.a.cpu = pair.b.cpu = 0;
    pair.link();
    for (int i = 0; i < 1'000'000 && !pair.equal(); ++i) pair.pass(millis(10));
    if (!pair.equal()) return fail("XX000", "bench: the nodes did not converge");
    const auto rate = static_cast<double>(deltas * rows_each) / pair.b.cpu;
    const std::string many = rows_each == 1 ? "deltas of one row" : "deltas of 10 rows";
    print({"merging " + many + " from a peer, per core", rate / 1e6, "M rows/s", 1, true});
    print({"catching up with " + std::to_string(deltas) + " " + many + ", CPU of both",
           pair.a.cpu + pair.b.cpu, "s"});
    return {};
}

// One transaction of a makes, or changes, so many rows. Calls at b wait for no more than what b does in one
// go.
Result<void> measure_large(const catalog::SchemaPtr& schema, const catalog::Plan& plan) {
    constexpr std::int64_t rows = 100'000;
    Pair pair(schema, plan);
    TRY_VOID(pair.start());
    pair.link();
    for (int i = 0; i < 5; ++i) pair.pass(millis(200));
    for (const auto& [procedure, argument, does] :
         {std::tuple{"open_many", rows, "makes"}, {"deposit_everywhere", std::int64_t{1}, "changes"}}) {
        TRY(const auto runnable, pair.a.replica.prepare("CALL " + std::string(procedure) + "($1)", {}));
        const sql::Datum values[] = {sql::Datum::integer(argument)};
        TRY_VOID(pair.a.call(runnable, values));
        pair.a.settle();
        pair.b.cpu = pair.b.longest = 0;
        for (int i = 0; i < 10'000 && !(pair.equal() && i > 1000); ++i) pair.pass(micros(100));
        if (!pair.equal()) return fail("XX000", "bench: the nodes did not converge");
        const std::string what = std::string("a transaction that ") + does + " 100000 rows, at a peer";
        print({what + ": CPU", pair.b.cpu * 1e3, "ms"});
        print({what + ": the longest a call waits", pair.b.longest * 1e3, "ms", 10});
    }
    return {};
}

Result<void> measure_recovery(const catalog::SchemaPtr& schema, const catalog::Plan& plan,
                              const LocalFigures& wanted) {
    const auto nothing = [](std::uint64_t, BytesView) { return Result<void>(); };
    {
        io::LogRecovery none;
        TRY(const auto log, io::Log::open(wanted.directory, {}, nothing, none));
        log->start({[](std::uint64_t) {}, [](bool) {}, [](const Error&) {}});
        Pair pair(schema, plan);
        pair.a.record = [&](replica::Ticket ticket, BytesView record) {
            log->append(ticket, record);
            if (ticket % 1000 == 0) log->flush();
        };
        TRY_VOID(pair.start());
        TRY_VOID(call_many(pair.a, "deposit", wanted.deltas, [&](std::uint64_t done) {
            if (done % 64 == 0) pair.a.settle(), pair.a.outbox.clear();
        }));
        pair.a.settle();
        log->flush();
    }
    Engine again(schema, plan, "a", "b");
    const auto begun = std::chrono::steady_clock::now();
    const double cpu = cpu_of_thread();
    io::LogRecovery found;
    TRY(const auto log,
        io::Log::open(
            wanted.directory, {},
            [&](std::uint64_t lsn, BytesView record) { return again.replica.recover(lsn, record); }, found));
    TRY_VOID(again.start());
    const std::string what = "recovery of " + std::to_string(wanted.deltas) + " transactions from the log";
    const double scale = static_cast<double>(wanted.deltas) / 1e6;
    print({what, std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count(), "s",
           2 * scale});
    print({what + ", CPU", cpu_of_thread() - cpu, "s", 2 * scale});
    return {};
}

}  // namespace

Result<void> measure_local(const catalog::SchemaPtr& schema, const catalog::Plan& plan,
                           const LocalFigures& wanted) {
    TRY_VOID(measure_bytes(schema, plan));
    TRY_VOID(measure_catch_up(schema, plan, "deposit", wanted.deltas, 1));
    TRY_VOID(measure_catch_up(schema, plan, "deposit_ten", wanted.deltas / 10, 10));
    TRY_VOID(measure_large(schema, plan));
    return measure_recovery(schema, plan, wanted);
}

}  // namespace anabranch::tools
