// Checkpoint files: what a replica's state was, so that its log need not be kept and read for ever.
//
// File: DIR/checkpoint/<lsn of the first record that is not in it, 16 hex digits>.ckpt
//   header: [magic "ANABCKP1"][u32 format version][u32 0]
//   parts:  [u32 size][u32 1: zstd, 0: as it is][u64 checksum of size, kind, the part's number and the part]
//           [part]
//   end:    [u32 0xffffffff][u32 0][u64 begin][u64 end][u64 parts][u64 checksum of the 32 bytes before it]
//
// A file is written under another name and renamed when it is whole and on disk; one without its end never
// counts. Parts are opaque; the replica makes them in slices while transactions run, so the file is right
// only together with the log from `begin` on, and only when the log reaches to `end`.
//
// Threads: the calls come from the engine's thread, a helper thread writes, `ready` is called there.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/function_ref.h"
#include "node/io/file.h"

namespace anabranch::io {

struct CheckpointInfo {
    std::string path;
    std::uint64_t begin = 0, end = 0;
    std::uint64_t parts = 0, bytes = 0;
};

// The newest checkpoint of a directory, none if it has none. Every byte is checked before anything is handed
// out: error 58030 names the file and what is wrong with it, 0A000 a newer format. Unfinished files are
// removed.
Result<std::optional<CheckpointInfo>> find_checkpoint(const std::string& directory);
Result<void> read_checkpoint(const CheckpointInfo& info, FunctionRef<Result<void>(BytesView part)> part);

class CheckpointWriter {
  public:
    // `ready`: the last thing asked for is done, or has failed; then the file is gone and begin() starts
    // anew.
    CheckpointWriter(std::string directory, std::function<void(Result<void>)> ready);
    ~CheckpointWriter();
    CheckpointWriter(const CheckpointWriter&) = delete;
    CheckpointWriter& operator=(const CheckpointWriter&) = delete;

    void begin();
    void add(Bytes part);
    // The log is durable up to `end`. Older checkpoints are removed once this one is on disk.
    void finish(std::uint64_t begin, std::uint64_t end);
    std::uint64_t bytes_written() const { return bytes_written_.load(std::memory_order_relaxed); }

  private:
    struct Job {
        enum class Kind : std::uint8_t { begin, add, finish } kind = Kind::begin;
        Bytes part = {};
        std::uint64_t begin = 0, end = 0;
    };
    void submit(Job job);
    void run(std::stop_token stop);
    Result<void> carry_out(const Job& job);
    Result<void> start_file();
    Result<void> write(BytesView bytes);
    Result<void> finish_file(std::uint64_t begin, std::uint64_t end);

    const std::string directory_;
    const std::function<void(Result<void>)> ready_;
    std::mutex mutex_;
    std::condition_variable_any wake_;
    std::deque<Job> jobs_;
    std::atomic<std::uint64_t> bytes_written_ = 0;
    // helper thread
    File file_;
    std::uint64_t at_ = 0, parts_ = 0;
    bool failed_ = false;
    std::jthread helper_;
};

}  // namespace anabranch::io
