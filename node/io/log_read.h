// Reading a log without changing anything: what recovery, backup, restore and `anabranch verify` begin with.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/function_ref.h"

namespace anabranch::io {

struct LogOptions {
    std::size_t segment_bytes = std::size_t{16} << 20;
    // A checkpoint holds what came before record `first`, and is complete only with the records up to `last`:
    // a log that begins later or ends earlier is refused.
    std::uint64_t first = 1;
    std::uint64_t last = 0;
    // Write past the page cache, where the file system can.
    bool direct = true;
    // Read up to the first damage instead of refusing the log: LogEnd::damage says what it is.
    bool up_to_damage = false;
};

struct LogRecovery {
    std::uint64_t records = 0;
    std::uint64_t bytes = 0;
    bool tail_cut = false;
};

struct LogSegment {
    std::uint64_t first_lsn = 0;
    std::uint64_t bytes = 0;  // of the file
    std::uint64_t used = 0;   // what is behind them means nothing
};

struct LogEnd {
    std::uint64_t next_lsn = 1;
    std::deque<LogSegment> segments;  // ascending
    std::string tail;                 // path of the newest one
    std::string headless;             // a newer one whose header never reached the disk; empty: none
    std::optional<Error> damage;      // up_to_damage only
};

using LogRecordVisitor = FunctionRef<Result<void>(std::uint64_t lsn, BytesView)>;

// Hands out every record in order. Damage is an error 58030 that names the file and the byte.
Result<LogEnd> read_log(const std::string& directory, const LogOptions& options, LogRecordVisitor record,
                        LogRecovery& recovery);

}  // namespace anabranch::io
