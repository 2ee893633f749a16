// Canonical bytes of a record (ROW(...), a whole row as one value): self-describing, since a record's Type
// says nothing about its fields. varint count, then per field: name, type, NULL flag, value (array.h).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/sql/datum.h"
#include "lib/sql/type.h"

namespace anabranch::sql {

class EnumLabels;  // value.h

struct RecordField {
    std::string_view name;  // "f1", "f2", ... for ROW(...)
    Type type;
    Datum value;
};

// Ill-formed bytes give no fields.
std::vector<RecordField> read_record(std::string_view bytes);
void write_record(std::span<const RecordField> fields, std::string& out);

void print_record(std::string_view bytes, std::string& out, const EnumLabels* labels);  // (1,"a b",)
void print_record_binary(std::string_view bytes, std::string& out, const EnumLabels* labels);
// Field by field, NULL above all and equal to NULL, then the shorter first. Fields of different types compare
// by type.
int compare_records(std::string_view a, std::string_view b);

}  // namespace anabranch::sql
