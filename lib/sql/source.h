// A text with a name: a schema file or a statement of a session. Resolves byte offsets to lines and columns
// and shows errors to people.
//
// - Offsets count bytes of text(); a UTF-8 byte order mark at the start of a file is dropped and not counted.
// - Lines and columns are 1-based; a column counts characters (code points), not bytes. An ill-formed byte
// counts as one character.
// - Immutable after construction, so any number of threads may read it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"

namespace anabranch::sql {

class Source {
  public:
    Source(std::string name, std::string text);

    const std::string& name() const { return name_; }
    const std::string& text() const { return text_; }

    // The place of a byte; offsets past the end mean the end of the text.
    Place place(std::uint32_t offset) const;
    // The text of a line from 1, without its line break.
    std::string_view line(std::uint32_t number) const;
    // Fills in error.place from error.span; an error without a span, or with a place already, is returned as
    // it is.
    Error located(Error error) const;
    // For people:
    //     bank.sql:12:5: error: column "balanc" does not exist
    //         CHECK (balanc >= 0)
    //                ^~~~~~
    //     detail: ...
    //     hint: ...
    // Without a span the first line has the name only and no text is shown. Very long lines are cut around
    // the caret.
    std::string render(const Error& error, std::string_view severity = "error") const;

  private:
    std::string name_;
    std::string text_;
    std::vector<std::uint32_t> line_starts_;
};

// Offset of the first byte that is NUL or not well-formed UTF-8 (no surrogates, nothing overlong, at most
// U+10FFFF); npos if there is none.
std::size_t find_ill_formed(std::string_view text);
// What PostgreSQL says about that byte: 22021, `invalid byte sequence for encoding "UTF8": 0xff`.
Error ill_formed_error(std::string_view text, std::size_t offset);

}  // namespace anabranch::sql
