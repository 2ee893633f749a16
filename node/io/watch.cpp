#include "node/io/watch.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

namespace anabranch::io {

namespace {

constexpr auto interval = std::chrono::milliseconds(20);
constexpr int patience_millis = 100;  // with a connection that has said nothing yet
constexpr std::uint32_t cancel_code = 80877102;

std::uint32_t word(const std::array<unsigned char, 16>& bytes, std::size_t at) {
    return std::uint32_t{bytes[at]} << 24 | std::uint32_t{bytes[at + 1]} << 16 |
           std::uint32_t{bytes[at + 2]} << 8 | bytes[at + 3];
}

}  // namespace

Watch::Watch(std::vector<int> listeners, std::function<void(int)> adopt)
    : listeners_(std::move(listeners)), adopt_(std::move(adopt)), thread_([this] { run(); }) {}

Watch::~Watch() {
    stop();
}

void Watch::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
}

void Watch::begin(std::uint64_t session, Duration timeout) {
    const std::lock_guard lock(mutex_);
    ++statement_;
    running_ = true;
    session_ = session;
    timeout_ = timeout;
    timed_out_ = false;
    __atomic_store_n(&cancelled_, false, __ATOMIC_RELAXED);
}

bool Watch::end() {
    const std::lock_guard lock(mutex_);
    running_ = false;
    __atomic_store_n(&cancelled_, false, __ATOMIC_RELAXED);
    return timed_out_;
}

void Watch::admit(std::uint64_t session, std::uint32_t secret) {
    const std::lock_guard lock(mutex_);
    secrets_[session] = secret;
}

void Watch::forget(std::uint64_t session) {
    const std::lock_guard lock(mutex_);
    secrets_.erase(session);
}

void Watch::run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        wake_.wait_for(lock, interval);
        if (stopping_) return;
        lock.unlock();
        look(Clock::now());
        lock.lock();
    }
}

// A statement counts from when it was first seen: timeouts are exact to the interval.
void Watch::look(Clock::time_point now) {
    std::uint64_t statement = 0, session = 0;
    Duration timeout;
    {
        const std::lock_guard lock(mutex_);
        if (!running_) return;
        statement = statement_;
        session = session_;
        timeout = timeout_;
    }
    if (statement != seen_) {
        seen_ = statement;
        since_ = now;
        return;
    }
    if (timeout.micros > 0 && now - since_ >= std::chrono::microseconds(timeout.micros))
        stop_statement(statement, session, true);
    for (const int listener : listeners_) take_connections(listener, statement);
}

void Watch::stop_statement(std::uint64_t statement, std::uint64_t session, bool timed_out) {
    const std::lock_guard lock(mutex_);
    if (!running_ || statement_ != statement || session_ != session) return;
    timed_out_ = timed_out;
    __atomic_store_n(&cancelled_, true, __ATOMIC_RELAXED);
}

void Watch::take_connections(int listener, std::uint64_t statement) {
    for (;;) {
        const int socket = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (socket < 0) return;
        std::uint64_t session = 0;
        if (!asks_to_cancel(socket, session)) {
            adopt_(socket);
            continue;
        }
        stop_statement(statement, session, false);
        ::close(socket);
    }
}

bool Watch::asks_to_cancel(int socket, std::uint64_t& session) const {
    pollfd waits{socket, POLLIN, 0};
    if (::poll(&waits, 1, patience_millis) <= 0) return false;
    std::array<unsigned char, 16> bytes{};
    const auto size = ::recv(socket, bytes.data(), bytes.size(), MSG_PEEK | MSG_DONTWAIT);
    if (size != static_cast<ssize_t>(bytes.size()) || word(bytes, 0) != bytes.size() ||
        word(bytes, 4) != cancel_code)
        return false;
    session = word(bytes, 8);
    const std::lock_guard lock(mutex_);
    const auto known = secrets_.find(session);
    return running_ && session == session_ && known != secrets_.end() && known->second == word(bytes, 12);
}

}  // namespace anabranch::io
