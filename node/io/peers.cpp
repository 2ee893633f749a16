#include "node/io/peers.h"

#include <algorithm>
#include <boost/asio/connect.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <vector>

#include "lib/wire/codec.h"
#include "node/io/compress.h"
#include "node/io/inbox.h"
#include "node/io/link.h"

namespace anabranch::io {

namespace {
constexpr auto redial_min = std::chrono::milliseconds(50);
constexpr auto redial_max = std::chrono::milliseconds(1000);
// A greeting is small: what is not yet known to be a peer may not make us reserve memory.
constexpr std::size_t greeting_bytes_max = 64 * 1024;
// Nor keep a connection for long.
constexpr auto greeting_patience = std::chrono::seconds(10);
constexpr BytesView tls_handshake("\x16\x03", 2);
}  // namespace

class Peers::Outgoing : public std::enable_shared_from_this<Outgoing> {
  public:
    Outgoing(Peers& peers, NodePeer peer)
        : peers_(peers),
          peer_(std::move(peer)),
          resolver_(peers.loop_.context()),
          timer_(peers.loop_.context()) {}

    void dial() {
        if (stopped_) return;
        link_ = std::make_shared<Link>(tcp::socket(peers_.loop_.context()));
        auto found = [self = shared_from_this(), link = link_](boost::system::error_code error,
                                                               const tcp::resolver::results_type& where) {
            if (error) return self->later();
            asio::async_connect(link->socket(), where,
                                [self, link](boost::system::error_code problem, const tcp::endpoint&) {
                                    problem ? self->later() : self->shake_hands(link);
                                });
        };
        resolver_.async_resolve(peer_.address.host, std::to_string(peer_.address.port), std::move(found));
    }
    void send(Bytes frame) {
        if (!up_) return;
        peers_.bytes_sent_ += frame.size();
        queue_.push_back(std::move(frame));
    }
    // Of what is queued, once for the messages of a turn.
    void write() {
        if (writing_ || queue_.empty()) return;
        writing_ = true;
        link_->write(std::exchange(queue_, {}),
                     [self = shared_from_this(), link = link_](boost::system::error_code error) {
                         if (self->link_ != link || !self->up_) return;
                         self->writing_ = false;
                         if (error) return self->lost(error);
                         self->write();
                     });
    }
    void close(bool tell) {
        const bool was_up = std::exchange(up_, false);
        if (link_ != nullptr) link_->close();
        link_.reset();
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
    const Address& address() const { return peer_.address; }

  private:
    void shake_hands(const std::shared_ptr<Link>& link) {
        if (stopped_ || link_ != link) return;
        boost::system::error_code ignored;
        link->socket().set_option(tcp::no_delay(true), ignored);
        // Who accepts and then says nothing is dialled again.
        timer_.expires_after(greeting_patience);
        timer_.async_wait([link](boost::system::error_code error) {
            if (!error) link->close();
        });
        link->shake_hands(peers_.tls_.get(), peer_.name,
                          [self = shared_from_this(), link](boost::system::error_code error) {
                              if (self->stopped_ || self->link_ != link) return;
                              self->timer_.cancel();
                              if (!error) return self->connected(link);
                              self->complain("refused: " + link->why(error));
                              self->restart(false);
                          });
    }
    void connected(const std::shared_ptr<Link>& link) {
        up_ = true;
        writing_ = false;
        connected_at_ = peers_.loop_.now();
        link->wait_for_end([self = shared_from_this(), link](boost::system::error_code error) {
            if (self->link_ == link) self->lost(error);
        });
        auto& loop = peers_.loop_;
        loop.replica().step(replica::PeerUp{peer_.name}, loop.now(), loop.outputs());
        loop.turn();
    }
    void lost(boost::system::error_code error) {
        if (!up_ || stopped_) return;
        // What the other side found wrong with this one's certificate comes after the handshake.
        if (error.category() == asio::error::get_ssl_category()) complain("hung up: " + link_->why(error));
        // A peer that hangs up at once is dialled less and less often.
        if (peers_.loop_.now() - connected_at_ > seconds(1)) delay_ = redial_min;
        restart(true);
    }
    void complain(const std::string& what) {
        peers_.loop_.report(replica::Notice::Level::warning,
                            "peer " + peer_.name + " at " + peer_.address.describe() + " " + what);
    }
    void later() {
        if (stopped_ || waiting_) return;
        waiting_ = true;
        timer_.expires_after(delay_);
        delay_ = std::min<std::chrono::milliseconds>(delay_ * 2, redial_max);
        timer_.async_wait([self = shared_from_this()](boost::system::error_code error) {
            self->waiting_ = false;
            if (error || self->up_ || self->stopped_) return;
            self->dial();
        });
    }
    Peers& peers_;
    const NodePeer peer_;
    std::shared_ptr<Link> link_;  // the newest one
    tcp::resolver resolver_;
    asio::steady_timer timer_;
    std::chrono::milliseconds delay_ = redial_min;
    Instant connected_at_;
    bool up_ = false, writing_ = false, waiting_ = false, stopped_ = false;
    std::vector<Bytes> queue_;
};

class Peers::Incoming : public std::enable_shared_from_this<Incoming> {
  public:
    Incoming(Peers& peers, tcp::socket socket)
        : peers_(peers), link_(std::make_shared<Link>(std::move(socket))), timer_(peers.loop_.context()) {}
    void start() {
        timer_.expires_after(greeting_patience);
        timer_.async_wait([self = weak_from_this()](boost::system::error_code error) {
            const auto link = self.lock();
            if (!error && link != nullptr && link->name.empty()) link->close();
        });
        link_->shake_hands(peers_.tls_.get(), {},
                           [self = shared_from_this()](boost::system::error_code error) {
                               if (self->closed_) return;
                               if (!error) return self->read();
                               self->complain("refused: " + self->link_->why(error));
                               self->close();
                           });
    }
    void close() {
        if (closed_) return;
        closed_ = true;
        timer_.cancel();
        link_->close();
        peers_.incoming_closed(*this);
    }
    void complain(const std::string& what) {
        peers_.loop_.report(replica::Notice::Level::warning, "gossip port: " + link_->host() + " " + what);
    }
    bool may_be(const std::string& node) { return link_->may_be(node); }
    std::string name;  // of the peer, once it has greeted

  private:
    std::size_t bytes_max() const { return name.empty() ? greeting_bytes_max : wire::message_bytes_max; }
    // All that has come in by now is one event for the node, however many messages that is.
    void read() {
        link_->read(inbox_.room(),
                    [self = shared_from_this()](boost::system::error_code error, std::size_t size) {
                        if (error || self->closed_) return self->close();
                        self->inbox_.got(size);
                        while (!self->closed_ && self->may_be_taken())
                            if (!self->take()) break;
                        self->peers_.loop_.turn();
                        if (!self->closed_) self->read();
                    });
    }
    bool may_be_taken() {
        const auto size = inbox_.size();
        if (!size || (*size > 0 && *size <= bytes_max())) return true;
        complain(inbox_.unread().substr(0, 2) == tls_handshake && peers_.tls_ == nullptr
                     ? "refused: it speaks TLS, and this node was started without --cluster-certificate"
                     : "sent a message of " + std::to_string(*size) + " bytes: refused");
        close();
        return false;
    }
    bool take() {
        const auto frame = inbox_.take();
        if (!frame) return false;
        peers_.count_received(frame->body.size() + Inbox::header_bytes);
        if (!frame->compressed) return peers_.received(*this, frame->body), true;
        const auto body = decompress(frame->body, bytes_max());
        if (body) return peers_.received(*this, *body), true;
        complain("sent a compressed message that cannot be read");
        close();
        return false;
    }

    Peers& peers_;
    std::shared_ptr<Link> link_;
    asio::steady_timer timer_;
    Inbox inbox_;
    bool closed_ = false;
};

Peers::Peers(Loop& loop, tcp::acceptor acceptor, std::unique_ptr<ClusterTls> tls)
    : loop_(loop), acceptor_(std::move(acceptor)), tls_(std::move(tls)) {}
Peers::~Peers() = default;

void Peers::start() {
    started_ = true;
    dial();
    accept();
}

void Peers::set(const std::vector<replica::Members::Contact>& contacts) {
    wanted_.clear();
    for (const auto& contact : contacts) {
        NodePeer peer{contact.name, {}};
        const auto& given = loop_.config().peers;
        const auto found = std::find_if(given.begin(), given.end(),
                                        [&](const NodePeer& other) { return other.name == contact.name; });
        if (found != given.end())
            peer.address = found->address;
        else if (auto address = parse_address(contact.address))
            peer.address = *address;
        else
            continue;
        wanted_.push_back(std::move(peer));
    }
    if (started_ && !stopping_) dial();
}

void Peers::dial() {
    for (auto it = outgoing_.begin(); it != outgoing_.end();) {
        const auto& link = *it->second;
        const bool stays = std::any_of(wanted_.begin(), wanted_.end(), [&](const NodePeer& peer) {
            return peer.name == it->first && peer.address.describe() == link.address().describe();
        });
        if (!stays) it->second->stop();
        it = stays ? std::next(it) : outgoing_.erase(it);
    }
    for (const auto& peer : wanted_) {
        if (outgoing_.contains(peer.name)) continue;
        auto& link = outgoing_[peer.name] = std::make_shared<Outgoing>(*this, peer);
        link->dial();
    }
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
        if (!error) std::make_shared<Incoming>(*this, std::move(socket))->start();
        accept();
    });
}

void Peers::received(Incoming& link, BytesView frame) {
    auto message = wire::decode(frame);
    const auto refuse = [&](const std::string& why) {
        link.complain(why);
        link.close();
    };
    if (!message) return refuse("sent nonsense: " + message.error().message);
    if (const auto* hello = std::get_if<wire::Hello>(&*message); hello != nullptr && link.name.empty()) {
        if (!outgoing_.contains(hello->name))
            return refuse("calls itself " + hello->name + ", which is no peer of node " +
                          loop_.config().name);
        if (!link.may_be(hello->name))
            return refuse("calls itself " + hello->name + ", and its certificate is not that node's");
        link.name = hello->name;
        auto& known = incoming_[link.name];
        const auto old = std::exchange(known, link.shared_from_this());
        if (old != nullptr) old->close();
    }
    if (link.name.empty()) return refuse("did not greet first");
    loop_.replica().step(replica::FromPeer{link.name, std::move(*message)}, loop_.now(), loop_.outputs());
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
    frame.reserve(body.size() + Inbox::header_bytes);
    ByteWriter writer(frame);
    writer.u32(static_cast<std::uint32_t>(body.size()) | (packed ? Inbox::compressed_bit : 0));
    writer.raw(body);
    found->second->send(std::move(frame));
}

void Peers::write_all() {
    for (auto& [name, link] : outgoing_) link->write();
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
