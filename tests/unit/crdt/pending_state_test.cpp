// A state that is ahead of a database, against a database that has merged everything.
#include "crdt/pending_state.h"

#include "tests/support/property.h"
#include "tests/unit/crdt/acts.h"
#include "tests/unit/crdt/same.h"
#include "tests/unit/crdt/tables.h"
#include "tests/unit/crdt/world.h"

namespace anabranch::crdt::test {
namespace {

using catalog::RowIdentity;

// The primary's database, what is pending on it, and three that tell what must be seen: one with all that is
// pending, one without, and a replica elsewhere that makes free transactions.
class Primary {
  public:
    Primary(const catalog::SchemaPtr& schema, std::uint64_t seed)
        : schema_(schema),
          random_(seed),
          base_(schema),
          pending_(schema, base_),
          plain_(schema),
          other_(schema) {
        rejoin();
    }

    void step() {
        switch (random_.below(8)) {
            case 0:
            case 1:
                return execute();
            case 2:
                return free_call(base_, replica_id(0));
            case 3:
                return free_call(other_, replica_id(1));
            case 4:
                return deliver();
            case 5:
            case 6:
                return commit();
            default:
                if (random_.chance(0.2)) lose();
        }
    }
    void check() {
        pending_.follow();
        REQUIRE(pending_.version() == ahead_->version());
        check_same(pending_, *ahead_, random_);
        check_same(base_, plain_, random_);
        base_.self_check();
        deepest = std::max(deepest, in_flight_.size());
    }
    std::size_t deepest = 0, committed = 0, lost = 0;

  private:
    void act(Transaction& t) {
        const auto salt = static_cast<std::int64_t>(random_.below(100));
        std::size_t act = random_.below(item_acts);
        if (schema_->tables[0].identity == RowIdentity::per_insert && act == 1) act = 0;
        act_on_item(t, act, static_cast<std::int64_t>(random_.below(10)), salt);
    }
    Stamp stamp(ReplicaId origin) { return {now_ += 1 + random_.below(5), origin}; }

    // An ordered transaction: what it makes is what it would have made on everything merged.
    void execute() {
        if (in_flight_.size() == 5) return;
        pending_.follow();
        Transaction t(pending_, *schema_);
        for (std::uint64_t i = 0; i <= random_.below(3); ++i) act(t);
        const auto& writes = t.writes();
        const Dot dot{ORDER_ORIGIN, ahead_->version().get(ORDER_ORIGIN) + 1};
        const Stamp at = stamp(ORDER_ORIGIN);
        const Delta delta = pending_.make_delta(writes, dot, at);
        REQUIRE(delta == ahead_->make_delta(writes, dot, at));
        REQUIRE(pending_.add(std::make_shared<const Delta>(delta)));
        REQUIRE(ahead_->merge(delta) == Database::Merged::applied);
        in_flight_.push_back(delta);
    }
    void free_call(Database& at, ReplicaId origin) {
        Transaction t(at);
        act(t);
        const auto& writes = t.writes();
        if (writes.empty()) return;
        const Delta delta = at.make_delta(writes, {origin, at.version().get(origin) + 1}, stamp(origin));
        REQUIRE(at.merge(delta) == Database::Merged::applied);
        if (&at == &base_) merge_everywhere(delta);
        to_other_.insert_or_assign(delta.dot, delta);
    }
    void merge_everywhere(const Delta& delta) {
        REQUIRE(plain_.merge(delta) == Database::Merged::applied);
        REQUIRE(ahead_->merge(delta) == Database::Merged::applied);
    }
    // What either side has and the other lacks, as a delta or, now and then, as a state.
    void deliver() {
        if (random_.chance(0.3)) {
            join(base_, other_, random_.between(1, 200));
            join(plain_, other_);
            join(*ahead_, other_);
        }
        for (bool more = true; more;) {
            more = false;
            for (const auto& [dot, delta] : to_other_) {
                more = other_.merge(delta) == Database::Merged::applied || more;
                if (base_.merge(delta) != Database::Merged::applied) continue;
                merge_everywhere(delta);
                more = true;
            }
        }
    }
    void commit() {
        if (in_flight_.empty()) return;
        const Delta delta = in_flight_.front();
        in_flight_.pop_front();
        REQUIRE(base_.merge(delta) == Database::Merged::applied);
        REQUIRE(plain_.merge(delta) == Database::Merged::applied);
        pending_.drop_oldest();
        to_other_.insert_or_assign(delta.dot, delta);
        ++committed;
    }
    void lose() {
        if (in_flight_.empty()) return;
        in_flight_.clear();
        pending_.clear();
        rejoin();
        ++lost;
    }
    void rejoin() {
        ahead_ = std::make_unique<Database>(schema_);
        join(*ahead_, base_);
    }

    catalog::SchemaPtr schema_;
    Random random_;
    Database base_;
    PendingState pending_;
    Database plain_, other_;
    std::unique_ptr<Database> ahead_;
    std::deque<Delta> in_flight_;
    std::map<Dot, Delta> to_other_;
    std::uint64_t now_ = 1000;
};

TEST_CASE(
    "A pending state shows, and makes deltas of, what the database will be; the database stays as it is") {
    std::size_t deepest = 0, committed = 0, lost = 0;
    for (const auto identity : {RowIdentity::per_insert, RowIdentity::per_key})
        for (std::uint64_t seed = 1; seed <= 120; ++seed) {
            Primary primary(items(identity), seed);
            for (int i = 0; i < 80; ++i) {
                INFO("seed " << seed << ", step " << i);
                primary.step();
                // Copies are made when they are looked at: with every other seed that is seldom.
                if (seed % 2 == 0 || i % 7 == 6) primary.check();
            }
            deepest = std::max(deepest, primary.deepest);
            committed += primary.committed;
            lost += primary.lost;
        }
    REQUIRE(deepest == 5);
    REQUIRE(committed > 500);
    REQUIRE(lost > 20);
}

TEST_CASE("What hangs on other rows cannot be pending, and changes nothing") {
    const auto schema = family(RowIdentity::per_key, RowIdentity::per_insert);
    Database base(schema);
    PendingState pending(schema, base);
    Transaction t(pending, *schema);
    act_on_family(t, 0, 0);
    const Delta delta = pending.make_delta(t.writes(), {ORDER_ORIGIN, 1}, {10, ORDER_ORIGIN});
    REQUIRE_FALSE(pending.add(std::make_shared<const Delta>(delta)));
    REQUIRE(pending.empty());
    REQUIRE(pending.version() == base.version());
    REQUIRE(base.merge(delta) == Database::Merged::applied);
    REQUIRE(view_of(base).rows.size() == 1);
}

TEST_CASE("An entry that is there by other ways before it is committed here is not counted twice") {
    const auto schema = items(RowIdentity::per_key);
    Database base(schema);
    PendingState pending(schema, base);
    const auto next = [&](std::uint64_t seq, std::int64_t amount) {
        Transaction t(pending, *schema);
        if (seq == 1) t.insert(0, item::row(1, 0));
        if (seq > 1) t.add(0, key_of(1), item::n, amount);
        return pending.make_delta(t.writes(), {ORDER_ORIGIN, seq}, {10 + seq, ORDER_ORIGIN});
    };
    REQUIRE(base.merge(next(1, 0)) == Database::Merged::applied);
    const Delta second = next(2, 5);
    REQUIRE(pending.add(std::make_shared<const Delta>(second)));
    const Delta third = next(3, 7);
    REQUIRE(base.merge(second) == Database::Merged::applied);  // by gossip
    REQUIRE(base.merge(third) == Database::Merged::applied);
    pending.follow();
    REQUIRE(values_of(schema->tables[0], pending.find({0}, key_of(1)))[item::n].integer == 12);
    const Delta fourth = next(4, 1);
    pending.drop_oldest();
    REQUIRE(pending.empty());
    REQUIRE(base.merge(fourth) == Database::Merged::applied);
    REQUIRE(values_of(schema->tables[0], base.find({0}, key_of(1)))[item::n].integer == 13);
}

TEST_CASE(
    "A row that was made and deleted again in the base, while its entry was pending, does not come back") {
    for (const auto identity : {RowIdentity::per_insert, RowIdentity::per_key}) {
        const auto schema = items(identity);
        Database base(schema);
        PendingState pending(schema, base);
        Transaction make(pending, *schema);
        make.insert(0, item::row(1, 0));
        const Delta made = pending.make_delta(make.writes(), {ORDER_ORIGIN, 1}, {10, ORDER_ORIGIN});
        REQUIRE(pending.add(std::make_shared<const Delta>(made)));
        REQUIRE(base.merge(made) == Database::Merged::applied);  // by gossip
        Transaction remove(base, *schema);
        remove.erase(0, key_of(1));
        const Delta removed = base.make_delta(remove.writes(), {replica_id(0), 1}, {11, replica_id(0)});
        REQUIRE(base.merge(removed) == Database::Merged::applied);
        pending.follow();
        REQUIRE_FALSE(pending.find({0}, key_of(1)));
    }
}

}  // namespace
}  // namespace anabranch::crdt::test
