#include "node/order/record.h"

#include <algorithm>

namespace anabranch::order {

namespace {

constexpr std::uint8_t HARD_STATE = 1;
constexpr std::uint8_t SNAPSHOT = 2;
constexpr std::uint8_t ENTRY = 3;

void put(ByteWriter& writer, const Dots& dots) {
    writer.varint(dots.size());
    for (const Dot& dot : dots) {
        writer.u64(dot.origin.value);
        writer.varint(dot.seq);
    }
}

Dots get_dots(ByteReader& reader) {
    Dots dots;
    const std::uint64_t count = reader.varint();
    if (count > reader.left() / (sizeof(std::uint64_t) + 1)) reader.fail();
    for (std::uint64_t i = 0; i < count && !reader.failed(); ++i) {
        const ReplicaId origin{reader.u64()};
        dots.push_back({origin, reader.varint()});
    }
    if (!well_formed(dots)) reader.fail();
    return dots;
}

Bytes record(const HardState& state) {
    Bytes out;
    ByteWriter writer(out);
    writer.u8(HARD_STATE);
    writer.varint(state.epoch);
    writer.u64(state.vote.value);
    writer.varint(state.commit);
    return out;
}

Bytes record(const Snapshot& snapshot) {
    Bytes out;
    ByteWriter writer(out);
    writer.u8(SNAPSHOT);
    writer.varint(snapshot.index);
    writer.varint(snapshot.epoch);
    put(writer, snapshot.dependencies);
    writer.sized(encode(snapshot.members));
    return out;
}

Bytes record(const Entry& entry) {
    Bytes out;
    out.reserve(entry.payload.size() + 32);
    ByteWriter writer(out);
    writer.u8(ENTRY);
    writer.varint(entry.index);
    writer.varint(entry.epoch);
    writer.u8(static_cast<std::uint8_t>(entry.kind));
    put(writer, entry.dependencies);
    writer.sized(entry.payload);
    return out;
}

std::unexpected<Error> damaged(std::string reason) {
    return fail(
        Error::make(sqlstate::io_error, "the order's records in the log are damaged: " + reason)
            .with_hint("Start this replica from an empty data directory: its peers have what it needs."));
}

}  // namespace

std::vector<Bytes> encode(const Persist& persist) {
    std::vector<Bytes> out;
    if (persist.snapshot) out.push_back(record(*persist.snapshot));
    if (persist.hard_state) out.push_back(record(*persist.hard_state));
    for (const Entry& entry : persist.entries) out.push_back(record(entry));
    return out;
}

Recovery::Recovery(ReplicaId self, Members members) {
    boot_.self = self;
    boot_.snapshot.members = std::move(members);
}

Result<void> Recovery::add(BytesView bytes) {
    ByteReader reader(bytes);
    const std::uint8_t kind = reader.u8();
    if (kind == HARD_STATE) {
        HardState state;
        state.epoch = reader.varint();
        state.vote = {reader.u64()};
        state.commit = reader.varint();
        if (!reader.complete()) return damaged("a hard state cannot be read");
        boot_.hard_state = state;
        return {};
    }
    if (kind == SNAPSHOT) {
        Snapshot snapshot;
        snapshot.index = reader.varint();
        snapshot.epoch = reader.varint();
        snapshot.dependencies = get_dots(reader);
        const BytesView members = reader.sized();
        if (!reader.complete()) return damaged("a snapshot cannot be read");
        TRY(snapshot.members, decode_members(members));
        return add_snapshot(std::move(snapshot));
    }
    if (kind != ENTRY) return damaged("a record of unknown kind " + std::to_string(kind));
    Entry entry;
    entry.index = reader.varint();
    entry.epoch = reader.varint();
    const std::uint8_t entry_kind = reader.u8();
    entry.dependencies = get_dots(reader);
    entry.payload = reader.sized();
    if (!reader.complete() || entry_kind > static_cast<std::uint8_t>(EntryKind::config))
        return damaged("an entry cannot be read");
    entry.kind = static_cast<EntryKind>(entry_kind);
    return add_entry(std::move(entry));
}

Result<void> Recovery::add_snapshot(Snapshot snapshot) {
    const Index base = boot_.snapshot.index;
    if (snapshot.index == 0 && base == 0 && boot_.entries.empty()) boot_.snapshot.members = snapshot.members;
    if (snapshot.index <= base) return {};
    const Index past = snapshot.index - base;  // entries up to and with the snapshot's own
    auto& entries = boot_.entries;
    const bool same =
        past <= entries.size() && entries[static_cast<std::size_t>(past - 1)].epoch == snapshot.epoch;
    if (same) {
        entries.erase(entries.begin(), entries.begin() + static_cast<std::ptrdiff_t>(past));
    } else {
        entries.clear();
    }
    boot_.snapshot = std::move(snapshot);
    return {};
}

Result<void> Recovery::add_entry(Entry entry) {
    auto& entries = boot_.entries;
    const Index base = boot_.snapshot.index;
    if (entry.index <= base) return {};
    const std::size_t at = static_cast<std::size_t>(entry.index - base - 1);
    const std::string name = "entry " + std::to_string(entry.index);
    if (at > entries.size()) return damaged(name + " follows " + std::to_string(base + entries.size()));
    if (at < entries.size() && entries[at].epoch == entry.epoch) return {};
    const Epoch before = at == 0 ? boot_.snapshot.epoch : entries[at - 1].epoch;
    if (entry.epoch < before) return damaged(name + " has an epoch older than the one before it");
    if (entry.kind == EntryKind::config) TRY_VOID(decode_members(entry.payload));
    entries.resize(at);
    entries.push_back(std::move(entry));
    return {};
}

}  // namespace anabranch::order
