// What must hold in a simulated world.
#include <algorithm>

#include "lib/exec/engine.h"
#include "node/sim/world_impl.h"

namespace anabranch::sim {

namespace {
constexpr Duration patience = seconds(4);  // twice the nodes' order_timeout
}

// While a state is being fetched the tables are shown to nobody.
bool World::shows_tables(const SimNode& node) const {
    return node.replica != nullptr &&
           node.replica->under_way().find("fetches the state") == std::string::npos;
}

bool World::serving(const SimNode& node) const {
    return shows_tables(node) && node.replica->is_member();
}

void World::check(SimNode& node) {
    if (!outcome_.ok || node.replica == nullptr) return;
    if (const auto broken = facts_.look(node.name, node.incarnation, *node.replica); broken.rule != nullptr)
        return fail(broken.rule, broken.what);
    const auto& database = node.replica->database();
    if (!shows_tables(node) || (node.checked == database.version() && !database.merging())) return;
    node.checked = database.version();
    if (database.merging()) mark("deltas in part");
    for (const auto& violation : exec::find_violations(*schema_, database, 2)) {
        std::string rows;
        for (const auto& row : violation.rows) rows += " " + row;
        fail("invariant",
             "node " + node.name + " violates " + schema_->invariants[violation.invariant].name + ":" + rows);
    }
    if (const auto problem = history_.check_prefix(database); !problem.empty())
        fail("sequence", "node " + node.name + ": " + problem);
    // A primary that has not changed is not remarkable.
    const auto status = node.replica->order_status();
    if (status.role == order::Role::primary && primary_ != node.name) {
        primary_ = node.name;
        mark("primaries");
    }
}

// What may be answered at once is, and from no less than the client has seen.
void World::check_promise(const SimNode& node, const Client& client, const replica::Runnable& runnable,
                          const replica::Execution& done) {
    const auto& version = client.shown;
    const bool ready = version.covers(client.seen);
    if (done.when != replica::Execution::When::later && done.tag && !ready)
        fail("session", "node " + node.name + " answers a client from " + version.describe() +
                            ", who has seen " + client.seen.describe());
    const bool free = !runnable.writes || runnable.route != catalog::Route::ordered;
    if (!free || !ready || !serving(node)) return;
    if (runnable.writes && (node.full || !node.replica->is_settled())) return;
    if (done.when == replica::Execution::When::later && client.quorum && client.write.seq != 0) return;
    // It follows ordered calls of which nobody knows yet whether they are lost.
    if (done.when == replica::Execution::When::later && client.memory) return;
    if (done.when == replica::Execution::When::later)
        fail("availability", "a free call waits at node " + node.name + ": " + client.text);
    else if (!done.tag && (done.tag.error().sqlstate == sqlstate::cannot_connect_now ||
                           done.tag.error().sqlstate == sqlstate::disk_full))
        fail("availability", "a free call is turned away at node " + node.name + ": " + client.text + ": " +
                                 done.tag.error().message);
}

// A free call under durability quorum has been answered: the disks of more than half of the members have had
// it, whether their nodes run or not.
void World::check_quorum(const SimNode& at, const Client& client, bool answered) {
    if (!answered) return mark("quorums missed");
    mark("quorums reached");
    const auto members = at.replica->peers(clock(at));
    std::size_t disks = 0;
    for (const auto& member : members) {
        const SimNode& node = nodes_[index_of_.at(member.name)];
        const auto held =
            node.replica != nullptr ? node.replica->peers(clock(node)).front().version : node.left;
        disks += held.contains(client.write) || node.left.contains(client.write) ? 1 : 0;
    }
    if (2 * disks <= members.size())
        fail("quorum", "a call is answered that only " + std::to_string(disks) + " of " +
                           std::to_string(members.size()) + " disks have: " + client.text);
}

void World::check_patience() {
    for (const auto& client : clients_) {
        const SimNode& node = nodes_[client.node];
        if (!client.waiting || client.ticket != 0 || node.full || node.slow.micros != 0) continue;
        if (now_ - std::max(client.since, node.disk_trouble_ended) > patience)
            return fail("patience",
                        "no answer at node " + node.name + " within twice its timeout: " + client.text);
    }
    schedule(millis(500), [this] { check_patience(); });
}

void World::check_recovered(const SimNode& node) {
    const auto& version = node.replica->database().version();
    for (const auto& write : acknowledged_)
        if (write.dot.origin == node.id && !version.contains(write.dot))
            return fail("durability",
                        "node " + node.name + " has forgotten an acknowledged write: " + write.text);
}

// As the newest committed list has them that any node knows.
std::set<std::string> World::members() const {
    const SimNode* newest = nullptr;
    order::Index at = 0;
    for (const auto& node : nodes_) {
        if (node.replica == nullptr) continue;
        const auto commit = node.replica->order_status().commit;
        if (newest == nullptr || commit > at) newest = &node, at = commit;
    }
    std::set<std::string> out;
    if (newest != nullptr)
        for (const auto& member : newest->replica->members()) out.insert(member.name);
    return out;
}

const SimNode& World::some_member() const {
    const auto names = members();
    const auto found = std::find_if(nodes_.begin(), nodes_.end(), [&](const SimNode& node) {
        return names.contains(node.name) && node.replica != nullptr;
    });
    return found == nodes_.end() ? nodes_.front() : *found;
}

// Whoever is no member has nothing that the members lack.
bool World::settled(const SimNode& node, const SimNode& member) const {
    if (node.replica == nullptr) return node.spare && node.joins_by.empty();
    const auto& version = node.replica->database().version();
    const auto& others = member.replica->database().version();
    if (!members().contains(node.name))
        return !node.replica->is_member() && others.get(node.id) >= version.get(node.id);
    const auto status = node.replica->order_status();
    return node.replica->is_member() && node.replica->under_way().empty() && version == others &&
           status.members == status.committed_members &&
           status.members == member.replica->order_status().members;
}

// Equal versions alone say little: an entry that a crashed primary had answered for may be in every log, and
// wait for the next one to commit it.
bool World::order_is_settled() const {
    const auto names = members();
    bool led = false;
    for (const auto& node : nodes_) {
        if (node.replica == nullptr) continue;
        if (!names.contains(node.name)) continue;
        const auto status = node.replica->order_status();
        led = led || status.may_execute;
        if (status.commit != status.last_index) return false;
    }
    return led;
}

bool World::converged() const {
    if (!order_is_settled()) return false;
    for (const auto& node : nodes_)
        if (node.replica == nullptr && !(node.spare && node.joins_by.empty())) return false;
    const SimNode& member = some_member();
    for (const auto& entry : member.replica->members())
        if (entry.role == "joining" && nodes_[index_of_.at(entry.name)].replica != nullptr) return false;
    for (const auto& node : nodes_)
        if (!settled(node, member)) return false;
    if (!tickets_.empty() && !queues_are_empty()) return false;
    return std::none_of(clients_.begin(), clients_.end(),
                        [](const Client& client) { return client.waiting; });
}

void World::check_end() {
    learn_fates();
    const auto names = members();
    for (auto& node : nodes_) {
        if (node.replica == nullptr) continue;
        node.checked = {};
        check(node);
        if (!names.contains(node.name)) continue;
        check_same(node);
        for (const auto& write : acknowledged_)
            if (!node.replica->database().version().contains(write.dot))
                return fail("acknowledged",
                            "acknowledged write lost at node " + node.name + ": " + write.text);
        if (const auto problem = history_.check_end(node.replica->database()); !problem.empty())
            return fail("once", "node " + node.name + ": " + problem);
    }
    if (const auto problem = history_.check_real_time(); !problem.empty()) fail("real_time", problem);
}

// By digest, which is kept up to date with every merge, and row by row.
void World::check_same(const SimNode& node) {
    const SimNode& member = some_member();
    const auto& first = member.replica->database();
    const auto& second = node.replica->database();
    for (const auto& table : schema_->tables) {
        const bool digests = first.digest(table.id) == second.digest(table.id);
        std::vector<std::string> rows, others;
        const auto collect = [&](const crdt::Database& database, std::vector<std::string>& out) {
            database.scan(table.id, [&](exec::RowView row) {
                std::string text;
                for (std::uint32_t i = 0; i < table.columns.size(); ++i) {
                    const auto value = row.get(i);
                    text += value.is_null()    ? "|null"
                            : value.is_bytes() ? "|" + std::string(value.as_bytes())
                                               : "|" + std::to_string(value.as_integer());
                }
                out.push_back(std::move(text));
                return true;
            });
        };
        collect(first, rows);
        collect(second, others);
        if (!digests || rows != others)
            return fail("divergence", "nodes " + member.name + " and " + node.name +
                                          " hold the same deltas and differ in table " + table.display() +
                                          (digests ? ", and their digests do not" : ""));
    }
}

std::string World::describe() const {
    std::string out;
    for (const auto& node : nodes_)
        out += (node.replica != nullptr ? node.replica->describe() + " " + node.replica->under_way()
                                        : node.name + " down") +
               "; ";
    return out;
}

}  // namespace anabranch::sim
