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

void IdentityValues::observe(const crdt::Delta& delta) {
    if (columns_.empty()) return;
    for (const auto& row : delta.rows) {
        const auto found = columns_.find(row.table);
        if (found == columns_.end()) continue;
        for (const auto& identity : found->second)
            for (const auto& group : row.groups) {
                if (group.group != identity.group || identity.position >= group.values.size()) continue;
                const std::int64_t value = group.values[identity.position].integer;
                if (value < 0 || value % stride != slot_) continue;
                auto& newest = newest_[{row.table, identity.column}];
                newest = std::max(newest, value / stride);
            }
    }
}

}  // namespace anabranch::replica
