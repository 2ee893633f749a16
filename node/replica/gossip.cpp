#include "node/replica/gossip.h"

#include <algorithm>

namespace anabranch::replica {

namespace {

bool draws_identities(const catalog::Schema& schema) {
    for (const auto& table : schema.tables)
        for (const auto& column : table.columns)
            if (column.identity != catalog::Identity::none) return true;
    return false;
}

Bytes peer_record(const std::string& name, ReplicaId id) {
    Bytes record;
    ByteWriter writer(record);
    writer.u64(id.value);
    writer.raw(name);
    return record;
}

}  // namespace

Gossip::Gossip(State& state) : state_(state) {
    for (const auto& peer : state.options.peers) {
        peers_[peer.name].id = peer.id;
        peers_[peer.name].voter = peer.voter;
    }
}

wire::Hello Gossip::greeting(const Peer& peer) const {
    wire::Hello hello;
    hello.cluster = state_.options.cluster;
    hello.schema_hash = state_.schema->hash;
    hello.name = state_.options.name;
    hello.id = state_.options.id;
    hello.answer_wanted = !peer.greeted;
    hello.known = peer.first_id;
    return hello;
}

// Whatever was on its way may not have arrived.
void Gossip::offer_again(Peer& peer) {
    peer.sent = peer.acknowledged;
    peer.position = state_.deltas.first();
    peer.unacknowledged_bytes = 0;
}

void Gossip::send(const std::string& name, wire::Message message) {
    state_.out->push_back(Send{name, std::move(message), 0});
}

void Gossip::up(const std::string& name) {
    const auto found = peers_.find(name);
    if (found == peers_.end()) {
        state_.out->push_back(
            Disconnect{name, "node " + state_.options.name + " has no member named " + name});
        return;
    }
    Peer& peer = found->second;
    peer.up = true;
    offer_again(peer);
    send(name, greeting(peer));
    if (peer.greeted) send_have(name, true);  // it greeted first
}

void Gossip::down(const std::string& name) {
    const auto found = peers_.find(name);
    if (found == peers_.end()) return;
    found->second.up = false;
    // Who comes back may have lost its directory, and its greeting may be lost, too: it is asked until it is
    // heard.
    found->second.greeted = false;
}

void Gossip::cut(const std::string& name, bool cut) {
    for (auto& [peer_name, peer] : peers_) {
        if (!name.empty() && peer_name != name) continue;
        peer.cut = cut;
        if (!cut && peer.up) {
            offer_again(peer);
            send(peer_name, greeting(peer));
            if (peer.greeted) send_have(peer_name, true);
        }
    }
}

bool Gossip::reachable(const std::string& name) const {
    const auto found = peers_.find(name);
    return found != peers_.end() && found->second.up && found->second.greeted && !found->second.cut;
}
bool Gossip::is_cut(const std::string& name) const {
    const auto found = peers_.find(name);
    return found != peers_.end() && found->second.cut;
}
const std::string* Gossip::name_of(ReplicaId id) const {
    for (const auto& [name, peer] : peers_)
        if (peer.id == id) return &name;
    return nullptr;
}
std::size_t Gossip::reachable_count() const {
    std::size_t count = 0;
    for (const auto& [name, peer] : peers_) count += reachable(name) ? 1 : 0;
    return count;
}

Gossip::Greeted Gossip::hello(const std::string& name, const wire::Hello& message) {
    Peer& peer = peers_.at(name);
    const auto refuse = [&](const std::string& why) {
        state_.notice(Notice::Level::warning, "peer " + name + " refused: " + why);
        state_.out->push_back(Disconnect{name, why});
        peer.greeted = false;
        return Greeted::refused;
    };
    if (message.protocol != wire::protocol_version)
        return refuse("it speaks peer protocol " + std::to_string(message.protocol) + ", this node speaks " +
                      std::to_string(wire::protocol_version));
    if (message.name != name) return refuse("it calls itself " + message.name);
    if (message.schema_hash != state_.schema->hash)
        return refuse("it runs another schema (hash " + hex(message.schema_hash) + ", here " +
                      hex(state_.schema->hash) + ")");
    if (message.cluster != state_.options.cluster)
        return refuse("it belongs to another cluster: both must list the same members");
    if (message.id == state_.options.id)
        return refuse("it has this node's own replica id " + hex(message.id.value) +
                      ": one data directory is a copy of the other");
    const bool replaced = peer.id.value != 0 && peer.id != message.id;
    if (replaced && peer.heard && state_.now - peer.heard_at < seconds(2))
        return refuse("its replica id was " + hex(peer.id.value) + " and is now " + hex(message.id.value) +
                      ", and the former was heard just now: two nodes call themselves " + name);
    if (replaced && draws_identities(*state_.schema))
        return refuse("its data directory was replaced: its replica id was " + hex(peer.id.value) +
                      " and is now " + hex(message.id.value) +
                      ". The schema has identity columns, and it would draw again values that its former "
                      "self drew and no peer has seen");
    if (peer.id != message.id) {
        if (replaced)
            state_.notice(Notice::Level::warning, "peer " + name +
                                                      " has a new data directory: its replica id was " +
                                                      hex(peer.id.value) + " and is now " +
                                                      hex(message.id.value) + "; it is given the state anew");
        peer.id = message.id;
        if (peer.first_id.value == 0) peer.first_id = message.id;
        peer.acknowledged = {};
        peer.lacks_dropped = false;
        state_.append(RecordKind::peer, peer_record(name, peer.id), true);
    }
    peer.told = false;
    peer.greeted = true;
    if (message.answer_wanted) send(name, greeting(peer));
    offer_again(peer);
    send_have(name, true);
    return replaced ? Greeted::replaced : Greeted::known;
}

bool Gossip::recover_peer(BytesView record) {
    ByteReader reader(record);
    const ReplicaId id{reader.u64()};
    if (reader.failed()) return false;
    const auto found = peers_.find(std::string(reader.raw(reader.left())));
    if (found == peers_.end()) return true;
    found->second.id = id;
    if (found->second.first_id.value == 0) found->second.first_id = id;
    return true;
}

void Gossip::forget_ids() {
    for (auto& [name, peer] : peers_) peer.id = peer.first_id = {};
}

void Gossip::image(FunctionRef<void(RecordKind, BytesView)> put) const {
    for (const auto& [name, peer] : peers_) {
        if (peer.id.value == 0) continue;
        put(RecordKind::peer, peer_record(name, peer.first_id));
        if (peer.first_id != peer.id) put(RecordKind::peer, peer_record(name, peer.id));
    }
}

void Gossip::heard(const std::string& name) {
    Peer& peer = peers_.at(name);
    peer.heard = true;
    peer.heard_at = state_.now;
}

bool Gossip::same_version(const Peer& peer) const {
    // A state that is being fetched may hold more than its version tells.
    return !state_.importing && peer.acknowledged == state_.held && state_.held == state_.database.version();
}

void Gossip::send_have(const std::string& name, bool reply_wanted) {
    wire::Have have;
    have.version = to_wire(state_.held);
    have.reply_wanted = reply_wanted;
    have.state_offered = peers_.at(name).told && peers_.at(name).lacks_dropped && !state_.importing;
    if (same_version(peers_.at(name)))
        for (const auto& table : state_.schema->tables) {
            const auto digest = state_.database.digest(table.id);
            have.digests.insert(have.digests.end(), digest.begin(), digest.end());
        }
    send(name, std::move(have));
}

void Gossip::have(const std::string& name, const wire::Have& message) {
    Peer& peer = peers_.at(name);
    const auto version = from_wire(message.version);
    const bool news = !peer.acknowledged.covers(version);
    peer.acknowledged.merge(version);
    peer.told = true;
    // What was sent a while ago and is not held there was lost on the way.
    const bool stale = state_.now - peer.sent_at > Duration{3 * state_.options.gossip_interval.micros} &&
                       !peer.acknowledged.covers(peer.sent);
    if (stale || message.reply_wanted) {
        peer.sent = peer.acknowledged;
        peer.position = state_.deltas.first();
    } else {
        peer.sent.merge(version);
    }
    if (news || stale) peer.unacknowledged_bytes = 0;
    peer.lacks_dropped = !peer.acknowledged.covers(state_.deltas.dropped());
    if (message.reply_wanted) send_have(name, false);
    if (!message.digests.empty() && same_version(peer) && version == state_.held) {
        std::vector<std::uint64_t> own;
        for (const auto& table : state_.schema->tables) {
            const auto digest = state_.database.digest(table.id);
            own.insert(own.end(), digest.begin(), digest.end());
        }
        for (std::size_t i = 0; i < own.size() && own.size() == message.digests.size(); ++i)
            if (own[i] != message.digests[i])
                state_.notice(Notice::Level::alarm, "divergence: table " +
                                                        state_.schema->tables[i / 2].display() +
                                                        " differs from peer " + name +
                                                        " at equal version vectors " + version.describe());
    }
    push(name, peer);
    state_.deltas.trim(stable());
}

void Gossip::push() {
    for (auto& [name, peer] : peers_) push(name, peer);
}

void Gossip::push(const std::string& name, Peer& peer) {
    peer.lacks_dropped = !peer.acknowledged.covers(state_.deltas.dropped());
    if (!reachable(name) || !peer.told || peer.lacks_dropped) return;
    const auto& store = state_.deltas;
    if (peer.position < store.first()) peer.position = store.first();
    while (peer.position < store.end() &&
           peer.unacknowledged_bytes < state_.options.unacknowledged_bytes_max) {
        wire::Deltas batch;
        std::size_t bytes = 0;
        for (; peer.position < store.end() && bytes < state_.options.batch_bytes_max; ++peer.position) {
            const auto& entry = store.at(peer.position);
            if (peer.sent.contains(entry.dot)) continue;
            // A gap means that an earlier delta of this origin is not known to be there: it has been dropped
            // here or comes by another way.
            if (entry.dot.seq != peer.sent.get(entry.dot.origin) + 1) continue;
            peer.sent.set(entry.dot.origin, entry.dot.seq);
            bytes += entry.bytes->size();
            batch.deltas.push_back(*entry.bytes);
        }
        if (batch.deltas.empty()) return;
        peer.unacknowledged_bytes += bytes;
        peer.sent_at = state_.now;
        send(name, std::move(batch));
    }
}

void Gossip::tick() {
    if (state_.now < next_exchange_) return;
    next_exchange_ = state_.now + state_.options.gossip_interval;
    for (auto& [name, peer] : peers_)
        if (reachable(name))
            send_have(name, false);
        else if (peer.up && !peer.cut && !peer.greeted)
            send(name, greeting(peer));
}

void Gossip::hurry() {
    next_exchange_ = std::min(next_exchange_, state_.now + millis(10));
}

Instant Gossip::next_deadline() const {
    return next_exchange_;
}

crdt::VersionVector Gossip::stable() const {
    crdt::VersionVector out = state_.held;
    for (const auto& [name, peer] : peers_) {
        crdt::VersionVector both;
        for (const auto& entry : out.entries())
            both.set(entry.origin, std::min(entry.seq, peer.acknowledged.get(entry.origin)));
        out = both;
    }
    return out;
}

void Gossip::fill(std::vector<Replica::PeerStatus>& out, Instant now) const {
    for (const auto& [name, peer] : peers_) {
        Replica::PeerStatus status;
        status.name = name;
        status.id = peer.id;
        status.connected = peer.up && peer.greeted;
        status.cut = peer.cut;
        status.voter = peer.voter;
        status.version = peer.acknowledged;
        for (const auto& entry : state_.held.entries()) {
            const auto there = peer.acknowledged.get(entry.origin);
            if (entry.seq > there) status.missing_deltas += entry.seq - there;
        }
        for (auto at = state_.deltas.first(); at < state_.deltas.end(); ++at) {
            const auto& delta = state_.deltas.at(at);
            if (peer.acknowledged.contains(delta.dot)) continue;
            if (status.missing_bytes == 0)
                status.behind_micros = std::max<std::int64_t>(0, (now - delta.since).micros);
            status.missing_bytes += delta.bytes->size();
        }
        status.needs_state = peer.told && !peer.acknowledged.covers(state_.deltas.dropped());
        status.heard_micros = peer.heard ? (state_.now - peer.heard_at).micros : -1;
        out.push_back(std::move(status));
    }
}

}  // namespace anabranch::replica
