// A private PostgreSQL server in a temporary directory, for comparison: on a Unix socket, if wanted on a port
// of loopback too, stopped and removed at the end, also when this process is killed.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>

#include "lib/base/error.h"
#include "tools/temporary.h"

namespace anabranch::tools {

class Postgres {
  public:
    // `loopback_port` 0: none. Error 0A000 when it is not installed.
    static Result<Postgres> start(std::uint16_t loopback_port = 0);
    // Adds a second server, and from now on a commit waits until it, too, has it on its disk
    // (synchronous_commit = on).
    Result<void> add_standby();
    const std::string& socket_directory() const { return directory_.path(); }
    Result<void> load(const std::string& schema_file) const;  // into database "postgres", by psql
    std::uint16_t port() const { return port_; }              // in the socket's name, and on loopback
    pid_t process() const;                                    // of the server; its children do the work
    Result<double> syncs() const;                             // of the log, by both servers

  private:
    static constexpr std::uint16_t socket_port = 5432, standby_port = 5433;
    Postgres(TemporaryDirectory directory, std::uint16_t port)
        : directory_(std::move(directory)), port_(port) {}
    // What a query of one value says, by psql.
    Result<std::string> ask(std::uint16_t server, const std::string& query) const;
    TemporaryDirectory directory_;
    std::uint16_t port_ = socket_port;
    bool standby_ = false;
};

}  // namespace anabranch::tools
