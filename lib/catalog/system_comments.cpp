// COMMENT ON: what pg_description, obj_description and col_description show.
#include <algorithm>
#include <map>
#include <tuple>

#include "lib/base/check.h"
#include "lib/catalog/system_row.h"

namespace anabranch::catalog {

namespace {

using Name = std::pair<std::string, std::string>;  // schema, name

std::int64_t catalog_oid(std::string_view name) {
    const auto number = find_system_table("pg_catalog", name);
    CHECK_NOTE(number.has_value(), name);
    return oid::system_table + *number;
}

std::map<Name, std::int64_t> relations(const Schema& schema, const OidMap& map) {
    std::map<Name, std::int64_t> out;
    for (const Table& t : schema.tables) out.emplace(Name(t.schema, t.name), table_oid(t));
    for (std::size_t v = 0; v < map.views.size(); ++v)
        out.emplace(Name(map.views[v].schema, map.views[v].name), oid::view + static_cast<std::int64_t>(v));
    for (std::size_t i = 0; i < map.indexes.size(); ++i)
        out.emplace(Name(map.indexes[i].table->schema, map.indexes[i].name),
                    oid::index + static_cast<std::int64_t>(i));
    return out;
}

// From 1; 0: there is none of that name.
template <typename Columns>
std::int32_t number_of(const Columns& columns, const std::string& name) {
    const auto found =
        std::find_if(columns.begin(), columns.end(), [&](const auto& column) { return column.name == name; });
    return found == columns.end() ? 0 : static_cast<std::int32_t>(found - columns.begin()) + 1;
}

std::int32_t column_number(const Schema& schema, const OidMap& map, std::int64_t relation,
                           const std::string& name) {
    if (relation >= oid::index) return 0;
    return relation >= oid::view
               ? number_of(map.views[static_cast<std::size_t>(relation - oid::view)].query->columns, name)
               : number_of(schema.tables[static_cast<std::size_t>(relation - oid::table)].columns, name);
}

// 0: there is none of that name.
std::int64_t type_of_name(const Schema& schema, const Comment& c) {
    for (std::uint32_t i = 0; i < schema.enums.size(); ++i)
        if (schema.enums[i].schema == c.schema && schema.enums[i].name == c.name)
            return type_oid({sql::TypeId::enum_, false, -1, i});
    for (std::size_t i = 0; i < schema.domains.size(); ++i)
        if (schema.domains[i]->schema == c.schema && schema.domains[i]->name == c.name)
            return oid::domain + static_cast<std::int64_t>(i);
    return 0;
}

}  // namespace

void OidMap::describe(const Schema& schema) {
    if (schema.comments.empty()) return;
    const auto of_name = relations(schema, *this);
    const std::int64_t in_class = catalog_oid("pg_class"), in_proc = catalog_oid("pg_proc"),
                       in_constraint = catalog_oid("pg_constraint");
    for (const Comment& c : schema.comments) {
        const auto found = of_name.find({c.schema, c.name});
        if (c.object == "CONSTRAINT") {
            for (std::size_t i = 0; i < constraints.size(); ++i)
                if (constraints[i].name == c.member && constraints[i].table->name == c.name &&
                    constraints[i].table->schema == c.schema)
                    descriptions.push_back(
                        {oid::constraint + static_cast<std::int64_t>(i), in_constraint, 0, c.text});
        } else if (c.object == "PROCEDURE" || c.object == "FUNCTION" || c.object == "ROUTINE") {
            for (std::size_t i = 0; i < schema.transactions.size(); ++i)
                if (schema.transactions[i].name == c.name && schema.transactions[i].schema == c.schema)
                    descriptions.push_back({oid::routine + static_cast<std::int64_t>(i), in_proc, 0, c.text});
        } else if (c.object == "TYPE" || c.object == "DOMAIN") {
            if (const auto type = type_of_name(schema, c); type != 0)
                descriptions.push_back({type, catalog_oid("pg_type"), 0, c.text});
        } else if (c.object == "SCHEMA") {
            if (c.name == "public" || std::find(schemas.begin(), schemas.end(), c.name) != schemas.end())
                descriptions.push_back({schema_oid(c.name), catalog_oid("pg_namespace"), 0, c.text});
        } else if (found != of_name.end() && c.object != "COLUMN") {
            descriptions.push_back({found->second, in_class, 0, c.text});
        } else if (found != of_name.end()) {
            if (const auto column = column_number(schema, *this, found->second, c.member); column != 0)
                descriptions.push_back({found->second, in_class, column, c.text});
        }
    }
    std::sort(descriptions.begin(), descriptions.end());
}

std::optional<std::string> OidMap::description(std::int64_t object, std::string_view catalog,
                                               std::int32_t sub) const {
    const auto table = catalog.empty() ? std::nullopt : find_system_table("pg_catalog", catalog);
    if (!catalog.empty() && !table) return {};
    auto at = std::lower_bound(descriptions.begin(), descriptions.end(), Description{object, 0, 0, {}});
    for (; at != descriptions.end() && at->object == object; ++at)
        if (at->sub == sub && (!table || at->catalog == oid::system_table + *table)) return at->text;
    return {};
}

}  // namespace anabranch::catalog
