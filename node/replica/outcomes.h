// What ordered requests were told, so that a request that is made again is told the same and not executed
// again (design section 7: exactly once).
//
// An entry of the order carries the outcomes of its calls in front of its delta. Every replica that merges
// the delta, by whatever way it came, takes note of them, and so does one that gets a state instead. The
// oldest go when there are too many. A primary executes nothing before it has applied all earlier entries:
// if a request was ever committed, and its outcome has not been forgotten, it is known there.
#pragma once

#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "crdt/delta.h"
#include "lib/base/bytes.h"
#include "lib/wire/messages.h"

namespace anabranch::replica {

// Names a request, however often it is sent and wherever to. `client` is one run of one node, or part of the
// hash of a request_id that a client chose.
struct RequestKey {
    std::uint64_t client = 0, number = 0;
    friend auto operator<=>(const RequestKey&, const RequestKey&) = default;
};

struct RequestKeyHash {
    using is_avalanching = void;
    // Requests that follow each other are kept beside each other: they come, and are forgotten, together.
    std::size_t operator()(const RequestKey& key) const {
        std::uint64_t bits = key.client ^ (key.number >> 2) * 0x9e3779b97f4a7c15;
        bits = (bits ^ bits >> 32) * 0xd6e8feb86659fd93;
        return (bits ^ bits >> 32) ^ (key.number & 3);
    }
};
using RequestKeys = boost::unordered_flat_set<RequestKey, RequestKeyHash>;  // nothing may hang on its order

class Outcomes {
  public:
    static constexpr std::size_t kept_max = 100'000;
    static constexpr std::size_t kept_bytes_max = std::size_t{16} << 20;

    struct Outcome {
        RequestKey key;
        Bytes answer;  // encode_answer()
    };
    struct Known {
        std::uint64_t csn = 0;
        RequestKey key;
        Bytes answer;

      private:
        friend class Outcomes;
        std::uint64_t before = 0;  // the number of the one that came before it in its bucket
    };
    void note(std::uint64_t csn, std::vector<Outcome> outcomes);
    const Known* find(RequestKey key) const;
    // A request of which it is known that it was not executed up to this CSN, and that is not found here,
    // has not been executed. Nothing can be said of requests made before.
    std::uint64_t complete_after() const { return forgotten_; }

    void encode(ByteWriter& out) const;
    bool merge(ByteReader& in);  // false: malformed, and nothing taken over

  private:
    void add(std::uint64_t csn, RequestKey key, Bytes answer);
    void forget();
    std::size_t bucket_of(RequestKey key) const { return RequestKeyHash()(key) & (buckets_.size() - 1); }
    void sort_into_buckets();

    // The oldest is the first to go: so nothing is ever taken out of the buckets. In each begins a list of
    // numbers that descend, and that ends where they are of outcomes that are gone.
    std::deque<Known> known_;  // ascending by CSN, numbered from `first_` on
    std::uint64_t first_ = 1;
    std::vector<std::uint64_t> buckets_ = std::vector<std::uint64_t>(64);  // a power of two
    std::size_t bytes_ = 0;
    std::uint64_t forgotten_ = 0;
};

// Without session, number and CSN.
Bytes encode_answer(const wire::Forwarded& answer);
wire::Forwarded decode_answer(BytesView bytes);  // of Outcomes' own making, or checked by decode_delta

// A delta's bytes as they are kept, gossiped and ordered: those of an entry with outcomes have these in
// front.
Bytes with_outcomes(const std::vector<Outcomes::Outcome>& outcomes, BytesView delta);
struct DecodedDelta {
    crdt::Delta delta;
    std::vector<Outcomes::Outcome> outcomes;
};
Result<DecodedDelta> decode_delta(BytesView bytes);
// The outcomes alone; the rest is the delta.
Result<BytesView> decode_outcomes(BytesView bytes, std::vector<Outcomes::Outcome>& out);
// The name that the bytes claim, nothing checked: enough to see that the delta is not needed.
std::optional<Dot> dot_of(BytesView bytes);
bool forgets(BytesView bytes);

}  // namespace anabranch::replica
