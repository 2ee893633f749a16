#include "node/replica/membership.h"

#include <algorithm>

#include "lib/base/check.h"

namespace anabranch::replica {

namespace {

Roster roster_of(const order::Members& members) {
    return decode_roster(members.roster).value_or(Roster{});
}

}  // namespace

Membership::Membership(State& state, Gossip& gossip, IdentityValues& identities)
    : state_(state), gossip_(gossip), identities_(identities) {}

Bytes Membership::record() const {
    Bytes out;
    ByteWriter writer(out);
    writer.varint(learned_at_);
    writer.sized(order::encode(learned_));
    writer.u8(state_.belongs == State::Belongs::joined ? 1 : 0);
    return out;
}

Result<void> Membership::recover(BytesView body) {
    ByteReader reader(body);
    const order::Index at = reader.varint();
    auto members = order::decode_members(reader.sized());
    // Records of earlier versions do not say whether this node had joined.
    const bool tells = !reader.complete();
    const bool joined = tells && reader.u8() != 0;
    if (!members || !reader.complete()) return fail(sqlstate::io_error, "log: bad record of the members");
    if (at > learned_at_) {
        learned_ = std::move(*members), learned_at_ = at;
        if (tells) state_.belongs = joined ? State::Belongs::joined : State::Belongs::waiting;
    }
    return {};
}

void Membership::image(FunctionRef<void(RecordKind, BytesView)> put) const {
    if (learned_at_ != 0) put(RecordKind::members, record());
}

void Membership::update(const order::Status& status) {
    in_force_ = status.members;
    committed_ = status.committed_members;
    committed_at_ = status.commit;
    derive();
}

// What a list was at a position of the order is so whoever says it.
void Membership::greeted(const std::string& peer, const wire::Hello& message) {
    if (message.members.empty() || message.schema_hash != state_.schema->hash) return;
    const bool finds_its_cluster = state_.options.joining && state_.cluster == 0;
    if (!finds_its_cluster && message.cluster != state_.cluster) return;
    auto members = order::decode_members(message.members);
    if (!members || !decode_roster(members->roster)) {
        return state_.notice(Notice::Level::warning, "peer " + peer + " greets with a damaged member list");
    }
    if (finds_its_cluster) {
        if (!members->contains(member_id(state_.options.name))) return;
        state_.cluster = message.cluster;
    }
    if (message.members_at <= std::max(committed_at_, learned_at_) && !state_.members.empty()) return;
    learned_ = std::move(*members);
    learned_at_ = message.members_at;
    derive();
    state_.append(RecordKind::members, record(), Persist::When::lazily);
}

// A node that has lost its directory has to talk to those, too, before it can have their list itself.
void Membership::heard(const order::Members& members) {
    if (members == heard_ || !decode_roster(members.roster)) return;
    heard_ = members;
    derive();
}

void Membership::derive() {
    const bool by_log = !committed_.voters.empty() && committed_at_ >= learned_at_;
    const order::Members& newest = by_log ? committed_ : learned_;
    const ReplicaId self = member_id(state_.options.name);
    state_.large.finish();  // it may be of somebody who is not listened to any more
    if (newest.voters.empty()) return set_contacts(newest);
    state_.members = order::encode(newest);
    state_.members_at = by_log ? committed_at_ : learned_at_;
    state_.roster = roster_of(newest);
    if (committed_.contains(self)) {
        const Roster own = roster_of(committed_);
        if (const auto* entry = own.find(state_.options.name)) identities_.set_slot(entry->slot);
    }
    const bool was = !state_.options.joining || !committed_.voters.empty();
    if (!newest.contains(self))
        become(was ? State::Belongs::removed : State::Belongs::waiting);
    else if (committed_.contains(self) && (by_log || state_.belongs == State::Belongs::joined))
        become(State::Belongs::joined);
    else
        become(State::Belongs::waiting);  // for its own log to say so
    set_contacts(newest);
}

void Membership::become(State::Belongs belongs) {
    if (state_.belongs == belongs) return;
    const auto before = std::exchange(state_.belongs, belongs);
    if (belongs == State::Belongs::removed) {
        state_.notice(Notice::Level::warning,
                      "this node has been removed from the cluster: it refuses writes and hands on what it "
                      "had committed by itself; stop it when GET /status says that nobody lacks anything");
    } else if (belongs == State::Belongs::joined) {
        // What it serves is at least what was committed when it joined.
        if (before == State::Belongs::waiting) state_.joined_at = committed_at_;
        if (state_.out != nullptr && state_.started)
            state_.notice(Notice::Level::info, "this node is a member of the cluster");
    }
}

void Membership::set_contacts(const order::Members& newest) {
    std::vector<Contact> contacts;
    const auto put = [&](const std::string& name, const std::string& address, bool former,
                         Roster::Former::Past past = Roster::Former::Past::open) {
        const ReplicaId id = member_id(name);
        const bool known = std::any_of(contacts.begin(), contacts.end(),
                                       [&](const Contact& other) { return other.name == name; });
        if (name == state_.options.name || known) return;
        contacts.push_back({name, address, id, newest.votes(id) || in_force_.votes(id), former, past});
    };
    for (const auto& member : state_.roster.members) put(member.name, member.address, false);
    for (const auto& member : roster_of(in_force_).members) put(member.name, member.address, false);
    for (const auto& member : roster_of(heard_).members) put(member.name, member.address, false);
    for (const auto& gone : state_.roster.former) put(gone.name, gone.address, true, gone.past);
    // One that was away while all whom it knows have left is told where the others are by its command line.
    if (newest.voters.empty() || state_.options.joining)
        for (const auto& peer : state_.options.peers) put(peer.name, peer.address, !newest.voters.empty());
    std::sort(contacts.begin(), contacts.end(),
              [](const Contact& a, const Contact& b) { return a.name < b.name; });
    Members out{state_.cluster, {}, {}};
    for (const auto& contact : contacts) out.contacts.push_back({contact.name, contact.address});
    for (const auto& member : state_.roster.members) out.names.push_back(member.name);
    if (contacts != state_.contacts) {
        state_.contacts = std::move(contacts);
        gossip_.contacts_changed();
    }
    if (out == told_) return;
    told_ = out;
    state_.out->push_back(std::move(out));
}

}  // namespace anabranch::replica
