// CHECK: an invariant of our own, on in release builds too. A failed CHECK prints the condition and its place
// and aborts: a replica that is wrong about itself must stop before it spreads the mistake. Never used for
// anything a user or a peer can cause.
//
// Headers write CHECK_NOTE: Catch2 has a CHECK of its own, and inline code must mean the same in a test as in
// the product.
#pragma once

#include <string_view>

namespace anabranch {
[[noreturn]] void check_failed(const char* condition, const char* file, int line, std::string_view note);
}

#ifndef CHECK
#define CHECK(condition)                                                   \
    do {                                                                   \
        if (!(condition)) [[unlikely]]                                     \
            ::anabranch::check_failed(#condition, __FILE__, __LINE__, {}); \
    } while (false)
#endif
#define CHECK_NOTE(condition, note)                                            \
    do {                                                                       \
        if (!(condition)) [[unlikely]]                                         \
            ::anabranch::check_failed(#condition, __FILE__, __LINE__, (note)); \
    } while (false)
