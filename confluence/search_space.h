// The states that a search looks at, and what calls do there. A state is what every replica holds after a
// common prefix of calls; an effect is the delta of one call that was accepted there. Effects are made once
// and joined in many ways, instead of running whole histories.
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "confluence/engine.h"
#include "confluence/search.h"
#include "confluence/search_arguments.h"
#include "crdt/delta.h"

namespace anabranch::confluence {

struct Effect {
    SearchCall call;
    crdt::Delta delta;
    std::vector<NamedKey> made;                  // keys it generated
    std::uint64_t content = 0;                   // hash of what it writes, apart from stamps and origin
    std::shared_ptr<const ReplicaOrigin> after;  // of its replica, when the call drew values from it
};

// Where a call runs: at which replica, as its how-manieth call, and when after the prefix. Slots order the
// stamps of calls that run apart.
struct Role {
    std::uint32_t replica = 0;
    std::uint64_t seq = 1;
    std::uint32_t slot = 0;
    std::uint32_t number = 0;  // of its merge.fresh values within the history
};

struct SearchState {
    explicit SearchState(const ReplicaOrigin& origin_in) : origin(origin_in) {}
    std::vector<SearchCall> prefix;
    std::vector<std::shared_ptr<const crdt::Delta>> deltas;
    std::vector<NamedKey> names;
    ReplicaOrigin origin;   // of replica a, after the prefix
    std::uint64_t seq = 0;  // of replica a
    std::unique_ptr<crdt::Database> database;
    std::vector<std::uint64_t> digests;  // per table, of the visible rows
    // Per transaction: the calls that have an effect here, each another one, and their effects by place.
    struct Enabled {
        bool known = false;
        std::vector<SearchCall> calls;
        std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<std::optional<Effect>>>
            effects;  // by (replica, slot)
    };
    std::vector<Enabled> enabled;
    std::uint32_t score = 0;
};

class SearchSpace {
  public:
    SearchSpace(Engine& engine, const SearchArguments& values, const SearchLimits& limits,
                Search::Counts& counts);

    Result<std::unique_ptr<SearchState>> start();
    // States one call further, without those seen before: at most `limits.states_max`, those first at which
    // most of `interesting` can run.
    std::vector<std::unique_ptr<SearchState>> grow(std::span<const std::unique_ptr<SearchState>> from,
                                                   const std::vector<std::uint32_t>& builders,
                                                   const std::vector<std::uint32_t>& interesting);

    // Scores a state by how many of the transactions can run there.
    void rate(SearchState& state, const std::vector<std::uint32_t>& interesting);

    // Calls of a transaction that have an effect at the state.
    const std::vector<SearchCall>& calls(SearchState& state, std::uint32_t transaction);
    // The effect of the index-th of them at a replica and slot; null when it is refused there.
    const Effect* effect(SearchState& state, std::uint32_t transaction, std::size_t index,
                         std::uint32_t replica, std::uint32_t slot);
    // Effects of a second call at replica `role.replica`, on the state and one effect of its own, that the
    // first one made possible or changed.
    std::vector<Effect> followers(SearchState& state, const Effect& first, const Role& role,
                                  const std::vector<std::uint32_t>& transactions);
    // The same call, made again on the state and one effect.
    std::optional<Effect> follow(SearchState& state, const Effect& first, const Role& role,
                                 const SearchCall& call);

    std::unique_ptr<crdt::Database> join(const SearchState& state,
                                         std::span<const Effect* const> effects) const;

  private:
    std::optional<Effect> perform(const crdt::Database& database, ReplicaOrigin& origin,
                                  std::size_t prefix_size, const std::vector<NamedKey>& names,
                                  SearchCall call, const Role& role);
    void note_names(const exec::WriteSet& writes, const std::vector<NamedKey>& names, const Role& role,
                    Effect& effect);
    void add_child(const SearchState& parent, SearchCall call,
                   std::vector<std::unique_ptr<SearchState>>& out);
    std::unique_ptr<SearchState> extend(const SearchState& from, const Effect& effect);
    void finish(SearchState& state) const;
    ReplicaOrigin origin_of(const SearchState& state, const Role& role, const Effect* first = nullptr) const;

    Engine& engine_;
    const SearchArguments& values_;
    const SearchLimits& limits_;
    Search::Counts& counts_;
    std::map<std::vector<std::uint64_t>, std::size_t> seen_;  // digests of states
    Arena arena_;
};

std::uint64_t content_of(const crdt::Delta& delta);

}  // namespace anabranch::confluence
