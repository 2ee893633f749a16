// Object numbers of the engine's catalogs, in one range per kind. A number stays the same as long as the
// schema does.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/catalog/schema.h"
#include "lib/sql/value.h"

namespace anabranch::catalog {

namespace oid {
inline constexpr std::int64_t owner = 10;
inline constexpr std::int64_t database = 5;
inline constexpr std::int64_t array_in = 750;  // the input function of all arrays
inline constexpr std::int64_t heap = 2, btree = 403, gist = 783;
inline constexpr std::int64_t pg_catalog = 11, public_ = 2200, information_schema = 13000;
inline constexpr std::int64_t system_table = 1000;              // + number of the virtual table
inline constexpr std::int64_t other_schema = 20000;             // + number in OidMap::schemas
inline constexpr std::int64_t domain = 60000;                   // + index into Schema::domains
inline constexpr std::int64_t table = sql::oid_of(TableId{0});  // + TableId
inline constexpr std::int64_t view = 200000;                    // + index into OidMap::views
inline constexpr std::int64_t index = 300000;                   // + index into OidMap::indexes
inline constexpr std::int64_t constraint = 400000;              // + index into OidMap::constraints
inline constexpr std::int64_t domain_check = 450000;            // + index into OidMap::domain_checks
inline constexpr std::int64_t routine = 500000;                 // + index into Schema::transactions
inline constexpr std::int64_t sequence = 800000;                // + index into OidMap::sequences
inline constexpr std::int64_t column_default = 600000;          // + index into OidMap::defaults
}  // namespace oid

// The objects of a schema in the order of their numbers.
struct OidMap {
    struct Index {
        const Table* table = nullptr;
        std::optional<std::uint32_t> key;        // into Table::keys
        std::optional<std::uint32_t> secondary;  // into Table::indexes
        std::optional<std::uint32_t> exclusion;  // into Table::exclusions
        std::string name;
    };
    struct Constraint {
        const Table* table = nullptr;
        char type = 'c';  // PostgreSQL's contype: c f p u x
        std::uint32_t number = 0;
        std::string name;
    };
    struct ViewOf {
        std::string schema, name;
        sql::QueryPtr query;
        std::string text;
    };
    struct Default {
        const Table* table = nullptr;
        std::uint32_t column = 0;
    };
    // PostgreSQL gives each identity column a sequence; here it is the column under that name, for those who
    // ask the catalogs how keys are made.
    struct Sequence {
        const Table* table = nullptr;
        std::uint32_t column = 0;
        std::string name;
    };
    struct DomainCheck {
        std::size_t domain = 0;  // into Schema::domains
        const sql::Domain::Check* check = nullptr;
    };
    struct Description {  // COMMENT ON
        std::int64_t object = 0, catalog = 0;
        std::int32_t sub = 0;  // the column's number, or 0
        std::string text;
        friend auto operator<=>(const Description&, const Description&) = default;
    };
    std::vector<std::string> schemas;
    std::vector<Index> indexes;
    std::vector<Constraint> constraints;
    std::vector<ViewOf> views;
    std::vector<Default> defaults;
    std::vector<DomainCheck> domain_checks;
    std::vector<Sequence> sequences;
    std::vector<Description> descriptions;  // ascending

    explicit OidMap(const Schema& schema);
    // Made once and kept with the schema.
    static const OidMap& of(const Schema& schema);
    std::int64_t schema_oid(const std::string& name) const;
    // Of a key of the table, or of an exclusion.
    std::int64_t index_oid(const Table& table, std::uint32_t number, bool exclusion = false) const;
    // `catalog` as in pg_class; empty: whichever.
    std::optional<std::string> description(std::int64_t object, std::string_view catalog,
                                           std::int32_t sub) const;

  private:
    void describe(const Schema& schema);
};

// What an index is over, as declared or as its constraint implies.
IndexText text_of(const OidMap::Index& index);
// As format_type prints it, with the names of enums and domains.
std::string type_text(const Schema& schema, sql::Type type, const sql::Domain* domain = nullptr);
// Of a column's default or generation, as pg_get_expr prints it: a quoted constant says its type.
std::string default_text(const Schema& schema, const Column& column);
// As pg_get_constraintdef prints it.
std::string constraint_text(const Schema& schema, const OidMap::Constraint& constraint);
// As pg_get_indexdef prints it.
std::string index_text(const OidMap::Index& index);

}  // namespace anabranch::catalog
