// Figures, not tests: unit-crdt "[bench]" prints them (build release first). CPU time, medians of 7 rounds, rows in random
// order.
#include <catch2/catch.hpp>
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <numeric>

#include "lib/base/random.h"
#include "tables.h"
#include "transaction.h"

namespace anabranch::crdt::test {
namespace {

using catalog::Merge;
using catalog::RowIdentity;

// accounts(id, owner text, balance counter) and wide(8 columns: 3 integers, counter, 2 texts, integer, double).
catalog::SchemaPtr bank() {
    auto schema = std::make_shared<catalog::Schema>();
    schema->hash = 79;
    TableMaker(*schema, "accounts", RowIdentity::per_insert).reg("id").reg("owner", sql::TypeId::text).cell("balance", Merge::counter).key({0});
    TableMaker(*schema, "wide", RowIdentity::per_insert)
        .reg("id")
        .reg("a")
        .reg("b")
        .cell("n", Merge::counter)
        .reg("s", sql::TypeId::text)
        .reg("t", sql::TypeId::text)
        .reg("c")
        .reg("d", sql::TypeId::float8)
        .key({0});
    return schema;
}

// One transaction of one row, folded by hand: the cost of the executor is not ours.
struct OneRow {
    explicit OneRow(const Database& db, std::uint32_t table) : layout(exec::RowLayout::of(db.schema().tables[table])) {
        set.rows.resize(1);
        set.rows[0].table = {table};
    }
    void image(const std::vector<sql::Datum>& values) {
        bytes.resize(exec::packed_size(layout, values));
        exec::pack(layout, values, bytes.data());
        set.rows[0].row = bytes.data();
        set.rows[0].row_size = static_cast<std::uint32_t>(bytes.size());
    }
    exec::RowLayout layout;
    std::string bytes;
    std::string key;
    exec::WriteSet set;
    std::vector<exec::RowWrite::ColumnWrite> ops;
};

class Bench {
  public:
    explicit Bench(std::size_t rows) : rows_(rows), order_(rows) {
        std::iota(order_.begin(), order_.end(), 0);
        Random random(1);
        for (std::size_t i = rows; i > 1; --i) std::swap(order_[i - 1], order_[random.below(i)]);
    }
    template <typename Body>
    void measure(const char* what, std::size_t count, Body&& body) {
        std::vector<double> rounds;
        for (int round = 0; round < 7; ++round) {
            const std::clock_t begin = std::clock();
            for (std::size_t i = 0; i < count; ++i) body(order_[(i + static_cast<std::size_t>(round) * count) % rows_]);
            const double took = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC * 1e9;
            rounds.push_back(took / static_cast<double>(count));
        }
        std::sort(rounds.begin(), rounds.end());
        std::printf("%-60s %8.0f ns\n", what, rounds[rounds.size() / 2]);
    }
    std::size_t at(std::size_t i) const { return order_[i]; }

  private:
    std::size_t rows_;
    std::vector<std::size_t> order_;
};

constexpr ReplicaId here{1}, there{2};
std::uint64_t now = 1'700'000'000'000'000ull << 12;

Delta make(const Database& db, const exec::WriteSet& set, ReplicaId origin) {
    return db.make_delta(set, {origin, db.version().get(origin) + 1}, {now += 4096, origin});
}

void run(std::size_t rows) {
    std::printf("-- %zu rows\n", rows);
    Database db(bank());
    Bench bench(rows);
    std::vector<std::string> keys;
    for (std::size_t i = 0; i < rows; ++i) keys.push_back(key_of(static_cast<std::int64_t>(i)));
    OneRow account(db, 0), wide(db, 1);
    const std::size_t before = db.memory_bytes();
    std::size_t next = 0;
    const auto insert_account = [&](std::size_t) {
        const std::size_t id = bench.at(next++);
        exec::RowWrite& write = account.set.rows[0];
        account.image({sql::Datum::integer(static_cast<std::int64_t>(id)), sql::Datum::bytes("somebody or other"), sql::Datum::integer(1000)});
        write.key = keys[id];
        write.inserted = write.created = write.claims = true;
        db.merge(make(db, account.set, here));
    };
    bench.measure("insert an account: make_delta + merge", rows / 7, insert_account);
    while (next < rows) insert_account(0);
    std::printf("%-60s %8.0f bytes\n", "memory per account", static_cast<double>(db.memory_bytes() - before) / static_cast<double>(rows));
    const std::size_t reads = std::min<std::size_t>(rows, 1'000'000);
    std::int64_t sink = 0;
    bench.measure("find and read one column", reads, [&](std::size_t i) { sink += db.find({0}, keys[i]).get(2).as_integer(); });
    exec::RowWrite& write = account.set.rows[0];
    write.inserted = write.created = write.claims = false;
    write.deleted = false;
    account.ops = {{2, exec::RowWrite::Op::add, -1}};
    write.columns = account.ops;
    const auto update = [&](std::size_t i) {
        write.key = keys[i];
        db.merge(make(db, account.set, here));
    };
    for (std::size_t i = 0; i < rows; ++i) update(i);  // each row's first total makes room
    bench.measure("counter update: make_delta + merge", reads, update);
    std::size_t bytes = 0;
    bench.measure("counter update: make_delta + merge + encode", reads, [&](std::size_t i) {
        write.key = keys[i];
        const Delta delta = make(db, account.set, here);
        db.merge(delta);
        bytes = delta.encode().size();
    });
    std::printf("%-60s %8zu bytes\n", "its delta, one replica known", bytes);
    Database other(bank());
    for (const catalog::Table& table : db.schema().tables) (void)other.import_chunk(db.export_chunk(table.id, {}, SIZE_MAX).bytes, db.version());
    other.set_version(db.version());
    for (const bool first : {true, false}) {
        std::vector<Bytes> remote;
        for (std::size_t i = 0; i < reads; ++i) {
            write.key = keys[bench.at(i)];
            const Delta delta = make(other, account.set, there);
            other.merge(delta);
            remote.push_back(delta.encode());
        }
        std::size_t at = 0;
        bench.measure(first ? "remote counter delta, new origin: decode + check + merge" : "remote counter delta: decode + check + merge", reads / 7,
                      [&](std::size_t) { db.merge(*Delta::decode(remote[at++])); });
        while (at < reads) db.merge(*Delta::decode(remote[at++]));
        std::printf("%-60s %8zu bytes\n", "its delta, two replicas known", remote[0].size());
    }
    next = 0;
    const std::size_t wide_before = db.memory_bytes();
    bench.measure("insert a row of 8 columns: make_delta + merge", rows / 7, [&](std::size_t) {
        const std::size_t id = bench.at(next++);
        wide.image({sql::Datum::integer(static_cast<std::int64_t>(id)), sql::Datum::integer(5), sql::Datum::integer(6), sql::Datum::integer(7),
                    sql::Datum::bytes("a text of some length"), sql::Datum::bytes("another"), sql::Datum::integer(8), sql::Datum::floating(2.5)});
        exec::RowWrite& row = wide.set.rows[0];
        row.key = keys[id];
        row.inserted = row.created = true;
        const Delta delta = make(db, wide.set, here);
        db.merge(delta);
        bytes = next == 1 ? delta.encode().size() : bytes;
    });
    std::printf("%-60s %8zu bytes\n", "its delta, two replicas known", bytes);
    std::printf("%-60s %8.0f bytes\n", "memory per row of 8 columns",
                static_cast<double>(db.memory_bytes() - wide_before) / static_cast<double>(next));
    std::size_t scanned = 0;
    bench.measure("scan all accounts in key order, per row", 1, [&](std::size_t) {
        db.scan({0}, [&](exec::RowView row) {
            sink += row.get(2).as_integer();
            return ++scanned > 0;
        });
    });
    std::printf("%-60s %8zu rows each\n", "", scanned / 7);
    CHECK(sink != 1);
}

}  // namespace

TEST_CASE("figures of the state", "[.bench]") {
    run(10'000);
    run(1'000'000);
}

}  // namespace anabranch::crdt::test
