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
    void add(std::string_view key, std::string_view row) {
        const Hash128 hash = hash_of(key, row);
        low_ += hash.low;
        high_ += hash.high;
    }
    void subtract(std::string_view key, std::string_view row) {
        const Hash128 hash = hash_of(key, row);
        low_ -= hash.low;
        high_ -= hash.high;
    }
    std::array<std::uint64_t, 2> value() const { return {low_, high_}; }

  private:
    static Hash128 hash_of(std::string_view key, std::string_view row) { return hash128(row, hash64(key)); }
    std::uint64_t low_ = 0, high_ = 0;
};

}  // namespace anabranch::crdt
