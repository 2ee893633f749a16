// Sends and receives on many sockets at once: by one system call where the kernel has io_uring (6.1) and lets
// this process use it, which containers often do not, and else by one call for each. On a machine where a
// system call is dear, as a virtual one, together they take half of the time.
//
// Nothing here waits: what cannot be done now is told as -EAGAIN, as by MSG_DONTWAIT.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <span>

namespace anabranch::io {

class Transfers {
  public:
    struct Transfer {
        int socket = -1;
        char* bytes = nullptr;
        std::size_t size = 0;
        ssize_t done = 0;  // so many bytes, or -errno; 0 when receiving: the other side has ended
    };
    enum class By { one_call_where_possible, single_calls };
    explicit Transfers(By by = By::one_call_where_possible);
    ~Transfers();
    Transfers(const Transfers&) = delete;
    Transfers& operator=(const Transfers&) = delete;

    // On the thread that made this.
    void send(std::span<Transfer> transfers);
    void receive(std::span<Transfer> transfers);
    bool by_one_call() const { return ring_ != nullptr; }

  private:
    struct Ring;
    enum class Direction { send, receive };
    void carry_out(std::span<Transfer> transfers, Direction direction);
    static void carry_out_singly(std::span<Transfer> transfers, Direction direction);

    std::unique_ptr<Ring> ring_;
};

}  // namespace anabranch::io
