#include "node/pgwire/scram.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <charconv>
#include <vector>

namespace anabranch::pgwire {

namespace {

constexpr std::string_view prefix = "SCRAM-SHA-256$";

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

std::string hmac(std::string_view key, std::string_view text) {
    std::string out(SHA256_DIGEST_LENGTH, '\0');
    unsigned size = 0;
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(text), text.size(),
         reinterpret_cast<unsigned char*>(out.data()), &size);
    return out;
}

std::string sha256(std::string_view text) {
    std::string out(SHA256_DIGEST_LENGTH, '\0');
    SHA256(bytes_of(text), text.size(), reinterpret_cast<unsigned char*>(out.data()));
    return out;
}

std::string base64(std::string_view text) {
    std::string out(4 * ((text.size() + 2) / 3) + 1, '\0');
    const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes_of(text),
                                     static_cast<int>(text.size()));
    out.resize(static_cast<std::size_t>(size));
    return out;
}

std::optional<std::string> from_base64(std::string_view text) {
    if (text.size() % 4 != 0 || text.size() > 1024) return {};
    std::string out(text.size() / 4 * 3 + 1, '\0');
    const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes_of(text),
                                     static_cast<int>(text.size()));
    if (size < 0) return {};
    const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
    if (static_cast<std::size_t>(size) < padding) return {};
    out.resize(static_cast<std::size_t>(size) - padding);
    return out;
}

// "r=abc" at the front of `message`, and the comma behind it.
std::optional<std::string_view> attribute(std::string_view& message, char name) {
    if (message.size() < 2 || message[0] != name || message[1] != '=') return {};
    const auto end = std::min(message.find(','), message.size());
    const auto value = message.substr(2, end - 2);
    message.remove_prefix(std::min(end + 1, message.size()));
    return value;
}

std::unexpected<Error> malformed() {
    return fail(Error::make(sqlstate::protocol_violation, "malformed SCRAM message"));
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.back() == '\r' || text.back() == ' ')) text.remove_suffix(1);
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    return text;
}

}  // namespace

ScramSecret derive_secret(std::string_view password, std::string salt, std::uint32_t iterations) {
    std::string salted(SHA256_DIGEST_LENGTH, '\0');
    PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), bytes_of(salt),
                      static_cast<int>(salt.size()), static_cast<int>(iterations), EVP_sha256(),
                      static_cast<int>(salted.size()), reinterpret_cast<unsigned char*>(salted.data()));
    ScramSecret out{iterations, std::move(salt), sha256(hmac(salted, "Client Key")),
                    hmac(salted, "Server Key")};
    return out;
}

std::optional<ScramSecret> parse_secret(std::string_view text) {
    if (!text.starts_with(prefix)) return {};
    text.remove_prefix(prefix.size());
    ScramSecret out;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), out.iterations);
    if (problem != std::errc() || out.iterations == 0 || out.iterations > 10'000'000) return {};
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    const auto dollar = text.find('$'), colon = text.rfind(':');
    if (!text.starts_with(':') || dollar == std::string_view::npos || colon < dollar) return {};
    const auto salt = from_base64(text.substr(1, dollar - 1));
    const auto stored = from_base64(text.substr(dollar + 1, colon - dollar - 1));
    const auto server = from_base64(text.substr(colon + 1));
    if (!salt || salt->empty() || !stored || stored->size() != SHA256_DIGEST_LENGTH || !server ||
        server->size() != SHA256_DIGEST_LENGTH)
        return {};
    out.salt = *salt;
    out.stored_key = *stored;
    out.server_key = *server;
    return out;
}

std::string to_text(const ScramSecret& secret) {
    return std::string(prefix) + std::to_string(secret.iterations) + ":" + base64(secret.salt) + "$" +
           base64(secret.stored_key) + ":" + base64(secret.server_key);
}

Result<Users> Users::parse(std::string_view file, std::string seed) {
    Users out;
    out.seed_ = std::move(seed);
    std::size_t number = 0;
    while (!file.empty()) {
        ++number;
        const auto end = std::min(file.find('\n'), file.size());
        const auto line = trimmed(file.substr(0, end));
        file.remove_prefix(std::min(end + 1, file.size()));
        if (line.empty() || line.front() == '#') continue;
        const auto at = [&](std::string what) {
            return fail(Error::make("F0000", "line " + std::to_string(number) + " of the users file " + what)
                            .with_hint("A line is name:password, or name:SCRAM-SHA-256$... as PostgreSQL's "
                                       "pg_authid has it."));
        };
        const auto colon = line.find(':');
        if (colon == 0 || colon == std::string_view::npos || colon + 1 == line.size())
            return at("is not name:password");
        const std::string name(line.substr(0, colon));
        const auto text = line.substr(colon + 1);
        auto secret = parse_secret(text);
        if (!secret && text.starts_with(prefix)) return at("has a damaged SCRAM secret");
        if (!secret) secret = derive_secret(text, hmac(out.seed_, name).substr(0, 16));
        if (!out.secrets_.emplace(name, std::move(*secret)).second) return at("names " + name + " again");
    }
    return out;
}

ScramSecret Users::secret_of(const std::string& user) const {
    if (const auto found = secrets_.find(user); found != secrets_.end()) return found->second;
    return {4096, hmac(seed_, user).substr(0, 16), sha256(hmac(seed_, "stored" + user)),
            hmac(seed_, "server" + user)};
}

Result<std::string> ScramServer::first(std::string_view message) {
    // gs2-header: n (no channel binding) or y (none that the server has offered), and no other identity.
    header_ = message.substr(0, 3);
    if (header_ != "n,," && header_ != "y,,") return malformed();
    message.remove_prefix(3);
    client_first_ = message;
    if (!attribute(message, 'n')) return malformed();  // the start-up message has said who it is
    const auto nonce = attribute(message, 'r');
    if (!nonce || nonce->empty() || nonce->size() > 512) return malformed();
    nonce_ = std::string(*nonce) + nonce_;
    server_first_ = "r=" + nonce_ + ",s=" + base64(secret_.salt) + ",i=" + std::to_string(secret_.iterations);
    return server_first_;
}

Result<std::string> ScramServer::final(std::string_view message) {
    std::string_view rest = message;
    const auto binding = attribute(rest, 'c');
    const auto nonce = attribute(rest, 'r');
    const std::string without_proof(message.substr(0, message.size() - rest.size() - (rest.empty() ? 0 : 1)));
    const auto proof = attribute(rest, 'p');
    if (!binding || !nonce || !proof || !rest.empty()) return malformed();
    if (*binding != base64(header_) || *nonce != nonce_) return malformed();
    const auto client_proof = from_base64(*proof);
    if (!client_proof || client_proof->size() != SHA256_DIGEST_LENGTH) return malformed();
    const std::string signed_text = client_first_ + "," + server_first_ + "," + without_proof;
    std::string client_key = hmac(secret_.stored_key, signed_text);
    for (std::size_t i = 0; i < client_key.size(); ++i)
        client_key[i] = static_cast<char>(client_key[i] ^ (*client_proof)[i]);
    if (CRYPTO_memcmp(sha256(client_key).data(), secret_.stored_key.data(), SHA256_DIGEST_LENGTH) != 0)
        return fail("28P01", "password authentication failed");
    return "v=" + base64(hmac(secret_.server_key, signed_text));
}

}  // namespace anabranch::pgwire
