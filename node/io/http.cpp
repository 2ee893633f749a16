#include "node/io/http.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <charconv>

namespace anabranch::io {

namespace beast = boost::beast;
namespace http = beast::http;

namespace {

std::string decode(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        unsigned byte = 0;
        if (text[i] == '%' && i + 2 < text.size() &&
            std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16).ec == std::errc()) {
            out.push_back(static_cast<char>(byte));
            i += 2;
        } else {
            out.push_back(text[i] == '+' ? ' ' : text[i]);
        }
    }
    return out;
}

std::map<std::string, std::string> parse_query(std::string_view text) {
    std::map<std::string, std::string> out;
    while (!text.empty()) {
        const auto part = text.substr(0, text.find('&'));
        const auto equals = part.find('=');
        out[decode(part.substr(0, equals))] =
            equals == std::string_view::npos ? "" : decode(part.substr(equals + 1));
        text.remove_prefix(std::min(text.size(), part.size() + 1));
    }
    return out;
}

}  // namespace

class Http::Connection : public std::enable_shared_from_this<Connection> {
  public:
    Connection(tcp::socket socket, const Handler& answer) : stream_(std::move(socket)), answer_(answer) {}
    void read() {
        request_.emplace();
        request_->body_limit(64 * 1024);
        request_->header_limit(16 * 1024);
        stream_.expires_after(std::chrono::seconds(30));
        http::async_read(stream_, buffer_, *request_,
                         [self = shared_from_this()](beast::error_code error, std::size_t) {
                             if (!error) self->respond();
                         });
    }

  private:
    void respond() {
        const auto& request = request_->get();
        const std::string target(request.target());
        const auto question = target.find('?');
        const auto answer = answer_(std::string(request.method_string()), target.substr(0, question),
                                    question == std::string::npos ? std::map<std::string, std::string>()
                                                                  : parse_query(target.substr(question + 1)));
        response_ = {};
        response_.version(request.version());
        response_.result(answer.status);
        response_.set(http::field::server, "anabranch");
        response_.set(http::field::content_type, answer.type);
        response_.set(http::field::cache_control, "no-store");
        response_.keep_alive(request.keep_alive());
        response_.body() = answer.body;
        response_.prepare_payload();
        http::async_write(stream_, response_,
                          [self = shared_from_this()](beast::error_code error, std::size_t) {
                              if (!error && self->response_.keep_alive()) self->read();
                          });
    }
    beast::tcp_stream stream_;
    const Handler& answer_;
    beast::flat_buffer buffer_{128 * 1024};
    std::optional<http::request_parser<http::string_body>> request_;
    http::response<http::string_body> response_;
};

Http::Http(asio::io_context& context, tcp::acceptor acceptor, Handler answer)
    : context_(context), acceptor_(std::move(acceptor)), answer_(std::move(answer)) {}
Http::~Http() = default;
void Http::start() {
    accept();
}
void Http::stop() {
    stopping_ = true;
    boost::system::error_code ignored;
    acceptor_.close(ignored);
}
void Http::accept() {
    acceptor_.async_accept([this](boost::system::error_code error, tcp::socket socket) {
        if (stopping_) return;
        if (!error) std::make_shared<Connection>(std::move(socket), answer_)->read();
        accept();
    });
}

namespace {

// Asynchronous, because only then does the deadline hold: a node that is stopped accepts and never answers.
asio::awaitable<HttpAnswer> exchange(Address address, std::string method, std::string target) {
    const auto executor = co_await asio::this_coro::executor;
    beast::tcp_stream stream(executor);
    stream.expires_after(std::chrono::seconds(10));
    tcp::resolver resolver(executor);
    co_await stream.async_connect(resolver.resolve(address.host, std::to_string(address.port)),
                                  asio::use_awaitable);
    http::request<http::empty_body> request{http::string_to_verb(method), target, 11};
    request.set(http::field::host, address.host);
    request.keep_alive(false);
    request.prepare_payload();
    co_await http::async_write(stream, request, asio::use_awaitable);
    beast::flat_buffer buffer;
    http::response<http::string_body> response;
    co_await http::async_read(stream, buffer, response, asio::use_awaitable);
    co_return HttpAnswer{response.result_int(), std::string(response[http::field::content_type]),
                         response.body()};
}

}  // namespace

Result<HttpAnswer> http_request(const Address& address, const std::string& method,
                                const std::string& target) {
    const auto unreachable = [&](const std::string& why) {
        return fail(Error::make("08001", "no answer from http://" + address.describe() + ": " + why)
                        .with_hint("Is the node running, and is this the address it printed for http?"));
    };
    try {
        asio::io_context context;
        auto answer = asio::co_spawn(context, exchange(address, method, target), asio::use_future);
        context.run();
        return answer.get();
    } catch (const boost::system::system_error& problem) {
        return unreachable(problem.code().message());
    } catch (const std::exception& problem) {
        return unreachable(problem.what());
    }
}

}  // namespace anabranch::io
