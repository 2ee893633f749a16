// What the dialect leaves out of PostgreSQL's, and what to write instead: hints of 0A000 errors.
#pragma once

#include <string_view>

namespace anabranch::sql::binding {

// A sentence for what an "... is not supported" error names; never empty.
std::string_view way_out(std::string_view what);
// A built-in function of PostgreSQL 15 that an application may call and this engine does not have.
bool is_missing_function(std::string_view name);

}  // namespace anabranch::sql::binding
