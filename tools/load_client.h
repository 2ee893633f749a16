// A closed-loop load client for PostgreSQL's protocol: many connections, one prepared call each, one thread.
// The same client drives anabranch and PostgreSQL, so that what is compared is the servers.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "lib/base/error.h"

namespace anabranch::tools {

struct LoadResult {
    std::uint64_t calls = 0, errors = 0;
    double seconds = 0;
    std::uint32_t p50_micros = 0, p99_micros = 0;
    std::string first_error;
    double per_second() const { return seconds == 0 ? 0 : static_cast<double>(calls) / seconds; }
};

struct LoadOptions {
    std::string host = "127.0.0.1";  // a path: the directory of a Unix socket
    std::uint16_t port = 0;
    std::string user = "app", database = "bank";
    std::string statement;  // with $1, $2: prepared once per connection
    // Text parameters of the n-th call of a connection.
    std::function<std::vector<std::string>(std::uint32_t connection, std::uint64_t n)> parameters;
    std::uint32_t connections = 16;
    std::uint32_t depth = 1;  // calls under way per connection
    std::uint32_t seconds = 3;
    double calls_per_second = 0;  // of all connections together, at most; 0: as many as are taken
};
Result<LoadResult> run_load(const LoadOptions& options);
// One statement, its result thrown away.
Result<void> run_once(const LoadOptions& where, const std::string& sql);

}  // namespace anabranch::tools
