#include "node/io/link.h"

#include <openssl/ssl.h>
#include <openssl/sslerr.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/write.hpp>

namespace anabranch::io {

namespace ssl = boost::asio::ssl;

void Link::shake_hands(ClusterTls* tls, const std::string& name, Handler done) {
    if (tls == nullptr) return done({});
    tls_.emplace(socket_, tls->context());
    boost::system::error_code ignored;
    tls_->set_verify_callback(
        [this, name](bool good, ssl::verify_context& context) { return verify(good, context, name); },
        ignored);
    tls_->async_handshake(name.empty() ? ssl::stream_base::server : ssl::stream_base::client,
                          [self = shared_from_this(),
                           done = std::move(done)](boost::system::error_code error) { done(error); });
}

// Called for each certificate of the chain, the authority's first.
bool Link::verify(bool good, ssl::verify_context& context, const std::string& name) {
    X509_STORE_CTX* const native = context.native_handle();
    X509* const certificate = X509_STORE_CTX_get_current_cert(native);
    if (X509_STORE_CTX_get_error_depth(native) == 0) subject_ = subject_of(certificate);
    if (!good) {
        if (subject_.empty()) subject_ = subject_of(X509_STORE_CTX_get0_cert(native));
        problem_ = X509_verify_cert_error_string(X509_STORE_CTX_get_error(native));
        return false;
    }
    if (name.empty() || X509_STORE_CTX_get_error_depth(native) > 0) return true;
    if (certificate_names(certificate, name)) return true;
    problem_ = "it is not for node " + name;
    return false;
}

bool Link::may_be(const std::string& name) {
    if (!tls_) return true;
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(
        SSL_get1_peer_certificate(tls_->native_handle()), X509_free);
    return certificate_names(certificate.get(), name);
}

void Link::read(std::span<char> to, Read done) {
    auto handler = [self = shared_from_this(), done = std::move(done)](
                       boost::system::error_code error, std::size_t size) { done(error, size); };
    if (tls_)
        tls_->async_read_some(asio::buffer(to.data(), to.size()), std::move(handler));
    else
        socket_.async_read_some(asio::buffer(to.data(), to.size()), std::move(handler));
}

void Link::wait_for_end(Handler done) {
    auto handler = [self = shared_from_this(), done](boost::system::error_code error, std::size_t) {
        error ? done(error) : self->wait_for_end(done);
    };
    if (tls_)
        tls_->async_read_some(asio::buffer(watched_), std::move(handler));
    else
        socket_.async_read_some(asio::buffer(watched_), std::move(handler));
}

void Link::write(std::vector<Bytes> frames, Handler done) {
    writing_ = std::move(frames);
    auto handler = [self = shared_from_this(), done = std::move(done)](boost::system::error_code error,
                                                                       std::size_t) { done(error); };
    if (tls_) {
        // As few TLS records as will do.
        for (std::size_t i = 1; i < writing_.size(); ++i) writing_[0] += writing_[i];
        writing_.resize(1);
        return asio::async_write(*tls_, asio::buffer(writing_[0]), std::move(handler));
    }
    std::vector<asio::const_buffer> buffers;
    for (const auto& frame : writing_) buffers.push_back(asio::buffer(frame));
    asio::async_write(socket_, buffers, std::move(handler));
}

void Link::close() {
    boost::system::error_code ignored;
    socket_.close(ignored);
}

std::string Link::why(boost::system::error_code error) const {
    if (!problem_.empty()) return "its certificate is not accepted: " + problem_;
    if (error.category() != asio::error::get_ssl_category()) {
        if (error == asio::error::eof || error == ssl::error::stream_truncated ||
            error == asio::error::connection_reset)
            return "it hung up in the middle of the TLS handshake; does it run without "
                   "--cluster-certificate?";
        return error.message();
    }
    const int reason = ERR_GET_REASON(static_cast<unsigned long>(error.value()));
    if (reason >= SSL_AD_REASON_OFFSET)
        return "it does not accept this node's certificate: " + error.message();
    switch (reason) {
        case SSL_R_WRONG_VERSION_NUMBER:
        case SSL_R_HTTP_REQUEST:
        case SSL_R_PACKET_LENGTH_TOO_LONG:
        case SSL_R_BAD_RECORD_TYPE:
        case SSL_R_UNEXPECTED_MESSAGE:
            return "it does not speak TLS, as this cluster's nodes do";
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
            return "it shows no certificate";
        default:
            return error.message();
    }
}

std::string Link::host() const {
    boost::system::error_code error;
    const auto remote = socket_.remote_endpoint(error);
    const std::string host = error ? "a closed connection" : remote.address().to_string();
    return subject_.empty() ? host : host + " with a certificate of " + subject_;
}

}  // namespace anabranch::io
