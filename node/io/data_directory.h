// A node's data directory: one node at a time, one schema, one identity for life.
//
//   DIR/lock        held with flock while the node runs
//   DIR/node.json   format version, node name, replica id (64 random bits, born with the directory), schema
//   hash, members DIR/log/        see log.h
#pragma once

#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/ids.h"
#include "node/io/file.h"

namespace anabranch::io {

struct DirectoryIdentity {
    std::string name;
    ReplicaId replica;
    std::uint64_t schema_hash = 0;
    std::string schema_file;
    std::vector<std::string> members;  // sorted, this node included
};

class DataDirectory {
  public:
    // Creates or opens it. `wanted.replica` is used for a new directory only. Errors say what does not fit:
    // in use (55006), another schema, another node's, other members (all 55000), a newer format (0A000).
    static Result<DataDirectory> open(const std::string& path, const DirectoryIdentity& wanted);
    const DirectoryIdentity& identity() const { return identity_; }
    bool fresh() const { return fresh_; }
    std::string log_path() const { return path_ + "/log"; }

  private:
    std::string path_;
    File lock_;
    DirectoryIdentity identity_;
    bool fresh_ = false;
};

}  // namespace anabranch::io
