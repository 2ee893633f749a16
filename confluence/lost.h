// Lost updates, seen in a history: two calls that did not know each other wrote one register group of one
// row, and what one of them wrote depended on what it had read there (or was only part of the group), so that
// whichever write the merge throws away was acknowledged on a promise. This is not a property of a state; it
// is read off the deltas.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "confluence/history.h"
#include "crdt/delta.h"

namespace anabranch::confluence {

struct WrittenDelta {
    crdt::Delta delta;
    std::uint32_t transaction = UINT32_MAX;  // UINT32_MAX: ad hoc, or the initial rows
};

class LostUpdates {
  public:
    explicit LostUpdates(const catalog::Schema& schema);
    struct Written {  // borrowed
        const crdt::Delta* delta = nullptr;
        std::uint32_t transaction = UINT32_MAX;
    };
    std::vector<Lost> find(std::span<const Written> deltas) const;
    std::vector<Lost> find(const std::vector<WrittenDelta>& deltas) const;
    // What a transaction does to a register group by UPDATE or DO UPDATE.
    struct Use {
        bool promises = false;  // read-modify-write, compare-and-set, or a part of the group; not opted out
        std::vector<std::uint32_t> columns;  // assigned
    };
    const Use* use(std::uint32_t transaction, TableId table, std::uint32_t group) const;

  private:
    void note_statement(std::uint32_t transaction, std::size_t statement);
    void compare(const Written& gone, const Written& kept, std::vector<Lost>& out) const;
    void report(const Written& gone, const Written& kept, TableId table, std::uint32_t group,
                std::vector<Lost>& out) const;

    const catalog::Schema& schema_;
    std::map<std::tuple<std::uint32_t, TableId, std::uint32_t>, Use> uses_;
};

}  // namespace anabranch::confluence
