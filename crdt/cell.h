// CellValue and sql::Datum are the same values with and without an owner.
#pragma once

#include "crdt/delta.h"
#include "lib/sql/datum.h"
#include "lib/sql/type.h"

namespace anabranch::crdt {

inline sql::Datum to_datum(const CellValue& value) {
    switch (value.kind) {
        case CellValue::Kind::null:
            return {};
        case CellValue::Kind::integer:
            return sql::Datum::integer(value.integer);
        case CellValue::Kind::floating:
            return sql::Datum::floating(value.floating);
        case CellValue::Kind::bytes:
            return sql::Datum::bytes(value.bytes);
    }
    return {};
}

inline CellValue to_cell(sql::Datum value) {
    CellValue out;
    if (value.is_null()) return out;
    if (value.is_bytes()) {
        out.kind = CellValue::Kind::bytes;
        out.bytes = value.as_bytes();
    } else if (value.is_floating()) {
        out.kind = CellValue::Kind::floating;
        out.floating = value.as_floating();
    } else {
        out.kind = CellValue::Kind::integer;
        out.integer = value.as_integer();
    }
    return out;
}

inline bool fits(const CellValue& value, sql::Storage storage) {
    switch (value.kind) {
        case CellValue::Kind::null:
            return true;
        case CellValue::Kind::integer:
            return storage == sql::Storage::integer;
        case CellValue::Kind::floating:
            return storage == sql::Storage::floating;
        case CellValue::Kind::bytes:
            return storage == sql::Storage::bytes;
    }
    return false;
}

}  // namespace anabranch::crdt
