#include "node/io/peers.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <deque>
#include <vector>

#include "lib/wire/codec.h"
#include "node/io/compress.h"

namespace anabranch::io {

namespace {
// [u32 size, its highest bit: the body is compressed][body]
constexpr std::size_t frame_header_bytes = 4;
constexpr std::uint32_t compressed_bit = 0x80000000;
constexpr auto redial_min = std::chrono::milliseconds(50);
constexpr auto redial_max = std::chrono::milliseconds(1000);
// A greeting is small: what is not yet known to be a peer may not make us reserve memory.
constexpr std::size_t greeting_bytes_max = 64 * 1024;
}  // namespace

class Peers::Outgoing : public std::enable_shared_from_this<Outgoing> {
  public:
    Outgoing(Peers& peers, NodePeer peer)
        : peers_(peers),
          peer_(std::move(peer)),
          socket_(peers.loop_.context()),
          resolver_(peers.loop_.context()),
          timer_(peers.loop_.context()) {}

    void dial() {
        if (stopped_) return;
        resolver_.async_resolve(peer_.address.host, std::to_string(peer_.address.port),
                                [self = shared_from_this()](boost::system::error_code error,
                                                            const tcp::resolver::results_type& found) {
                                    if (error) return self->later();
                                    asio::async_connect(
                                        self->socket_, found,
                                        [self](boost::system::error_code problem, const tcp::endpoint&) {
                                            problem ? self->later() : self->connected();
                                        });
                                });
    }
    void send(Bytes frame) {
        if (!up_) return;
        peers_.bytes_sent_ += frame.size();
        queue_.push_back(std::move(frame));
        write();
    }
    void close(bool tell) {
        const bool was_up = std::exchange(up_, false);
        boost::system::error_code ignored;
        socket_.close(ignored);
        queue_.clear();
        if (was_up && tell) {
            auto& loop = peers_.loop_;
            loop.replica().step(replica::PeerDown{peer_.name}, loop.now(), loop.outputs());
            loop.turn();
        }
    }
    void restart(bool tell) {
        close(tell);
        later();
    }
    void stop() {
        stopped_ = true;
        timer_.cancel();
        resolver_.cancel();
        close(false);
    }
    bool up() const { return up_; }

  private:
    void connected() {
        if (stopped_) return;
        boost::system::error_code ignored;
        socket_.set_option(tcp::no_delay(true), ignored);
        up_ = true;
        writing_ = false;
        connected_at_ = loop_now();
        ++generation_;
        watch();
        auto& loop = peers_.loop_;
        loop.replica().step(replica::PeerUp{peer_.name}, loop.now(), loop.outputs());
        loop.turn();
    }
    // Nothing is ever sent to us on this connection: a read ends when the other side closes it.
    void watch() {
        socket_.async_read_some(asio::buffer(watched_), [self = shared_from_this(), generation = generation_](
                                                            boost::system::error_code error, std::size_t) {
            if (self->generation_ != generation) return;
            if (!error) return self->watch();
            self->lost();
        });
    }
    void lost() {
        if (!up_ || stopped_) return;
        // A peer that hangs up at once is dialled less and less often.
        if (loop_now() - connected_at_ > seconds(1)) delay_ = redial_min;
        restart(true);
    }
    Instant loop_now() const { return peers_.loop_.now(); }
    void later() {
        if (stopped_ || waiting_) return;
        waiting_ = true;
        timer_.expires_after(delay_);
        delay_ = std::min<std::chrono::milliseconds>(delay_ * 2, redial_max);
        timer_.async_wait([self = shared_from_this()](boost::system::error_code error) {
            self->waiting_ = false;
            if (error || self->up_ || self->stopped_) return;
            self->socket_ = tcp::socket(self->peers_.loop_.context());
            self->dial();
        });
    }
    void write() {
        if (writing_ || queue_.empty()) return;
        writing_ = true;
        batch_.clear();
        batch_.swap(queue_);
        std::vector<asio::const_buffer> buffers;
        for (const auto& frame : batch_) buffers.push_back(asio::buffer(frame));
        asio::async_write(socket_, buffers,
                          [self = shared_from_this(), generation = generation_](
                              boost::system::error_code error, std::size_t) {
                              if (self->generation_ != generation) return;
                              self->writing_ = false;
                              if (error) return self->lost();
                              self->write();
                          });
    }

    Peers& peers_;
    const NodePeer peer_;
    tcp::socket socket_;
    tcp::resolver resolver_;
    asio::steady_timer timer_;
    std::chrono::milliseconds delay_ = redial_min;
    Instant connected_at_;
    std::uint64_t generation_ = 0;
    bool up_ = false, writing_ = false, waiting_ = false, stopped_ = false;
    std::deque<Bytes> queue_, batch_;
    char watched_[16];
};

class Peers::Incoming : public std::enable_shared_from_this<Incoming> {
  public:
    Incoming(Peers& peers, tcp::socket socket) : peers_(peers), socket_(std::move(socket)) {}
    void read() {
        asio::async_read(
            socket_, asio::buffer(header_),
            [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                if (error) return self->close();
                const std::uint32_t word = ByteReader(BytesView(self->header_, sizeof self->header_)).u32();
                const std::size_t size = word & ~compressed_bit;
                self->compressed_ = (word & compressed_bit) != 0;
                const std::size_t limit = self->name.empty() ? greeting_bytes_max : wire::message_bytes_max;
                if (size == 0 || size > limit) {
                    self->peers_.loop_.report(replica::Notice::Level::warning,
                                              "gossip port: a message of " + std::to_string(size) +
                                                  " bytes from " + self->from() + " refused");
                    return self->close();
                }
                self->body_.resize(size);
                self->read_body();
            });
    }
    void close() {
        if (closed_) return;
        closed_ = true;
        boost::system::error_code ignored;
        socket_.close(ignored);
        peers_.incoming_closed(*this);
    }
    std::string from() const {
        boost::system::error_code error;
        const auto remote = socket_.remote_endpoint(error);
        return error ? std::string("a closed connection")
                     : remote.address().to_string() + ":" + std::to_string(remote.port());
    }
    std::string name;  // of the peer, once it has greeted

  private:
    void read_body() {
        asio::async_read(socket_, asio::buffer(body_),
                         [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                             if (error || self->closed_) return self->close();
                             self->peers_.count_received(self->body_.size() + frame_header_bytes);
                             if (self->compressed_ && !self->unpack()) return self->close();
                             self->peers_.received(*self, std::move(self->body_));
                             self->body_ = {};
                             if (!self->closed_) self->read();
                         });
    }
    bool unpack() {
        const std::size_t limit = name.empty() ? greeting_bytes_max : wire::message_bytes_max;
        auto body = decompress(body_, limit);
        if (!body) {
            peers_.loop_.report(replica::Notice::Level::warning,
                                "gossip port: a compressed message from " + from() + " cannot be read");
            return false;
        }
        body_ = std::move(*body);
        return true;
    }
    Peers& peers_;
    tcp::socket socket_;
    char header_[frame_header_bytes];
    Bytes body_;
    bool compressed_ = false;
    bool closed_ = false;
};

Peers::Peers(Loop& loop, tcp::acceptor acceptor) : loop_(loop), acceptor_(std::move(acceptor)) {}
Peers::~Peers() = default;

void Peers::start() {
    for (const auto& peer : loop_.config().peers) {
        auto& link = outgoing_[peer.name] = std::make_shared<Outgoing>(*this, peer);
        link->dial();
    }
    accept();
}

void Peers::stop() {
    stopping_ = true;
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    for (auto& [name, link] : outgoing_) link->stop();
    auto links = incoming_;
    for (auto& [name, link] : links) link->close();
}

void Peers::accept() {
    acceptor_.async_accept([this](boost::system::error_code error, tcp::socket socket) {
        if (stopping_) return;
        if (!error) std::make_shared<Incoming>(*this, std::move(socket))->read();
        accept();
    });
}

void Peers::received(Incoming& link, Bytes frame) {
    auto message = wire::decode(frame);
    if (!message) {
        loop_.report(replica::Notice::Level::warning,
                     "gossip port: " + message.error().message + " from " + link.from());
        return link.close();
    }
    if (const auto* hello = std::get_if<wire::Hello>(&*message); hello != nullptr && link.name.empty()) {
        if (!outgoing_.contains(hello->name)) {
            loop_.report(replica::Notice::Level::warning, "gossip port: " + link.from() + " calls itself " +
                                                              hello->name + ", which is no peer of node " +
                                                              loop_.config().name);
            return link.close();
        }
        link.name = hello->name;
        auto& known = incoming_[link.name];
        const auto old = std::exchange(known, link.shared_from_this());
        if (old != nullptr) old->close();
    }
    if (link.name.empty()) {
        loop_.report(replica::Notice::Level::warning, "gossip port: " + link.from() + " did not greet first");
        return link.close();
    }
    loop_.replica().step(replica::FromPeer{link.name, std::move(*message)}, loop_.now(), loop_.outputs());
    loop_.turn();
}

void Peers::incoming_closed(Incoming& link) {
    const auto found = incoming_.find(link.name);
    if (link.name.empty() || found == incoming_.end() || found->second.get() != &link) return;
    incoming_.erase(found);
}

void Peers::send(const std::string& peer, const wire::Message& message) {
    const auto found = outgoing_.find(peer);
    if (found == outgoing_.end() || !found->second->up()) return;
    const Bytes plain = wire::encode(message);
    const auto packed = plain.size() >= compress_from_bytes ? compress(plain) : std::nullopt;
    const BytesView body = packed ? *packed : plain;
    Bytes frame;
    frame.reserve(body.size() + frame_header_bytes);
    ByteWriter writer(frame);
    writer.u32(static_cast<std::uint32_t>(body.size()) | (packed ? compressed_bit : 0));
    writer.raw(body);
    found->second->send(std::move(frame));
}

void Peers::disconnect(const std::string& peer, const std::string&) {
    const auto link = incoming_.find(peer);
    if (link != incoming_.end()) {
        const auto keep = link->second;
        keep->close();
        return;
    }
    if (const auto found = outgoing_.find(peer); found != outgoing_.end()) found->second->restart(true);
}

}  // namespace anabranch::io
