// How the SQL port knows its clients: users, and the certificate it shows. Internal to node/io.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <optional>

#include "node/io/local_socket.h"
#include "node/io/node.h"
#include "node/pgwire/startup.h"

namespace anabranch::io {

// A secret that others of this machine can read is none.
Result<void> check_private(const std::string& path);

class Security {
  public:
    // Reads the files that the configuration names. Errors name the file and the way out.
    static Result<std::unique_ptr<Security>> load(const NodeConfig& config);
    // For one new connection.
    pgwire::StartupOptions startup(Via via) const;
    boost::asio::ssl::context* tls() { return tls_ ? &*tls_ : nullptr; }

  private:
    std::optional<pgwire::Users> users_;
    std::optional<boost::asio::ssl::context> tls_;
    bool tls_required_ = false, trust_ = false;
};

}  // namespace anabranch::io
