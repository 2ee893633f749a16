// Files by POSIX calls, with errors that name the path and say what the system said.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/bytes.h"
#include "lib/base/error.h"

namespace anabranch::io {

class File {  // owns a descriptor
  public:
    File() = default;
    explicit File(int descriptor) : descriptor_(descriptor) {}
    File(File&& other) noexcept : descriptor_(other.release()) {}
    File& operator=(File&& other) noexcept;
    ~File();
    int get() const { return descriptor_; }
    int release();
    explicit operator bool() const { return descriptor_ >= 0; }

  private:
    int descriptor_ = -1;
};

// "cannot write /data/a/log/…: No space left on device"; 53100 for a full disk, 58030 otherwise.
Error file_error(std::string_view doing, const std::string& path, int error_number);

Result<File> open_file(const std::string& path, int flags, int mode = 0600);
// Made if absent, and locked until it is closed; 55006 where another process has it.
Result<File> lock_file(const std::string& path);
inline constexpr std::string_view object_in_use = "55006";
Result<void> write_at(int descriptor, BytesView bytes, std::uint64_t offset, const std::string& path);
Result<void> sync_data(int descriptor, const std::string& path);
Result<void> sync_directory(const std::string& path);
Result<void> make_directory(const std::string& path);  // and its parents
Result<Bytes> read_file(const std::string& path);
Result<void> write_file_atomically(const std::string& path,
                                   BytesView bytes);  // temporary file, sync, rename, sync directory

}  // namespace anabranch::io
