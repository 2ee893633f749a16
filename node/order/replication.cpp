// Replication at the primary (Raft section 5.3): batches by what has gathered while the window was full,
// pipelines up to `inflight_max` messages per peer, and falls back to one probe at a time when a peer's log
// is found not to match.
//
// Nothing is ever resent because of an acknowledgement: a lost message is noticed by the next heartbeat,
// whose position the peer rejects. One rejection causes at most one message, so a network that reorders
// cannot make traffic grow.
#include <algorithm>

#include "lib/base/check.h"
#include "node/order/core.h"

namespace anabranch::order {

void Core::on(Propose& input) {
    if (!is_primary()) return refuse(Refusal::not_primary, input.index);
    if (input.epoch != epoch_ || input.index != next_index())
        return refuse(Refusal::stale_position, input.index);
    if (!may_execute()) return refuse(Refusal::unready, input.index);
    if (successor_ != NOBODY) return refuse(Refusal::transferring, input.index);
    const bool full =
        log_.last() - commit_ >= options_.pending_entries_max || pending_bytes_ >= options_.pending_bytes_max;
    if (full) return refuse(Refusal::overloaded, input.index);
    std::erase_if(input.dependencies, [](const Dot& dot) { return dot.origin == ORDER_ORIGIN; });
    CHECK(well_formed(input.dependencies));
    append_own(EntryKind::delta, std::move(input.delta), std::move(input.dependencies));
}

void Core::on(const Forgotten& input) {
    const auto found = peers_.find(input.peer);
    if (found == peers_.end()) return;
    const Instant heard = found->second.heard;
    found->second = Peer{};
    found->second.next = log_.last() + 1;
    found->second.heard = heard;
}

void Core::append_own(EntryKind kind, Bytes payload, Dots dependencies) {
    pending_bytes_ += payload.size();
    log_.append({next_index(), epoch_, kind, std::move(payload), std::move(dependencies)});
    journal_.note_appended(log_.last());
    if (kind == EntryKind::config) members_changed(false);
    replicate();
}

void Core::replicate() {
    for (auto& [id, peer] : peers_) replicate(id, peer);
}

void Core::replicate(ReplicaId id, Peer& peer) {
    if (peer.state == Peer::State::snapshot) return;
    if (peer.next <= log_.base().index) {
        peer.state = Peer::State::snapshot;
        peer.inflight.clear();
        return heartbeat(id, peer);
    }
    if (peer.state == Peer::State::probe) {
        if (peer.probing) return;
        peer.probing = true;
        return send_entries(id, peer, options_.append_entries_max);
    }
    while (peer.next <= log_.last() && peer.inflight.size() < options_.inflight_max) {
        send_entries(id, peer, options_.append_entries_max);
        peer.next = peer.inflight.back() + 1;
    }
    // With nothing under way the news of a commit would wait for the next heartbeat.
    if (!peer.inflight.empty() || !lacks_news(peer)) return;
    if (options_.commit_news.micros == 0) return heartbeat(id, peer);
    if (!news_due_) news_due_ = now_ + options_.commit_news;
}

bool Core::lacks_news(const Peer& peer) const {
    return peer.state == Peer::State::pipeline && peer.commit_told < std::min(commit_, peer.seen);
}

void Core::tell_news() {
    news_due_.reset();
    for (auto& [id, peer] : peers_)
        if (lacks_news(peer)) heartbeat(id, peer);
}

void Core::on(const Tell& input) {
    const auto found = peers_.find(input.peer);
    if (is_primary() && found != peers_.end() && lacks_news(found->second))
        heartbeat(found->first, found->second);
}

void Core::send_entries(ReplicaId id, Peer& peer, std::size_t entries_max) {
    Append message;
    message.epoch = epoch_;
    message.previous_index = peer.next - 1;
    message.previous_epoch = *log_.epoch_at(peer.next - 1);
    message.commit = commit_;
    message.round = round_;
    if (entries_max > 0) message.entries = log_.slice(peer.next - 1, entries_max, options_.append_bytes_max);
    if (peer.state == Peer::State::pipeline && !message.entries.empty()) {
        peer.inflight.push_back(message.entries.back().index);
    }
    peer.commit_told = std::max(peer.commit_told, commit_);
    if (news_due_ && std::none_of(peers_.begin(), peers_.end(),
                                  [this](const auto& other) { return lacks_news(other.second); }))
        news_due_.reset();
    send(id, std::move(message));
}

void Core::heartbeat(ReplicaId id, Peer& peer) {
    if (peer.state == Peer::State::snapshot)
        return send(id, InstallSnapshot{epoch_, round_, commit_, log_.base()});
    if (peer.next <= log_.base().index) return replicate(id, peer);
    send_entries(id, peer, 0);
}

void Core::heartbeat_all() {
    heartbeat_due_ = now_ + options_.heartbeat;
    for (auto& [id, peer] : peers_) heartbeat(id, peer);
}

void Core::handle(ReplicaId from, const AppendReply& message) {
    const auto found = peers_.find(from);
    if (!is_primary() || message.epoch != epoch_ || found == peers_.end()) return;
    if (message.seen > log_.last() || message.held > message.seen)
        return bad(from, "it acknowledges what was never sent");
    Peer& peer = found->second;
    peer.heard = now_;
    peer.answered = true;
    peer.round = std::max(peer.round, std::min(message.round, round_));
    if (message.rejected) {
        back_off(from, peer, message);
    } else {
        progress(from, peer, message);
    }
    finish_reads();
    try_commit();
    try_transfer();
    if (is_primary()) replicate();
}

void Core::progress(ReplicaId, Peer& peer, const AppendReply& message) {
    peer.held = std::max(peer.held, message.held);
    peer.seen = std::max(peer.seen, message.seen);
    const bool reached =
        peer.state == Peer::State::probe ? message.seen + 1 >= peer.next : message.seen >= log_.base().index;
    if (peer.state != Peer::State::pipeline && reached) {
        peer.state = Peer::State::pipeline;
        peer.probing = false;
        peer.next = message.seen + 1;
    }
    peer.next = std::max(peer.next, message.seen + 1);
    while (!peer.inflight.empty() && peer.inflight.front() <= message.seen) peer.inflight.pop_front();
}

void Core::back_off(ReplicaId, Peer& peer, const AppendReply& message) {
    const Index at = message.previous_index;
    if (at <= peer.held || peer.state == Peer::State::snapshot) return;  // overtaken by a later answer
    if (peer.state == Peer::State::probe ? at + 1 != peer.next : at >= peer.next)
        return;  // not about the last question
    const Index agreed_at = log_.agreement(std::min(message.hint_index, at - 1), message.hint_epoch);
    peer.state = Peer::State::probe;
    peer.probing = false;
    peer.next = std::max(peer.held, agreed_at) + 1;
    peer.seen = peer.held;
    peer.inflight.clear();
}

}  // namespace anabranch::order
