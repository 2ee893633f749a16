// Nodes as child processes on loopback, for `demo` and `bench`: free ports, a data directory each, stopped
// and removed at the end.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "tools/temporary.h"

namespace anabranch::tools {

// Ports that are free now; all are held open until every one is found, so that they differ. None is of those
// that Linux gives to whoever calls out, so that nobody takes one by chance before its server listens.
Result<std::vector<std::uint16_t>> free_ports(std::size_t count);

// Its last lines, for an error's detail; empty when it cannot be read.
std::string end_of_log(const std::string& path);

class Cluster {
  public:
    struct Node {
        std::string name;
        std::uint16_t sql = 0, gossip = 0, http = 0;
        std::string data, log;
        std::string socket;  // directory of its Unix-domain socket; empty: it has none
        pid_t pid = -1;
    };
    // `data` empty: a temporary directory that is removed.
    Cluster(std::string program, std::vector<std::string> schema, std::string data);
    ~Cluster();  // stops everything
    Cluster(const Cluster&) = delete;
    Cluster& operator=(const Cluster&) = delete;

    // Before start(): they have Unix-domain sockets, where paths are not too long.
    void with_sockets() { sockets_ = true; }
    Result<void> start(std::uint32_t replicas);
    // The first node that has ended by itself, or null.
    const Node* ended();
    void stop();
    const std::vector<Node>& nodes() const { return nodes_; }

  private:
    Result<void> spawn(Node& node);
    Result<void> wait_ready(const Node& node);

    const std::string program_;
    const std::vector<std::string> schema_;
    std::string data_;
    std::optional<TemporaryDirectory> temporary_;
    bool sockets_ = false;
    std::vector<Node> nodes_;
};

}  // namespace anabranch::tools
