#include "node/io/local_socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace anabranch::io {

namespace {

// As PostgreSQL's: the directory's permissions, and passwords, say who may come in.
constexpr mode_t permissions = 0777;

sockaddr_storage peer_of(int socket) {
    sockaddr_storage out{};
    socklen_t size = sizeof out;
    if (::getpeername(socket, reinterpret_cast<sockaddr*>(&out), &size) != 0) out.ss_family = AF_UNSPEC;
    return out;
}

constexpr bool is_loopback(std::uint32_t v4) {
    return v4 >> 24 == 127;
}

}  // namespace

Result<std::unique_ptr<LocalSocket>> LocalSocket::listen(const std::string& directory, std::uint16_t port) {
    std::unique_ptr<LocalSocket> out(new LocalSocket);
    const std::string path = directory + "/.s.PGSQL." + std::to_string(port);
    const auto failed = [&](const std::string& reason) {
        return fail(Error::make("08000", "cannot listen for SQL clients on " + path + ": " + reason)
                        .with_hint("Choose another directory with --socket, or another port with --sql."));
    };
    auto lock = open_file(path + ".lock", O_RDWR | O_CREAT);
    if (!lock) return failed(std::strerror(errno));
    if (::flock(lock->get(), LOCK_EX | LOCK_NB) != 0) return failed("it is in use");
    out->lock_ = std::move(*lock);
    out->path_ = path;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
        return failed("the path may have " + std::to_string(sizeof address.sun_path - 1) + " bytes at most");
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    out->listener_ = File(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const int listener = out->listener_.get();
    (void)::unlink(path.c_str());
    if (::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::chmod(path.c_str(), permissions) != 0 || ::listen(listener, SOMAXCONN) != 0)
        return failed(std::strerror(errno));
    return out;
}

LocalSocket::~LocalSocket() {
    if (path_.empty()) return;  // another one's
    (void)::unlink(path_.c_str());
    (void)::unlink((path_ + ".lock").c_str());
}

bool is_local_socket(int socket) {
    return peer_of(socket).ss_family == AF_UNIX;
}

bool is_local(int socket) {
    const sockaddr_storage peer = peer_of(socket);
    if (peer.ss_family == AF_UNIX) return true;
    if (peer.ss_family == AF_INET)
        return is_loopback(ntohl(reinterpret_cast<const sockaddr_in&>(peer).sin_addr.s_addr));
    if (peer.ss_family != AF_INET6) return false;
    const in6_addr& v6 = reinterpret_cast<const sockaddr_in6&>(peer).sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
}

}  // namespace anabranch::io
