// Tests of the simulator: a rule that is switched off is noticed within so many seeds.
#include "tests/support/property.h"
#include "tests/unit/sim/bank.h"

using namespace anabranch;
using namespace anabranch::sim;
using namespace anabranch::sim::test;

namespace {

struct Found {
    std::uint64_t seed = 0;  // 0: not found
    std::string rule, problem;
};

Found first_failure(Planted planted, std::uint64_t seeds, Duration load) {
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        auto options = quick(seed);
        options.planted = planted;
        options.load = load;
        const auto outcome = run_bank(options);
        if (!outcome.ok) return {seed, outcome.rule, outcome.problem};
    }
    return {};
}

void is_found_within(std::uint64_t seeds, Planted planted, Duration load = seconds(8)) {
    if (anabranch::test::sanitized) return;  // looked for in the build without sanitizers
    const auto found = first_failure(planted, seeds, load);
    INFO(name_of(planted) << ": seed " << found.seed << " " << found.rule << ": " << found.problem);
    CHECK(found.seed != 0);
}

}  // namespace

TEST_CASE("running ordered transactions as free ones is found within 20 seeds") {
    is_found_within(20, Planted::all_free);
}
TEST_CASE("gossip before durability is found within 50 seeds") {
    is_found_within(50, Planted::gossip_before_durable);
}
TEST_CASE("one disk taken for a majority is found within 20 seeds") {
    is_found_within(20, Planted::quorum_of_one);
}
TEST_CASE("a skipped fsync is found within 20 seeds") {
    is_found_within(20, Planted::forget_disk);
}
TEST_CASE("a checkpoint that counts before the log is durable up to its end is found within 200 seeds") {
    is_found_within(200, Planted::early_checkpoint);
}
TEST_CASE("a log cut too far is found within 100 seeds") {
    is_found_within(100, Planted::early_truncation);
}
TEST_CASE("merging before the causal past is there is found within 50 seeds") {
    is_found_within(50, Planted::ignore_causality);
}
TEST_CASE("letting the last write to arrive win is found within 20 seeds") {
    is_found_within(20, Planted::arrival_order);
}
TEST_CASE("an answer to an ordered call before its entry is committed is found within 50 seeds") {
    is_found_within(50, Planted::answer_early);
}
TEST_CASE("a session that goes on behind a lost answer from memory is found within 1000 seeds") {
    is_found_within(1000, Planted::forget_losses);
}
TEST_CASE("an acknowledgement in the order before durability is found within 200 seeds") {
    is_found_within(200, Planted::ack_before_durable);
}
TEST_CASE("an acknowledgement without the dependencies is found within 80 seeds") {
    // As long in all as 200 of the usual load, which end before one is needed.
    is_found_within(80, Planted::ignore_dependencies, seconds(20));
}
TEST_CASE("a vote for a candidate whose log is behind is found within 200 seeds") {
    is_found_within(200, Planted::skip_log_check);
}
TEST_CASE("bits on disk that are read without a look at their checksum are found within 50 seeds") {
    is_found_within(50, Planted::ignore_checksums);
}
// One majority where a change of members needs two takes more seeds than there are here:
// tests/unit/order/mutation_test.cpp finds it in a world of the core alone.
TEST_CASE("counting learners is found within 3000 seeds") {
    is_found_within(3000, Planted::count_learners);
}
