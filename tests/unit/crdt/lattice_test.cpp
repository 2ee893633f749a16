// The parts of a row, each alone: its join is commutative, associative and idempotent on every small set of
// values; and the clocks.
#include <algorithm>
#include <catch2/catch.hpp>
#include <vector>

#include "crdt/counter.h"
#include "crdt/existence.h"
#include "crdt/extreme.h"
#include "crdt/hlc.h"
#include "crdt/register_group.h"
#include "crdt/version_vector.h"
#include "tests/unit/crdt/tables.h"
#include "tests/support/property.h"

namespace anabranch::crdt::test::lattice_test {
namespace {

constexpr ReplicaId a{1}, b{2}, c{3};

WriteStamp at(std::uint64_t hlc, ReplicaId origin, std::uint64_t seq) {
    return {{hlc, origin}, seq};
}

// Every order and grouping of up to three values, and each twice, join to the same.
template <typename Value, typename Join, typename Same>
void prove_join(const std::vector<Value>& values, Join&& join, Same&& same) {
    for (const Value& x : values) {
        REQUIRE(same(join(x, x), x));
        for (const Value& y : values) {
            const Value xy = join(x, y);
            REQUIRE(same(xy, join(y, x)));
            REQUIRE(same(join(xy, y), xy));
            for (const Value& z : values) REQUIRE(same(join(xy, z), join(x, join(y, z))));
        }
    }
}

bool operator==(const RegisterGroup& x, const RegisterGroup& y) {
    return x.written == y.written && x.values.size() == y.values.size() &&
           std::equal(x.values.begin(), x.values.end(), y.values.begin(),
                      [](auto u, auto v) { return identical(u, v); });
}

bool operator==(const Counter& x, const Counter& y) {
    return x.written == y.written && x.null == y.null && x.initial == y.initial && x.totals == y.totals;
}

}  // namespace

TEST_CASE("register groups join as a whole: the greater stamp wins, ties go to the greater replica") {
    std::vector<RegisterGroup> values(1);
    values[0].reset(2, 0);
    for (const std::uint64_t hlc : {1u, 2u}) {
        for (const ReplicaId origin : {a, b}) {
            RegisterGroup& group = values.emplace_back();
            group.reset(2, 0);
            group.written = at(hlc, origin, hlc);
            group.values = {sql::Datum::integer(static_cast<std::int64_t>(10 * hlc + origin.value)),
                            sql::Datum::null()};
        }
    }
    const auto join = [](RegisterGroup x, const RegisterGroup& y) {
        x.merge(y);
        return x;
    };
    prove_join(values, join, [](const auto& x, const auto& y) { return x == y; });
    CHECK(join(values[1], values[2]).values[0].as_integer() == 12);
    CHECK(join(values[3], values[2]).values[0].as_integer() == 21);
}

TEST_CASE("counters join cell by cell: the newest total of each origin counts once") {
    std::vector<Counter> values;
    for (std::uint64_t first = 0; first < 3; ++first) {
        for (std::uint64_t second = 0; second < 3; ++second) {
            for (std::uint64_t initial = 0; initial < 3; ++initial) {
                Counter& counter = values.emplace_back();
                // What an origin said at one sequence number is always the same.
                if (first > 0) counter.raise({a, first, static_cast<std::int64_t>(100 * first) - 150});
                if (second > 0) counter.raise({b, second, static_cast<std::int64_t>(7 * second)});
                if (initial > 0)
                    counter.set_initial(at(initial, c, initial), initial == 1,
                                        static_cast<std::int64_t>(initial == 1 ? 0 : 1000));
            }
        }
    }
    const auto join = [](Counter x, const Counter& y) {
        x.merge(y);
        return x;
    };
    prove_join(values, join, [](const auto& x, const auto& y) { return x == y; });
    Counter counter;
    counter.raise({a, 2, 50});
    counter.raise({a, 1, -50});
    counter.raise({b, 1, 7});
    CHECK(counter.value() == 57);
    counter.set_initial(at(1, a, 1), true, 0);
    CHECK(counter.null);
    counter.set_initial(at(2, b, 1), false, 5);
    CHECK((!counter.null && counter.value() == 62));
}

TEST_CASE("a sum past 64 bits wraps around at every replica alike") {
    Counter counter;
    counter.set_initial(at(1, a, 1), false, INT64_MAX);
    counter.raise({a, 1, 1});
    counter.raise({b, 1, -2});
    CHECK(counter.value() == INT64_MAX - 1);
}

TEST_CASE(
    "extremes join to the greatest or least; NULL is below all, and equal values are told apart by their "
    "bytes") {
    const sql::Type integer = type_of(sql::TypeId::int8), floating = type_of(sql::TypeId::float8),
                    words = type_of(sql::TypeId::text);
    const std::vector<std::pair<sql::Type, std::vector<Extreme>>> kinds = {
        {integer, {{}, {sql::Datum::integer(-1)}, {sql::Datum::integer(0)}, {sql::Datum::integer(9)}}},
        {floating,
         {{}, {sql::Datum::floating(0.0)}, {sql::Datum::floating(-0.0)}, {sql::Datum::floating(1.5)}}},
        {words, {{}, {sql::Datum::bytes("")}, {sql::Datum::bytes("a")}, {sql::Datum::bytes("ab")}}},
    };
    for (const auto& [type, values] : kinds) {
        for (const catalog::Merge merge : {catalog::Merge::max, catalog::Merge::min}) {
            const auto join = [&, of = type](Extreme x, const Extreme& y) {
                x.merge(y, merge, of);
                return x;
            };
            const auto same_bits = [](const Extreme& x, const Extreme& y) {
                return identical(x.value, y.value) &&
                       (!x.value.is_floating() ||
                        std::signbit(x.value.as_floating()) == std::signbit(y.value.as_floating()));
            };
            prove_join(values, join, same_bits);
        }
    }
}

TEST_CASE("existences of any two causally closed histories join like their histories") {
    // Three inserts and two deletes with their causal pasts; a state is what a closed set of them leaves.
    struct Event {
        Dot dot;
        VersionVector past;
        bool insert;
    };
    const auto version = [](std::uint64_t x, std::uint64_t y, std::uint64_t z) {
        VersionVector out;
        out.set(a, x);
        out.set(b, y);
        out.set(c, z);
        return out;
    };
    const std::vector<Event> events = {
        {{a, 1}, version(0, 0, 0), true},  {{b, 1}, version(0, 0, 0), true},
        {{c, 1}, version(1, 0, 0), false}, {{a, 2}, version(1, 1, 0), true},
        {{b, 2}, version(1, 1, 1), false},
    };
    struct State {
        Existence existence;
        VersionVector version;
        bool operator==(const State&) const = default;
    };
    std::vector<State> states;
    for (unsigned set = 0; set < 1u << events.size(); ++set) {
        State state;
        bool closed = true;
        for (std::size_t i = 0; i < events.size(); ++i) {
            if (!(set >> i & 1)) continue;
            closed = closed && state.version.covers(events[i].past);
            state.existence.remove_seen(events[i].past);
            if (events[i].insert) state.existence.add({events[i].dot, {}});
            state.version.set(events[i].dot.origin, events[i].dot.seq);
        }
        if (closed) states.push_back(state);
    }
    REQUIRE(states.size() == 10);
    const auto join = [](State x, const State& y) {
        x.existence.merge(y.existence, x.version, y.version);
        x.version.merge(y.version);
        return x;
    };
    prove_join(states, join, [](const State& x, const State& y) { return x == y; });
}

TEST_CASE("a key is contested if one live insert claims what another has not seen") {
    const LiveDot plain{{a, 1}, {a, 1}}, touched{{b, 4}, {a, 1}}, other{{c, 1}, {c, 1}}, merging{{c, 2}, {}},
        merging_too{{b, 2}, {}};
    const auto contest = [](std::vector<LiveDot> dots) { return contested(dots); };
    CHECK_FALSE(contest({}));
    CHECK_FALSE(contest({plain}));
    CHECK_FALSE(contest({plain, touched}));
    CHECK_FALSE(contest({merging, merging_too}));
    CHECK(contest({plain, other}));
    CHECK(contest({plain, merging}));
    CHECK(contest({merging_too, touched, merging}));
}

TEST_CASE("version vectors join to the pointwise maximum, and cover what they hold") {
    std::vector<VersionVector> values;
    for (std::uint64_t x = 0; x < 3; ++x) {
        for (std::uint64_t y = 0; y < 3; ++y) {
            for (std::uint64_t z = 0; z < 2; ++z) {
                VersionVector& v = values.emplace_back();
                v.set(b, y);
                v.set(a, x);
                v.set(c, z);
            }
        }
    }
    const auto join = [](VersionVector x, const VersionVector& y) {
        x.merge(y);
        return x;
    };
    prove_join(values, join, [](const auto& x, const auto& y) { return x == y; });
    for (const VersionVector& x : values) {
        for (const VersionVector& y : values) {
            const bool less = x.get(a) <= y.get(a) && x.get(b) <= y.get(b) && x.get(c) <= y.get(c);
            REQUIRE(y.covers(x) == less);
            REQUIRE((join(x, y) == y) == less);
        }
        Bytes bytes;
        ByteWriter out(bytes);
        x.encode(out);
        ByteReader in(bytes);
        REQUIRE(VersionVector::decode(in) == x);
        REQUIRE(in.complete());
        for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
            ByteReader part(BytesView(bytes).substr(0, cut));
            REQUIRE_FALSE(VersionVector::decode(part).has_value());
        }
    }
    CHECK(values.back().describe() == "{0000000000000001:2, 0000000000000002:2, 0000000000000003:1}");
}

TEST_CASE("a version vector out of order, with a zero or with a count beyond its bytes is refused") {
    const auto decode = [](std::initializer_list<std::pair<std::uint64_t, std::uint64_t>> entries,
                           std::uint64_t count) {
        Bytes bytes;
        ByteWriter out(bytes);
        out.varint(count);
        for (const auto& [origin, seq] : entries) {
            out.u64(origin);
            out.varint(seq);
        }
        ByteReader in(bytes);
        return VersionVector::decode(in).has_value();
    };
    CHECK(decode({{1, 1}, {2, 1}}, 2));
    CHECK_FALSE(decode({{2, 1}, {1, 1}}, 2));
    CHECK_FALSE(decode({{1, 1}, {1, 2}}, 2));
    CHECK_FALSE(decode({{1, 0}}, 1));
    CHECK_FALSE(decode({{1, 1}}, std::uint64_t{1} << 60));
}

TEST_CASE("a hybrid clock never goes back, follows what it sees, and refuses what is too far ahead") {
    HybridClock clock;
    const std::uint64_t first = clock.tick({1000});
    CHECK(first == HybridClock::from({1000}));
    CHECK(clock.tick({1000}) == first + 1);
    CHECK(clock.tick({500}) == first + 2);
    CHECK(clock.tick({2000}) == HybridClock::from({2000}));
    CHECK(clock.observe(HybridClock::from({2500}), {2000}, {500}));
    CHECK(clock.tick({2000}) == HybridClock::from({2500}) + 1);
    const std::uint64_t before = clock.last();
    CHECK_FALSE(clock.observe(HybridClock::from({2502}), {2000}, {500}));
    CHECK(clock.last() == before);
    HybridClock again;
    again.restore(before);
    CHECK(again.tick({0}) == before + 1);
    CHECK(HybridClock::to_instant(before).micros == 2500);
}

}  // namespace anabranch::crdt::test::lattice_test
