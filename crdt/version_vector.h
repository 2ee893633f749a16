// The dots a replica holds, as one number per origin: every dot (o, n) with n <= get(o) is held. Join is the
// pointwise maximum. Ordered by origin, so that its encoding is canonical.
#pragma once

#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "lib/base/bytes.h"
#include "lib/base/ids.h"

namespace anabranch::crdt {

class VersionVector {
  public:
    struct Entry {
        ReplicaId origin;
        std::uint64_t seq = 0;
        auto operator<=>(const Entry&) const = default;
    };
    // A copy is made for every transaction: those of a cluster of the usual size need no memory of their own.
    using Entries = boost::container::small_vector<Entry, 4>;
    std::uint64_t get(ReplicaId origin) const;
    void set(ReplicaId origin, std::uint64_t seq);  // 0 removes the entry
    bool contains(Dot dot) const { return dot.seq <= get(dot.origin); }
    bool covers(const VersionVector& other) const;  // other <= this
    void merge(const VersionVector& other);         // join
    const Entries& entries() const { return entries_; }
    bool empty() const { return entries_.empty(); }
    void encode(ByteWriter& out) const;
    static std::optional<VersionVector> decode(ByteReader& in);  // sorted, unique, bounded, else nothing
    std::string describe() const;
    friend bool operator==(const VersionVector&, const VersionVector&) = default;

  private:
    Entries entries_;  // ascending by origin, seq > 0
};

}  // namespace anabranch::crdt
