#include "tools/load_client.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "node/io/local_socket.h"

namespace anabranch::tools {

Error broken(const std::string& what) {
    return Error::make("08006", "load client: " + what);
}

Result<void> LoadConnection::connect(const LoadOptions& options, std::uint16_t port) {
    const bool local = options.host.starts_with("/");
    socket_ = io::File(::socket(local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    int problem = 0;
    if (local) {
        const auto address = io::local_address(options.host, port);
        if (!address) return fail(broken("the path of the socket in " + options.host + " is too long"));
        problem = ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address);
    } else {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        problem = ::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
        const int on = 1;
        ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    if (problem != 0)
        return fail(broken("cannot connect to port " + std::to_string(port) + ": " + std::strerror(errno)));
    return {};
}

Result<void> LoadConnection::write(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto n = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            return fail(broken(std::string("cannot write: ") + std::strerror(errno)));
        if (n > 0) bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return {};
}

Result<void> LoadConnection::fill() {
    if (used_ > 0) buffer_.erase(0, std::exchange(used_, 0));
    char chunk[65536];
    const auto n = ::recv(socket_.get(), chunk, sizeof chunk, 0);
    if (n < 0 && errno == EINTR) return {};
    if (n <= 0) return fail(broken("the server closed the connection"));
    buffer_.append(chunk, static_cast<std::size_t>(n));
    return {};
}

namespace {

using Clock = LoadConnection::Clock;

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

class Load {
  public:
    explicit Load(const LoadOptions& options) : options_(options) {}

    Result<LoadResult> run() {
        for (std::uint32_t i = 0; i < options_.connections; ++i) {
            connections_.push_back(options_.protocol());
            TRY_VOID(connections_.back()->open(options_, options_.ports[i % options_.ports.size()]));
            polled_.push_back({connections_.back()->descriptor(), POLLIN, 0});
        }
        const double cpu_before = options_.cpu ? options_.cpu() : 0;
        started_ = Clock::now();
        while (seconds_since(started_) < options_.seconds) TRY_VOID(turn());
        result_.seconds = seconds_since(started_);
        if (options_.cpu) result_.cpu_seconds = options_.cpu() - cpu_before;
        TRY_VOID(drain());
        std::sort(latencies_.begin(), latencies_.end());
        if (!latencies_.empty()) {
            result_.p50_micros = latencies_[latencies_.size() / 2];
            result_.p99_micros = latencies_[latencies_.size() * 99 / 100];
        }
        return result_;
    }

  private:
    bool may_call() const {
        return options_.calls_per_second == 0 ||
               static_cast<double>(made_) < options_.calls_per_second * seconds_since(started_);
    }
    Result<void> call(std::uint32_t i) {
        auto& connection = *connections_[i];
        out_.clear();
        for (; connection.begun.size() < options_.depth && may_call(); ++made_) {
            connection.add_call(out_, options_.call(i, connection.calls++));
            connection.begun.push_back(Clock::now());
        }
        return out_.empty() ? Result<void>() : connection.write(out_);
    }
    Result<void> turn() {
        for (std::uint32_t i = 0; i < options_.connections && may_call(); ++i) TRY_VOID(call(i));
        return receive(options_.calls_per_second == 0 ? 1000 : 1);
    }
    Result<void> receive(int wait_millis) {
        if (::poll(polled_.data(), polled_.size(), wait_millis) < 0 && errno != EINTR)
            return fail(broken("poll failed"));
        for (std::uint32_t i = 0; i < options_.connections; ++i) {
            if ((polled_[i].revents & (POLLIN | POLLHUP | POLLERR)) == 0) continue;
            TRY_VOID(connections_[i]->fill());
            while (const auto error = connections_[i]->next_answer()) count(*connections_[i], *error);
            if (!over_) TRY_VOID(call(i));
        }
        return {};
    }
    // A call that is never answered would be in no figure.
    Result<void> drain() {
        constexpr double patience = 10;
        over_ = true;
        const auto under_way = [](const auto& connection) { return !connection->begun.empty(); };
        for (const auto since = Clock::now();;) {
            const auto left = std::count_if(connections_.begin(), connections_.end(), under_way);
            if (left == 0) return {};
            if (seconds_since(since) > patience)
                return fail(broken(std::to_string(left) + " connections got no answer for " +
                                   std::to_string(static_cast<int>(patience)) + " seconds"));
            TRY_VOID(receive(100));
        }
    }
    void count(LoadConnection& connection, const std::string& error) {
        if (!error.empty() && ++result_.errors == 1) result_.first_error = error;
        result_.calls += over_ ? 0 : 1;
        if (connection.begun.empty()) return;
        const auto waited = Clock::now() - connection.begun.front();
        connection.begun.pop_front();
        if (over_) return;
        latencies_.push_back(static_cast<std::uint32_t>(
            std::chrono::duration_cast<std::chrono::microseconds>(waited).count()));
    }

    const LoadOptions& options_;
    std::vector<std::unique_ptr<LoadConnection>> connections_;
    std::vector<pollfd> polled_;
    LoadResult result_;
    std::vector<std::uint32_t> latencies_;
    std::string out_;
    Clock::time_point started_;
    std::uint64_t made_ = 0;
    bool over_ = false;  // what comes now is not measured
};

}  // namespace

Result<LoadResult> run_load(const LoadOptions& options) {
    return Load(options).run();
}

}  // namespace anabranch::tools
