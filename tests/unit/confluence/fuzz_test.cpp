// The checker against the real engine, on schemas that nobody chose: no history may break what was called
// confluent, and every witness must break what it is a witness against.
//
// The short form runs with every build: two thousand schemas at a quick look each, and at a long one in
// forty, with the whole budget, witnesses, and the checker's own search against its proofs. ANABRANCH_SEEDS=5
// runs five times as many schemas, ANABRANCH_SEED=17 the seventeenth alone.
#include <catch2/catch.hpp>
#include <cstdio>
#include <map>
#include <set>

#include "confluence/check.h"
#include "confluence/engine.h"
#include "tests/support/property.h"
#include "tests/unit/confluence/random_schema.h"
#include "tests/unit/confluence/schemas.h"

namespace anabranch::confluence {

namespace {

constexpr std::uint64_t schemas = test::sanitized ? 160 : 2000;
constexpr double searched = 1.0 / 40;                    // of the schemas
constexpr int histories = 24, histories_searched = 120;  // per schema
constexpr std::uint64_t quick_rlimit = 300'000;          // a proof that takes more is left to the long looks
constexpr std::uint32_t replicas = 3;

// Where a transaction may run while others run apart from it.
enum class Place { nowhere, one, anywhere };

class Histories {
  public:
    Histories(const Report& report, Engine& engine, Random& random)
        : report_(report), engine_(engine), random_(random), schema_(*report.schema) {
        for (const Pair& pair : report.pairs)
            for (const Conflict& conflict : pair.conflicts) edges_.insert({pair.transaction, conflict.with});
    }

    // Runs one; empty when nothing broke, else the broken invariant and the history.
    std::string run() {
        const auto places = random_.chance(0.5) ? planned() : unconnected();
        world_ = std::make_unique<World>(engine_, replicas, true);
        if (!world_->start()) return {};
        history_ = {replicas, {}};
        for (auto left = random_.below(5); left > 0; --left) {
            call(0, static_cast<std::uint32_t>(random_.below(schema_.transactions.size())));
            step(DeliverAllStep{});
        }
        const auto before = world_->lost().size();
        for (auto left = random_.between(3, 9); left > 0; --left) {
            if (random_.chance(0.25)) {
                deliver();
                if (auto broken = violated(); !broken.empty()) return broken;
                continue;
            }
            const auto t = static_cast<std::uint32_t>(random_.below(schema_.transactions.size()));
            if (places[t] == Place::nowhere) continue;
            call(places[t] == Place::one ? 0 : static_cast<std::uint32_t>(random_.below(replicas)), t);
        }
        step(DeliverAllStep{});
        if (auto broken = violated(); !broken.empty()) return broken;
        const auto lost = world_->lost();
        return lost.size() > before ? told(lost.back().invariant) : std::string();
    }

  private:
    // As the plan says: what conflicts runs at one replica, everything else anywhere.
    std::vector<Place> planned() const {
        std::vector<Place> out(schema_.transactions.size(), Place::anywhere);
        for (std::uint32_t t = 0; t < out.size(); ++t)
            if (report_.plan.transactions[t].route == catalog::Route::ordered) out[t] = Place::one;
        return out;
    }
    // Transactions of which no two, and none with itself, conflict: also those that are ordered because of
    // others.
    std::vector<Place> unconnected() {
        std::vector<Place> out(schema_.transactions.size(), Place::nowhere);
        std::vector<std::uint32_t> order;
        for (std::uint32_t t = 0; t < out.size(); ++t) order.push_back(t);
        for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random_.below(i)]);
        for (const auto t : order) {
            bool alone = edges_.contains({t, t});
            for (std::uint32_t u = 0; u < out.size(); ++u)
                alone = alone ||
                        (out[u] == Place::anywhere && (edges_.contains({t, u}) || edges_.contains({u, t})));
            if (!alone) out[t] = Place::anywhere;
        }
        return out;
    }

    void step(Step step) {
        (void)world_->apply(step);
        history_.steps.push_back(std::move(step));
    }
    void deliver() {
        const auto source = static_cast<std::uint32_t>(random_.below(replicas));
        step(DeliverStep{source,
                         (source + 1 + static_cast<std::uint32_t>(random_.below(replicas - 1))) % replicas});
    }
    void call(std::uint32_t replica, std::uint32_t t) {
        CallStep step;
        step.replica = replica;
        step.transaction = schema_.transactions[t].name;
        if (random_.chance(0.3)) step.clock_millis = random_.between(-20, 20);
        for (std::size_t i = 0; i < schema_.transactions[t].parameters.size(); ++i)
            step.arguments.push_back({argument()});
        if (!world_->apply(step).refused) history_.steps.push_back(std::move(step));
    }
    // Small numbers, so that calls meet; now and then a key as the system makes them.
    std::string argument() {
        if (random_.chance(0.08)) return std::to_string(random_.between(1, 2) * 256 + random_.between(0, 2));
        if (random_.chance(0.03)) return "NULL";
        return std::to_string(random_.chance(0.1) ? random_.between(-2, 5) : random_.between(1, 3));
    }
    std::string violated() {
        for (std::uint32_t r = 0; r < replicas; ++r)
            for (const auto& violation : world_->violations(r))
                return told(schema_.invariants[violation.invariant].name);
        return {};
    }
    std::string told(const std::string& invariant) const {
        return invariant + " is broken by what was called confluent:\n" +
               to_scenario(schema_, history_, 0, invariant);
    }

    const Report& report_;
    Engine& engine_;
    Random& random_;
    const catalog::Schema& schema_;
    std::set<std::pair<std::uint32_t, std::uint32_t>> edges_;
    std::unique_ptr<World> world_;
    History history_;
};

std::size_t witnesses_repeat(const Report& report) {
    std::size_t count = 0;
    for (const Pair& pair : report.pairs)
        for (const Conflict& conflict : pair.conflicts) {
            if (!conflict.witness) continue;
            const auto parsed = from_scenario("witness.scn", conflict.witness->scenario);
            REQUIRE(parsed);
            const auto replayed = replay_text(report.schema, *parsed);
            REQUIRE(replayed);
            INFO(conflict.witness->scenario);
            CHECK(parsed->expected == std::vector{report.schema->invariants[pair.invariant].name});
            CHECK(replayed->met);
            ++count;
        }
    return count;
}

}  // namespace

TEST_CASE("no history breaks what is called confluent, and every witness repeats, on random schemas") {
    std::map<std::string, std::size_t> counts;
    test::for_seeds(schemas, [&](Random& random) {
        const bool at_length = random.chance(searched);
        const std::string text = test::RandomSchema(random).make(at_length || random.chance(0.2) ? 4 : 2);
        INFO(text);
        const catalog::ScriptFile file{"random.sql", text};
        const auto loaded = catalog::load({&file, 1});
        ++counts[loaded.schema == nullptr ? "not loaded" : "schemas"];
        if (loaded.schema == nullptr) return;
        Options options;
        options.repairs = false;
        options.witnesses = at_length;
        if (!at_length) options.rlimit = quick_rlimit;
        const auto report = check(loaded.schema, options);
        INFO((report ? std::string() : report.error().message + "\n" + report.error().detail));
        REQUIRE(report.has_value());
        for (const Pair& pair : report->pairs)
            ++counts[pair.verdict == Verdict::confluent       ? "confluent"
                     : pair.verdict == Verdict::not_confluent ? "not confluent"
                                                              : "unknown"];
        counts["witnesses"] += witnesses_repeat(*report);
        Engine engine(loaded.schema);
        Histories search(*report, engine, random);
        for (int i = at_length ? histories_searched : histories; i > 0; --i) {
            const std::string broken = search.run();
            INFO(broken);
            CHECK(broken.empty());
            if (!broken.empty()) break;
        }
    });
    for (const auto& [what, count] : counts) std::printf("%zu %s  ", count, what.c_str());
    std::printf("\n");
    if (test::number_from_environment("ANABRANCH_SEED", 0) == 0) {
        CHECK(counts["not loaded"] * 5 < counts["schemas"]);
        CHECK(counts["confluent"] > 0);
        CHECK(counts["witnesses"] > 0);
    }
}

}  // namespace anabranch::confluence
