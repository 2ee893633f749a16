// SCRAM-SHA-256, the server's side (RFC 5802, RFC 7677): a client proves that it knows a password, and the
// server that it knows the secret derived from it, without either being sent. OpenSSL's libcrypto does the
// arithmetic; nonces and salts come from the caller. No channel binding.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/error.h"

namespace anabranch::pgwire {

// What is kept of a password. Its text is that of PostgreSQL's pg_authid.rolpassword:
// SCRAM-SHA-256$4096:<salt>$<StoredKey>:<ServerKey>, the three in base64.
struct ScramSecret {
    std::uint32_t iterations = 4096;
    std::string salt, stored_key, server_key;
    friend bool operator==(const ScramSecret&, const ScramSecret&) = default;
};
ScramSecret derive_secret(std::string_view password, std::string salt, std::uint32_t iterations = 4096);
std::optional<ScramSecret> parse_secret(std::string_view text);
std::string to_text(const ScramSecret& secret);

// Who may connect. The file has lines `name:secret` or `name:password`; # begins a comment line.
class Users {
  public:
    // `seed`: unpredictable bytes, for the salts of plain passwords and of users that do not exist. Errors
    // name the line.
    static Result<Users> parse(std::string_view file, std::string seed);
    // Of a user that does not exist: a secret no password has, always the same, so that nobody learns who
    // does.
    ScramSecret secret_of(const std::string& user) const;
    std::size_t count() const { return secrets_.size(); }

  private:
    std::map<std::string, ScramSecret> secrets_;
    std::string seed_;
};

// One exchange: first(), then final().
class ScramServer {
  public:
    ScramServer(ScramSecret secret, std::string nonce)
        : secret_(std::move(secret)), nonce_(std::move(nonce)) {}
    // From client-first-message to server-first-message. Error 08P01.
    Result<std::string> first(std::string_view message);
    // From client-final-message to server-final-message. Errors 08P01, 28P01.
    Result<std::string> final(std::string_view message);

  private:
    ScramSecret secret_;
    std::string nonce_;  // of the server; after first() of both
    std::string header_, client_first_, server_first_;
};

}  // namespace anabranch::pgwire
