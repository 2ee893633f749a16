// COPY FROM STDIN of one session: the messages that carry data, until the client ends them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "node/pgwire/copy.h"

namespace anabranch::pgwire {

class CopyIn {
  public:
    explicit CopyIn(std::size_t bytes_max) : bytes_max_(bytes_max) {}

    bool active() const { return format_ != nullptr; }
    // Writes CopyInResponse. The format must live until the copy has ended.
    void begin(const CopyFormat& format, std::string& out);

    enum class Step : std::uint8_t { more, complete, failed };
    // A message that came meanwhile. complete: rows() is next; failed: error() says why. Either ends it.
    Step take(char type, std::string_view body);
    const Error& error() const { return error_; }
    const std::string& context() const { return context_; }
    // The data as one array per column (read_copy), in the arena; once. None: error() and context().
    bool rows(Arena& arena, const sql::EnumLabels* labels, std::vector<sql::Datum>& out);

  private:
    Step fail(Error error);

    const std::size_t bytes_max_;
    const CopyFormat* format_ = nullptr;
    const CopyFormat* ended_ = nullptr;
    std::string data_;
    Error error_;
    std::string context_;
};

}  // namespace anabranch::pgwire
