// The compact state against the naive model, on generated histories; and wrong models, to prove that these
// tests can fail.
#include "tests/unit/crdt/acts.h"
#include "tests/unit/crdt/tables.h"
#include "tests/support/property.h"
#include "tests/unit/crdt/world.h"

namespace anabranch::crdt::test {
namespace {

using catalog::RowIdentity;

enum class Kind { items_per_insert, items_per_key, family_per_insert, family_per_key, family_mixed };
constexpr Kind kinds[] = {Kind::items_per_insert, Kind::items_per_key, Kind::family_per_insert,
                          Kind::family_per_key, Kind::family_mixed};

catalog::SchemaPtr schema_of(Kind kind) {
    switch (kind) {
        case Kind::items_per_insert:
            return items(RowIdentity::per_insert);
        case Kind::items_per_key:
            return items(RowIdentity::per_key);
        case Kind::family_per_insert:
            return family(RowIdentity::per_insert, RowIdentity::per_insert);
        case Kind::family_per_key:
            return family(RowIdentity::per_key, RowIdentity::per_key);
        case Kind::family_mixed:
            return family(RowIdentity::per_key, RowIdentity::per_insert);
    }
    return nullptr;
}

void random_act(Kind kind, Transaction& t, Random& random) {
    const auto salt = static_cast<std::int64_t>(random.below(100));
    if (kind == Kind::items_per_insert || kind == Kind::items_per_key) {
        std::size_t act = random.below(item_acts);
        if (kind == Kind::items_per_insert && act == 1) act = 0;  // such a table has no ON CONFLICT
        act_on_item(t, act, static_cast<std::int64_t>(random.below(3)), salt);
    } else {
        act_on_family(t, random.below(family_acts), salt);
    }
}

void check_indexes(const Database& db) {
    for (const catalog::Table& table : db.schema().tables) {
        std::vector<std::vector<ColumnId>> indexes;
        for (const auto& key : table.keys) indexes.push_back(key.columns);
        for (const auto& key : table.foreign_keys) indexes.push_back(key.columns);
        for (const auto& index : table.indexes) indexes.push_back(index.columns);
        for (std::uint32_t i = 0; i < indexes.size(); ++i) {
            using Entries = std::set<std::pair<std::string, std::string>>;  // index key, primary key
            Entries wanted, found;
            const auto add = [&](Entries& to, exec::RowView row) {
                std::string key;
                for (const ColumnId c : indexes[i])
                    sql::encode_key_part(key, table.columns[c.value].type, row.get(c.value));
                to.emplace(key, key_of(table, values_of(table, row)));
                return key;
            };
            db.scan(table.id, [&](exec::RowView row) {
                add(wanted, row);
                return true;
            });
            std::string last;
            db.scan_index(table.id, {i}, {}, {}, false, [&](exec::RowView row) {
                const std::string key = add(found, row);
                CHECK_NOTE(last <= key, "an index was visited out of order");
                last = key;
                return true;
            });
            REQUIRE(wanted == found);
            for (const auto& [low, ignored] : wanted) {
                for (const auto& [high, also_ignored] : wanted) {
                    std::size_t forward = 0, backward = 0, expected = 0;
                    for (const auto& [key, row] : wanted) expected += key >= low && key < high;
                    const auto count = [](std::size_t& counter) {
                        return [&counter](exec::RowView) { return ++counter > 0; };
                    };
                    db.scan_index(table.id, {i}, low, high, false, count(forward));
                    db.scan_index(table.id, {i}, low, high, true, count(backward));
                    REQUIRE(forward == expected);
                    REQUIRE(backward == expected);
                }
            }
        }
    }
}

// One generated history. Returns whether product and model agreed at every step.
bool history(Kind kind, Random& random, Mutant mutant, std::size_t steps,
             const std::function<void(Delta&)>& mutate = {}) {
    const std::size_t replicas = 2 + random.below(2);
    const std::int64_t skew = static_cast<std::int64_t>(random.below(20));
    World world(schema_of(kind), replicas, {0, skew, 2 * skew}, mutant);
    world.mutate = mutate;
    for (std::size_t step = 0; step < steps; ++step) {
        const std::size_t replica = random.below(replicas);
        const std::size_t what = random.below(10);
        if (what < 6) {
            world.run(replica, [&](Transaction& t) {
                for (std::size_t acts = 1 + random.below(2); acts > 0; --acts) random_act(kind, t, random);
            });
        } else {
            const std::size_t from = (replica + 1 + random.below(replicas - 1)) % replicas;
            if (what == 9) {
                world.pull_state(replica, from, random.below(3) == 0 ? 1 : 500);
            } else {
                world.pull(replica, from);
            }
        }
        if (!world.agrees(replica)) {
            if (mutant == Mutant::none && !mutate)
                UNSCOPED_INFO("step " << step << ", act " << what << "\n" << world.difference);
            return false;
        }
        if (mutant == Mutant::none && !mutate) world.db(replica).self_check();
    }
    if (mutant != Mutant::none || mutate) return true;
    check_indexes(world.db(0));
    for (std::size_t round = 0; round < 2; ++round) {
        for (std::size_t i = 0; i < replicas; ++i) world.pull(i, (i + 1) % replicas);
        for (std::size_t i = replicas; i-- > 0;) world.pull(i, (i + replicas - 1) % replicas);
    }
    for (std::size_t i = 0; i < replicas; ++i) {
        REQUIRE(world.db(i).version() == world.db(0).version());
        REQUIRE(state_of(world.db(i)) == state_of(world.db(0)));
        REQUIRE(digests_of(world.db(i)) == digests_of(world.db(0)));
        REQUIRE(world.agrees(i));
        check_indexes(world.db(i));
        world.db(i).self_check();
    }
    return true;
}

}  // namespace

TEST_CASE("a replica shows what the set of commits it holds says, in every generated history") {
    anabranch::test::for_seeds(150, [](Random& random) {
        for (const Kind kind : kinds) {
            CAPTURE(static_cast<int>(kind));
            REQUIRE(history(kind, random, Mutant::none, 40));
        }
    });
}

TEST_CASE("every wrong model is found out") {
    for (int m = 1; m < mutant_count; ++m) {
        CAPTURE(m);
        bool caught = false;
        for (std::uint64_t seed = 1; seed <= 400 && !caught; ++seed) {
            Random random(seed);
            for (const Kind kind : kinds)
                caught = caught || !history(kind, random, static_cast<Mutant>(m), 40);
        }
        CHECK(caught);
    }
}

TEST_CASE("every wrong delta is found out") {
    const std::vector<std::pair<std::string, std::function<void(Delta&)>>> mutations = {
        {"a delete that forgets what it saw",
         [](Delta& d) {
             for (RowDelta& row : d.rows) row.remove = false;
         }},
        {"totals that are not absolute",
         [](Delta& d) {
             for (RowDelta& row : d.rows) {
                 for (auto& counter : row.counters) counter.total %= 50;
             }
         }},
        {"a reference to the parent's first incarnation",
         [](Delta& d) {
             for (RowDelta& row : d.rows) {
                 for (auto& reference : row.references) reference.parent = {};
             }
         }},
        {"a delete without its time",
         [](Delta& d) {
             for (RowDelta& row : d.rows) row.deleted_at = {};
         }},
        {"an update that loses a group",
         [](Delta& d) {
             for (RowDelta& row : d.rows) {
                 if (!row.add && row.groups.size() > 1) row.groups.pop_back();
             }
         }},
    };
    for (const auto& [name, mutate] : mutations) {
        CAPTURE(name);
        bool caught = false;
        for (std::uint64_t seed = 1; seed <= 400 && !caught; ++seed) {
            Random random(seed);
            for (const Kind kind : kinds) caught = caught || !history(kind, random, Mutant::none, 40, mutate);
        }
        CHECK(caught);
    }
}

}  // namespace anabranch::crdt::test
