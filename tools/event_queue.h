// Simulated time for benches that run several replicas in this process: what is due happens in order, and a
// wait takes no time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <queue>
#include <tuple>
#include <utility>
#include <vector>

#include "lib/base/time.h"

namespace anabranch::tools {

class EventQueue {
  public:
    Instant now() const { return now_; }
    void schedule(Duration after, std::function<void()> action) {
        events_.push({now_ + after, ++order_, std::make_shared<std::function<void()>>(std::move(action))});
    }
    // What is due within `time`, until `done`. The clock then stands at the last event.
    template <typename Done>
    void run(Duration time, Done&& done) {
        const Instant end = now_ + time;
        while (!events_.empty() && events_.top().at <= end && !done()) {
            const Event event = events_.top();
            events_.pop();
            now_ = event.at;
            (*event.action)();
        }
    }
    // All that is due within `time`, which has then passed.
    void run(Duration time) {
        const Instant end = now_ + time;
        run(time, [] { return false; });
        now_ = end;
    }

  private:
    struct Event {
        Instant at;
        std::uint64_t order = 0;  // of two at one time the one that was scheduled first
        std::shared_ptr<std::function<void()>> action;
        bool operator>(const Event& other) const {
            return std::tie(at, order) > std::tie(other.at, other.order);
        }
    };
    std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
    Instant now_{1'700'000'000'000'000};
    std::uint64_t order_ = 0;
};

}  // namespace anabranch::tools
