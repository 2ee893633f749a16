// Majorities over Members, joint or not (Raft section 6). Pure functions; `Options::Unsafe` bends them for
// the tests of the tests.
#pragma once

#include <algorithm>
#include <vector>

#include "node/order/order.h"

namespace anabranch::order {

using Electorate = std::vector<ReplicaId>;

// Calls `visit` with each list that must reach a majority, until it returns false. False if there is no list:
// then nothing can be decided.
template <typename Visit>
bool each_electorate(const Members& members, const Options::Unsafe& unsafe, Visit visit) {
    if (members.voters.empty()) return false;
    if (unsafe.count_learners) {
        Electorate all = members.voters;
        all.insert(all.end(), members.learners.begin(), members.learners.end());
        if (!visit(all)) return false;
    } else if (!members.joint() || !unsafe.one_majority_when_joint) {
        if (!visit(members.voters)) return false;
    }
    return !members.joint() || visit(members.incoming);
}

// Do more than half of each electorate satisfy `yes`?
template <typename Yes>
bool majority(const Members& members, const Options::Unsafe& unsafe, Yes yes) {
    return each_electorate(members, unsafe, [&](const Electorate& list) {
        return 2 * std::count_if(list.begin(), list.end(), yes) > static_cast<std::ptrdiff_t>(list.size());
    });
}

// The largest n such that more than half of each electorate have reached it.
template <typename Reached>
std::uint64_t agreed(const Members& members, const Options::Unsafe& unsafe, Reached reached) {
    std::uint64_t lowest = ~std::uint64_t{0};
    std::vector<std::uint64_t> values;
    const bool any = each_electorate(members, unsafe, [&](const Electorate& list) {
        values.clear();
        for (const ReplicaId id : list) values.push_back(reached(id));
        const auto middle = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
        std::nth_element(values.begin(), middle, values.end());
        lowest = std::min(lowest, *middle);
        return true;
    });
    return any ? lowest : 0;
}

}  // namespace anabranch::order
