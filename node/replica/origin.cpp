#include "node/replica/origin.h"

#include <algorithm>

namespace anabranch::replica {

IdentityValues::IdentityValues(const catalog::Schema& schema, std::int64_t slot) : slot_(slot) {
    for (const auto& table : schema.tables) {
        std::map<std::uint32_t, std::size_t> seen;  // columns of each group so far
        for (std::uint32_t i = 0; i < table.columns.size(); ++i) {
            const auto& column = table.columns[i];
            const bool grouped = column.policy.merge == catalog::Merge::register_ ||
                                 column.policy.merge == catalog::Merge::immutable;
            if (!grouped) continue;
            const std::size_t position = seen[column.policy.group]++;
            if (column.identity != catalog::Identity::none)
                columns_[table.id].push_back({column.policy.group, position, {i}});
        }
    }
}

// What is known of either slot stays known.
void IdentityValues::set_slot(std::int64_t slot) {
    if (slot == slot_) return;
    for (const auto& [key, counter] : newest_) others_[{key.first, key.second, slot_}] = counter;
    newest_.clear();
    reserved_.clear();
    slot_ = slot;
    for (auto it = others_.begin(); it != others_.end();) {
        const auto& [table, column, owner] = it->first;
        if (owner == slot) newest_[{table, column}] = it->second;
        it = owner == slot ? others_.erase(it) : std::next(it);
    }
}

void IdentityValues::observe(const crdt::RowDelta& row) {
    const auto found = columns_.find(row.table);
    if (found == columns_.end()) return;
    for (const auto& identity : found->second)
        for (const auto& group : row.groups) {
            if (group.group != identity.group || identity.position >= group.values.size()) continue;
            const std::int64_t value = group.values[identity.position].integer;
            if (value >= 0) note(row.table, identity.column, value % stride, value / stride);
        }
}

void IdentityValues::note(TableId table, ColumnId column, std::int64_t slot, std::int64_t counter) {
    auto& newest = slot == slot_ ? newest_[{table, column}] : others_[{table, column, slot}];
    newest = std::max(newest, counter);
}

bool IdentityValues::reserve() {
    constexpr std::int64_t ahead = 32;
    bool changed = false;
    for (const auto& [key, counter] : newest_) {
        auto& reserved = reserved_[key];
        if (counter <= reserved) continue;
        reserved = counter + ahead;
        changed = true;
    }
    return changed;
}

void IdentityValues::encode(ByteWriter& out) const {
    const auto put = [&](TableId table, ColumnId column, std::int64_t slot, std::int64_t counter) {
        out.varint(table.value);
        out.varint(column.value);
        out.varint(static_cast<std::uint64_t>(slot));
        out.varint(static_cast<std::uint64_t>(counter));
    };
    out.varint(newest_.size() + others_.size());
    for (const auto& [key, counter] : newest_) {
        const auto reserved = reserved_.find(key);
        put(key.first, key.second, slot_,
            reserved == reserved_.end() ? counter : std::max(counter, reserved->second));
    }
    for (const auto& [key, counter] : others_)
        put(std::get<0>(key), std::get<1>(key), std::get<2>(key), counter);
}

bool IdentityValues::observe(ByteReader& in) {
    struct Drawn {
        TableId table;
        ColumnId column;
        std::int64_t slot = 0, counter = 0;
    };
    std::vector<Drawn> all;
    const std::uint64_t count = in.varint();
    for (std::uint64_t i = 0; i < count && !in.failed(); ++i) {
        const std::uint64_t table = in.varint(), column = in.varint(), slot = in.varint(),
                            counter = in.varint();
        if (table > UINT32_MAX || column > UINT32_MAX || slot >= stride ||
            counter > static_cast<std::uint64_t>(INT64_MAX / stride))
            return false;
        all.push_back({{static_cast<std::uint32_t>(table)},
                       {static_cast<std::uint32_t>(column)},
                       static_cast<std::int64_t>(slot),
                       static_cast<std::int64_t>(counter)});
    }
    if (in.failed()) return false;
    for (const auto& drawn : all) note(drawn.table, drawn.column, drawn.slot, drawn.counter);
    return true;
}

}  // namespace anabranch::replica
