#include "crdt/existence.h"

#include <algorithm>

namespace anabranch::crdt {

namespace {

bool holds(std::span<const LiveDot> dots, Dot dot) {
    return std::any_of(dots.begin(), dots.end(), [&](const LiveDot& d) { return d.dot == dot; });
}

}  // namespace

bool contested(std::span<const LiveDot> dots) {
    return dots.size() > 1 && std::any_of(dots.begin() + 1, dots.end(),
                                          [&](const LiveDot& d) { return d.claim != dots[0].claim; });
}

bool Existence::contested() const {
    return crdt::contested(dots_);
}

void Existence::add(LiveDot dot) {
    const auto at = std::lower_bound(dots_.begin(), dots_.end(), dot);
    if (at == dots_.end() || at->dot != dot.dot) dots_.insert(at, dot);
}

void Existence::remove_seen(const VersionVector& context) {
    std::erase_if(dots_, [&](const LiveDot& d) { return context.contains(d.dot); });
}

void Existence::merge(const Existence& other, const VersionVector& context,
                      const VersionVector& other_context) {
    std::erase_if(
        dots_, [&](const LiveDot& d) { return other_context.contains(d.dot) && !holds(other.dots_, d.dot); });
    for (const LiveDot& theirs : other.dots_) {
        if (!context.contains(theirs.dot)) add(theirs);
    }
}

}  // namespace anabranch::crdt
