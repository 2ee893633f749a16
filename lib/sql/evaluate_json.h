// SQL values as JSON text.
#pragma once

#include <string>

#include "lib/sql/evaluate.h"

namespace anabranch::sql {

// As to_json(): numbers and booleans plain, arrays and records nested without blanks, dates in ISO 8601 with
// a T, json and jsonb as they are, all else a string. NULL is null.
void append_json(std::string& out, Type type, Datum value, const EnumLabels* labels);
// A key: the text of the value, quoted.
void append_json_key(std::string& out, Type type, Datum value, const EnumLabels* labels);
// JSON text as a value of `type`, json or jsonb.
Datum json_result(EvalContext& context, Type type, std::string_view text);

}  // namespace anabranch::sql
