// Random histories. ANABRANCH_SEED=n repeats one of them, ANABRANCH_SEEDS=10 makes the campaigns ten times as
// long.
#include <catch2/catch.hpp>

#include "tests/support/property.h"
#include "tests/unit/order/chaos.h"

using namespace anabranch;
using namespace anabranch::order;
using namespace anabranch::order::test;
using anabranch::test::number_from_environment;

namespace {

void campaign(const Chaos& chaos, std::uint64_t seeds) {
    const std::uint64_t only = number_from_environment("ANABRANCH_SEED", 0);
    const std::uint64_t last = only != 0 ? only : seeds * number_from_environment("ANABRANCH_SEEDS", 1);
    Outcome sum;
    for (std::uint64_t seed = only != 0 ? only : 1; seed <= last; ++seed) {
        CAPTURE(seed);
        try {
            const Outcome outcome = run(chaos, seed);
            sum.elections += outcome.elections;
            sum.commits += outcome.commits;
            sum.reads += outcome.reads;
            sum.messages += outcome.messages;
        } catch (const Violation& violation) {
            FAIL(violation.what());
        }
    }
    CHECK(sum.elections > last);
    CHECK(sum.commits > last);
}

}  // namespace

TEST_CASE("no random history of three voters breaks a safety property", "[order][campaign]") {
    campaign({}, 200);
}

TEST_CASE("no random history of five voters breaks a safety property", "[order][campaign]") {
    Chaos chaos;
    chaos.voters = {1, 2, 3, 4, 5};
    campaign(chaos, 100);
}

TEST_CASE("no random history with changing members breaks a safety property", "[order][campaign]") {
    Chaos chaos;
    chaos.learners = {4};
    chaos.spares = {5, 6};
    chaos.changes = 2;
    campaign(chaos, 100);
}

TEST_CASE("no random history of two voters breaks a safety property", "[order][campaign]") {
    Chaos chaos;
    chaos.voters = {1, 2};
    chaos.learners = {3};
    campaign(chaos, 100);
}

TEST_CASE("no random history of a single voter breaks a safety property", "[order][campaign]") {
    Chaos chaos;
    chaos.voters = {1};
    campaign(chaos, 50);
}
