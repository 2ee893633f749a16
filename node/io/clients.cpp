#include "node/io/clients.h"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <random>

namespace anabranch::io {

namespace {
// Who has not proved who he is by then is turned away, as in PostgreSQL.
constexpr auto authentication_timeout = std::chrono::seconds(60);
// Clients beyond the limit that are heard out, so that each is told in its own way.
constexpr std::size_t refused_max = 20;
}  // namespace

class Clients::Client : public std::enable_shared_from_this<Client> {
  public:
    Client(Clients& clients, tcp::socket socket, std::uint64_t number)
        : id(number),
          secret(static_cast<std::uint32_t>(std::random_device()())),
          clients_(clients),
          socket_(std::move(socket)),
          timer_(socket_.get_executor()),
          backend_(std::make_unique<session::Backend>(clients.loop_, clients.cache_, number)),
          session_(*backend_, options()) {}

    void start() {
        boost::system::error_code ignored;
        socket_.set_option(tcp::no_delay(true), ignored);
        socket_.non_blocking(true, ignored);
        deadline_ = Clock::now() + authentication_timeout;
        arm();
        read();
    }
    void read() {
        auto done = [self = shared_from_this()](boost::system::error_code error, std::size_t size) {
            self->on_read(error, size);
        };
        if (tls_)
            tls_->async_read_some(asio::buffer(buffer_), std::move(done));
        else
            socket_.async_read_some(asio::buffer(buffer_), std::move(done));
    }
    void complete(std::uint64_t number, const Result<std::string>& tag) {
        Result<std::string> told = tag;
        if (timed_out_) session::Backend::blame_timeout(told);
        session_.complete(number, backend_->outcome(told));
        attend(true);
        mark();
    }
    void durable(std::uint64_t ticket) {
        if (session_.durable(ticket)) mark();
    }
    void notify(const std::string& channel, const std::string& payload) {
        if (!backend_->listens(channel)) return;
        session_.notify(channel, payload);
        mark();
    }
    void cancel() { backend_->cancel_running(); }
    void refuse(Error reason) { backend_->refuse(std::move(reason)); }
    void terminate(const Error& reason) {
        session_.terminate(reason);
        mark();
    }
    void write() {
        marked_ = false;
        if (writing_ || closed_) return;
        session_.take_output(output_);
        const std::size_t sent = output_.empty() || tls_ ? 0 : send_now();
        if (sent == output_.size()) {
            output_.clear();
            if (session_.wants_close()) close();
            return;
        }
        writing_ = true;
        auto done = [self = shared_from_this()](boost::system::error_code error, std::size_t) {
            self->on_written(error);
        };
        if (tls_)
            asio::async_write(*tls_, asio::buffer(output_), std::move(done));
        else
            asio::async_write(socket_, asio::buffer(output_) + sent, std::move(done));
    }
    // Goes on reading, unless the client sends and sends without taking its answers, or before they can be
    // given.
    void resume() {
        if (!paused_ || closed_ || session_.wants_close()) return;
        if (session_.wants_tls()) {
            if (!writing_) shake_hands();
            return;
        }
        if (session_.waiting_bytes() + (writing_ ? output_.size() : 0) > waiting_bytes_max) return;
        paused_ = false;
        read();
    }
    void close() {
        if (closed_) return;
        closed_ = true;
        timer_.cancel();
        boost::system::error_code ignored;
        socket_.shutdown(tcp::socket::shutdown_both, ignored);
        socket_.close(ignored);
        backend_.reset();
        clients_.loop_.watch().forget(id);
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
        boost::system::error_code unknown;
        const auto peer = socket_.remote_endpoint(unknown);
        options.startup = clients_.security_->startup(!unknown && is_local(peer.address()));
        return options;
    }
    static bool is_local(const asio::ip::address& address) {
        if (address.is_v6() && address.to_v6().is_v4_mapped())
            return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).is_loopback();
        return address.is_loopback();
    }
    // As much as the socket takes without waiting: nearly always all.
    std::size_t send_now() {
        boost::system::error_code error;
        const std::size_t sent = socket_.write_some(asio::buffer(output_), error);
        return error ? 0 : sent;
    }
    void on_read(boost::system::error_code error, std::size_t size) {
        if (closed_) return;
        if (error) return vanish();
        session_.receive({buffer_, size});
        if (const auto cancel = session_.cancel_request()) clients_.cancel(cancel->pid, cancel->secret);
        attend(false);
        paused_ = true;
        mark();
        clients_.loop_.turn_soon();
    }
    void on_written(boost::system::error_code error) {
        writing_ = false;
        if (closed_) return;
        if (error) return vanish();
        write();
        resume();
    }
    void shake_hands() {
        paused_ = false;
        tls_.emplace(socket_, *clients_.security_->tls());
        tls_->async_handshake(asio::ssl::stream_base::server,
                              [self = shared_from_this()](boost::system::error_code error) {
                                  if (self->closed_) return;
                                  if (error) return self->vanish();
                                  self->session_.tls_started();
                                  self->read();
                              });
    }
    // Sets by when something is to happen: a statement that waits has its timeout, from when it began to
    // wait, a client that is to speak its own.
    void attend(bool anew) {
        if (closed_ || !session_.admitted()) return;
        if (!std::exchange(known_, true)) clients_.loop_.watch().admit(id, secret);
        const bool busy = session_.busy();
        if (busy && std::exchange(busy_, true) && !anew) return;
        busy_ = busy;
        const Duration limit = busy              ? backend_->statement_timeout()
                               : session_.idle() ? backend_->idle_timeout()
                                                 : Duration{};
        deadline_ = limit.micros == 0 ? Clock::time_point::max()
                                      : Clock::now() + std::chrono::microseconds(limit.micros);
        arm();
    }
    // One wait at a time; a deadline that has moved on is looked at again when it ends.
    void arm() {
        if (deadline_ >= armed_) return;
        armed_ = deadline_;
        timer_.expires_at(armed_);
        timer_.async_wait([self = weak_from_this()](boost::system::error_code error) {
            if (error) return;
            if (const auto client = self.lock()) client->on_timer();
        });
    }
    void on_timer() {
        armed_ = Clock::time_point::max();
        if (closed_) return;
        if (Clock::now() < deadline_) return arm();
        deadline_ = Clock::time_point::max();
        if (!session_.admitted()) return vanish();
        timed_out_ = session_.busy();
        if (timed_out_)
            backend_->cancel_running();
        else
            terminate(backend_->idle_error());
        clients_.loop_.turn();
        timed_out_ = false;
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
    asio::steady_timer timer_;
    std::unique_ptr<session::Backend> backend_;
    pgwire::Session session_;
    std::optional<asio::ssl::stream<tcp::socket&>> tls_;
    char buffer_[16 * 1024];
    std::string output_;
    static constexpr std::size_t waiting_bytes_max = std::size_t{4} << 20;
    using Clock = std::chrono::steady_clock;
    Clock::time_point deadline_ = Clock::time_point::max(), armed_ = Clock::time_point::max();
    bool known_ = false, busy_ = false, timed_out_ = false;
    bool writing_ = false, closed_ = false, marked_ = false;
    bool paused_ = false;  // not reading, though connected
};

Clients::Clients(Loop& loop, tcp::acceptor acceptor, std::unique_ptr<Security> security)
    : loop_(loop), acceptor_(std::move(acceptor)), security_(std::move(security)) {}
Clients::~Clients() = default;

void Clients::start() {
    accept();
}

void Clients::accept() {
    acceptor_.async_accept([this](boost::system::error_code error, tcp::socket socket) {
        if (stopping_) return;
        if (!error) welcome(std::move(socket));
        accept();
    });
}

void Clients::adopt(int socket) {
    boost::system::error_code error;
    tcp::socket adopted(loop_.context());
    if (!stopping_) adopted.assign(acceptor_.local_endpoint(error).protocol(), socket, error);
    if (stopping_ || error)
        ::close(socket);
    else
        welcome(std::move(adopted));
}

void Clients::welcome(tcp::socket socket) {
    const std::uint64_t id = ++accepted_;
    auto client = std::make_shared<Client>(*this, std::move(socket), id);
    clients_[id] = client;
    client->start();
    const std::size_t most = loop_.config().clients_max;
    if (clients_.size() <= most) return;
    auto reason = Error::make(sqlstate::too_many_connections, "sorry, too many clients already")
                      .with_detail("Node " + loop_.config().name + " serves at most " + std::to_string(most) +
                                   " clients.");
    if (clients_.size() <= most + refused_max) return client->refuse(std::move(reason));
    client->terminate(reason);
    loop_.turn();
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

void Clients::notify(const std::string& channel, const std::string& payload) {
    for (auto& [id, client] : clients_) client->notify(channel, payload);
}

void Clients::write_all() {
    while (!dirty_.empty()) {
        auto batch = std::move(dirty_);
        dirty_.clear();
        for (auto& client : batch) client->write();
        // Not before all have been answered: while they read, the next requests come.
        for (auto& client : batch) client->resume();
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
