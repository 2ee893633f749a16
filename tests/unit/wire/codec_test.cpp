#include "lib/wire/codec.h"

#include <catch2/catch.hpp>

#include "tests/support/property.h"

using namespace anabranch;
using namespace anabranch::wire;

namespace {

std::vector<Message> one_of_each() {
    Hello hello{protocol_version, 7, 9, "a", ReplicaId{11}, "0.1.0"};
    Have have{{{ReplicaId{1}, 5}, {ORDER_ORIGIN, 3}}, true, {1, 2}};
    have.spared = {ReplicaId{3}, ReplicaId{9}};
    have.partial = true;
    Deltas deltas{{"one", std::string("t\0wo", 4), ""}};
    const ForwardedStep step{"withdraw", "", {{20, {false, "80"}}, {25, {true, ""}}}, 77};
    Forward forward{ReplicaId{4},
                    1,
                    2,
                    {step, {"", "UPDATE t SET n = $1", {{20, {false, "1"}}}, 0, "its session"}},
                    DrawnValues{5, 6, {-1, 256}},
                    {{ReplicaId{1}, 1}},
                    5000,
                    1,
                    9};
    Forwarded forwarded{1, 2, 3, true, "CALL", {{{false, "x"}, {true, ""}}}};
    Forwarded refused{1, 2};
    refused.refusal = std::make_shared<const Refusal>("23514", "no", "because", "less",
                                                      "accounts_balance_check", "accounts", "balance");
    forward.early = forwarded.early = true;
    forward.epoch = 8;
    forwarded.epoch = 9;
    AuditRequest audit{{{ReplicaId{1}, 5}}, 2, {{"from", "to", 3, 4, 5}, {}}, 6};
    AuditAnswer audited{{{ReplicaId{1}, 5}}, 2, {{"from", "", 3, 4, 5}}, {"chunk", ""}, 6};
    hello.members = std::string("m\0embers", 8);
    hello.members_at = 12;
    const StableRequest wanted{7, {{ReplicaId{1}, 5}, {ORDER_ORIGIN, 3}}, 8, true};
    const StableAnswer known{7, {{ReplicaId{2}, 6}}, true};
    const MemberRequest request{5, "add", "d", "10.0.0.4:7433"};
    const MemberAnswer answer{5, false, "", "57P03", "no", "because", "later"};
    return {
        hello,  have,   deltas, OrderMessage{"bytes"}, forward, forwarded, refused, audit, audited, request,
        answer, wanted, known};
}

bool same(const Message& a, const Message& b) {
    return encode(a) == encode(b);
}

}  // namespace

TEST_CASE("every peer message survives encoding and decoding") {
    for (const auto& message : one_of_each()) {
        const auto back = decode(encode(message));
        REQUIRE(back.has_value());
        CHECK(back->index() == message.index());
        CHECK(same(*back, message));
    }
}

TEST_CASE("a version vector that is not ascending is refused") {
    Have have{{{ReplicaId{5}, 5}, {ReplicaId{1}, 3}}, false, {}};
    const auto back = decode(encode(have));
    REQUIRE_FALSE(back.has_value());
    CHECK(back.error().sqlstate == sqlstate::protocol_violation);
    Have zero{{{ReplicaId{5}, 0}}, false, {}};
    CHECK_FALSE(decode(encode(zero)).has_value());
    Have spared{{}, false, {}, false, {ReplicaId{9}, ReplicaId{9}}};
    CHECK_FALSE(decode(encode(spared)).has_value());
}

TEST_CASE("damaged peer messages are refused or read, and never crash") {
    anabranch::test::for_seeds(300, [](Random& random) {
        for (const auto& message : one_of_each()) {
            Bytes bad = encode(message);
            if (random.chance(0.3)) bad.resize(random.below(bad.size() + 1));
            for (auto flips = random.below(6); flips > 0 && !bad.empty(); --flips)
                bad[random.below(bad.size())] = static_cast<char>(random.next());
            if (const auto read = decode(bad)) CHECK(decode(encode(*read)).has_value());
        }
    });
    CHECK_FALSE(decode("").has_value());
    CHECK_FALSE(decode("garbage!").has_value());
}
