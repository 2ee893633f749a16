// Golden scripts of one room: every .scn of a folder is run by the room's own handler.
//
// With ANABRANCH_REWRITE=1 the expectations are written anew instead of compared; then read `git diff`.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "lib/scenario/run.h"
#include "tests/support/files.h"

namespace anabranch::test {

// `folder` is a path in the repository, "tests/scenarios/order". `make_handler()` makes a fresh world per
// file.
template <typename MakeHandler>
void golden(const std::string& folder, MakeHandler&& make_handler) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(source_path(folder))) {
        if (entry.path().extension() == ".scn") names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    REQUIRE_FALSE(names.empty());
    const bool rewriting = std::getenv("ANABRANCH_REWRITE") != nullptr;
    for (const auto& name : names) {
        const std::string path = source_path(folder + "/" + name);
        auto handler = make_handler();
        std::string rewritten;
        const auto result = scenario::run_golden(read_file(path), folder + "/" + name, handler,
                                                 rewriting ? &rewritten : nullptr);
        if (!result) {
            const Error& error = result.error();
            FAIL_CHECK(error.place.describe() << ": " << error.message << "\n" << error.detail << error.hint);
        } else if (rewriting) {
            write_file(path, rewritten);
        }
    }
}

}  // namespace anabranch::test
