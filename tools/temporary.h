// Files and folders of this process alone, in TMPDIR or /tmp. Whoever makes them removes them.
#pragma once

#include <string>

#include "lib/base/error.h"

namespace anabranch::tools {

// Whether the folder is there is told when the file is made.
std::string temporary_path(const std::string& name);
// A fresh one, its name beginning so. The error says which folder could not be made, and why.
Result<std::string> make_temporary_directory(const std::string& begin);

}  // namespace anabranch::tools
