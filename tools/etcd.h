// A private etcd cluster in a temporary directory, for comparison: three members on loopback, stopped and
// removed at the end, also when this process is killed.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/error.h"
#include "tools/load_client.h"
#include "tools/temporary.h"

namespace anabranch::tools {

class Etcd {
  public:
    static Result<Etcd> start();  // error 0A000 when it is not on the PATH
    std::string version() const { return version_; }
    Result<std::uint16_t> leader_port() const;
    Result<double> syncs() const;  // of all members since they began: of their logs, and of their state

  private:
    Etcd(TemporaryDirectory directory, std::vector<std::uint16_t> ports)
        : directory_(std::move(directory)), ports_(std::move(ports)) {}
    Result<void> wait_ready();
    TemporaryDirectory directory_;
    std::string version_;
    std::vector<std::uint16_t> ports_;  // of clients
};

// Compare and put, by etcd's own JSON gateway (/v3/kv/txn) on a connection that is kept. A call's parameters
// are the key, the version that it must have (0: absent) and the new value; that it has another is an error.
std::unique_ptr<LoadConnection> etcd_connection();

}  // namespace anabranch::tools
