// Every file of tests/unit/exec/cases: a schema, then statements with the answers that PostgreSQL 15 gives
// (oracle.py writes them).
//
//   <schema text>
//   ---- statements
//   > SELECT 1
//   1
//   > INSERT INTO t VALUES (1)
//   INSERT 1
//
// A statement may go on over lines that begin with `.`. A line `! answer` after a statement's answer is ours
// where it differs on purpose.
#include <catch2/catch.hpp>
#include <filesystem>

#include "tests/support/files.h"
#include "tests/unit/exec/shell.h"

namespace anabranch::test {
namespace {

struct Case {
    int line = 0;
    std::string statement, expected, ours;
};

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> out;
    std::size_t at = 0;
    while (at < text.size()) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        out.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return out;
}

void run_file(const std::string& path) {
    const std::vector<std::string> lines = lines_of(read_file(path));
    std::string schema;
    std::vector<Case> cases;
    bool statements = false;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        const std::string& line = lines[i];
        if (!statements) {
            statements = line == "---- statements";
            if (!statements) schema += line + "\n";
        } else if (line.starts_with("> ")) {
            cases.push_back({static_cast<int>(i + 1), line.substr(2), {}, {}});
        } else if (line.starts_with(". ")) {
            cases.back().statement += "\n" + line.substr(2);
        } else if (line.starts_with("! ")) {
            cases.back().ours += line.substr(2) + "\n";
        } else if (!line.starts_with("#") && !cases.empty()) {
            cases.back().expected += line + "\n";
        }
    }
    Shell shell(schema);
    for (const Case& c : cases) {
        CAPTURE(path, c.line, c.statement);
        CHECK(shell.execute(c.statement) == (c.ours.empty() ? c.expected : c.ours));
    }
    const std::vector<std::string> none;
    CHECK(shell.violations() == none);
}

TEST_CASE("statements give the answers that PostgreSQL gives") {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(source_path("tests/unit/exec/cases")))
        if (entry.path().extension() == ".txt") names.push_back(entry.path().string());
    std::sort(names.begin(), names.end());
    REQUIRE_FALSE(names.empty());
    for (const std::string& name : names) {
        try {
            run_file(name);
        } catch (const std::runtime_error& problem) {
            FAIL_CHECK(name << ": " << problem.what());
        }
    }
}

}  // namespace
}  // namespace anabranch::test
