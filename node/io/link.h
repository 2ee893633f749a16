// One connection between two nodes, either way: plain TCP, or TLS by which both prove who they are
// (cluster_tls.h). Handlers keep the link alive; after close() they get an error. Internal to node/io.
#pragma once

#include <boost/asio/ssl/stream.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lib/base/bytes.h"
#include "node/io/cluster_tls.h"
#include "node/io/loop.h"

namespace anabranch::io {

class Link : public std::enable_shared_from_this<Link> {
  public:
    using Handler = std::function<void(boost::system::error_code)>;
    explicit Link(tcp::socket socket) : socket_(std::move(socket)) {}

    tcp::socket& socket() { return socket_; }
    // Before anything is read or written, where `tls` is not null. `name`: the peer that was dialled, whose
    // certificate it must be; empty for a connection that came in.
    void shake_hands(ClusterTls* tls, const std::string& name, Handler done);
    using Read = std::function<void(boost::system::error_code, std::size_t)>;
    void read(std::span<char> to, Read done);             // some of it
    void wait_for_end(Handler done);                      // nothing is expected to be sent
    void write(std::vector<Bytes> frames, Handler done);  // one at a time
    void close();

    // Whether the certificate shown, if there has to be one, is of the node of that name.
    bool may_be(const std::string& name);
    // Why a handshake, or a link soon after it, has failed, in words for people.
    std::string why(boost::system::error_code error) const;
    std::string host() const;  // address alone, and whom its certificate names

  private:
    bool verify(bool good, boost::asio::ssl::verify_context& context, const std::string& name);

    tcp::socket socket_;
    std::optional<boost::asio::ssl::stream<tcp::socket&>> tls_;
    std::vector<Bytes> writing_;
    std::string subject_, problem_;
    char watched_[16];
};

}  // namespace anabranch::io
