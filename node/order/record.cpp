#include "node/order/record.h"

#include "node/order/codec.h"

namespace anabranch::order {

namespace {

constexpr std::uint8_t HARD_STATE = 1;
constexpr std::uint8_t SNAPSHOT = 2;
constexpr std::uint8_t ENTRY = 3;

Bytes record(const HardState& state) {
    Bytes out;
    ByteWriter writer(out);
    writer.u8(HARD_STATE);
    writer.varint(state.epoch);
    writer.u64(state.vote.value);
    writer.varint(state.commit);
    return out;
}

template <typename Part>
Bytes record(std::uint8_t kind, const Part& part) {
    Bytes out;
    ByteWriter writer(out);
    writer.u8(kind);
    put(writer, part);
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
    if (persist.snapshot) out.push_back(record(SNAPSHOT, *persist.snapshot));
    if (persist.hard_state) out.push_back(record(*persist.hard_state));
    for (const Entry& entry : persist.entries) out.push_back(record(ENTRY, entry));
    return out;
}

std::optional<Entry> entry_of(BytesView record) {
    ByteReader reader(record);
    if (reader.u8() != ENTRY) return std::nullopt;
    Entry entry = get_entry(reader);
    if (!reader.complete()) return std::nullopt;
    return entry;
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
        Snapshot snapshot = get_snapshot(reader);
        if (!reader.complete()) return damaged("a snapshot cannot be read");
        return add_snapshot(std::move(snapshot));
    }
    if (kind != ENTRY) return damaged("a record of unknown kind " + std::to_string(kind));
    Entry entry = get_entry(reader);
    if (!reader.complete()) return damaged("an entry cannot be read");
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
