#include "lib/catalog/schema.h"

#include "lib/sql/print.h"

namespace anabranch::catalog {

namespace {

std::string qualified(const std::string& schema, const std::string& name) {
    return schema.empty() || schema == "public" ? name : schema + "." + name;
}

}  // namespace

std::string Table::display() const {
    return qualified(schema, name);
}

std::string Table::column_list(const std::vector<ColumnId>& list) const {
    std::string out;
    for (const ColumnId c : list)
        out += (out.empty() ? "" : ", ") + sql::quote_identifier(columns[c.value].name);
    return "(" + out + ")";
}

std::optional<ColumnId> Table::find(std::string_view column) const {
    for (std::uint32_t i = 0; i < columns.size(); ++i)
        if (columns[i].name == column && !columns[i].hidden) return ColumnId{i};
    return {};
}

std::string Transaction::display() const {
    return qualified(schema, name);
}

const Table* Schema::find_table(std::string_view schema, std::string_view name) const {
    for (const Table& t : tables)
        if (t.name == name && t.schema == (schema.empty() ? "public" : schema)) return &t;
    return nullptr;
}

const Transaction* Schema::find_transaction(std::string_view name) const {
    for (const Transaction& t : transactions)
        if (t.name == name && (t.schema.empty() || t.schema == "public")) return &t;
    for (const Transaction& t : transactions)
        if (t.display() == name) return &t;
    return nullptr;
}

}  // namespace anabranch::catalog
