// A Unix-domain socket for clients of this machine, where PostgreSQL's look for one: DIRECTORY/.s.PGSQL.PORT.
// A file beside it, locked for as long as this lives, tells a socket that is served from one that a killed
// node has left behind.
#pragma once

#include <sys/un.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "lib/base/error.h"
#include "node/io/file.h"

namespace anabranch::io {

// None: the path would be longer than such an address can be.
std::optional<sockaddr_un> local_address(const std::string& directory, std::uint16_t port);

class LocalSocket {
  public:
    // Errors 08000: it is in use, or cannot be made there.
    static Result<std::unique_ptr<LocalSocket>> listen(const std::string& directory, std::uint16_t port);
    LocalSocket(const LocalSocket&) = delete;
    LocalSocket& operator=(const LocalSocket&) = delete;
    ~LocalSocket();  // removes both files

    int listener() const { return listener_.get(); }
    int release_listener() { return listener_.release(); }  // to who accepts

  private:
    LocalSocket() = default;
    std::string path_;
    File lock_, listener_;
};

// What a client is connected through.
enum class Via : std::uint8_t { network, loopback, local_socket };
Via via_of(int socket);

}  // namespace anabranch::io
