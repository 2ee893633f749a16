// Client connections of the SQL port: one wire session each.
#pragma once

#include <boost/asio/local/stream_protocol.hpp>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "node/io/local_socket.h"
#include "node/io/loop.h"
#include "node/io/readiness.h"
#include "node/io/security.h"
#include "node/io/transfers.h"
#include "node/pgwire/session.h"

namespace anabranch::io {

class Clients {
  public:
    // `local` may be null.
    Clients(Loop& loop, tcp::acceptor acceptor, std::unique_ptr<LocalSocket> local,
            std::unique_ptr<Security> security);
    ~Clients();
    void start();
    void stop(const Error& reason);
    void durable(std::uint64_t ticket);
    void reply(const replica::Reply& reply);
    void notify(const std::string& channel, const std::string& payload);  // those that listen
    void adopt(int socket);  // a connection that the watch has accepted
    bool write_all();        // sends what sessions have ready; true: some of it waits for the disk
    std::size_t count() const { return clients_.size(); }
    std::uint64_t accepted() const { return accepted_; }

  private:
    class Client;
    template <typename Acceptor>
    void accept(Acceptor& acceptor);
    void welcome(int socket);
    void cancel(std::uint32_t pid, std::uint32_t secret);
    void remove(std::uint64_t id);
    void ready(std::span<const Readiness::Event> events);
    void write(std::span<const std::shared_ptr<Client>> clients);

    Loop& loop_;
    tcp::acceptor acceptor_;
    const tcp family_;
    std::unique_ptr<LocalSocket> local_;
    asio::local::stream_protocol::acceptor local_acceptor_;
    std::unique_ptr<Security> security_;
    session::StatementCache cache_;
    Readiness readiness_;
    Transfers transfers_;
    // Of what is going on, kept for their room.
    struct Told {
        std::shared_ptr<Client> client;
        bool reads = false;
    };
    std::vector<Told> told_;
    std::vector<Client*> writers_;
    std::vector<Transfers::Transfer> reading_, sending_;
    std::map<std::uint64_t, std::shared_ptr<Client>> clients_;
    std::vector<std::shared_ptr<Client>> dirty_;  // may have something to send
    std::uint64_t accepted_ = 0;
    bool stopping_ = false;
};

}  // namespace anabranch::io
