#include "lib/base/bytes.h"

// Inlined so that no XXH symbol is exported: libpg_query exports its own copies.
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace anabranch {

std::uint64_t hash64(BytesView bytes, std::uint64_t seed) {
    return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

Hash128 hash128(BytesView bytes, std::uint64_t seed) {
    const XXH128_hash_t hash = XXH3_128bits_withSeed(bytes.data(), bytes.size(), seed);
    return {hash.low64, hash.high64};
}

std::string hex(BytesView bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string out;
    out.reserve(bytes.size() * 2);
    for (const char c : bytes) {
        out.push_back(digits[static_cast<unsigned char>(c) >> 4]);
        out.push_back(digits[static_cast<unsigned char>(c) & 15]);
    }
    return out;
}

std::string hex(std::uint64_t value) {
    std::string out;
    for (int shift = 60; shift >= 0; shift -= 4) out.push_back("0123456789abcdef"[(value >> shift) & 15]);
    return out;
}

}  // namespace anabranch
