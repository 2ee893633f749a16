// Looks after the engine's thread while it runs a statement: ends what runs longer than its timeout, and
// takes the cancel requests that the engine cannot take meanwhile. A thread of its own, which sleeps most of
// the time.
//
// Cancelling is between the lines of the protocol: it comes on a connection of its own. While a statement
// runs, the watch therefore accepts connections in the engine's place; what is no cancel request for the
// running statement waits for the engine.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "lib/base/time.h"

namespace anabranch::io {

class Watch {
  public:
    // `adopt` takes a connected socket, on the watch's thread.
    Watch(std::vector<int> listeners, std::function<void(int)> adopt);
    ~Watch();

    // Raised while the running statement is to stop. Read it atomically, as lib/exec does.
    const bool* cancelled() const { return &cancelled_; }
    void stop();  // before the listeners are closed

    // ---- on the engine's thread ----
    void begin(std::uint64_t session, Duration timeout);  // a statement; no timeout: zero
    bool end();                                           // true: it was told to stop because of its timeout
    void admit(std::uint64_t session, std::uint32_t secret);
    void forget(std::uint64_t session);

  private:
    using Clock = std::chrono::steady_clock;
    void run();
    void look(Clock::time_point now);
    void take_connections(int listener, std::uint64_t statement);
    bool asks_to_cancel(int socket, std::uint64_t& session) const;
    void stop_statement(std::uint64_t statement, std::uint64_t session, bool timed_out);

    const std::vector<int> listeners_;
    const std::function<void(int)> adopt_;
    bool cancelled_ = false;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    bool stopping_ = false;
    std::uint64_t statement_ = 0;  // number of the running one, or of the last
    bool running_ = false;
    std::uint64_t session_ = 0;
    Duration timeout_;
    bool timed_out_ = false;
    std::map<std::uint64_t, std::uint32_t> secrets_;  // by session
    // Of the thread alone.
    std::uint64_t seen_ = 0;  // the statement that ran when it looked last
    Clock::time_point since_;
    std::thread thread_;
};

}  // namespace anabranch::io
