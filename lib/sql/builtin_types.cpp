#include <algorithm>
#include <array>

#include "lib/sql/builtin.h"

namespace anabranch::sql {

namespace {

struct NamedType {
    std::string_view name;
    TypeId id;
};
constexpr NamedType named_types[] = {
    {"bool", TypeId::bool_},
    {"int2", TypeId::int2},
    {"int4", TypeId::int4},
    {"int8", TypeId::int8},
    {"numeric", TypeId::numeric},
    {"float4", TypeId::float4},
    {"float8", TypeId::float8},
    {"text", TypeId::text},
    {"varchar", TypeId::varchar},
    {"bpchar", TypeId::bpchar},
    {"name", TypeId::name},
    {"char", TypeId::char_},
    {"bytea", TypeId::bytea},
    {"uuid", TypeId::uuid},
    {"date", TypeId::date},
    {"time", TypeId::time},
    {"timestamp", TypeId::timestamp},
    {"timestamptz", TypeId::timestamptz},
    {"interval", TypeId::interval},
    {"json", TypeId::json},
    {"jsonb", TypeId::jsonb},
    {"oid", TypeId::oid},
    {"xid", TypeId::int8},
    {"regclass", TypeId::regclass},
    {"regtype", TypeId::regtype},
    {"regproc", TypeId::regproc},
    {"regprocedure", TypeId::regproc},
    {"regnamespace", TypeId::oid},
    {"regrole", TypeId::oid},
    {"regoperator", TypeId::oid},
    {"int4range", TypeId::int4range},
    {"int8range", TypeId::int8range},
    {"numrange", TypeId::numrange},
    {"tsrange", TypeId::tsrange},
    {"tstzrange", TypeId::tstzrange},
    {"daterange", TypeId::daterange},
    {"void", TypeId::void_},
    {"record", TypeId::record},
    {"unknown", TypeId::unknown},
};

constexpr std::string_view foreign_types[] = {
    "bit",
    "varbit",
    "box",
    "box2d",
    "box3d",
    "cidr",
    "circle",
    "citext",
    "cube",
    "earth",
    "geography",
    "geometry",
    "hstore",
    "inet",
    "int4multirange",
    "int8multirange",
    "jsonpath",
    "line",
    "lseg",
    "lquery",
    "ltree",
    "ltxtquery",
    "macaddr",
    "macaddr8",
    "money",
    "nummultirange",
    "path",
    "pg_lsn",
    "pg_snapshot",
    "point",
    "polygon",
    "raster",
    "refcursor",
    "regconfig",
    "regdictionary",
    "regoper",
    "regoperator",
    "seg",
    "tid",
    "timetz",
    "tsmultirange",
    "tsquery",
    "tstzmultirange",
    "tsvector",
    "txid_snapshot",
    "vector",
    "xid8",
    "xml",
    "datemultirange",
    "int2vector",
    "oidvector",
    "regcollation",
    "aclitem",
    "cid",
};

bool is_reg(TypeId id) {
    return id == TypeId::regclass || id == TypeId::regtype || id == TypeId::regproc;
}
bool is_string(TypeId id) {
    return id == TypeId::text || id == TypeId::varchar || id == TypeId::bpchar || id == TypeId::name;
}

// How far up the numeric ladder a type is; 0 when it is not on it. Casts up are implicit, down are
// assignments.
int numeric_rank(TypeId id) {
    switch (id) {
        case TypeId::int2:
            return 1;
        case TypeId::int4:
            return 2;
        case TypeId::int8:
            return 3;
        case TypeId::numeric:
            return 4;
        case TypeId::float4:
            return 5;
        case TypeId::float8:
            return 6;
        default:
            return 0;
    }
}

struct CastRow {
    TypeId from, to;
    Coercion context;
};
constexpr Coercion implicit = Coercion::implicit, assignment = Coercion::assignment,
                   explicit_ = Coercion::explicit_;
constexpr CastRow casts[] = {
    {TypeId::bool_, TypeId::int4, explicit_},
    {TypeId::int4, TypeId::bool_, explicit_},
    {TypeId::bool_, TypeId::text, assignment},
    {TypeId::bool_, TypeId::varchar, assignment},
    {TypeId::bool_, TypeId::bpchar, assignment},
    {TypeId::int4, TypeId::char_, explicit_},
    {TypeId::char_, TypeId::int4, explicit_},
    {TypeId::char_, TypeId::text, implicit},
    {TypeId::char_, TypeId::varchar, assignment},
    {TypeId::char_, TypeId::bpchar, assignment},
    {TypeId::text, TypeId::char_, assignment},
    {TypeId::varchar, TypeId::char_, assignment},
    {TypeId::bpchar, TypeId::char_, assignment},
    {TypeId::text, TypeId::regclass, implicit},
    {TypeId::varchar, TypeId::regclass, implicit},
    {TypeId::date, TypeId::timestamp, implicit},
    {TypeId::date, TypeId::timestamptz, implicit},
    {TypeId::timestamp, TypeId::timestamptz, implicit},
    {TypeId::timestamp, TypeId::date, assignment},
    {TypeId::timestamp, TypeId::time, assignment},
    {TypeId::timestamptz, TypeId::date, assignment},
    {TypeId::timestamptz, TypeId::time, assignment},
    {TypeId::timestamptz, TypeId::timestamp, assignment},
    {TypeId::time, TypeId::interval, implicit},
    {TypeId::interval, TypeId::time, assignment},
    {TypeId::json, TypeId::jsonb, assignment},
    {TypeId::jsonb, TypeId::json, assignment},
    {TypeId::jsonb, TypeId::bool_, explicit_},
    {TypeId::jsonb, TypeId::numeric, explicit_},
    {TypeId::jsonb, TypeId::int2, explicit_},
    {TypeId::jsonb, TypeId::int4, explicit_},
    {TypeId::jsonb, TypeId::int8, explicit_},
    {TypeId::jsonb, TypeId::float4, explicit_},
    {TypeId::jsonb, TypeId::float8, explicit_},
};

Coercion string_cast(TypeId from, TypeId to) {
    if (to == TypeId::name || from != TypeId::name)
        return Coercion::implicit;  // between text, varchar, bpchar; to name
    return to == TypeId::text ? Coercion::implicit : Coercion::assignment;
}

Coercion oid_cast(TypeId from, TypeId to) {
    const int from_int = numeric_rank(from), to_int = numeric_rank(to);
    if (from_int >= 1 && from_int <= 3) return Coercion::implicit;            // int -> oid, reg*
    if (to_int == 2 || to_int == 3) return Coercion::assignment;              // oid, reg* -> int4, int8
    if (from == TypeId::oid || to == TypeId::oid) return Coercion::implicit;  // oid <-> reg*
    return Coercion::none;
}

Coercion scalar_cast(Type from, Type to) {
    if (from.id == to.id && from.detail == to.detail) return Coercion::implicit;
    if (numeric_rank(from.id) != 0 && numeric_rank(to.id) != 0)
        return numeric_rank(from.id) < numeric_rank(to.id) ? Coercion::implicit : Coercion::assignment;
    if (is_string(from.id) && is_string(to.id)) return string_cast(from.id, to.id);
    const bool from_oid = from.id == TypeId::oid || is_reg(from.id),
               to_oid = to.id == TypeId::oid || is_reg(to.id);
    if ((from_oid && (to_oid || numeric_rank(to.id) != 0)) || (to_oid && numeric_rank(from.id) != 0)) {
        if (const Coercion c = oid_cast(from.id, to.id); c != Coercion::none) return c;
    }
    for (const CastRow& row : casts)
        if (row.from == from.id && row.to == to.id) return row.context;
    // Through text: anything to a string by assignment, a string to anything on demand.
    if (is_string(to.id)) return Coercion::assignment;
    if (is_string(from.id)) return Coercion::explicit_;
    return Coercion::none;
}

}  // namespace

std::optional<Type> builtin_type(std::string_view name) {
    for (const NamedType& t : named_types)
        if (t.name == name) return Type{t.id};
    return {};
}

std::string_view builtin_type_name(Type type) {
    for (const NamedType& t : named_types)
        if (t.id == type.id) return t.name;
    return "unknown";
}

bool is_foreign_type(std::string_view name) {
    return std::find(std::begin(foreign_types), std::end(foreign_types), name) != std::end(foreign_types);
}

std::optional<Type> serial_type(std::string_view name) {
    if (name == "serial" || name == "serial4") return Type{TypeId::int4};
    if (name == "bigserial" || name == "serial8") return Type{TypeId::int8};
    if (name == "smallserial" || name == "serial2") return Type{TypeId::int2};
    return {};
}

char category_of(Type type) {
    if (type.array) return 'A';
    switch (type.id) {
        case TypeId::unknown:
            return 'X';
        case TypeId::void_:
        case TypeId::record:
            return 'P';
        case TypeId::bool_:
            return 'B';
        case TypeId::int2:
        case TypeId::int4:
        case TypeId::int8:
        case TypeId::numeric:
        case TypeId::float4:
        case TypeId::float8:
        case TypeId::oid:
        case TypeId::regclass:
        case TypeId::regtype:
        case TypeId::regproc:
            return 'N';
        case TypeId::text:
        case TypeId::varchar:
        case TypeId::bpchar:
        case TypeId::name:
            return 'S';
        case TypeId::char_:
            return 'Z';
        case TypeId::bytea:
        case TypeId::uuid:
        case TypeId::json:
        case TypeId::jsonb:
            return 'U';
        case TypeId::date:
        case TypeId::time:
        case TypeId::timestamp:
        case TypeId::timestamptz:
            return 'D';
        case TypeId::interval:
            return 'T';
        case TypeId::int4range:
        case TypeId::int8range:
        case TypeId::numrange:
        case TypeId::tsrange:
        case TypeId::tstzrange:
        case TypeId::daterange:
            return 'R';
        case TypeId::enum_:
            return 'E';
    }
    return 'P';
}

bool is_preferred(Type type) {
    if (type.array) return false;
    switch (type.id) {
        case TypeId::bool_:
        case TypeId::float8:
        case TypeId::oid:
        case TypeId::text:
        case TypeId::timestamptz:
        case TypeId::interval:
            return true;
        default:
            return false;
    }
}

bool is_range(Type type) {
    return !type.array && category_of(type) == 'R';
}

Type element_of(Type array) {
    array.array = false;
    return array;
}

Type array_of_type(Type element) {
    element.array = true;
    return element;
}

Type range_element(Type range) {
    switch (range.id) {
        case TypeId::int4range:
            return {TypeId::int4};
        case TypeId::int8range:
            return {TypeId::int8};
        case TypeId::numrange:
            return {TypeId::numeric};
        case TypeId::tsrange:
            return {TypeId::timestamp};
        case TypeId::tstzrange:
            return {TypeId::timestamptz};
        case TypeId::daterange:
            return {TypeId::date};
        default:
            return {};
    }
}

Type without_modifier(Type type) {
    type.modifier = -1;
    return type;
}

bool same_type(Type left, Type right) {
    return without_modifier(left) == without_modifier(right);
}

Coercion coercion(Type from, Type to) {
    if (same_type(from, to)) return Coercion::implicit;
    if (from.id == TypeId::unknown && !from.array) return Coercion::implicit;
    if (from.array && to.array) return scalar_cast(element_of(from), element_of(to));
    if (to.array) return category_of(from) == 'S' ? Coercion::explicit_ : Coercion::none;
    if (from.array) return category_of(to) == 'S' ? Coercion::assignment : Coercion::none;
    if (from.id == TypeId::record || to.id == TypeId::record || to.id == TypeId::unknown)
        return Coercion::none;
    return scalar_cast(from, to);
}

std::optional<Type> common_type(std::span<const Type> types) {
    std::optional<Type> chosen;
    bool one_type = true;
    for (const Type t : types) {
        if (t.id == TypeId::unknown && !t.array) continue;
        if (!chosen) {
            chosen = t;
        } else if (!same_type(*chosen, t)) {
            one_type = false;
            if (category_of(*chosen) != category_of(t)) return {};
            if (!is_preferred(*chosen) && coercion(*chosen, t) == Coercion::implicit &&
                coercion(t, *chosen) != Coercion::implicit)
                chosen = t;
        } else if (chosen->modifier != t.modifier) {
            one_type = false;
        }
    }
    if (!chosen) return Type{TypeId::text};
    if (!one_type) chosen->modifier = -1;
    for (const Type t : types)
        if (coercion(t, *chosen) != Coercion::implicit) return {};
    return chosen;
}

}  // namespace anabranch::sql
