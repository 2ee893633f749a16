// The tests of the tests: with one safety rule switched off, the same histories must find the bug, within a
// stated number of seeds. The promises themselves are not checked here (World::check_promises), only what
// follows from breaking them.
#include <catch2/catch.hpp>

#include "tests/support/property.h"
#include "tests/unit/order/chaos.h"

using namespace anabranch;
using namespace anabranch::order;
using namespace anabranch::order::test;

namespace {

void finds(const std::function<void(std::uint64_t)>& history, std::uint64_t seeds,
           const std::string& property) {
    if (anabranch::test::sanitized) return;  // looked for in the build without sanitizers
    const auto [seed, story] = first_violation(history, seeds);
    CAPTURE(story);
    CHECK(seed != 0);
    CHECK(story.starts_with(property));
}

void finds(const Chaos& chaos, std::uint64_t seeds, const std::string& property) {
    finds([&](std::uint64_t seed) { (void)run(chaos, seed); }, seeds, property);
}

Chaos consequences() {
    Chaos chaos;
    chaos.world.check_promises = false;
    chaos.recovers = false;
    return chaos;
}

}  // namespace

TEST_CASE("a core that commits old epochs by counting is found", "[order][mutation]") {
    Options options = quick_options();
    options.unsafe.commit_old_epochs = true;
    finds([&](std::uint64_t seed) { storm_of_figure_8(options, seed); }, 200, "primary completeness");
}

TEST_CASE("a core that acknowledges before the entry is durable is found", "[order][mutation]") {
    Chaos chaos = consequences();
    chaos.world.order.unsafe.ack_before_durable = true;
    finds(chaos, 500, "primary completeness");
}

TEST_CASE("a core that forgets its vote is found", "[order][mutation]") {
    Chaos chaos = consequences();
    chaos.world.order.unsafe.forget_vote = true;
    chaos.world.delay_max = millis(30);
    chaos.world.crash_after_vote = 0.5;
    chaos.world.down_min = micros(100);
    chaos.world.down_max = millis(3);
    chaos.crashes = 3;
    finds(chaos, 1000, "election safety");
}

TEST_CASE("a core that ignores dependencies is found", "[order][mutation]") {
    Chaos chaos;
    chaos.world.order.unsafe.ignore_dependencies = true;
    finds(chaos, 10, "an acknowledged entry's dependencies are durable");
}

TEST_CASE("a core that votes for a candidate with an older log is found", "[order][mutation]") {
    Chaos chaos = consequences();
    chaos.world.order.unsafe.skip_log_check = true;
    finds(chaos, 20, "primary completeness");
}

TEST_CASE("a core that needs only the new majority in the joint phase is found", "[order][mutation]") {
    Chaos chaos = consequences();
    chaos.spares = {4, 5, 6};
    chaos.changes = 3;
    chaos.partitions = 4;
    chaos.world.order.unsafe.one_majority_when_joint = true;
    finds(chaos, 500, "primary completeness");
}

TEST_CASE("a core that counts learners is found", "[order][mutation]") {
    Chaos chaos;
    chaos.learners = {4, 5};
    chaos.world.order.unsafe.count_learners = true;
    finds(chaos, 20, "a committed entry and its dependencies are durable at a majority");
}

TEST_CASE("a primary that executes before it has applied what was committed is found", "[order][mutation]") {
    Chaos chaos = consequences();
    chaos.world.order.unsafe.execute_before_applied = true;
    finds(chaos, 10, "a new primary executes only after it has applied every committed entry");
}

TEST_CASE("a primary that answers reads without a round of heartbeats is found", "[order][mutation]") {
    Chaos chaos = consequences();
    chaos.world.order.unsafe.read_without_round = true;
    chaos.world.delay_max = millis(25);
    chaos.transfers = 5;
    finds(chaos, 500, "a read is linearizable");
}
