// The node's log: the only thing written per transaction. Records are opaque; each has a ticket, ascending,
// that the replica waits for.
//
// Files: DIR/log/<first lsn, 16 hex digits>.seg, zero-filled beforehand or an old segment that is no longer
// needed, and overwritten, because fdatasync of an overwrite costs half of an append's. What an old segment
// held has lesser lsns and is never taken for a record. A helper thread writes and syncs, past the page cache
// where the file system can (block_writer.h); the next sync starts when the last one ends (self-clocking
// group commit, no timer).
//
//   segment: [magic "ANABLOG1"][u32 format version][u32 0][u64 first lsn][u64 checksum of these 24 bytes]
//            then frames
//   frame:   [u32 size of the record][u32 kind][u64 lsn][u64 durable lsn known when written]
//            [u64 checksum of header and record][record]
//
// Recovery (log_read.h) reads frames until the first one that is not whole. What follows is a torn tail,
// unless a later whole frame was written when the broken one was already durable: then an acknowledged record
// is damaged and the log is refused rather than cut (58030). Behind the last durable record stands a mark, a
// frame without a record, that says so, and that the next record overwrites; where the next one follows
// within 2 ms it says so itself, and there is no mark in between.
//
// The helper keeps a spare segment, so that what is appended while there is space can be written. A record or
// a batch that needs more than that waits for room when the disk is full: nobody has been told that it is
// durable.
//
// truncate() gives up whole segments, once a checkpoint holds what their records did.
//
// Threads: append(), flush(), truncate() and has_space() on the engine's thread; the callbacks run on the
// helper thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "node/io/block_writer.h"
#include "node/io/log_read.h"

namespace anabranch::io {

struct LogCallbacks {
    std::function<void(std::uint64_t ticket)> durable;  // everything up to ticket is on disk
    std::function<void(bool available)> space;          // the disk has become full, or has room again
    std::function<void(Error)>
        failed;  // a write or sync failed: nothing further will become durable; the node must stop
};

// Makes what read_log() has read final: cuts the tail and syncs the rest.
Result<void> seal_log(LogEnd& end);

class Log {
  public:
    using Record = LogRecordVisitor;
    // Replays every record of `directory` (created if absent) in order, then continues it.
    static Result<std::unique_ptr<Log>> open(const std::string& directory, const LogOptions& options,
                                             Record replay, LogRecovery& recovery);
    ~Log();  // writes and syncs what is pending
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    void start(LogCallbacks callbacks);
    // A lazy record is handed on with the next one that is not, or after hurry(), which is about those that
    // wait and no later one.
    void append(std::uint64_t ticket, BytesView record, bool lazy = false);
    void hurry() { urgent_ = waits(); }
    bool waits() const { return !filling_.empty(); }  // lazy ones do
    void flush();  // hands what was appended to the helper; call once per turn of the engine
    void truncate(std::uint64_t before);  // records before it are no longer needed
    std::uint64_t next_lsn() const { return next_lsn_; }
    bool has_space() const { return has_space_.load(std::memory_order_relaxed); }
    std::uint64_t free_bytes() const;  // of the disk, beside what is reserved here
    std::uint64_t bytes_written() const { return bytes_written_.load(std::memory_order_relaxed); }
    // Each made what had gathered since the last one durable.
    std::uint64_t syncs() const { return syncs_.load(std::memory_order_relaxed); }
    std::uint64_t bytes_on_disk() const { return bytes_on_disk_.load(std::memory_order_relaxed); }

  private:
    struct Batch {
        Bytes frames;
        std::uint64_t ticket = 0;
        std::uint64_t last_lsn = 0;
        bool empty() const { return frames.empty(); }
    };
    Log(std::string directory, const LogOptions& options);
    void run();
    void wait_for_work(std::unique_lock<std::mutex>& lock);
    Result<void> write(const Batch& batch);
    Result<void> put(BytesView frames, Sync sync);
    void advance(BytesView frames);
    void write_mark();
    Result<void> next_segment(std::size_t frame_bytes, std::uint64_t first_lsn);
    Result<void> make_spare(std::size_t bytes);
    Result<void> wait_for_spare(std::size_t bytes);
    void keep_spare();
    void tell_space(bool available);
    void recycle(std::uint64_t before);
    void count_bytes();

    const std::string directory_;
    const LogOptions options_;
    LogCallbacks callbacks_;

    // engine thread
    Batch filling_;
    bool urgent_ = false;  // of what is in it
    std::uint64_t next_lsn_ = 1;

    // shared
    std::mutex mutex_;
    std::condition_variable wake_;
    std::atomic<bool> stopping_ = false;  // changes with the mutex held
    Batch waiting_;
    std::uint64_t truncate_before_ = 0;
    std::atomic<std::uint64_t> durable_lsn_ = 0;
    std::atomic<std::uint64_t> bytes_written_ = 0;
    std::atomic<std::uint64_t> syncs_ = 0;
    std::atomic<std::uint64_t> bytes_on_disk_ = 0;
    std::atomic<bool> has_space_ = true;

    // helper thread
    std::uint64_t truncated_ = 0;
    bool marked_ = true;
    int segment_ = -1;
    std::uint64_t segment_bytes_ = 0;
    std::uint64_t segment_used_ = 0;
    std::uint64_t segment_first_lsn_ = 0;
    std::size_t block_ = 1;  // what writes begin and end on: block_bytes past the page cache
    Bytes block_begun_;      // what stands in the block that segment_used_ is in
    BlockWriter writer_;
    std::deque<LogSegment> sealed_;
    bool have_spare_ = false;
    std::thread helper_;
};

}  // namespace anabranch::io
