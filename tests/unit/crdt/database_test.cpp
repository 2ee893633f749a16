// What the state means, one sentence at a time. Replicas are numbers; `run` commits a transaction, `pull`
// delivers deltas.
#include "crdt/database.h"

#include <catch2/catch.hpp>

#include "tests/unit/crdt/acts.h"
#include "tests/unit/crdt/tables.h"
#include "tests/unit/crdt/world.h"

namespace anabranch::crdt::test {
namespace {

using catalog::RowIdentity;

const std::string k = key_of(1);

std::optional<Values> row(World& world, std::size_t replica, std::uint32_t table, std::int64_t id) {
    return Transaction(world.db(replica)).find(table, key_of(id));
}

World item_world(RowIdentity identity, std::size_t replicas = 2) {
    return World(items(identity), replicas, {0, 0, 0});
}

void sync(World& world) {
    for (std::size_t round = 0; round < 2; ++round) {
        for (std::size_t i = 0; i < world.size(); ++i) world.pull(i, (i + 1) % world.size());
    }
    for (std::size_t i = 0; i < world.size(); ++i) {
        REQUIRE(world.agrees(i));
        REQUIRE(state_of(world.db(i)) == state_of(world.db(0)));
        world.db(i).self_check();
    }
}

struct Losses final : Database::OverwriteSink {
    void overwritten(const Overwrite& loss) override { seen.push_back(loss); }
    std::vector<Overwrite> seen;
};

}  // namespace

TEST_CASE("concurrent additions to a counter all count") {
    World world = item_world(RowIdentity::per_insert, 3);
    world.run(0, [](Transaction& t) { t.insert(0, item::row(1, 100)); });
    sync(world);
    for (std::size_t i = 0; i < 3; ++i) {
        world.run(i, [&](Transaction& t) { t.add(0, k, item::n, 10); });
        world.run(i, [&](Transaction& t) { t.add(0, k, item::n, -1); });
    }
    sync(world);
    CHECK((*row(world, 0, 0, 1))[item::n] == number(127));
}

TEST_CASE("an addition that is delivered twice counts once") {
    World world = item_world(RowIdentity::per_insert);
    world.run(0, [](Transaction& t) { t.insert(0, item::row(1, 100)); });
    world.run(0, [](Transaction& t) { t.add(0, k, item::n, 10); });
    world.pull(1, 0);
    for (const auto& [dot, delta] : world.deltas())
        CHECK(world.deliver(1, delta) == Database::Merged::duplicate);
    for (const auto& [dot, delta] : world.deltas()) world.db(1).remerge(delta);
    CHECK((*row(world, 1, 0, 1))[item::n] == number(110));
}

TEST_CASE("a delta waits for what its origin knew") {
    World world = item_world(RowIdentity::per_insert);
    world.run(0, [](Transaction& t) { t.insert(0, item::row(1, 100)); });
    world.run(0, [](Transaction& t) { t.add(0, k, item::n, 10); });
    const Delta& second = world.deltas().rbegin()->second;
    const std::string before = state_of(world.db(1));
    CHECK(world.deliver(1, second) == Database::Merged::premature);
    CHECK(state_of(world.db(1)) == before);
}

TEST_CASE("a concurrent update does not bring a deleted row back, a concurrent ON CONFLICT insert keeps it") {
    for (const bool upsert : {false, true}) {
        World world = item_world(RowIdentity::per_key);
        world.run(0, [](Transaction& t) { t.upsert(0, item::row(1, 100)); });
        sync(world);
        world.run(0, [](Transaction& t) { t.erase(0, k); });
        world.run(1, [&](Transaction& t) {
            if (upsert) {
                t.upsert(0, item::row(1, 5));
            } else {
                t.add(0, k, item::n, 5);
            }
        });
        sync(world);
        CHECK(row(world, 0, 0, 1).has_value() == upsert);
        if (upsert) CHECK((*row(world, 0, 0, 1))[item::n] == number(105));
    }
}

TEST_CASE("a row deleted and made again starts afresh, whatever comes late for the old one") {
    for (const RowIdentity identity : {RowIdentity::per_insert, RowIdentity::per_key}) {
        World world = item_world(identity);
        world.run(0, [](Transaction& t) { t.insert(0, item::row(1, 100)); });
        sync(world);
        world.run(0, [](Transaction& t) { t.erase(0, k); });
        world.run(0, [](Transaction& t) { t.insert(0, item::row(1, 7)); });
        world.run(1, [](Transaction& t) {
            t.add(0, k, item::n, 1000);
            t.set(0, k, item::hi, number(1000));
            t.set(0, k, item::note, text("late"));
        });
        sync(world);
        CHECK(*row(world, 0, 0, 1) == item::row(1, 7));
    }
}

TEST_CASE(
    "two plain inserts of one key contest it; when one is deleted the other's row is left as it was made") {
    World world = item_world(RowIdentity::per_insert);
    world.run(0, [](Transaction& t) { t.insert(0, item::row(1, 100)); });
    world.run(1, [](Transaction& t) { t.insert(0, item::row(1, 200)); });
    world.run(1, [](Transaction& t) { t.add(0, k, item::n, 1); });
    sync(world);
    CHECK(view_of(world.db(0)).contested.size() == 1);
    CHECK((*row(world, 0, 0, 1))[item::n] == number(201));
    World late = item_world(RowIdentity::per_insert, 3);
    late.run(0, [](Transaction& t) { t.insert(0, item::row(1, 100)); });
    late.run(1, [](Transaction& t) { t.insert(0, item::row(1, 200)); });
    late.run(1, [](Transaction& t) { t.erase(0, k); });
    sync(late);
    CHECK(view_of(late.db(2)).contested.empty());
    CHECK(*row(late, 2, 0, 1) == item::row(1, 100));
}

TEST_CASE("ON CONFLICT inserts of one key merge and contest nothing, but beside a plain insert they do") {
    World world = item_world(RowIdentity::per_key, 3);
    world.run(0, [](Transaction& t) { t.upsert(0, item::row(1, 1)); });
    world.run(1, [](Transaction& t) { t.upsert(0, item::row(1, 10)); });
    sync(world);
    CHECK((*row(world, 0, 0, 1))[item::n] == number(11));
    CHECK(view_of(world.db(0)).contested.empty());
    World mixed = item_world(RowIdentity::per_key, 3);
    mixed.run(0, [](Transaction& t) { t.insert(0, item::row(1, 1)); });
    mixed.run(0, [](Transaction& t) { t.upsert(0, item::row(1, 1)); });
    CHECK(view_of(mixed.db(0)).contested.empty());
    mixed.run(1, [](Transaction& t) { t.upsert(0, item::row(1, 10)); });
    sync(mixed);
    CHECK(view_of(mixed.db(2)).contested.size() == 1);
}

TEST_CASE("two replicas that touch a claimed row do not contest it") {
    World world = item_world(RowIdentity::per_key);
    world.run(0, [](Transaction& t) { t.insert(0, item::row(1, 1)); });
    sync(world);
    world.run(0, [](Transaction& t) { t.upsert(0, item::row(1, 2)); });
    world.run(1, [](Transaction& t) { t.upsert(0, item::row(1, 3)); });
    sync(world);
    CHECK(view_of(world.db(0)).contested.empty());
    CHECK((*row(world, 0, 0, 1))[item::n] == number(6));
}

TEST_CASE("of concurrent writes to a register group one wins whole, and the other is reported") {
    World world = item_world(RowIdentity::per_insert);
    world.run(0, [](Transaction& t) { t.insert(0, item::row(1, 1)); });
    sync(world);
    Losses here, there;
    world.db(0).set_overwrite_sink(&here);
    world.db(1).set_overwrite_sink(&there);
    world.run(0, [](Transaction& t) { t.set(0, k, item::b, number(5)); });
    world.run(1, [](Transaction& t) { t.set(0, k, item::c, text("later")); });
    world.run(1, [](Transaction& t) { t.set(0, k, item::note, text("alone")); });
    sync(world);
    const Values merged = *row(world, 0, 0, 1);
    CHECK(merged[item::b] == number(1));
    CHECK(merged[item::c] == text("later"));
    CHECK(merged[item::note] == text("alone"));
    for (const Losses* losses : {&here, &there}) {
        REQUIRE(losses->seen.size() == 1);
        CHECK(losses->seen[0].group == 2);
        CHECK(losses->seen[0].key == k);
        CHECK(losses->seen[0].lost_values == std::vector<CellValue>{number(5), text("c1")});
        CHECK(losses->seen[0].kept_values == std::vector<CellValue>{number(1), text("later")});
    }
    // Writing over what one has seen is no loss.
    world.run(0, [](Transaction& t) { t.set(0, k, item::b, number(6)); });
    sync(world);
    CHECK(here.seen.size() + there.seen.size() == 2);
}

TEST_CASE("a loss is reported by state transfer as by deltas") {
    World world = item_world(RowIdentity::per_insert);
    world.run(0, [](Transaction& t) { t.insert(0, item::row(1, 1)); });
    sync(world);
    world.run(0, [](Transaction& t) { t.set(0, k, item::note, text("lost")); });
    world.run(1, [](Transaction& t) { t.set(0, k, item::note, text("kept")); });
    world.run(1, [](Transaction& t) { t.set(0, k, item::b, number(9)); });
    Losses losses;
    world.db(0).set_overwrite_sink(&losses);
    world.pull_state(0, 1, 1);
    REQUIRE(losses.seen.size() == 1);
    CHECK(losses.seen[0].lost_values == std::vector<CellValue>{text("lost")});
    CHECK(losses.seen[0].kept_values == std::vector<CellValue>{text("kept")});
}

TEST_CASE("a NULL counter stays NULL whatever is added, until it is set") {
    World world = item_world(RowIdentity::per_insert);
    Values values = item::row(1, 1);
    values[item::n] = null();
    world.run(0, [&](Transaction& t) { t.insert(0, values); });
    world.run(0, [](Transaction& t) { t.add(0, k, item::n, 5); });
    sync(world);
    CHECK((*row(world, 1, 0, 1))[item::n] == null());
    // An assignment, which no declared transaction of a counter has, is taken as the difference or sets what
    // was NULL.
    world.db(0);
    const auto assign = [&](CellValue value) {
        Transaction t(world.db(0));
        t.set(0, k, item::n, value);
        const ReplicaId origin = replica_id(0);
        const Dot dot{origin, world.db(0).version().get(origin) + 1};
        const Delta delta = world.db(0).make_delta(t.writes(), dot, {world.at(0).clock.tick({0}), origin});
        REQUIRE(world.db(0).merge(delta) == Database::Merged::applied);
        return (*row(world, 0, 0, 1))[item::n];
    };
    CHECK(assign(number(40)) == number(40));
    CHECK(assign(number(42)) == number(42));
    CHECK(assign(null()) == null());
    CHECK(assign(number(-1)) == number(-1));
}

TEST_CASE(
    "children go with their parent, come back neither with its key nor with its value, and references read "
    "as NULL") {
    for (const RowIdentity identity : {RowIdentity::per_insert, RowIdentity::per_key}) {
        World world(family(identity, RowIdentity::per_insert), 2);
        world.run(0, [](Transaction& t) {
            t.insert(0, {number(1), number(10)});
            t.insert(0, {number(2), number(20)});
        });
        world.run(0, [](Transaction& t) {
            t.insert(1, {number(1), number(1), number(2), number(0)});
            t.insert(2, {number(1), number(1), null()});
            t.insert(2, {number(2), null(), number(20)});
        });
        sync(world);
        world.run(1, [](Transaction& t) { t.erase(0, key_of(2)); });
        world.run(0, [](Transaction& t) { t.insert(1, {number(2), number(2), null(), number(0)}); });
        sync(world);
        CHECK(row(world, 0, 1, 1) == Values{number(1), number(1), null(), number(0)});
        CHECK_FALSE(row(world, 0, 1, 2).has_value());
        CHECK_FALSE(row(world, 0, 2, 2).has_value());
        world.run(0, [](Transaction& t) { t.insert(0, {number(2), number(20)}); });
        sync(world);
        CHECK(row(world, 0, 1, 1) == Values{number(1), number(1), null(), number(0)});
        CHECK_FALSE(row(world, 0, 1, 2).has_value());
        CHECK_FALSE(row(world, 0, 2, 2).has_value());
        world.run(0, [](Transaction& t) { t.erase(0, key_of(1)); });
        sync(world);
        CHECK_FALSE(row(world, 0, 1, 1).has_value());
        CHECK_FALSE(row(world, 0, 2, 1).has_value());
        CHECK(world.db(0).row_count({1}) == 0);
    }
}

TEST_CASE("a key whose hidden row makes way for a new one inherits nothing from it") {
    World world(family(RowIdentity::per_key, RowIdentity::per_key), 2);
    world.run(0, [](Transaction& t) {
        t.upsert(0, {number(1), number(10)});
        t.upsert(1, {number(1), number(1), null(), number(100)});
    });
    world.run(0, [](Transaction& t) { t.erase(0, key_of(1)); });
    CHECK_FALSE(row(world, 0, 1, 1).has_value());
    world.run(0, [](Transaction& t) { t.upsert(1, {number(1), null(), null(), number(7)}); });
    sync(world);
    CHECK(row(world, 1, 1, 1) == Values{number(1), null(), null(), number(7)});
}

TEST_CASE("rows in a circle stand together and fall together") {
    World world(family(RowIdentity::per_key, RowIdentity::per_insert), 2);
    world.run(0, [](Transaction& t) {
        t.insert(3, {number(1), null()});
        t.insert(3, {number(2), number(1)});
        t.insert(3, {number(3), number(2)});
    });
    world.run(0, [](Transaction& t) { t.set(3, key_of(1), 1, number(3)); });
    sync(world);
    CHECK(world.db(1).row_count({3}) == 3);
    world.run(1, [](Transaction& t) { t.erase(3, key_of(2)); });
    sync(world);
    CHECK(world.db(0).row_count({3}) == 0);
}

TEST_CASE("a partial index holds what its owner says, expression keys too") {
    struct Even final : IndexKeys {
        bool key(TableId, exec::IndexId, exec::RowView values, std::string& out) const override {
            const sql::Datum b = values.get(item::b);
            if (b.is_null() || b.as_integer() % 2 != 0) return false;
            sql::encode_key_part(out, type_of(sql::TypeId::int8), sql::Datum::integer(-b.as_integer()));
            return true;
        }
    } even;
    auto schema = std::make_shared<catalog::Schema>(*items(RowIdentity::per_insert));
    schema->tables[0].keys[1].expressions.push_back(nullptr);
    Database db(schema, &even);
    const auto commit = [&](auto&& body) {
        Transaction t(db);
        body(t);
        const std::uint64_t seq = db.version().get({1}) + 1;
        REQUIRE(db.merge(db.make_delta(t.writes(), {{1}, seq}, {seq, {1}})) == Database::Merged::applied);
    };
    const auto listed = [&] {
        std::vector<std::int64_t> out;
        db.scan_index({0}, {1}, {}, {}, false, [&](exec::RowView values) {
            out.push_back(values.get(0).as_integer());
            return true;
        });
        return out;
    };
    for (std::int64_t i = 1; i <= 6; ++i) commit([&](Transaction& t) { t.insert(0, item::row(i, i)); });
    CHECK(listed() == std::vector<std::int64_t>{6, 4, 2});
    commit([](Transaction& t) { t.set(0, key_of(2), item::b, number(7)); });
    commit([](Transaction& t) { t.set(0, key_of(3), item::b, number(10)); });
    commit([](Transaction& t) { t.add(0, key_of(4), item::n, 1); });
    commit([](Transaction& t) { t.erase(0, key_of(6)); });
    CHECK(listed() == std::vector<std::int64_t>{3, 4});
    db.self_check();
}

TEST_CASE("tens of thousands of rows are found, counted and given back") {
    Database db(items(RowIdentity::per_insert));
    const std::size_t empty = db.memory_bytes();
    std::uint64_t seq = 0;
    const auto commit = [&](Transaction& t) {
        ++seq;
        REQUIRE(db.merge(db.make_delta(t.writes(), {{1}, seq}, {seq, {1}})) == Database::Merged::applied);
    };
    constexpr std::int64_t count = 20000;  // past the size at which a table is spread over many hash sets
    for (std::int64_t i = 0; i < count; i += 100) {
        Transaction t(db);
        for (std::int64_t j = i; j < i + 100; ++j) t.insert(0, item::row(j, j));
        commit(t);
    }
    CHECK(db.row_count({0}) == count);
    CHECK(db.memory_bytes() > empty + count * 200);
    for (std::int64_t i = 0; i < count; ++i) REQUIRE(db.find({0}, key_of(i)).get(item::b).as_integer() == i);
    CHECK_FALSE(db.find({0}, key_of(count)));
    CHECK(db.greatest_hlc() == seq);
    db.self_check();
    Transaction t(db);
    for (std::int64_t i = 0; i < count; ++i) t.erase(0, key_of(i));
    commit(t);
    CHECK(db.row_count({0}) == 0);
    CHECK(db.digest({0}) == Database::Digest{});
    db.self_check();
}

}  // namespace anabranch::crdt::test
