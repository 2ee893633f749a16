// Bytes: a growing writer, a bounded reader that cannot overrun, and checksums.
//
// The format is little-endian fixed words and LEB128 varints (signed ones zig-zag). A Reader is used on
// hostile input: every getter returns a default value and latches `failed()` instead of reading past the end,
// so a decoder checks once at its end.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace anabranch {

using Bytes = std::string;           // owned bytes
using BytesView = std::string_view;  // borrowed bytes

class ByteWriter {
  public:
    explicit ByteWriter(Bytes& out) : out_(out) {}
    void u8(std::uint8_t v) { out_.push_back(static_cast<char>(v)); }
    void u32(std::uint32_t v) { fixed(v); }
    void u64(std::uint64_t v) { fixed(v); }
    void f64(double v) { fixed(v); }
    void varint(std::uint64_t v) {
        char buffer[10];
        std::size_t n = 0;
        while (v >= 0x80) {
            buffer[n++] = static_cast<char>(v | 0x80);
            v >>= 7;
        }
        buffer[n++] = static_cast<char>(v);
        out_.append(buffer, n);
    }
    void zigzag(std::int64_t v) {
        varint((static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63));
    }
    void raw(BytesView bytes) { out_.append(bytes); }
    void sized(BytesView bytes) {  // varint length, then the bytes
        varint(bytes.size());
        out_.append(bytes);
    }

  private:
    template <typename T>
    void fixed(T v) {
        char buffer[sizeof v];
        std::memcpy(buffer, &v, sizeof v);
        out_.append(buffer, sizeof v);
    }
    Bytes& out_;
};

class ByteReader {
  public:
    explicit ByteReader(BytesView in) : in_(in) {}
    bool failed() const { return failed_; }
    bool done() const { return in_.empty(); }
    bool complete() const { return !failed_ && in_.empty(); }  // everything read, nothing wrong
    std::size_t left() const { return in_.size(); }
    void fail() {
        failed_ = true;
        in_ = {};
    }
    std::uint8_t u8() { return fixed<std::uint8_t>(); }
    std::uint32_t u32() { return fixed<std::uint32_t>(); }
    std::uint64_t u64() { return fixed<std::uint64_t>(); }
    double f64() { return fixed<double>(); }
    std::uint64_t varint() {
        std::uint64_t v = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            if (in_.empty()) break;
            const auto byte = static_cast<std::uint8_t>(in_.front());
            in_.remove_prefix(1);
            if (shift == 63 && byte > 1) break;  // wider than 64 bits
            v |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
            if (byte < 0x80) return v;
        }
        fail();
        return 0;
    }
    std::int64_t zigzag() {
        const std::uint64_t v = varint();
        return static_cast<std::int64_t>(v >> 1) ^ -static_cast<std::int64_t>(v & 1);
    }
    BytesView raw(std::size_t size) {
        if (size > in_.size()) {
            fail();
            return {};
        }
        const BytesView out = in_.substr(0, size);
        in_.remove_prefix(size);
        return out;
    }
    BytesView sized() {
        const std::uint64_t size = varint();
        if (size > in_.size()) {
            fail();
            return {};
        }
        return raw(static_cast<std::size_t>(size));
    }

  private:
    template <typename T>
    T fixed() {
        if (in_.size() < sizeof(T)) {
            fail();
            return T{};
        }
        T v;
        std::memcpy(&v, in_.data(), sizeof v);
        in_.remove_prefix(sizeof v);
        return v;
    }
    BytesView in_;
    bool failed_ = false;
};

// XXH3, 64 bits: frames, deltas, digests, hash tables. Not cryptographic.
std::uint64_t hash64(BytesView bytes, std::uint64_t seed = 0);
struct Hash128 {
    std::uint64_t low = 0, high = 0;
    friend bool operator==(const Hash128&, const Hash128&) = default;
};
Hash128 hash128(BytesView bytes, std::uint64_t seed = 0);

std::string hex(BytesView bytes);
std::string hex(std::uint64_t value);  // 16 digits

}  // namespace anabranch
