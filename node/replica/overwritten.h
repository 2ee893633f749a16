// The newest last-writer losses, so that none is silent: of two writes that did not know each other, merging
// kept one. Bounded, in memory only: each replica tells what it has merged since it started.
#pragma once

#include <cstdint>
#include <deque>

#include "crdt/database.h"

namespace anabranch::replica {

class Overwritten final : public crdt::Database::OverwriteSink {
  public:
    void overwritten(const crdt::Overwrite& loss) override {
        ++count_;
        losses_.push_back(loss);
        if (losses_.size() > kept_max) losses_.pop_front();
    }
    const std::deque<crdt::Overwrite>& losses() const { return losses_; }  // oldest first
    std::uint64_t count() const { return count_; }                         // ever

  private:
    static constexpr std::size_t kept_max = 1000;
    std::deque<crdt::Overwrite> losses_;
    std::uint64_t count_ = 0;
};

}  // namespace anabranch::replica
