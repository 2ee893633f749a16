// What the order remembers of its requests, as bytes and in memory.
#include "node/replica/outcomes.h"

#include <catch2/catch.hpp>

namespace anabranch::test {
namespace {

using replica::Outcomes;
using replica::RequestKey;

wire::Forwarded some_answer() {
    wire::Forwarded answer;
    answer.ok = true;
    answer.tag = "SELECT 2";
    answer.rows = {{{false, "1"}, {true, ""}}, {{false, ""}, {false, "two"}}};
    return answer;
}

TEST_CASE("an answer read back is the answer that was written") {
    const auto good = replica::decode_answer(replica::encode_answer(some_answer()));
    CHECK(good.ok);
    CHECK(good.tag == "SELECT 2");
    CHECK(good.rows == some_answer().rows);
    for (const char* column : {"", "balance"}) {
        wire::Forwarded bad;
        bad.refusal = std::make_shared<const wire::Refusal>("23514", "no", "because", "less",
                                                            "accounts_balance_check", "accounts", column);
        const auto refused = replica::decode_answer(replica::encode_answer(bad));
        CHECK_FALSE(refused.ok);
        CHECK(refused.why() == bad.why());
    }
}

TEST_CASE("outcomes travel in front of a delta, and no flipped bit passes") {
    crdt::Delta delta;
    delta.dot = {ORDER_ORIGIN, 1};
    delta.stamp = {1, ORDER_ORIGIN};
    const Bytes plain = delta.encode();
    CHECK(replica::with_outcomes({}, plain) == plain);
    const Bytes bytes = replica::with_outcomes({{{7, 8}, replica::encode_answer(some_answer())}}, plain);
    const auto decoded = replica::decode_delta(bytes);
    REQUIRE(decoded.has_value());
    CHECK(decoded->delta == delta);
    REQUIRE(decoded->outcomes.size() == 1);
    CHECK(decoded->outcomes[0].key == RequestKey{7, 8});
    for (std::size_t i = 0; i < bytes.size() * 8; ++i) {
        Bytes damaged = bytes;
        damaged[i / 8] = static_cast<char>(damaged[i / 8] ^ (1 << (i % 8)));
        CHECK_FALSE(replica::decode_delta(damaged).has_value());
    }
    for (std::size_t size = 0; size < bytes.size(); ++size)
        CHECK_FALSE(replica::decode_delta(BytesView(bytes).substr(0, size)).has_value());
}

TEST_CASE("the oldest outcomes are forgotten, and it is known up to where") {
    Outcomes outcomes;
    const Bytes answer = replica::encode_answer(some_answer());
    for (std::uint64_t csn = 1; csn <= Outcomes::kept_max + 10; ++csn)
        outcomes.note(csn, {{{1, csn}, answer}});
    CHECK(outcomes.complete_after() == 10);
    CHECK(outcomes.find({1, 10}) == nullptr);
    REQUIRE(outcomes.find({1, 11}) != nullptr);
    CHECK(outcomes.find({1, 11})->csn == 11);
}

TEST_CASE("outcomes of a transferred state join those that are here, and the first told is kept") {
    Outcomes here, there;
    here.note(1, {{{1, 1}, "a"}});
    there.note(2, {{{1, 2}, replica::encode_answer(some_answer())}});
    there.note(3, {{{1, 2}, "never told"}});
    Bytes bytes;
    ByteWriter writer(bytes);
    there.encode(writer);
    ByteReader reader(bytes);
    REQUIRE(here.merge(reader));
    CHECK(reader.complete());
    REQUIRE(here.find({1, 2}) != nullptr);
    CHECK(here.find({1, 2})->csn == 2);
    CHECK(here.find({1, 1}) != nullptr);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        Outcomes other;
        ByteReader torn(BytesView(bytes).substr(0, size));
        CHECK_FALSE(other.merge(torn));
    }
}

}  // namespace
}  // namespace anabranch::test
