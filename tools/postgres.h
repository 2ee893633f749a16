// A private PostgreSQL server in a temporary directory, for comparison: Unix socket only, stopped and removed
// at the end, also when this process is killed.
#pragma once

#include <cstdio>
#include <memory>
#include <string>

#include "lib/base/error.h"

namespace anabranch::tools {

class Postgres {
  public:
    static constexpr std::uint16_t port = 5432, standby_port = 5433;  // in the names of the sockets

    static Result<Postgres> start();  // error 0A000 when it is not installed
    // Adds a second server, and from now on a commit waits until it, too, has it on its disk
    // (synchronous_commit = on).
    Result<void> add_standby();
    const std::string& socket_directory() const { return directory_; }
    Result<void> load(const std::string& schema_file) const;  // into database "postgres", by psql
    Result<double> syncs() const;                             // of the log, by both servers

  private:
    struct Close {
        void operator()(std::FILE* pipe) const { ::pclose(pipe); }
    };
    explicit Postgres(std::string directory);
    // What a query of one value says, by psql.
    Result<std::string> ask(std::uint16_t server, const std::string& query) const;
    std::string directory_;
    bool standby_ = false;
    std::unique_ptr<std::FILE, Close> caretaker_;  // cleans up when this pipe closes, whoever closes it
};

}  // namespace anabranch::tools
