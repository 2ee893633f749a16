// How nodes prove to each other who they are: each has a certificate that the cluster's authority has signed
// and that carries the node's name, as a DNS name among its alternative names or as its common name. Both
// ends of a link show theirs (TLS 1.3). Without such files links are plain TCP. Internal to node/io.
#pragma once

#include <openssl/x509.h>

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>

#include "node/io/node.h"

namespace anabranch::io {

class ClusterTls {
  public:
    // Null where none is configured. Errors name the file and the way out; a certificate that the other
    // nodes would refuse is refused here.
    static Result<std::unique_ptr<ClusterTls>> load(const NodeConfig& config);
    boost::asio::ssl::context& context() { return context_; }

  private:
    ClusterTls() : context_(boost::asio::ssl::context::tls) {}
    Result<void> check_own(const NodeConfig& config);
    boost::asio::ssl::context context_;
};

bool certificate_names(X509* certificate, const std::string& node);
std::string subject_of(X509* certificate);

}  // namespace anabranch::io
