// Messages of a stream, however it is cut into reads.
#include "node/io/inbox.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <vector>

#include "lib/base/random.h"

namespace anabranch::io {

namespace {

Bytes frame(const Bytes& body, bool compressed = false) {
    Bytes out;
    ByteWriter writer(out);
    writer.u32(static_cast<std::uint32_t>(body.size()) | (compressed ? Inbox::compressed_bit : 0));
    writer.raw(body);
    return out;
}

// As much of it as there is room for.
std::size_t read(Inbox& inbox, BytesView from) {
    const auto room = inbox.room();
    const std::size_t size = std::min(room.size(), from.size());
    std::memcpy(room.data(), from.data(), size);
    inbox.got(size);
    return size;
}

}  // namespace

TEST_CASE("messages come out whole and in order, however the stream was cut") {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        Random random(seed);
        std::vector<Bytes> bodies;
        Bytes stream;
        for (int i = 0; i < 40; ++i) {
            const bool large = random.chance(0.1);
            bodies.emplace_back(random.below(large ? 300'000 : 200) + 1, static_cast<char>('a' + i));
            stream += frame(bodies.back(), i % 3 == 0);
        }
        Inbox inbox;
        std::size_t next = 0;
        for (BytesView rest = stream; !rest.empty();) {
            rest.remove_prefix(read(inbox, rest.substr(0, random.below(100'000) + 1)));
            while (const auto got = inbox.take()) {
                REQUIRE(next < bodies.size());
                REQUIRE(got->body == bodies[next]);
                REQUIRE(got->compressed == (next % 3 == 0));
                ++next;
            }
        }
        CHECK(next == bodies.size());
    }
}

TEST_CASE("the size of a message is known before the message is there, and room is made for it") {
    Inbox inbox;
    const Bytes large = frame(Bytes(5'000'000, 'x'));
    CHECK_FALSE(inbox.size());
    read(inbox, BytesView(large).substr(0, 3));
    CHECK_FALSE(inbox.size());
    read(inbox, BytesView(large).substr(3, 1));
    CHECK(inbox.size() == 5'000'000);
    CHECK_FALSE(inbox.take());
    CHECK(inbox.room().size() >= 5'000'000);
}

}  // namespace anabranch::io
