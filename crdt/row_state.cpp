#include "crdt/row_state.h"

#include <algorithm>

namespace anabranch::crdt {

void Payload::reset(const TableShape& shape, Stamp of) {
    incarnation = of;
    groups.resize(shape.groups.size());
    for (std::size_t g = 0; g < groups.size(); ++g)
        groups[g].reset(shape.groups[g].columns.size(), shape.groups[g].references.size());
    counters.resize(shape.counters.size());
    for (Counter& counter : counters) counter.reset();
    extremes.resize(shape.extremes.size());
    for (Extreme& extreme : extremes) extreme.reset();
}

void Payload::merge(const Payload& other, const TableShape& shape) {
    if (other.incarnation < incarnation) return;
    if (other.incarnation > incarnation) {
        *this = other;
        return;
    }
    for (std::size_t g = 0; g < groups.size(); ++g) groups[g].merge(other.groups[g]);
    for (std::size_t c = 0; c < counters.size(); ++c) counters[c].merge(other.counters[c]);
    for (std::size_t e = 0; e < extremes.size(); ++e) {
        const std::uint32_t column = shape.extremes[e];
        extremes[e].merge(other.extremes[e], shape.merge(column), shape.type(column));
    }
}

void RowState::reset(const TableShape& shape, Stamp incarnation) {
    existence.clear();
    deleted_at = {};
    payload.reset(shape, incarnation);
}

void RowState::merge(const RowState& other, const VersionVector& context, const VersionVector& other_context,
                     const TableShape& shape) {
    existence.merge(other.existence, context, other_context);
    deleted_at = std::max(deleted_at, other.deleted_at);
    payload.merge(other.payload, shape);
}

sql::Datum RowState::value(const TableShape& shape, std::uint32_t column) const {
    const std::uint32_t place = shape.place[column];
    switch (shape.merge(column)) {
        case catalog::Merge::immutable:
        case catalog::Merge::register_: {
            const auto& columns = shape.groups[place].columns;
            const auto at = std::lower_bound(columns.begin(), columns.end(), column) - columns.begin();
            return payload.groups[place].values[static_cast<std::size_t>(at)];
        }
        case catalog::Merge::counter: {
            const Counter& counter = payload.counters[place];
            return counter.null ? sql::Datum{} : sql::Datum::integer(counter.value());
        }
        case catalog::Merge::max:
        case catalog::Merge::min:
            return payload.extremes[place].value;
    }
    return {};
}

void RowState::values(const TableShape& shape, std::vector<sql::Datum>& out) const {
    out.resize(shape.place.size());
    for (std::size_t g = 0; g < shape.groups.size(); ++g) {
        const auto& columns = shape.groups[g].columns;
        for (std::size_t i = 0; i < columns.size(); ++i) out[columns[i]] = payload.groups[g].values[i];
    }
    for (const std::uint32_t c : shape.counters) out[c] = value(shape, c);
    for (const std::uint32_t c : shape.extremes) out[c] = value(shape, c);
}

}  // namespace anabranch::crdt
