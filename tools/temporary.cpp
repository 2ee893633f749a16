#include "tools/temporary.h"

#include <cerrno>
#include <cstdlib>

#include "node/io/file.h"

namespace anabranch::tools {

std::string temporary_path(const std::string& name) {
    const char* folder = std::getenv("TMPDIR");
    return std::string(folder != nullptr && *folder != 0 ? folder : "/tmp") + "/" + name;
}

Result<std::string> make_temporary_directory(const std::string& begin) {
    std::string name = temporary_path(begin + "-XXXXXX");
    if (::mkdtemp(name.data()) == nullptr)
        return fail(io::file_error("make", name, errno).with_hint("Set TMPDIR to a folder that is there."));
    return name;
}

}  // namespace anabranch::tools
