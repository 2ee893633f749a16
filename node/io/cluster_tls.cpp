#include "node/io/cluster_tls.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "node/io/security.h"

namespace anabranch::io {

namespace ssl = boost::asio::ssl;

namespace {

Error unusable(const std::string& what, const std::string& path, const std::string& why) {
    return Error::make("F0000", "cannot use the " + what + " " + path + ": " + why);
}

}  // namespace

bool certificate_names(X509* certificate, const std::string& node) {
    return certificate != nullptr && !node.empty() && node.front() != '.' &&
           X509_check_host(certificate, node.data(), node.size(), X509_CHECK_FLAG_NO_WILDCARDS, nullptr) == 1;
}

std::string subject_of(X509* certificate) {
    if (certificate == nullptr) return {};
    char text[256] = "";
    X509_NAME_oneline(X509_get_subject_name(certificate), text, sizeof text);
    return text;
}

Result<std::unique_ptr<ClusterTls>> ClusterTls::load(const NodeConfig& config) {
    const bool any = !config.cluster_certificate.empty() || !config.cluster_key.empty() ||
                     !config.cluster_authority.empty();
    if (!any) return nullptr;
    if (config.cluster_certificate.empty() || config.cluster_key.empty() || config.cluster_authority.empty())
        return fail(
            Error::make("F0000", "TLS between nodes needs a certificate, its key and the cluster's authority")
                .with_hint("Give --cluster-certificate, --cluster-key and --cluster-ca."));
    TRY_VOID(check_private(config.cluster_key));
    std::unique_ptr<ClusterTls> out(new ClusterTls);
    auto& context = out->context_;
    context.set_options(ssl::context::default_workarounds | ssl::context::no_sslv2 | ssl::context::no_sslv3 |
                        ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1 | ssl::context::no_tlsv1_2);
    boost::system::error_code error;
    if (context.use_certificate_chain_file(config.cluster_certificate, error))
        return fail(unusable("certificate", config.cluster_certificate, error.message())
                        .with_hint("It must be a PEM file: the node's certificate first."));
    if (context.use_private_key_file(config.cluster_key, ssl::context::pem, error))
        return fail(unusable("key", config.cluster_key, error.message())
                        .with_hint("It must be the PEM key of " + config.cluster_certificate +
                                   ", without a passphrase."));
    if (context.load_verify_file(config.cluster_authority, error))
        return fail(unusable("cluster's authority", config.cluster_authority, error.message())
                        .with_hint("It must be a PEM file with the certificate that signed those of the "
                                   "nodes."));
    context.set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert);
    // Nothing of a link outlives it.
    SSL_CTX_set_session_cache_mode(context.native_handle(), SSL_SESS_CACHE_OFF);
    TRY_VOID(out->check_own(config));
    return out;
}

// What every peer would find out, said once and at the right place.
Result<void> ClusterTls::check_own(const NodeConfig& config) {
    SSL_CTX* const native = context_.native_handle();
    X509* const own = SSL_CTX_get0_certificate(native);
    if (!certificate_names(own, config.name))
        return fail(unusable("certificate", config.cluster_certificate,
                             "it is for " + subject_of(own) + ", not for node " + config.name)
                        .with_hint("Make one whose alternative name is DNS:" + config.name +
                                   ", or whose common name is " + config.name + "."));
    const std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)> check(X509_STORE_CTX_new(),
                                                                                X509_STORE_CTX_free);
    STACK_OF(X509)* chain = nullptr;
    SSL_CTX_get0_chain_certs(native, &chain);
    X509_STORE_CTX_init(check.get(), SSL_CTX_get_cert_store(native), own, chain);
    if (X509_verify_cert(check.get()) == 1) return {};
    return fail(unusable("certificate", config.cluster_certificate,
                         X509_verify_cert_error_string(X509_STORE_CTX_get_error(check.get())))
                    .with_hint("It must be valid now and signed by the authority in " +
                               config.cluster_authority + "."));
}

}  // namespace anabranch::io
