// Random histories. ANABRANCH_SEED=n repeats one of them, ANABRANCH_SEEDS=10 makes the campaigns ten times as
// long.
#include <catch2/catch.hpp>

#include "tests/support/property.h"
#include "tests/unit/order/chaos.h"

using namespace anabranch;
using namespace anabranch::order;
using namespace anabranch::order::test;
using anabranch::test::number_from_environment;
using anabranch::test::sanitized;
using anabranch::test::seeds_to_run;

namespace {

// Runs the seeds; the histories together must reach every state named in `reached`.
void campaign(const Chaos& chaos, std::uint64_t seeds, const std::vector<std::string>& reached) {
    const std::uint64_t only = number_from_environment("ANABRANCH_SEED", 0);
    const std::uint64_t last = only != 0 ? only : seeds_to_run(seeds);
    std::uint64_t elections = 0;
    std::uint64_t commits = 0;
    std::uint64_t reads = 0;
    std::map<std::string, std::uint64_t> seen;
    for (std::uint64_t seed = only != 0 ? only : 1; seed <= last; ++seed) {
        CAPTURE(seed);
        try {
            const Outcome outcome = run(chaos, seed);
            elections += outcome.elections;
            commits += outcome.commits;
            reads += outcome.reads;
            for (const auto& [name, count] : outcome.seen) seen[name] += count;
        } catch (const Violation& violation) {
            FAIL(violation.what());
        }
    }
    if (only != 0) return;
    CHECK(elections > 2 * last);
    CHECK(commits > 20 * last);
    CHECK(reads > last);
    if (sanitized) return;
    for (const std::string& name : reached) {
        CAPTURE(name);
        CHECK(seen[name] > 0);
    }
}

}  // namespace

TEST_CASE("no random history of three voters breaks a safety property", "[order][campaign]") {
    campaign({}, 600, {"installed", "wants dependencies", "lost primary"});
}

TEST_CASE("no random history of five voters breaks a safety property", "[order][campaign]") {
    Chaos chaos;
    chaos.voters = {1, 2, 3, 4, 5};
    campaign(chaos, 150, {"installed", "wants dependencies", "lost primary"});
}

TEST_CASE("no random history with changing members breaks a safety property", "[order][campaign]") {
    Chaos chaos;
    chaos.learners = {4};
    chaos.spares = {5, 6};
    chaos.changes = 2;
    campaign(chaos, 250, {"installed", "joint", "not joint", "lost primary"});
}

TEST_CASE("no random history of two voters breaks a safety property", "[order][campaign]") {
    Chaos chaos;
    chaos.voters = {1, 2};
    chaos.learners = {3};
    campaign(chaos, 300, {"installed", "lost primary"});
}

TEST_CASE("no random history of a single voter breaks a safety property", "[order][campaign]") {
    Chaos chaos;
    chaos.voters = {1};
    campaign(chaos, 200, {});
}

TEST_CASE("no random history with crashes at the worst moments breaks a safety property",
          "[order][campaign]") {
    Chaos chaos;
    chaos.world.delay_max = millis(30);
    chaos.world.crash_after_vote = 0.3;
    chaos.world.crash_after_election = 0.2;
    chaos.world.crash_after_commit = 0.005;
    chaos.world.down_min = micros(100);
    campaign(chaos, 500, {"lost primary"});
}

TEST_CASE("the same seed gives the same history", "[order][campaign]") {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        const Outcome first = run({}, seed);
        const Outcome second = run({}, seed);
        CHECK(first.unseed == second.unseed);
        CHECK(first.messages == second.messages);
        CHECK(first.commits == second.commits);
    }
}
