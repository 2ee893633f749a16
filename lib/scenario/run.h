// Running a script: the handler executes commands, the runner compares what they print with what the script
// expects.
//
// A handler returns the text a command prints. What the world answers, refusals included, is text. An Error
// means that the script itself is wrong (unknown command, missing argument) or that a condition it demands is
// not met (`expect`); it ends the run.
#pragma once

#include <string>
#include <vector>

#include "lib/base/function_ref.h"
#include "lib/scenario/script.h"

namespace anabranch::scenario {

using Handler = FunctionRef<Result<std::string>(const Command&)>;

struct Mismatch {
    Place place;  // of the block's first command
    std::string expected;
    std::string actual;
    std::string describe() const;  // place, then the differing lines with - (expected) and + (actual)
};

struct Outcome {
    std::vector<Mismatch> mismatches;
    // The script, with what was really printed as the expectation of each block that has one.
    Script rewritten;
    bool passed() const { return mismatches.empty(); }
};

// Runs every command in order. Mismatches do not end the run; an Error from the handler does, and comes back
// placed.
Result<Outcome> run(const Script& script, Handler handler);

// The whole golden test: parses and runs `text`. If `rewrite` is not null it receives the text with fresh
// expectations; else any mismatch becomes the error.
Result<void> run_golden(std::string_view text, std::string_view file, Handler handler,
                        std::string* rewrite = nullptr);

}  // namespace anabranch::scenario
