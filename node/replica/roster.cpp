#include "node/replica/roster.h"

#include <algorithm>

#include "node/replica/replica.h"

namespace anabranch::replica {

ReplicaId member_id(const std::string& name) {
    // 0 and ORDER_ORIGIN have meanings of their own.
    const std::uint64_t hash = hash64(name, 0x6d656d626572);
    return ReplicaId{hash == 0 || hash == ORDER_ORIGIN.value ? 1 : hash};
}

namespace {

// The oldest of those of whom nothing more is to come, or not to be taken; or of all.
std::vector<Roster::Former>::iterator least_needed(std::vector<Roster::Former>& former) {
    const auto need = [](const Roster::Former& gone) {
        return gone.past == Roster::Former::Past::here ? 0 : gone.past == Roster::Former::Past::open ? 2 : 1;
    };
    return std::min_element(
        former.begin(), former.end(),
        [&](const Roster::Former& a, const Roster::Former& b) { return need(a) < need(b); });
}

}  // namespace

const Roster::Member* Roster::find(const std::string& name) const {
    for (const auto& member : members)
        if (member.name == name) return &member;
    return nullptr;
}

Roster::Former* Roster::find_former(const std::string& name) {
    const auto found =
        std::find_if(former.begin(), former.end(), [&](const Former& gone) { return gone.name == name; });
    return found == former.end() ? nullptr : &*found;
}

void Roster::add(const std::string& name, const std::string& address, bool voter) {
    remove(name);
    // Whoever was at that address before is not there any more.
    std::erase_if(former, [&](const Former& gone) { return gone.name == name || gone.address == address; });
    members.push_back({name, address, next_slot++, voter});
    std::sort(members.begin(), members.end(),
              [](const Member& a, const Member& b) { return a.name < b.name; });
}

void Roster::remove(const std::string& name) {
    const auto* found = find(name);
    if (found == nullptr) return;
    former.push_back({found->name, found->address});
    if (former.size() > former_max) former.erase(least_needed(former));
    std::erase_if(members, [&](const Member& member) { return member.name == name; });
}

std::size_t Roster::open_count() const {
    return static_cast<std::size_t>(std::count_if(
        former.begin(), former.end(), [](const Former& gone) { return gone.past == Former::Past::open; }));
}

std::uint64_t hash_of(const Roster& roster) {
    Bytes out;
    ByteWriter writer(out);
    writer.varint(roster.next_slot);
    for (const auto& member : roster.members) writer.sized(member.name);
    writer.sized({});
    for (const auto& gone : roster.former) {
        writer.sized(gone.name);
        writer.u8(static_cast<std::uint8_t>(gone.past));
    }
    return hash64(out);
}

Bytes encode(const Roster& roster) {
    Bytes out;
    ByteWriter writer(out);
    writer.varint(roster.next_slot);
    writer.varint(roster.members.size());
    for (const auto& member : roster.members) {
        writer.sized(member.name);
        writer.sized(member.address);
        writer.varint(member.slot);
        writer.u8(member.voter ? 1 : 0);
    }
    writer.varint(roster.former.size());
    for (const auto& gone : roster.former) {
        writer.sized(gone.name);
        writer.sized(gone.address);
    }
    for (const auto& gone : roster.former) writer.u8(static_cast<std::uint8_t>(gone.past));
    return out;
}

std::optional<Roster> decode_roster(BytesView bytes) {
    Roster out;
    ByteReader reader(bytes);
    out.next_slot = static_cast<std::uint32_t>(reader.varint());
    const std::uint64_t members = reader.varint();
    for (std::uint64_t i = 0; i < members && !reader.failed(); ++i) {
        Roster::Member member;
        member.name = reader.sized();
        member.address = reader.sized();
        member.slot = static_cast<std::uint32_t>(reader.varint());
        member.voter = reader.u8() == 1;
        out.members.push_back(std::move(member));
    }
    const std::uint64_t former = reader.varint();
    for (std::uint64_t i = 0; i < former && !reader.failed(); ++i) {
        Roster::Former gone;
        gone.name = reader.sized();
        gone.address = reader.sized();
        out.former.push_back(std::move(gone));
    }
    if (reader.left() > 0)  // older versions knew of open ones only
        for (auto& gone : out.former) {
            const std::uint8_t past = reader.u8();
            if (past > static_cast<std::uint8_t>(Roster::Former::Past::given_up)) return {};
            gone.past = Roster::Former::Past{past};
        }
    if (!reader.complete()) return {};
    return out;
}

Roster initial_roster(const Options& options) {
    std::vector<PeerConfig> all = options.peers;
    all.push_back({options.name, options.id, true, options.address});
    std::sort(all.begin(), all.end(),
              [](const PeerConfig& a, const PeerConfig& b) { return a.name < b.name; });
    Roster out;
    for (const auto& member : all) out.add(member.name, member.address, member.voter);
    return out;
}

}  // namespace anabranch::replica
