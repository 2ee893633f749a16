#include "node/io/readiness.h"

#include <sys/epoll.h>

#include <array>
#include <utility>

#include "lib/base/check.h"

namespace anabranch::io {

namespace {
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
    std::array<epoll_event, 256> ready;
    const int count = ::epoll_wait(epoll_.native_handle(), ready.data(), static_cast<int>(ready.size()), 0);
    if (count <= 0) return;
    events_.clear();
    for (const auto& event : std::span(ready).first(static_cast<std::size_t>(count)))
        events_.push_back({event.data.u64, (event.events & EPOLLIN) != 0, (event.events & EPOLLOUT) != 0,
                           (event.events & (EPOLLERR | EPOLLHUP)) != 0});
    handler_(events_);
}

}  // namespace anabranch::io
