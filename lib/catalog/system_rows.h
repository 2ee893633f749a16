// What pg_catalog and information_schema say about a schema: rows, names of objects by oid, and the
// pg_get_...def() texts. All are functions of the Schema alone, so every node of one schema answers alike.
//
// Object numbers are the engine's own, in ranges by kind (system_oids.h); PostgreSQL's well-known ones
// (pg_catalog 11, public 2200, types) are kept.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "lib/base/function_ref.h"
#include "lib/catalog/schema.h"
#include "lib/sql/datum.h"
#include "lib/sql/function.h"

namespace anabranch::catalog {

// Visits the rows of a virtual table until `visit` returns false. Returns false when the table is not a
// function of the schema (anabranch.*, pg_settings, pg_stat_activity: the node knows those). Catalogs of
// things the engine has not (triggers, policies, ...) are empty.
bool catalog_rows(const Schema& schema, std::uint32_t virtual_table,
                  FunctionRef<bool(std::span<const sql::Datum>)> visit);

// pg_get_constraintdef(oid), pg_get_indexdef(oid), pg_get_viewdef(oid), pg_get_function_result(oid), ...;
// empty is NULL.
std::optional<std::string> catalog_text(const Schema& schema, sql::Func func,
                                        std::span<const sql::Datum> args);

// regclass and regproc: 'accounts'::regclass and back. Unknown: -1 and "".
std::int64_t object_oid(const Schema& schema, sql::TypeId kind, std::string_view name);
std::string object_display(const Schema& schema, sql::TypeId kind, std::int64_t oid);

}  // namespace anabranch::catalog
