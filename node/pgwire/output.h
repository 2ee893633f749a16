// What goes back to the client, in order, with gates: bytes behind a gate are released when its durability
// ticket is reached.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <utility>

namespace anabranch::pgwire {

class Output {
  public:
    // Where to append now. The reference is good until the next gate().
    std::string& tail() { return held_.empty() ? ready_ : held_.back().bytes; }
    // Everything appended from here on waits for `ticket`. Tickets ascend; a gate below one that is pending
    // adds nothing.
    void gate(std::uint64_t ticket) {
        if (ticket <= durable_ || (!held_.empty() && held_.back().ticket >= ticket)) return;
        held_.push_back({ticket, {}});
    }
    void reached(std::uint64_t ticket) {
        if (ticket > durable_) durable_ = ticket;
        while (!held_.empty() && held_.front().ticket <= durable_) {
            ready_ += held_.front().bytes;
            held_.pop_front();
        }
    }
    std::size_t size() const { return ready_.size(); }  // of what may go out
    std::string take() { return std::exchange(ready_, {}); }
    bool empty() const { return ready_.empty() && held_.empty(); }

  private:
    struct Held {
        std::uint64_t ticket;
        std::string bytes;
    };
    std::string ready_;
    std::deque<Held> held_;
    std::uint64_t durable_ = 0;
};

}  // namespace anabranch::pgwire
