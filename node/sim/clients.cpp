// Clients of the simulated nodes: their calls, their answers, and their ways from node to node.
#include <algorithm>

#include "node/sim/world_impl.h"

namespace anabranch::sim {

namespace {

std::string token_of(const crdt::VersionVector& version) {
    Bytes out;
    ByteWriter writer(out);
    version.encode(writer);
    return hex(BytesView(out));
}

// Of a client that makes its ordered calls in blocks.
bool is_block(const std::string& text) {
    return text.starts_with("CALL simulator.simulator_ordered(");
}

bool unavailable(const Error& error) {
    return error.sqlstate == sqlstate::cannot_connect_now || error.sqlstate == "40003" ||
           error.sqlstate == sqlstate::disk_full;
}

}  // namespace

// At which node the client sits: it takes its session token along. False: nobody is there.
bool World::seat(Client& client, SimNode& node) {
    if (node.replica == nullptr || client.waiting) return false;
    if (client.session != 0 && client.node == node.index) return true;
    if (client.session != 0 && nodes_[client.node].replica != nullptr)
        step(nodes_[client.node], replica::CloseSession{client.session});
    const bool moved = client.node != node.index;
    client.node = node.index;
    client.session = node.next_session++;
    client.number = 0;
    client.thread = ++threads_;
    step(node, replica::OpenSession{client.session});
    if (client.quorum && !node.replica->set(client.session, "anabranch.durability", "quorum"))
        fail("quorum", "durability quorum is refused");
    if (client.seen.empty()) return outcome_.ok;
    if (moved) mark("clients moved");
    const auto set = node.replica->set(client.session, "anabranch.session", token_of(client.seen));
    if (!set) fail("session", "a session token is refused: " + set.error().message);
    return outcome_.ok;
}

void World::call(Event& event) {
    if (quiet_) return;
    SimNode& node = nodes_[event.node];
    Client& client = clients_[event.other];
    if (!seat(client, node)) return;
    if (event.text.empty() && client.tentative && history_.active() && load_.chance(0.3))
        event.text = history_.next_block(load_);
    if (event.text.empty())
        event.text = history_.active() && load_.chance(0.25)
                         ? history_.next(load_)
                         : workload_.next(node.replica->database(), load_);
    if (client.tentative && is_block(event.text)) return queue(node, client, event.text);
    if (event.text.empty()) return;
    client.text = event.text;
    auto runnable = node.replica->prepare(event.text, {});
    ++outcome_.calls;
    if (!runnable) {
        ++outcome_.refused;
        return note(node.name + " " + event.text + ": " + runnable.error().message);
    }
    client.call = history_.invoked(event.text, now_, client.thread);
    execute(node, client, *runnable);
}

void World::execute(SimNode& node, Client& client, const replica::RunnablePtr& runnable) {
    replica::Outputs out;
    const auto before = node.replica->database().version().get(node.id);
    client.ordered = runnable->writes && runnable->route == catalog::Route::ordered;
    if (client.memory &&
        !node.replica->set(client.session, "anabranch.durability", client.ordered ? "memory" : "disk"))
        fail("session", "durability memory is refused");
    auto done =
        node.replica->execute(client.session, ++client.number, runnable, {}, &no_rows, clock(node), out);
    note(node.name + " " + client.text + ": " +
         (done.when == replica::Execution::When::later ? "later"
          : done.tag                                   ? *done.tag
                                                       : done.tag.error().message));
    client.shown = node.replica->database().version();
    const auto after = client.shown.get(node.id);
    client.write = after > before ? Dot{node.id, after} : Dot{};
    check_promise(node, client, *runnable, done);
    begin_waiting(node, client, done);
    carry(node, out);
    acknowledge(node);
}

void World::begin_waiting(SimNode& node, Client& client, const replica::Execution& done) {
    client.waiting = true;
    client.since = now_;
    client.ticket = 0;
    if (done.when == replica::Execution::When::durable) client.ticket = done.ticket;
    if (done.when == replica::Execution::When::now) settle(node, client, done.tag);
}

void World::answered(SimNode& node, const replica::Reply& reply) {
    note(node.name + " reply " + (reply.tag ? *reply.tag : reply.tag.error().message));
    for (auto& client : clients_) {
        if (client.node != node.index || !client.waiting || client.session != reply.session ||
            client.number != reply.number)
            continue;
        if (!client.ordered && client.write.seq != 0) {
            check_quorum(node, client, reply.tag.has_value());
            settle(node, client, reply.tag);
            continue;
        }
        // Whatever the answer stands for is part of the order up to here.
        client.shown = client.seen;
        client.shown.set(ORDER_ORIGIN, node.replica->database().version().get(ORDER_ORIGIN));
        if (reply.tag && client.ordered && !client.memory)
            client.write = {ORDER_ORIGIN, client.shown.get(ORDER_ORIGIN)};
        if (reply.tag && !node.replica->database().version().covers(client.seen))
            fail("session", "node " + node.name + " answers a client from " +
                                node.replica->database().version().describe() + ", who has seen " +
                                client.seen.describe());
        settle(node, client, reply.tag);
    }
}

// Answers that waited for the disk.
void World::acknowledge(SimNode& node) {
    for (auto& client : clients_)
        if (client.node == node.index && client.waiting && client.ticket != 0 &&
            client.ticket <= node.durable)
            settle(node, client, std::string());
}

void World::settle(SimNode& node, Client& client, const Result<std::string>& tag) {
    client.waiting = false;
    if (!client.block.empty()) return queued(node, client, tag.has_value());
    if (tag) {
        ++outcome_.committed;
        client.seen.merge(client.shown);
        if (client.memory && client.ordered) {
            mark("answers from memory");
            return history_.answered(client.call, History::Fate::early, now_);
        }
        history_.answered(client.call, History::Fate::done, now_);
        if (client.write.seq != 0) acknowledged_.push_back({client.write, client.call, client.text});
        if (client.write.seq == 0 && client.call != 0) waited_.emplace(node.index, client.call);
        return;
    }
    ++(unavailable(tag.error()) ? outcome_.unavailable : outcome_.refused);
    if (tag.error().sqlstate == "40003") mark("answers lost");
    if (tag.error().sqlstate == "40000") mark("losses told"), client.thread = ++threads_;
    const bool open = tag.error().sqlstate == "40003" || tag.error().sqlstate == sqlstate::query_canceled;
    history_.answered(client.call, open ? History::Fate::unknown : History::Fate::refused, now_);
}

// A crash ends the connections; what was under way has no answer.
void World::lose_answers(SimNode& node) {
    for (auto& client : clients_) {
        if (client.node != node.index) continue;
        client.session = 0;
        client.waiting = false;
        client.block.clear();
    }
}

// What only a lost directory held is lost with it, acknowledged or not.
void World::excuse(const SimNode& lost) {
    std::uint64_t elsewhere = 0;
    for (const auto& node : nodes_)
        if (node.index != lost.index && node.replica != nullptr)
            elsewhere = std::max(elsewhere, node.replica->peers(clock(node)).front().version.get(lost.id));
    const auto gone = [&](const Dot& dot) { return dot.origin == lost.id && dot.seq > elsewhere; };
    for (const auto& write : acknowledged_)
        if (gone(write.dot)) history_.answered(write.call, History::Fate::excused, now_);
    std::erase_if(acknowledged_, [&](const Acknowledged& write) { return gone(write.dot); });
    const auto [first, last] = waited_.equal_range(lost.index);
    for (auto it = first; it != last; ++it)
        if (std::none_of(nodes_.begin(), nodes_.end(), [&](const SimNode& node) {
                return node.index != lost.index && node.replica != nullptr &&
                       history_.shown(it->second, node.replica->database());
            }))
            history_.answered(it->second, History::Fate::excused, now_);
    waited_.erase(first, last);
    // A token for what nobody has any more would wait for ever: such a client starts anew.
    for (auto& client : clients_) {
        if (client.seen.get(lost.id) <= elsewhere) continue;
        client.seen.set(lost.id, elsewhere);
        if (client.session != 0) step(nodes_[client.node], replica::CloseSession{client.session});
        client.session = 0;
        client.waiting = false;
        client.block.clear();
    }
}

}  // namespace anabranch::sim
