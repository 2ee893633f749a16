// Records and recovery, bytes of messages, and the small values.
#include <catch2/catch.hpp>
#include <map>

#include "node/order/codec.h"
#include "node/order/quorum.h"
#include "tests/support/property.h"
#include "tests/unit/order/solo.h"

using namespace anabranch;
using namespace anabranch::order;
using namespace anabranch::order::test;
using anabranch::test::for_seeds;

namespace {

Dots some_dots(Random& random) {
    Dots dots;
    for (std::uint64_t origin = 1; origin <= 4; ++origin) {
        if (random.chance(0.6)) dots.push_back({{origin}, 1 + random.below(5)});
    }
    return dots;
}

std::vector<ReplicaId> some_ids(Random& random, std::size_t least) {
    std::vector<ReplicaId> ids;
    for (std::uint64_t id = 1; id <= 6; ++id) {
        if (random.chance(0.5) || ids.size() + (6 - id) < least) ids.push_back({id});
    }
    return ids;
}

Entry some_entry(Random& random) {
    Entry out = entry(random.below(1000), random.below(50), Bytes(random.below(40), 'p'), some_dots(random));
    if (random.chance(0.2)) out = {1, 1, EntryKind::config, encode(Members{some_ids(random, 1), {}, {}}), {}};
    return out;
}

Message some_message(Random& random) {
    const auto n = [&] { return random.chance(0.1) ? random.next() : random.below(300); };
    const auto flag = [&] { return random.chance(0.5); };
    switch (random.below(8)) {
        case 0:
            return VoteRequest{n(), n(), n(), flag(), flag()};
        case 1:
            return VoteReply{n(), n(), flag(), flag()};
        case 2: {
            Append append{n(), n(), n(), n(), n(), {}};
            for (std::uint64_t i = random.below(4); i > 0; --i) append.entries.push_back(some_entry(random));
            return append;
        }
        case 3:
            return AppendReply{n(), n(), flag(), n(), n(), n(), n(), n()};
        case 4:
            return InstallSnapshot{
                n(), n(), n(), {n(), n(), {some_ids(random, 1), {}, {}}, some_dots(random)}};
        case 5:
            return TimeoutNow{n()};
        case 6:
            return ReadRequest{n(), n()};
        default:
            return ReadReply{n(), n(), flag(), n()};
    }
}

}  // namespace

TEST_CASE("every message survives its bytes", "[order]") {
    for_seeds(2000, [](Random& random) {
        const Message message = some_message(random);
        const auto back = decode_message(encode(message));
        REQUIRE(back);
        CHECK(*back == message);
        CHECK_FALSE(describe(message).empty());
    });
}

TEST_CASE("cut or garbled message bytes are refused or harmless", "[order]") {
    for_seeds(2000, [](Random& random) {
        const Bytes bytes = encode(some_message(random));
        CHECK_FALSE(decode_message(BytesView(bytes).substr(0, random.below(bytes.size()))));
        Bytes garbled = bytes;
        garbled[random.below(garbled.size())] = static_cast<char>(random.next());
        const auto message = decode_message(garbled);
        if (!message) return;
        // Whatever still decodes must leave a core in order.
        Solo a(Solo::three({entry(1, 1)}, {1, NOBODY, 0}));
        a.receive(B, *message);
        a.persisted();
        CHECK(a.status().commit <= a.status().last_index);
    });
}

TEST_CASE("random messages from a peer never break a core", "[order]") {
    for_seeds(300, [](Random& random) {
        Solo a(Solo::three({entry(1, 1)}, {1, NOBODY, 0}));
        for (int i = 0; i < 60; ++i) {
            a.receive(random.chance(0.5) ? B : C, some_message(random));
            if (random.chance(0.3)) a.persisted();
            if (random.chance(0.1)) a.time_out();
            if (random.chance(0.1)) a.step(Held{some_dots(random)});
            CHECK(a.status().commit <= a.status().last_index);
        }
    });
}

TEST_CASE("any prefix of the records is a state to recover from", "[order]") {
    Solo a(Solo::three());
    a.execute();
    for (int i = 0; i < 4; ++i) a.propose("call " + std::to_string(i));
    a.receive(B, Append{9, 2, 1, 4, 0, {entry(3, 9), entry(4, 9)}});
    a.persisted();
    a.step(Applied{4});
    a.step(Compact{3});
    a.receive(B, Append{9, 4, 9, 4, 0, {entry(5, 9)}});
    for (std::size_t cut = 0; cut <= a.records().size(); ++cut) {
        Recovery recovery(A, voters({A, B, C}));
        for (std::size_t i = 0; i < cut; ++i) REQUIRE(recovery.add(a.records()[i]));
        Solo again(recovery.boot());
        CHECK(again.status().members == voters({A, B, C}));
    }
    Recovery recovery(A, voters({A, B, C}));
    for (const Bytes& record : a.records()) REQUIRE(recovery.add(record));
    const Boot& boot = recovery.boot();
    CHECK(boot.snapshot.index == 3);
    CHECK(boot.entries == std::vector<Entry>{entry(4, 9), entry(5, 9)});
    CHECK(boot.hard_state.epoch == 9);
    CHECK(boot.hard_state.commit == 4);
}

TEST_CASE("an image after the records it repeats changes nothing, even when it is cut", "[order]") {
    Solo a(Solo::three());
    a.execute();
    for (int i = 0; i < 4; ++i) a.propose("call " + std::to_string(i));
    a.persisted();
    a.acknowledge(B, 3);
    a.step(Applied{3});
    a.step(Compact{2});
    const auto image = encode(a.core().image(0));
    for (std::size_t cut = 0; cut <= image.size(); ++cut) {
        Recovery recovery(A, voters({A, B, C}));
        for (const Bytes& record : a.records()) REQUIRE(recovery.add(record));
        const std::vector<Entry> before = recovery.boot().entries;
        for (std::size_t i = 0; i < cut; ++i) REQUIRE(recovery.add(image[i]));
        CHECK(recovery.boot().entries == before);
    }
}

TEST_CASE("damaged records are refused with a way out", "[order]") {
    const auto refused = [](std::vector<Bytes> records) {
        Recovery recovery(A, voters({A, B, C}));
        for (const Bytes& record : records) {
            if (auto done = recovery.add(record); !done)
                return done.error().sqlstate == "58030" && !done.error().hint.empty();
        }
        return false;
    };
    Persist gap;
    gap.entries = {entry(2, 1)};
    CHECK(refused(encode(gap)));
    Persist backwards;
    backwards.entries = {entry(1, 2), entry(2, 1)};
    CHECK(refused(encode(backwards)));
    CHECK(refused({""}));
    CHECK(refused({"junk"}));
    CHECK(refused({Bytes(1, 3)}));
    Persist image;
    image.snapshot = Snapshot{3, 1, voters({A}), {{D, 1}}};
    const Bytes whole = encode(image)[0];
    for (std::size_t cut = 0; cut < whole.size(); ++cut) CHECK(refused({whole.substr(0, cut)}));
}

TEST_CASE("version vectors merge, cover and subtract like sets of dots", "[order]") {
    for_seeds(2000, [](Random& random) {
        const Dots a = some_dots(random);
        const Dots b = some_dots(random);
        const auto has = [](const Dots& dots, Dot dot) {
            return std::any_of(dots.begin(), dots.end(),
                               [&](const Dot& d) { return d.origin == dot.origin && d.seq >= dot.seq; });
        };
        Dots both = a;
        merge(both, b);
        bool all = true;
        for (std::uint64_t origin = 1; origin <= 4; ++origin) {
            for (std::uint64_t seq = 1; seq <= 5; ++seq) {
                const Dot dot{{origin}, seq};
                CHECK(has(both, dot) == (has(a, dot) || has(b, dot)));
                all = all && (has(a, dot) || !has(b, dot));
            }
        }
        CHECK(covers(a, b) == all);
        CHECK(missing(a, b).empty() == all);
        CHECK(well_formed(both));
        Dots filled = a;
        merge(filled, missing(a, b));
        CHECK(filled == both);
    });
}

TEST_CASE("the agreed index is what the dumb twin finds", "[order]") {
    for_seeds(5000, [](Random& random) {
        Members members{
            some_ids(random, 1), random.chance(0.5) ? some_ids(random, 1) : std::vector<ReplicaId>{}, {}};
        std::map<ReplicaId, Index> reached;
        for (const ReplicaId id : members.all()) reached[id] = random.below(6);
        const Index clever = agreed(members, {}, [&](ReplicaId id) { return reached[id]; });
        Index dumb = 0;
        for (Index index = 0; index < 6; ++index) {
            if (majority(members, {}, [&](ReplicaId id) { return reached[id] >= index; })) dumb = index;
        }
        CHECK(clever == dumb);
    });
}

TEST_CASE("no set of members is no majority", "[order]") {
    CHECK_FALSE(majority({}, {}, [](ReplicaId) { return true; }));
    CHECK(agreed({}, {}, [](ReplicaId) { return Index{9}; }) == 0);
}

TEST_CASE("members survive their bytes, and damaged ones are refused", "[order]") {
    const Members members{{A, B, C}, {B, D}, {C, E}};
    CHECK(decode_members(encode(members)) == members);
    CHECK(members.describe() == "voters 1 2 3 incoming 2 4 learners 3 5");
    CHECK_FALSE(decode_members("junk"));
    CHECK_FALSE(decode_members(encode(Members{{B, A}, {}, {}})));
    CHECK_FALSE(decode_members(encode(Members{{A, B}, {}, {B}})));
    CHECK_FALSE(decode_members(encode(Members{{ORDER_ORIGIN}, {}, {}})));
}

TEST_CASE("one line describes a core", "[order]") {
    Solo a(Solo::three());
    a.execute();
    CHECK(a.core().describe() ==
          "1 primary epoch 1 log 1..1 commit 1 applied 1 durable 1 held 1 voters 1 2 3 executes [2 seen 1 "
          "held 1] [3 seen 0 held 0]");
}
