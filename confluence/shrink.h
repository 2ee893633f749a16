// From a history that breaks an invariant to the smallest one like it: fewer calls, fewer of them apart,
// small and familiar arguments.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "confluence/engine.h"
#include "confluence/history.h"
#include "confluence/search_arguments.h"

namespace anabranch::confluence {

// A common prefix at replica a, calls apart in the order of their clocks, and a meeting of all.
struct Trial {
    std::vector<SearchCall> prefix;
    struct Apart {
        std::uint32_t replica = 0;
        SearchCall call;
    };
    std::vector<Apart> apart;

    History history(const catalog::Schema& schema) const;
    // A call of `first` and one of `second` run apart from each other.
    bool involves(std::uint32_t first, std::uint32_t second) const;
};

class Shrinker {
  public:
    Shrinker(Engine& engine, const SearchArguments& values, const std::string& invariant)
        : engine_(engine), values_(values), invariant_(invariant) {}
    // Every call is accepted, and in the end the invariant is violated or, for a lost update, a write is
    // lost.
    bool breaks(const Trial& trial) const;
    // Nothing when the trial does not break the invariant in the first place.
    std::optional<Trial> shrink(Trial trial) const;

  private:
    bool drop_apart(Trial& trial) const;
    bool hoist(Trial& trial) const;
    bool drop_prefix(Trial& trial) const;
    bool by_replica(Trial& trial) const;
    bool simplify(Trial& trial) const;
    bool simplify_places(Trial& trial) const;
    void tell_apart(Trial& trial) const;
    bool simplify_literal(Trial& trial, std::uint32_t transaction, std::size_t parameter,
                          const CallValue& value) const;
    static void renumber(Trial& trial);
    void forget_names(Trial& trial) const;

    Engine& engine_;
    const SearchArguments& values_;
    std::string invariant_;
};

}  // namespace anabranch::confluence
