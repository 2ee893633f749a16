#include "node/replica/early_answers.h"

#include <algorithm>
#include <utility>

namespace anabranch::replica {

void EarlyAnswers::add(const Call& call) {
    open_.push_back(call);
    Session& session = sessions_[call.session];
    ++session.open;
    session.index = std::max(session.index, call.index);
    session.epoch = std::max(session.epoch, call.epoch);
}

bool EarlyAnswers::settle(order::Index index, order::Epoch epoch, const Outcomes& outcomes) {
    bool any = false;
    while (!open_.empty() && (open_.front().index <= index || open_.front().epoch < epoch)) {
        const Call call = open_.front();
        open_.pop_front();
        const auto found = sessions_.find(call.session);
        if (found == sessions_.end()) continue;
        any = true;
        Session& session = found->second;
        --session.open;
        session.lost += outcomes.find(call.key) == nullptr ? 1 : 0;
        if (session.open == 0 && session.lost == 0) sessions_.erase(found);
    }
    return any;
}

void EarlyAnswers::forget(std::uint64_t session) {
    if (sessions_.erase(session) == 0) return;
    std::erase_if(open_, [&](const Call& call) { return call.session == session; });
}

order::Index EarlyAnswers::index(std::uint64_t session) const {
    const auto found = sessions_.find(session);
    return found == sessions_.end() || found->second.open == 0 ? 0 : found->second.index;
}

order::Epoch EarlyAnswers::epoch(std::uint64_t session) const {
    const auto found = sessions_.find(session);
    return found == sessions_.end() || found->second.open == 0 ? 0 : found->second.epoch;
}

std::uint64_t EarlyAnswers::lost(std::uint64_t session) const {
    const auto found = sessions_.find(session);
    return found == sessions_.end() ? 0 : found->second.lost;
}

std::uint64_t EarlyAnswers::take_lost(std::uint64_t session) {
    const auto found = sessions_.find(session);
    if (found == sessions_.end()) return 0;
    const std::uint64_t out = std::exchange(found->second.lost, 0);
    if (found->second.open == 0) sessions_.erase(found);
    return out;
}

}  // namespace anabranch::replica
