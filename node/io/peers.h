// Links to peers: one outgoing connection each, for sending, and whatever they open to us, for receiving. A
// link that breaks is dialled again.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "lib/wire/messages.h"
#include "node/io/cluster_tls.h"
#include "node/io/loop.h"

namespace anabranch::io {

class Peers {
  public:
    Peers(Loop& loop, tcp::acceptor acceptor, std::unique_ptr<ClusterTls> tls);
    ~Peers();
    void start();
    void stop();
    // Links to these and no others. An address on the command line wins: it is what this machine can reach.
    void set(const std::vector<replica::Members::Contact>& contacts);
    void send(const std::string& peer, const wire::Message& message);  // with the next write_all()
    void write_all();
    void disconnect(const std::string& peer, const std::string& reason);
    std::uint64_t bytes_sent() const { return bytes_sent_; }
    std::uint64_t bytes_received() const { return bytes_received_; }

  private:
    class Outgoing;
    class Incoming;
    void dial();
    void accept();
    // The name behind an incoming link is known by its greeting.
    void received(Incoming& link, BytesView frame);
    void count_received(std::size_t bytes) { bytes_received_ += bytes; }
    void incoming_closed(Incoming& link);

    Loop& loop_;
    tcp::acceptor acceptor_;
    std::unique_ptr<ClusterTls> tls_;  // null: plain TCP
    std::map<std::string, std::shared_ptr<Outgoing>> outgoing_;
    std::map<std::string, std::shared_ptr<Incoming>> incoming_;
    std::uint64_t bytes_sent_ = 0;
    std::uint64_t bytes_received_ = 0;
    std::vector<NodePeer> wanted_;
    bool started_ = false, stopping_ = false;
};

}  // namespace anabranch::io
