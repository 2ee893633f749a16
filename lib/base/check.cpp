#include "lib/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace anabranch {

void check_failed(const char* condition, const char* file, int line, std::string_view note) {
    std::fprintf(stderr, "anabranch: internal error: CHECK(%s) failed at %s:%d%s%.*s\n", condition, file,
                 line, note.empty() ? "" : ": ", static_cast<int>(note.size()), note.data());
    std::fflush(stderr);
    std::abort();
}

}  // namespace anabranch
