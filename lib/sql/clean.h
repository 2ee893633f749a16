// Blanks out what psql understands and PostgreSQL does not, so that a script for psql (a dump, say) can be
// scanned as SQL.
//
// - A `\` outside strings, quoted identifiers and comments begins a psql command: it is blanked to the end of
// its line. `\g...` and `\crosstabview`
//   end a statement, so their backslash becomes a semicolon; `\;` keeps its semicolon.
// - The data lines after COPY ... FROM STDIN; are blanked up to and including the line `\.`.
// - Blanks are spaces, byte for byte; line breaks stay. So every offset means the same place before and
// after.
#pragma once

#include <string>

namespace anabranch::sql {

std::string clean(std::string text);

}  // namespace anabranch::sql
