#include "tools/temporary.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "node/io/file.h"

namespace anabranch::tools {

namespace {

std::string shell_word(const std::string& word) {
    std::string out = "'";
    for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + "'";
}

}  // namespace

std::string temporary_path(const std::string& name) {
    const char* folder = std::getenv("TMPDIR");
    const std::filesystem::path given = folder != nullptr && *folder != 0 ? folder : "/tmp";
    std::error_code failed;
    const auto absolute = std::filesystem::absolute(given, failed);
    return (failed ? given : absolute) / name;
}

Result<TemporaryDirectory> TemporaryDirectory::make(const std::string& name, const Script& script) {
    std::string path = temporary_path(name + "-XXXXXX");
    if (::mkdtemp(path.data()) == nullptr)
        return fail(
            io::file_error("make", path, errno).with_hint("Set TMPDIR to a folder that can be written."));
    // What still writes there, because it has not heard of the end yet, can keep the folder from being empty.
    const std::string shell =
        "PATH=$PATH:/usr/bin:/bin; trap '' HUP INT TERM; exec >/dev/null 2>&1; folder=" + shell_word(path) +
        "; cd \"$folder\" || exit\n" + script.first + "\ncat\n" + script.last +
        "\ncd /; for i in $(seq 50); do rm -rf \"$folder\" && break; sleep 0.1; done";
    std::FILE* const pipe = ::popen(shell.c_str(), "we");
    if (pipe == nullptr) {
        const int problem = errno;
        ::rmdir(path.c_str());
        return fail(io::file_error("start a process for", path, problem));
    }
    return TemporaryDirectory(std::move(path), pipe);
}

}  // namespace anabranch::tools
