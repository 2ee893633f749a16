#include "node/io/checkpoint.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "node/io/compress.h"

namespace anabranch::io {

namespace {

constexpr std::string_view magic = "ANABCKP1";
constexpr std::uint32_t format_version = 2;  // 2: parts may be compressed
constexpr std::size_t header_bytes = 16;
constexpr std::size_t part_header_bytes = 16;
constexpr std::size_t end_bytes = 40;
constexpr std::uint32_t end_mark = 0xffffffff;
constexpr std::uint32_t part_bytes_max = std::uint32_t{1} << 30;

std::uint64_t checksum(std::uint32_t size, bool packed, std::uint64_t number, BytesView part) {
    return hash64(part, hash64(std::to_string(size) + (packed ? "z" : "/") + std::to_string(number)));
}
std::string unfinished(const std::string& directory) {
    return directory + "/unfinished";
}
Error damaged(const std::string& path, const std::string& what) {
    return Error::make(sqlstate::io_error, "checkpoint " + path + " is damaged: " + what)
        .with_detail("The log no longer holds what the checkpoint stands for.")
        .with_hint(
            "Restore the file from a copy, or start this node with an empty data directory: it will fetch "
            "its state from its peers.");
}

class Reader {
  public:
    Reader(const File& file, const std::string& path) : file_(file), path_(path) {}
    // False: the file ends before.
    Result<bool> read(std::size_t size) {
        buffer.resize(size);
        std::size_t done = 0;
        while (done < size) {
            const auto n =
                ::pread(file_.get(), buffer.data() + done, size - done, static_cast<off_t>(at + done));
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) return fail(file_error("read", path_, errno));
            if (n == 0) return false;
            done += static_cast<std::size_t>(n);
        }
        at += size;
        return true;
    }
    Bytes buffer;
    std::uint64_t at = 0;

  private:
    const File& file_;
    const std::string& path_;
};

Result<CheckpointInfo> walk(const std::string& path, FunctionRef<Result<void>(BytesView)> visit) {
    TRY(const auto file, open_file(path, O_RDONLY));
    Reader in(file, path);
    CheckpointInfo info{path};
    TRY(const bool begun, in.read(header_bytes));
    if (!begun || !BytesView(in.buffer).starts_with(magic) ||
        ByteReader(BytesView(in.buffer).substr(12)).u32())
        return fail(damaged(path, "bad header"));
    if (const auto version = ByteReader(BytesView(in.buffer).substr(8)).u32(); version != format_version)
        return fail(sqlstate::feature_not_supported,
                    "checkpoint " + path + " has format version " + std::to_string(version) +
                        "; this program reads version " + std::to_string(format_version));
    for (;;) {
        TRY(const bool more, in.read(part_header_bytes));
        if (!more) return fail(damaged(path, "it has no end"));
        ByteReader header(in.buffer);
        const std::uint32_t size = header.u32();
        const std::uint32_t kind = header.u32();
        const std::uint64_t sum = header.u64();
        if (size == end_mark) {
            Bytes all = in.buffer;
            TRY(const bool whole, in.read(end_bytes - part_header_bytes));
            if (!whole) return fail(damaged(path, "its end is cut"));
            all += in.buffer;
            ByteReader end(BytesView(all).substr(8));
            info.begin = end.u64();
            info.end = end.u64();
            const std::uint64_t parts = end.u64();
            if (end.u64() != hash64(BytesView(all).substr(0, end_bytes - 8)) || parts != info.parts)
                return fail(damaged(path, "bad end"));
            info.bytes = in.at;
            return info;
        }
        const std::string place =
            "part " + std::to_string(info.parts) + " at byte " + std::to_string(in.at - part_header_bytes);
        if (kind > 1 || size > part_bytes_max) return fail(damaged(path, place + " cannot be read"));
        TRY(const bool whole, in.read(size));
        if (!whole || checksum(size, kind == 1, info.parts, in.buffer) != sum)
            return fail(damaged(path, place + " cannot be read"));
        const auto unpacked = kind == 1 ? decompress(in.buffer, part_bytes_max) : std::nullopt;
        if (kind == 1 && !unpacked) return fail(damaged(path, place + " cannot be read"));
        TRY_VOID(visit(unpacked ? *unpacked : in.buffer));
        ++info.parts;
    }
}

}  // namespace

Result<std::optional<CheckpointInfo>> find_checkpoint(const std::string& directory) {
    std::optional<CheckpointInfo> out;
    if (!std::filesystem::exists(directory)) return out;
    std::vector<std::string> paths;
    for (const auto& entry : std::filesystem::directory_iterator(directory))
        if (entry.path().extension() == ".ckpt") paths.push_back(entry.path().string());
    ::unlink(unfinished(directory).c_str());
    if (paths.empty()) return out;
    const auto newest = std::max_element(paths.begin(), paths.end());
    TRY(out, walk(*newest, [](BytesView) { return Result<void>(); }));
    return out;
}

Result<void> read_checkpoint(const CheckpointInfo& info, FunctionRef<Result<void>(BytesView part)> part) {
    TRY_VOID(walk(info.path, part));
    return {};
}

CheckpointWriter::CheckpointWriter(std::string directory, std::function<void(Result<void>)> ready)
    : directory_(std::move(directory)), ready_(std::move(ready)) {
    helper_ = std::jthread([this](std::stop_token stop) { run(stop); });
}
CheckpointWriter::~CheckpointWriter() = default;

void CheckpointWriter::begin() {
    submit({Job::Kind::begin});
}
void CheckpointWriter::add(Bytes part) {
    submit({Job::Kind::add, std::move(part)});
}
void CheckpointWriter::finish(std::uint64_t begin, std::uint64_t end) {
    submit({Job::Kind::finish, {}, begin, end});
}

void CheckpointWriter::submit(Job job) {
    {
        const std::lock_guard lock(mutex_);
        jobs_.push_back(std::move(job));
    }
    wake_.notify_one();
}

void CheckpointWriter::run(std::stop_token stop) {
    for (;;) {
        Job job;
        {
            std::unique_lock lock(mutex_);
            if (!wake_.wait(lock, stop, [&] { return !jobs_.empty(); })) return;
            job = std::move(jobs_.front());
            jobs_.pop_front();
        }
        if (job.kind == Job::Kind::begin) failed_ = false;
        if (failed_) continue;
        auto done = carry_out(job);
        failed_ = !done;
        if (failed_) {
            file_ = File();
            ::unlink(unfinished(directory_).c_str());
        }
        // A part after begin() answers for both.
        if (failed_ || job.kind != Job::Kind::begin) ready_(std::move(done));
    }
}

Result<void> CheckpointWriter::carry_out(const Job& job) {
    if (job.kind == Job::Kind::begin) return start_file();
    if (job.kind == Job::Kind::finish) return finish_file(job.begin, job.end);
    Bytes frame;
    ByteWriter writer(frame);
    const auto packed = job.part.size() >= compress_from_bytes ? compress(job.part) : std::nullopt;
    const BytesView part = packed ? *packed : job.part;
    const auto size = static_cast<std::uint32_t>(part.size());
    writer.u32(size);
    writer.u32(packed ? 1 : 0);
    writer.u64(checksum(size, packed.has_value(), parts_++, part));
    TRY_VOID(write(frame));
    return write(part);
}

Result<void> CheckpointWriter::start_file() {
    TRY_VOID(make_directory(directory_));
    TRY(file_, open_file(unfinished(directory_), O_WRONLY | O_CREAT | O_TRUNC));
    at_ = parts_ = 0;
    Bytes header(magic);
    ByteWriter writer(header);
    writer.u32(format_version);
    writer.u32(0);
    return write(header);
}

Result<void> CheckpointWriter::write(BytesView bytes) {
    TRY_VOID(write_at(file_.get(), bytes, at_, unfinished(directory_)));
    at_ += bytes.size();
    bytes_written_.fetch_add(bytes.size(), std::memory_order_relaxed);
    return {};
}

Result<void> CheckpointWriter::finish_file(std::uint64_t begin, std::uint64_t end) {
    Bytes mark;
    ByteWriter writer(mark);
    writer.u32(end_mark);
    writer.u32(0);
    writer.u64(begin);
    writer.u64(end);
    writer.u64(parts_);
    writer.u64(hash64(mark));
    TRY_VOID(write(mark));
    TRY_VOID(sync_data(file_.get(), unfinished(directory_)));
    file_ = File();
    const std::string name = hex(begin) + ".ckpt";
    const std::string path = directory_ + "/" + name;
    if (::rename(unfinished(directory_).c_str(), path.c_str()) != 0)
        return fail(file_error("rename", path, errno));
    TRY_VOID(sync_directory(directory_));
    for (const auto& entry : std::filesystem::directory_iterator(directory_))
        if (entry.path().extension() == ".ckpt" && entry.path().filename() != name)
            ::unlink(entry.path().c_str());
    return {};
}

}  // namespace anabranch::io
