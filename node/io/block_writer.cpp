#include "node/io/block_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <new>

#include "node/io/file.h"

namespace anabranch::io {

namespace {
constexpr std::size_t kept_bytes = std::size_t{1} << 20;  // memory for a larger write is given back
}  // namespace

bool takes_direct_writes(const std::string& path) {
    struct statx status {};
    if (::statx(AT_FDCWD, path.c_str(), 0, STATX_DIOALIGN, &status) != 0) return false;
    const auto fits = [](std::uint32_t align) { return align != 0 && block_bytes % align == 0; };
    return (status.stx_mask & STATX_DIOALIGN) != 0 && fits(status.stx_dio_offset_align) &&
           fits(status.stx_dio_mem_align);
}

char* BlockWriter::room(std::size_t size) {
    if (size <= size_) return memory_.get();
    memory_.reset();
    size_ = block_end(size, block_bytes);
    memory_.reset(static_cast<char*>(std::aligned_alloc(block_bytes, size_)));
    if (memory_ == nullptr) throw std::bad_alloc();
    return memory_.get();
}

Result<void> BlockWriter::write(int descriptor, BytesView before, BytesView bytes, std::uint64_t offset,
                                Sync sync, const std::string& path) {
    const std::size_t used = before.size() + bytes.size();
    const std::size_t size = block_end(used, block_bytes);
    char* const memory = room(size);
    char* end = std::copy(before.begin(), before.end(), memory);
    end = std::copy(bytes.begin(), bytes.end(), end);
    std::fill(end, memory + size, '\0');
    for (std::size_t done = 0; done < size;) {
        const iovec rest{memory + done, size - done};
        const auto n = ::pwritev2(descriptor, &rest, 1, static_cast<off_t>(offset + done),
                                  sync == Sync::yes ? RWF_DSYNC : 0);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail(file_error("write", path, errno));
        done += static_cast<std::size_t>(n);
    }
    if (size_ > kept_bytes) {
        memory_.reset();
        size_ = 0;
    }
    return {};
}

}  // namespace anabranch::io
