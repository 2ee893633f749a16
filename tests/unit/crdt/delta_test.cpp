#include "crdt/delta.h"

#include <catch2/catch.hpp>

#include "tests/unit/crdt/acts.h"
#include "crdt/database.h"
#include "tests/unit/crdt/tables.h"
#include "tests/support/property.h"
#include "tests/unit/crdt/world.h"

namespace anabranch::crdt::test {
namespace {

Stamp random_stamp(Random& random, const Delta& delta) {
    switch (random.below(4)) {
        case 0:
            return {};
        case 1:
            return delta.stamp;
        case 2:
            return {random.next() >> random.below(64), {random.below(6)}};
        default:
            return {delta.stamp.hlc - random.below(1 << 20), {random.next()}};
    }
}

CellValue random_cell(Random& random) {
    CellValue out;
    out.kind = static_cast<CellValue::Kind>(random.below(4));
    switch (out.kind) {
        case CellValue::Kind::null:
            break;
        case CellValue::Kind::integer:
            out.integer = static_cast<std::int64_t>(random.next() >> random.below(64));
            break;
        case CellValue::Kind::floating:
            out.floating = static_cast<double>(random.next()) / 3;
            break;
        case CellValue::Kind::bytes:
            out.bytes = std::string(random.below(50), static_cast<char>(random.below(256)));
            break;
    }
    return out;
}

RowDelta random_row(Random& random, const Delta& delta) {
    RowDelta row;
    row.table = {static_cast<std::uint32_t>(random.below(5))};
    row.key = std::string(random.below(40), 'k');
    row.incarnation = random_stamp(random, delta);
    row.deleted_at = random_stamp(random, delta);
    row.add = random.chance(0.5);
    row.remove = random.chance(0.5);
    if (random.chance(0.3)) row.claim = delta.dot;
    if (random.chance(0.3)) row.claim = {{random.below(6)}, random.below(100)};
    for (std::uint64_t i = random.below(3); i > 0; --i) {
        auto& group = row.groups.emplace_back();
        group.group = static_cast<std::uint32_t>(random.below(300));
        for (std::uint64_t v = random.below(4); v > 0; --v) group.values.push_back(random_cell(random));
    }
    for (std::uint64_t i = random.below(3); i > 0; --i) {
        RowDelta::Counter counter;
        counter.column = static_cast<std::uint32_t>(random.below(300));
        counter.has_initial = random.chance(0.5);
        counter.initial_null = random.chance(0.5);
        counter.has_total = random.chance(0.5);
        if (counter.has_initial) counter.initial = static_cast<std::int64_t>(random.next());
        if (counter.has_total) counter.total = static_cast<std::int64_t>(random.next());
        row.counters.push_back(counter);
    }
    for (std::uint64_t i = random.below(3); i > 0; --i)
        row.extremes.push_back({static_cast<std::uint32_t>(random.below(300)), random_cell(random)});
    for (std::uint64_t i = random.below(3); i > 0; --i) {
        row.references.push_back({static_cast<std::uint32_t>(random.below(300)), random_stamp(random, delta),
                                  std::string(random.below(20), 'p')});
    }
    return row;
}

Delta random_delta(Random& random) {
    Delta delta;
    delta.dot = {{1 + random.below(5)}, 1 + (random.next() >> (8 + random.below(56)))};
    delta.stamp = {random.next(), delta.dot.origin};
    delta.schema_hash = random.next();
    for (std::uint64_t o = 1; o < 7; ++o) {
        if (random.chance(0.5)) delta.dependencies.set({o}, 1 + (random.next() >> (8 + random.below(56))));
    }
    delta.dependencies.set(delta.dot.origin, delta.dot.seq - 1);
    for (std::uint64_t i = random.below(5); i > 0; --i) delta.rows.push_back(random_row(random, delta));
    return delta;
}

// Bytes with a checksum that fits them again, so that a decoder has to look at what is inside.
Bytes sealed(Bytes body) {
    ByteWriter(body).u64(hash64(body));
    return body;
}

}  // namespace

TEST_CASE("a delta comes back from its encoding as it was") {
    anabranch::test::for_seeds(2000, [](Random& random) {
        const Delta delta = random_delta(random);
        const Result<Delta> back = Delta::decode(delta.encode());
        REQUIRE(back.has_value());
        REQUIRE(*back == delta);
    });
}

TEST_CASE("any flipped bit and any cut of a delta is noticed") {
    Random random(7);
    const Bytes bytes = random_delta(random).encode();
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        for (int bit = 0; bit < 8; ++bit) {
            Bytes wrong = bytes;
            wrong[i] = static_cast<char>(wrong[i] ^ 1 << bit);
            REQUIRE_FALSE(Delta::decode(wrong).has_value());
        }
        REQUIRE_FALSE(Delta::decode(BytesView(bytes).substr(0, i)).has_value());
    }
    CHECK(Delta::decode(bytes.substr(0, 3)).error().sqlstate == "08P01");
    CHECK(Delta::decode(bytes.substr(0, 3)).error().detail == "it has 3 bytes, fewer than a checksum");
    CHECK_FALSE(Delta::decode(sealed(bytes.substr(0, bytes.size() - 8) + "more")).has_value());
}

TEST_CASE(
    "a hostile delta with a right checksum is decoded within its bytes or refused, and merged or refused") {
    std::size_t decoded = 0, merged = 0;
    anabranch::test::for_seeds(300, [&](Random& random) {
        World world(random.chance(0.5)
                        ? items(catalog::RowIdentity::per_key)
                        : family(catalog::RowIdentity::per_key, catalog::RowIdentity::per_insert),
                    2);
        for (int i = 0; i < 6; ++i) {
            world.run(0, [&](Transaction& t) {
                if (world.schema()->tables.size() == 1) {
                    act_on_item(t, random.below(item_acts), 1, 5);
                } else {
                    act_on_family(t, random.below(family_acts), 5);
                }
            });
        }
        for (const auto& [dot, delta] : world.deltas()) {
            const Bytes bytes = delta.encode();
            for (int attempt = 0; attempt < 100; ++attempt) {
                Bytes body = bytes.substr(0, bytes.size() - 8);
                for (std::uint64_t flips = 1 + random.below(3); flips > 0; --flips)
                    body[random.below(body.size())] = static_cast<char>(random.next());
                if (random.chance(0.1)) body.resize(random.below(body.size()));
                const Result<Delta> hostile = Delta::decode(sealed(body));
                if (!hostile) continue;
                ++decoded;
                Database db(world.schema());
                for (const auto& [earlier, d] : world.deltas()) {
                    if (earlier < dot) REQUIRE(db.merge(d) == Database::Merged::applied);
                }
                const bool fits = db.check(*hostile).has_value();
                const Database::Merged answer = db.merge(*hostile);
                REQUIRE(fits == (answer != Database::Merged::refused));
                merged += answer == Database::Merged::applied;
                db.self_check();
                for (const catalog::Table& table : db.schema().tables) {
                    db.scan(table.id, [&](exec::RowView row) {
                        return values_of(table, row).size() == table.columns.size();
                    });
                }
            }
        }
    });
    CHECK(decoded > 1000);
    CHECK(merged > 100);
}

TEST_CASE("a delta of another schema, or one that its origin cannot have made, is refused with the reason") {
    World world(items(catalog::RowIdentity::per_insert), 1);
    world.run(0, [](Transaction& t) { t.insert(0, item::row(1, 1)); });
    const Delta good = world.deltas().begin()->second;
    Database db(world.schema());
    const auto reason = [&](auto&& spoil) {
        Delta delta = good;
        spoil(delta);
        const auto result = db.check(delta);
        CHECK(db.merge(delta) == Database::Merged::refused);
        return result ? std::string() : result.error().detail;
    };
    CHECK(reason([](Delta& d) { ++d.schema_hash; }) == "Delta 1: it belongs to another schema.");
    CHECK(reason([](Delta& d) { d.rows[0].table = {1}; }) == "Delta 1: no such table.");
    CHECK(reason([](Delta& d) { d.rows[0].key.clear(); }) == "Delta 1: a key that is empty or too long.");
    CHECK(reason([](Delta& d) { d.rows[0].key = key_of(2); }) ==
          "Delta 1: a key that its columns do not spell.");
    CHECK(reason([](Delta& d) { d.rows[0].groups.erase(d.rows[0].groups.begin()); }) ==
          "Delta 1: a new row without its key.");
    CHECK(reason([](Delta& d) { d.rows[0].groups[0].values.clear(); }) ==
          "Delta 1: a register group has another number of columns.");
    CHECK(reason([](Delta& d) { d.rows[0].groups[0].values[0] = text("x"); }) ==
          "Delta 1: a register's value is of another kind.");
    CHECK(reason([](Delta& d) { std::swap(d.rows[0].groups[0], d.rows[0].groups[1]); }) ==
          "Delta 1: register groups out of order.");
    CHECK(reason([](Delta& d) { d.rows[0].counters[0].column = 1; }) == "Delta 1: no such counter.");
    CHECK(reason([](Delta& d) { d.rows[0].extremes[0].column = 4; }) == "Delta 1: not a max or min column.");
    CHECK(reason([](Delta& d) { d.rows[0].incarnation.hlc += 1; }) ==
          "Delta 1: a row stamped later than its commit.");
    CHECK(reason([](Delta& d) { d.rows[0].incarnation.hlc -= 1; }) ==
          "Delta 1: a new row that is not its commit's.");
    CHECK(reason([](Delta& d) {
              d.rows[0].claim = {{9}, 1};
          }) == "Delta 1: a claim that the insert cannot have seen.");
    CHECK(reason([](Delta& d) { d.stamp.origin = {9}; }) == "Delta 1: its stamp is not its origin's.");
    CHECK(db.version().empty());
    CHECK(db.row_count({0}) == 0);
    CHECK(db.merge(good) == Database::Merged::applied);
}

}  // namespace anabranch::crdt::test
