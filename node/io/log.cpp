#include "node/io/log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <optional>
#include <set>
#include <utility>

#include "lib/base/check.h"
#include "node/io/file.h"

namespace anabranch::io {

namespace {

constexpr std::string_view magic = "ANABLOG1";
constexpr std::uint32_t format_version = 1;
constexpr std::size_t segment_header_bytes = 32;
constexpr std::size_t frame_header_bytes = 32;
constexpr std::size_t record_bytes_max = std::size_t{1} << 30;

struct FrameHeader {
    std::uint32_t size = 0;
    std::uint64_t lsn = 0;
    std::uint64_t durable = 0;
};

void put_frame(Bytes& out, const FrameHeader& header, BytesView record) {
    const std::size_t start = out.size();
    ByteWriter writer(out);
    writer.u32(header.size);
    writer.u32(0);
    writer.u64(header.lsn);
    writer.u64(header.durable);
    const std::uint64_t sum = hash64(record, hash64(BytesView(out).substr(start)));
    writer.u64(sum);
    writer.raw(record);
}

// A whole frame at the start of `in`, or nothing.
std::optional<std::pair<FrameHeader, BytesView>> whole_frame(BytesView in) {
    if (in.size() < frame_header_bytes) return {};
    ByteReader reader(in);
    FrameHeader header;
    header.size = reader.u32();
    const std::uint32_t zero = reader.u32();
    header.lsn = reader.u64();
    header.durable = reader.u64();
    const std::uint64_t sum = reader.u64();
    if (zero != 0 || header.lsn == 0 || header.size > record_bytes_max ||
        in.size() - frame_header_bytes < header.size)
        return {};
    const BytesView record = in.substr(frame_header_bytes, header.size);
    if (hash64(record, hash64(in.substr(0, frame_header_bytes - 8))) != sum) return {};
    return std::pair{header, record};
}

Bytes segment_header(std::uint64_t first_lsn) {
    Bytes out(magic);
    ByteWriter writer(out);
    writer.u32(format_version);
    writer.u32(0);
    writer.u64(first_lsn);
    writer.u64(hash64(out));
    return out;
}

std::string segment_path(const std::string& directory, std::uint64_t first_lsn) {
    return directory + "/" + hex(first_lsn) + ".seg";
}
std::string spare_path(const std::string& directory) {
    return directory + "/spare";
}

Error damaged(const std::string& path, const std::string& what) {
    return Error::make(sqlstate::io_error, "log segment " + path + " is damaged: " + what)
        .with_detail(
            "Records that were acknowledged follow the damage, so cutting the log there would lose them.")
        .with_hint(
            "Restore the file from a copy, or start this node with an empty data directory: it will fetch "
            "its state from its peers.");
}

}  // namespace

// Reading a log directory from its first segment to its end.
struct Log::Replay {
    const std::string& directory;
    FunctionRef<Result<void>(BytesView)> record;
    LogRecovery& recovery;
    std::uint64_t next_lsn = 1;

    Result<void> run() {
        std::set<std::string> paths;
        for (const auto& entry : std::filesystem::directory_iterator(directory))
            if (entry.path().extension() == ".seg") paths.insert(entry.path().string());
        for (auto path = paths.begin(); path != paths.end(); ++path) {
            const bool last = std::next(path) == paths.end();
            TRY_VOID(segment(*path, last));
        }
        return {};
    }

    Result<void> segment(const std::string& path, bool last) {
        TRY(const Bytes bytes, read_file(path));
        BytesView in(bytes);
        // A crash may leave the newest segment with a header that never reached the disk: it holds nothing
        // acknowledged.
        if (in.size() < segment_header_bytes ||
            in.substr(0, segment_header_bytes) != segment_header(next_lsn)) {
            if (in.starts_with(magic) && in.size() >= 12 && ByteReader(in.substr(8)).u32() != format_version)
                return fail(sqlstate::feature_not_supported,
                            "log segment " + path + " has format version " +
                                std::to_string(ByteReader(in.substr(8)).u32()) +
                                "; this program reads version " + std::to_string(format_version));
            if (!last) return fail(damaged(path, "bad segment header, or records missing before it"));
            if (const auto lost = acknowledged_after(in, 0)) return fail(damaged(path, *lost));
            if (::unlink(path.c_str()) != 0) return fail(file_error("remove", path, errno));
            recovery.tail_cut = true;
            return {};
        }
        std::size_t at = segment_header_bytes;
        for (;;) {
            const auto frame = whole_frame(in.substr(at));
            if (!frame || frame->first.lsn != next_lsn) break;
            TRY_VOID(record(frame->second));
            ++recovery.records;
            recovery.bytes += frame->second.size();
            ++next_lsn;
            at += frame_header_bytes + frame->first.size;
        }
        if (const auto lost = acknowledged_after(in, at)) return fail(damaged(path, *lost));
        if (in.find_first_not_of('\0', at) != BytesView::npos) recovery.tail_cut = true;
        // Cut to what is used: what a torn write left behind can never be mistaken for a record again, and
        // the space is free.
        if (last && at < in.size() && ::truncate(path.c_str(), static_cast<off_t>(at)) != 0)
            return fail(file_error("truncate", path, errno));
        return {};
    }

    // Some whole frame behind `from` that says record `next_lsn` had been durable.
    std::optional<std::string> acknowledged_after(BytesView in, std::size_t from) const {
        for (std::size_t at = from; at + frame_header_bytes <= in.size(); ++at) {
            if (in[at + 8] == 0 && in[at] == 0) {  // most of a tail is zero: skip to where a frame may begin
                const auto next = in.find_first_not_of('\0', at);
                if (next == BytesView::npos) return {};
                if (next > at + 16) at = next - 16;
            }
            const auto lsn = ByteReader(in.substr(at + 8)).u64();
            if (lsn <= next_lsn || lsn > next_lsn + (1 << 24)) continue;
            const auto frame = whole_frame(in.substr(at));
            if (frame && frame->first.durable >= next_lsn)
                return "record " + std::to_string(next_lsn) + " at byte " + std::to_string(from) +
                       " cannot be read, record " + std::to_string(lsn) + " behind it can";
        }
        return {};
    }
};

Log::Log(std::string directory, const LogOptions& options)
    : directory_(std::move(directory)), options_(options) {}

Log::~Log() {
    flush();
    if (helper_.joinable()) {
        helper_.request_stop();
        helper_.join();
    }
    if (segment_ >= 0) ::close(segment_);
}

Result<std::unique_ptr<Log>> Log::open(const std::string& directory, const LogOptions& options,
                                       FunctionRef<Result<void>(BytesView)> replay, LogRecovery& recovery) {
    TRY_VOID(make_directory(directory));
    Replay reading{directory, replay, recovery};
    TRY_VOID(reading.run());
    // Recovery never writes into an old segment; the next record opens a new one.
    std::unique_ptr<Log> log(new Log(directory, options));
    log->next_lsn_ = reading.next_lsn;
    log->durable_lsn_ = reading.next_lsn - 1;
    TRY_VOID(log->make_spare(options.segment_bytes));
    return log;
}

void Log::start(LogCallbacks callbacks) {
    callbacks_ = std::move(callbacks);
    helper_ = std::jthread([this](std::stop_token stop) { run(stop); });
}

void Log::append(std::uint64_t ticket, BytesView record) {
    CHECK_NOTE(record.size() <= record_bytes_max, "log record too large");
    FrameHeader header{static_cast<std::uint32_t>(record.size()), next_lsn_++,
                       durable_lsn_.load(std::memory_order_relaxed)};
    put_frame(filling_.frames, header, record);
    filling_.ticket = ticket;
    filling_.last_lsn = header.lsn;
}

void Log::flush() {
    if (filling_.empty()) return;
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

void Log::run(std::stop_token stop) {
    Batch batch;
    for (;;) {
        keep_spare();
        {
            std::unique_lock lock(mutex_);
            const auto some = [&] { return !waiting_.empty(); };
            // Woken now and then while the disk is full, to see whether there is room again.
            if (has_space())
                wake_.wait(lock, stop, some);
            else
                wake_.wait_for(lock, stop, std::chrono::milliseconds(500), some);
            if (waiting_.empty()) {
                if (stop.stop_requested()) return;
                continue;
            }
            std::swap(batch, waiting_);
        }
        if (auto written = write(batch); !written) {
            if (callbacks_.failed) callbacks_.failed(written.error());
            return;
        }
        durable_lsn_.store(batch.last_lsn, std::memory_order_relaxed);
        if (callbacks_.durable) callbacks_.durable(batch.ticket);
        batch.frames.clear();
    }
}

// Frames never cross segments; runs of frames that fit go out in one write.
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
            if (segment_ < 0 || segment_used_ + run + frame > segment_bytes_) break;
            run += frame;
        }
        if (run == 0) {
            TRY_VOID(next_segment(first_frame, first_lsn));
            continue;
        }
        TRY_VOID(write_at(segment_, rest.substr(0, run), segment_used_, directory_));
        segment_used_ += run;
        bytes_written_.fetch_add(run, std::memory_order_relaxed);
        rest.remove_prefix(run);
    }
    return sync_data(segment_, directory_);
}

Result<void> Log::next_segment(std::size_t frame_bytes, std::uint64_t first_lsn) {
    if (segment_ >= 0) {
        TRY_VOID(sync_data(segment_, directory_));
        ::close(std::exchange(segment_, -1));
    }
    if (frame_bytes + segment_header_bytes > options_.segment_bytes || !have_spare_)
        TRY_VOID(make_spare(std::max(options_.segment_bytes, frame_bytes + segment_header_bytes)));
    const auto path = segment_path(directory_, first_lsn);
    TRY(auto file, open_file(spare_path(directory_), O_RDWR));
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return fail(file_error("read", path, errno));
    TRY_VOID(write_at(file.get(), segment_header(first_lsn), 0, path));
    TRY_VOID(sync_data(file.get(), path));
    if (::rename(spare_path(directory_).c_str(), path.c_str()) != 0)
        return fail(file_error("rename", path, errno));
    TRY_VOID(sync_directory(directory_));
    have_spare_ = false;
    segment_bytes_ = static_cast<std::uint64_t>(status.st_size);
    segment_used_ = segment_header_bytes;
    segment_ = file.release();
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

void Log::keep_spare() {
    if (have_spare_) return;
    const bool available = make_spare(options_.segment_bytes).has_value();
    if (available != has_space_.exchange(available) && callbacks_.space) callbacks_.space(available);
}

}  // namespace anabranch::io
