// Who wrote a register, and when: the commit's Stamp, and its place among its origin's commits. The sequence
// number never decides between two commits; it tells whether somebody who holds a version vector knew of the
// write.
#pragma once

#include "lib/base/ids.h"

namespace anabranch::crdt {

struct WriteStamp {
    Stamp stamp;
    std::uint64_t seq = 0;  // 0: never written
    Dot dot() const { return {stamp.origin, seq}; }
    auto operator<=>(const WriteStamp&) const = default;
};

}  // namespace anabranch::crdt
