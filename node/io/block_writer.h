// Writing to a file past the page cache, in whole blocks, each durable by the one call that writes it
// (O_DIRECT and RWF_DSYNC of Linux): fewer steps than a write and an fdatasync, which has to look for what
// was written. Where the disk can write a block through its own cache (FUA), the kernel asks for that and
// flushes nothing else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "lib/base/bytes.h"
#include "lib/base/error.h"

namespace anabranch::io {

// What such writes begin and end on: what disks write at once, also those that would take less and write what
// is around it again.
inline constexpr std::size_t block_bytes = 4096;

// Whether the file system of `path` takes such writes. Before Linux 6.1 nobody says.
bool takes_direct_writes(const std::string& path);

constexpr std::uint64_t block_end(std::uint64_t offset, std::size_t block) {
    return (offset + block - 1) / block * block;
}

enum class Sync { no, yes };

// Of one thread: owns the memory that the disk reads from.
class BlockWriter {
  public:
    // Writes `before` and `bytes` from `offset` on, and zeros up to the end of the block. `offset` begins a
    // block, and `descriptor` is open with O_DIRECT. Sync::yes: on disk when this returns.
    Result<void> write(int descriptor, BytesView before, BytesView bytes, std::uint64_t offset, Sync sync,
                       const std::string& path);

  private:
    struct Free {
        void operator()(char* memory) const { std::free(memory); }
    };
    char* room(std::size_t size);

    std::unique_ptr<char, Free> memory_;
    std::size_t size_ = 0;
};

}  // namespace anabranch::io
