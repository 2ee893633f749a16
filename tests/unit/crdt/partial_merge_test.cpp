// A delta that is merged in slices, against a database that has it not yet, and then has it.
#include <deque>
#include <map>

#include "tests/support/property.h"
#include "tests/unit/crdt/acts.h"
#include "tests/unit/crdt/same.h"
#include "tests/unit/crdt/tables.h"
#include "tests/unit/crdt/world.h"

namespace anabranch::crdt::test {
namespace {

using catalog::RowIdentity;
using Act = void (*)(Transaction&, Random&);

void some_item(Transaction& t, Random& random) {
    std::size_t act = random.below(item_acts);
    if (t.db_identity(0) == RowIdentity::per_insert && act == 1) act = 0;
    act_on_item(t, act, static_cast<std::int64_t>(random.below(10)),
                static_cast<std::int64_t>(random.below(100)));
}
void some_family(Transaction& t, Random& random) {
    act_on_family(t, random.below(family_acts), static_cast<std::int64_t>(random.below(100)));
}

// A database that takes the large deltas of others in slices, its twin that takes them at once when the last
// slice is in, and two replicas elsewhere.
class Sliced {
  public:
    Sliced(const catalog::SchemaPtr& schema, Act act, std::uint64_t seed)
        : schema_(schema), act_(act), random_(seed), database_(schema), twin_(schema) {
        for (auto& other : others_) other = std::make_unique<Database>(schema);
    }
    void step() {
        switch (random_.below(8)) {
            case 0:
                return call(random_.below(2) == 0 ? 3 : 1);
            case 1:
                return call_elsewhere(random_.below(2), 1 + random_.below(8));
            case 2:
                return gossip_elsewhere();
            case 3:
                return take_one();
            case 4:
                return begin();
            default:
                if (database_.merging()) return slice();
                database_.clear_slice(1 + random_.below(3));
        }
    }
    void check() {
        check_same(database_, twin_, random_);
        database_.self_check();
        REQUIRE(database_.version() == twin_.version());
        for (const auto& table : schema_->tables) {
            REQUIRE(database_.digest(table.id) == twin_.digest(table.id));
            REQUIRE(database_.range(table.id, {}, {}) == twin_.range(table.id, {}, {}));
            const auto at = key_of(static_cast<std::int64_t>(random_.below(10)));
            REQUIRE(database_.split(table.id, at, {}, 3) == twin_.split(table.id, at, {}, 3));
            const std::size_t bytes = random_.between(1, 300);
            const auto chunk = database_.export_chunk(table.id, at, bytes);
            REQUIRE(chunk.bytes == twin_.export_chunk(table.id, at, bytes).bytes);
        }
    }
    struct Seen {
        std::size_t whole = 0;    // large deltas that have been merged
        std::size_t between = 0;  // of others, while one was merged
        std::size_t in_way = 0;   // of others that were not apart
    } seen;

  private:
    Stamp stamp(ReplicaId origin) { return {now_ += 1 + random_.below(5), origin}; }
    std::optional<Delta> made_at(const Database& at, ReplicaId origin, std::size_t acts) {
        Transaction t(at);
        for (std::size_t i = 0; i < acts; ++i) act_(t, random_);
        const auto& writes = t.writes();
        if (writes.empty()) return {};
        const Dot dot{origin, at.version().get(origin) + 1};
        const Stamp when = stamp(origin);
        const Delta delta = at.make_delta(writes, dot, when);
        if (&at == &database_) REQUIRE(delta == twin_.make_delta(writes, dot, when));
        return delta;
    }
    void call(std::size_t acts) {
        const auto delta = made_at(database_, replica_id(0), acts);
        if (!delta) return;
        take(*delta);
        for (auto& other : others_) pending_.emplace(std::pair(other.get(), delta->dot), *delta);
    }
    void call_elsewhere(std::size_t which, std::size_t acts) {
        Database& at = *others_[which];
        const auto delta = made_at(at, replica_id(1 + which), acts);
        if (!delta) return;
        REQUIRE(at.merge(*delta) == Database::Merged::applied);
        pending_.emplace(std::pair(others_[1 - which].get(), delta->dot), *delta);
        here_.push_back(*delta);
    }
    void gossip_elsewhere() {
        for (const auto& [to, delta] : pending_) to.first->merge(delta);
        std::erase_if(pending_, [](const auto& item) {
            return item.first.first->version().contains(item.first.second);
        });
    }
    // Another delta: at once, or after what is in its way.
    void take(const Delta& delta) {
        if (!database_.apart(delta)) {
            REQUIRE(database_.merge(delta) == Database::Merged::premature);
            ++seen.in_way;
            while (database_.merging()) slice();
        }
        if (database_.merging()) ++seen.between;
        REQUIRE(database_.merge(delta) == Database::Merged::applied);
        REQUIRE(twin_.merge(delta) == Database::Merged::applied);
    }
    std::deque<Delta>::iterator ready() {
        return std::find_if(here_.begin(), here_.end(),
                            [&](const Delta& delta) { return database_.follows(delta); });
    }
    void take_one() {
        const auto next = ready();
        if (next == here_.end() || (database_.merging() && next->dot == large_.dot)) return;
        const Delta delta = *next;
        here_.erase(next);
        take(delta);
    }
    void begin() {
        const auto next = ready();
        if (database_.merging() || next == here_.end()) return;
        large_ = *next;
        here_.erase(next);
        for (const RowDelta& row : large_.rows) REQUIRE(database_.check(large_, row));
        bytes_ = large_.encode();
        Delta head;
        const auto rows = DeltaRows::open(bytes_, head);
        database_.begin_merge(head, *rows);
    }
    void slice() {
        REQUIRE(database_.merge(large_) == Database::Merged::premature);
        if (!database_.merge_slice(random_.between(1, 3))) return;
        REQUIRE(twin_.merge(large_) == Database::Merged::applied);
        ++seen.whole;
    }

    catalog::SchemaPtr schema_;
    Act act_;
    Random random_;
    Database database_, twin_;
    std::unique_ptr<Database> others_[2];
    Delta large_;
    Bytes bytes_;                                         // of it
    std::deque<Delta> here_;                              // on their way to the database
    std::map<std::pair<Database*, Dot>, Delta> pending_;  // to others
    std::uint64_t now_ = 1000;
};

const std::uint64_t seeds = anabranch::test::seeds_to_run(60);

Sliced::Seen run(const catalog::SchemaPtr& schema, Act act) {
    Sliced::Seen all;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        Sliced sliced(schema, act, seed);
        for (int i = 0; i < 120; ++i) {
            INFO("seed " << seed << ", step " << i);
            sliced.step();
            sliced.check();
        }
        all.whole += sliced.seen.whole;
        all.between += sliced.seen.between;
        all.in_way += sliced.seen.in_way;
    }
    return all;
}

TEST_CASE("A delta that is merged in slices shows only when all of it is in, whatever comes in between") {
    for (const auto identity : {RowIdentity::per_insert, RowIdentity::per_key}) {
        const auto seen = run(items(identity), some_item);
        REQUIRE(seen.whole > 2 * seeds);
        REQUIRE(seen.between > 2 * seeds);
        REQUIRE(seen.in_way == 0);
    }
}

TEST_CASE("A row that the part which is in has made is made anew by who does not see it yet") {
    const auto schema = items(RowIdentity::per_key);
    Database database(schema), other(schema), twin(schema);
    const auto made_at = [&](const Database& at, std::uint32_t who, std::int64_t last) {
        Transaction t(at);
        for (std::int64_t id = 1; id <= last; ++id) t.upsert(0, item::row(id, 5));
        return at.make_delta(t.writes(), {replica_id(who), 1}, {10 + who, replica_id(who)});
    };
    const Delta large = made_at(other, 1, 2);
    const Bytes bytes = large.encode();
    Delta head;
    const auto rows = DeltaRows::open(bytes, head);
    database.begin_merge(head, *rows);
    REQUIRE_FALSE(database.merge_slice(1));
    const Delta own = made_at(database, 0, 1);
    REQUIRE(own == made_at(twin, 0, 1));
    for (Database* at : {&database, &twin}) REQUIRE(at->merge(own) == Database::Merged::applied);
    REQUIRE(database.merge_slice(1));
    REQUIRE(twin.merge(large) == Database::Merged::applied);
    REQUIRE(database.digest({0}) == twin.digest({0}));
    REQUIRE(values_of(schema->tables[0], database.find({0}, key_of(1)))[item::n].integer == 10);
}

TEST_CASE("So does one whose rows hide others, or let them be seen, or are hidden by what comes in between") {
    for (const auto parents : {RowIdentity::per_insert, RowIdentity::per_key})
        for (const auto children : {RowIdentity::per_insert, RowIdentity::per_key}) {
            const auto seen = run(family(parents, children), some_family);
            REQUIRE(seen.whole > 2 * seeds);
            REQUIRE(seen.between > seeds / 3);
            REQUIRE(seen.in_way > seeds / 3);
        }
}

}  // namespace
}  // namespace anabranch::crdt::test
