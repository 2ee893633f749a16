#include "node/sim/workload.h"

#include "lib/exec/schema_plans.h"
#include "lib/sql/value.h"

namespace anabranch::sim {

Workload::Workload(const catalog::Schema& schema) : schema_(schema) {
    for (std::uint32_t i = 0; i < schema.transactions.size(); ++i)
        if (!schema.transactions[i].skipped && schema.transactions[i].schema != "simulator")
            callable_.push_back(i);
}

std::string Workload::existing_key(const sql::Type& type, const crdt::Database& state, Random& random) const {
    std::vector<std::pair<TableId, std::uint32_t>> places;
    for (const auto& table : schema_.tables) {
        if (table.display().starts_with("simulator.")) continue;
        for (const auto column : table.keys[0].columns)
            if (table.columns[column.value].type.id == type.id && !table.columns[column.value].hidden)
                places.emplace_back(table.id, column.value);
    }
    if (places.empty()) return {};
    const auto [table, column] = places[random.below(places.size())];
    const auto count = state.row_count(table);
    if (count == 0) return {};
    std::uint64_t skip = random.below(std::min<std::uint64_t>(count, 20));
    std::string out;
    state.scan(table, [&, c = column](exec::RowView row) {
        if (skip-- > 0) return true;
        out = sql::print_literal(type, row.get(c), &exec::plans_of(schema_));
        return false;
    });
    return out;
}

std::string Workload::argument(const catalog::Parameter& parameter, const crdt::Database& state,
                               Random& random) const {
    const auto type = parameter.type;
    if (parameter.fresh || (type.id == sql::TypeId::uuid && random.chance(0.2))) {
        const auto text = hex(random.next()) + hex(random.next());
        return "'" + text.substr(0, 8) + "-" + text.substr(8, 4) + "-4" + text.substr(13, 3) + "-8" +
               text.substr(17, 3) + "-" + text.substr(20, 12) + "'";
    }
    if (random.chance(0.6))
        if (auto key = existing_key(type, state, random); !key.empty()) return key;
    switch (type.id) {
        case sql::TypeId::bool_:
            return random.chance(0.5) ? "TRUE" : "FALSE";
        case sql::TypeId::int2:
        case sql::TypeId::int4:
        case sql::TypeId::int8:
        case sql::TypeId::numeric:
            return std::to_string(random.chance(0.3) ? random.between(1, 5) : random.between(1, 100));
        case sql::TypeId::float4:
        case sql::TypeId::float8:
            return std::to_string(random.between(-10, 100)) + ".5";
        case sql::TypeId::text:
        case sql::TypeId::varchar:
        case sql::TypeId::bpchar:
        case sql::TypeId::name:
            return "'" + std::string(1, static_cast<char>('a' + random.below(6))) + "'";
        case sql::TypeId::date:
            return "'2026-01-0" + std::to_string(random.between(1, 9)) + "'";
        case sql::TypeId::timestamp:
        case sql::TypeId::timestamptz:
            return "'2026-01-01 0" + std::to_string(random.between(0, 9)) + ":00'";
        case sql::TypeId::uuid:
            return "'00000000-0000-4000-8000-00000000000" + std::to_string(random.between(0, 9)) + "'";
        case sql::TypeId::enum_: {
            const auto& labels = schema_.enums[type.detail].labels;
            return "'" + labels[random.below(labels.size())] + "'";
        }
        default:
            return "NULL";
    }
}

std::string Workload::next(const crdt::Database& state, Random& random) const {
    if (callable_.empty()) return {};
    const auto& transaction = schema_.transactions[callable_[random.below(callable_.size())]];
    std::string list;
    for (const auto& parameter : transaction.parameters) {
        if (parameter.mode == catalog::Parameter::Mode::out && !transaction.is_procedure) continue;
        list += (list.empty() ? "" : ", ") + (parameter.mode == catalog::Parameter::Mode::out
                                                  ? std::string("NULL")
                                                  : argument(parameter, state, random));
    }
    const std::string name = (transaction.schema == "public" ? "" : transaction.schema + ".") +
                             transaction.name + "(" + list + ")";
    return transaction.is_procedure ? "CALL " + name : "SELECT * FROM " + name;
}

}  // namespace anabranch::sim
