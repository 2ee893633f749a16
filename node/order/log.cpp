#include "node/order/log.h"

#include <algorithm>

#include "lib/base/check.h"

namespace anabranch::order {

Log::Log(Snapshot base, const std::vector<Entry>& entries, Dots held, bool ignore_dependencies)
    : base_(std::move(base)), held_(std::move(held)), ignore_dependencies_(ignore_dependencies) {
    members_.push_back({base_.index, base_.members});
    covered_ = base_.index;
    for (const Entry& entry : entries) append(entry);
}

const Entry& Log::at(Index index) const {
    CHECK_NOTE(index >= first() && index <= last(), "order log index " + std::to_string(index));
    return entries_[static_cast<std::size_t>(index - first())];
}

std::optional<Epoch> Log::epoch_at(Index index) const {
    if (index == base_.index) return base_.epoch;
    if (index < first() || index > last()) return std::nullopt;
    return at(index).epoch;
}

bool Log::newer_than(Index last_index, Epoch last_epoch) const {
    const Epoch ours = *epoch_at(covered_);
    return ours != last_epoch ? ours > last_epoch : covered_ > last_index;
}

Index Log::agreement(Index index, Epoch epoch) const {
    if (index < base_.index) return index;
    const auto end = entries_.begin() + static_cast<std::ptrdiff_t>(std::min(index, last()) - base_.index);
    const auto after = std::upper_bound(
        entries_.begin(), end, epoch, [](Epoch wanted, const Entry& entry) { return wanted < entry.epoch; });
    return base_.index + static_cast<Index>(after - entries_.begin());
}

std::vector<Entry> Log::slice(Index index, std::size_t entries_max, std::size_t bytes_max) const {
    std::vector<Entry> out;
    std::size_t bytes = 0;
    for (Index i = index + 1; i <= last() && out.size() < entries_max; ++i) {
        const Entry& entry = at(i);
        bytes += entry.payload.size() + entry.dependencies.size() * sizeof(Dot);
        if (!out.empty() && bytes > bytes_max) break;
        out.push_back(entry);
    }
    return out;
}

const Members& Log::members_at(Index index) const {
    auto at = members_.rbegin();
    while (at->index > index && at + 1 != members_.rend()) ++at;
    return at->members;
}

void Log::append(Entry entry) {
    CHECK(entry.index == last() + 1 && entry.epoch >= last_epoch());
    if (entry.kind == EntryKind::config) {
        auto members = decode_members(entry.payload);
        CHECK_NOTE(members.has_value(), "a member list entered the order's log unchecked");
        members_.push_back({entry.index, std::move(*members)});
    }
    entries_.push_back(std::move(entry));
    cover();
}

void Log::truncate(Index from) {
    CHECK(from > base_.index);
    while (last() >= from) entries_.pop_back();
    while (members_.back().index >= from && members_.size() > 1) members_.pop_back();
    covered_ = std::min(covered_, last());
}

Snapshot Log::base_at(Index to) const {
    CHECK(to >= base_.index && to <= covered_);
    Snapshot out = base_;
    for (; out.index < to; ++out.index) {
        const Entry& entry = at(out.index + 1);
        out.epoch = entry.epoch;
        merge(out.dependencies, entry.dependencies);
    }
    out.members = members_at(to);
    return out;
}

void Log::compact(Index to) {
    base_ = base_at(to);
    while (!entries_.empty() && entries_.front().index <= to) entries_.pop_front();
    std::erase_if(members_, [to](const InForce& item) { return item.index <= to; });
    members_.insert(members_.begin(), {to, base_.members});
}

void Log::reset(const Snapshot& base) {
    base_ = base;
    entries_.clear();
    members_.assign(1, {base.index, base.members});
    covered_ = base.index;
}

bool Log::hold(const Dots& dots) {
    const Index before = covered_;
    merge(held_, dots);
    cover();
    return covered_ != before;
}

Dots Log::uncovered() const {
    return covered_ == last() ? Dots{} : missing(held_, at(covered_ + 1).dependencies);
}

void Log::cover() {
    while (covered_ < last() && (ignore_dependencies_ || covers(held_, at(covered_ + 1).dependencies)))
        ++covered_;
}

}  // namespace anabranch::order
