// The program's version, as `anabranch --version` prints it.
#pragma once

namespace anabranch {
inline constexpr const char* version = "0.1.0";
}
