// What goes back to the client, in order. Bytes behind a gate are released when its durability ticket is
// reached, those behind a slot when the answer that belongs there has come.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>

namespace anabranch::pgwire {

class Output {
  public:
    // Where to append now. The reference is good until the next gate() or slot().
    std::string& tail() { return held_.empty() ? ready_ : held_.back().bytes; }
    // Everything appended from here on waits for `ticket`. Tickets ascend; a gate below one that is pending
    // adds nothing.
    void gate(std::uint64_t ticket) {
        if (ticket <= durable_ || (!held_.empty() && held_.back().ticket >= ticket)) return;
        held_.push_back({ticket, 0, 0, {}});
    }
    // An answer comes later, behind `before`, and everything appended from here on comes after it.
    // `number` > 0.
    void slot(std::uint64_t number, std::string before) {
        const std::size_t place = before.size();
        held_.push_back({held_.empty() ? 0 : held_.back().ticket, number, place, std::move(before)});
        ++slots_;
    }
    // False: there is no such slot.
    bool fill(std::uint64_t number, std::string_view answer) {
        for (auto& held : held_) {
            if (held.slot != number) continue;
            held.bytes.insert(held.place, answer);
            held.slot = 0;
            --slots_;
            release();
            return true;
        }
        return false;
    }
    std::size_t slots() const { return slots_; }
    bool reached(std::uint64_t ticket) {  // true: something may go out now that could not before
        if (ticket > durable_) durable_ = ticket;
        const std::size_t before = ready_.size();
        release();
        return ready_.size() > before;
    }
    std::size_t size() const { return ready_.size(); }  // of what may go out
    void take(std::string& into) {                      // in exchange for its memory
        into.clear();
        ready_.swap(into);
    }
    bool gated() const { return !held_.empty() && held_.back().ticket > durable_; }
    bool empty() const { return ready_.empty() && held_.empty(); }

  private:
    struct Held {
        std::uint64_t ticket;
        std::uint64_t slot;  // not 0: the bytes wait for its answer, too,
        std::size_t place;   // which goes there
        std::string bytes;
    };
    void release() {
        while (!held_.empty() && held_.front().ticket <= durable_ && held_.front().slot == 0) {
            ready_ += held_.front().bytes;
            held_.pop_front();
        }
    }

    std::string ready_;
    std::deque<Held> held_;
    std::size_t slots_ = 0;
    std::uint64_t durable_ = 0;
};

}  // namespace anabranch::pgwire
