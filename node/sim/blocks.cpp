// Transaction blocks of ordered calls under anabranch.ordered = 'tentative': a node queues each as one call,
// and its ticket tells what has become of it.
#include <algorithm>

#include "node/sim/world_impl.h"

namespace anabranch::sim {

namespace {

std::vector<std::string> parts_of(const std::string& text) {
    std::vector<std::string> out;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find("; ", begin), text.size());
        out.push_back(text.substr(begin, end - begin));
        begin = end + 2;
    }
    return out;
}

bool is_open(replica::Replica::TicketState state) {
    return state == replica::Replica::TicketState::waiting || state == replica::Replica::TicketState::sent;
}

}  // namespace

void World::queue(SimNode& node, Client& client, const std::string& text) {
    // Else its statements would wait for what its session token stands for.
    if (!node.replica->database().version().covers(client.seen)) return;
    replica::Outputs out;
    client.text = text;
    client.ordered = true;
    client.write = {};
    client.block.clear();
    ++outcome_.calls;
    for (const auto& part : parts_of(text))
        client.block.push_back(history_.invoked(part, now_, client.thread));
    history_.together(client.block);
    client.waiting = true;
    client.since = now_;
    const auto run = run_block(node, client, text, out);
    replica::Execution done{replica::Execution::When::now, 0, std::string()};
    if (run) {
        done = node.replica->commit(client.session, ++client.number, clock(node), out);
    } else {
        node.replica->rollback(client.session);
        done.tag = std::unexpected(run.error());
    }
    note(node.name + " block " + text + ": " + (done.tag ? *done.tag : done.tag.error().message));
    client.shown = client.seen;
    begin_waiting(node, client, done);
    carry(node, out);
    acknowledge(node);
}

Result<void> World::run_block(SimNode& node, Client& client, const std::string& text, replica::Outputs& out) {
    TRY_VOID(node.replica->set(client.session, "anabranch.ordered", "tentative"));
    TRY_VOID(node.replica->begin(client.session));
    for (const auto& part : parts_of(text)) {
        TRY(const auto runnable, node.replica->prepare(part, {}));
        const auto done =
            node.replica->execute(client.session, ++client.number, runnable, {}, &no_rows, clock(node), out);
        if (!done.tag) return std::unexpected(done.tag.error());
        if (done.when == replica::Execution::When::later)
            fail("availability", "a statement of a block waits at node " + node.name + ": " + part);
    }
    return {};
}

// What is not taken is not queued.
void World::queued(const SimNode& node, Client& client, bool taken) {
    const auto block = std::exchange(client.block, {});
    ++(taken ? outcome_.committed : outcome_.refused);
    // Its other calls wait for the order.
    if (!node.replica->set(client.session, "anabranch.ordered", "committed"))
        fail("tentative", "anabranch.ordered is refused");
    if (!taken) {
        for (const auto call : block) history_.answered(call, History::Fate::refused, now_);
        return;
    }
    mark("blocks queued");
    const auto ticket = node.replica->setting(client.session, "anabranch.ticket");
    if (!ticket || ticket->empty()) return fail("tentative", "a block that was taken has no ticket");
    tickets_[{node.id, *ticket}] = block;
}

bool World::queues_are_empty() const {
    const auto names = members();
    for (const auto& node : nodes_) {
        if (node.replica == nullptr || !names.contains(node.name)) continue;
        for (const auto& ticket : node.replica->tickets())
            if (is_open(ticket.state)) return false;
    }
    return true;
}

void World::learn_fates() {
    using State = replica::Replica::TicketState;
    for (const auto& node : nodes_) {
        if (node.replica == nullptr) continue;
        for (const auto& ticket : node.replica->tickets()) {
            const auto found = tickets_.find({node.id, ticket.ticket});
            if (found == tickets_.end() || is_open(ticket.state) || ticket.state == State::unknown) continue;
            const bool committed = ticket.state == State::committed;
            mark(committed ? "blocks committed" : "blocks refused");
            for (const auto call : found->second)
                history_.answered(call, committed ? History::Fate::done : History::Fate::refused, now_);
        }
    }
}

}  // namespace anabranch::sim
