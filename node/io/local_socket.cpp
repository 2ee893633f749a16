#include "node/io/local_socket.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace anabranch::io {

namespace {

// As PostgreSQL's: the directory's permissions, and passwords, say who may come in.
constexpr mode_t permissions = 0777;

std::string path_of(const std::string& directory, std::uint16_t port) {
    return directory + "/.s.PGSQL." + std::to_string(port);
}
std::string lock_of(const std::string& path) {
    return path + ".lock";
}

}  // namespace

std::optional<sockaddr_un> local_address(const std::string& directory, std::uint16_t port) {
    sockaddr_un out{};
    out.sun_family = AF_UNIX;
    const std::string path = path_of(directory, port);
    if (path.size() >= sizeof out.sun_path) return std::nullopt;
    std::memcpy(out.sun_path, path.c_str(), path.size() + 1);
    return out;
}

Result<std::unique_ptr<LocalSocket>> LocalSocket::listen(const std::string& directory, std::uint16_t port) {
    const auto failed = [&](const std::string& reason) {
        return fail(Error::make("08000", "cannot listen for SQL clients on " + path_of(directory, port) +
                                             ": " + reason)
                        .with_hint("Choose another directory with --socket, or another port with --sql."));
    };
    const auto address = local_address(directory, port);
    if (!address)
        return failed("the path may have " + std::to_string(sizeof address->sun_path - 1) + " bytes at most");
    auto lock = lock_file(lock_of(address->sun_path));
    if (!lock) return failed(lock.error().sqlstate == object_in_use ? "it is in use" : lock.error().message);
    std::unique_ptr<LocalSocket> out(new LocalSocket);
    out->lock_ = std::move(*lock);
    out->path_ = address->sun_path;
    out->listener_ = File(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const int listener = out->listener();
    (void)::unlink(address->sun_path);
    if (::bind(listener, reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0 ||
        ::chmod(address->sun_path, permissions) != 0 || ::listen(listener, SOMAXCONN) != 0)
        return failed(std::strerror(errno));
    return out;
}

LocalSocket::~LocalSocket() {
    (void)::unlink(path_.c_str());
    (void)::unlink(lock_of(path_).c_str());
}

Via via_of(int socket) {
    const auto via = [](bool loopback) { return loopback ? Via::loopback : Via::network; };
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    if (::getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return Via::network;
    if (peer.ss_family == AF_UNIX) return Via::local_socket;
    if (peer.ss_family == AF_INET)
        return via(ntohl(reinterpret_cast<const sockaddr_in&>(peer).sin_addr.s_addr) >> 24 == 127);
    if (peer.ss_family != AF_INET6) return Via::network;
    const in6_addr& v6 = reinterpret_cast<const sockaddr_in6&>(peer).sin6_addr;
    return via(IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127));
}

}  // namespace anabranch::io
