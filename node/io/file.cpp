#include "node/io/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace anabranch::io {

File& File::operator=(File&& other) noexcept {
    if (this != &other) {
        if (descriptor_ >= 0) ::close(descriptor_);
        descriptor_ = other.release();
    }
    return *this;
}
File::~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
}
int File::release() {
    return std::exchange(descriptor_, -1);
}

Error file_error(std::string_view doing, const std::string& path, int error_number) {
    const bool full = error_number == ENOSPC || error_number == EDQUOT;
    auto error =
        Error::make(full ? sqlstate::disk_full : sqlstate::io_error,
                    "cannot " + std::string(doing) + " " + path + ": " + std::strerror(error_number));
    if (full) error.hint = "Free some space on that file system; nothing that was acknowledged is lost.";
    if (error_number == EACCES) error.hint = "Check the owner and permissions of the directory.";
    return error;
}

Result<File> open_file(const std::string& path, int flags, int mode) {
    const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC, mode);
    if (descriptor < 0) return fail(file_error("open", path, errno));
    return File(descriptor);
}

Result<File> lock_file(const std::string& path) {
    TRY(auto lock, open_file(path, O_RDWR | O_CREAT));
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
    if (errno != EWOULDBLOCK) return fail(file_error("lock", path, errno));
    return fail(Error::make(object_in_use, path + " is in use by another process"));
}

Result<void> write_at(int descriptor, BytesView bytes, std::uint64_t offset, const std::string& path) {
    while (!bytes.empty()) {
        const auto n = ::pwrite(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (n < 0) {
            if (errno == EINTR) continue;
            return fail(file_error("write", path, errno));
        }
        bytes.remove_prefix(static_cast<std::size_t>(n));
        offset += static_cast<std::uint64_t>(n);
    }
    return {};
}

Result<void> sync_data(int descriptor, const std::string& path) {
    if (::fdatasync(descriptor) != 0) return fail(file_error("sync", path, errno));
    return {};
}

Result<void> sync_directory(const std::string& path) {
    TRY(auto directory, open_file(path, O_RDONLY | O_DIRECTORY));
    if (::fsync(directory.get()) != 0) return fail(file_error("sync", path, errno));
    return {};
}

Result<void> make_directory(const std::string& path) {
    std::error_code code;
    std::filesystem::create_directories(path, code);
    if (code) return fail(file_error("create directory", path, code.value()));
    return {};
}

Result<Bytes> read_file(const std::string& path) {
    TRY(auto file, open_file(path, O_RDONLY));
    Bytes out;
    char buffer[1 << 16];
    for (;;) {
        const auto n = ::read(file.get(), buffer, sizeof buffer);
        if (n < 0) {
            if (errno == EINTR) continue;
            return fail(file_error("read", path, errno));
        }
        if (n == 0) return out;
        out.append(buffer, static_cast<std::size_t>(n));
    }
}

Result<void> write_file_atomically(const std::string& path, BytesView bytes) {
    const std::string temporary = path + ".new";
    TRY(auto file, open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC));
    TRY_VOID(write_at(file.get(), bytes, 0, temporary));
    TRY_VOID(sync_data(file.get(), temporary));
    if (::rename(temporary.c_str(), path.c_str()) != 0) return fail(file_error("rename", temporary, errno));
    return sync_directory(std::filesystem::path(path).parent_path().string());
}

}  // namespace anabranch::io
