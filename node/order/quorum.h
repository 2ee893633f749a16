// Majorities over Members, joint or not (Raft section 6). Pure functions; `Options::Unsafe` bends them for
// the tests of the tests.
#pragma once

#include <algorithm>
#include <vector>

#include "node/order/order.h"

namespace anabranch::order {

// The lists each of which must reach a majority. No list: nothing can be decided.
inline std::vector<std::vector<ReplicaId>> electorates(const Members& members,
                                                       const Options::Unsafe& unsafe) {
    std::vector<std::vector<ReplicaId>> lists;
    if (members.voters.empty()) return lists;
    if (!members.joint() || !unsafe.one_majority_when_joint) lists.push_back(members.voters);
    if (members.joint()) lists.push_back(members.incoming);
    if (unsafe.count_learners) {
        for (auto& list : lists) list.insert(list.end(), members.learners.begin(), members.learners.end());
    }
    return lists;
}

// Do more than half of each electorate satisfy `yes`?
template <typename Yes>
bool majority(const Members& members, const Options::Unsafe& unsafe, Yes yes) {
    const auto lists = electorates(members, unsafe);
    return !lists.empty() && std::all_of(lists.begin(), lists.end(), [&](const auto& list) {
        return 2 * std::count_if(list.begin(), list.end(), yes) > static_cast<std::ptrdiff_t>(list.size());
    });
}

// The largest n such that more than half of each electorate have reached it.
template <typename Reached>
std::uint64_t agreed(const Members& members, const Options::Unsafe& unsafe, Reached reached) {
    std::uint64_t lowest = ~std::uint64_t{0};
    const auto lists = electorates(members, unsafe);
    for (const auto& list : lists) {
        std::vector<std::uint64_t> values;
        values.reserve(list.size());
        for (const ReplicaId id : list) values.push_back(reached(id));
        const auto middle = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
        std::nth_element(values.begin(), middle, values.end());
        lowest = std::min(lowest, *middle);
    }
    return lists.empty() ? 0 : lowest;
}

}  // namespace anabranch::order
