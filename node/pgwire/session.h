// One client connection of PostgreSQL's protocol 3.0: bytes in, bytes out. No socket, no clock: the shell
// feeds what it reads and writes what is returned, and closes when told. The shell wraps the connection in
// TLS when wants_tls() says so.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "node/pgwire/backend.h"
#include "node/pgwire/startup.h"

namespace anabranch::pgwire {

struct SessionOptions {
    std::uint32_t backend_pid = 0;  // for CancelRequest
    std::uint32_t cancel_secret = 0;
    StartupOptions startup;
    std::size_t message_bytes_max = 64 * 1024 * 1024;
    std::size_t copy_bytes_max = 256 * 1024 * 1024;  // of one COPY FROM STDIN, which is one transaction
};

class Session {
  public:
    Session(Backend& backend, const SessionOptions& options);
    ~Session();

    // Feeds bytes from the client. May execute statements.
    void receive(std::string_view bytes);
    // A `later` completion: the backend has given all rows to the sink.
    void complete(std::uint64_t number, Result<Outcome> outcome);
    // Everything up to this ticket is durable: answers that waited may go out. True if there were some.
    bool durable(std::uint64_t ticket);
    // An asynchronous notification (LISTEN / NOTIFY), sent when the protocol allows.
    void notify(std::string_view channel, std::string_view payload);
    // Server-side end: sends ErrorResponse FATAL (57P01 shutdown, 57P05 idle, 53300 ...) and closes.
    void terminate(const Error& reason);

    // Bytes ready to be sent now (answers behind an unreached ticket are held back). Cleared by the caller
    // with take_output(), into a string whose memory serves the next output.
    void take_output(std::string& into);
    std::string take_output();
    bool wants_close() const;  // after the output is flushed
    // Set when the first packet was a CancelRequest: the shell looks up the session with this pid and secret
    // and cancels it.
    std::optional<CancelRequest> cancel_request() const;
    // The client was told that TLS comes next: once the output is sent, the shell wraps the connection and
    // calls tls_started(). It feeds nothing in between.
    bool wants_tls() const;
    void tls_started();
    bool admitted() const;
    bool busy() const;            // a statement has not ended: its completion is to come
    bool idle() const;            // the client is to speak next
    bool waits_for_disk() const;  // an answer does, for its ticket
    // Bytes that wait: output to be taken, and input behind a statement that has not ended. The shell stops
    // reading when they are many.
    std::size_t waiting_bytes() const;
    std::string describe() const;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace anabranch::pgwire
