#include "node/io/transfers.h"

#include <liburing.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include "lib/base/check.h"

namespace anabranch::io {

namespace {

constexpr std::size_t received_at_once = 64;
// Who is sent to answers while the others are: then there is more to read when all have been, and nobody had
// to go to sleep over it.
constexpr std::size_t sent_at_once = 2;
constexpr int how = MSG_NOSIGNAL | MSG_DONTWAIT;

}  // namespace

struct Transfers::Ring {
    io_uring ring{};
    ~Ring() { io_uring_queue_exit(&ring); }
    // Has done what was asked for, and notes it; how many of the `left`: nearly always all.
    std::size_t complete(std::size_t left) {
        const int submitted = io_uring_submit_and_wait(&ring, static_cast<unsigned>(left));
        CHECK_NOTE(submitted >= 0 || submitted == -EINTR || submitted == -EAGAIN,
                   "the kernel does not take what it has taken before");
        unsigned head = 0, seen = 0;
        io_uring_cqe* completion = nullptr;
        io_uring_for_each_cqe(&ring, head, completion) {
            static_cast<Transfer*>(io_uring_cqe_get_data(completion))->done = completion->res;
            ++seen;
        }
        io_uring_cq_advance(&ring, seen);
        return seen;
    }
};

Transfers::Transfers(By by) {
    if (by == By::single_calls) return;
    io_uring ring{};
    const unsigned flags =
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_DEFER_TASKRUN;
    if (io_uring_queue_init(received_at_once, &ring, flags) != 0) return;
    ring_ = std::make_unique<Ring>();
    ring_->ring = ring;
    (void)io_uring_register_ring_fd(&ring_->ring);  // spares the kernel to look it up
}
Transfers::~Transfers() = default;

void Transfers::send(std::span<Transfer> transfers) {
    carry_out(transfers, Direction::send);
}
void Transfers::receive(std::span<Transfer> transfers) {
    carry_out(transfers, Direction::receive);
}

// One after the other.
void Transfers::carry_out_singly(std::span<Transfer> transfers, Direction direction) {
    for (auto& [socket, bytes, size, done] : transfers) {
        done = direction == Direction::send ? ::send(socket, bytes, size, how)
                                            : ::recv(socket, bytes, size, how);
        if (done < 0) done = -errno;
    }
}

void Transfers::carry_out(std::span<Transfer> transfers, Direction direction) {
    if (ring_ == nullptr || transfers.size() == 1) return carry_out_singly(transfers, direction);
    const std::size_t at_once = direction == Direction::send ? sent_at_once : received_at_once;
    while (!transfers.empty()) {
        const auto some = transfers.first(std::min(transfers.size(), at_once));
        transfers = transfers.subspan(some.size());
        for (auto& transfer : some) {
            io_uring_sqe* const entry = io_uring_get_sqe(&ring_->ring);
            if (direction == Direction::send)
                io_uring_prep_send(entry, transfer.socket, transfer.bytes, transfer.size, how);
            else
                io_uring_prep_recv(entry, transfer.socket, transfer.bytes, transfer.size, how);
            io_uring_sqe_set_data(entry, &transfer);
        }
        for (std::size_t left = some.size(); left > 0;) left -= ring_->complete(left);
    }
}

}  // namespace anabranch::io
