// Deltas of many rows, merged a slice at a time while calls go on.
#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/support/property.h"
#include "tests/unit/replica/sites.h"

namespace anabranch::test::large_merge_test {

namespace {

replica::Options sliced() {
    replica::Options options;
    options.large_delta_bytes = 200;
    options.slice_rows = 3;
    return options;
}
std::string fill(int first, int last) {
    return "CALL fill(" + std::to_string(first) + ", " + std::to_string(last) + ")";
}
Sites together(std::size_t count) {
    Sites sites(count, sliced(), tallies_for_ever());
    sites.link_all();
    sites.settle(5);
    return sites;
}
bool merging(Site& site) {
    return site.replica().database().merging();
}
// What a call at one site has made for another.
std::vector<Letter> deltas_for(Sites& sites, const std::string& to) {
    auto letters = sites.collect();
    std::erase_if(letters, [&](const Letter& letter) {
        return letter.to != to || !std::holds_alternative<wire::Deltas>(letter.message);
    });
    return letters;
}

}  // namespace

TEST_CASE("a large delta shows only when all of it is in, and calls are made between its slices") {
    auto sites = together(2);
    sites[0].call(fill(1, 30), sites.now);
    for (const auto& letter : deltas_for(sites, "b")) sites.deliver(letter);
    std::int64_t added = 0, slices = 0;
    for (; !merging(sites[1]) || sites[1].total() == added; ++slices) {
        REQUIRE(slices < 100);
        sites[1].step(replica::Tick{}, sites.now);
        if (sites[1].total() != added) break;
        CHECK(sites[1].call("CALL add(7, 100)", sites.now) == "00000");
        added += 100;
    }
    CHECK(slices >= 19);  // as many to check the rows as to merge them
    CHECK(sites[1].total() == added + 30);
    CHECK(sites[1].rows() == 30);
    sites.settle();
    CHECK(sites[0].total() == added + 30);
    CHECK(sites.agree());
}

TEST_CASE("a call whose rows other rows refer to lets a large delta that has them show first") {
    Sites sites(2, sliced(), tallies(false));
    sites.link_all();
    sites.settle(5);
    sites[0].call(fill(1, 30), sites.now);
    for (const auto& letter : deltas_for(sites, "b")) sites.deliver(letter);
    for (int i = 0; i < 14; ++i) sites[1].step(replica::Tick{}, sites.now);
    REQUIRE(merging(sites[1]));
    CHECK(sites[1].call("CALL add(60, 5)", sites.now) == "00000");
    CHECK(merging(sites[1]));
    CHECK(sites[1].total() == 5);
    CHECK(sites[1].call("CALL add(7, 100)", sites.now) == "00000");
    CHECK_FALSE(merging(sites[1]));
    CHECK(sites[1].total() == 135);
    sites.settle();
    CHECK(sites.agree());
    CHECK(sites[0].total() == 135);
}

TEST_CASE("a large delta with one row that does not fit is refused before any of it is merged") {
    auto sites = together(2);
    sites[0].call(fill(1, 30), sites.now);
    auto letters = deltas_for(sites, "b");
    REQUIRE(letters.size() == 1);
    auto& bytes = std::get<wire::Deltas>(letters[0].message).deltas.at(0);
    auto delta = *crdt::Delta::decode(bytes);
    delta.rows.back().groups.back().values.pop_back();
    bytes = delta.encode();
    sites.deliver(letters[0]);
    for (int i = 0; i < 30; ++i) {
        sites[1].step(replica::Tick{}, sites.now);
        REQUIRE_FALSE(merging(sites[1]));
    }
    CHECK(sites[1].rows() == 0);
    REQUIRE_FALSE(sites[1].disconnected.empty());
    CHECK(sites[1].noticed("peer a: bad delta"));
}

TEST_CASE("one large delta waits for another, and a small one for neither") {
    auto sites = together(3);
    sites[0].call(fill(1, 30), sites.now);
    sites[1].call(fill(21, 50), sites.now);
    auto letters = deltas_for(sites, "c");
    REQUIRE(letters.size() == 2);
    for (const auto& letter : letters) sites.deliver(letter);
    CHECK(sites[2].replica().traffic().deltas_waited == 1);
    for (int i = 0; i < 12; ++i) sites[2].step(replica::Tick{}, sites.now);
    CHECK(merging(sites[2]));
    CHECK(sites[2].call("CALL add(60, 5)", sites.now) == "00000");
    CHECK(sites[2].total() == 5);
    for (int i = 0; i < 60; ++i) sites[2].step(replica::Tick{}, sites.now);
    CHECK(sites[2].total() == 65);
    sites.settle();
    CHECK(sites.agree());
}

TEST_CASE("a large delta that a crash has cut short comes again") {
    auto sites = together(2);
    sites[0].call(fill(1, 30), sites.now);
    for (const auto& letter : deltas_for(sites, "b")) sites.deliver(letter);
    for (int i = 0; i < 14; ++i) sites[1].step(replica::Tick{}, sites.now);
    REQUIRE(merging(sites[1]));
    CHECK(sites[1].call("CALL add(7, 100)", sites.now) == "00000");
    sites.link(0, 1, false);
    sites[1].restart(sites.now);
    CHECK(sites[1].total() == 100);
    sites.link(0, 1);
    sites.settle();
    CHECK(sites[1].total() == 130);
    CHECK(sites.agree());
}

TEST_CASE("a block that is open while a large delta comes in reads what it has read before") {
    auto sites = together(2);
    CHECK(sites[1].call("CALL add(7, 1)", sites.now) == "00000");
    sites.settle();
    sites[0].call(fill(1, 30), sites.now);
    for (const auto& letter : deltas_for(sites, "b")) sites.deliver(letter);
    REQUIRE(sites[1].replica().begin(1).has_value());
    CHECK(sites[1].call("CALL add(7, 100)", sites.now) == "00000");
    for (int i = 0; i < 14; ++i) sites[1].step(replica::Tick{}, sites.now);
    REQUIRE(merging(sites[1]));
    CHECK(sites[1].call("CALL add(7, 100)", sites.now) == "00000");
    replica::Outputs out;
    CHECK(sites[1].replica().commit(1, 99, sites.now, out).tag.has_value());
    CHECK(merging(sites[1]));
    CHECK(sites[1].total() == 201);
}

TEST_CASE("sites that start again, fetch states and make large deltas end equal") {
    std::uint64_t seen = 0;
    for_seeds(30, [&](Random& random) {
        const bool linked = random.chance(0.3);
        auto options = sliced();
        options.kept_bytes_max = random.chance(0.5) ? 2000 : 64 << 20;
        options.checkpoint_log_bytes_min = 2000;
        options.slice_bytes = 300;
        options.slice_pause = millis(static_cast<std::int64_t>(random.below(3)) * 100);
        Sites sites(3, options, linked ? tallies(false) : tallies_for_ever());
        sites.link_all();
        std::int64_t total = 0;
        for (int i = 0; i < 60; ++i) {
            auto& site = sites[random.below(3)];
            const auto first = static_cast<int>(random.below(40));
            const auto count = static_cast<int>(random.below(30));
            if (site.call(fill(first, first + count), sites.now) == "00000") total += count + 1;
            if (random.chance(0.1)) site.restart(sites.now);
            const std::size_t one = random.below(3);
            sites.link(one, (one + 1) % 3, random.chance(0.6));
            if (random.chance(0.5)) sites.tick(millis(20));
            for (std::size_t k = 0; k < sites.size(); ++k) seen += merging(sites[k]) ? 1 : 0;
            for (const auto& letter : sites.collect())
                if (random.chance(0.9)) sites.deliver(letter);
        }
        for (const bool up : {false, true})
            for (std::size_t k = 0; k < 3; ++k) sites.link(k, (k + 1) % 3, up);
        sites.settle(1000);
        INFO(sites.describe());
        REQUIRE(sites.agree());
        for (std::size_t k = 0; k < sites.size(); ++k) {
            REQUIRE(sites[k].total() == total);
            sites[k].replica().database().self_check();
        }
    });
    CHECK(seen > 0);
}

}  // namespace anabranch::test::large_merge_test
