// Values as text and in PostgreSQL's binary format, comparison and casts. The canonical `bytes` encodings:
//   text types: UTF-8; bpchar(n) padded with blanks to n; uuid: 16 bytes; bytea: raw;
//   numeric: its decimal text as PostgreSQL prints it ("-12.50", "NaN", "Infinity"), scale kept (numeric.h);
//   interval: 16 bytes little-endian months(i32) days(i32) micros(i64) (datetime.h);
//   json: text as given; jsonb: text as PostgreSQL prints jsonb (json_value.h);
//   arrays: array.h; ranges: range.h; records: record.h.
//
// Stored bytes may come from a peer, so every function here is total: ill-formed bytes give some value, never
// a crash.
//
// Times with a zone are printed and read in the zone of the labels, else in UTC; text sorts bytewise (the C
// collation). Letters change case in ASCII only, as in that collation.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"
#include "lib/sql/datum.h"
#include "lib/sql/type.h"

namespace anabranch::sql {

class TimeZone;

// What only the schema knows about writing values: labels of enum types and names of catalog objects. The
// owner of a schema implements it; functions below that may meet such a value take a pointer, and without one
// print numbers and refuse labels.
class EnumLabels {
  public:
    virtual ~EnumLabels() = default;
    virtual const std::string* label(std::uint32_t enum_index, std::int64_t ordinal) const = 0;  // null: none
    virtual std::int64_t ordinal(std::uint32_t enum_index, std::string_view label) const = 0;  // -1: unknown
    virtual std::string enum_name(std::uint32_t enum_index) const {
        return "enum" + std::to_string(enum_index);
    }
    // regclass, regproc, regtype (that of built-in types needs no help). Empty and -1: unknown.
    virtual std::string object_name(TypeId, std::int64_t) const { return {}; }
    virtual std::int64_t object_oid(TypeId, std::string_view) const { return -1; }
    // What a session wants of the texts it is sent: intervals as ISO 8601 writes them, P1DT2H; and the zone
    // of what it sends and is sent, null: UTC.
    virtual bool iso_intervals() const { return false; }
    virtual const TimeZone* zone() const { return nullptr; }
};
inline const TimeZone* zone_of(const EnumLabels* labels) {
    return labels == nullptr ? nullptr : labels->zone();
}

// PostgreSQL's own names and numbers: "bigint" / 20. Enum number i has oid 16384 + 2i and its array type the
// oid after that.
std::string type_name(
    Type type, const EnumLabels* labels = nullptr);  // as format_type: "character varying(20)", "integer[]"
std::uint32_t oid_of(Type type);
// Of a table, in the catalogs and where columns of results say what they are of.
constexpr std::uint32_t oid_of(TableId table) {
    return 100'000 + table.value;
}
Type type_of_oid(std::uint32_t oid);  // TypeId::unknown when not known
std::int16_t size_of(Type type);      // typlen: 8, -1, ...

// Input as PostgreSQL's type input functions; 22P02, 22003, 22007, 22008, 22001 on bad text. Bytes go to the
// arena. Modifiers (varchar(n), numeric(p,s)) are applied.
Result<Datum> parse_text(Type type, std::string_view text, Arena& arena, const EnumLabels* labels = nullptr);
Result<Datum> parse_binary(Type type, std::string_view bytes, Arena& arena,
                           const EnumLabels* labels = nullptr);
// Output, appended; not for NULL.
void print_text(Type type, Datum value, std::string& out, const EnumLabels* labels = nullptr);
void print_binary(Type type, Datum value, std::string& out, const EnumLabels* labels = nullptr);
// A literal that reads back as the same value: 'ann', 12, TRUE, NULL, '2020-01-01'::date.
std::string print_literal(Type type, Datum value, const EnumLabels* labels = nullptr);

// Total order of one type's non-null values, as ORDER BY has it; <0, 0, >0. NaN is above all numbers.
int compare(Type type, Datum a, Datum b);

// Conversion as CAST does it; fails with PostgreSQL's codes. `implicit` is an assignment: text too long for
// varchar(n) fails with 22001 where an explicit cast truncates. NULL gives NULL.
Result<Datum> cast(Type from, Type to, Datum value, Arena& arena, const EnumLabels* labels = nullptr,
                   bool implicit = false);

}  // namespace anabranch::sql
