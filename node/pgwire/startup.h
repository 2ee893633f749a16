// The beginning of a connection, from its first byte until the client is admitted: TLS and cancel requests,
// the start-up packet, authentication by SCRAM-SHA-256. Bytes in, bytes out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "node/pgwire/codec.h"
#include "node/pgwire/scram.h"

namespace anabranch::pgwire {

struct StartupOptions {
    std::size_t bytes_max = 10'000;  // of one packet
    bool tls = false;                // SSLRequest is answered 'S', and the shell wraps the connection
    bool tls_required = false;
    const Users* users = nullptr;  // null: everybody is who he says
    std::string nonce;             // of this connection: unpredictable, printable, without commas
    std::optional<Error> refusal;  // nobody is admitted
};

struct CancelRequest {
    std::uint32_t pid = 0, secret = 0;
};

class Startup {
  public:
    explicit Startup(const StartupOptions& options) : options_(options) {}

    enum class Step : std::uint8_t {
        more,       // needs more bytes
        tls,        // 'S' was answered: the shell sends it, wraps the connection and calls tls_started()
        admitted,   // the rest of `in` is for the session
        cancelled,  // cancel() says what
        refused     // error() says why; the connection ends
    };
    // Consumes from the front of `in`; answers are appended to `out`.
    Step step(std::string_view& in, std::string& out);
    void tls_started() { encrypted_ = true; }

    const Error& error() const { return error_; }
    const CancelRequest& cancel() const { return cancel_; }
    const std::string& user() const { return user_; }
    const std::string& database() const { return database_; }
    const std::vector<std::pair<std::string, std::string>>& settings() const { return settings_; }

  private:
    std::optional<Step> packet(std::string_view& in, std::string& out);
    std::optional<Step> start(MessageReader& body, std::uint32_t code, std::string& out);
    std::optional<Step> password(std::string_view& in, std::string& out);
    void negotiate(std::string& out) const;
    Step refuse(Error error) {
        error_ = std::move(error);
        return Step::refused;
    }

    const StartupOptions options_;
    bool encrypted_ = false;
    std::optional<ScramServer> scram_;
    bool answered_ = false;  // the first message of SCRAM
    Error error_;
    CancelRequest cancel_;
    std::string user_, database_;
    std::vector<std::pair<std::string, std::string>> settings_;
};

}  // namespace anabranch::pgwire
