// Rows that are wrong although all deltas are here: found, named, and made right where a majority knows how.
#include <catch2/catch.hpp>

#include "lib/wire/codec.h"
#include "tests/unit/replica/sites.h"

using namespace anabranch;
using namespace anabranch::test;

namespace {

constexpr std::uint64_t rows = 2000;

std::string add(std::uint64_t k, std::int64_t n) {
    return "CALL add(" + std::to_string(k) + ", " + std::to_string(n) + ")";
}

Sites filled(std::size_t count) {
    Sites sites(count);
    sites.link_all();
    sites.settle(5);
    for (std::uint64_t k = 0; k < rows; ++k) sites[0].call(add(k, 1), sites.now);
    sites.settle();
    REQUIRE(sites.agree());
    return sites;
}

Bytes rows_of(Site& site) {
    return site.replica().database().export_chunk(TableId{0}, {}, SIZE_MAX).bytes;
}
// As a defect of its memory would.
void overwrite(Site& site, const Bytes& with) {
    REQUIRE(const_cast<crdt::Database&>(site.replica().database()).replace(with).has_value());
}

// Rows of that site are as they were before three more calls, which it says it knows.
void forget_three_calls(Sites& sites, std::size_t at) {
    const Bytes before = rows_of(sites[at]);
    for (const std::uint64_t k : {7, 700, 1999}) sites[0].call(add(k, 100), sites.now);
    sites.settle();
    REQUIRE(sites.agree());
    overwrite(sites[at], before);
    REQUIRE_FALSE(sites.agree());
}

}  // namespace

TEST_CASE("a replica whose rows are not what a majority has takes theirs, names them, and remembers") {
    auto sites = filled(3);
    forget_three_calls(sites, 2);
    sites.settle(5);
    CHECK(sites.agree());
    CHECK(sites[0].noticed("divergence: table tally differs from peer c"));
    CHECK(sites[2].noticed("divergence: 3 rows of table tally were not what a majority has"));
    CHECK(sites[2].noticed("(k)=(7), (k)=(700), (k)=(1999)"));
    CHECK_FALSE(sites[0].noticed("have been taken"));
    sites[2].replica().database().self_check();
    sites.link(0, 2, false);
    sites.link(1, 2, false);
    sites[2].restart(sites.now);
    CHECK(sites.agree());
}

TEST_CASE("what goes to and fro until the wrong rows are found grows with them and not with the table") {
    auto sites = filled(3);
    forget_three_calls(sites, 2);
    const std::size_t whole = rows_of(sites[2]).size();
    std::size_t bytes = 0, messages = 0;
    for (int round = 0; round < 5; ++round) {
        sites.tick();
        for (int hop = 0; hop < 20; ++hop)
            for (const auto& letter : sites.collect()) {
                if (std::holds_alternative<wire::AuditRequest>(letter.message) ||
                    std::holds_alternative<wire::AuditAnswer>(letter.message)) {
                    bytes += wire::encode(letter.message).size();
                    ++messages;
                }
                sites.deliver(letter);
            }
    }
    CHECK(sites.agree());
    CHECK(messages <= 10);
    CHECK(bytes < whole / 5);
}

TEST_CASE("rows that a replica has lost, and rows that it should not have, are found alike") {
    auto sites = filled(3);
    const Bytes with = rows_of(sites[1]);
    for (std::uint64_t k = 100; k < 140; ++k)
        sites[0].call("CALL remove(" + std::to_string(k) + ")", sites.now);
    sites.settle();
    overwrite(sites[1], with);
    sites.settle(8);
    CHECK(sites.agree());
    CHECK(sites[1].noticed("40 rows of table tally"));
    const auto empty = Sites(1)[0].replica().database().export_chunk(TableId{0}, {}, SIZE_MAX).bytes;
    overwrite(sites[1], empty);
    CHECK(sites[1].rows() == 0);
    sites.settle(60);
    CHECK(sites.agree());
    CHECK(sites[1].rows() == rows - 40);
}

TEST_CASE("where no majority agrees there is an alarm, and nobody changes anything") {
    auto sites = filled(2);
    forget_three_calls(sites, 1);
    const auto before = sites[1].digests();
    sites.settle(10);
    CHECK(sites[0].noticed("divergence: table tally differs from peer b"));
    CHECK(sites[1].noticed("divergence: table tally differs from peer a"));
    CHECK(sites[1].digests() == before);
}

TEST_CASE("an audit that finds the replica changed meanwhile ends and is begun again") {
    auto sites = filled(3);
    forget_three_calls(sites, 2);
    for (int i = 0; i < 3; ++i) {
        sites.tick();
        for (const auto& letter : sites.collect()) sites.deliver(letter);
        sites[2].call(add(3, 1), sites.now);
    }
    sites.settle(20);
    CHECK(sites.agree());
    CHECK(sites[2].noticed("were not what a majority has"));
}

TEST_CASE("answers that nobody asked for, or that are damaged, change nothing") {
    auto sites = filled(3);
    const auto digests = sites[0].digests();
    wire::AuditAnswer forged;
    for (const auto& entry : sites[0].version().entries())
        forged.version.emplace_back(entry.origin, entry.seq);
    forged.chunks.push_back(Sites(1)[0].replica().database().export_chunk(TableId{0}, {}, SIZE_MAX).bytes);
    sites[0].step(replica::FromPeer{"b", forged}, sites.now);
    wire::AuditRequest odd;
    odd.version = forged.version;
    odd.table = 77;
    odd.ranges.push_back({"z", "a", 0, 0, 0});
    sites[0].step(replica::FromPeer{"b", odd}, sites.now);
    odd.table = 0;
    sites[0].step(replica::FromPeer{"b", odd}, sites.now);
    CHECK(sites[0].digests() == digests);
    CHECK(sites[0].disconnected.empty());
}
