// A counter: an initial value, which is a register, plus one running total per origin, of which the newest
// counts (a PN-counter of Shapiro et al. 2011, section 3.1.3, with one signed cell per origin). Totals are
// absolute, so that joining one twice is joining it once. Sums wrap around at 64 bits, everywhere alike.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "crdt/delta.h"
#include "crdt/write_stamp.h"

namespace anabranch::crdt {

inline std::int64_t wrapping_add(std::int64_t a, std::int64_t b) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
inline std::int64_t wrapping_subtract(std::int64_t a, std::int64_t b) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}

struct Counter {
    WriteStamp written;  // of the initial value
    bool null = false;   // initial value NULL: the sum reads as NULL, as NULL + 1 does
    std::int64_t initial = 0;
    std::vector<CounterTotal> totals;  // ascending by origin

    void reset() {
        written = {};
        null = false;
        initial = 0;
        totals.clear();
    }
    std::int64_t value() const {
        std::int64_t sum = initial;
        for (const CounterTotal& t : totals) sum = wrapping_add(sum, t.total);
        return sum;
    }
    void set_initial(WriteStamp at, bool is_null, std::int64_t value) {
        if (at <= written) return;
        written = at;
        null = is_null;
        initial = value;
    }
    void raise(const CounterTotal& to) {
        const auto at = std::lower_bound(totals.begin(), totals.end(), to.origin,
                                         [](const CounterTotal& t, ReplicaId o) { return t.origin < o; });
        if (at == totals.end() || at->origin != to.origin) {
            totals.insert(at, to);
        } else if (at->seq < to.seq) {
            *at = to;
        }
    }
    void merge(const Counter& other) {
        set_initial(other.written, other.null, other.initial);
        for (const CounterTotal& t : other.totals) raise(t);
    }
};

}  // namespace anabranch::crdt
