// Which effects can matter to each other, and what comes of joining them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "confluence/lost.h"
#include "confluence/search_space.h"

namespace anabranch::confluence {

class Meeting {
  public:
    explicit Meeting(Engine& engine);
    // False: joining the two cannot break what neither breaks, since they write different rows and no
    // invariant looks at both.
    bool matters(const crdt::Delta& a, const crdt::Delta& b) const;
    static bool share_row(const crdt::Delta& a, const crdt::Delta& b);
    // Does it matter who wrote last?
    static bool ordered(const crdt::Delta& a, const crdt::Delta& b);
    // A hash of all that the outcome of joining the two at the state depends on.
    std::uint64_t context(const SearchState& state, const Effect& a, const Effect& b) const;
    // Invariants that the joined state violates, and updates that are lost among the effects, as indexes into
    // Schema::invariants.
    std::vector<std::uint32_t> broken(const SearchSpace& space, const SearchState& state,
                                      std::span<const Effect* const> effects) const;

  private:
    std::vector<TableId> affected(TableId table) const;
    void connect();

    Engine& engine_;
    LostUpdates lost_;
    std::vector<std::vector<bool>>
        connected_;  // by table: some invariant looks at rows of both, or of both after CASCADE and SET NULL
    std::vector<std::vector<std::uint32_t>>
        related_;  // by table: tables whose rows take part in deciding what becomes of its rows
};

}  // namespace anabranch::confluence
