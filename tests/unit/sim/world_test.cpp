#include "node/sim/world.h"

#include "tests/support/property.h"
#include "tests/unit/sim/bank.h"

using namespace anabranch;
using namespace anabranch::sim;
using namespace anabranch::sim::test;

namespace {

// What is counted over the histories of a campaign comes less often where fewer of them run.
constexpr std::uint64_t fewer = anabranch::test::sanitized ? 4 : 1;

std::map<std::string, std::uint64_t> campaign(std::uint64_t seeds,
                                              const std::function<void(Options&)>& change) {
    std::map<std::string, std::uint64_t> marks;
    for (std::uint64_t seed = 1; seed <= anabranch::test::seeds_to_run(seeds); ++seed) {
        auto options = quick(seed);
        change(options);
        const auto outcome = run_bank(options);
        CAPTURE(seed, options.replicas, outcome.rule, outcome.problem);
        REQUIRE(outcome.ok);
        for (const auto& [name, count] : outcome.marks) marks[name] += count;
        marks["committed"] += outcome.committed;
        marks["crashes"] += outcome.crashes;
        marks["cut links"] += outcome.partitions;
    }
    return marks;
}

// A history that once broke a rule.
Outcome survives(const std::string& name) {
    const auto script = parse_script(anabranch::test::read_file(
        anabranch::test::source_path("tests/unit/sim/scripts/" + name + ".script")));
    REQUIRE(script);
    auto outcome = run(bank(), bank_plan(), *script);
    INFO(outcome.problem);
    CHECK(outcome.ok);
    return outcome;
}

Faults only(const std::function<void(Faults&)>& change) {
    Faults out{false, false, false, false, false, false, false, false, false, false, false, false, false};
    change(out);
    return out;
}

}  // namespace

TEST_CASE("the bank keeps every rule through faults of all kinds, and no rare path is missed") {
    const auto marks = campaign(100, [](Options&) {});
    if (anabranch::test::sanitized) return;
    // A run in which nothing happens proves nothing.
    for (const auto* name : {"committed",
                             "crashes",
                             "cut links",
                             "checkpoints",
                             "log truncations",
                             "state transfers begun",
                             "state transfers done",
                             "lost directories",
                             "rejoins",
                             "primaries",
                             "clients moved",
                             "full disks",
                             "flipped bits",
                             "refused peers",
                             "stamps refused",
                             "answers lost",
                             "entries ahead",
                             "nodes that joined",
                             "nodes that were removed",
                             "changes asked",
                             "rotten bits",
                             "rotten disks salvaged",
                             "entries lost",
                             "answers from memory",
                             "quorums reached",
                             "quorums missed"}) {
        CAPTURE(name);
        CHECK(marks.contains(name));
        CHECK(marks.at(name) > 0);
    }
    CHECK(marks.at("committed") > 100 * 50);
}

TEST_CASE("five replicas keep every rule through faults of all kinds") {
    campaign(15, [](Options& options) {
        options.replicas = 5;
        options.call_interval = millis(10);
    });
}

TEST_CASE("two replicas keep every rule through faults of all kinds") {
    campaign(30, [](Options& options) { options.replicas = 2; });
}

TEST_CASE("nodes that join, leave and come back while others crash keep every rule") {
    const auto marks = campaign(100, [](Options& options) {
        options.faults = only([](Faults& f) { f.crashes = f.partitions = f.loss = f.members = true; });
    });
    CHECK(marks.at("nodes that joined") > 20 / fewer);
    CHECK(marks.at("nodes that were removed") > 20 / fewer);
}

TEST_CASE("a bit that turns over on a disk is found at the next start, and never used") {
    const auto marks = campaign(100, [](Options& options) {
        options.faults = only([](Faults& f) { f.rot = f.crashes = f.disks = true; });
    });
    CHECK(marks.at("rotten bits") > 5 / fewer);
    CHECK(marks.at("rotten disks salvaged") > 5 / fewer);
}

TEST_CASE("one seed gives one history") {
    for (std::uint64_t seed : {1, 2, 3, 4, 5}) {
        const auto first = run_bank(quick(seed));
        const auto second = run_bank(quick(seed));
        CHECK(first.fingerprint == second.fingerprint);
        CHECK(first.events == second.events);
    }
}

TEST_CASE("without faults no call is unavailable and nothing waits to converge") {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        auto options = quick(seed);
        options.faults = only([](Faults&) {});
        const auto outcome = run_bank(options);
        CAPTURE(seed, outcome.problem);
        REQUIRE(outcome.ok);
        CHECK(outcome.unavailable == 0);
        CHECK(outcome.converged_after < seconds(2));
    }
}

// A node that fetches a state serves nobody meanwhile; apart from that, late messages make calls late.
TEST_CASE("where messages are late, and out of order, but arrive, no call is unavailable") {
    std::uint64_t calm = 0;
    const std::uint64_t seeds = anabranch::test::seeds_to_run(60);
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        auto options = quick(seed);
        options.call_interval = millis(5);
        options.faults = only([](Faults& faults) { faults.delay = faults.reordering = true; });
        auto outcome = run_bank(options);
        CAPTURE(seed, outcome.problem);
        REQUIRE(outcome.ok);
        if (outcome.marks["state transfers begun"] > 0) continue;
        ++calm;
        CHECK(outcome.unavailable == 0);
    }
    CHECK(calm > seeds / 2);
}

// ---- anomalies that were found here ----

// The chunks of a state are as of different times: a transfer of money was shown without the account it
// names.
TEST_CASE("a state fetched while transactions run shows no half of any of them") {
    const auto marks = campaign(40, [](Options& options) {
        options.faults = only([](Faults& f) { f.crashes = f.directories = f.partitions = true; });
        options.call_interval = millis(8);
    });
    CHECK(marks.at("state transfers done") > 5);
}

// Two nodes that each lacked what the other had dropped asked each other for ever, and served nobody.
TEST_CASE("two nodes that want each other's state both get it") {
    const auto marks = campaign(40, [](Options& options) {
        options.faults = only([](Faults& f) { f.crashes = f.partitions = f.delay = true; });
        options.call_interval = millis(8);
    });
    CHECK(marks.at("state transfers done") > 5);
}

// Timers of a node whose clock was set back stood still until the clock had caught up: an hour.
TEST_CASE("a node whose clock is set back by an hour goes on answering") {
    const auto script = parse_script(R"(
load 9000
at 100 call a 0 CALL open_account(1, 'ann')
at 1000 clock c -3600000
at 1500 cut a c
at 1500 cut b c
at 1500 cut c a
at 1500 cut c b
at 2000 call c 2 CALL withdraw(1, 1)
at 2000 call c 5 CALL deposit(1, 1)
at 7000 mend
at 8500 call c 5 CALL withdraw(1, 1)
)");
    REQUIRE(script);
    const auto outcome = run(bank(), bank_plan(), *script);
    INFO(outcome.problem);
    CHECK(outcome.ok);
    CHECK(outcome.unavailable == 1);
    CHECK(outcome.committed == 3);
}

TEST_CASE("a free call that waited and was lost with the only directory that held it is not missed") {
    Options options;
    options.seed = 263;
    options.faults.power = false;
    const auto outcome = run_bank(options);
    INFO(outcome.problem);
    CHECK(outcome.ok);
    CHECK(outcome.marks.at("lost directories") > 0);
}

TEST_CASE("a voter is not removed while another one has lost its directory and takes no part yet") {
    std::uint64_t lost = 0;
    for (int wait = 0; wait <= 60; wait += 5)
        for (const auto* node : {"a", "b", "c"}) {
            const std::string other = node == std::string("c") ? "a" : "c";
            const auto script =
                parse_script("load 4000\nat 1000 lose " + std::string(node) + "\nat 1400 boot " + node +
                             "\nat " + std::to_string(1401 + wait) + " change b remove " + other + "\n");
            REQUIRE(script);
            const auto outcome = run(bank(), bank_plan(), *script);
            CAPTURE(node, wait, outcome.problem);
            CHECK(outcome.ok);
            lost += outcome.marks.contains("lost directories") ? 1 : 0;
        }
    CHECK(lost > 20);
}

TEST_CASE("an entry is not committed on top of another delta than the one that it was made on") {
    survives("reused_dot");
}

TEST_CASE(
    "a state that was half here before a crash is not mixed with an entry of the order that it covers") {
    const auto outcome = survives("half_state_restart");
    CHECK(outcome.marks.at("state transfers done") > 0);
}

TEST_CASE("a salvaged node that was the only voter by what is left of its log does not lead by itself") {
    const auto outcome = survives("salvaged_sole_voter");
    CHECK(outcome.marks.at("rotten disks salvaged") == 1);
}

TEST_CASE(
    "half_shown_for_ever: the node that alone had what a fetched state shows has lost it, and all rows come "
    "anew") {
    const auto outcome = survives("half_shown_for_ever");
    CHECK(outcome.marks.at("states fetched anew") > 0);
}

TEST_CASE(
    "returned_and_lost: a member that came back with another directory is sent the log from its beginning") {
    const auto outcome = survives("returned_and_lost");
    CHECK(outcome.marks.at("rejoins") == 1);
}

TEST_CASE("restarted_without_primary: who has joined serves again, though nobody confirms what it was told") {
    const auto outcome = survives("restarted_without_primary");
    CHECK(outcome.marks.at("rotten disks salvaged") == 1);
}

TEST_CASE(
    "starved_under_load: what a full disk could not take comes though the others make more all the time") {
    const auto outcome = survives("starved_under_load");
    CHECK(outcome.marks.at("full disks") == 1);
}
