// Gossip, step by step: what leaves when, what happens to letters that come twice, late, in any order or
// never.
#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/support/property.h"
#include "tests/unit/replica/sites.h"

namespace anabranch::test::gossip_test {

namespace {

std::size_t deltas_in(const std::vector<Letter>& letters, const std::string& to = "") {
    std::size_t count = 0;
    for (const auto& letter : letters)
        if (const auto* deltas = std::get_if<wire::Deltas>(&letter.message))
            if (to.empty() || letter.to == to) count += deltas->deltas.size();
    return count;
}
std::vector<Letter> only_deltas(std::vector<Letter> letters) {
    std::erase_if(letters,
                  [](const Letter& letter) { return !std::holds_alternative<wire::Deltas>(letter.message); });
    return letters;
}
std::string add(std::uint64_t k, std::int64_t n) {
    return "CALL add(" + std::to_string(k) + ", " + std::to_string(n) + ")";
}

Sites together(std::size_t count, replica::Options options = {}) {
    Sites sites(count, options);
    sites.link_all();
    sites.settle(5);
    return sites;
}

}  // namespace

TEST_CASE("a delta leaves when it is durable, to every peer, and not before") {
    auto sites = together(3);
    sites[0].auto_sync = false;
    CHECK(sites[0].call(add(1, 5), sites.now) == "00000");
    CHECK(deltas_in(sites.collect()) == 0);
    sites[0].sync(sites.now);
    const auto letters = sites.collect();
    CHECK(deltas_in(letters, "b") == 1);
    CHECK(deltas_in(letters, "c") == 1);
}

TEST_CASE("what a crash forgets, nobody has heard of") {
    auto sites = together(2);
    CHECK(sites[0].call(add(1, 5), sites.now) == "00000");
    sites.settle();
    sites[0].auto_sync = false;
    CHECK(sites[0].call(add(1, 7), sites.now) == "00000");
    sites.link(0, 1, false);
    sites[0].restart(sites.now);
    sites[0].auto_sync = true;
    sites.link(0, 1);
    sites.settle();
    CHECK(sites[0].total() == 5);
    CHECK(sites[1].total() == 5);
    CHECK(sites[0].call(add(1, 1), sites.now) == "00000");  // with the number that was forgotten
    sites.settle();
    CHECK(sites[1].total() == 6);
    CHECK(sites.agree());
}

TEST_CASE("a delta that arrives again changes nothing") {
    auto sites = together(2);
    sites[0].call(add(1, 5), sites.now);
    const auto letters = only_deltas(sites.collect());
    REQUIRE(letters.size() == 1);
    sites.deliver(letters[0]);
    const auto version = sites[1].version();
    const auto digests = sites[1].digests();
    for (int i = 0; i < 3; ++i) sites.deliver(letters[0]);
    CHECK(sites[1].version() == version);
    CHECK(sites[1].digests() == digests);
    CHECK(sites[1].total() == 5);
}

TEST_CASE("a delta that comes before its past waits outside, and comes again") {
    auto sites = together(2);
    sites[0].call(add(1, 5), sites.now);
    (void)sites.collect();  // lost
    sites[0].call(add(1, 7), sites.now);
    for (const auto& letter : only_deltas(sites.collect())) sites.deliver(letter);
    CHECK(sites[1].total() == 0);
    sites.settle();
    CHECK(sites[1].total() == 12);
    CHECK(sites.agree());
}

TEST_CASE("a peer is never sent what it is known to hold") {
    auto sites = together(3);
    for (int i = 0; i < 10; ++i) sites[0].call(add(1, 1), sites.now);
    sites.settle();
    std::size_t sent = 0;
    for (int i = 0; i < 20; ++i) {
        sites.tick();
        for (const auto& letters = sites.collect(); const auto& letter : letters) {
            sent += deltas_in({letter});
            sites.deliver(letter);
        }
    }
    CHECK(sent == 0);
    // Nor when a link comes back.
    sites.link(0, 1, false);
    sites.link(0, 1);
    for (int i = 0; i < 10; ++i) {
        sites.tick();
        for (const auto& letters = sites.collect(); const auto& letter : letters) {
            sent += deltas_in({letter});
            sites.deliver(letter);
        }
    }
    CHECK(sent == 0);
}

TEST_CASE("what comes in any order is merged in causal order, and nothing has to come again") {
    auto sites = together(3);
    std::vector<Letter> letters;
    for (int i = 0; i < 12; ++i) {
        sites[static_cast<std::size_t>(i % 2)].call(add(1, 1), sites.now);
        for (const auto& letter : only_deltas(sites.collect())) {
            if (letter.to != "c") sites.deliver(letter);  // so that each depends on those before
            if (letter.to == "c") letters.push_back(letter);
        }
    }
    std::reverse(letters.begin(), letters.end());
    for (const auto& letter : letters) sites.deliver(letter);
    CHECK(sites[2].total() == 12);
    CHECK(sites[2].replica().traffic().deltas_waited > 0);
    CHECK(sites[2].replica().traffic().deltas_dropped == 0);
}

TEST_CASE("deltas that wait for their past take no more room than they may, and are not lost") {
    replica::Options options;
    options.waiting_bytes_max = 300;
    auto sites = together(2, options);
    for (int i = 0; i < 20; ++i) sites[0].call(add(1, 1), sites.now);
    auto letters = only_deltas(sites.collect());
    std::reverse(letters.begin(), letters.end());
    for (const auto& letter : letters) sites.deliver(letter);
    CHECK(sites[1].total() < 20);
    CHECK(sites[1].replica().traffic().deltas_dropped > 0);
    sites.settle();
    CHECK(sites[1].total() == 20);
    CHECK(sites.agree());
}

TEST_CASE("in a mesh each delta reaches each node once, however many could bring it") {
    auto sites = together(4);
    const auto run = [&](int calls) {
        for (int i = 0; i < calls; ++i) {
            sites[static_cast<std::size_t>(i % 4)].call(add(1, 1), sites.now);
            for (int hop = 0; hop < 4; ++hop) {
                for (const auto& letter : sites.collect()) sites.deliver(letter);
                sites.tick(millis(10));
            }
        }
    };
    run(16);  // they find out who brings what
    std::uint64_t before = 0, after = 0;
    for (std::size_t i = 0; i < 4; ++i) before += sites[i].replica().traffic().deltas_received;
    run(100);
    for (std::size_t i = 0; i < 4; ++i) after += sites[i].replica().traffic().deltas_received;
    CHECK(after - before == 300);
    CHECK(sites.agree());
}

TEST_CASE("a node that loses the link by which deltas came gets them at once by another way") {
    auto sites = together(3);
    for (int i = 0; i < 9; ++i) {
        sites[static_cast<std::size_t>(i % 3)].call(add(1, 1), sites.now);
        sites.settle(1);
    }
    sites.link(0, 2, false);
    for (int i = 0; i < 2; ++i) {
        sites.tick(millis(10));
        for (const auto& letter : sites.collect()) sites.deliver(letter);
    }
    sites[0].call(add(1, 1), sites.now);
    for (int hop = 0; hop < 2; ++hop)
        for (const auto& letter : only_deltas(sites.collect())) sites.deliver(letter);
    CHECK(sites[2].total() == 10);
}

TEST_CASE("a link that is up and brings nothing does not keep deltas from coming by another way") {
    auto sites = together(3);
    for (int i = 0; i < 9; ++i) {
        sites[static_cast<std::size_t>(i % 3)].call(add(1, 1), sites.now);
        sites.settle(1);
    }
    sites[0].call(add(1, 1), sites.now);
    for (int i = 0; i < 5; ++i) {
        for (int hop = 0; hop < 3; ++hop)
            for (const auto& letter : sites.collect())
                if (letter.from != "a" || letter.to != "c") sites.deliver(letter);
        sites.tick();
    }
    CHECK(sites[2].total() == 10);
}

TEST_CASE("where the direct link is cut, deltas come by way of a third node") {
    Sites sites(3);
    sites.link(0, 1);
    sites.link(1, 2);
    sites.settle(5);
    sites[0].call(add(1, 5), sites.now);
    sites[2].call(add(1, 6), sites.now);
    sites.settle();
    CHECK(sites[0].total() == 11);
    CHECK(sites.agree());
}

TEST_CASE("replicas that run apart agree once they meet, whoever they meet first") {
    for_seeds(20, [](Random& random) {
        Sites sites(4);
        std::int64_t sum = 0;
        for (int i = 0; i < 40; ++i) {
            const auto n = static_cast<std::int64_t>(1 + random.below(9));
            sum += n;
            REQUIRE(sites[random.below(4)].call(add(random.below(5), n), sites.now) == "00000");
        }
        std::vector<std::pair<std::size_t, std::size_t>> chain{{0, 1}, {1, 2}, {2, 3}};
        std::rotate(chain.begin(), chain.begin() + static_cast<std::ptrdiff_t>(random.below(3)), chain.end());
        for (const auto& [a, b] : chain) {
            sites.link(a, b);
            sites.settle(3);
        }
        sites.settle();
        CHECK(sites.agree());
        CHECK(sites[3].total() == sum);
    });
}

TEST_CASE("loss, repetition, delay and any order of letters lead to one state, with nothing counted twice") {
    for_seeds(60, [](Random& random) {
        replica::Options options;
        options.batch_bytes_max = 1 + random.below(2000);
        options.kept_bytes_max = random.chance(0.3) ? 500 : 1 << 20;
        options.checkpoint_log_bytes_min = random.chance(0.5) ? 800 : 1 << 20;
        options.slice_bytes = 100 + random.below(1000);
        auto sites = together(3, options);
        const bool removals = random.chance(0.5);
        std::int64_t sum = 0;
        std::vector<Letter> late;
        for (int round = 0; round < 60; ++round) {
            auto& site = sites[random.below(3)];
            const auto n = static_cast<std::int64_t>(1 + random.below(9));
            const auto k = random.below(4);
            if (removals && random.chance(0.2))
                site.call("CALL remove(" + std::to_string(k) + ")", sites.now);
            else if (random.chance(0.2))
                site.call("CALL note(" + std::to_string(k) + ", 'x" + std::to_string(n) + "')", sites.now);
            else if (site.call(add(k, n), sites.now) == "00000")
                sum += n;
            if (random.chance(0.1)) sites[random.below(3)].restart(sites.now);
            if (random.chance(0.1)) {
                const auto a = random.below(3);
                sites.link(a, (a + 1) % 3, random.chance(0.5));
            }
            if (random.chance(0.5)) sites.tick();
            auto letters = sites.collect();
            std::move(letters.begin(), letters.end(), std::back_inserter(late));
            while (!late.empty() && random.chance(0.8)) {
                const auto i = random.below(late.size());
                std::swap(late[i], late.back());
                if (!random.chance(0.2)) sites.deliver(late.back());
                if (!random.chance(0.2)) late.pop_back();
            }
        }
        for (std::size_t i = 0; i < 3; ++i) {  // every link is opened anew
            sites.link(i, (i + 1) % 3, false);
            sites.link(i, (i + 1) % 3);
        }
        sites.settle(60);
        CHECK(sites.agree());
        if (!removals) CHECK(sites[0].total() == sum);
        for (std::size_t i = 0; i < 3; ++i) {
            sites[i].replica().database().self_check();
            CHECK_FALSE(sites[i].noticed("divergence"));
        }
        // Whatever is still on its way says nothing new.
        const auto digests = sites[0].digests();
        for (const auto& letter : late) sites.deliver(letter);
        CHECK(sites.agree());
        CHECK(sites[0].digests() == digests);
    });
}

TEST_CASE("different states at equal version vectors are named") {
    auto sites = together(2);
    sites[0].call(add(1, 5), sites.now);
    sites.settle();
    wire::Have forged;
    for (const auto& entry : sites[0].version().entries())
        forged.version.emplace_back(entry.origin, entry.seq);
    forged.digests.resize(2 * tallies(false)->tables.size(), 1);
    sites[0].step(replica::FromPeer{"b", forged}, sites.now);
    CHECK(sites[0].noticed("divergence: table tally differs from peer b"));
    CHECK_FALSE(sites[1].noticed("divergence"));
}

TEST_CASE(
    "greetings of another schema, cluster, protocol or of a copy are refused, and nothing else counts") {
    Sites sites(2);
    sites.link(0, 1);
    const auto letters = sites.collect();
    const auto found = std::find_if(letters.begin(), letters.end(), [](const Letter& letter) {
        return letter.from == "b" && std::holds_alternative<wire::Hello>(letter.message);
    });
    REQUIRE(found != letters.end());
    const auto hello = std::get<wire::Hello>(found->message);
    const auto refused = [&](auto change, const std::string& why) {
        auto wrong = hello;
        change(wrong);
        sites[0].step(replica::FromPeer{"b", wrong}, sites.now);
        INFO(why);
        CHECK(sites[0].noticed(why));
        CHECK_FALSE(sites[0].disconnected.empty());
        sites[0].disconnected.clear();
    };
    refused([](wire::Hello& h) { h.schema_hash ^= 1; }, "another schema");
    refused([](wire::Hello& h) { h.cluster ^= 1; }, "another cluster");
    refused([](wire::Hello& h) { h.protocol = 99; }, "peer protocol 99");
    refused([](wire::Hello& h) { h.protocol = wire::protocol_version - 1; },
            "peer protocol 2, this node speaks 3");
    refused([](wire::Hello& h) { h.name = "z"; }, "calls itself z");
    refused([](wire::Hello& h) { h.id = ReplicaId{100}; }, "one data directory is a copy");
    sites[0].step(replica::FromPeer{"b", wire::Deltas{{"not read at all"}}}, sites.now);
    CHECK(sites[0].disconnected.empty());
}

TEST_CASE("a node that lost its directory gets all of it back, though its greetings on a new link are lost") {
    auto sites = together(3);
    sites[0].call(add(1, 5), sites.now);
    sites[1].call(add(1, 2), sites.now);
    sites.settle();
    sites.link(0, 1, false);
    sites.link(1, 2, false);
    sites.now = sites.now + seconds(5);
    sites[1].lose_directory(ReplicaId{900}, sites.now);
    sites.link(0, 1);
    sites.link(1, 2);
    for (const auto& letter : sites.collect())
        if (letter.from != "b" || !std::holds_alternative<wire::Hello>(letter.message)) sites.deliver(letter);
    sites.settle();
    INFO(sites.describe());
    CHECK(sites[1].total() == 7);
    CHECK(sites.agree());
    CHECK(sites[1].replica().under_way().empty());
}

TEST_CASE("no flipped bit in a delta is merged: the sender is named, and the delta comes whole again") {
    auto sites = together(2);
    sites[0].call(add(1, 5), sites.now);
    const auto letters = only_deltas(sites.collect());
    REQUIRE(letters.size() == 1);
    const auto whole = std::get<wire::Deltas>(letters[0].message);
    for (std::size_t at = 0; at < whole.deltas[0].size(); ++at) {
        CAPTURE(at);
        auto flipped = letters[0];
        auto& bytes = std::get<wire::Deltas>(flipped.message).deltas[0];
        bytes[at] = static_cast<char>(bytes[at] ^ 1 << at % 8);
        sites.deliver(flipped);
        CHECK(sites[1].total() == 0);
        CHECK_FALSE(sites[1].disconnected.empty());
        sites[1].disconnected.clear();
    }
    CHECK(sites[1].noticed("peer a: bad delta"));
    sites.link(0, 1, false);
    sites.link(0, 1);
    sites.settle();
    CHECK(sites[1].total() == 5);
}

TEST_CASE("a delta from the far future is not adopted, and the clock stays right") {
    Sites sites(2);
    sites[0].call(add(1, 1), sites.now);
    sites.now = sites.now + seconds(7200);
    sites[0].call(add(1, 2), sites.now);  // its clock is two hours ahead
    sites.now = sites.now - seconds(7200);
    sites.link(0, 1);
    sites.settle(3);
    CHECK(sites[1].noticed("too far in the future"));
    CHECK(sites[1].total() == 1);
    CHECK(sites[1].call(add(2, 1), sites.now) == "00000");
}

TEST_CASE("large_transaction_on_a_full_disk: what the disk has no room for is refused before it commits") {
    auto sites = together(2);
    sites[0].step(replica::LogSpace{true, 2'000'000}, sites.now);
    CHECK(sites[0].call(add(1, 1), sites.now) == "00000");
    CHECK(sites[0].call("CALL note(1, repeat('x', 3000000))", sites.now) == "53100");
    CHECK(sites[0].call("CALL note(1, repeat('x', 1500000))", sites.now) == "00000");
    // It has taken most of what was free.
    CHECK(sites[0].call("CALL note(1, repeat('y', 1500000))", sites.now) == "53100");
    CHECK(sites[0].call(add(1, 1), sites.now) == "00000");
    // A peer's waits there until there is room here.
    CHECK(sites[1].call(add(2, 1), sites.now) == "00000");
    CHECK(sites[1].call("CALL note(2, repeat('z', 3000000))", sites.now) == "00000");
    sites.settle();
    CHECK(sites[0].version().get(sites[1].replica().options().id) == 1);
    sites[0].step(replica::LogSpace{true, 50'000'000}, sites.now);
    sites.settle();
    CHECK(sites[0].call("CALL note(1, repeat('y', 1500000))", sites.now) == "00000");
    sites.settle();
    CHECK(sites.agree());
    CHECK(sites[0].total() == 3);
}

TEST_CASE("a transaction or a row too large for one message between nodes is refused, and leaves no gap") {
    replica::Options options;
    options.delta_bytes_max = 5'000'000;
    options.row_bytes_max = 3'000'000;
    Sites sites(2, options);
    sites.link(0, 1);
    sites[0].call(add(1, 1), sites.now);
    CHECK(sites[0].call("CALL note(1, repeat('x', 6000000))", sites.now) == "54000");
    CHECK(sites[0].call("CALL note(1, repeat('x', 4000000))", sites.now) == "54000");
    CHECK(sites[0].call("CALL note(1, repeat('x', 2900000))", sites.now) == "00000");
    sites.settle();
    CHECK(sites[1].version().get(sites[0].replica().options().id) == 2);
    CHECK(sites.agree());
    sites[0].restart(sites.now);
    CHECK(sites[0].call(add(1, 1), sites.now) == "00000");
}

TEST_CASE("with a full disk writes are refused, reads go on, and what peers send comes later") {
    auto sites = together(2);
    sites[0].call(add(1, 5), sites.now);
    sites.settle();
    sites[0].step(replica::LogSpace{false}, sites.now);
    CHECK(sites[0].call(add(1, 1), sites.now) == "53100");
    CHECK(sites[0].call("SELECT n FROM tally", sites.now) == "00000");
    sites[1].call(add(1, 2), sites.now);
    sites.settle();
    CHECK(sites[0].total() == 5);
    sites[0].step(replica::LogSpace{true}, sites.now);
    sites.settle();
    CHECK(sites[0].total() == 7);
    CHECK(sites[0].call(add(1, 1), sites.now) == "00000");
    sites.settle();
    CHECK(sites.agree());
}

TEST_CASE("what a peer could not take comes again though new deltas follow it all the time") {
    auto sites = together(2);
    sites[0].step(replica::LogSpace{false}, sites.now);
    sites[1].call(add(1, 1), sites.now);
    sites.settle(1);
    sites[0].step(replica::LogSpace{true}, sites.now);
    for (int calls = 0; calls < 20; ++calls) {
        sites[1].call(add(1, 1), sites.now);
        sites.settle(1);
    }
    CHECK(sites[0].total() > 1);
}

TEST_CASE(
    "of two writes that did not know each other the lost one is kept for people to see, at every replica") {
    Sites sites(2);
    sites.link_all();
    sites.settle(3);
    sites[0].call(add(1, 1), sites.now);
    sites.settle();
    sites.link(0, 1, false);
    sites[0].call("CALL note(1, 'early')", sites.now);
    sites.now = sites.now + seconds(1);
    sites[1].call("CALL note(1, 'late')", sites.now);
    sites.link(0, 1);
    sites.settle();
    REQUIRE(sites.agree());
    for (std::size_t i = 0; i < 2; ++i) {
        const auto& losses = sites[i].replica().overwritten().losses();
        REQUIRE(losses.size() == 1);
        CHECK(losses[0].lost.origin == ReplicaId{100});
        CHECK(losses[0].lost_values[0].bytes == "early");
        CHECK(losses[0].kept_values[0].bytes == "late");
    }
    // One that was known is no loss.
    sites[0].call("CALL note(1, 'again')", sites.now);
    sites.settle();
    CHECK(sites[1].replica().overwritten().count() == 1);
}

}  // namespace anabranch::test::gossip_test
