// Files and folders of this process alone, in TMPDIR or /tmp.
#pragma once

#include <cstdio>
#include <memory>
#include <string>

#include "lib/base/error.h"

namespace anabranch::tools {

// Whoever makes it removes it. Whether the folder is there is told when the file is made.
std::string temporary_path(const std::string& name);

// A fresh folder that is removed with this object or, when the process is killed, after it: by a shell that
// waits for the end of a pipe, and is deaf to what ends the process.
class TemporaryDirectory {
  public:
    // What that shell does in the folder, besides: at once, and before it removes the folder.
    struct Script {
        std::string first, last;
    };
    // The folder's name begins with `name`. The error says which folder could not be made, and why.
    static Result<TemporaryDirectory> make(const std::string& name, const Script& script = {"", ""});
    const std::string& path() const { return path_; }

  private:
    struct Close {
        void operator()(std::FILE* pipe) const { ::pclose(pipe); }  // waits for the shell
    };
    TemporaryDirectory(std::string path, std::FILE* pipe) : path_(std::move(path)), shell_(pipe) {}
    std::string path_;
    std::unique_ptr<std::FILE, Close> shell_;
};

}  // namespace anabranch::tools
