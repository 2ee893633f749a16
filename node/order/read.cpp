// Linearizable reads without a log write (thesis section 6.4): the primary notes its commit index, has a
// majority confirm by a heartbeat round begun afterwards that no later primary exists, and answers with that
// index. Reads that arrive meanwhile share the next round.
#include "node/order/core.h"

namespace anabranch::order {

void Core::on(const Read& input) {
    if (is_primary()) {
        reads_waiting_.push_back({self_, input.token});
        return start_reads();
    }
    if (primary_ == NOBODY) return outputs_.push_back(ReadFailed{input.token});
    // A random start makes ids unique over restarts: an answer to an earlier boot's read must not satisfy
    // this one.
    const std::uint64_t id = next_read_id_++;
    remote_reads_[id] = {input.token, now_ + options_.election_timeout};
    send(primary_, ReadRequest{epoch_, id});
}

void Core::start_reads() {
    if (!is_primary() || reads_waiting_.empty() || !reads_confirming_.empty()) return;
    if (commit_ < first_own_) return;  // the commit index of earlier epochs is not known before
    reads_confirming_.swap(reads_waiting_);
    read_index_ = commit_;
    read_round_ = ++round_;
    heartbeat_all();
    finish_reads();
}

void Core::finish_reads() {
    if (!is_primary() || reads_confirming_.empty()) return;
    const bool confirmed = majority(log_.members(), options_.unsafe, [&](ReplicaId id) {
        if (id == self_) return true;
        const auto peer = peers_.find(id);
        return peer != peers_.end() && peer->second.round >= read_round_;
    });
    if (!confirmed && !options_.unsafe.read_without_round) return;
    for (const PendingRead& read : reads_confirming_) {
        if (read.from == self_) {
            outputs_.push_back(ReadReady{read.id, read_index_});
        } else {
            send(read.from, ReadReply{epoch_, read.id, true, read_index_});
        }
    }
    reads_confirming_.clear();
    start_reads();
}

void Core::fail_reads() {
    for (auto* list : {&reads_confirming_, &reads_waiting_}) {
        for (const PendingRead& read : *list) {
            if (read.from == self_) {
                outputs_.push_back(ReadFailed{read.id});
            } else {
                send(read.from, ReadReply{epoch_, read.id, false, 0});
            }
        }
        list->clear();
    }
    for (const auto& [id, read] : remote_reads_) outputs_.push_back(ReadFailed{read.token});
    remote_reads_.clear();
}

void Core::expire_reads() {
    std::erase_if(remote_reads_, [&](const auto& item) {
        if (now_ < item.second.deadline) return false;
        outputs_.push_back(ReadFailed{item.second.token});
        return true;
    });
}

void Core::handle(ReplicaId from, const ReadRequest& message) {
    const bool full = reads_waiting_.size() >= options_.pending_entries_max;
    if (!is_primary() || message.epoch != epoch_ || full)
        return send(from, ReadReply{epoch_, message.id, false, 0});
    reads_waiting_.push_back({from, message.id});
    start_reads();
}

void Core::handle(ReplicaId from, const ReadReply& message) {
    const auto read = remote_reads_.find(message.id);
    if (read == remote_reads_.end() || from != primary_) return;
    if (message.granted) {
        outputs_.push_back(ReadReady{read->second.token, message.index});
    } else {
        outputs_.push_back(ReadFailed{read->second.token});
    }
    remote_reads_.erase(read);
}

}  // namespace anabranch::order
