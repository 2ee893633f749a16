// Backups of a data directory, and data directories from backups.
//
//   BACKUP/backup.json  whose it is: the same entries as node.json
//   BACKUP/log/, BACKUP/checkpoint/   as in a data directory
//
// A backup is taken from the files alone, also while the node runs: a checkpoint and the log behind it are
// consistent at every moment. Files that change under the copy (a segment is recycled, a checkpoint replaced)
// spoil it; every byte of the copy is checked, and a spoilt one is made again.
//
// A restored directory gets a replica id of its own, since the node it was taken from has gone on: its former
// self's deltas come back from the peers, under the former id. The order is told so (replica/standing.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "node/io/checkpoint.h"
#include "node/io/data_directory.h"
#include "node/io/log_read.h"

namespace anabranch::io {

struct StoredState {  // of a data directory or a backup
    DirectoryIdentity identity;
    bool backup = false;
    std::optional<CheckpointInfo> checkpoint;
    LogRecovery log;
    LogEnd end;
};

// Checks every byte that recovery would read, and hands it out: first the checkpoint's parts, then the log's
// records. Changes nothing. A data directory must not be in use (55006).
using PartVisitor = FunctionRef<Result<void>(BytesView part)>;
Result<StoredState> read_stored(const std::string& directory, PartVisitor part, LogRecordVisitor record);

// `to` must be absent or empty. Everything that was acknowledged before the call is in it.
Result<StoredState> make_backup(const std::string& data, const std::string& to);

struct RestoreOptions {
    std::string name;  // empty: as in the source
    // The backup is all there is: its members begin a cluster of their own with it, each from this very
    // backup. They never talk to members of the cluster that it was taken from.
    bool new_cluster = false;
    bool salvage = false;  // leave out what is behind the first damage
};
// `source`: a backup, or a data directory that is not in use. `data` must be absent or empty.
Result<StoredState> restore(const std::string& source, const std::string& data, const RestoreOptions& options,
                            ReplicaId new_id);
// The directory was moved, and the original is gone: it keeps its replica id.
Result<DirectoryIdentity> accept_moved(const std::string& data);

}  // namespace anabranch::io
