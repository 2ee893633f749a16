// SQL types as the engine knows them. A Type is a small value; domains are not types here (see ir.h: a domain
// is a base type plus conditions that a cast or a store checks).
#pragma once

#include <cstdint>
#include <string>

namespace anabranch::sql {

enum class TypeId : std::uint8_t {
    unknown,  // an untyped literal or parameter before its context decides
    void_,
    bool_,
    int2,
    int4,
    int8,
    numeric,
    float4,
    float8,
    text,
    varchar,
    bpchar,
    name,
    char_,  // PostgreSQL's one-byte "char", met in catalogs
    bytea,
    uuid,
    date,
    time,
    timestamp,
    timestamptz,
    interval,
    json,
    jsonb,
    oid,
    regclass,
    regtype,
    regproc,
    int4range,
    int8range,
    numrange,
    tsrange,
    tstzrange,
    daterange,
    enum_,   // detail = index into Names' / Schema's enums
    record,  // anonymous composite; only inside a query
};

struct Type {
    TypeId id = TypeId::unknown;
    bool array = false;
    std::int32_t modifier =
        -1;  // PostgreSQL's typmod: varchar(n) is n + 4, numeric(p,s) is ((p << 16) | s) + 4; -1 = none
    std::uint32_t detail = 0;  // enum index
    friend bool operator==(const Type&, const Type&) = default;
};

// How a value of a type is stored in a Datum.
enum class Storage : std::uint8_t {
    integer,  // bool 0/1, int*, oid, reg*, date (days since 2000-01-01), time (micros), timestamp[tz] (micros
              // since 2000-01-01), enum ordinal
    floating,  // float4, float8
    bytes,  // everything else: text as UTF-8; uuid 16 bytes; numeric, interval, json, ranges, arrays in the
            // canonical encoding of value.h
};
constexpr Storage storage_of(Type type) {
    if (type.array) return Storage::bytes;
    switch (type.id) {
        case TypeId::bool_:
        case TypeId::int2:
        case TypeId::int4:
        case TypeId::int8:
        case TypeId::oid:
        case TypeId::regclass:
        case TypeId::regtype:
        case TypeId::regproc:
        case TypeId::date:
        case TypeId::time:
        case TypeId::timestamp:
        case TypeId::timestamptz:
        case TypeId::enum_:
        case TypeId::char_:
            return Storage::integer;
        case TypeId::float4:
        case TypeId::float8:
            return Storage::floating;
        default:
            return Storage::bytes;
    }
}
constexpr bool is_integer(Type type) {
    return !type.array && (type.id == TypeId::int2 || type.id == TypeId::int4 || type.id == TypeId::int8);
}
// Types whose values are text and compare as such: char(n), which ignores blanks at the end, is none.
constexpr bool is_text_like(Type type) {
    return !type.array && (type.id == TypeId::text || type.id == TypeId::varchar || type.id == TypeId::name);
}

}  // namespace anabranch::sql
