// The relations the engine itself provides: anabranch.*, and as much of pg_catalog and information_schema as
// psql and drivers ask for.
//
// A virtual table's number is its index in system_tables(); Names, the IR (VirtualRel) and the executor's
// VirtualTables use that number. The list is fixed at compile time: numbers mean the same in every process of
// one version.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "lib/base/function_ref.h"
#include "lib/catalog/schema.h"
#include "lib/sql/datum.h"
#include "lib/sql/names.h"
#include "lib/sql/type.h"

namespace anabranch::catalog {

struct SystemColumn {
    std::string_view name;
    sql::Type type;
};
struct SystemTable {
    std::string_view schema, name;
    std::vector<SystemColumn> columns;
    // Those about objects that have an oid have the system column tableoid behind the others.
    bool has_tableoid() const { return schema == "pg_catalog" && columns[0].name == "oid"; }
};

const std::vector<SystemTable>& system_tables();
std::optional<std::uint32_t> find_system_table(std::string_view schema, std::string_view name);

// As the binder sees them.
sql::Relation system_relation(std::uint32_t virtual_table);

}  // namespace anabranch::catalog
