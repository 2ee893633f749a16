// Order-preserving key encoding: memcmp on encoded tuples orders them as SQL orders the values, ascending,
// NULLs last. Used for primary keys and indexes alike. Each part is self-delimiting, so that the encoding of
// a prefix of the parts is a prefix of the encoding.
//
// integer storage: 0x01 + 8 bytes big-endian with the sign bit flipped. floating: 0x01 + 8 bytes of the
// ordered IEEE form (-0 as 0). bytes of text, bytea, uuid: 0x01 + content with 0x00 escaped as 00 FF, ended
// by 00 01. numeric, interval and other types whose equal values may differ in representation: 0x01 + a
// normalised form (see key.cpp). NULL: 0x02.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "lib/sql/datum.h"
#include "lib/sql/type.h"

namespace anabranch::sql {

void encode_key_part(std::string& out, Type type, Datum value);
// The smallest key greater than every key that starts with `prefix`; empty if there is none.
std::string key_successor(std::string_view prefix);

}  // namespace anabranch::sql
