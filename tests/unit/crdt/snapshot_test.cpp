// State transfer while the source goes on, checkpoints with the log behind them, and chunks that are not what
// they should be.
#include <catch2/catch.hpp>

#include "crdt/database.h"
#include "tests/support/property.h"
#include "tests/unit/crdt/acts.h"
#include "tests/unit/crdt/tables.h"
#include "tests/unit/crdt/world.h"

namespace anabranch::crdt::test {
namespace {

using catalog::RowIdentity;

void some_act(World& world, std::size_t replica, Random& random) {
    world.run(replica, [&](Transaction& t) {
        const auto salt = static_cast<std::int64_t>(random.below(100));
        if (world.schema()->tables.size() == 1) {
            act_on_item(t, random.below(item_acts), static_cast<std::int64_t>(random.below(12)), salt);
        } else {
            act_on_family(t, random.below(family_acts), salt);
        }
    });
}

World world_of(Random& random) {
    switch (random.below(4)) {
        case 0:
            return World(items(RowIdentity::per_key), 3);
        case 1:
            return World(family(RowIdentity::per_insert, RowIdentity::per_insert), 3);
        case 2:
            return World(family(RowIdentity::per_key, RowIdentity::per_key), 3);
        default:
            return World(family(RowIdentity::per_key, RowIdentity::per_insert), 3);
    }
}

}  // namespace

TEST_CASE(
    "a snapshot taken while the source commits, in chunks of any size, twice and out of order, ends in the "
    "source's state") {
    anabranch::test::for_seeds(200, [](Random& random) {
        World world = world_of(random);
        for (int i = 0; i < 15; ++i) some_act(world, random.below(2), random);
        world.pull(0, 1);
        world.pull(2, 0);
        for (int i = 0; i < 10; ++i) some_act(world, random.below(3), random);
        const VersionVector version = world.db(0).version();
        std::vector<Bytes> chunks;
        for (const catalog::Table& table : world.schema()->tables) {
            std::string from;
            for (bool last = false; !last;) {
                const Database::Chunk chunk = world.db(0).export_chunk(table.id, from, random.below(600));
                chunks.push_back(chunk.bytes);
                from = chunk.next_key;
                last = chunk.last;
                some_act(world, 0, random);
                if (random.chance(0.2)) world.pull(0, 1);
            }
        }
        for (std::size_t i = chunks.size(); i > 0; --i) {
            chunks.push_back(chunks[random.below(i)]);
            std::swap(chunks[i - 1], chunks[random.below(i)]);
        }
        for (const Bytes& chunk : chunks) REQUIRE(world.db(2).import_chunk(chunk, version).has_value());
        world.db(2).self_check();
        world.db(2).set_version(version);
        for (const auto& entry : version.entries()) {
            for (std::uint64_t seq = 1; seq <= entry.seq; ++seq) world.at(2).held.insert({entry.origin, seq});
        }
        world.pull(2, 0);
        world.pull(0, 2);
        REQUIRE(world.db(2).version() == world.db(0).version());
        REQUIRE(state_of(world.db(2)) == state_of(world.db(0)));
        REQUIRE(digests_of(world.db(2)) == digests_of(world.db(0)));
        REQUIRE(world.agrees(2));
        world.db(2).self_check();
    });
}

TEST_CASE("chunks that are imported anew leave nothing of what others have shown") {
    anabranch::test::for_seeds(200, [](Random& random) {
        World world = world_of(random);
        for (int i = 0; i < 15; ++i) some_act(world, random.below(2), random);
        if (random.chance(0.5)) world.pull(0, 1);
        world.pull(2, 0);
        for (int i = 0; i < 10; ++i) some_act(world, random.below(2), random);
        // Some rows of another replica, of deltas that never come.
        for (const auto& table : world.schema()->tables) {
            const auto chunk = world.db(1).export_chunk(table.id, {}, random.below(300));
            REQUIRE(world.db(2).import_chunk(chunk.bytes, world.db(1).version()).has_value());
        }
        const auto version = world.db(0).version();
        for (const auto& table : world.schema()->tables) {
            std::string from;
            for (bool last = false; !last;) {
                const auto chunk = world.db(0).export_chunk(table.id, from, random.below(300));
                REQUIRE(world.db(2).reimport_chunk(chunk.bytes, version).has_value());
                from = chunk.next_key;
                last = chunk.last;
            }
        }
        world.db(2).set_version(version);
        REQUIRE(state_of(world.db(2)) == state_of(world.db(0)));
        REQUIRE(digests_of(world.db(2)) == digests_of(world.db(0)));
        world.db(2).self_check();
    });
}

TEST_CASE("while a snapshot comes in, deltas that it stands for have to wait and others need not") {
    World world(items(RowIdentity::per_insert), 3);
    world.run(0, [](Transaction& t) { t.insert(0, item::row(1, 1)); });
    world.run(0, [](Transaction& t) { t.erase(0, key_of(1)); });
    world.run(1, [](Transaction& t) { t.insert(0, item::row(2, 2)); });
    const Database::Chunk chunk = world.db(0).export_chunk({0}, {}, SIZE_MAX);
    REQUIRE(world.db(2).import_chunk(chunk.bytes, world.db(0).version()).has_value());
    const Delta& insert = world.deltas().at({replica_id(0), 1});
    CHECK(world.db(2).merge(insert) == Database::Merged::premature);
    CHECK(world.db(2).merge(world.deltas().at({replica_id(1), 1})) == Database::Merged::applied);
    world.db(2).set_version(world.db(0).version());
    CHECK(world.db(2).merge(insert) == Database::Merged::duplicate);
    CHECK_FALSE(world.db(2).find({0}, key_of(1)));
    CHECK(world.db(2).find({0}, key_of(2)));
    // Giving an import up leaves everything to the deltas.
    Database other(world.schema());
    REQUIRE(other.import_chunk(chunk.bytes, world.db(0).version()).has_value());
    other.set_version({});
    CHECK(other.merge(insert) == Database::Merged::applied);
}

TEST_CASE(
    "a fuzzy checkpoint and the log since it began restore the state, whichever version it is stamped with") {
    anabranch::test::for_seeds(200, [](Random& random) {
        World world = world_of(random);
        std::vector<const Delta*> log;
        const auto note = [&] {
            for (const auto& [dot, delta] : world.deltas()) {
                if (world.at(0).held.contains(dot) && std::find(log.begin(), log.end(), &delta) == log.end())
                    log.push_back(&delta);
            }
        };
        const auto step = [&] {
            some_act(world, random.below(2), random);
            if (random.chance(0.3)) world.pull(1, 0);
            note();
            if (random.chance(0.3)) {
                for (bool more = true; more;) {
                    more = false;
                    for (const auto& [dot, delta] : world.deltas()) {
                        if (world.at(0).held.contains(dot) ||
                            world.deliver(0, delta) != Database::Merged::applied)
                            continue;
                        log.push_back(&delta);
                        more = true;
                    }
                }
            }
        };
        for (int i = 0; i < 15; ++i) step();
        const std::size_t begin = log.size();
        const VersionVector version_at_begin = world.db(0).version();
        std::vector<Bytes> chunks;
        for (const catalog::Table& table : world.schema()->tables) {
            std::string from;
            for (bool last = false; !last;) {
                const Database::Chunk chunk = world.db(0).export_chunk(table.id, from, random.below(400));
                chunks.push_back(chunk.bytes);
                from = chunk.next_key;
                last = chunk.last;
                step();
            }
        }
        const VersionVector version_at_end = world.db(0).version();
        for (int i = 0; i < 5; ++i) step();
        for (const bool at_end : {false, true}) {
            Database restored(world.schema());
            const VersionVector& version = at_end ? version_at_end : version_at_begin;
            for (const Bytes& chunk : chunks) REQUIRE(restored.import_chunk(chunk, version).has_value());
            restored.set_version(version);
            for (std::size_t i = begin; i < log.size(); ++i) {
                if (restored.version().contains(log[i]->dot)) {
                    restored.remerge(*log[i]);
                } else {
                    REQUIRE(restored.merge(*log[i]) == Database::Merged::applied);
                }
            }
            REQUIRE(restored.version() == world.db(0).version());
            REQUIRE(state_of(restored) == state_of(world.db(0)));
            REQUIRE(digests_of(restored) == digests_of(world.db(0)));
            REQUIRE(restored.greatest_hlc() == world.db(0).greatest_hlc());
            restored.self_check();
        }
    });
}

TEST_CASE("a hostile chunk with a right checksum is joined or refused, never read beyond its end") {
    std::size_t joined = 0, refused = 0;
    anabranch::test::for_seeds(60, [&](Random& random) {
        World world = world_of(random);
        for (int i = 0; i < 12; ++i) some_act(world, 0, random);
        for (const catalog::Table& table : world.schema()->tables) {
            const Bytes bytes = world.db(0).export_chunk(table.id, {}, SIZE_MAX).bytes;
            for (int attempt = 0; attempt < 200; ++attempt) {
                Bytes body = bytes.substr(0, bytes.size() - 8);
                for (std::uint64_t flips = 1 + random.below(2); flips > 0; --flips) {
                    body[10 + random.below(body.size() - 10)] =
                        static_cast<char>(random.chance(0.5) ? random.next() : random.below(3));
                }
                if (random.chance(0.1)) body.resize(random.below(body.size()));
                const std::uint64_t checksum = hash64(body);
                ByteWriter(body).u64(checksum);
                Database db(world.schema());
                const bool taken = db.import_chunk(body, world.db(0).version()).has_value();
                ++(taken ? joined : refused);
                db.self_check();
                db.scan(table.id, [&](exec::RowView row) {
                    return values_of(table, row).size() == table.columns.size();
                });
                if (taken) REQUIRE(db.import_chunk(bytes, world.db(0).version()).has_value());
            }
        }
    });
    CHECK(joined > 1000);
    CHECK(refused > 1000);
}

TEST_CASE("a chunk of another schema or table, or with a wrong checksum, is refused with the reason") {
    World world(items(RowIdentity::per_insert), 1);
    world.run(0, [](Transaction& t) { t.insert(0, item::row(1, 1)); });
    const Bytes bytes = world.db(0).export_chunk({0}, {}, SIZE_MAX).bytes;
    Database db(family(RowIdentity::per_key, RowIdentity::per_key));
    CHECK(db.import_chunk(bytes, {}).error().detail == "it belongs to another schema");
    CHECK(world.db(0).import_chunk(bytes.substr(1), {}).error().detail == "its checksum is wrong");
    CHECK(world.db(0).import_chunk("short", {}).error().sqlstate == "08P01");
}

}  // namespace anabranch::crdt::test
