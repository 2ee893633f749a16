// Links between simulated nodes. A connection keeps its messages apart from those of the next one, as TCP
// does; within one, messages may be lost, doubled and overtaken, which is worse than TCP.
#include <algorithm>

#include "lib/wire/codec.h"
#include "node/sim/world_impl.h"

namespace anabranch::sim {

void World::connect(SimNode& a, SimNode& b) {
    auto& connection = connection_[pair_of(a.index, b.index)];
    if (connection != 0 || a.replica == nullptr || b.replica == nullptr) return;
    if (!a.contacts.contains(b.name) || !b.contacts.contains(a.name)) return;
    connection = ++connections_;
    step(a, replica::PeerUp{b.name});
    step(b, replica::PeerUp{a.name});
}

void World::disconnect(SimNode& a, SimNode& b) {
    auto& connection = connection_[pair_of(a.index, b.index)];
    if (connection == 0) return;
    connection = 0;
    note("no connection between " + a.name + " and " + b.name);
    step(a, replica::PeerDown{b.name});
    step(b, replica::PeerDown{a.name});
}

// As the shell does when a peer has to be refused. Not from within a step of either.
void World::reconnect_soon(SimNode& a, SimNode& b) {
    schedule(micros(1), [this, &a, &b] { disconnect(a, b); });
    schedule(seconds(1), [this, &a, &b] { connect(a, b); });
}

// A link is there while both ends want it. Not from within a step of either.
void World::link_anew(SimNode& node, const replica::Members& members) {
    node.contacts.clear();
    node.cluster = members.cluster;
    for (const auto& contact : members.contacts) node.contacts.insert(contact.name);
    schedule(micros(1), [this, &node, life = node.incarnation] {
        if (node.incarnation != life || node.replica == nullptr) return;
        for (auto& other : nodes_) {
            if (other.index == node.index || other.replica == nullptr) continue;
            const bool wanted = node.contacts.contains(other.name) && other.contacts.contains(node.name);
            wanted ? connect(node, other) : disconnect(node, other);
        }
    });
}

void World::send(SimNode& node, replica::Send& message) {
    if (message.after <= node.durable) return transmit(node, message);
    node.held.push_back(std::move(message));
    hurry(node, node.held.back().after);
}

void World::transmit(SimNode& node, const replica::Send& message) {
    ++outcome_.messages;
    const Link link{node.index, index_of_.at(message.peer)};
    const std::uint64_t connection = connection_[pair_of(link.first, link.second)];
    if (connection == 0 || (conditions_.loss > 0 && network_.chance(conditions_.loss))) return;
    const bool twice = conditions_.duplication > 0 && network_.chance(conditions_.duplication);
    auto encoded = wire::encode(message.message);
    if (std::holds_alternative<wire::Deltas>(message.message) && to_corrupt_.erase(link) != 0) {
        mark("flipped bits");
        encoded = corrupted(encoded);
    }
    const auto bytes = std::make_shared<const Bytes>(std::move(encoded));
    for (int i = 0; i < (twice ? 2 : 1); ++i) {
        Duration delay = micros(network_.between(100, conditions_.delay_max.micros));
        if (!conditions_.reordering) {
            // In order: never before what was sent earlier on this link.
            auto& last = last_delivery_[link];
            last = std::max(last, now_ + delay);
            delay = last - now_;
        }
        schedule(delay, [this, link, connection, bytes] { deliver(link, connection, *bytes); });
    }
}

void World::deliver(Link link, std::uint64_t connection, const Bytes& bytes) {
    const auto [source, target] = link;
    if (cut_.contains(link) || connection_[pair_of(source, target)] != connection) return;
    SimNode& node = nodes_[target];
    auto message = wire::decode(bytes);
    if (!message) {
        note(node.name + " cannot read what " + nodes_[source].name + " sent: " + message.error().message);
        mark("unreadable messages");
        return reconnect_soon(node, nodes_[source]);
    }
    step(node, replica::FromPeer{nodes_[source].name, std::move(*message)});
}

Bytes World::corrupted(const Bytes& bytes) {
    Bytes out = bytes;
    if (out.empty()) return out;
    auto& byte = out[faults_.below(out.size())];
    byte = static_cast<char>(static_cast<unsigned char>(byte) ^ (1U << faults_.below(8)));
    return out;
}

}  // namespace anabranch::sim
