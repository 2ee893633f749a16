// Which of many sockets have something to read, or room to write: asked for once for all of them. With Asio
// each would be read twice for every request, the second time to learn that there is nothing more; here it is
// read when there is something, and what comes at the same time is handed out together.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <functional>

#include "lib/base/error.h"

namespace anabranch::io {

class Readiness {
  public:
    struct Handler {
        // `broken`: nothing can be sent or received any more.
        std::function<void(std::uint64_t id, bool readable, bool writable, bool broken)> ready;
        std::function<void()> all_told;  // of what was ready at one moment, or of some that took long
    };
    Readiness(boost::asio::io_context& context, Handler handler);

    bool watch(int socket, std::uint64_t id);  // a new one, for reading; false: the system takes no more
    void change(int socket, std::uint64_t id, bool read, bool write);
    void forget(int socket);

  private:
    bool control(int operation, int socket, std::uint64_t id, bool read, bool write);
    void wait();
    void hand_out();

    Handler handler_;
    boost::asio::posix::stream_descriptor epoll_;
};

}  // namespace anabranch::io
