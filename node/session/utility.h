// Statements that a session carries out itself, without the replica's executor. Internal to node/session.
#pragma once

#include <string>

#include "lib/sql/ast.h"
#include "node/pgwire/backend.h"

namespace anabranch::session {

// What is for a transaction block has no effect without one.
void warn_outside(pgwire::Outcome& outcome, const std::string& command);
// Statements that ask for nothing this engine would do differently: they are answered with their tag. Null:
// it is none.
const char* tag_without_effect(const sql::ast::Statement& statement);

inline pgwire::Completion done(std::string tag) {
    return {pgwire::When::now, 0, pgwire::Outcome{std::move(tag), {}, {}}};
}

}  // namespace anabranch::session
