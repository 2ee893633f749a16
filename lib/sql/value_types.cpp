// Names, numbers and sizes of types.
#include <algorithm>
#include <iterator>

#include "lib/sql/numeric.h"
#include "lib/sql/value.h"

namespace anabranch::sql {
namespace {

struct TypeRow {
    TypeId id;
    std::string_view name;  // as format_type prints it
    std::uint32_t oid;
    std::uint32_t array_oid;
    std::int16_t size;
};
// tidy: table
constexpr TypeRow rows[] = {
    {TypeId::unknown, "unknown", 705, 0, -2},
    {TypeId::void_, "void", 2278, 0, 4},
    {TypeId::bool_, "boolean", 16, 1000, 1},
    {TypeId::int2, "smallint", 21, 1005, 2},
    {TypeId::int4, "integer", 23, 1007, 4},
    {TypeId::int8, "bigint", 20, 1016, 8},
    {TypeId::numeric, "numeric", 1700, 1231, -1},
    {TypeId::float4, "real", 700, 1021, 4},
    {TypeId::float8, "double precision", 701, 1022, 8},
    {TypeId::text, "text", 25, 1009, -1},
    {TypeId::varchar, "character varying", 1043, 1015, -1},
    {TypeId::bpchar, "character", 1042, 1014, -1},
    {TypeId::name, "name", 19, 1003, 64},
    {TypeId::char_, "\"char\"", 18, 1002, 1},
    {TypeId::bytea, "bytea", 17, 1001, -1},
    {TypeId::uuid, "uuid", 2950, 2951, 16},
    {TypeId::date, "date", 1082, 1182, 4},
    {TypeId::time, "time without time zone", 1083, 1183, 8},
    {TypeId::timestamp, "timestamp without time zone", 1114, 1115, 8},
    {TypeId::timestamptz, "timestamp with time zone", 1184, 1185, 8},
    {TypeId::interval, "interval", 1186, 1187, 16},
    {TypeId::json, "json", 114, 199, -1},
    {TypeId::jsonb, "jsonb", 3802, 3807, -1},
    {TypeId::oid, "oid", 26, 1028, 4},
    {TypeId::regclass, "regclass", 2205, 2210, 4},
    {TypeId::regtype, "regtype", 2206, 2211, 4},
    {TypeId::regproc, "regproc", 24, 1008, 4},
    {TypeId::int4range, "int4range", 3904, 3905, -1},
    {TypeId::int8range, "int8range", 3926, 3927, -1},
    {TypeId::numrange, "numrange", 3906, 3907, -1},
    {TypeId::tsrange, "tsrange", 3908, 3909, -1},
    {TypeId::tstzrange, "tstzrange", 3910, 3911, -1},
    {TypeId::daterange, "daterange", 3912, 3913, -1},
    {TypeId::record, "record", 2249, 2287, -1},
};
constexpr std::uint32_t first_enum_oid = 16384;
constexpr std::uint32_t enum_oids_end = first_enum_oid + 2 * 1'000'000;

const TypeRow* find(TypeId id) {
    const auto* at =
        std::find_if(std::begin(rows), std::end(rows), [&](const TypeRow& row) { return row.id == id; });
    return at == std::end(rows) ? nullptr : at;
}

std::string base_name(Type type, const EnumLabels* labels) {
    if (type.id == TypeId::enum_) {
        return labels != nullptr ? labels->enum_name(type.detail) : "enum" + std::to_string(type.detail);
    }
    const bool modified = type.modifier >= 0;
    // Without a length it is PostgreSQL's internal bpchar; "character" alone would mean character(1).
    if (type.id == TypeId::bpchar && !modified) return "bpchar";
    std::string name(find(type.id)->name);
    if (!modified) return name;
    switch (type.id) {
        case TypeId::varchar:
        case TypeId::bpchar:
            return name + "(" + std::to_string(type.modifier - 4) + ")";
        case TypeId::numeric: {
            const NumericModifier m = numeric_modifier(type.modifier);
            return name + "(" + std::to_string(m.precision) + "," + std::to_string(m.scale) + ")";
        }
        case TypeId::time:
        case TypeId::timestamp:
        case TypeId::timestamptz: {
            const std::size_t space = name.find(' ');
            return name.substr(0, space) + "(" + std::to_string(type.modifier) + ")" + name.substr(space);
        }
        default:
            return name;
    }
}

}  // namespace

std::string type_name(Type type, const EnumLabels* labels) {
    std::string name = base_name(type, labels);
    if (type.array) name += "[]";
    return name;
}

std::uint32_t oid_of(Type type) {
    if (type.id == TypeId::enum_) return first_enum_oid + 2 * type.detail + (type.array ? 1 : 0);
    const TypeRow& row = *find(type.id);
    return type.array ? row.array_oid : row.oid;
}

Type type_of_oid(std::uint32_t oid) {
    if (oid == 0) return {};
    if (oid >= first_enum_oid && oid < enum_oids_end) {
        return {TypeId::enum_, (oid - first_enum_oid) % 2 == 1, -1, (oid - first_enum_oid) / 2};
    }
    for (const TypeRow& row : rows) {
        if (row.oid == oid) return {row.id};
        if (row.array_oid == oid) return {row.id, true};
    }
    return {};
}

std::int16_t size_of(Type type) {
    if (type.array) return -1;
    if (type.id == TypeId::enum_) return 4;
    return find(type.id)->size;
}

}  // namespace anabranch::sql
