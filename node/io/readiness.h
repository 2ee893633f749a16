// Which of many sockets have something to read, or room to write: asked for once for all of them. With Asio
// each would be read twice for every request, the second time to learn that there is nothing more; here it is
// read when there is something, and what comes at the same time is handed out together.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "lib/base/error.h"

namespace anabranch::io {

class Readiness {
  public:
    struct Event {
        std::uint64_t id = 0;
        bool readable = false, writable = false;
        bool broken = false;  // nothing can be sent or received any more
    };
    // Is told of all that was ready at one moment.
    using Handler = std::function<void(std::span<const Event>)>;
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
    std::vector<Event> events_;
};

}  // namespace anabranch::io
