// A simulated disk: the records of the log, how many of them a crash keeps, and the newest checkpoint.
// Internal to node/sim.
//
// Framing and checksums are the shell's (node/io/log.h, tested there): a torn write is a record that is not
// there after a crash.
#pragma once

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "lib/base/random.h"
#include "node/replica/replica.h"
#include "node/sim/script.h"

namespace anabranch::sim {

class Disk {
  public:
    explicit Disk(Planted planted) : planted_(planted) {}

    void append(replica::Ticket ticket, Bytes record) {
        bytes_ += record.size();
        records_.push_back({ticket, std::move(record)});
    }
    // Everything up to `ticket` has reached the platter.
    void synced(replica::Ticket ticket) {
        while (synced_ < records_.size() && records_[synced_].ticket <= ticket) ++synced_;
        if (ending_ && ending_->last <= ticket) finish();
    }
    // A crash keeps what was synced and a random prefix of the rest, as an operating system may have written
    // it.
    void crash(Random& random) {
        if (planted_ == Planted::forget_disk) synced_ -= std::min<std::size_t>(synced_, 3);
        const std::size_t kept = synced_ + random.below(records_.size() - synced_ + 1);
        while (records_.size() > kept) drop_back();
        synced_ = records_.size();
        unfinished_.clear();
        ending_.reset();
    }
    // A part of a checkpoint; true when it has been taken at once, an end is when finished() says so.
    bool add(replica::CheckpointPart part) {
        using Step = replica::CheckpointPart::Step;
        if (part.step == Step::begin) unfinished_.clear();
        if (part.step != Step::end) {
            unfinished_.push_back(std::move(part.bytes));
            return true;
        }
        const bool durable = synced_ == records_.size() || records_[synced_].ticket > part.last;
        ending_ = std::move(part);
        if (durable || planted_ == Planted::early_checkpoint) finish();
        return false;
    }
    void give_up_checkpoint() {
        unfinished_.clear();
        ending_.reset();
    }
    bool finished() { return std::exchange(finished_, false); }
    bool truncate(replica::Ticket before) {
        if (planted_ == Planted::early_truncation) before += 4;
        bool any = false;
        for (; synced_ > 1 && records_.front().ticket < before; --synced_, any = true) {
            bytes_ -= records_.front().record.size();
            records_.pop_front();
        }
        return any;
    }
    const std::vector<Bytes>& checkpoint() const { return checkpoint_; }
    struct Record {
        replica::Ticket ticket;
        Bytes record;
    };
    const std::deque<Record>& records() const { return records_; }
    std::uint64_t bytes() const { return bytes_; }  // of the log

  private:
    void drop_back() {
        bytes_ -= records_.back().record.size();
        records_.pop_back();
    }
    void finish() {
        checkpoint_ = std::move(unfinished_);
        unfinished_.clear();
        ending_.reset();
        finished_ = true;
    }
    Planted planted_;
    std::deque<Record> records_;
    std::size_t synced_ = 0;
    std::uint64_t bytes_ = 0;
    std::vector<Bytes> checkpoint_, unfinished_;
    std::optional<replica::CheckpointPart> ending_;
    bool finished_ = false;
};

}  // namespace anabranch::sim
