#include "node/replica/gossip.h"

#include <algorithm>
#include <utility>

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
    for (const auto& peer : state.options.peers)
        peers_[peer.name].ids.last = peers_[peer.name].ids.newest = peer.id;
    contacts_changed();
}

void Gossip::contacts_changed() {
    std::map<std::string, Peer> before;
    before.swap(peers_);
    for (const auto& contact : state_.contacts) {
        Peer& peer = peers_[contact.name];
        if (auto known = before.extract(contact.name)) {
            peer = std::move(known.mapped());
        } else if (const auto ids = others_.extract(contact.name)) {
            peer.ids = ids.mapped();
        }
        peer.voter = contact.voter;
        peer.given_up = contact.past == Roster::Former::Past::given_up;
        if (std::exchange(peer.former, contact.former) == contact.former) continue;
        // With another data directory it draws identity values from another slot than before.
        if (!contact.former) peer.ids.last = {};
        if (contact.former) lost_source(contact.name);
        // It learns from the greeting that it has been removed, or that it is back.
        if (reachable(contact.name)) send(contact.name, greeting(peer));
    }
    for (const auto& [name, peer] : before) {
        if (peer.ids.first.value != 0) others_[name] = peer.ids;
        lost_source(name);
    }
}

wire::Hello Gossip::greeting(const Peer& peer) const {
    wire::Hello hello;
    hello.cluster = state_.cluster;
    hello.schema_hash = state_.schema->hash;
    hello.name = state_.options.name;
    hello.id = state_.options.id;
    hello.answer_wanted = !peer.greeted;
    hello.known = peer.ids.first;
    hello.members = state_.members;
    hello.members_at = state_.members_at;
    return hello;
}

// Whatever was on its way may not have arrived.
void Gossip::offer_again(Peer& peer) {
    look_again(peer);
    peer.unacknowledged_bytes = 0;
    peer.spares.clear();
}

void Gossip::look_again(Peer& peer) {
    peer.sent = peer.sent_then = peer.acknowledged;
    peer.position = peer.relayed = state_.deltas.first();
}

// Until it is known who is the next best, everybody is to push.
void Gossip::lost_source(const std::string& name) {
    for (auto at = sources_.begin(); at != sources_.end();) {
        if (at->second != name) {
            ++at;
            continue;
        }
        for (auto& [other, peer] : peers_) peer.spared.erase(at->first);
        at = sources_.erase(at);
    }
    exchange_soon();
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
    lost_source(name);
}

void Gossip::cut(const std::string& name, bool cut) {
    for (auto& [peer_name, peer] : peers_) {
        if (!name.empty() && peer_name != name) continue;
        peer.cut = cut;
        if (cut) lost_source(peer_name);
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
        if (peer.ids.last == id) return &name;
    return nullptr;
}
std::size_t Gossip::member_count() const {
    std::size_t count = 1;
    for (const auto& [name, peer] : peers_) count += peer.former ? 0 : 1;
    return count;
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
    // One that is to join does not know yet which cluster it is.
    if (state_.cluster == 0 && message.cluster != 0 && state_.options.joining)
        return refuse("it has not let this node join yet: anabranch admin add " + state_.options.name +
                      "=ADDRESS");
    if (message.cluster != state_.cluster && (message.cluster != 0 || peer.former))
        return refuse("it belongs to another cluster: both must have begun with the same members");
    if (peer.ids.replaced.contains(message.id))
        return refuse("it runs on a data directory that had been replaced: its replica id is " +
                      hex(message.id.value) + ", and " + hex(peer.ids.newest.value) +
                      " has come after it. Start it with the newer one, or with an empty one");
    peer.members = message.members;
    peer.members_at = message.members_at;
    if (message.id == state_.options.id)
        return refuse("it has this node's own replica id " + hex(message.id.value) +
                      ": one data directory is a copy of the other");
    const bool replaced = peer.ids.last.value != 0 && peer.ids.last != message.id;
    if (replaced && peer.heard && state_.now - peer.heard_at < seconds(2))
        return refuse("its replica id was " + hex(peer.ids.last.value) + " and is now " +
                      hex(message.id.value) +
                      ", and the former was heard just now: two nodes call themselves " + name);
    if (replaced && draws_identities(*state_.schema))
        return refuse("its data directory was replaced: its replica id was " + hex(peer.ids.last.value) +
                      " and is now " + hex(message.id.value) +
                      ". The schema has identity columns, and it would draw again values that its former "
                      "self drew and no peer has seen");
    // Also one that was removed and has come back.
    const bool anew = peer.ids.newest.value != 0 && peer.ids.newest != message.id;
    if (peer.ids.last != message.id) {
        if (replaced)
            state_.notice(Notice::Level::warning, "peer " + name +
                                                      " has a new data directory: its replica id was " +
                                                      hex(peer.ids.last.value) + " and is now " +
                                                      hex(message.id.value) + "; it is given the state anew");
        peer.ids.seen(message.id);
        peer.acknowledged = peer.before = {};
        peer.lacks_dropped = false;
        ids_recorded_ =
            state_.append(RecordKind::peer, peer_record(name, peer.ids.last), Persist::When::lazily);
    }
    // Greetings of both sides cross: only the first one on a link begins anything.
    const bool again = std::exchange(peer.greeted, true) && !anew;
    if (message.answer_wanted) send(name, greeting(peer));
    if (again) return Greeted::known;
    peer.told = false;
    offer_again(peer);
    send_have(name, true);
    return anew ? Greeted::replaced : Greeted::known;
}

bool Gossip::recover_peer(BytesView record) {
    ByteReader reader(record);
    const ReplicaId id{reader.u64()};
    if (reader.failed()) return false;
    const std::string name(reader.raw(reader.left()));
    const auto found = peers_.find(name);
    (found == peers_.end() ? others_[name] : found->second.ids).seen(id);
    return true;
}

void Gossip::Ids::seen(ReplicaId id) {
    if (newest.value != 0 && newest != id) replaced.insert(newest);
    last = newest = id;
    if (first.value == 0) first = id;
}

void Gossip::forget_ids() {
    for (auto& [name, peer] : peers_) peer.ids = {};
    others_.clear();
}

void Gossip::image(FunctionRef<void(RecordKind, BytesView)> put) const {
    const auto put_ids = [&](const std::string& name, const Ids& ids) {
        if (ids.first.value == 0) return;
        put(RecordKind::peer, peer_record(name, ids.first));
        for (const ReplicaId id : ids.replaced)
            if (id != ids.first) put(RecordKind::peer, peer_record(name, id));
        if (ids.newest != ids.first) put(RecordKind::peer, peer_record(name, ids.newest));
    };
    for (const auto& [name, peer] : peers_) put_ids(name, peer.ids);
    for (const auto& [name, ids] : others_) put_ids(name, ids);
}

void Gossip::heard(const std::string& name) {
    Peer& peer = peers_.at(name);
    peer.heard = true;
    peer.heard_at = state_.now;
}

void Gossip::delivered(const std::string& name, Dot dot, bool first) {
    Peer& peer = peers_.at(name);
    peer.waits = true;
    for (auto* known : {&peer.acknowledged, &peer.sent})  // it holds all that it sends
        if (known->get(dot.origin) < dot.seq) known->set(dot.origin, dot.seq);
    if (first) {
        sources_[dot.origin] = name;
        peer.spared.erase(dot.origin);
        return;
    }
    // What comes back here, and what the order brings, comes by itself.
    if (dot.origin == state_.options.id || dot.origin == ORDER_ORIGIN) {
        peer.spared.insert(dot.origin);
        return;
    }
    const auto source = sources_.find(dot.origin);
    if (source == sources_.end() || source->second == name) return;
    // The origin itself is the shortest way, though it was late this time.
    if (peer.ids.last == dot.origin) {
        peers_.at(source->second).spared.insert(dot.origin);
        source->second = name;
    } else {
        peer.spared.insert(dot.origin);
    }
}

bool Gossip::same_version(const Peer& peer) const {
    // A state that is being fetched may hold more than its version tells.
    return !state_.importing && peer.acknowledged == state_.held && state_.held == state_.database.version();
}

void Gossip::send_have(const std::string& name, bool reply_wanted) {
    Peer& peer = peers_.at(name);
    wire::Have have;
    have.version = to_wire(state_.held);
    have.reply_wanted = reply_wanted;
    // Also while the rest of a state is awaited here, perhaps from that very peer.
    have.state_offered = peer.told && peer.lacks_dropped && !peer.former &&
                         (!state_.importing || (state_.import_complete && !state_.import_lost));
    have.spared.assign(peer.spared.begin(), peer.spared.end());
    if (same_version(peer))
        for (const auto& table : state_.schema->tables) {
            const auto digest = state_.database.digest(table.id);
            have.digests.insert(have.digests.end(), digest.begin(), digest.end());
        }
    peer.told_version = state_.held;
    peer.told_spared = peer.spared;
    peer.waits = !state_.pending.empty();
    send(name, std::move(have));
}

// What was sent a while ago and is not held there was lost on the way, or could not be taken. More may follow
// it all the time: then it is the origin of which nothing has been acknowledged since.
bool Gossip::has_lost_some(Peer& peer) const {
    const Duration a_while{3 * state_.options.gossip_interval.micros};
    if (state_.now - peer.sent_at > a_while && !peer.acknowledged.covers(peer.sent)) return true;
    if (state_.now - peer.looked_at <= a_while) return false;
    const auto stands_still = [&](const auto& sent) {
        const auto there = peer.acknowledged.get(sent.origin);
        return there < sent.seq && there == peer.acknowledged_then.get(sent.origin);
    };
    const bool lost = std::ranges::any_of(peer.sent_then.entries(), stands_still);
    peer.looked_at = state_.now;
    peer.sent_then = peer.sent;
    peer.acknowledged_then = peer.acknowledged;
    return lost;
}

void Gossip::have(const std::string& name, const wire::Have& message) {
    Peer& peer = peers_.at(name);
    const auto version = from_wire(message.version);
    const bool news = !peer.acknowledged.covers(version);
    peer.acknowledged.merge(version);
    if (message.partial) {
        peer.sent.merge(version);
        if (news) peer.unacknowledged_bytes = 0;
        return push(name, peer);
    }
    peer.told = true;
    // What it no longer gets by another way is to go there now.
    if (!std::includes(message.spared.begin(), message.spared.end(), peer.spares.begin(), peer.spares.end()))
        peer.position = peer.relayed;
    peer.spares = message.spared;
    const bool stale = has_lost_some(peer);
    if (stale)
        look_again(peer);
    else
        peer.sent.merge(version);
    if (news || stale) peer.unacknowledged_bytes = 0;
    peer.lacks_dropped = !peer.acknowledged.covers(state_.deltas.dropped());
    if (message.reply_wanted) send_have(name, false);
    if (peer.former) send(name, greeting(peer));  // it has not heard yet that it is one
    push(name, peer);
}

void Gossip::push() {
    for (auto& [name, peer] : peers_) {
        push(name, peer);
        if (peer.waits) hurry();
    }
}

bool Gossip::may_push(const std::string& name, Peer& peer) {
    peer.lacks_dropped = !peer.acknowledged.covers(state_.deltas.dropped());
    if (!reachable(name) || !peer.told || peer.lacks_dropped || peer.former) return false;
    const auto first = state_.deltas.first();
    peer.position = std::max(peer.position, first);
    peer.relayed = std::max(peer.relayed, first);
    return true;
}

bool Gossip::take(Peer& peer, const DeltaStore::Entry& entry, wire::Deltas& batch, std::size_t& bytes) const {
    // A gap means that an earlier delta of this origin is not known to be there: it has been dropped here or
    // comes by another way.
    if (entry.dot.seq != peer.sent.get(entry.dot.origin) + 1) return false;
    peer.sent.set(entry.dot.origin, entry.dot.seq);
    bytes += entry.bytes->size();
    batch.deltas.push_back(*entry.bytes);
    return true;
}

void Gossip::send_batch(const std::string& name, Peer& peer, wire::Deltas batch, std::size_t bytes) {
    if (batch.deltas.empty()) return;
    peer.unacknowledged_bytes += bytes;
    peer.sent_at = state_.now;
    send(name, std::move(batch));
}

void Gossip::push(const std::string& name, Peer& peer) {
    if (!may_push(name, peer)) return;
    const auto& store = state_.deltas;
    while (peer.position < store.end() &&
           peer.unacknowledged_bytes < state_.options.unacknowledged_bytes_max) {
        wire::Deltas batch;
        std::size_t bytes = 0;
        for (; peer.position < store.end() && bytes < state_.options.batch_bytes_max; ++peer.position) {
            const auto& entry = store.at(peer.position);
            const ReplicaId origin = entry.dot.origin;
            const bool spare = origin != state_.options.id &&
                               std::binary_search(peer.spares.begin(), peer.spares.end(), origin);
            if (!spare) take(peer, entry, batch, bytes);
        }
        send_batch(name, peer, std::move(batch), bytes);
    }
}

// What the peer was spared, and has not got by another way for a while.
void Gossip::relay(const std::string& name, Peer& peer) {
    const auto before = std::exchange(peer.before, peer.acknowledged);
    if (!may_push(name, peer) || peer.unacknowledged_bytes >= state_.options.unacknowledged_bytes_max) return;
    wire::Deltas batch;
    std::size_t bytes = 0;
    for (auto at = peer.relayed; at < peer.position && bytes < state_.options.batch_bytes_max; ++at) {
        const auto& entry = state_.deltas.at(at);
        if (peer.sent.contains(entry.dot)) {
            if (at == peer.relayed) ++peer.relayed;
            continue;
        }
        if (state_.now - entry.since < Duration{2 * state_.options.gossip_interval.micros}) break;
        const ReplicaId origin = entry.dot.origin;
        if (before.get(origin) == peer.acknowledged.get(origin)) take(peer, entry, batch, bytes);
    }
    send_batch(name, peer, std::move(batch), bytes);
}

void Gossip::tick() {
    if (state_.now >= next_acknowledge_) {
        next_acknowledge_ = state_.now + state_.options.gossip_interval;
        for (auto& [name, peer] : peers_)
            if (peer.waits && reachable(name)) acknowledge(name, peer);
    }
    if (state_.now < next_exchange_) return;
    next_exchange_ = state_.now + state_.options.gossip_interval;
    state_.deltas.trim(stable());
    for (auto& [name, peer] : peers_) {
        if (reachable(name) && peer.members_at < state_.members_at && peer.members != state_.members) {
            auto hello = greeting(peer);
            hello.answer_wanted = true;
            send(name, std::move(hello));
        }
        if (reachable(name))
            send_have(name, false);
        else if (peer.up && !peer.cut && !peer.greeted)
            send(name, greeting(peer));
        relay(name, peer);
    }
}

// In between exchanges only senders need to hear how far they have come.
void Gossip::acknowledge(const std::string& name, Peer& peer) {
    if (peer.spared != peer.told_spared) return send_have(name, false);
    wire::Have have;
    have.partial = true;
    for (const auto& entry : state_.held.entries())
        if (peer.told_version.get(entry.origin) < entry.seq)
            have.version.emplace_back(entry.origin, entry.seq);
    if (have.version.empty()) return;
    peer.told_version = state_.held;
    peer.waits = !state_.pending.empty();
    send(name, std::move(have));
}

void Gossip::exchange_soon() {
    next_exchange_ = std::min(next_exchange_, state_.now + millis(10));
}

void Gossip::hurry() {
    next_acknowledge_ = std::min(next_acknowledge_, state_.now + millis(10));
}

Instant Gossip::next_deadline() const {
    return std::min(next_exchange_, next_acknowledge_);
}

crdt::VersionVector Gossip::stable() const {
    crdt::VersionVector out = state_.held;
    for (const auto& [name, peer] : peers_) {
        if (peer.former) continue;
        crdt::VersionVector both;
        for (const auto& entry : out.entries())
            both.set(entry.origin, std::min(entry.seq, peer.acknowledged.get(entry.origin)));
        out = both;
    }
    return out;
}

std::uint64_t Gossip::majority_holds(ReplicaId origin) const {
    std::vector<std::uint64_t> held{state_.held.get(origin)};
    for (const auto& [name, peer] : peers_)
        if (!peer.former) held.push_back(peer.acknowledged.get(origin));
    const auto middle = held.begin() + static_cast<std::ptrdiff_t>(held.size() / 2);
    std::nth_element(held.begin(), middle, held.end(), std::greater<>());
    return *middle;
}

std::vector<std::string> Gossip::holders(Dot dot) const {
    std::vector<std::string> out;
    if (state_.held.contains(dot)) out.push_back(state_.options.name);
    for (const auto& [name, peer] : peers_)
        if (!peer.former && peer.acknowledged.contains(dot)) out.push_back(name);
    std::sort(out.begin(), out.end());
    return out;
}

void Gossip::fill(std::vector<Replica::PeerStatus>& out, Instant now) const {
    for (const auto& [name, peer] : peers_) {
        if (peer.former) continue;
        Replica::PeerStatus status;
        status.name = name;
        status.id = peer.ids.last;
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
