// Tombstones go and nobody notices: replicas that forget show what the naive model shows, which never does,
// and end in the same bytes. The three rounds of node/replica/forgetting.h are needed: with two of them
// replicas diverge.
#include "tests/support/property.h"
#include "tests/unit/crdt/acts.h"
#include "tests/unit/crdt/tables.h"
#include "tests/unit/crdt/world.h"

namespace anabranch::crdt::test {
namespace {

catalog::SchemaPtr guests() {
    return items(catalog::RowIdentity::per_key, false);
}

// What the primary, replica 0, does to find out that tombstones may go.
class Rounds {
  public:
    Rounds(World& world, std::size_t rounds, std::size_t rows_max = 100)
        : world_(world), rounds_(rounds), rows_max_(rows_max) {}

    bool begin() {
        const std::uint64_t until = world_.db(0).forgettable(rows_max_);
        if (stage_ != 0 || until <= world_.db(0).forgotten()) return false;
        until_ = until;
        base_ = wanted_ = world_.db(0).version();
        agreed_ = {};
        stage_ = 1;
        answers_.assign(world_.size(), {});
        if (rounds_ == 0) finish();
        return true;
    }
    // False: it does not hold what is asked for yet, or has answered.
    bool answer(std::size_t replica) {
        if (stage_ == 0 || stage_ > rounds_ || !answers_[replica].empty()) return false;
        const VersionVector& version = world_.db(replica).version();
        if (!version.covers(wanted_)) return false;
        answers_[replica] = version;
        return true;
    }
    // What follows from the answers so far.
    bool advance() {
        if (stage_ == 0) return false;
        if (spoiled()) return stage_ = 0, true;
        if (stage_ > rounds_) return finish();
        VersionVector all;
        for (const auto& version : answers_) {
            if (version.empty()) return false;
            all.merge(version);
        }
        if (++stage_ > rounds_) agreed_ = wanted_;
        wanted_ = all;
        answers_.assign(world_.size(), {});
        if (stage_ > rounds_) finish();
        return true;
    }

  private:
    bool spoiled() const {
        for (const auto& [dot, delta] : world_.deltas()) {
            const bool late = !base_.contains(dot) && world_.db(0).version().contains(dot);
            if (late && delta.stamp.hlc <= until_) return true;
        }
        return false;
    }
    bool finish() {
        if (!world_.db(0).version().covers(wanted_)) return false;
        world_.forget({until_, agreed_});
        stage_ = 0;
        return true;
    }
    World& world_;
    const std::size_t rounds_, rows_max_;
    std::size_t stage_ = 0;
    std::uint64_t until_ = 0;
    VersionVector base_, wanted_, agreed_;
    std::vector<VersionVector> answers_;
};

bool same_in_the_end(World& world) {
    for (int again = 0; again < 2; ++again)
        for (std::size_t to = 0; to < world.size(); ++to)
            for (std::size_t from = 0; from < world.size(); ++from)
                if (to != from) world.pull(to, from);
    const std::string state = state_of(world.db(0));
    for (std::size_t i = 0; i < world.size(); ++i) {
        if (!world.agrees(i) || state_of(world.db(i)) != state ||
            digests_of(world.db(i)) != digests_of(world.db(0)))
            return false;
        world.db(i).self_check();
    }
    return true;
}

// One generated history; `removed` counts what has been forgotten. `states`: whoever lacks something may be
// given a state instead of deltas. False: somebody noticed.
bool history(Random& random, std::size_t rounds, std::uint64_t& removed, bool states = false) {
    const std::size_t replicas = random.below(4) == 0 ? 2 : 3;
    World world(
        guests(), replicas,
        {static_cast<std::int64_t>(random.below(20)), static_cast<std::int64_t>(random.below(40)), 0});
    Rounds protocol(world, rounds);
    const std::size_t steps = 20 + random.below(60);
    const std::int64_t keys = 1 + static_cast<std::int64_t>(random.below(4) / 3);
    for (std::size_t step = 0; step < steps; ++step) {
        const std::size_t replica = random.below(replicas);
        const std::size_t what = random.below(10);
        if (what < 3) {
            const auto salt = static_cast<std::int64_t>(random.below(100));
            constexpr std::size_t acts[] = {1, 1, 1, 2, 2, 3};
            world.run(replica, [&](Transaction& t) {
                act_on_item(t, acts[random.below(std::size(acts))],
                            static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(keys))), salt);
            });
        } else if (what < 7) {
            const std::size_t from = (replica + 1 + random.below(replicas - 1)) % replicas;
            if (states && random.chance(0.5))
                world.pull_state(replica, from, random.below(200));
            else
                world.pull(replica, from);
        } else if (!protocol.begin()) {
            for (std::size_t i = 0; i < replicas; ++i)
                if (random.below(4) > 0) protocol.answer(i);
            protocol.advance();
        }
        if (!world.agrees(replica)) return false;
    }
    const bool same = same_in_the_end(world);
    for (std::size_t i = 0; i < replicas; ++i) removed += world.db(i).removed();
    return same;
}

// The first history in which replicas that ask so many rounds are found out; 0: none of them.
std::uint64_t found_out(std::size_t rounds, std::uint64_t histories, std::uint64_t& removed,
                        bool states = false) {
    for (std::uint64_t seed = 1; seed <= histories; ++seed) {
        Random random(seed);
        if (!history(random, rounds, removed, states)) return seed;
    }
    return 0;
}

// Every sequence of steps after a row was made, which both know, and deleted by the one.
class Worlds {
  public:
    explicit Worlds(std::size_t steps, std::size_t rounds) : most_(steps), rounds_(rounds) {}
    std::size_t run() {
        extend();
        return proven_;
    }
    std::string found;  // the first world in which somebody noticed

  private:
    // acts of two replicas, a pull of each, a round
    static constexpr std::size_t acts[] = {1, 2};
    static constexpr std::size_t step_count = 2 * std::size(acts) + 3;

    bool take(World& world, Rounds& rounds, std::size_t step, std::int64_t salt) const {
        if (step < 2 * std::size(acts))
            return world.run(step / std::size(acts),
                             [&](Transaction& t) { act_on_item(t, acts[step % std::size(acts)], 1, salt); });
        if (step < 2 * std::size(acts) + 2) return world.pull(step % 2, 1 - step % 2) > 0;
        if (rounds.begin()) return true;
        const bool first = rounds.answer(0), second = rounds.answer(1);
        return rounds.advance() || first || second;
    }
    void extend() {
        for (std::size_t step = 0; step < step_count && found.empty(); ++step) {
            steps_.push_back(step);
            World world(guests(), 2, {0, 3});
            Rounds rounds(world, rounds_);
            world.run(0, [](Transaction& t) { act_on_item(t, 1, 1, 5); });
            world.pull(1, 0);
            world.run(0, [](Transaction& t) { act_on_item(t, 2, 1, 6); });
            bool busy = true;
            for (std::size_t i = 0; i < steps_.size() && busy; ++i)
                busy = take(world, rounds, steps_[i], static_cast<std::int64_t>(7 + 2 * i));
            if (busy && steps_.size() < most_) extend();
            if (busy && steps_.size() == most_) {
                ++proven_;
                if (!same_in_the_end(world) && found.empty())
                    for (const std::size_t s : steps_) found += " " + std::to_string(s);
            }
            steps_.pop_back();
        }
    }
    std::vector<std::size_t> steps_;
    const std::size_t most_, rounds_;
    std::size_t proven_ = 0;
};

}  // namespace

TEST_CASE("forgetting deleted rows shows in no small world") {
    const std::size_t deeper = anabranch::test::number_from_environment("ANABRANCH_DEEPER", 0);
    Worlds worlds((anabranch::test::sanitized ? 5 : 6) + deeper, 3);
    const std::size_t proven = worlds.run();
    INFO("steps" << worlds.found);
    CHECK(worlds.found.empty());
    CHECK(proven > 100);
}

TEST_CASE("tombstones that go when they are made are found in a small world") {
    Worlds worlds(4, 0);
    worlds.run();
    CHECK_FALSE(worlds.found.empty());
}

TEST_CASE("forgetting deleted rows shows in no generated history") {
    std::uint64_t removed = 0;
    const std::uint64_t base = anabranch::test::sanitized ? 100 : 1000;
    const auto histories = base * anabranch::test::number_from_environment("ANABRANCH_SEEDS", 1);
    CHECK(found_out(3, histories, removed) == 0);
    CHECK(removed > histories / 40);
}

TEST_CASE("a state that is joined across what was forgotten mixes no two lives of a row") {
    std::uint64_t removed = 0;
    const std::uint64_t base = anabranch::test::sanitized ? 200 : 3000;
    const auto histories = base * anabranch::test::number_from_environment("ANABRANCH_SEEDS", 1);
    CHECK(found_out(3, histories, removed, true) == 0);
    CHECK(removed > histories / 40);
}

TEST_CASE("tombstones that go before every member has answered three times are found") {
    std::uint64_t removed = 0;
    CHECK(found_out(0, 1000, removed) != 0);
    const auto histories = 3000 * anabranch::test::number_from_environment("ANABRANCH_SEEDS", 1);
    for (const std::size_t rounds : {1, 2}) {
        const std::uint64_t seed = found_out(rounds, histories, removed);
        UNSCOPED_INFO(rounds << " rounds: history " << seed << ", " << removed << " rows");
        CHECK(seed != 0);
    }
}

TEST_CASE("a deleted row leaves nothing behind once it is forgotten, and its key begins anew") {
    World world(guests(), 2);
    Rounds rounds(world, 3, 10);
    for (std::int64_t id = 0; id < 40; ++id) world.run(0, [&](Transaction& t) { act_on_item(t, 1, id, 5); });
    world.pull(1, 0);
    for (std::int64_t id = 0; id < 40; ++id) world.run(1, [&](Transaction& t) { act_on_item(t, 2, id, 5); });
    world.pull(0, 1);
    CHECK(world.db(0).tombstones() == 40);
    const std::size_t kept = world.db(0).memory_bytes();
    std::size_t entries = 0;
    for (; rounds.begin(); ++entries) {
        const std::size_t some = world.db(0).tombstones();
        for (int round = 0; round < 3; ++round) {
            REQUIRE(rounds.answer(0));
            REQUIRE(rounds.answer(1));
            REQUIRE(rounds.advance());
        }
        world.pull(1, 0);
        CHECK(some - world.db(0).tombstones() <= 11);  // as many as were asked for
    }
    CHECK(entries >= 4);
    for (std::size_t i = 0; i < 2; ++i) {
        CHECK(world.db(i).tombstones() == 0);
        CHECK(world.db(i).removed() == 40);
        CHECK(world.db(i).memory_bytes() < kept);
        world.db(i).self_check();
    }
    world.run(0, [&](Transaction& t) { act_on_item(t, 1, 7, 9); });
    world.run(1, [&](Transaction& t) { act_on_item(t, 1, 7, 4); });
    CHECK(same_in_the_end(world));
}

TEST_CASE("only an entry of the order may forget, nothing else with it, and no more than its past can know") {
    World world(guests(), 1);
    world.run(0, [](Transaction& t) { act_on_item(t, 1, 1, 5); });
    Delta entry;
    entry.dot = {ORDER_ORIGIN, 1};
    entry.dependencies = world.db(0).version();
    entry.stamp = {1'000'000, ORDER_ORIGIN};
    entry.schema_hash = world.schema()->hash;
    entry.forget = {999'999, entry.dependencies};
    CHECK(world.db(0).check(entry).has_value());
    const auto refused = [&](const std::function<void(Delta&)>& change) {
        Delta wrong = entry;
        change(wrong);
        return world.db(0).merge(wrong) == Database::Merged::refused;
    };
    CHECK(refused([](Delta& d) { d.forget.until = d.stamp.hlc; }));
    CHECK(refused([](Delta& d) { d.forget.agreed.set(replica_id(3), 1); }));
    CHECK(refused([&](Delta& d) { d.rows = world.deltas().begin()->second.rows; }));
    CHECK(refused([](Delta& d) {
        d.dot.origin = d.stamp.origin = replica_id(5);
        d.dependencies.set(ORDER_ORIGIN, 0);
    }));
}

TEST_CASE("a row of a forgotten life comes back in no replica") {
    // Somebody who never heard of the others' delete, and was not asked: a directory that came back.
    World world(guests(), 3);
    world.run(0, [&](Transaction& t) { act_on_item(t, 1, 1, 5); });
    world.pull(2, 0);
    world.run(0, [&](Transaction& t) { act_on_item(t, 2, 1, 5); });
    world.pull(1, 0);
    world.forget({world.db(0).forgettable(100), {}});
    world.run(2, [&](Transaction& t) { act_on_item(t, 3, 1, 7); });       // adds to a counter
    world.run(2, [&](Transaction& t) { t.upsert(0, item::row(1, 8)); });  // and inserts in part
    world.pull(1, 0);
    for (const std::size_t replica : {0, 1}) {
        world.pull(replica, 2);
        CHECK(world.db(replica).row_count({0}) == 0);
        world.db(replica).self_check();
    }
    CHECK(state_of(world.db(0)) == state_of(world.db(1)));
}

namespace {

// A generated history whose replica 0 makes a checkpoint in parts while it goes on.
class Checkpointed {
  public:
    explicit Checkpointed(Random& random)
        : world(guests(), 2, {0, static_cast<std::int64_t>(random.below(20))}), rounds_(world, 3) {
        for (std::size_t step = 0; step < 120; ++step) {
            act(random);
            for (const Dot dot : world.at(0).held)
                if (std::find(log.begin(), log.end(), dot) == log.end()) log.push_back(dot);
            if (step == 40) begin();
            if (next_ && random.below(8) == 0) part();
        }
        while (next_) part();
    }
    std::unique_ptr<Database> restored() const {
        auto db = std::make_unique<Database>(world.schema());
        db->set_forgotten(forgotten_);
        for (const Part& part : parts_)
            REQUIRE(db->restore_chunk(part.chunk, version_, part.position).has_value());
        db->set_version(version_);
        for (std::uint64_t i = begin_; i < log.size(); ++i) {
            db->replay_at(i + 1);
            REQUIRE(db->merge(world.deltas().at(log[i])) == Database::Merged::applied);
        }
        db->replay_at(0);
        return db;
    }
    World world;
    std::vector<Dot> log;  // as replica 0 merged them

  private:
    struct Part {
        Bytes chunk;
        std::uint64_t position = 0;
    };
    void act(Random& random) {
        const std::size_t replica = random.below(2);
        const auto salt = static_cast<std::int64_t>(random.below(100));
        constexpr std::size_t acts[] = {1, 2, 2, 3, 4};
        const std::size_t what = random.below(4);
        if (what == 0) {
            world.run(replica, [&](Transaction& t) {
                act_on_item(t, acts[random.below(std::size(acts))],
                            static_cast<std::int64_t>(random.below(4)), salt);
            });
        } else if (what == 1) {
            world.pull(replica, 1 - replica);
        } else if (!rounds_.begin()) {
            rounds_.answer(replica);
            rounds_.advance();
        }
    }
    void begin() {
        version_ = world.db(0).version();
        begin_ = log.size();
        forgotten_ = world.db(0).forgotten();
        next_.emplace();
    }
    void part() {
        const Database::Chunk chunk = world.db(0).export_chunk({0}, *next_, 1);
        parts_.push_back({chunk.bytes, log.size()});
        next_ = chunk.next_key;
        if (chunk.last) next_.reset();
    }
    Rounds rounds_;
    std::vector<Part> parts_;
    std::optional<std::string> next_;
    VersionVector version_;
    std::uint64_t begin_ = 0, forgotten_ = 0;
};

}  // namespace

TEST_CASE("a checkpoint that is made while rows are forgotten is read back with its log as it was") {
    std::uint64_t removed = 0;
    for (std::uint64_t seed = 1; seed <= (anabranch::test::sanitized ? 20u : 300u); ++seed) {
        INFO("seed " << seed);
        Random random(seed);
        Checkpointed history(random);
        removed += history.world.db(0).removed();
        const auto restored = history.restored();
        restored->self_check();
        REQUIRE(state_of(*restored) == state_of(history.world.db(0)));
        REQUIRE(digests_of(*restored) == digests_of(history.world.db(0)));
    }
    CHECK(removed > 10);
}

}  // namespace anabranch::crdt::test
