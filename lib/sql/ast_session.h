// Part of lib/sql/ast.h: the session: transactions, settings, cursors, prepared statements, COPY.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "lib/sql/ast_query.h"

namespace anabranch::sql::ast {

// name [value], as in EXPLAIN (ANALYZE, FORMAT json) or COPY ... WITH (FORMAT csv). Names in lower case.
struct Option {
    std::string name;
    std::vector<std::string> values;  // empty: none written, which means true
    friend bool operator==(const Option&, const Option&) = default;
};

struct TransactionModes {
    std::string isolation;  // "serializable", "repeatable read", ...; empty if not given
    std::optional<bool> read_only;
    std::optional<bool> deferrable;
    friend bool operator==(const TransactionModes&, const TransactionModes&) = default;
};

enum class TransactionKind : std::uint8_t {
    Begin,
    Commit,
    Rollback,
    Savepoint,
    Release,
    RollbackTo,
    Prepare,
    CommitPrepared,
    RollbackPrepared,
};

struct Transaction {
    TransactionKind kind = TransactionKind::Begin;
    TransactionModes modes;  // of Begin
    std::string name;        // of a savepoint or a prepared transaction
    bool chain = false;      // AND CHAIN
    bool start = false;      // START TRANSACTION rather than BEGIN (its command tag differs)
    friend bool operator==(const Transaction&, const Transaction&) = default;
};

// SET TRANSACTION, or SET SESSION CHARACTERISTICS AS TRANSACTION
struct SetTransaction {
    bool session = false;
    TransactionModes modes;
    std::string snapshot;  // SET TRANSACTION SNAPSHOT 'id'
    friend bool operator==(const SetTransaction&, const SetTransaction&) = default;
};

// SET [LOCAL] name = values. TIME ZONE is `timezone`, NAMES `client_encoding`, ROLE `role`.
struct SetVariable {
    std::string name;
    std::vector<Expr> values;  // literals, or a cast of one; empty: TO DEFAULT
    bool local = false;
    bool from_current = false;
    friend bool operator==(const SetVariable&, const SetVariable&) = default;
};

struct ResetVariable {
    std::string name;  // empty: RESET ALL
    friend bool operator==(const ResetVariable&, const ResetVariable&) = default;
};

struct ShowVariable {
    std::string name;  // "all" for SHOW ALL
    friend bool operator==(const ShowVariable&, const ShowVariable&) = default;
};

struct SetConstraints {
    std::vector<QualifiedName> names;  // empty: ALL
    bool deferred = false;
    friend bool operator==(const SetConstraints&, const SetConstraints&) = default;
};

struct Explain {
    std::vector<Option> options;
    Box<Statement> statement;
    friend bool operator==(const Explain&, const Explain&) = default;
};

struct DeclareCursor {
    std::string name;
    bool binary = false;
    bool hold = false;
    bool insensitive = false;
    std::optional<bool> scroll;
    Box<Query> query;
    friend bool operator==(const DeclareCursor&, const DeclareCursor&) = default;
};

enum class FetchDirection : std::uint8_t { Forward, Backward, Absolute, Relative };

// FETCH or MOVE. `all` is FORWARD ALL or BACKWARD ALL; NEXT is Forward 1, FIRST Absolute 1, LAST Absolute -1.
struct Fetch {
    std::string cursor;
    FetchDirection direction = FetchDirection::Forward;
    std::int64_t count = 1;
    bool all = false;
    bool move = false;
    friend bool operator==(const Fetch&, const Fetch&) = default;
};

struct CloseCursor {
    std::string name;  // empty: ALL
    friend bool operator==(const CloseCursor&, const CloseCursor&) = default;
};

struct Prepare {
    std::string name;
    std::vector<TypeName> types;
    Box<Statement> statement;
    friend bool operator==(const Prepare&, const Prepare&) = default;
};

struct Execute {
    std::string name;
    std::vector<Expr> arguments;
    friend bool operator==(const Execute&, const Execute&) = default;
};

struct Deallocate {
    std::string name;  // empty: ALL
    friend bool operator==(const Deallocate&, const Deallocate&) = default;
};

struct Copy {
    std::optional<TableName> table;  // absent: COPY (query)
    std::vector<std::string> columns;
    Box<Statement> query;  // null: a table
    bool from = false;     // COPY ... FROM, else TO
    bool program = false;
    std::string file;  // empty: STDIN or STDOUT
    std::vector<Option> options;
    Box<Expr> where;  // null if absent
    friend bool operator==(const Copy&, const Copy&) = default;
};

struct Listen {
    std::string channel;
    friend bool operator==(const Listen&, const Listen&) = default;
};
struct Notify {
    std::string channel;
    std::string payload;
    friend bool operator==(const Notify&, const Notify&) = default;
};
struct Unlisten {
    std::string channel;  // empty: all
    friend bool operator==(const Unlisten&, const Unlisten&) = default;
};

enum class DiscardKind : std::uint8_t { All, Plans, Sequences, Temporary };

struct Discard {
    DiscardKind kind = DiscardKind::All;
    friend bool operator==(const Discard&, const Discard&) = default;
};

struct Truncate {
    std::vector<QualifiedName> tables;
    bool restart_identity = false;
    bool cascade = false;
    friend bool operator==(const Truncate&, const Truncate&) = default;
};

// VACUUM or ANALYZE; both do nothing here.
struct Vacuum {
    bool analyze_only = false;
    std::vector<QualifiedName> tables;
    friend bool operator==(const Vacuum&, const Vacuum&) = default;
};

}  // namespace anabranch::sql::ast
