#include "lib/base/bytes.h"

#include <bit>
#include <cmath>
#include <limits>

#include "tests/support/property.h"

namespace anabranch {
namespace {

Bytes varint_bytes(std::uint64_t value) {
    Bytes out;
    ByteWriter(out).varint(value);
    return out;
}

TEST_CASE("a varint is read back as written and is as short as its value allows") {
    for (unsigned bit = 0; bit < 64; ++bit) {
        for (const std::uint64_t delta : {~std::uint64_t{0}, std::uint64_t{0}, std::uint64_t{1}}) {
            const std::uint64_t value = (std::uint64_t{1} << bit) + delta;
            CAPTURE(value);
            const Bytes out = varint_bytes(value);
            ByteReader in(out);
            CHECK(in.varint() == value);
            CHECK(in.complete());
            const auto width = static_cast<std::size_t>(std::bit_width(value));
            CHECK(out.size() == std::max<std::size_t>(1, (width + 6) / 7));
        }
    }
}

TEST_CASE("zigzag keeps both signs and gives small magnitudes few bytes") {
    using Limits = std::numeric_limits<std::int64_t>;
    for (const std::int64_t value :
         {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1}, std::int64_t{-64}, std::int64_t{63},
          std::int64_t{64}, Limits::min(), Limits::min() + 1, Limits::max()}) {
        Bytes out;
        ByteWriter(out).zigzag(value);
        ByteReader in(out);
        CHECK(in.zigzag() == value);
        CHECK(in.complete());
        if (value >= -64 && value <= 63) CHECK(out.size() == 1);
    }
}

TEST_CASE("any sequence of fields is read back in order") {
    test::for_seeds(50, [](Random& random) {
        const std::uint64_t plan = random.next();
        Random written = random;
        Random expected = random;
        Bytes out;
        ByteWriter writer(out);
        const auto visit = [plan](auto&& field) {
            for (unsigned i = 0; i < 20; ++i) field((plan >> (i * 3)) & 7);
        };
        visit([&](std::uint64_t kind) {
            const std::uint64_t v = written.next();
            if (kind == 0) writer.u8(static_cast<std::uint8_t>(v));
            if (kind == 1) writer.u32(static_cast<std::uint32_t>(v));
            if (kind == 2) writer.u64(v);
            if (kind == 3) writer.f64(static_cast<double>(v) / 3);
            if (kind == 4) writer.varint(v >> (v & 63));
            if (kind == 5) writer.zigzag(static_cast<std::int64_t>(v));
            if (kind == 6) writer.sized(hex(v));
            if (kind == 7) writer.raw(hex(v));
        });
        ByteReader reader(out);
        visit([&](std::uint64_t kind) {
            const std::uint64_t v = expected.next();
            if (kind == 0) CHECK(reader.u8() == static_cast<std::uint8_t>(v));
            if (kind == 1) CHECK(reader.u32() == static_cast<std::uint32_t>(v));
            if (kind == 2) CHECK(reader.u64() == v);
            if (kind == 3) CHECK(reader.f64() == static_cast<double>(v) / 3);
            if (kind == 4) CHECK(reader.varint() == v >> (v & 63));
            if (kind == 5) CHECK(reader.zigzag() == static_cast<std::int64_t>(v));
            if (kind == 6) CHECK(reader.sized() == hex(v));
            if (kind == 7) CHECK(reader.raw(16) == hex(v));
        });
        CHECK(reader.complete());
    });
}

TEST_CASE("words are little-endian on the wire") {
    Bytes out;
    ByteWriter writer(out);
    writer.u32(0x01020304);
    writer.u64(0x05);
    CHECK(hex(out) == "040302010500000000000000");
}

TEST_CASE("every prefix of a message fails instead of reading past its end") {
    Bytes whole;
    ByteWriter writer(whole);
    writer.u8(7);
    writer.u32(9);
    writer.varint(300);
    writer.sized("hello");
    writer.u64(1);
    const auto read = [](ByteReader in) {
        in.u8();
        in.u32();
        in.varint();
        in.sized();
        in.u64();
        return in.complete();
    };
    for (std::size_t size = 0; size < whole.size(); ++size) {
        // An allocation of exactly `size` bytes, so that the address sanitizer sees one byte too many.
        const Bytes prefix(whole.data(), size);
        CHECK_FALSE(read(ByteReader(prefix)));
    }
    CHECK(read(ByteReader(whole)));
    CHECK_FALSE(read(ByteReader(whole + "x")));
}

TEST_CASE("a length larger than what is left fails and gives nothing") {
    for (const std::uint64_t claimed : {std::uint64_t{4}, std::uint64_t{1} << 32, ~std::uint64_t{0}}) {
        const Bytes bytes = varint_bytes(claimed) + "abc";
        ByteReader in(bytes);
        CHECK(in.sized().empty());
        CHECK(in.failed());
        CHECK(in.left() == 0);
    }
}

TEST_CASE("a varint that does not end, or is wider than 64 bits, fails") {
    for (const Bytes& bytes :
         {Bytes(9, '\x80'), Bytes(10, '\xff'), Bytes(11, '\x80'), Bytes(9, '\xff') + '\x02'}) {
        ByteReader in(bytes);
        CHECK(in.varint() == 0);
        CHECK(in.failed());
    }
    const Bytes widest = Bytes(9, '\xff') + '\x01';
    CHECK(ByteReader(widest).varint() == ~std::uint64_t{0});
}

TEST_CASE("a reader that failed stays failed and yields only defaults") {
    const Bytes bytes(40, 'x');
    ByteReader in(bytes);
    CHECK(in.raw(41).empty());
    CHECK(in.failed());
    CHECK(in.u8() == 0);
    CHECK(in.u64() == 0);
    CHECK(in.zigzag() == 0);
    CHECK(in.sized().empty());
    CHECK_FALSE(in.complete());
}

TEST_CASE("random bytes never overrun a reader") {
    test::for_seeds(500, [](Random& random) {
        Bytes bytes;
        for (std::uint64_t left = random.below(40); left > 0; --left)
            bytes.push_back(static_cast<char>(random.next()));
        ByteReader in(bytes);
        for (int step = 0; step < 30; ++step) {
            const std::size_t before = in.left();
            switch (random.below(6)) {
                case 0:
                    in.u8();
                    break;
                case 1:
                    in.u32();
                    break;
                case 2:
                    in.varint();
                    break;
                case 3:
                    in.sized();
                    break;
                case 4:
                    in.raw(random.below(9));
                    break;
                default:
                    in.f64();
                    break;
            }
            REQUIRE(in.left() <= before);
        }
        CHECK(in.complete() == (!in.failed() && in.left() == 0));
    });
}

TEST_CASE("hash64 is XXH3 and separates seeds, lengths and single bits") {
    CHECK(hash64("") == 0x2d06800538d394c2);  // the value published with XXH3
    CHECK(hash64("anabranch") == hash64("anabranch"));
    CHECK(hash64("anabranch", 1) != hash64("anabranch", 2));
    const Bytes zeros(64, '\0');
    for (std::size_t size = 1; size < zeros.size(); ++size) {
        CHECK(hash64(BytesView(zeros).substr(0, size)) != hash64(BytesView(zeros).substr(0, size - 1)));
    }
    for (std::size_t bit = 0; bit < zeros.size() * 8; ++bit) {
        Bytes flipped = zeros;
        flipped[bit / 8] = static_cast<char>(1 << (bit % 8));
        CHECK(hash64(flipped) != hash64(zeros));
    }
}

TEST_CASE("hex writes two lowercase digits a byte and sixteen a number") {
    CHECK(hex(BytesView("\x00\x7f\xff", 3)) == "007fff");
    CHECK(hex(BytesView()).empty());
    CHECK(hex(std::uint64_t{0xabc}) == "0000000000000abc");
}

}  // namespace
}  // namespace anabranch
