// EXPLAIN: which statement it is about, and what is said of it: the plan as the executor runs it, then the
// route with its reasons.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"
#include "node/replica/replica.h"

namespace anabranch::session {

// Where the statement begins that the text wants explained; none when it is no EXPLAIN. Found by hand:
// PostgreSQL's grammar does not know `EXPLAIN CALL ...`, and a call's route is what people want explained.
std::optional<std::size_t> explained_statement(std::string_view text);
// Options that ask for what cannot be given: ANALYZE, and formats other than text.
Result<void> check_explain_options(std::string_view text);

// One line each.
std::vector<std::string> explanation(const replica::Runnable& runnable, const catalog::Plan& plan);

}  // namespace anabranch::session
