// From schema files to a Schema: parse, bind, name constraints as PostgreSQL does, infer merge policies, list
// invariants. All errors of a run are reported, not only the first. What is not modelled becomes a Warning
// that says what is therefore not promised.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "lib/catalog/schema.h"
#include "lib/sql/ast.h"

namespace anabranch::catalog {

struct ScriptFile {
    std::string name;  // as the user gave it, for places
    std::string text;
};

struct LoadOptions {
    // Analyse a schema without transactions by assuming single-row insert, update and delete on every table
    // (Schema::assumed_transactions).
    bool assume_transactions = false;
};

struct Loaded {
    SchemaPtr schema;           // null when there are errors
    std::vector<Error> errors;  // with places; rendered by render()
    std::string
        rendered_errors;  // "bank.sql:12:5: error: ..." with source line, caret, detail and hint for each
};

Loaded load(std::span<const ScriptFile> files, const LoadOptions& options = {});

// One ad-hoc statement bound against a schema: a statement of a session, in its time zone (sql::with_zone),
// or a witness. Parameters $1.. may have declared types; undeclared ones are inferred and returned.
struct BoundText {
    // Exactly one of these is set.
    sql::StatementPtr statement;  // SELECT, INSERT, UPDATE, DELETE, VALUES
    struct CallOf {
        std::uint32_t transaction = 0;  // index into Schema::transactions
        std::vector<sql::ExprPtr>
            arguments;         // one per parameter that a body's Param nodes refer to (OUT ones are NULL)
        bool as_rows = false;  // SELECT * FROM f(...): volatile functions are run, not inlined
    };
    std::optional<CallOf> call;
    std::vector<sql::Type> parameter_types;  // of $1..$n
    std::vector<sql::OutputColumn> columns;  // result columns
    bool truncates = false;                  // `statement` is what TRUNCATE does
};
Result<BoundText> bind_text(const Schema& schema, std::string_view text,
                            std::span<const sql::Type> declared = {});
// For who cannot tell what a time zone does (sql::BindContext::unknown_zone).
Result<BoundText> bind_in_unknown_zone(const Schema& schema, std::string_view text,
                                       std::span<const sql::Type> declared);
// The same for a statement that was parsed already: Query, Insert, Update, Delete, Merge, Truncate or Call;
// others fail with 0A000.
Result<BoundText> bind_parsed(const Schema& schema, const sql::ast::Statement& statement,
                              std::span<const sql::Type> declared = {}, const sql::ZonePtr& zone = {},
                              bool unknown_zone = false);

}  // namespace anabranch::catalog
