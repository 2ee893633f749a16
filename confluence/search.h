// Bounded search on the real executor and the real CRDT state: the second opinion on every verdict, and the
// source of every witness.
//
// A history here is: a common prefix at replica a (delivered to all), then up to `calls_apart` calls at each
// of two or three replicas that do not see each other, then delivery of everything. It is tried in all orders
// of clocks that matter. Deterministic: no clock, no entropy.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "confluence/check.h"
#include "confluence/history.h"
#include "confluence/seeds.h"
#include "lib/base/error.h"
#include "lib/catalog/schema.h"

namespace anabranch::confluence {

struct SearchLimits {
    std::uint32_t replicas = 3;
    std::uint32_t prefix_calls = 3;  // of the common prefix
    std::uint32_t calls_apart = 2;   // per replica, after the prefix
    std::uint64_t histories_max = 20'000;
    std::uint32_t states_max =
        48;  // prefixes kept per length: those at which most transactions have an effect
    std::uint32_t calls_max = 16;   // argument lists tried per transaction and state
    std::uint32_t pairs_max = 256;  // pairs of calls tried per pair of transactions and state
};
// For find_breaks: a moment for each schema.
inline constexpr SearchLimits break_limits{3, 3, 2, 4'000, 8, 16, 12};

// A history that breaks `invariant` (index into Schema::invariants), in which only calls of `first` and
// `second` (indexes into Schema::transactions, may be equal) run apart, shrunk and replayed. Nothing when
// none was found within the limits.
Result<std::optional<Witness>> find_witness(const catalog::SchemaPtr& schema, std::uint32_t invariant,
                                            std::uint32_t first, std::uint32_t second, const Seeds& seeds,
                                            const SearchLimits& limits = {});

// The opinion that confluent verdicts must survive: histories in which only pairs of transactions for which
// `apart(first, second)` is true run apart, whatever invariant breaks. Every break is returned with the pair
// and the invariant that it contests.
struct Broken {
    std::uint32_t invariant = 0, first = 0, second = 0;
    Witness witness;
};
Result<std::vector<Broken>> find_breaks(const catalog::SchemaPtr& schema,
                                        const std::vector<std::vector<bool>>& apart, const Seeds& seeds,
                                        const SearchLimits& limits = break_limits);

// The same for many questions about one schema: what is compiled once is kept. Not thread-safe.
class Search {
  public:
    explicit Search(catalog::SchemaPtr schema);
    ~Search();
    Result<std::optional<Witness>> find_witness(std::uint32_t invariant, std::uint32_t first,
                                                std::uint32_t second, const Seeds& seeds,
                                                const SearchLimits& limits = {});
    Result<std::vector<Broken>> find_breaks(const std::vector<std::vector<bool>>& apart, const Seeds& seeds,
                                            const SearchLimits& limits = break_limits);
    struct Counts {
        std::uint64_t states = 0;           // prefixes looked at
        std::uint64_t calls = 0;            // calls run, refused ones too
        std::uint64_t histories = 0;        // merged states checked
        std::uint64_t unconfirmed = 0;      // found, but gone when the history was run from its beginning
        std::set<std::uint32_t> committed;  // transactions of which a call was accepted
    };
    const Counts& counts() const;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace anabranch::confluence
