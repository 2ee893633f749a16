// The development corpus: every file loads, and whatever its header names exists.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "lib/catalog/load.h"
#include "tests/support/files.h"

using namespace anabranch;
using namespace anabranch::catalog;

namespace {

std::vector<std::string> corpus_files() {
    const char* given = std::getenv("ANABRANCH_CORPUS");
    const std::filesystem::path folder = given != nullptr ? given : test::source_path("../shared/corpus");
    std::vector<std::string> out;
    if (!std::filesystem::is_directory(folder)) return out;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        if (entry.path().extension() == ".sql") out.push_back(entry.path().string());
    std::sort(out.begin(), out.end());
    return out;
}

struct Header {
    std::vector<std::pair<std::string, std::string>> expected;  // transaction, invariant
    std::vector<std::string> routes;
};

Header header_of(const std::string& text) {
    Header out;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string dashes, kind, transaction, invariant;
        words >> dashes >> kind >> transaction >> invariant;
        if (dashes != "--") continue;
        if (kind == "expect:") out.expected.emplace_back(transaction, invariant);
        if (kind == "route:") out.routes.push_back(transaction);
    }
    return out;
}

}  // namespace

TEST_CASE("every corpus file loads with the transactions and invariants that its header names") {
    const std::vector<std::string> files = corpus_files();
    if (files.empty()) WARN("no corpus here: set ANABRANCH_CORPUS");
    for (const std::string& path : files) {
        CAPTURE(path);
        const ScriptFile file{path, test::read_file(path)};
        const Loaded loaded = load({&file, 1});
        INFO(loaded.rendered_errors);
        REQUIRE(loaded.schema != nullptr);
        CHECK(loaded.schema->warnings.empty());
        const Header header = header_of(file.text);
        CHECK(header.routes.size() == loaded.schema->transactions.size());
        for (const auto& [transaction, invariant] : header.expected) {
            CAPTURE(transaction, invariant);
            const Transaction* t = loaded.schema->find_transaction(transaction);
            REQUIRE(t != nullptr);
            CHECK_FALSE(t->skipped.has_value());
            const auto& all = loaded.schema->invariants;
            CHECK(std::any_of(all.begin(), all.end(),
                              [&name = invariant](const Invariant& i) { return i.name == name; }));
        }
        for (const std::string& route : header.routes)
            CHECK(loaded.schema->find_transaction(route) != nullptr);
    }
}
