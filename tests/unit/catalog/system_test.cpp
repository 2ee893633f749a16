#include "lib/catalog/system_rows.h"

#include "lib/catalog/system_oids.h"
#include "lib/catalog/system_tables.h"
#include "lib/sql/value.h"
#include "tests/unit/catalog/schemas.h"

using namespace anabranch;
using namespace anabranch::catalog;
using test::schema_of;

namespace {

const std::string script = R"(
    CREATE TYPE mood AS ENUM ('sad', 'happy');
    CREATE DOMAIN positive AS bigint CHECK (VALUE > 0);
    CREATE TABLE p (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name varchar(20) UNIQUE, m mood
        DEFAULT 'happy', n positive);
    CREATE TABLE other (x int, p bigint REFERENCES p ON DELETE CASCADE, CHECK (x > 0), twice int GENERATED
        ALWAYS AS (x * 2) STORED);
    CREATE INDEX other_p ON other (p);
    CREATE UNIQUE INDEX lower_name ON p (lower(name)) WHERE n > 5;
    CREATE VIEW v AS SELECT id, name FROM p;
    CREATE SCHEMA assertion CREATE VIEW none AS SELECT id FROM p WHERE n > 100;
    CREATE PROCEDURE add(name text, m mood DEFAULT 'sad') BEGIN ATOMIC INSERT INTO p (name, m) VALUES
        (name, m); END;
)";

using Rows = std::vector<std::vector<std::string>>;

// The named columns of all rows as text.
Rows rows_of(const Schema& schema, const std::string& where, const std::string& name,
             const std::vector<std::string>& columns) {
    const auto number = find_system_table(where, name);
    REQUIRE(number.has_value());
    const SystemTable& table = system_tables()[*number];
    Rows out;
    CHECK(catalog_rows(schema, *number, [&](std::span<const sql::Datum> row) {
        std::vector<std::string> texts;
        for (const std::string& wanted : columns)
            for (std::size_t i = 0; i < table.columns.size(); ++i) {
                if (table.columns[i].name != wanted) continue;
                std::string text = "-";
                if (!row[i].is_null()) {
                    text.clear();
                    sql::print_text(table.columns[i].type, row[i], text);
                }
                texts.push_back(text);
            }
        out.push_back(texts);
        return true;
    }));
    return out;
}

bool has(const Rows& rows, const std::vector<std::string>& row) {
    return std::find(rows.begin(), rows.end(), row) != rows.end();
}

}  // namespace

TEST_CASE("every catalog's rows have its columns, each of the right kind") {
    const SchemaPtr s = schema_of(script);
    for (std::uint32_t i = 0; i < system_tables().size(); ++i) {
        const sql::Relation table = system_relation(i);
        CAPTURE(table.name);
        std::size_t wrong = 0;
        catalog_rows(*s, i, [&](std::span<const sql::Datum> row) {
            if (row.size() != table.columns.size()) ++wrong;
            for (std::size_t c = 0; c < row.size() && c < table.columns.size(); ++c) {
                if (row[c].is_null()) continue;
                const sql::Storage storage = sql::storage_of(table.columns[c].type);
                if (row[c].is_bytes() != (storage == sql::Storage::bytes) ||
                    row[c].is_floating() != (storage == sql::Storage::floating))
                    ++wrong;
            }
            return true;
        });
        CHECK(wrong == 0);
    }
}

TEST_CASE("comments are found by object and catalog, the last one of each object counts") {
    const SchemaPtr s = schema_of(
        "CREATE TABLE t (id int PRIMARY KEY, n int); CREATE TYPE mood AS ENUM ('a');"
        "COMMENT ON TABLE t IS 'former'; COMMENT ON TABLE t IS 'things';"
        "COMMENT ON COLUMN t.n IS 'how many'; COMMENT ON COLUMN t.id IS 'gone';"
        "COMMENT ON COLUMN t.id IS NULL; COMMENT ON TABLE nowhere IS 'x';"
        "COMMENT ON TYPE mood IS 'of the day';");
    const auto& map = OidMap::of(*s);
    CHECK(map.descriptions.size() == 3);
    CHECK(map.description(oid::table, "pg_class", 0) == "things");
    CHECK(map.description(oid::table, "", 0) == "things");
    CHECK(map.description(oid::table, "pg_proc", 0) == std::nullopt);
    CHECK(map.description(oid::table, "nonsense", 0) == std::nullopt);
    CHECK(map.description(oid::table, "pg_class", 2) == "how many");
    CHECK(map.description(oid::table, "pg_class", 1) == std::nullopt);
}

TEST_CASE("catalogs tell of tables, columns, indexes, constraints, types and routines, and hide the hidden") {
    const SchemaPtr s = schema_of(script);
    const Rows classes = rows_of(*s, "pg_catalog", "pg_class", {"relname", "relkind", "relnatts"});
    CHECK(has(classes, {"p", "r", "4"}));
    CHECK(has(classes, {"other", "r", "3"}));
    CHECK(has(classes, {"v", "v", "2"}));
    CHECK(has(classes, {"none", "v", "1"}));
    CHECK(has(classes, {"p_name_key", "i", "1"}));
    CHECK(has(classes, {"pg_class", "r", "33"}));
    const Rows attributes = rows_of(*s, "pg_catalog", "pg_attribute",
                                    {"attname", "attnum", "attnotnull", "attidentity", "attgenerated"});
    CHECK(has(attributes, {"id", "1", "t", "a", ""}));
    CHECK(has(attributes, {"twice", "3", "f", "", "s"}));
    for (const auto& row : attributes) CHECK(row[0] != "anabranch_row_id");
    const Rows constraints =
        rows_of(*s, "pg_catalog", "pg_constraint", {"conname", "contype", "conkey", "confdeltype"});
    CHECK(has(constraints, {"other_p_fkey", "f", "{2}", "c"}));
    CHECK(has(constraints, {"p_pkey", "p", "{1}", " "}));
    CHECK(has(constraints, {"other_x_check", "c", "{1}", " "}));
    CHECK(
        has(rows_of(*s, "pg_catalog", "pg_type", {"typname", "typtype", "typcategory"}), {"mood", "e", "E"}));
    CHECK(has(rows_of(*s, "pg_catalog", "pg_type", {"oid", "typname", "typarray"}), {"20", "int8", "1016"}));
    CHECK(has(rows_of(*s, "pg_catalog", "pg_enum", {"enumlabel", "enumsortorder"}), {"happy", "2"}));
    CHECK(has(rows_of(*s, "pg_catalog", "pg_proc", {"proname", "prokind", "pronargs"}), {"add", "p", "2"}));
    CHECK(has(rows_of(*s, "information_schema", "columns",
                      {"table_name", "column_name", "data_type", "character_maximum_length", "is_nullable"}),
              {"p", "name", "character varying", "20", "YES"}));
    CHECK(has(rows_of(*s, "information_schema", "table_constraints", {"constraint_name", "constraint_type"}),
              {"other_p_fkey", "FOREIGN KEY"}));
}

TEST_CASE("definitions are told by number, and names become numbers and back") {
    const SchemaPtr s = schema_of(script);
    const auto text = [&](sql::Func func, std::int64_t number) {
        const sql::Datum arg = sql::Datum::integer(number);
        return catalog_text(*s, func, {&arg, 1}).value_or("-");
    };
    const std::int64_t p = object_oid(*s, sql::TypeId::regclass, "public.p");
    CHECK(object_display(*s, sql::TypeId::regclass, p) == "p");
    CHECK(object_oid(*s, sql::TypeId::regclass, "nosuch") == -1);
    CHECK(object_display(*s, sql::TypeId::regclass,
                         object_oid(*s, sql::TypeId::regclass, "pg_catalog.pg_class")) == "pg_class");
    CHECK(object_display(*s, sql::TypeId::regproc, object_oid(*s, sql::TypeId::regproc, "add")) == "add");
    CHECK(text(sql::Func::pg_get_indexdef, object_oid(*s, sql::TypeId::regclass, "other_p")) ==
          "CREATE INDEX other_p ON public.other USING btree (p)");
    const Rows constraints = rows_of(*s, "pg_catalog", "pg_constraint", {"oid", "conname"});
    for (const auto& row : constraints)
        if (row[1] == "other_p_fkey")
            CHECK(text(sql::Func::pg_get_constraintdef, std::stoll(row[0])) ==
                  "FOREIGN KEY (p) REFERENCES p(id) ON DELETE CASCADE");
    CHECK(text(sql::Func::pg_get_constraintdef, 1) == "-");
    CHECK(text(sql::Func::pg_get_constraintdef, -5) == "-");
}
