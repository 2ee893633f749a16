// A closed-loop load client: many connections, one thread. The same loop drives anabranch, PostgreSQL and
// etcd, so that what is compared is the servers; only what goes over a connection differs.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"
#include "node/io/file.h"

namespace anabranch::tools {

struct LoadResult {
    std::uint64_t calls = 0, errors = 0;
    double seconds = 0;
    double cpu_seconds = 0;  // of the server, if it was asked for
    std::uint32_t p50_micros = 0, p99_micros = 0;
    std::string first_error;
    double per_second() const { return seconds == 0 ? 0 : static_cast<double>(calls) / seconds; }
};

struct LoadCall {
    std::size_t statement = 0;  // of LoadOptions::statements
    std::vector<std::string> parameters;
};

class LoadConnection;
std::unique_ptr<LoadConnection> postgres_connection();

struct LoadOptions {
    std::string host = "127.0.0.1";    // a path: the directory of a Unix socket
    std::vector<std::uint16_t> ports;  // connections are dealt out to them in turn
    std::string user = "app", database = "bank";
    std::vector<std::string> settings;    // SET ..., run on each connection first
    std::vector<std::string> statements;  // with $1, $2: each prepared once per connection
    std::function<LoadCall(std::uint32_t connection, std::uint64_t n)> call;  // the n-th of a connection
    std::uint32_t connections = 16;
    std::uint32_t depth = 1;  // calls under way per connection
    double seconds = 3;
    std::function<double()> cpu;  // what the server has used so far; asked at both ends of the load
    double calls_per_second = 0;  // of all connections together, at most; 0: as many as are taken
    std::function<std::unique_ptr<LoadConnection>()> protocol = postgres_connection;
};
Result<LoadResult> run_load(const LoadOptions& options);
// Statements one after the other on one connection, their results thrown away; the first error ends it.
Result<void> run_all(const LoadOptions& where, const std::vector<std::string>& statements);
Result<void> run_once(const LoadOptions& where, const std::string& sql);

Error broken(const std::string& what);  // of a connection

// A connection and the bytes that came over it and are not taken yet.
class LoadConnection {
  public:
    using Clock = std::chrono::steady_clock;
    virtual ~LoadConnection() = default;
    // Connected and ready for calls.
    virtual Result<void> open(const LoadOptions& options, std::uint16_t port) = 0;
    virtual void add_call(std::string& out, const LoadCall& call) = 0;
    // Takes the oldest answer that is there as a whole: its error, empty if it has none.
    virtual std::optional<std::string> next_answer() = 0;

    Result<void> write(std::string_view bytes);
    Result<void> fill();  // waits for bytes
    int descriptor() const { return socket_.get(); }

    std::uint64_t calls = 0;              // begun
    std::deque<Clock::time_point> begun;  // of those under way

  protected:
    Result<void> connect(const LoadOptions& options, std::uint16_t port);
    std::string_view received() const { return std::string_view(buffer_).substr(used_); }
    void take(std::size_t bytes) { used_ += bytes; }

  private:
    io::File socket_;
    std::string buffer_;
    std::size_t used_ = 0;
};

}  // namespace anabranch::tools
