// A running node: sockets, timers and the log around one replica. It decides nothing: it turns what happens
// into inputs and carries outputs out. One thread owns everything; the log's helper thread reports back
// through the loop.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/catalog/plan.h"
#include "lib/catalog/schema.h"
#include "node/replica/replica.h"

namespace anabranch::io {

struct Address {
    std::string host;
    std::uint16_t port = 0;
    std::string describe() const { return host + ":" + std::to_string(port); }
};
// "127.0.0.1:5433", ":5433" and "5433" (loopback). Error 22023.
Result<Address> parse_address(const std::string& text);

struct NodePeer {
    std::string name;
    Address address;
};

struct NodeConfig {
    std::string name;
    std::string data_directory;
    Address sql{"127.0.0.1", 5433};
    Address gossip{"127.0.0.1", 7433};
    Address http{"127.0.0.1", 8433};  // port 0 of any of them: a free port, printed at start
    std::string socket_directory;  // SQL clients of this machine find a Unix-domain socket there; empty: none
    std::vector<NodePeer> peers;
    bool join = false;                  // a cluster that is there already
    std::optional<Address> advertised;  // where peers find this node; else: `gossip`
    // Of the SQL port. Without users everybody is who he says, from this machine only unless `trust`.
    std::string users_file, tls_certificate, tls_key;
    bool tls_required = false, trust = false;
    // Of the gossip port (cluster_tls.h): all three, or none and links between nodes are plain TCP.
    std::string cluster_certificate, cluster_key, cluster_authority;
    std::size_t clients_max = 200;
    std::size_t checkpoint_bytes = std::size_t{16} << 20;
    std::size_t memory_bytes = 0;  // of rows and indexes; 0: three quarters of the machine's
    std::size_t kept_bytes = std::size_t{64} << 20;
    bool forget_deleted = true;
    std::vector<std::pair<std::string, std::string>> defaults;  // settings that sessions begin with
    bool quiet = false;
    bool log_json = false;  // what is told on standard error
    replica::Notice::Level log_least = replica::Notice::Level::info;
};

// Runs until SIGINT or SIGTERM. An error is a failure to start, or a disk that failed.
Result<void> run_node(const NodeConfig& config, catalog::SchemaPtr schema, catalog::Plan plan,
                      replica::StatementAnalyst* analyst);

}  // namespace anabranch::io
