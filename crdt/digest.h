// A sum of the hashes of rows: the same for equal sets of rows, whatever way they were reached, and cheap to
// keep when one row changes. 128 bits of a hash that is not cryptographic: it finds mistakes and divergence,
// not malice.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "lib/base/bytes.h"

namespace anabranch::crdt {

class DigestSum {
  public:
    void add(std::uint64_t key_hash, std::string_view row) {
        const Hash128 hash = hash_of(key_hash, row);
        low_ += hash.low;
        high_ += hash.high;
    }
    void subtract(std::uint64_t key_hash, std::string_view row) {
        const Hash128 hash = hash_of(key_hash, row);
        low_ -= hash.low;
        high_ -= hash.high;
    }
    std::array<std::uint64_t, 2> value() const { return {low_, high_}; }

  private:
    // Mixed again after the key came in: sums of what is merely added up would let rows trade parts.
    static Hash128 hash_of(std::uint64_t key_hash, std::string_view row) {
        const Hash128 hash = hash128(row);
        return {mix(hash.low ^ key_hash), mix(hash.high + key_hash)};
    }
    // The finalizer of MurmurHash3.
    static std::uint64_t mix(std::uint64_t x) {
        x = (x ^ x >> 33) * 0xff51afd7ed558ccdull;
        x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53ull;
        return x ^ x >> 33;
    }
    std::uint64_t low_ = 0, high_ = 0;
};

}  // namespace anabranch::crdt
