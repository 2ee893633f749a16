#include "node/io/security.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

namespace anabranch::io {

namespace {

std::string random_bytes(std::size_t size) {
    std::string out(size, '\0');
    if (RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(size)) != 1) std::abort();
    return out;
}

// 24 characters of base64, as PostgreSQL's nonces.
std::string nonce() {
    const std::string bytes = random_bytes(18);
    std::string out(25, '\0');
    EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                    reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
    out.resize(24);
    return out;
}

Result<std::string> read_private(const std::string& path) {
    TRY_VOID(check_private(path));
    std::ifstream in(path, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    if (!in) return fail(Error::make("58P01", "cannot read " + path));
    return text;
}

}  // namespace

Result<void> check_private(const std::string& path) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0)
        return fail(Error::make("58P01", "cannot read " + path + ": " + std::strerror(errno)));
    if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return fail(Error::make("F0000", path + " is open to other users of this machine")
                        .with_hint("chmod 600 " + path));
    return {};
}

Result<std::unique_ptr<Security>> Security::load(const NodeConfig& config) {
    namespace ssl = boost::asio::ssl;
    auto out = std::make_unique<Security>();
    out->tls_required_ = config.tls_required;
    out->trust_ = config.trust;
    if (!config.users_file.empty()) {
        TRY(const auto text, read_private(config.users_file));
        auto users = pgwire::Users::parse(text, random_bytes(32));
        if (!users) {
            Error error = users.error();
            error.detail = "The file is " + config.users_file + ".";
            return std::unexpected(std::move(error));
        }
        out->users_ = std::move(*users);
    }
    if (config.tls_certificate.empty() != config.tls_key.empty())
        return fail(Error::make("F0000", "TLS needs a certificate and its key")
                        .with_hint("Give both --tls-certificate and --tls-key."));
    if (config.tls_certificate.empty()) {
        if (config.tls_required)
            return fail(Error::make("F0000", "--tls-required needs a certificate")
                            .with_hint("Give --tls-certificate and --tls-key."));
        return out;
    }
    TRY_VOID(check_private(config.tls_key));
    boost::system::error_code error;
    out->tls_.emplace(ssl::context::tls_server);
    out->tls_->set_options(ssl::context::default_workarounds | ssl::context::no_sslv2 |
                           ssl::context::no_sslv3 | ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1);
    out->tls_->use_certificate_chain_file(config.tls_certificate, error);
    if (error)
        return fail(Error::make("F0000", "cannot use the certificate " + config.tls_certificate + ": " +
                                             error.message())
                        .with_hint("It must be a PEM file: the server's certificate first."));
    out->tls_->use_private_key_file(config.tls_key, ssl::context::pem, error);
    if (error)
        return fail(Error::make("F0000", "cannot use the key " + config.tls_key + ": " + error.message())
                        .with_hint("It must be the PEM key of " + config.tls_certificate +
                                   ", without a passphrase."));
    return out;
}

pgwire::StartupOptions Security::startup(Via via) const {
    pgwire::StartupOptions out;
    // What goes through a Unix-domain socket nobody else can read: no TLS, as with PostgreSQL.
    out.tls = tls_ && via != Via::local_socket;
    out.tls_required = tls_required_ && via != Via::local_socket;
    if (users_) {
        out.users = &*users_;
        out.nonce = nonce();
    } else if (!trust_ && via == Via::network) {
        out.refusal =
            Error::make("28000", "clients of other machines must prove who they are")
                .with_detail("This node was started without a file of users.")
                .with_hint("Start it with --users FILE, or with --trust where the network is safe.");
    }
    return out;
}

}  // namespace anabranch::io
