// Deleted rows leave nothing behind once every member knows of them, whatever comes in between.
#include <catch2/catch.hpp>

#include "tests/unit/replica/sites.h"

using namespace anabranch;
using namespace anabranch::test;

namespace {

std::string add(int k, int n) {
    return "CALL add(" + std::to_string(k) + ", " + std::to_string(n) + ")";
}
std::string remove(int k) {
    return "CALL remove(" + std::to_string(k) + ")";
}
std::size_t tombstones(Sites& sites) {
    std::size_t total = 0;
    for (std::size_t i = 0; i < sites.size(); ++i) total += sites[i].replica().database().tombstones();
    return total;
}
void link_only(Sites& sites, std::size_t a, bool up) {
    for (std::size_t b = 0; b < sites.size(); ++b)
        if (a != b) sites.link(a, b, up);
}

Sites connected(std::size_t count, replica::Options options = {}) {
    Sites sites(count, std::move(options), true);
    sites.link_all();
    sites.settle(20);
    return sites;
}

// Rows made at one member and deleted at another.
void come_and_go(Sites& sites, int count, std::size_t deleter = 1) {
    for (int k = 0; k < count; ++k) sites[0].call(add(k, 1), sites.now);
    sites.settle(5);
    for (int k = 0; k < count; ++k) sites[deleter].call(remove(k), sites.now);
    sites.settle(2);
}

}  // namespace

TEST_CASE("deleted rows are forgotten by every member, and their keys begin anew") {
    auto sites = connected(3);
    come_and_go(sites, 50);
    sites.settle(20);
    CHECK(tombstones(sites) == 0);
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(sites[i].replica().database().removed() == 50);
        sites[i].replica().database().self_check();
        CHECK(sites[i].call(add(7, 10), sites.now) == "00000");
    }
    sites.settle();
    CHECK(sites.agree());
    CHECK(sites[0].total() == 30);
}

TEST_CASE("nothing is forgotten while a member is away, and all of it when it is back") {
    auto sites = connected(3);
    for (int k = 0; k < 20; ++k) sites[0].call(add(k, 1), sites.now);
    sites.settle(5);
    link_only(sites, 2, false);
    for (int k = 0; k < 20; ++k) sites[1].call(remove(k), sites.now);
    sites.settle(30);
    CHECK(sites[0].replica().database().tombstones() == 20);
    // It adds to rows that the others have deleted, and makes one of them again: an insert that no delete
    // saw.
    sites[2].call(add(3, 5), sites.now);
    sites[2].call(remove(4), sites.now);
    sites[2].call(add(4, 7), sites.now);
    link_only(sites, 2, true);
    sites.settle(40);
    CHECK(sites.agree());
    CHECK(tombstones(sites) == 0);
    CHECK(sites[0].rows() == 2);
    CHECK(sites[0].total() == 13);  // 1 + 5 in the old life that an insert kept, 7 in a new one
}

TEST_CASE("what is forgotten stays so after a restart, with a checkpoint from before, amid and after it") {
    for (const std::uint64_t bytes : {std::uint64_t{1} << 30, std::uint64_t{200}, std::uint64_t{2000}}) {
        replica::Options options;
        options.checkpoint_log_bytes_min = bytes;
        options.checkpoint_log_ratio = 0;
        options.slice_bytes = 100;
        auto sites = connected(3, options);
        for (int round = 0; round < 4; ++round) {
            come_and_go(sites, 12, static_cast<std::size_t>(round) % 3);
            for (std::size_t i = 0; i < 3; ++i) {
                sites[i].call(add(round, 1), sites.now);
                const std::string before = sites[i].digests();
                const auto version = sites[i].version();
                const auto kept = sites[i].replica().database().tombstones();
                link_only(sites, i, false);
                sites[i].restart(sites.now);
                CHECK(sites[i].digests() == before);
                CHECK(sites[i].version() == version);
                CHECK(sites[i].replica().database().tombstones() == kept);
                sites[i].replica().database().self_check();
                link_only(sites, i, true);
                sites.settle(3);
            }
        }
        sites.settle(40);
        CHECK(sites.agree());
        CHECK(tombstones(sites) == 0);
    }
}

TEST_CASE("a node with a new directory writes nothing before it has heard what was forgotten") {
    auto sites = connected(3);
    come_and_go(sites, 10);
    sites.settle(20);
    REQUIRE(tombstones(sites) == 0);
    link_only(sites, 2, false);
    sites.settle(2);
    sites.now = sites.now + seconds(5);
    sites[2].lose_directory(ReplicaId{900}, sites.now);
    sites.settle(2);
    CHECK_FALSE(sites[2].replica().is_settled());
    CHECK(sites[2].call(add(0, 100), sites.now) == "57P03");
    CHECK(sites[2].rows() == 0);
    link_only(sites, 2, true);
    sites.settle(60);
    REQUIRE(sites[2].replica().is_settled());
    for (int k = 0; k < 10; k += 2) CHECK(sites[2].call(add(k, 100), sites.now) == "00000");
    sites.settle(10);
    INFO(sites.describe());
    CHECK(sites.agree());
    CHECK(sites[0].total() == 500);
    for (std::size_t i = 0; i < 3; ++i) sites[i].replica().database().self_check();
}

TEST_CASE("a directory that had been replaced is refused when it comes back") {
    auto sites = connected(3);
    come_and_go(sites, 3);
    sites.settle(20);
    const ReplicaId before = sites[2].id();
    link_only(sites, 2, false);
    sites.now = sites.now + seconds(5);
    sites[2].lose_directory(ReplicaId{900}, sites.now);
    link_only(sites, 2, true);
    sites.settle(60);
    REQUIRE(sites[2].replica().is_settled());
    link_only(sites, 2, false);
    sites.now = sites.now + seconds(5);
    sites[2].lose_directory(before, sites.now);
    link_only(sites, 2, true);
    sites.settle(10);
    CHECK_FALSE(sites[2].replica().is_settled());
}

TEST_CASE("a member that needs a state over the place where rows were forgotten ends like the others") {
    replica::Options options;
    options.kept_bytes_max = 2000;
    options.slice_bytes = 300;
    auto sites = connected(3, options);
    for (int k = 0; k < 30; ++k) sites[0].call(add(k, 1), sites.now);
    sites.settle(10);
    link_only(sites, 2, false);
    for (int k = 0; k < 30; k += 2) sites[2].call(add(k, 1), sites.now);
    for (int k = 0; k < 30; ++k) sites[1].call(remove(k), sites.now);
    for (int n = 0; n < 200; ++n) sites[0].call(add(100 + n % 7, 1), sites.now);
    sites.settle(10);
    link_only(sites, 2, true);
    sites.settle(80);
    INFO(sites.describe());
    CHECK(sites.agree());
    CHECK(tombstones(sites) == 0);
    CHECK(sites[2].rows() == 15 + 7);
    const std::string before = sites[2].digests();
    link_only(sites, 2, false);
    sites[2].restart(sites.now);
    CHECK(sites[2].digests() == before);
}
