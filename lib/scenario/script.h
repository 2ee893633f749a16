// The scenario language: scripts of commands and what they are expected to print.
//
// One language serves golden tests, witnesses of the checker, failures of the simulator and `anabranch
// replay`. This layer knows syntax only; what a command means is the business of the handler that runs it
// (run.h).
//
//   # No withdrawal overdraws.         a comment: a line that starts with '#'
//   replica a b                        a command: its name and its arguments
//   call a deposit(1, 80)
//
//   cut b                              an empty line ends a block
//   sql a
//     SELECT balance FROM accounts     indented lines are the body of the command above
//     WHERE id = 1
//   ---                                below this line stands what the block prints,
//   80                                 up to the next empty line or the end
//
// Arguments are separated by spaces. An argument is
//   a word             deposit(1, 'two words')   spaces inside (), [], {} and quotes do not end it
//   a quoted text      "a \"b\" \\ \n \t"        only here does a backslash mean something
//   a named argument   delay=20  text="a b"      name=value, where name is a word of letters, digits and _
// `text_from` gives the raw rest of the line, for commands that end in SQL. SQL whose quotes or brackets do
// not balance, or that spans lines, goes into a body.
//
// A block without `---` may print what it likes. Expected text with an empty line in it, or that could be
// taken for something else, has "> " before each of its lines; `print` does so by itself. Spaces at the end
// of a line never matter.
//
// Plain values: no threads, no files; the caller reads and writes the text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"

namespace anabranch::scenario {

struct Argument {
    std::string name;   // empty for a positional argument
    std::string value;  // with quotes and escapes resolved if it was written in double quotes; else verbatim
    bool quoted = false;
    std::uint32_t offset = 0;  // byte offset in Command::line
    bool operator==(const Argument&) const = default;
};

struct Command {
    std::string name;
    std::vector<Argument> arguments;
    std::string body;  // the indented lines, without their common indentation; no newline at the end
    std::string line;  // the command line as written, without trailing spaces
    std::vector<std::string> comments;  // the comment lines right above, without "# "
    std::uint32_t number = 0;           // line number in the script, from 1

    // The index-th positional argument, or an error that says what is missing: argument(0, "a replica").
    Result<std::string> argument(std::size_t index, std::string_view what) const;
    std::optional<std::string> named(std::string_view argument_name) const;
    // The raw text from the index-th positional argument to the end of the line, followed by the body (if
    // any) on lines of its own; an error if there is neither.
    Result<std::string> text_from(std::size_t index, std::string_view what) const;
    // All positional values from the index-th on.
    std::vector<std::string> arguments_from(std::size_t index) const;
    // Refuses more than `count` positional arguments, or a named argument that is not listed.
    Result<void> takes(std::size_t count, const std::vector<std::string_view>& names = {}) const;
    // An error placed at this command, or at its index-th argument.
    Error error(std::string message) const;
    Error error_at(std::size_t index, std::string message) const;

    // For programs that write scenarios. Arguments are quoted where they need to be, so that they are read
    // back as positional ones; `named` ("clock=+10") and `raw` (SQL) follow as they are, `raw` on the line
    // where it can stand there, else as the body. `name` must be a command name; arguments may be anything.
    static Command make(std::string_view name, const std::vector<std::string>& arguments,
                        std::string_view raw = {}, std::string_view named = {});
};

// Commands whose output is expected together. `source` is the block's own text above `---`, verbatim,
// comments included; print writes it back untouched. It is empty for a block made by a program, which is then
// printed from its commands.
struct Block {
    std::vector<Command> commands;
    std::optional<std::string> expected;  // lines joined by '\n', no newline at the end
    std::string source;
};

struct Script {
    std::string file;  // for errors
    std::vector<Block> blocks;
    std::string epilogue;  // comment lines after the last block
};

// All errors are about syntax (SQLSTATE 42601) and carry Error::place.
Result<Script> parse(std::string_view text, std::string_view file);

// parse(print(s)) gives the same commands and expectations as s, and print(parse(t)) keeps comments and
// spelling of t.
std::string print(const Script& script);
std::string print(const Command& command);  // comments, line and body; ends in a newline

}  // namespace anabranch::scenario
