// A node's data directory: one node at a time, one schema, one identity for life.
//
//   DIR/lock        held with flock while the node runs
//   DIR/node.json   format version, node name, replica id (64 random bits, born with the directory), schema
//                   hash, cluster, members, and which directory this is: a copy of it is refused, since two
//                   nodes with one replica id would give two deltas one dot
//   DIR/log/        see log.h
//   DIR/checkpoint/ see checkpoint.h
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/ids.h"
#include "node/io/file.h"

namespace anabranch::io {

// Tells a directory from its copies: inode and time of birth of its lock file. All zero: not known.
struct DirectoryPlace {
    std::uint64_t inode = 0;
    std::int64_t born_nanos = 0;
    friend bool operator==(const DirectoryPlace&, const DirectoryPlace&) = default;
};

struct DirectoryIdentity {
    std::string name;
    ReplicaId replica;
    std::uint64_t schema_hash = 0;
    std::string schema_file;
    std::vector<std::string> members;  // sorted: of the cluster, as far as this node knew
    // Sorted, this node included: the members that the cluster began with. Empty: it was there before.
    std::vector<std::string> began_with;
    std::uint64_t cluster = 0;  // 0: named by those that it began with; or this node has not been let in yet
    std::uint64_t founded = 0;  // a cluster begun from this backup; 0: one that began empty
    std::int64_t made_micros = 0;  // of a backup: when
    DirectoryPlace place;
    bool joined_later() const {  // or is to: the cluster was there before this node
        return std::find(began_with.begin(), began_with.end(), name) == began_with.end();
    }
};

// DIR/node.json; nothing if there is none.
Result<std::optional<DirectoryIdentity>> read_identity(const std::string& file);
Result<void> write_identity(const std::string& file, const DirectoryIdentity& identity);
// Holds DIR/lock, made if absent. Error 55006: somebody else does.
Result<File> lock_directory(const std::string& path);
Result<DirectoryPlace> place_of(const File& lock);

class DataDirectory {
  public:
    // Creates or opens it. `wanted.replica` is used for a new directory only. Errors say what does not fit:
    // in use (55006), a copy, another schema, another node's (all 55000), a newer format (0A000).
    static Result<DataDirectory> open(const std::string& path, const DirectoryIdentity& wanted);
    const DirectoryIdentity& identity() const { return identity_; }
    // Durable when it returns.
    Result<void> note(std::uint64_t cluster, const std::vector<std::string>& members);
    bool fresh() const { return fresh_; }
    std::string log_path() const { return path_ + "/log"; }
    std::string checkpoint_path() const { return path_ + "/checkpoint"; }

  private:
    std::string path_;
    File lock_;
    DirectoryIdentity identity_;
    bool fresh_ = false;
};

}  // namespace anabranch::io
