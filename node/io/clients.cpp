#include "node/io/clients.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <chrono>
#include <random>

#include "node/io/file.h"

namespace anabranch::io {

namespace {
// Who has not proved who he is by then is turned away, as in PostgreSQL.
constexpr auto authentication_timeout = std::chrono::seconds(60);
// Clients beyond the limit that are heard out, so that each is told in its own way.
constexpr std::size_t refused_max = 20;
// Who has been answered does not wait longer for the others.
constexpr auto told_together_max = std::chrono::microseconds(500);
}  // namespace

// The bytes of a client come and go by readiness_, from the start of TLS on by Asio.
class Clients::Client : public std::enable_shared_from_this<Client> {
  public:
    Client(Clients& clients, int socket, std::uint64_t number)
        : id(number),
          secret(static_cast<std::uint32_t>(std::random_device()())),
          clients_(clients),
          socket_(socket),
          timer_(clients.loop_.context()),
          backend_(std::make_unique<session::Backend>(clients.loop_, clients.cache_, number)),
          session_(*backend_, options(socket)) {
        const int on = 1;  // but for TCP
        (void)::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        (void)::fcntl(socket, F_SETFL, ::fcntl(socket, F_GETFL) | O_NONBLOCK);
    }

    void start() {
        if (!clients_.readiness_.watch(socket_.get(), id)) return close();
        deadline_ = Clock::now() + authentication_timeout;
        arm();
    }
    using Transfer = Transfers::Transfer;
    bool reads(const Readiness::Event& event) const { return event.readable && !paused_ && !tls_; }
    Transfer reading() { return {socket_.get(), buffer_, sizeof buffer_}; }
    // `read`: what has become of reading(), if it has been tried.
    void ready(const Readiness::Event& event, const Transfer* read) {
        if (tls_ || closed_) return;  // as of a moment ago
        if (event.writable && writing_) go_on_writing();
        if (closed_) return;
        if (read != nullptr) return has_read(read->done);
        if (event.broken) vanish();
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
    // Takes what is to be sent; true: by writing().
    bool begin_writing() {
        marked_ = false;
        if (writing_ || closed_) return false;
        session_.take_output(output_);
        sent_ = 0;
        if (!output_.empty() && !tls_) return true;
        end_writing();
        return false;
    }
    Transfer writing() { return {socket_.get(), output_.data() + sent_, output_.size() - sent_}; }
    // As much as the socket takes without waiting: nearly always all.
    void has_written(ssize_t size) {
        if (size > 0) sent_ += static_cast<std::size_t>(size);
    }
    void end_writing() {
        if (sent_ == output_.size()) {
            output_.clear();
            if (session_.wants_close()) close();
            return;
        }
        writing_ = true;
        if (!tls_) return attend_socket();
        asio::async_write(tls_->stream, asio::buffer(output_),
                          [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                              if (self->closed_) return;
                              error ? self->vanish() : self->written();
                          });
    }
    // Goes on reading, unless the client sends and sends without taking its answers, or before they can be
    // given.
    void resume() {
        if (!paused_ || closed_) return;
        if (session_.wants_tls() && !writing_) return shake_hands();
        const std::size_t waiting = session_.waiting_bytes() + (writing_ ? output_.size() : 0);
        if (session_.wants_tls() || session_.wants_close() || waiting > waiting_bytes_max)
            return attend_socket();
        paused_ = false;
        tls_ ? read_tls() : attend_socket();
    }
    void close() {
        if (closed_) return;
        closed_ = true;
        timer_.cancel();
        if (tls_) {
            boost::system::error_code ignored;
            tls_->socket.shutdown(tcp::socket::shutdown_both, ignored);
            tls_->socket.close(ignored);
        } else {
            clients_.readiness_.forget(socket_.get());
            ::shutdown(socket_.get(), SHUT_RDWR);
            socket_ = File();
        }
        backend_.reset();
        clients_.loop_.watch().forget(id);
        clients_.remove(id);
    }
    bool closed() const { return closed_; }
    bool waits_for_disk() const { return session_.waits_for_disk(); }

    const std::uint64_t id;
    const std::uint32_t secret;

  private:
    pgwire::SessionOptions options(int socket) const {
        pgwire::SessionOptions options;
        options.backend_pid = static_cast<std::uint32_t>(id);
        options.cancel_secret = secret;
        options.startup = clients_.security_->startup(via_of(socket));
        return options;
    }
    void has_read(ssize_t size) {
        if (size == -EAGAIN || size == -EINTR) return;
        if (size <= 0) return vanish();
        received(static_cast<std::size_t>(size));
    }
    // Tells what is waited for, where that has changed.
    void attend_socket() {
        if (tls_ || closed_) return;
        const bool read = !paused_, write = writing_;
        if (read == reads_ && write == writes_) return;
        clients_.readiness_.change(socket_.get(), id, reads_ = read, writes_ = write);
    }
    void read_tls() {
        tls_->stream.async_read_some(
            asio::buffer(buffer_),
            [self = shared_from_this()](boost::system::error_code error, std::size_t size) {
                if (self->closed_) return;
                if (error) return self->vanish();
                self->received(size);
                self->clients_.loop_.turn_soon();
            });
    }
    void received(std::size_t size) {
        session_.receive({buffer_, size});
        if (const auto cancel = session_.cancel_request()) clients_.cancel(cancel->pid, cancel->secret);
        attend(false);
        paused_ = true;
        mark();
    }
    void go_on_writing() {
        auto rest = writing();
        clients_.transfers_.send({&rest, 1});
        has_written(rest.done);
        if (sent_ == output_.size()) written();
    }
    void written() {
        writing_ = false;
        const auto self = shared_from_this();
        clients_.write({&self, 1});
        resume();
        attend_socket();
    }
    void shake_hands() {
        paused_ = false;
        clients_.readiness_.forget(socket_.get());
        tls_.emplace(clients_.loop_.context(), *clients_.security_->tls());
        boost::system::error_code refused;
        tls_->socket.assign(clients_.family_, socket_.release(), refused);
        if (refused) return vanish();
        tls_->stream.async_handshake(asio::ssl::stream_base::server,
                                     [self = shared_from_this()](boost::system::error_code error) {
                                         if (self->closed_) return;
                                         if (error) return self->vanish();
                                         self->session_.tls_started();
                                         self->read_tls();
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

    struct Tls {
        Tls(asio::io_context& context, asio::ssl::context& security)
            : socket(context), stream(socket, security) {}
        tcp::socket socket;
        asio::ssl::stream<tcp::socket&> stream;
    };
    Clients& clients_;
    File socket_;  // without TLS
    asio::steady_timer timer_;
    std::unique_ptr<session::Backend> backend_;
    pgwire::Session session_;
    std::optional<Tls> tls_;
    char buffer_[16 * 1024];
    std::string output_;
    std::size_t sent_ = 0;  // of it
    static constexpr std::size_t waiting_bytes_max = std::size_t{4} << 20;
    using Clock = std::chrono::steady_clock;
    Clock::time_point deadline_ = Clock::time_point::max(), armed_ = Clock::time_point::max();
    bool known_ = false, busy_ = false, timed_out_ = false;
    bool writing_ = false, closed_ = false, marked_ = false;
    bool paused_ = false;                 // not reading, though connected
    bool reads_ = true, writes_ = false;  // what readiness_ knows
};

Clients::Clients(Loop& loop, tcp::acceptor acceptor, std::unique_ptr<LocalSocket> local,
                 std::unique_ptr<Security> security)
    : loop_(loop),
      acceptor_(std::move(acceptor)),
      family_(acceptor_.local_endpoint().protocol()),
      local_(std::move(local)),
      local_acceptor_(loop.context()),
      security_(std::move(security)),
      readiness_(loop.context(), [this](std::span<const Readiness::Event> events) { ready(events); }) {}
Clients::~Clients() = default;

// What they have sent is read together, before any of it is acted on.
void Clients::ready(std::span<const Readiness::Event> events) {
    reading_.clear();
    for (const auto& event : events) {
        const auto found = clients_.find(event.id);
        auto& told = told_.emplace_back();
        if (found == clients_.end()) continue;
        told.client = found->second;
        told.reads = told.client->reads(event);
        if (told.reads) reading_.push_back(told.client->reading());
    }
    transfers_.receive(reading_);
    auto read = reading_.cbegin();
    auto begun = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < events.size(); ++i) {
        const auto* done = told_[i].reads ? &*read++ : nullptr;
        if (told_[i].client != nullptr) told_[i].client->ready(events[i], done);
        if (const auto now = std::chrono::steady_clock::now(); now - begun > told_together_max) {
            loop_.turn_all();
            begun = now;
        }
    }
    told_.clear();
    loop_.turn_all();
}

void Clients::start() {
    accept(acceptor_);
    if (!local_) return;
    local_acceptor_.assign({}, local_->release_listener());
    accept(local_acceptor_);
}

template <typename Acceptor>
void Clients::accept(Acceptor& acceptor) {
    acceptor.async_accept([this, &acceptor](boost::system::error_code error, auto socket) {
        if (stopping_) return;
        if (!error) welcome(socket.release());
        accept(acceptor);
    });
}

void Clients::adopt(int socket) {
    if (stopping_)
        ::close(socket);
    else
        welcome(socket);
}

void Clients::welcome(int socket) {
    const std::uint64_t id = ++accepted_;
    auto client = std::make_shared<Client>(*this, socket, id);
    clients_[id] = client;
    client->start();
    if (client->closed()) return;
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
    local_acceptor_.close(ignored);
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

void Clients::write(std::span<const std::shared_ptr<Client>> clients) {
    sending_.clear();
    writers_.clear();
    for (const auto& client : clients) {
        if (!client->begin_writing()) continue;
        writers_.push_back(client.get());
        sending_.push_back(client->writing());
    }
    transfers_.send(sending_);
    for (std::size_t i = 0; i < writers_.size(); ++i) {
        writers_[i]->has_written(sending_[i].done);
        writers_[i]->end_writing();
    }
}

bool Clients::write_all() {
    bool waiting = false;
    while (!dirty_.empty()) {
        auto batch = std::move(dirty_);
        dirty_.clear();
        write(batch);
        for (auto& client : batch) waiting = waiting || client->waits_for_disk();
        // Not before all have been answered: while they read, the next requests come.
        for (auto& client : batch) client->resume();
    }
    return waiting;
}

void Clients::cancel(std::uint32_t pid, std::uint32_t secret) {
    const auto found = clients_.find(pid);
    if (found != clients_.end() && found->second->secret == secret) found->second->cancel();
}

void Clients::remove(std::uint64_t id) {
    clients_.erase(id);
}

}  // namespace anabranch::io
