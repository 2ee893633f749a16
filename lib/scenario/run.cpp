#include "lib/scenario/run.h"

#include <algorithm>

#include "lib/scenario/tokens.h"

namespace anabranch::scenario {

namespace {

// The form in which outputs are compared and stored: no spaces at line ends, no empty lines at the end.
std::string normalized(std::string_view text) {
    std::string out;
    for (const auto line : split_lines(text)) {
        out.append(trim_end(line));
        out.push_back('\n');
    }
    while (!out.empty() && out.back() == '\n') out.pop_back();
    return out;
}

}  // namespace

std::string Mismatch::describe() const {
    const auto wanted = split_lines(expected);
    const auto found = split_lines(actual);
    const std::size_t shorter = std::min(wanted.size(), found.size());
    std::size_t head = 0;
    while (head < shorter && wanted[head] == found[head]) ++head;
    std::size_t tail = 0;
    while (tail < shorter - head && wanted[wanted.size() - 1 - tail] == found[found.size() - 1 - tail])
        ++tail;

    std::string out = place.describe() + ": the output differs from what is expected\n";
    const auto add = [&out](const char* mark, std::string_view line) {
        out.append(mark).append(line) += '\n';
    };
    for (std::size_t i = 0; i < head; ++i) add("  ", wanted[i]);
    for (std::size_t i = head; i < wanted.size() - tail; ++i) add("- ", wanted[i]);
    for (std::size_t i = head; i < found.size() - tail; ++i) add("+ ", found[i]);
    for (std::size_t i = wanted.size() - tail; i < wanted.size(); ++i) add("  ", wanted[i]);
    return out;
}

Result<Outcome> run(const Script& script, Handler handler) {
    Outcome outcome;
    outcome.rewritten = script;
    for (auto& block : outcome.rewritten.blocks) {
        std::string printed;
        for (const auto& command : block.commands) {
            auto text = handler(command);
            if (!text) {
                Error error = std::move(text).error();
                if (error.place.line == 0) error.place = {{}, command.number, 1};
                if (error.place.file.empty()) error.place.file = script.file;
                return fail(std::move(error));
            }
            printed += *text;
            if (!text->empty() && text->back() != '\n') printed.push_back('\n');
        }
        if (!block.expected) continue;
        printed = normalized(printed);
        if (const std::string wanted = normalized(*block.expected); wanted != printed) {
            outcome.mismatches.push_back({{script.file, block.commands.front().number, 1}, wanted, printed});
        }
        block.expected = std::move(printed);
    }
    return outcome;
}

Result<void> run_golden(std::string_view text, std::string_view file, Handler handler, std::string* rewrite) {
    TRY(const Script script, parse(text, file));
    TRY(const Outcome outcome, run(script, handler));
    if (rewrite != nullptr) {
        *rewrite = print(outcome.rewritten);
        return {};
    }
    if (outcome.passed()) return {};
    std::string detail;
    for (const auto& mismatch : outcome.mismatches) detail += mismatch.describe();
    Error error = Error::make(sqlstate::internal_error, std::to_string(outcome.mismatches.size()) + " of " +
                                                            std::to_string(script.blocks.size()) +
                                                            " blocks print something else than expected");
    error.place = outcome.mismatches.front().place;
    return fail(
        std::move(error)
            .with_detail(std::move(detail))
            .with_hint("if the new output is right, run again with --rewrite and read the difference"));
}

}  // namespace anabranch::scenario
