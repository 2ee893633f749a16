// Values as text and in PostgreSQL's binary format, comparison and casts. The canonical `bytes` encodings:
//   text types: UTF-8; uuid: 16 bytes; bytea: raw; numeric: its decimal text as PostgreSQL prints it ("-12.50", "NaN"), scale kept;
//   interval: 16 bytes little-endian months(i32) days(i32) micros(i64); json: text as given; jsonb: text as PostgreSQL prints jsonb;
//   arrays and ranges: see array.h / range.h of this folder.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/sql/datum.h"
#include "lib/sql/type.h"

namespace anabranch::sql {

// PostgreSQL's own names and numbers: "bigint" / 20. Enum types have engine-made oids from 16384 on.
std::string type_name(Type type);          // as format_type prints it: "character varying(20)", "bigint", "integer[]"
std::uint32_t oid_of(Type type);
Type type_of_oid(std::uint32_t oid);       // TypeId::unknown when not known
std::int16_t size_of(Type type);           // typlen: 8, -1, ...

// Input as PostgreSQL's type input functions; 22P02, 22003, 22007, 22008 on bad text. Bytes go to the arena. Modifiers (varchar(n), numeric(p,s)) are applied.
Result<Datum> parse_text(Type type, std::string_view text, Arena& arena);
Result<Datum> parse_binary(Type type, std::string_view bytes, Arena& arena);
// Output; not for NULL.
void print_text(Type type, Datum value, std::string& out);
void print_binary(Type type, Datum value, std::string& out);
// A literal that reads back as the same value: 'ann', 12, TRUE, NULL, '2020-01-01'::date.
std::string print_literal(Type type, Datum value);

// Total order of one type's non-null values, as ORDER BY has it. Text compares bytewise (the C collation).
int compare(Type type, Datum a, Datum b);

// Conversion as CAST does it (implicit or explicit); fails with PostgreSQL's codes.
Result<Datum> cast(Type from, Type to, Datum value, Arena& arena);

// Enum labels are needed to read and print enum values: installed once per process by whoever loads a schema is not possible (values),
// so functions that may meet an enum take them from here; set by the owner of a thread before it evaluates.
class EnumLabels {
  public:
    virtual ~EnumLabels() = default;
    virtual const std::string* label(std::uint32_t enum_index, std::int64_t ordinal) const = 0;
    virtual std::int64_t ordinal(std::uint32_t enum_index, std::string_view label) const = 0;  // -1 unknown
};

}  // namespace anabranch::sql
