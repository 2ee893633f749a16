// What the parts of a running node share. Internal to node/io.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>

#include "node/io/log.h"
#include "node/io/node.h"
#include "node/io/watch.h"
#include "node/session/backend.h"

namespace anabranch::io {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;

Instant wall_clock();
Result<tcp::acceptor> listen_on(asio::io_context& context, const Address& address, const char* what,
                                const char* flag);
Address address_of(const tcp::acceptor& acceptor);

// The engine's turn: after every event, its outputs are carried out once, the log is flushed and sockets are
// written.
class Loop : public session::Host {
  public:
    // An event is over: carry out outputs now,
    virtual void turn() = 0;
    // or together with those of whatever else has arrived by now: one flush of the log, one write to each
    // client.
    virtual void turn_soon() = 0;
    // now, all that has arrived having been dealt with: calls that gathered go on.
    virtual void turn_all() = 0;
    virtual std::uint64_t durable() const = 0;
    virtual const NodeConfig& config() const = 0;
    virtual asio::io_context& context() = 0;
    virtual Watch& watch() = 0;
    virtual void report(replica::Notice::Level level, const std::string& text) = 0;
};

}  // namespace anabranch::io
