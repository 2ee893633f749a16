// What a replica does with its primary's messages (Raft section 5.3), and when it acknowledges.
#include <algorithm>

#include "node/order/core.h"

namespace anabranch::order {

namespace {

// Entries of a message must be what a correct primary can send; anything else would break our log's own
// invariants.
std::string fault_in(const Append& message) {
    Index index = message.previous_index;
    Epoch epoch = message.previous_epoch;
    if (epoch > message.epoch) return "its position is of a later epoch than itself";
    for (const Entry& entry : message.entries) {
        if (entry.index != ++index) return "its entries are not in sequence";
        if (entry.epoch < epoch || entry.epoch > message.epoch || entry.epoch == 0)
            return "an entry has an impossible epoch";
        epoch = entry.epoch;
        if (!well_formed(entry.dependencies)) return "an entry's dependencies are not a version vector";
        if (entry.kind == EntryKind::config && !decode_members(entry.payload))
            return "an entry's member list is damaged";
        if (entry.kind > EntryKind::config) return "an entry is of an unknown kind";
    }
    return {};
}

}  // namespace

// True if the message comes from the primary of this epoch.
bool Core::accept_primary(ReplicaId from, Epoch epoch, std::uint64_t round) {
    if (epoch < epoch_) {
        reject(from, 0, 0);  // tells an old primary of our epoch
        return false;
    }
    if (epoch == epoch_ && (is_primary() || (primary_ != NOBODY && primary_ != from))) {
        bad(from, "it claims to be a second primary in epoch " + std::to_string(epoch));
        return false;
    }
    if (epoch > epoch_ || role_ != Role::follower || primary_ != from) become_follower(epoch, from);
    round_ = std::max(round_, round);
    primary_heard_ = now_;
    restart_election_timer();
    return true;
}

void Core::handle(ReplicaId from, const Append& message) {
    if (std::string fault = fault_in(message); !fault.empty()) return bad(from, std::move(fault));
    if (!accept_primary(from, message.epoch, message.round)) return;
    if (message.previous_index >= commit_) {
        const auto epoch = log_.epoch_at(message.previous_index);
        if (epoch != message.previous_epoch)
            return reject(from, message.previous_index, message.previous_epoch);
    }
    const Index last_before = log_.last(), commit_before = commit_;
    if (!store(from, message)) return;
    verified_ = std::max({verified_, commit_, message.previous_index + message.entries.size()});
    commit_to(std::min(message.commit, verified_));
    if (message.entries.empty() || log_.covered() != wanted_after_) want_dependencies();
    // New entries are acknowledged when they are durable; everything else is answered at once, but for news
    // of a commit when there is nothing to say that was not said.
    const bool stored =
        log_.last() > last_before || (!message.entries.empty() && journal_.durable() < verified_);
    const bool news = message.entries.empty() && commit_ > commit_before && acknowledgement() == said_;
    if ((!stored && !news) || options_.unsafe.ack_before_durable) acknowledge();
}

// Committed entries are skipped, not compared: they agree with every later primary's (primary completeness).
bool Core::store(ReplicaId from, const Append& message) {
    for (const Entry& entry : message.entries) {
        if (entry.index <= commit_) continue;
        const auto present = log_.epoch_at(entry.index);
        if (present == entry.epoch) continue;
        if (log_.epoch_at(entry.index - 1) > entry.epoch) {
            bad(from, "entry " + std::to_string(entry.index) + " is older than the committed one before it");
            return false;
        }
        if (present) {
            if (entry.index <= verified_) {
                bad(from, "it rewrites entry " + std::to_string(entry.index) + " of its own epoch");
                return false;
            }
            log_.truncate(entry.index);
            journal_.note_truncated(entry.index);
        }
        log_.append(entry);
        journal_.note_appended(entry.index);
    }
    if (members_told_ != log_.members_index()) members_changed(false);
    return true;
}

void Core::reject(ReplicaId to, Index previous_index, Epoch previous_epoch) {
    AppendReply reply;
    reply.epoch = epoch_;
    reply.round = round_;
    reply.rejected = true;
    reply.previous_index = previous_index;
    reply.hint_index =
        std::max(commit_, log_.agreement(std::min(previous_index, log_.last()), previous_epoch));
    reply.hint_epoch = log_.epoch_at(reply.hint_index).value_or(0);
    send(to, reply);
}

AppendReply Core::acknowledgement() const {
    AppendReply reply;
    reply.epoch = epoch_;
    reply.round = round_;
    reply.seen = verified_;
    reply.held = std::min(verified_, self_held());
    return reply;
}

void Core::acknowledge() {
    if (primary_ == NOBODY || is_primary()) return;
    said_ = acknowledgement();
    send(primary_, said_);
}

void Core::want_dependencies() {
    if (primary_ == NOBODY || log_.covered() >= verified_) return;
    wanted_after_ = log_.covered();
    outputs_.push_back(WantDependencies{primary_, log_.uncovered()});
}

}  // namespace anabranch::order
