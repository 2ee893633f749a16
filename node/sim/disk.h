// A simulated disk: the records of the log, how many of them a crash keeps, and the newest checkpoint.
// Internal to node/sim.
//
// Framing is the shell's (node/io/log.h, tested there): a torn write is a record that is not there after a
// crash. As there each record and each part of a checkpoint has a checksum, by which bits that have rotted
// are found when they are read.
#pragma once

#include <algorithm>
#include <deque>
#include <optional>
#include <string>
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
        const std::uint64_t sum = hash64(record);
        records_.push_back({ticket, std::move(record), sum});
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
            const std::uint64_t sum = hash64(part.bytes);
            unfinished_.push_back({std::move(part.bytes), sum});
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
    struct Part {
        Bytes bytes;
        std::uint64_t sum;
    };
    const std::vector<Part>& checkpoint() const { return checkpoint_; }
    // The shell refuses a log that ends before the checkpoint does (node/io/log_read.h): it may hold half of
    // what the log has lost.
    bool whole() const {
        return (records_.empty() ? salvaged_to_ : records_.back().ticket) >= checkpoint_last_;
    }
    struct Record {
        replica::Ticket ticket;
        Bytes record;
        std::uint64_t sum;
    };
    const std::deque<Record>& records() const { return records_; }
    std::uint64_t bytes() const { return bytes_; }  // of the log

    // One bit of what has been synced turns over. False: there is nothing yet.
    bool rot(Random& random) {
        const std::size_t choices = synced_ + checkpoint_.size();
        if (choices == 0) return false;
        const std::size_t which = random.below(choices);
        Bytes& bytes = which < synced_ ? records_[which].record : checkpoint_[which - synced_].bytes;
        if (bytes.empty()) return false;
        auto& byte = bytes[random.below(bytes.size())];
        byte = static_cast<char>(static_cast<unsigned char>(byte) ^ (1U << random.below(8)));
        return true;
    }
    // What a start would find, and refuse to go on with; empty: nothing.
    std::string damage() const {
        if (checkpoint_damaged()) return "a part of the checkpoint is damaged";
        const auto bad = first_damaged();
        return bad == records_.end() ? std::string()
                                     : "record " + std::to_string(bad->ticket) + " is damaged";
    }
    // As anabranch restore --salvage: what is before the damage is kept. A checkpoint is worth nothing
    // without the log up to its end, nor the log without it.
    void salvage() {
        const auto bad = first_damaged();
        const bool cut = bad != records_.end();
        if (checkpoint_damaged() || (cut && bad->ticket <= checkpoint_last_)) {
            *this = Disk(planted_);
            return;
        }
        if (cut) salvaged_to_ = bad->ticket - 1;
        records_.erase(bad, records_.end());
        synced_ = std::min(synced_, records_.size());
        bytes_ = 0;
        for (const Record& record : records_) bytes_ += record.record.size();
    }

  private:
    bool checkpoint_damaged() const {
        return std::any_of(checkpoint_.begin(), checkpoint_.end(),
                           [](const Part& part) { return hash64(part.bytes) != part.sum; });
    }
    std::deque<Record>::const_iterator first_damaged() const {
        return std::find_if(records_.begin(), records_.end(),
                            [](const Record& record) { return hash64(record.record) != record.sum; });
    }
    void drop_back() {
        bytes_ -= records_.back().record.size();
        records_.pop_back();
    }
    void finish() {
        checkpoint_ = std::move(unfinished_);
        checkpoint_last_ = ending_->last;
        unfinished_.clear();
        ending_.reset();
        finished_ = true;
    }
    Planted planted_;
    std::deque<Record> records_;
    std::size_t synced_ = 0;
    std::uint64_t bytes_ = 0;
    std::vector<Part> checkpoint_, unfinished_;
    replica::Ticket checkpoint_last_ = 0;
    replica::Ticket salvaged_to_ = 0;  // where a log ends of which no record is left
    std::optional<replica::CheckpointPart> ending_;
    bool finished_ = false;
};

}  // namespace anabranch::sim
