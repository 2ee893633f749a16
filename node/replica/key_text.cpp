#include "node/replica/key_text.h"

#include "lib/exec/row_text.h"
#include "lib/exec/schema_plans.h"

namespace anabranch::replica {

std::string key_text(const crdt::Database& database, TableId table, const std::string& key) {
    const auto row = database.find(table, key);
    if (!row) return hex(BytesView(key));
    const auto& plans = exec::plans_of(database.schema());
    const auto& plan = plans.table(table);
    std::vector<std::uint32_t> columns;
    for (const auto column : plan.table->keys[0].columns) columns.push_back(column.value);
    const std::string text = exec::key_text(plan, columns, row, plans);
    return text.starts_with("Key ") ? text.substr(4) : text;
}

}  // namespace anabranch::replica
