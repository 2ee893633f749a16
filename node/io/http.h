// The node's HTTP port: GET /status (JSON), /metrics (Prometheus), /healthz (alive), /readyz (503
// while clients are better served elsewhere), /ranges (digests, for verify); POST /admin/cut and
// /admin/heal with ?peer=NAME (all peers without). Requests are small and answered one by one.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "node/io/loop.h"

namespace anabranch::io {

struct HttpAnswer {
    unsigned status = 200;
    std::string type = "application/json";
    std::string body;
};

class Http {
  public:
    // `answer` gets the method, the path and the decoded query parameters.
    using Handler = std::function<HttpAnswer(const std::string& method, const std::string& path,
                                             const std::map<std::string, std::string>& query)>;
    Http(asio::io_context& context, tcp::acceptor acceptor, Handler answer);
    ~Http();
    void start();
    void stop();

  private:
    class Connection;
    void accept();
    asio::io_context& context_;
    tcp::acceptor acceptor_;
    Handler answer_;
    bool stopping_ = false;
};

// One request from the command line; the answer's status and body. Error 08001 when nobody answers.
Result<HttpAnswer> http_request(const Address& address, const std::string& method, const std::string& target);

}  // namespace anabranch::io
