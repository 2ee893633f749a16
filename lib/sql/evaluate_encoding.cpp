// Quoting, encodings and digests.
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "lib/base/bytes.h"
#include "lib/sql/evaluate_internal.h"
#include "lib/sql/print.h"
#include "lib/sql/value_internal.h"

namespace anabranch::sql {

std::string escape_literal(std::string_view text) {
    std::string out = text.find('\\') == std::string_view::npos ? "'" : "E'";
    for (const char c : text) {
        if (c == '\'' || c == '\\') out += c;
        out += c;
    }
    return out + '\'';
}

namespace {

// ---- Digests ----

// Message blocks of 64 bytes with the length appended; shared by MD5 and SHA-256.
template <typename Block>
void for_blocks(std::string_view text, bool big_endian_length, Block&& block) {
    std::string tail(text.substr(text.size() / 64 * 64));
    for (std::size_t i = 0; i + 64 <= text.size(); i += 64) block(text.substr(i, 64));
    tail += static_cast<char>(0x80);
    tail.append((120 - tail.size() % 64) % 64, '\0');
    const std::uint64_t bits = 8 * static_cast<std::uint64_t>(text.size());
    for (unsigned i = 0; i < 8; ++i)
        tail += static_cast<char>(bits >> (8 * (big_endian_length ? 7 - i : i)) & 0xff);
    for (std::size_t i = 0; i < tail.size(); i += 64) block(std::string_view(tail).substr(i, 64));
}

std::uint32_t word_at(std::string_view block, std::size_t i, bool big_endian) {
    std::uint32_t out = 0;
    std::memcpy(&out, block.data() + 4 * i, 4);
    return big_endian ? __builtin_bswap32(out) : out;
}

// RFC 1321.
std::string md5(std::string_view text) {
    constexpr std::array<int, 16> shifts = {7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21};
    constexpr std::array<std::uint32_t, 64> sines = {
        0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
        0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
        0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
        0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
        0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
        0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
        0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
        0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391};
    std::array<std::uint32_t, 4> state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    for_blocks(text, false, [&](std::string_view block) {
        auto [a, b, c, d] = state;
        for (std::size_t i = 0; i < 64; ++i) {
            std::uint32_t f = 0;
            std::size_t word = 0;
            switch (i / 16) {
                case 0:
                    f = (b & c) | (~b & d);
                    word = i;
                    break;
                case 1:
                    f = (d & b) | (~d & c);
                    word = (5 * i + 1) % 16;
                    break;
                case 2:
                    f = b ^ c ^ d;
                    word = (3 * i + 5) % 16;
                    break;
                default:
                    f = c ^ (b | ~d);
                    word = 7 * i % 16;
                    break;
            }
            const std::uint32_t sum = a + f + sines[i] + word_at(block, word, false);
            a = d;
            d = c;
            c = b;
            b += std::rotl(sum, shifts[i / 16 * 4 + i % 4]);
        }
        state = {state[0] + a, state[1] + b, state[2] + c, state[3] + d};
    });
    std::string out(16, '\0');
    std::memcpy(out.data(), state.data(), 16);
    return out;
}

// FIPS 180-4.
std::string sha256(std::string_view text) {
    constexpr std::array<std::uint32_t, 64> k = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
    std::array<std::uint32_t, 8> state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                          0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    for_blocks(text, true, [&](std::string_view block) {
        std::array<std::uint32_t, 64> w{};
        for (std::size_t i = 0; i < 16; ++i) w[i] = word_at(block, i, true);
        for (std::size_t i = 16; i < 64; ++i) {
            const std::uint32_t s0 = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ (w[i - 15] >> 3);
            const std::uint32_t s1 = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ (w[i - 2] >> 10);
            w[i] = w[i - 16] + s0 + w[i - 7] + s1;
        }
        auto v = state;
        for (std::size_t i = 0; i < 64; ++i) {
            const std::uint32_t s1 = std::rotr(v[4], 6) ^ std::rotr(v[4], 11) ^ std::rotr(v[4], 25);
            const std::uint32_t t1 = v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + k[i] + w[i];
            const std::uint32_t s0 = std::rotr(v[0], 2) ^ std::rotr(v[0], 13) ^ std::rotr(v[0], 22);
            const std::uint32_t t2 = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
            v = {t1 + t2, v[0], v[1], v[2], v[3] + t1, v[4], v[5], v[6]};
        }
        for (std::size_t i = 0; i < 8; ++i) state[i] += v[i];
    });
    std::string out;
    for (const std::uint32_t word : state) {
        for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(word >> shift & 0xff);
    }
    return out;
}

Datum md5_kernel(EvalContext& c, const CallSite&, const Datum* args) {
    return make_bytes(c, hex(md5(args[0].as_bytes())));
}
Datum sha256_kernel(EvalContext& c, const CallSite&, const Datum* args) {
    return make_bytes(c, sha256(args[0].as_bytes()));
}

// ---- encode and decode ----

constexpr std::string_view base64_letters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string to_base64(std::string_view bytes) {
    std::string out;
    std::size_t column = 0;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t n = std::min<std::size_t>(3, bytes.size() - i);
        unsigned word = 0;
        for (std::size_t j = 0; j < 3; ++j)
            word = word << 8 | (j < n ? static_cast<unsigned char>(bytes[i + j]) : 0U);
        if (column == 76) {
            out += '\n';
            column = 0;
        }
        for (std::size_t j = 0; j < 4; ++j) out += j <= n ? base64_letters[word >> (18 - 6 * j) & 63] : '=';
        column += 4;
    }
    return out;
}

Result<std::string> from_base64(std::string_view text) {
    std::string out;
    unsigned word = 0;
    int letters = 0;
    int padding = 0;
    for (const char c : text) {
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r') continue;
        const std::size_t value = base64_letters.find(c);
        if (c == '=') {
            if (letters < 2 || ++padding > 2)
                return fail("22023", "unexpected \"=\" while decoding base64 sequence");
        } else if (value == std::string_view::npos || padding > 0) {
            return fail("22023",
                        std::string("invalid symbol \"") + c + "\" found while decoding base64 sequence");
        }
        word = word << 6 | (c == '=' ? 0U : static_cast<unsigned>(value));
        if (++letters == 4) {
            for (int i = 0; i < 3 - padding; ++i) out += static_cast<char>(word >> (16 - 8 * i) & 0xff);
            letters = 0;
            word = 0;
        }
    }
    if (letters != 0) {
        return std::unexpected(
            Error::make("22023", "invalid base64 end sequence")
                .with_hint("Input data is missing padding, is truncated, or is otherwise corrupted."));
    }
    return out;
}

std::string to_escape(std::string_view bytes) {
    std::string out;
    for (const char c : bytes) {
        if (c == '\\') {
            out += "\\\\";
        } else if (c == '\0' || (c & 0x80) != 0) {
            const auto byte = static_cast<unsigned char>(c);
            out += {'\\', static_cast<char>('0' + (byte >> 6)), static_cast<char>('0' + (byte >> 3 & 7)),
                    static_cast<char>('0' + (byte & 7))};
        } else {
            out += c;
        }
    }
    return out;
}

std::string lowered(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return out;
}

Datum encode(EvalContext& c, const CallSite&, const Datum* args) {
    const std::string_view bytes = args[0].as_bytes();
    const std::string format = lowered(args[1].as_bytes());
    if (format == "hex") return make_bytes(c, hex(bytes));
    if (format == "base64") return make_bytes(c, to_base64(bytes));
    if (format == "escape") return make_bytes(c, to_escape(bytes));
    return c.fail("22023", "unrecognized encoding: \"" + std::string(args[1].as_bytes()) + "\"");
}

Datum decode(EvalContext& c, const CallSite&, const Datum* args) {
    const std::string_view text = args[0].as_bytes();
    const std::string format = lowered(args[1].as_bytes());
    if (format == "hex") return unwrap(c, parse_text({TypeId::bytea}, "\\x" + std::string(text), c.arena));
    if (format == "base64") return unwrap_bytes(c, from_base64(text));
    if (format == "escape") return unwrap(c, parse_text({TypeId::bytea}, text, c.arena));
    return c.fail("22023", "unrecognized encoding: \"" + std::string(args[1].as_bytes()) + "\"");
}

Datum to_hex(EvalContext& c, const CallSite& site, const Datum* args) {
    auto value = static_cast<std::uint64_t>(args[0].as_integer());
    if (site.args[0].id == TypeId::int4) value &= 0xffffffff;
    std::string out = hex(value);
    out.erase(0, std::min(out.find_first_not_of('0'), out.size() - 1));
    return make_bytes(c, out);
}

Datum quote_ident(EvalContext& c, const CallSite&, const Datum* args) {
    return make_bytes(c, quote_identifier(args[0].as_bytes()));
}
Datum quote_literal(EvalContext& c, const CallSite&, const Datum* args) {
    return make_bytes(c, escape_literal(args[0].as_bytes()));
}
Datum quote_nullable(EvalContext& c, const CallSite&, const Datum* args) {
    return make_bytes(c, args[0].is_null() ? "NULL" : escape_literal(args[0].as_bytes()));
}

}  // namespace

Kernel encoding_kernel(Func func, std::span<const Type>, Type) {
    switch (func) {
        case Func::md5:
            return strict_call<md5_kernel, 1>;
        case Func::sha256:
            return strict_call<sha256_kernel, 1>;
        case Func::encode:
            return strict_call<encode, 2>;
        case Func::decode:
            return strict_call<decode, 2>;
        case Func::to_hex:
            return strict_call<to_hex, 1>;
        case Func::quote_ident:
            return strict_call<quote_ident, 1>;
        case Func::quote_literal:
            return strict_call<quote_literal, 1>;
        case Func::quote_nullable:
            return quote_nullable;
        default:
            return nullptr;
    }
}

}  // namespace anabranch::sql
