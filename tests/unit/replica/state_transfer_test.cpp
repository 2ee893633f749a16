// A replica that lacks what nobody keeps any more gets a state: lost, repeated and late chunks, restarts in
// the middle, work of its own.
#include <catch2/catch.hpp>

#include "tests/support/property.h"
#include "tests/unit/replica/sites.h"

using namespace anabranch;
using namespace anabranch::test;

namespace {

replica::Options keeps_little() {
    replica::Options options;
    options.kept_bytes_max = 200;
    options.checkpoint_log_bytes_min = 500;
    options.slice_bytes = 300;
    return options;
}
std::string add(std::uint64_t k, std::int64_t n) {
    return "CALL add(" + std::to_string(k) + ", " + std::to_string(n) + ")";
}
// b and c have done much while a was away, and no longer keep it.
void leave_behind(Sites& sites, int count = 60) {
    sites.link_all();
    sites.settle(5);
    sites.link(0, 1, false);
    sites.link(0, 2, false);
    for (int i = 0; i < count; ++i) sites[1].call(add(static_cast<std::uint64_t>(i % 50), 1), sites.now);
    sites.settle();
}
template <typename Message>
bool is(const Letter& letter) {
    return std::holds_alternative<Message>(letter.message);
}

// a has fetched the state of b, which has shown it what is nowhere else, and then b's disk is lost.
void show_and_lose(Sites& sites) {
    leave_behind(sites);
    sites.link(1, 2, false);
    sites.link(0, 1);
    for (int i = 0; i < 300 && !sites[0].noticed("the state of b is here"); ++i) {
        if (i % 10 == 0) sites.tick();
        for (const auto& letter : sites.collect()) {
            if (is<wire::StateChunk>(letter)) sites[1].call(add(49, 1), sites.now);
            sites.deliver(letter);
            if (sites[0].noticed("the state of b is here")) break;
        }
    }
    REQUIRE(sites[0].noticed("the state of b is here"));
    REQUIRE(sites[0].call("SELECT n FROM tally", sites.now) == "57P03");
    sites.link(0, 1, false);
    sites[1].lose_directory(ReplicaId{999}, sites.now);
}

// Now and then one of three sites adds something, or starts again. What has been added.
std::int64_t work_or_restart(Sites& sites, Random& random) {
    std::int64_t added = 0;
    if (random.chance(0.1)) {
        const auto n = static_cast<std::int64_t>(1 + random.below(5));
        if (sites[random.below(3)].call(add(random.below(50), n), sites.now) == "00000") added = n;
    }
    if (random.chance(0.03)) sites[random.below(3)].restart(sites.now);
    return added;
}
// All links begin anew, and then all three have the same, which is all that was added.
void heal_and_check(Sites& sites, std::size_t rounds, std::int64_t sum) {
    for (std::size_t i = 0; i < 3; ++i) {
        sites.link(i, (i + 1) % 3, false);
        sites.link(i, (i + 1) % 3);
    }
    sites.settle(rounds);
    INFO(sites.describe());
    CHECK(sites.agree());
    CHECK(sites[0].total() == sum);
    for (std::size_t i = 0; i < 3; ++i) sites[i].replica().database().self_check();
}

}  // namespace

TEST_CASE("who lacks what is no longer kept gets the state, and keeps its own work") {
    Sites sites(3, keeps_little());
    leave_behind(sites);
    CHECK(sites[0].call(add(7, 100), sites.now) == "00000");
    sites.link_all();
    sites.settle();
    CHECK(sites[0].noticed("it fetches the state of"));
    CHECK(sites.agree());
    CHECK(sites[0].total() == 160);
    CHECK(sites[2].total() == 160);
}

TEST_CASE("two replicas that both lack what the other no longer keeps do not wait for each other for ever") {
    for (const std::size_t count : {2, 3}) {
        Sites sites(count, keeps_little());
        sites.link_all();
        sites.settle(5);
        for (std::size_t i = 0; i < count; ++i)
            for (std::size_t j = i + 1; j < count; ++j) sites.link(i, j, false);
        for (int i = 0; i < 40; ++i)
            for (std::size_t site = 0; site < count; ++site)
                sites[site].call(add(static_cast<std::uint64_t>(i), 1), sites.now);
        sites.settle(3);
        sites.link_all();
        sites.settle(60);
        INFO(sites.describe());
        CHECK(sites.agree());
        CHECK(sites[0].total() == static_cast<std::int64_t>(40 * count));
        CHECK(sites[0].call("SELECT n FROM tally", sites.now) == "00000");
    }
}

TEST_CASE("while half a state is here clients are told to wait, and the source's notice nothing") {
    Sites sites(3, keeps_little());
    leave_behind(sites);
    sites.link(0, 1);
    bool seen = false;
    for (int i = 0; i < 200 && !seen; ++i) {
        if (i % 10 == 0) sites.tick();
        for (const auto& letter : sites.collect()) {
            sites.deliver(letter);
            seen = seen || (is<wire::StateChunk>(letter) && letter.to == "a");
        }
    }
    REQUIRE(seen);
    CHECK(sites[0].call("SELECT n FROM tally", sites.now) == "57P03");
    CHECK(sites[0].call(add(1, 1), sites.now) == "57P03");
    CHECK(sites[1].call(add(1, 1), sites.now) == "00000");
    sites.settle();
    CHECK(sites[0].call("SELECT n FROM tally", sites.now) == "00000");
    sites.link(0, 2);
    sites.settle();
    CHECK(sites.agree());
}

TEST_CASE(
    "a transfer survives lost, repeated and late chunks, restarts of both sides, and work at all of them") {
    for_seeds(40, [](Random& random) {
        Sites sites(3, keeps_little());
        leave_behind(sites, 40);
        std::int64_t sum = 40;
        sites.link_all();
        std::vector<Letter> late;
        for (int round = 0; round < 150; ++round) {
            if (random.chance(0.6)) sites.tick();
            for (auto& letter : sites.collect()) late.push_back(std::move(letter));
            while (!late.empty() && random.chance(0.9)) {
                const auto i = random.below(late.size());
                std::swap(late[i], late.back());
                if (!random.chance(0.15)) sites.deliver(late.back());
                if (!random.chance(0.15)) late.pop_back();
            }
            sum += work_or_restart(sites, random);
        }
        heal_and_check(sites, 80, sum);
    });
}

TEST_CASE("half_shown_for_ever: what only a lost disk had whole is given up, all rows are fetched anew") {
    Sites sites(3, keeps_little());
    show_and_lose(sites);
    sites.settle(30);
    CHECK(sites[0].call("SELECT n FROM tally", sites.now) == "57P03");  // nobody is there to ask
    sites.link_all();
    sites.settle(60);
    INFO(sites.describe());
    CHECK(sites[0].noticed("it fetches all rows anew"));
    CHECK(sites.agree());
    CHECK(sites[0].total() == 60);
    CHECK(sites[0].call("SELECT n FROM tally", sites.now) == "00000");
    sites[0].restart(sites.now);
    CHECK(sites.agree());
    sites[0].replica().database().self_check();
}

TEST_CASE("fetching all rows anew survives lost letters, restarts and work at the others") {
    for_seeds(30, [](Random& random) {
        Sites sites(3, keeps_little());
        show_and_lose(sites);
        sites.link_all();
        std::int64_t sum = 60;
        for (int round = 0; round < 200; ++round) {
            if (random.chance(0.5)) sites.tick();
            for (const auto& letter : sites.collect())
                if (!random.chance(0.05)) sites.deliver(letter);
            sum += work_or_restart(sites, random);
        }
        heal_and_check(sites, 100, sum);
    });
}

TEST_CASE("a node on an old copy of its directory takes no writes, once a peer knows more of its past") {
    auto sites = Sites(2);
    sites.link_all();
    sites.settle(5);
    sites[0].auto_sync = false;
    CHECK(sites[0].call(add(1, 5), sites.now) == "00000");
    wire::Have have;
    have.version = {{ReplicaId{100}, 7}};
    sites[0].step(replica::FromPeer{"b", have}, sites.now);
    CHECK(sites[0].noticed("the data directory is an old copy"));
    CHECK(sites[0].call(add(1, 5), sites.now) == "55000");
    CHECK(sites[0].call("SELECT n FROM tally", sites.now) == "00000");
}

TEST_CASE("rows take no more memory than they may: writes are refused with 53200, DELETE and reads go on") {
    replica::Options options;
    options.memory_bytes_max = 300'000;
    Sites sites(1, options);
    std::string state = "00000";
    std::uint64_t k = 0;
    for (; k < 20'000 && state == "00000"; ++k) {
        if (k % 100 == 0) sites.tick();
        state = sites[0].call(add(k, 1), sites.now);
    }
    CHECK(state == "53200");
    CHECK(sites[0].noticed("--memory-bytes"));
    CHECK(sites[0].call("SELECT n FROM tally WHERE k = 1", sites.now) == "00000");
    CHECK(sites[0].call("CALL remove(1)", sites.now) == "00000");
}

TEST_CASE("a chunk that nobody asked for, or that is damaged, changes nothing") {
    Sites sites(3, keeps_little());
    leave_behind(sites);
    const auto digests = sites[1].digests();
    wire::StateChunk chunk;
    chunk.version = {{ReplicaId{100}, 1}};
    chunk.chunk = "rubbish";
    chunk.next_table = 1;
    chunk.identities = "x";
    sites[1].step(replica::FromPeer{"c", chunk}, sites.now);
    CHECK(sites[1].digests() == digests);
    // And one that was asked for, with a flipped bit: the next one is whole.
    sites.link(0, 1);
    bool flipped = false;
    for (int i = 0; i < 300; ++i) {
        if (i % 10 == 0) sites.tick();
        for (auto letter : sites.collect()) {
            if (auto* state = std::get_if<wire::StateChunk>(&letter.message);
                state != nullptr && !flipped && state->chunk.size() > 20) {
                state->chunk[state->chunk.size() / 2] ^= 1;
                flipped = true;
            }
            sites.deliver(letter);
        }
    }
    REQUIRE(flipped);
    CHECK_FALSE(sites[0].disconnected.empty());
    sites.link_all();
    sites.settle(60);
    CHECK(sites.agree());
    CHECK(sites[0].total() == 60);
}
