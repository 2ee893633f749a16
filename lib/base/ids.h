// Strong identifiers. Each is a regular value type: ordered, hashable, printable; none converts to another.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>

namespace anabranch {

// A replica's identity: 64 random bits born with its data directory, or ORDER for the order's own origin
// (design section 7: the order is one more origin of dots and its sequence number is the CSN). 0 means
// "none".
struct ReplicaId {
    std::uint64_t value = 0;
    auto operator<=>(const ReplicaId&) const = default;
};
inline constexpr ReplicaId ORDER_ORIGIN{~std::uint64_t{0}};

// Position of a table or column in its Schema / Table; dense from 0, fixed for one schema version.
struct TableId {
    std::uint32_t value = 0;
    auto operator<=>(const TableId&) const = default;
};
struct ColumnId {
    std::uint32_t value = 0;
    auto operator<=>(const ColumnId&) const = default;
};

// A dot names one delta: the `seq`-th (from 1, without gaps) of its origin.
struct Dot {
    ReplicaId origin;
    std::uint64_t seq = 0;
    auto operator<=>(const Dot&) const = default;
};

// A hybrid logical clock reading plus the origin that breaks ties: totally ordered, unique per commit.
// `hlc` holds microseconds since 1970 in its upper 48+ bits: (micros << 12) | logical. See crdt/hlc.h.
struct Stamp {
    std::uint64_t hlc = 0;
    ReplicaId origin;
    auto operator<=>(const Stamp&) const = default;
};

}  // namespace anabranch

template <>
struct std::hash<anabranch::ReplicaId> {
    std::size_t operator()(anabranch::ReplicaId id) const noexcept {
        return std::hash<std::uint64_t>{}(id.value);
    }
};
