#include "node/replica/quorum_wait.h"

#include <algorithm>

namespace anabranch::replica {

void QuorumWait::heard() {
    if (commits_.empty()) return;
    const ReplicaId self = state_.options.id;
    const std::uint64_t held =
        state_.options.unsafe.quorum_of_one ? state_.held.get(self) : gossip_.majority_holds(self);
    for (; !commits_.empty() && commits_.front().seq <= held; commits_.pop_front())
        state_.out->push_back(
            Reply{commits_.front().session, commits_.front().number, std::move(commits_.front().tag)});
}

void QuorumWait::tick() {
    std::erase_if(commits_, [&](const Commit& commit) {
        if (state_.now < commit.deadline) return false;
        give_up(commit, "no majority has it within anabranch.order_timeout");
        return true;
    });
}

void QuorumWait::cancel(std::uint64_t session) {
    std::erase_if(commits_, [&](const Commit& commit) {
        if (commit.session != session) return false;
        give_up(commit, "canceling the wait for a majority due to user request");
        return true;
    });
}

void QuorumWait::forget(std::uint64_t session) {
    std::erase_if(commits_, [&](const Commit& commit) { return commit.session == session; });
}

Instant QuorumWait::next_deadline() const {
    Instant next{INT64_MAX};
    for (const auto& commit : commits_) next = std::min(next, commit.deadline);
    return next;
}

void QuorumWait::give_up(const Commit& commit, const std::string& why) {
    const auto holders = gossip_.holders({state_.options.id, commit.seq});
    std::string names;
    for (const auto& name : holders) names += (names.empty() ? "" : ", ") + name;
    state_.out->push_back(Reply{
        commit.session, commit.number,
        std::unexpected(
            Error::make(
                "40003",
                "this transaction is committed at this node, but not known to be at a majority: " + why)
                .with_detail(
                    std::to_string(holders.size()) + " of " + std::to_string(gossip_.member_count()) +
                    " members are known to hold it on disk" + (names.empty() ? "" : ": " + names) + ".")
                .with_hint("Do not run it again: it is visible here, and goes to the others as soon as they "
                           "can be reached. With anabranch.durability = 'disk' nobody waits for them."))});
}

}  // namespace anabranch::replica
