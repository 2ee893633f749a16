#include "node/io/log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "lib/base/check.h"
#include "node/io/file.h"
#include "node/io/log_format.h"

namespace anabranch::io {

using namespace log_format;

namespace {

constexpr auto mark_after = std::chrono::milliseconds(2);

std::string spare_path(const std::string& directory) {
    return directory + "/spare";
}

LogOptions whole_blocks(LogOptions options) {
    options.segment_bytes = block_end(options.segment_bytes, block_bytes);
    return options;
}

}  // namespace

Log::Log(std::string directory, const LogOptions& options)
    : directory_(std::move(directory)), options_(whole_blocks(options)) {}

Log::~Log() {
    hurry();
    flush();
    if (helper_.joinable()) {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        wake_.notify_one();
        helper_.join();
    }
    if (segment_ >= 0) {
        (void)sync_data(segment_, directory_);  // the last mark
        ::close(segment_);
    }
}

Result<std::unique_ptr<Log>> Log::open(const std::string& directory, const LogOptions& options, Record replay,
                                       LogRecovery& recovery) {
    TRY_VOID(make_directory(directory));
    TRY(auto end, read_log(directory, options, replay, recovery));
    if (!end.headless.empty() && ::unlink(end.headless.c_str()) != 0)
        return fail(file_error("remove", end.headless, errno));
    if (!end.segments.empty()) TRY_VOID(seal_log(end));
    // Recovery never writes into an old segment; the next record opens a new one.
    std::unique_ptr<Log> log(new Log(directory, options));
    log->next_lsn_ = end.next_lsn;
    log->durable_lsn_ = end.next_lsn - 1;
    log->sealed_ = std::move(end.segments);
    log->count_bytes();
    // A full disk is no reason not to serve reads.
    auto spare = log->make_spare(log->options_.segment_bytes);
    if (!spare && spare.error().sqlstate != sqlstate::disk_full) return std::unexpected(spare.error());
    log->has_space_ = spare.has_value();
    return log;
}

// What was read counts from now on, so it must be on disk: a process that was killed may have left records
// that only the kernel knows. What a torn write left behind goes, so that it can never be mistaken for a
// record again.
Result<void> seal_log(LogEnd& end) {
    TRY(const auto file, open_file(end.tail, O_RDWR));
    auto& tail = end.segments.back();
    if (::ftruncate(file.get(), static_cast<off_t>(tail.used)) != 0)
        return fail(file_error("truncate", end.tail, errno));
    const Bytes mark = log_format::mark(end.next_lsn);
    // Without room for the mark a later flip in the last record would look like a torn write; nothing worse.
    tail.bytes = tail.used;
    if (write_at(file.get(), mark, tail.used, end.tail)) tail.bytes += mark.size();
    return sync_data(file.get(), end.tail);
}

void Log::start(LogCallbacks callbacks) {
    callbacks_ = std::move(callbacks);
    if (!has_space() && callbacks_.space) callbacks_.space(false);
    helper_ = std::thread([this] { run(); });
}

void Log::append(std::uint64_t ticket, BytesView record, bool lazy) {
    CHECK_NOTE(record.size() <= record_bytes_max, "log record too large");
    FrameHeader header{static_cast<std::uint32_t>(record.size()), FrameKind::record, next_lsn_++,
                       durable_lsn_.load(std::memory_order_relaxed)};
    put_frame(filling_.frames, header, record);
    filling_.ticket = ticket;
    filling_.last_lsn = header.lsn;
    urgent_ = urgent_ || !lazy;
}

void Log::flush() {
    if (filling_.empty() || !urgent_) return;
    urgent_ = false;
    {
        const std::lock_guard lock(mutex_);
        if (waiting_.empty())
            std::swap(waiting_, filling_);
        else {
            waiting_.frames += filling_.frames;
            waiting_.ticket = filling_.ticket;
            waiting_.last_lsn = filling_.last_lsn;
        }
    }
    filling_.frames.clear();
    wake_.notify_one();
}

void Log::truncate(std::uint64_t before) {
    {
        const std::lock_guard lock(mutex_);
        truncate_before_ = std::max(truncate_before_, before);
    }
    wake_.notify_one();
}

void Log::run() {
    Batch batch;
    for (;;) {
        keep_spare();
        std::uint64_t before = 0;
        {
            std::unique_lock lock(mutex_);
            wait_for_work(lock);
            before = truncate_before_;
            if (waiting_.empty() && before <= truncated_) {
                if (!stopping_) continue;
                lock.unlock();
                return write_mark();
            }
            std::swap(batch, waiting_);
        }
        if (before > truncated_) recycle(truncated_ = before);
        if (batch.empty()) continue;
        if (auto written = write(batch); !written) {
            const bool gave_up = stopping_ && written.error().sqlstate == sqlstate::disk_full;
            if (callbacks_.failed && !gave_up) callbacks_.failed(written.error());
            return;
        }
        durable_lsn_.store(batch.last_lsn, std::memory_order_relaxed);
        marked_ = false;
        if (callbacks_.durable) callbacks_.durable(batch.ticket);
        batch.frames.clear();
    }
}

void Log::wait_for_work(std::unique_lock<std::mutex>& lock) {
    const auto some = [this] { return stopping_ || !waiting_.empty() || truncate_before_ > truncated_; };
    if (!marked_ && !wake_.wait_for(lock, mark_after, some)) {
        lock.unlock();
        write_mark();
        lock.lock();
    }
    // Woken now and then while the disk is full, to see whether there is room again.
    if (has_space())
        wake_.wait(lock, some);
    else
        wake_.wait_for(lock, std::chrono::milliseconds(500), some);
}

// The frames of the next batch say that this one is durable. When there is none for a while, a mark does, so
// that damage to the last records is never taken for a torn write. It need not be synced: what it says is
// true.
void Log::write_mark() {
    if (std::exchange(marked_, true)) return;
    (void)put(mark(durable_lsn_.load(std::memory_order_relaxed) + 1), Sync::no);
}

// Frames never cross segments, and leave room for a mark behind them; runs of frames that fit go out in one
// write.
Result<void> Log::write(const Batch& batch) {
    BytesView rest(batch.frames);
    while (!rest.empty()) {
        std::size_t run = 0;
        std::uint64_t first_lsn = 0;
        std::size_t first_frame = 0;
        while (run < rest.size()) {
            ByteReader header(rest.substr(run));
            const std::size_t frame = frame_header_bytes + header.u32();
            (void)header.u32();
            const std::uint64_t lsn = header.u64();
            if (run == 0) first_lsn = lsn, first_frame = frame;
            if (segment_ < 0 || segment_used_ + run + frame + frame_header_bytes > segment_bytes_) break;
            run += frame;
        }
        if (run == 0) {
            TRY_VOID(next_segment(first_frame, first_lsn));
            continue;
        }
        TRY_VOID(put(rest.substr(0, run), Sync::yes));
        advance(rest.substr(0, run));
        bytes_written_.fetch_add(run, std::memory_order_relaxed);
        rest.remove_prefix(run);
    }
    syncs_.fetch_add(1, std::memory_order_relaxed);
    return {};
}

// Behind what the segment holds.
Result<void> Log::put(BytesView frames, Sync sync) {
    if (block_ > 1)
        return writer_.write(segment_, block_begun_, frames, segment_used_ - block_begun_.size(), sync,
                             directory_);
    TRY_VOID(write_at(segment_, frames, segment_used_, directory_));
    return sync == Sync::yes ? sync_data(segment_, directory_) : Result<void>();
}

void Log::advance(BytesView frames) {
    segment_used_ += frames.size();
    const std::size_t in_block = segment_used_ % block_;
    if (frames.size() >= in_block) block_begun_.clear();
    block_begun_ += frames.substr(frames.size() - std::min(frames.size(), in_block));
}

Result<void> Log::next_segment(std::size_t frame_bytes, std::uint64_t first_lsn) {
    if (segment_ >= 0) {
        ::close(std::exchange(segment_, -1));
        sealed_.push_back({std::exchange(segment_first_lsn_, 0), segment_bytes_, segment_used_});
    }
    const std::size_t needed =
        block_end(segment_header_bytes + frame_bytes + frame_header_bytes, block_bytes);
    if (needed > options_.segment_bytes || !have_spare_)
        TRY_VOID(wait_for_spare(std::max(options_.segment_bytes, needed)));
    const auto spare = spare_path(directory_), path = segment_path(directory_, first_lsn);
    const bool direct = options_.direct && takes_direct_writes(spare);
    TRY(auto file, open_file(spare, direct ? O_RDWR | O_DIRECT : O_RDWR));
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return fail(file_error("read", path, errno));
    segment_ = file.release();
    block_ = direct ? block_bytes : 1;
    block_begun_.clear();
    segment_used_ = 0;
    const auto header = segment_header(first_lsn);
    TRY_VOID(put(header, Sync::yes));
    advance(header);
    if (::rename(spare.c_str(), path.c_str()) != 0) return fail(file_error("rename", path, errno));
    TRY_VOID(sync_directory(directory_));
    have_spare_ = false;
    segment_bytes_ = static_cast<std::uint64_t>(status.st_size);
    segment_first_lsn_ = first_lsn;
    count_bytes();
    return {};
}

// A zero-filled file that becomes the next segment: space is reserved before it is needed, so a full disk is
// noticed while everything acknowledged still fits.
Result<void> Log::make_spare(std::size_t bytes) {
    const auto path = spare_path(directory_);
    have_spare_ = false;
    TRY(auto file, open_file(path, O_RDWR | O_CREAT | O_TRUNC));
    const Bytes zeros(std::size_t{1} << 20, '\0');
    for (std::size_t at = 0; at < bytes; at += zeros.size()) {
        if (auto written = write_at(file.get(),
                                    BytesView(zeros).substr(0, std::min(zeros.size(), bytes - at)), at, path);
            !written) {
            ::unlink(path.c_str());
            return written;
        }
    }
    if (auto synced = sync_data(file.get(), path); !synced) {
        ::unlink(path.c_str());
        return synced;
    }
    have_spare_ = true;
    return {};
}

// Until the disk has room for it, or the node stops.
Result<void> Log::wait_for_spare(std::size_t bytes) {
    for (;;) {
        if (have_spare_ && bytes <= options_.segment_bytes) return {};
        auto made = make_spare(bytes);
        if (made) return tell_space(true), made;
        if (made.error().sqlstate != sqlstate::disk_full || stopping_) return made;
        tell_space(false);
        std::uint64_t before = 0;
        {
            std::unique_lock lock(mutex_);
            wake_.wait_for(lock, std::chrono::milliseconds(500), [this] { return stopping_.load(); });
            before = truncate_before_;
        }
        if (before > truncated_) recycle(truncated_ = before);
    }
}

// A segment goes when the one after it begins at or before `before`. The first becomes the spare. What cannot
// be removed is tried again next time: it costs space, nothing else.
void Log::recycle(std::uint64_t before) {
    while (!sealed_.empty()) {
        const std::uint64_t next = sealed_.size() > 1 ? sealed_[1].first_lsn : segment_first_lsn_;
        if (next == 0 || next > before) break;
        const auto path = segment_path(directory_, sealed_.front().first_lsn);
        const bool keep = !have_spare_ && sealed_.front().bytes == options_.segment_bytes;
        if (keep ? ::rename(path.c_str(), spare_path(directory_).c_str()) != 0 : ::unlink(path.c_str()) != 0)
            break;
        have_spare_ = have_spare_ || keep;
        sealed_.pop_front();
    }
    count_bytes();
    (void)sync_directory(directory_);
}

void Log::count_bytes() {
    std::uint64_t total = segment_ >= 0 ? segment_bytes_ : 0;
    for (const auto& segment : sealed_) total += segment.bytes;
    bytes_on_disk_.store(total, std::memory_order_relaxed);
}

void Log::keep_spare() {
    if (have_spare_) return;
    tell_space(make_spare(options_.segment_bytes).has_value());
}

void Log::tell_space(bool available) {
    if (available != has_space_.exchange(available) && callbacks_.space) callbacks_.space(available);
}

std::uint64_t Log::free_bytes() const {
    struct statvfs status {};
    if (::statvfs(directory_.c_str(), &status) != 0) return 0;
    return std::uint64_t{status.f_bavail} * status.f_frsize;
}

}  // namespace anabranch::io
