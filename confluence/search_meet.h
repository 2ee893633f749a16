// Which effects can matter to each other, and what comes of joining them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "confluence/lost.h"
#include "confluence/search_space.h"

namespace anabranch::confluence {

class Meeting {
  public:
    // With `only` (an index into Schema::invariants) no other invariant counts below. `lost` is not owned.
    Meeting(Engine& engine, const LostUpdates& lost, std::optional<std::uint32_t> only = {});
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
    bool counts(std::uint32_t invariant) const { return !only_ || *only_ == invariant; }
    std::vector<TableId> affected(TableId table) const;
    void connect();
    void find_near();
    bool share_row_near(const crdt::Delta& a, const crdt::Delta& b) const;
    std::vector<std::uint32_t> near(std::span<const Effect* const> effects) const;
    bool may_lose(std::span<const Effect* const> effects) const;

    Engine& engine_;
    const LostUpdates& lost_;
    const std::optional<std::uint32_t> only_;
    std::map<std::string, std::uint32_t> losses_;   // lost-update invariants by their names
    std::vector<std::vector<std::uint32_t>> near_;  // by table: invariants that its rows may break, ascending
    std::vector<bool> lossy_;                       // by table: updates of its rows may be lost
    std::vector<std::vector<bool>>
        connected_;  // by table: some invariant looks at rows of both, or of both after CASCADE and SET NULL
    std::vector<std::vector<std::uint32_t>>
        related_;  // by table: tables whose rows take part in deciding what becomes of its rows
};

}  // namespace anabranch::confluence
