#include "lib/scenario/script.h"

#include <algorithm>

#include "lib/base/check.h"
#include "lib/scenario/tokens.h"

namespace anabranch::scenario {

namespace {

bool is_indented(std::string_view line) {
    return line.starts_with(' ') || line.starts_with('\t');
}

std::string join(const std::vector<std::string_view>& lines) {
    std::string out;
    for (const auto& line : lines) {
        if (&line != &lines.front()) out.push_back('\n');
        out.append(line);
    }
    return out;
}

// Drops empty lines at both ends, spaces at line ends, and the indentation all lines share.
std::string normalized_body(std::vector<std::string_view> lines) {
    for (auto& line : lines) line = trim_end(line);
    while (!lines.empty() && lines.back().empty()) lines.pop_back();
    while (!lines.empty() && lines.front().empty()) lines.erase(lines.begin());
    std::optional<std::string_view> shared;
    for (const auto line : lines) {
        if (line.empty()) continue;
        const std::string_view indentation = line.substr(0, line.find_first_not_of(" \t"));
        if (!shared) shared = indentation;
        while (!indentation.starts_with(*shared)) shared->remove_suffix(1);
    }
    for (auto& line : lines) {
        if (!line.empty()) line.remove_prefix(shared->size());
    }
    return join(lines);
}

class Parser {
  public:
    Parser(std::string_view text, std::string_view file) : lines_(split_lines(text)) {
        for (auto& line : lines_) line = trim_end(line);
        script_.file = file;
    }

    Result<Script> run() {
        while (at_ < lines_.size()) TRY_VOID(step());
        end_block();
        return std::move(script_);
    }

  private:
    Result<void> step() {
        const std::string_view line = lines_[at_];
        if (line.empty()) {
            empty_line();
        } else if (line.starts_with('#')) {
            comments_.emplace_back(line.substr(line.starts_with("# ") ? 2 : 1));
            keep(line);
        } else if (line == "---") {
            return expectation();
        } else if (is_indented(line)) {
            return refuse(0, "an indented line belongs to a command, and there is none above",
                          "remove the spaces at the beginning of the line");
        } else {
            return command(line);
        }
        ++at_;
        return {};
    }

    // Ends the block, or separates a comment from what follows it.
    void empty_line() {
        if (!block_.commands.empty()) {
            end_block();
        } else if (!block_.source.empty()) {
            block_.source.push_back('\n');
            comments_.clear();
        }
    }

    void keep(std::string_view line) {
        block_.source.append(line);
        block_.source.push_back('\n');
    }

    Result<void> command(std::string_view line) {
        Command command;
        const std::size_t name_end = std::min(line.find_first_of(" \t"), line.size());
        command.name = line.substr(0, name_end);
        command.line = line;
        command.number = static_cast<std::uint32_t>(at_ + 1);
        if (!is_command_name(command.name)) {
            return refuse(0, "'" + command.name + "' is not the name of a command",
                          "a command begins with its name, a comment with #, a body line with spaces, and "
                          "expected text stands below ---");
        }
        auto arguments = split_arguments(line, name_end);
        if (!arguments) return placed(std::move(arguments).error());
        command.arguments = std::move(*arguments);
        command.comments = std::move(comments_);
        comments_.clear();
        keep(line);
        ++at_;
        command.body = body();
        block_.commands.push_back(std::move(command));
        return {};
    }

    // Indented lines, and empty lines between them.
    std::string body() {
        const std::size_t begin = at_;
        std::size_t end = at_;
        for (std::size_t i = at_; i < lines_.size() && (lines_[i].empty() || is_indented(lines_[i])); ++i) {
            if (!lines_[i].empty()) end = i + 1;
        }
        for (; at_ < end; ++at_) keep(lines_[at_]);
        return normalized_body({lines_.begin() + static_cast<std::ptrdiff_t>(begin),
                                lines_.begin() + static_cast<std::ptrdiff_t>(end)});
    }

    Result<void> expectation() {
        if (block_.commands.empty()) {
            return refuse(0, "there is no command above this ---",
                          "an empty line ends a block: write the command right above ---");
        }
        ++at_;
        std::vector<std::string_view> lines;
        bool quoted = true;
        for (; at_ < lines_.size() && !lines_[at_].empty(); ++at_) {
            lines.push_back(lines_[at_]);
            quoted = quoted && lines.back().starts_with('>');
        }
        if (quoted) {
            for (auto& line : lines) line.remove_prefix(line.starts_with("> ") ? 2 : 1);
        }
        block_.expected = join(lines);
        end_block();
        return {};
    }

    void end_block() {
        if (block_.commands.empty()) {
            script_.epilogue = std::move(block_.source);
        } else {
            script_.blocks.push_back(std::move(block_));
        }
        block_ = {};
        comments_.clear();
    }

    std::unexpected<Error> refuse(std::size_t offset, std::string message, std::string hint) {
        Error error = Error::make(sqlstate::syntax_error, std::move(message)).with_hint(std::move(hint));
        error.place.column = column_of(lines_[at_], offset);
        return placed(std::move(error));
    }
    std::unexpected<Error> placed(Error error) {
        error.place.file = script_.file;
        error.place.line = static_cast<std::uint32_t>(at_ + 1);
        return fail(std::move(error));
    }

    std::vector<std::string_view> lines_;
    std::size_t at_ = 0;
    Script script_;
    Block block_;
    std::vector<std::string> comments_;
};

const Argument* positional(const Command& command, std::size_t index) {
    for (const auto& argument : command.arguments) {
        if (argument.name.empty() && index-- == 0) return &argument;
    }
    return nullptr;
}

std::string print_expected(std::string_view text) {
    const auto lines = split_lines(text);
    bool ambiguous = true;
    bool has_empty = false;
    for (const auto line : lines) {
        has_empty = has_empty || trim_end(line).empty();
        ambiguous = ambiguous && line.starts_with('>');
    }
    std::string out;
    for (const auto line : lines) {
        if (ambiguous || has_empty) out += trim_end(line).empty() ? ">" : "> ";
        out.append(trim_end(line));
        out.push_back('\n');
    }
    return out;
}

}  // namespace

Result<std::string> Command::argument(std::size_t index, std::string_view what) const {
    const Argument* found = positional(*this, index);
    if (found == nullptr) return fail(error(name + " needs " + std::string(what)));
    return found->value;
}

std::optional<std::string> Command::named(std::string_view argument_name) const {
    for (const auto& argument : arguments) {
        if (argument.name == argument_name) return argument.value;
    }
    return std::nullopt;
}

Result<std::string> Command::text_from(std::size_t index, std::string_view what) const {
    const Argument* found = positional(*this, index);
    if (found == nullptr && body.empty()) return fail(error(name + " needs " + std::string(what)));
    std::string out = found == nullptr ? std::string() : line.substr(found->offset);
    if (!out.empty() && !body.empty()) out.push_back('\n');
    return out + body;
}

std::vector<std::string> Command::arguments_from(std::size_t index) const {
    std::vector<std::string> out;
    for (const auto& argument : arguments) {
        if (!argument.name.empty()) continue;
        if (index > 0) {
            --index;
        } else {
            out.push_back(argument.value);
        }
    }
    return out;
}

Result<void> Command::takes(std::size_t count, const std::vector<std::string_view>& names) const {
    std::vector<std::string_view> seen;
    for (const auto& argument : arguments) {
        std::string message;
        const auto is_listed = [&](const auto& list) {
            return std::find(list.begin(), list.end(), argument.name) != list.end();
        };
        if (argument.name.empty() && count-- == 0) {
            message = name + " does not take '" + argument.value + "'";
        } else if (argument.name.empty()) {
            continue;
        } else if (!is_listed(names)) {
            message = name + " has no argument named '" + argument.name + "'";
        } else if (is_listed(seen)) {
            message = "'" + argument.name + "' is given twice";
        } else {
            seen.push_back(argument.name);
            continue;
        }
        Error found = error(std::move(message));
        found.place.column = column_of(line, argument.offset);
        return fail(std::move(found));
    }
    return {};
}

Error Command::error(std::string message) const {
    Error out = Error::make(sqlstate::syntax_error, std::move(message));
    out.place.line = number;
    out.place.column = 1;
    return out;
}

Error Command::error_at(std::size_t index, std::string message) const {
    Error out = error(std::move(message));
    if (const Argument* found = positional(*this, index)) out.place.column = column_of(line, found->offset);
    return out;
}

Command Command::make(std::string_view name, const std::vector<std::string>& arguments, std::string_view raw,
                      std::string_view named) {
    CHECK(is_command_name(name));
    Command out;
    out.name = name;
    out.line = name;
    for (const auto& text : arguments) {
        const auto split = text.find('\n') == text.npos ? split_arguments(text, 0) : fail(Error{});
        const bool plain =
            split && split->size() == 1 && !split->front().quoted && split->front().value == text;
        out.line += " " + (plain ? text : quote(text));
    }
    if (!named.empty()) out.line += " " + std::string(named);
    if (raw.find('\n') == raw.npos && split_arguments(raw, 0)) {
        if (!raw.empty()) out.line += " " + std::string(raw);
        out.line = trim_end(out.line);
    } else {
        out.body = normalized_body(split_lines(raw));
    }
    auto split = split_arguments(out.line, name.size());
    CHECK(split.has_value());
    out.arguments = std::move(*split);
    return out;
}

Result<Script> parse(std::string_view text, std::string_view file) {
    return Parser(text, file).run();
}

std::string print(const Command& command) {
    std::string out;
    for (const auto& comment : command.comments) out += comment.empty() ? "#\n" : "# " + comment + "\n";
    out += command.line + "\n";
    for (const auto line : split_lines(command.body)) {
        if (!line.empty()) out += "  " + std::string(line);
        out.push_back('\n');
    }
    return out;
}

std::string print(const Script& script) {
    std::string out;
    for (const auto& block : script.blocks) {
        if (!out.empty()) out.push_back('\n');
        out += block.source;
        if (block.source.empty()) {
            for (const auto& command : block.commands) out += print(command);
        }
        if (block.expected) out += "---\n" + print_expected(*block.expected);
    }
    if (!script.epilogue.empty()) out += (out.empty() ? "" : "\n") + script.epilogue;
    return out;
}

}  // namespace anabranch::scenario
