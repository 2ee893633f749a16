// Merging is a join: proven on every small world. A world is a sequence of steps, each a transaction of one
// replica or a pull from another; of the deltas that it leaves, every order, repetition and grouping must
// give the state that the naive model says.
#include <algorithm>

#include "tests/unit/crdt/acts.h"
#include "tests/unit/crdt/tables.h"
#include "tests/support/property.h"
#include "tests/unit/crdt/world.h"

namespace anabranch::crdt::test::laws_test {
namespace {

using catalog::RowIdentity;
using Held = std::set<Dot>;

// REQUIRE for millions: only a failure is told to Catch.
#define MUST(condition)                       \
    do {                                      \
        if (!(condition)) REQUIRE(condition); \
    } while (false)

struct Setting {
    std::string name;
    catalog::SchemaPtr schema;
    std::vector<std::size_t> acts;
    void (*act)(Transaction&, std::size_t act, std::int64_t salt);
    std::size_t replicas = 2;
    std::size_t steps = 4;
};

void one_item(Transaction& t, std::size_t act, std::int64_t salt) {
    act_on_item(t, act, 1, salt);
}
void two_items(Transaction& t, std::size_t act, std::int64_t salt) {
    act_on_item(t, act % item_acts, 1 + static_cast<std::int64_t>(act / item_acts), salt);
}

// Everything that is to be proven of one finished world.
class Proof {
  public:
    explicit Proof(World& world) : world_(world) {
        for (const auto& [dot, delta] : world.deltas()) deltas_.push_back(&delta);
    }
    void run() {
        Database db(world_.schema());
        Held held;
        orders(held);
        for (const auto& [a, state] : states_) groupings(a);
        for (std::size_t i = 0; i < world_.size(); ++i) MUST(world_.agrees(i));
    }

  private:
    struct Expected {
        std::string state;
        std::vector<Database::Digest> digests;
    };
    bool held_by(const Held& held, const VersionVector& dependencies) const {
        for (const auto& entry : dependencies.entries()) {
            if (!held.contains({entry.origin, entry.seq})) return false;
        }
        return true;
    }
    std::unique_ptr<Database> made_of(const std::vector<const Delta*>& order) const {
        auto db = std::make_unique<Database>(world_.schema());
        for (const Delta* delta : order) MUST(db->merge(*delta) == Database::Merged::applied);
        return db;
    }
    // Every causal order of every causally closed set ends in one state per set, that of the model.
    void orders(Held& held) {
        const auto db = made_of(order_);
        MUST(world_.expected(held) == view_of(*db));
        const std::string state = state_of(*db);
        const auto [known, fresh] = states_.try_emplace(held, Expected{state, digests_of(*db)});
        MUST(known->second.state == state);
        MUST(known->second.digests == digests_of(*db));
        for (const Delta* delta : deltas_) {
            const auto answer = held.contains(delta->dot)            ? Database::Merged::duplicate
                                : held_by(held, delta->dependencies) ? Database::Merged::applied
                                                                     : Database::Merged::premature;
            if (answer == Database::Merged::applied) continue;
            MUST(db->merge(*delta) == answer);
        }
        for (const Delta* delta : order_) db->remerge(*delta);
        MUST(state_of(*db) == state);
        MUST(digests_of(*db) == known->second.digests);
        db->self_check();
        if (!fresh) return;  // what follows depends on the set alone, as was just shown
        if (one_order_.size() < states_.size()) one_order_[held] = order_;
        for (const Delta* delta : deltas_) {
            if (held.contains(delta->dot) || !held_by(held, delta->dependencies)) continue;
            held.insert(delta->dot);
            order_.push_back(delta);
            orders(held);
            order_.pop_back();
            held.erase(delta->dot);
        }
    }
    // The join of any two states is the state of the union: with orders(), merging is associative,
    // commutative and idempotent.
    void groupings(const Held& a) const {
        for (const auto& [b, state] : states_) {
            const auto target = made_of(one_order_.at(a)), source = made_of(one_order_.at(b));
            join(*target, *source, 1);
            Held both = a;
            both.insert(b.begin(), b.end());
            MUST(state_of(*target) == states_.at(both).state);
            MUST(digests_of(*target) == states_.at(both).digests);
            target->self_check();
            join(*target, *source);
            MUST(state_of(*target) == states_.at(both).state);
        }
    }

    World& world_;
    std::vector<const Delta*> deltas_;
    std::vector<const Delta*> order_;
    std::map<Held, Expected> states_;
    std::map<Held, std::vector<const Delta*>> one_order_;
};

// Runs every sequence of steps that begins at replica 0 and has no idle step.
class Worlds {
  public:
    explicit Worlds(const Setting& setting) : setting_(setting) {}
    std::size_t run() {
        extend();
        return proven_;
    }

  private:
    // Steps: acts of each replica, then pulls of each ordered pair.
    std::size_t step_count() const {
        return setting_.replicas * setting_.acts.size() + setting_.replicas * (setting_.replicas - 1);
    }
    bool take(World& world, std::size_t step, std::int64_t salt) const {
        const std::size_t acts = setting_.replicas * setting_.acts.size();
        if (step < acts) {
            const std::size_t act = setting_.acts[step % setting_.acts.size()];
            return world.run(step / setting_.acts.size(),
                             [&](Transaction& t) { setting_.act(t, act, salt); });
        }
        const std::size_t pair = step - acts;
        const std::size_t to = pair / (setting_.replicas - 1);
        const std::size_t from = (to + 1 + pair % (setting_.replicas - 1)) % setting_.replicas;
        return world.pull(to, from) > 0;
    }
    void extend() {
        const std::size_t first = steps_.empty() ? setting_.acts.size() : step_count();
        for (std::size_t step = 0; step < first; ++step) {
            steps_.push_back(step);
            World world(setting_.schema, setting_.replicas, {0, 3, 0});
            bool busy = true;
            for (std::size_t i = 0; i < steps_.size() && busy; ++i)
                busy = take(world, steps_[i], static_cast<std::int64_t>(7 + 2 * i));
            if (busy && steps_.size() < setting_.steps) extend();
            if (busy && steps_.size() == setting_.steps) {
                INFO("steps: " << described());
                Proof(world).run();
                ++proven_;
            }
            steps_.pop_back();
        }
    }
    std::string described() const {
        std::string out = setting_.name;
        for (const std::size_t step : steps_) out += " " + std::to_string(step);
        return out;
    }
    const Setting& setting_;
    std::vector<std::size_t> steps_;
    std::size_t proven_ = 0;
};

std::size_t deeper() {
    return anabranch::test::number_from_environment("ANABRANCH_DEEPER", 0);
}

void prove(Setting setting) {
    setting.steps += deeper();
    if (anabranch::test::sanitized) --setting.steps;
    const std::size_t proven = Worlds(setting).run();
    INFO(setting.name << ": " << proven << " worlds");
    REQUIRE(proven > (anabranch::test::sanitized ? 5 : 50));
}

}  // namespace

TEST_CASE("merging is a join on every small world of plain inserts") {
    prove({"plain inserts", items(RowIdentity::per_insert), {0, 2, 3, 4, 5, 6, 7}, one_item, 2, 4});
}

TEST_CASE("merging is a join on every small world of inserts with ON CONFLICT") {
    prove({"upserts", items(RowIdentity::per_key), {0, 1, 2, 3, 4, 5, 6}, one_item, 2, 4});
}

TEST_CASE("merging is a join on every small world of three replicas") {
    prove({"three replicas", items(RowIdentity::per_key), {1, 2, 3, 4}, one_item, 3, 4});
}

TEST_CASE("merging is a join on every small world of parents and children") {
    prove({"cascades",
           family(RowIdentity::per_insert, RowIdentity::per_insert),
           {0, 2, 4, 5, 8, 10},
           act_on_family,
           2,
           4});
    prove({"cascades of merged keys",
           family(RowIdentity::per_key, RowIdentity::per_key),
           {0, 2, 4, 5, 10},
           act_on_family,
           2,
           4});
    prove({"rings", family(RowIdentity::per_key, RowIdentity::per_insert), {11, 12}, act_on_family, 2, 5});
}

TEST_CASE("merging is a join on every small world of two rows") {
    prove({"two rows", items(RowIdentity::per_insert), {0, item_acts, 2, item_acts + 2, 3}, two_items, 2, 4});
}

}  // namespace anabranch::crdt::test::laws_test
