#include "crdt/version_vector.h"

#include <algorithm>

namespace anabranch::crdt {

namespace {

template <typename Entries>
auto place_of(Entries& entries, ReplicaId origin) {
    return std::lower_bound(entries.begin(), entries.end(), origin,
                            [](const VersionVector::Entry& e, ReplicaId o) { return e.origin < o; });
}

constexpr std::size_t entry_bytes_min = 9;  // an id and a one-byte number

}  // namespace

std::uint64_t VersionVector::get(ReplicaId origin) const {
    for (const Entry& entry : entries_) {
        if (entry.origin == origin) return entry.seq;
    }
    return 0;
}

void VersionVector::set(ReplicaId origin, std::uint64_t seq) {
    const auto at = place_of(entries_, origin);
    const bool present = at != entries_.end() && at->origin == origin;
    if (seq == 0) {
        if (present) entries_.erase(at);
    } else if (present) {
        at->seq = seq;
    } else {
        entries_.insert(at, {origin, seq});
    }
}

bool VersionVector::covers(const VersionVector& other) const {
    auto mine = entries_.begin();
    for (const Entry& theirs : other.entries_) {
        while (mine != entries_.end() && mine->origin < theirs.origin) ++mine;
        if (mine == entries_.end() || mine->origin != theirs.origin || mine->seq < theirs.seq) return false;
    }
    return true;
}

void VersionVector::merge(const VersionVector& other) {
    for (const Entry& theirs : other.entries_) {
        const auto at = place_of(entries_, theirs.origin);
        if (at == entries_.end() || at->origin != theirs.origin) {
            entries_.insert(at, theirs);
        } else {
            at->seq = std::max(at->seq, theirs.seq);
        }
    }
}

void VersionVector::encode(ByteWriter& out) const {
    out.varint(entries_.size());
    for (const Entry& entry : entries_) {
        out.u64(entry.origin.value);
        out.varint(entry.seq);
    }
}

std::optional<VersionVector> VersionVector::decode(ByteReader& in) {
    const std::uint64_t count = in.varint();
    if (count > in.left() / entry_bytes_min) in.fail();
    VersionVector out;
    if (!in.failed()) out.entries_.reserve(count);
    for (std::uint64_t i = 0; i < count && !in.failed(); ++i) {
        const ReplicaId origin{in.u64()};
        const std::uint64_t seq = in.varint();
        if (seq == 0 || (!out.entries_.empty() && origin <= out.entries_.back().origin)) in.fail();
        out.entries_.push_back({origin, seq});
    }
    if (in.failed()) return std::nullopt;
    return out;
}

std::string VersionVector::describe() const {
    std::string out = "{";
    for (const Entry& entry : entries_) {
        if (out.size() > 1) out += ", ";
        out += entry.origin == ORDER_ORIGIN ? "order" : hex(entry.origin.value);
        out += ":" + std::to_string(entry.seq);
    }
    return out + "}";
}

}  // namespace anabranch::crdt
