// A private PostgreSQL server in a temporary directory, for comparison: Unix socket only, stopped and removed
// at the end.
#pragma once

#include <string>

#include "lib/base/error.h"

namespace anabranch::tools {

class Postgres {
  public:
    static Result<Postgres> start();  // error 0A000 when it is not installed
    ~Postgres();
    Postgres(Postgres&& other) noexcept;
    Postgres& operator=(Postgres&&) = delete;
    const std::string& socket_directory() const { return directory_; }
    Result<void> load(const std::string& schema_file) const;  // into database "postgres", by psql

  private:
    explicit Postgres(std::string directory) : directory_(std::move(directory)) {}
    std::string directory_;
};

}  // namespace anabranch::tools
