#include "node/sim/script.h"

#include "tests/unit/sim/bank.h"

using namespace anabranch;
using namespace anabranch::sim;
using namespace anabranch::sim::test;

namespace {

Outcome some_failure() {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        auto options = quick(seed);
        options.planted = Planted::all_free;
        auto outcome = run_bank(options);
        if (!outcome.ok) return outcome;
    }
    FAIL("nothing failed");
    return {};
}

}  // namespace

TEST_CASE("a printed script reads back as the same script") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        auto script = make_script(quick(seed));
        script.schema = {"one.sql", "a name with spaces.sql"};
        script.planted = Planted::keep_promises;
        const auto text = print(script);
        const auto again = parse_script(text);
        REQUIRE(again);
        CHECK(print(*again) == text);
        CHECK(again->events.size() == script.events.size());
    }
}

TEST_CASE("scripts that say nothing to the simulator are refused with their line") {
    for (const std::string bad :
         {"replicas 0", "replicas 51", "replicas many", "seed -1", "at", "at x call a 0", "at 1 jump a",
          "at 1 call zz 0 SELECT 1", "at 1 cut a", "at 1 crash a b", "at 1e300 crash a", "at nan crash a",
          "delay 0", "planted anything", "loss much", "slice-bytes 0", "whatever"}) {
        CAPTURE(bad);
        const auto script = parse_script("seed 1\n" + bad + "\n");
        REQUIRE(!script);
        CHECK(script.error().message.find("line 2") != std::string::npos);
    }
    CHECK(!parse_script("replicas 2\nat 1 crash c\n"));
    CHECK(!parse_script("clients 2\nat 1 call a 2 SELECT 1\n"));
    CHECK(parse_script("# nothing\n\nat 2 crash a\r\nat 1 crash b\n").value().events[0].node == 1);
}

TEST_CASE("the script of a failure fails again in the same way") {
    const auto failure = some_failure();
    const auto script = parse_script(print(failure.script));
    REQUIRE(script);
    const auto again = run(bank(), bank_plan(), *script);
    CHECK(again.rule == failure.rule);
    CHECK(again.problem == failure.problem);
}

TEST_CASE("a failure shrinks to a few events that still break the same rule") {
    const auto failure = some_failure();
    int runs = 0;
    const auto small = shrink(bank(), bank_plan(), failure, [&] { return ++runs < 2000; });
    INFO(print(small));
    CHECK(small.events.size() <= 12);
    CHECK(small.events.size() < failure.script.events.size() / 4);
    const auto again = run(bank(), bank_plan(), small);
    CHECK(!again.ok);
    CHECK(again.rule == failure.rule);
}

TEST_CASE("a call that is made up takes no number of a call that the script names") {
    History history(*bank());
    REQUIRE(history.active());
    history.reserve("CALL simulator.simulator_ordered(55)");
    history.reserve("CALL simulator.simulator_free(7)");
    history.reserve("CALL deposit(90, 1)");
    Random random(1);
    CHECK(history.next(random).ends_with("(56)"));
}

TEST_CASE("nodes have names for any number of replicas") {
    CHECK(node_name(0) == "a");
    CHECK(node_name(25) == "z");
    CHECK(node_name(26) == "n26");
}
