#include "node/io/clients.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <random>

namespace anabranch::io {

class Clients::Client : public std::enable_shared_from_this<Client> {
  public:
    Client(Clients& clients, tcp::socket socket, std::uint64_t number)
        : id(number),
          secret(static_cast<std::uint32_t>(std::random_device()())),
          clients_(clients),
          socket_(std::move(socket)),
          backend_(std::make_unique<session::Backend>(clients.loop_, clients.cache_, number)),
          session_(*backend_, options()) {}

    void start() {
        boost::system::error_code ignored;
        socket_.set_option(tcp::no_delay(true), ignored);
        read();
    }
    void read() {
        socket_.async_read_some(
            asio::buffer(buffer_),
            [self = shared_from_this()](boost::system::error_code error, std::size_t size) {
                if (self->closed_) return;
                if (error) return self->vanish();
                self->session_.receive({self->buffer_, size});
                if (const auto cancel = self->session_.cancel_request())
                    self->clients_.cancel(cancel->pid, cancel->secret);
                self->mark();
                self->clients_.loop_.turn();
                if (!self->closed_ && !self->session_.wants_close()) self->read();
            });
    }
    void complete(std::uint64_t number, const Result<std::string>& tag) {
        session_.complete(number, backend_->outcome(tag));
        mark();
    }
    void durable(std::uint64_t ticket) {
        session_.durable(ticket);
        mark();
    }
    void cancel() { backend_->cancel_running(); }
    void terminate(const Error& reason) {
        session_.terminate(reason);
        mark();
    }
    void write() {
        marked_ = false;
        if (writing_ || closed_) return;
        output_ = session_.take_output();
        if (output_.empty()) {
            if (session_.wants_close()) close();
            return;
        }
        writing_ = true;
        asio::async_write(socket_, asio::buffer(output_),
                          [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                              self->writing_ = false;
                              if (self->closed_) return;
                              if (error) return self->vanish();
                              self->write();
                          });
    }
    void close() {
        if (closed_) return;
        closed_ = true;
        boost::system::error_code ignored;
        socket_.shutdown(tcp::socket::shutdown_both, ignored);
        socket_.close(ignored);
        backend_.reset();
        clients_.remove(id);
    }
    bool closed() const { return closed_; }

    const std::uint64_t id;
    const std::uint32_t secret;

  private:
    pgwire::SessionOptions options() const {
        pgwire::SessionOptions options;
        options.backend_pid = static_cast<std::uint32_t>(id);
        options.cancel_secret = secret;
        return options;
    }
    void mark() {
        if (std::exchange(marked_, true)) return;
        clients_.dirty_.push_back(shared_from_this());
    }
    // The client went away in the middle of something: what it had open is rolled back.
    void vanish() {
        close();
        clients_.loop_.turn();
    }

    Clients& clients_;
    tcp::socket socket_;
    std::unique_ptr<session::Backend> backend_;
    pgwire::Session session_;
    char buffer_[16 * 1024];
    std::string output_;
    bool writing_ = false, closed_ = false, marked_ = false;
};

Clients::Clients(Loop& loop, tcp::acceptor acceptor) : loop_(loop), acceptor_(std::move(acceptor)) {}
Clients::~Clients() = default;

void Clients::start() {
    accept();
}

void Clients::accept() {
    acceptor_.async_accept([this](boost::system::error_code error, tcp::socket socket) {
        if (stopping_) return;
        if (!error) {
            const std::uint64_t id = ++accepted_;
            auto client = std::make_shared<Client>(*this, std::move(socket), id);
            clients_[id] = client;
            client->start();
            if (clients_.size() > loop_.config().clients_max) {
                client->terminate(
                    Error::make(sqlstate::too_many_connections, "sorry, too many clients already")
                        .with_detail("Node " + loop_.config().name + " serves at most " +
                                     std::to_string(loop_.config().clients_max) + " clients."));
                loop_.turn();
            }
        }
        accept();
    });
}

void Clients::stop(const Error& reason) {
    stopping_ = true;
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    for (auto& [id, client] : clients_) client->terminate(reason);
    write_all();
}

void Clients::durable(std::uint64_t ticket) {
    for (auto& [id, client] : clients_) client->durable(ticket);
}

void Clients::reply(const replica::Reply& reply) {
    const auto found = clients_.find(reply.session);
    if (found != clients_.end()) found->second->complete(reply.number, reply.tag);
}

void Clients::write_all() {
    while (!dirty_.empty()) {
        auto batch = std::move(dirty_);
        dirty_.clear();
        for (auto& client : batch) client->write();
    }
}

void Clients::cancel(std::uint32_t pid, std::uint32_t secret) {
    const auto found = clients_.find(pid);
    if (found != clients_.end() && found->second->secret == secret) found->second->cancel();
}

void Clients::remove(std::uint64_t id) {
    clients_.erase(id);
}

}  // namespace anabranch::io
