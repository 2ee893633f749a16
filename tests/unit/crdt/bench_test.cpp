// Figures, not tests: unit-crdt "[bench]" prints them (build release first). CPU time, medians of 7 rounds,
// rows in random order.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdio>
#include <ctime>
#include <numeric>

#include "lib/base/random.h"
#include "tests/unit/crdt/tables.h"
#include "tests/unit/crdt/transaction.h"

namespace anabranch::crdt::test {
namespace {

using catalog::Merge;
using catalog::RowIdentity;

// accounts(id, owner text, balance counter) and wide(8 columns: 3 integers, counter, 2 texts, integer,
// double).
catalog::SchemaPtr bank() {
    auto schema = std::make_shared<catalog::Schema>();
    schema->hash = 79;
    TableMaker(*schema, "accounts", RowIdentity::per_insert)
        .reg("id")
        .reg("owner", sql::TypeId::text)
        .cell("balance", Merge::counter)
        .key({0});
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
    explicit OneRow(const Database& db, std::uint32_t table)
        : layout(exec::RowLayout::of(db.schema().tables[table])) {
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
            for (std::size_t i = 0; i < count; ++i)
                body(order_[(i + static_cast<std::size_t>(round) * count) % rows_]);
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

void print(const char* what, double value, const char* unit) {
    std::printf("%-60s %8.0f %s\n", what, value, unit);
}

class Figures {
  public:
    explicit Figures(std::size_t rows)
        : rows_(rows), db_(bank()), bench_(rows), account_(db_, 0), wide_(db_, 1) {
        std::printf("-- %zu rows\n", rows);
        for (std::size_t i = 0; i < rows; ++i) keys_.push_back(key_of(static_cast<std::int64_t>(i)));
    }
    void run() {
        insert_accounts();
        read();
        add();
        merge_remote();
        insert_wide();
        scan();
        CHECK(sink_ != 1);
    }

  private:
    void insert_accounts() {
        const std::size_t before = db_.memory_bytes();
        std::size_t next = 0;
        exec::RowWrite& write = account_.set.rows[0];
        write.inserted = write.created = write.claims = true;
        const auto insert = [&](std::size_t) {
            const std::size_t id = bench_.at(next++);
            account_.image({sql::Datum::integer(static_cast<std::int64_t>(id)),
                            sql::Datum::bytes("somebody or other"), sql::Datum::integer(1000)});
            write.key = keys_[id];
            db_.merge(make(db_, account_.set, here));
        };
        bench_.measure("insert an account: make_delta + merge", rows_ / 7, insert);
        while (next < rows_) insert(0);
        print("memory per account",
              static_cast<double>(db_.memory_bytes() - before) / static_cast<double>(rows_), "bytes");
        write.inserted = write.created = write.claims = false;
        account_.ops = {{2, exec::RowWrite::Op::add, -1}};
        write.columns = account_.ops;
    }
    void read() {
        bench_.measure("find and read one column", rows_,
                       [&](std::size_t i) { sink_ += db_.find({0}, keys_[i]).get(2).as_integer(); });
    }
    Delta withdraw(Database& db, ReplicaId origin, std::size_t id) {
        account_.set.rows[0].key = keys_[id];
        Delta delta = make(db, account_.set, origin);
        db.merge(delta);
        return delta;
    }
    void add() {
        for (std::size_t i = 0; i < rows_; ++i) withdraw(db_, here, i);  // each row's first total makes room
        bench_.measure("counter update: make_delta + merge", rows_,
                       [&](std::size_t i) { withdraw(db_, here, i); });
        std::size_t bytes = 0;
        bench_.measure("counter update: make_delta + merge + encode", rows_,
                       [&](std::size_t i) { bytes = withdraw(db_, here, i).encode().size(); });
        print("its delta, one replica known", static_cast<double>(bytes), "bytes");
    }
    void merge_remote() {
        Database other(bank());
        for (const catalog::Table& table : db_.schema().tables)
            (void)other.import_chunk(db_.export_chunk(table.id, {}, SIZE_MAX).bytes, db_.version());
        other.set_version(db_.version());
        for (const bool first : {true, false}) {
            std::vector<Bytes> remote;
            for (std::size_t i = 0; i < rows_; ++i)
                remote.push_back(withdraw(other, there, bench_.at(i)).encode());
            std::size_t at = 0;
            bench_.measure(first ? "remote counter delta, new origin: decode + check + merge"
                                 : "remote counter delta: decode + check + merge",
                           rows_ / 7, [&](std::size_t) { db_.merge(*Delta::decode(remote[at++])); });
            while (at < rows_) db_.merge(*Delta::decode(remote[at++]));
            print("its delta, two replicas known", static_cast<double>(remote[0].size()), "bytes");
        }
    }
    void insert_wide() {
        const std::size_t before = db_.memory_bytes();
        std::size_t next = 0, bytes = 0;
        exec::RowWrite& row = wide_.set.rows[0];
        row.inserted = row.created = true;
        bench_.measure("insert a row of 8 columns: make_delta + merge", rows_ / 7, [&](std::size_t) {
            const std::size_t id = bench_.at(next++);
            wide_.image({sql::Datum::integer(static_cast<std::int64_t>(id)), sql::Datum::integer(5),
                         sql::Datum::integer(6), sql::Datum::integer(7),
                         sql::Datum::bytes("a text of some length"), sql::Datum::bytes("another"),
                         sql::Datum::integer(8), sql::Datum::floating(2.5)});
            row.key = keys_[id];
            const Delta delta = make(db_, wide_.set, here);
            db_.merge(delta);
            if (next == 1) bytes = delta.encode().size();
        });
        print("its delta, two replicas known", static_cast<double>(bytes), "bytes");
        print("memory per row of 8 columns",
              static_cast<double>(db_.memory_bytes() - before) / static_cast<double>(next), "bytes");
        row.inserted = row.created = false;
        wide_.ops = {{1, exec::RowWrite::Op::assign, 0}};
        row.columns = wide_.ops;
        next = 0;
        bench_.measure("update one register of it: make_delta + merge", rows_ / 7, [&](std::size_t) {
            row.key = keys_[bench_.at(next++)];
            const Delta delta = make(db_, wide_.set, here);
            db_.merge(delta);
        });
    }
    void scan() {
        std::size_t scanned = 0;
        bench_.measure("scan all accounts in key order", 1, [&](std::size_t) {
            db_.scan({0}, [&](exec::RowView row) {
                sink_ += row.get(2).as_integer();
                return ++scanned > 0;
            });
        });
        print("", static_cast<double>(scanned) / 7, "rows each");
    }

    std::size_t rows_;
    Database db_;
    Bench bench_;
    OneRow account_, wide_;
    std::vector<std::string> keys_;
    std::int64_t sink_ = 0;
};

}  // namespace

TEST_CASE("figures of the state", "[.bench]") {
    Figures(10'000).run();
    Figures(1'000'000).run();
}

}  // namespace anabranch::crdt::test
