#include "tools/load_client.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <deque>
#include <memory>

#include "node/io/file.h"
#include "node/pgwire/codec.h"

namespace anabranch::tools {

namespace {

using pgwire::MessageReader;
using pgwire::MessageWriter;
using Clock = std::chrono::steady_clock;

Error broken(const std::string& what) {
    return Error::make("08006", "load client: " + what);
}

class Connection {
  public:
    Result<void> open(const LoadOptions& options) {
        const bool local = options.host.starts_with("/");
        socket_ = io::File(::socket(local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        int problem = 0;
        if (local) {
            sockaddr_un address{};
            address.sun_family = AF_UNIX;
            const std::string path = options.host + "/.s.PGSQL." + std::to_string(options.port);
            std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
            problem = ::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
        } else {
            sockaddr_in address{};
            address.sin_family = AF_INET;
            address.sin_port = htons(options.port);
            address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            problem = ::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
            const int on = 1;
            ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        }
        if (problem != 0)
            return fail(broken("cannot connect to port " + std::to_string(options.port) + ": " +
                               std::strerror(errno)));
        std::string out(4, '\0');
        MessageWriter writer(out);
        writer.i32(196608);
        for (const auto& word :
             {std::string("user"), options.user, std::string("database"), options.database})
            writer.text(word);
        writer.i8(0);
        writer.patch32(0, static_cast<std::uint32_t>(out.size()));
        TRY_VOID(write(out));
        return wait_ready();
    }
    Result<void> query(const std::string& sql) {
        std::string out;
        MessageWriter writer(out);
        writer.begin('Q');
        writer.text(sql);
        writer.end();
        TRY_VOID(write(out));
        TRY_VOID(wait_ready());
        if (!error_.empty()) return fail(broken(std::exchange(error_, {})));
        return {};
    }
    Result<void> prepare(const std::string& statement) {
        std::string out;
        MessageWriter writer(out);
        writer.begin('P');
        writer.text("s");
        writer.text(statement);
        writer.i16(0);
        writer.end();
        pgwire::write_empty(writer, 'S');
        TRY_VOID(write(out));
        TRY_VOID(wait_ready());
        if (!error_.empty()) return fail(broken(std::exchange(error_, {})));
        return {};
    }
    void add_call(std::string& out, const std::vector<std::string>& parameters) {
        MessageWriter writer(out);
        writer.begin('B');
        writer.text("");
        writer.text("s");
        writer.i16(0);
        writer.i16(static_cast<std::uint16_t>(parameters.size()));
        for (const auto& parameter : parameters) {
            writer.i32(static_cast<std::uint32_t>(parameter.size()));
            writer.raw(parameter);
        }
        writer.i16(0);
        writer.end();
        writer.begin('E');
        writer.text("");
        writer.i32(0);
        writer.end();
        pgwire::write_empty(writer, 'S');
        sent_.push_back(Clock::now());
    }
    Result<void> write(std::string_view bytes) {
        while (!bytes.empty()) {
            const auto n = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (n < 0 && errno != EINTR)
                return fail(broken(std::string("cannot write: ") + std::strerror(errno)));
            if (n > 0) bytes.remove_prefix(static_cast<std::size_t>(n));
        }
        return {};
    }
    // Reads what is there; counts finished calls (ReadyForQuery) and errors.
    Result<std::uint32_t> read(LoadResult& result, std::vector<std::uint32_t>& latencies) {
        TRY_VOID(fill());
        std::uint32_t finished = 0;
        while (const auto message = next()) {
            if (message->first == 'E') {
                ++result.errors;
                if (result.first_error.empty()) result.first_error = text_of(message->second);
            }
            if (message->first != 'Z') continue;
            ++finished;
            ++result.calls;
            if (sent_.empty()) continue;
            latencies.push_back(static_cast<std::uint32_t>(
                std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - sent_.front()).count()));
            sent_.pop_front();
        }
        return finished;
    }
    int descriptor() const { return socket_.get(); }
    std::uint64_t calls = 0;
    std::uint32_t under_way = 0;

  private:
    Result<void> wait_ready() {
        for (;;) {
            while (const auto message = next()) {
                if (message->first == 'E') error_ = text_of(message->second);
                if (message->first == 'Z') return {};
            }
            TRY_VOID(fill());
        }
    }
    static std::string text_of(std::string_view body) {
        MessageReader reader(body);
        while (!reader.failed()) {
            const char code = static_cast<char>(reader.i8());
            if (code == 0) break;
            const auto text = reader.text();
            if (code == 'M') return std::string(text);
        }
        return "unknown error";
    }
    Result<void> fill() {
        if (used_ > 0) buffer_.erase(0, std::exchange(used_, 0));
        char chunk[65536];
        const auto n = ::recv(socket_.get(), chunk, sizeof chunk, 0);
        if (n < 0 && errno == EINTR) return {};
        if (n <= 0) return fail(broken(error_.empty() ? "the server closed the connection" : error_));
        buffer_.append(chunk, static_cast<std::size_t>(n));
        return {};
    }
    std::optional<std::pair<char, std::string_view>> next() {
        const std::string_view in = std::string_view(buffer_).substr(used_);
        if (in.size() < 5) return {};
        const std::size_t size = MessageReader(in.substr(1)).i32();
        if (in.size() < size + 1) return {};
        used_ += size + 1;
        return std::pair{in[0], in.substr(5, size - 4)};
    }
    io::File socket_;
    std::string buffer_;
    std::size_t used_ = 0;
    std::string error_;
    std::deque<Clock::time_point> sent_;
};

}  // namespace

Result<LoadResult> run_load(const LoadOptions& options) {
    std::vector<std::unique_ptr<Connection>> connections;
    std::vector<pollfd> polled;
    for (std::uint32_t i = 0; i < options.connections; ++i) {
        connections.push_back(std::make_unique<Connection>());
        TRY_VOID(connections.back()->open(options));
        TRY_VOID(connections.back()->prepare(options.statement));
        polled.push_back({connections.back()->descriptor(), POLLIN, 0});
    }
    LoadResult result;
    std::vector<std::uint32_t> latencies;
    std::string out;
    const auto started = Clock::now();
    const auto until = started + std::chrono::seconds(options.seconds);
    std::uint64_t made = 0;
    const auto may_call = [&] {
        return options.calls_per_second == 0 ||
               static_cast<double>(made) <
                   options.calls_per_second * std::chrono::duration<double>(Clock::now() - started).count();
    };
    const auto refill = [&](std::uint32_t i) -> Result<void> {
        auto& connection = *connections[i];
        out.clear();
        for (; connection.under_way < options.depth && may_call(); ++connection.under_way, ++made)
            connection.add_call(out, options.parameters(i, connection.calls++));
        return out.empty() ? Result<void>() : connection.write(out);
    };
    while (Clock::now() < until) {
        for (std::uint32_t i = 0; i < options.connections && may_call(); ++i) TRY_VOID(refill(i));
        if (::poll(polled.data(), polled.size(), options.calls_per_second == 0 ? 1000 : 1) < 0 &&
            errno != EINTR)
            return fail(broken("poll failed"));
        for (std::uint32_t i = 0; i < options.connections; ++i) {
            if ((polled[i].revents & (POLLIN | POLLHUP | POLLERR)) == 0) continue;
            TRY(const auto finished, connections[i]->read(result, latencies));
            connections[i]->under_way -= std::min(finished, connections[i]->under_way);
            TRY_VOID(refill(i));
        }
    }
    result.seconds = std::chrono::duration<double>(Clock::now() - started).count();
    std::sort(latencies.begin(), latencies.end());
    if (!latencies.empty()) {
        result.p50_micros = latencies[latencies.size() / 2];
        result.p99_micros = latencies[latencies.size() * 99 / 100];
    }
    return result;
}

Result<void> run_once(const LoadOptions& where, const std::string& sql) {
    Connection connection;
    TRY_VOID(connection.open(where));
    return connection.query(sql);
}

}  // namespace anabranch::tools
