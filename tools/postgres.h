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
    static Result<Postgres> start();  // error 0A000 when it is not installed
    const std::string& socket_directory() const { return directory_; }
    Result<void> load(const std::string& schema_file) const;  // into database "postgres", by psql

  private:
    struct Close {
        void operator()(std::FILE* pipe) const { ::pclose(pipe); }
    };
    explicit Postgres(std::string directory);
    std::string directory_;
    std::unique_ptr<std::FILE, Close> caretaker_;  // cleans up when this pipe closes, whoever closes it
};

}  // namespace anabranch::tools
