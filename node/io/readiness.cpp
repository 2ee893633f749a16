#include "node/io/readiness.h"

#include <sys/epoll.h>

#include <array>
#include <chrono>
#include <utility>

#include "lib/base/check.h"

namespace anabranch::io {

namespace {
// Who has been answered does not wait longer for the others.
constexpr auto told_together_max = std::chrono::microseconds(500);

int new_epoll() {
    const int out = ::epoll_create1(EPOLL_CLOEXEC);
    CHECK_NOTE(out >= 0, "the system gives no more file descriptors");
    return out;
}
}  // namespace

Readiness::Readiness(boost::asio::io_context& context, Handler handler)
    : handler_(std::move(handler)), epoll_(context, new_epoll()) {
    wait();
}

bool Readiness::control(int operation, int socket, std::uint64_t id, bool read, bool write) {
    epoll_event event{};
    event.events = (read ? EPOLLIN : 0U) | (write ? EPOLLOUT : 0U);
    event.data.u64 = id;
    return ::epoll_ctl(epoll_.native_handle(), operation, socket, &event) == 0;
}

bool Readiness::watch(int socket, std::uint64_t id) {
    return control(EPOLL_CTL_ADD, socket, id, true, false);
}
void Readiness::change(int socket, std::uint64_t id, bool read, bool write) {
    CHECK(control(EPOLL_CTL_MOD, socket, id, read, write));
}
void Readiness::forget(int socket) {
    (void)control(EPOLL_CTL_DEL, socket, 0, false, false);
}

void Readiness::wait() {
    epoll_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                      [this](boost::system::error_code error) {
                          if (error) return;
                          hand_out();
                          wait();
                      });
}

void Readiness::hand_out() {
    std::array<epoll_event, 256> events;
    const int count = ::epoll_wait(epoll_.native_handle(), events.data(), static_cast<int>(events.size()), 0);
    auto begun = std::chrono::steady_clock::now();
    for (int i = 0; i < count; ++i) {
        const auto& event = events[static_cast<std::size_t>(i)];
        const bool broken = (event.events & (EPOLLERR | EPOLLHUP)) != 0;
        handler_.ready(event.data.u64, (event.events & EPOLLIN) != 0, (event.events & EPOLLOUT) != 0, broken);
        if (const auto now = std::chrono::steady_clock::now(); now - begun > told_together_max) {
            handler_.all_told();
            begun = now;
        }
    }
    if (count > 0) handler_.all_told();
}

}  // namespace anabranch::io
