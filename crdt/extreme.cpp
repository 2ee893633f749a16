#include "crdt/extreme.h"

#include <cstring>

#include "lib/sql/value.h"

namespace anabranch::crdt {

namespace {

int compare_bits(sql::Datum a, sql::Datum b) {
    if (a.is_bytes()) return a.as_bytes().compare(b.as_bytes());
    if (a.is_floating()) {
        const double x = a.as_floating(), y = b.as_floating();
        return std::memcmp(&x, &y, sizeof x);
    }
    return 0;
}

}  // namespace

void Extreme::merge(const Extreme& other, catalog::Merge direction, sql::Type type) {
    if (other.value.is_null()) return;
    if (value.is_null()) {
        value = other.value;
        return;
    }
    int order = sql::compare(type, other.value, value);
    if (order == 0) order = compare_bits(other.value, value);
    if (direction == catalog::Merge::max ? order > 0 : order < 0) value = other.value;
}

}  // namespace anabranch::crdt
