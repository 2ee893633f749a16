// Index keys of rows for whoever keeps the indexes (expression keys and partial indexes need evaluation).
// Owns its memory. Not thread-safe.
#pragma once

#include <memory>
#include <string>

#include "lib/exec/store.h"

namespace anabranch::exec {

class IndexKeys {
  public:
    explicit IndexKeys(catalog::SchemaPtr schema);
    ~IndexKeys();
    IndexKeys(const IndexKeys&) = delete;
    IndexKeys& operator=(const IndexKeys&) = delete;
    // Appends the row's key in the index, in the encoding of lib/sql/key.h; false: the row is not in this
    // (partial) index. A key whose expression fails on the row counts as NULL.
    bool append(TableId table, IndexId index, RowView row, std::string& out) const;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace anabranch::exec
