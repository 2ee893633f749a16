#include "node/sim/order_facts.h"

#include <algorithm>

namespace anabranch::sim {

namespace {

std::string place(order::Index index, order::Epoch epoch) {
    return "entry " + std::to_string(index) + " of epoch " + std::to_string(epoch);
}

std::uint64_t hash_of(const order::Entry& entry) {
    return hash64(entry.payload, static_cast<std::uint64_t>(entry.kind));
}

}  // namespace

OrderFacts::Broken OrderFacts::look(const std::string& name, std::uint32_t life,
                                    const replica::Replica& replica) {
    const auto status = replica.order_status();
    Node& node = nodes_[name];
    if (node.life != life) node = {life, 0, 0, 0, 0};
    const auto* last = replica.order_entry(status.last_index);
    const order::Epoch last_epoch = last == nullptr ? 0 : last->epoch;
    if (status.last_index != node.last || last_epoch != node.last_epoch)
        if (auto broken = check_log(name, node, status, replica); broken.rule != nullptr) return broken;
    if (status.commit > node.commit)
        if (auto broken = check_commit(name, node, status, replica); broken.rule != nullptr) return broken;
    if (status.role == order::Role::primary && status.epoch > node.led) {
        if (auto broken = check_primary(name, status, replica); broken.rule != nullptr) return broken;
        node.led = status.epoch;
    }
    node.last = status.last_index;
    node.last_epoch = last_epoch;
    node.commit = std::max(node.commit, status.commit);
    return {};
}

// What is behind the commit index cannot have changed since it was looked at last.
OrderFacts::Broken OrderFacts::check_log(const std::string& name, const Node& node,
                                         const order::Status& status, const replica::Replica& replica) {
    const order::Index begin = std::max(status.first_index, node.commit + 1);
    for (order::Index index = begin; index <= status.last_index; ++index) {
        const order::Entry& entry = *replica.order_entry(index);
        const auto* before = replica.order_entry(index - 1);
        const Written now{before == nullptr ? 0 : before->epoch, hash_of(entry)};
        const auto [known, fresh] = written_.try_emplace({index, entry.epoch}, now);
        if (fresh) continue;
        if (known->second.before == 0) known->second.before = now.before;
        const bool follows = now.before == 0 || known->second.before == now.before;
        if (known->second.hash != now.hash || !follows)
            return {"log_matching", "node " + name + " holds another " + place(index, entry.epoch) +
                                        (follows ? "" : ", or another one before it,") +
                                        " than was seen before"};
    }
    return {};
}

OrderFacts::Broken OrderFacts::check_commit(const std::string& name, const Node& node,
                                            const order::Status& status, const replica::Replica& replica) {
    for (order::Index index = std::max(status.first_index, node.commit + 1); index <= status.commit;
         ++index) {
        const order::Entry& entry = *replica.order_entry(index);
        const auto [known, fresh] = committed_.try_emplace(index, Committed{entry.epoch, status.epoch});
        if (!fresh && known->second.epoch != entry.epoch)
            return {"state_machine", "node " + name + " commits " + place(index, entry.epoch) + ", and " +
                                         place(index, known->second.epoch) + " was committed before"};
    }
    return {};
}

OrderFacts::Broken OrderFacts::check_primary(const std::string& name, const order::Status& status,
                                             const replica::Replica& replica) {
    const auto [leads, fresh] = primaries_.try_emplace(status.epoch, name);
    if (!fresh && leads->second != name)
        return {"election", "nodes " + leads->second + " and " + name + " are both primary in epoch " +
                                std::to_string(status.epoch)};
    for (auto known = committed_.lower_bound(status.first_index); known != committed_.end(); ++known) {
        const auto& [index, committed] = *known;
        if (committed.seen_in >= status.epoch) continue;
        const auto* entry = replica.order_entry(index);
        if (entry == nullptr || entry->epoch != committed.epoch)
            return {"leader_completeness", "node " + name + " has become primary in epoch " +
                                               std::to_string(status.epoch) + " without the committed " +
                                               place(index, committed.epoch)};
    }
    return {};
}

}  // namespace anabranch::sim
