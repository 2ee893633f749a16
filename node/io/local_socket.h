// A Unix-domain socket for clients of this machine, where PostgreSQL's look for one: DIRECTORY/.s.PGSQL.PORT.
// A file beside it, locked for as long as this lives, tells a socket that is served from one that a killed
// node has left behind.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "lib/base/error.h"
#include "node/io/file.h"

namespace anabranch::io {

class LocalSocket {
  public:
    // Errors 08000: it is in use, or cannot be made there.
    static Result<std::unique_ptr<LocalSocket>> listen(const std::string& directory, std::uint16_t port);
    LocalSocket(const LocalSocket&) = delete;
    LocalSocket& operator=(const LocalSocket&) = delete;
    ~LocalSocket();  // removes both files

    const std::string& path() const { return path_; }
    int descriptor() const { return listener_.get(); }

  private:
    LocalSocket() = default;
    std::string path_;
    File lock_, listener_;
};

// Whether who is connected is on this machine, through such a socket or loopback; through such a socket.
bool is_local(int socket);
bool is_local_socket(int socket);

}  // namespace anabranch::io
