// SQL text to syntax trees: the entry points of the front end.
//
// The way of a script: Source -> clean -> scan -> split -> grammar (one statement at a time) -> lower. An
// error stays in its statement, and all are reported. The way of a statement sent by a client is short:
// grammar -> lower, with tokens only where they are needed.
//
// Bad input of any kind gives errors with a place; nothing recurses deeper than the limits in bounds.h allow.
// Thread-safe.
#pragma once

#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/sql/ast.h"
#include "lib/sql/source.h"

namespace anabranch::sql {

struct ParsedScript {
    std::vector<ast::Statement> statements;  // those without an error, in order
    std::vector<Error> errors;               // by place; span and place are filled in
    bool ok() const { return errors.empty(); }
};

// A schema file: several statements, psql commands and COPY data allowed, CREATE ASSERTION too.
ParsedScript parse_script(const Source& source);

struct ParseOptions {
    bool capped = true;  // refuse texts longer than statement_bytes_max with 54000
};

// What a client sends: no, one or several statements; the first error spoils all of them, as in PostgreSQL.
// Spans are in `text`, and only those of statements and of errors are sure to have a size.
Result<std::vector<ast::Statement>> parse_statements(const std::string& text, ParseOptions options = {});

}  // namespace anabranch::sql
