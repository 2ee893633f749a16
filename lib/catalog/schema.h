// The catalog: one immutable Schema per schema version. Tables with their merge policy, invariants,
// transactions, initial rows.
//
// Meaning is that of papers/ and confluence/README.md: merge policies are computed once, here, and used by
// both the analyser and the CRDTs, so that what is proved is what runs.
//
// A Schema is built by load() from script text, never mutated, and shared by pointer across threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/ids.h"
#include "lib/sql/ir.h"
#include "lib/sql/names.h"

namespace anabranch::catalog {

// ---- Merge policy ----

enum class Merge : std::uint8_t {
    immutable,  // never written again after the insert (reported as "register"; proofs use the fact)
    register_,  // last writer wins by Stamp
    counter,    // initial value + sum of additions per origin, per row incarnation; 64 bits wide
    max,        // greatest value written
    min,        // least value written
};

// Columns that win or lose together have one group number; every register and immutable column is in exactly
// one group of its table (often alone); counters, max and min columns are in none.
struct ColumnPolicy {
    Merge merge = Merge::register_;
    std::uint32_t group = 0;  // meaningful for register_ and immutable
    bool declared = false;    // by a merge.* domain
    std::string reason;       // for the report: "every write is balance + e or balance - e"
};

// How rows of a table are identified over time.
enum class RowIdentity : std::uint8_t {
    // No declared transaction inserts with ON CONFLICT: every INSERT makes a new incarnation (its commit's
    // Stamp). Two live inserts of one key at once
    // violate the primary key. An incarnation is never inserted again.
    per_insert,
    // Some declared transaction inserts with ON CONFLICT: the key is the identity, concurrent inserts merge
    // column by column. The incarnation is the
    // Stamp of the latest delete the inserting replica knew (0: none). Plain inserts still claim: two live
    // dots of which one claims are a violation.
    per_key,
};

// ---- Tables ----

enum class Identity : std::uint8_t { none, always, by_default };  // serial counts as by_default

struct Column {
    std::string name;
    sql::Type type;
    std::shared_ptr<const sql::Domain> domain;
    bool not_null = false;  // also by PRIMARY KEY, domain or identity
    bool hidden = false;    // the row id of a table without a key
    Identity identity = Identity::none;
    sql::ExprPtr default_value;  // null: NULL
    sql::ExprPtr generated;      // GENERATED ALWAYS AS (...) STORED, over rel 0
    std::string text;            // of the default or the generation, as the catalogs show it
    ColumnPolicy policy;
    Span span;
};

// An index as CREATE INDEX wrote it, for the catalogs.
struct IndexText {
    struct Part {
        std::string text;  // a column, or an expression with the parentheses it needs
        std::string name;  // of the index's column
        sql::Type type;
        bool descending = false, nulls_first = false;
    };
    std::vector<Part> parts;
    std::string predicate;  // empty if total
};

// PRIMARY KEY (index 0 of a table's keys), UNIQUE constraint or unique index. Expression keys are not in
// `columns`: see expressions.
struct UniqueKey {
    std::string name;
    std::vector<ColumnId> columns;          // empty when `expressions` is used
    std::vector<sql::ExprPtr> expressions;  // over rel 0; for an expression index: one entry per key part
    sql::ExprPtr predicate;                 // partial index; null if total
    std::optional<IndexText> index;         // made by CREATE UNIQUE INDEX: no constraint to the catalogs
    bool nulls_not_distinct = false;
    bool deferrable = false, initially_deferred = false;
    Span span;
};

enum class OnDelete : std::uint8_t { no_action, restrict_, cascade, set_null, set_default };

struct ForeignKey {
    std::string name;
    std::vector<ColumnId> columns;
    TableId parent;
    std::vector<ColumnId> parent_columns;
    std::uint32_t parent_key = 0;  // which unique key of the parent
    OnDelete on_delete = OnDelete::no_action;
    OnDelete on_update = OnDelete::no_action;
    std::vector<ColumnId> set_columns;  // ON DELETE SET NULL (list); all of `columns` otherwise
    bool match_full = false;
    bool deferrable = false, initially_deferred = false;
    Span span;
};

struct CheckConstraint {
    std::string name;
    sql::ExprPtr condition;         // over rel 0; violated when false, passes on NULL
    std::vector<ColumnId> columns;  // read by it, ascending
    std::string text;
    Span span;
};

struct Exclusion {
    std::string name;
    struct Part {
        sql::ExprPtr expression;  // over rel 0
        sql::Func compare{};      // eq or range_overlaps, ...
    };
    std::vector<Part> parts;
    sql::ExprPtr predicate;
    std::vector<ColumnId> columns;
    bool deferrable = false, initially_deferred = false;
    std::string text;  // EXCLUDE USING ...
    IndexText index;
    Span span;
};

// A plain (non-unique) index that the schema declares; unique keys and foreign keys get theirs without being
// asked.
struct SecondaryIndex {
    std::string name;
    std::vector<ColumnId> columns;
    sql::ExprPtr predicate;
    IndexText text;
};

struct Table {
    TableId id;
    std::string schema, name;
    std::vector<Column> columns;
    std::vector<UniqueKey> keys;  // keys[0] is the primary key (of the hidden row id where none is declared)
    std::vector<CheckConstraint>
        checks;  // of the table, of its columns, and of its columns' domains (already per column)
    std::vector<ForeignKey> foreign_keys;
    std::vector<Exclusion> exclusions;
    std::vector<SecondaryIndex> indexes;
    RowIdentity identity = RowIdentity::per_insert;
    bool deletes = false;           // some declared transaction deletes from it
    std::uint32_t group_count = 0;  // register groups
    std::string display() const;    // "accounts", or "other.accounts" outside public
    std::string column_list(const std::vector<ColumnId>& list) const;  // (id, "Order")
    std::optional<ColumnId> find(std::string_view column) const;
    bool hidden_key() const { return columns[keys[0].columns[0].value].hidden; }
    Span span;
};

// ---- Invariants ----

enum class InvariantKind : std::uint8_t {
    not_null,
    check,
    primary_key,
    unique,
    foreign_key,
    exclude,
    assertion,
    lost_update
};

struct NotNullInvariant {
    ColumnId column;
};
struct CheckInvariant {
    std::uint32_t index = 0;
};  // into Table::checks
struct KeyInvariant {
    std::uint32_t index = 0;
};  // into Table::keys; primary_key has 0
struct ForeignKeyInvariant {
    std::uint32_t index = 0;
};  // into Table::foreign_keys
struct ExcludeInvariant {
    std::uint32_t index = 0;
};  // into Table::exclusions
struct AssertionInvariant {
    sql::QueryPtr violations;     // must be empty
    std::vector<TableId> tables;  // read by it
};
struct LostUpdateInvariant {
    ColumnId column;
};  // a register that is read and written

struct Invariant {
    std::string name;  // accounts_balance_check, users_handle_key, assertion.no_gaps,
                       // lost_update(orders.status), not_null(users.handle)
    InvariantKind kind{};
    TableId table;  // for assertions: the first table they read
    std::string table_name;
    std::string text;  // as a person would write it: CHECK (balance >= 0)
    Place at;
    bool deferred = false;  // INITIALLY DEFERRED: checked at commit only
    std::variant<NotNullInvariant, CheckInvariant, KeyInvariant, ForeignKeyInvariant, ExcludeInvariant,
                 AssertionInvariant, LostUpdateInvariant>
        what;
};

// ---- Transactions ----

struct Parameter {
    std::string name;
    enum class Mode : std::uint8_t { in, out, inout, variadic } mode = Mode::in;
    sql::Type type;
    std::shared_ptr<const sql::Domain> domain;
    bool fresh = false;  // of a merge.fresh domain: no other call ever passes this value
    sql::ExprPtr default_value;
    // Index among the parameters a body's Param nodes refer to: IN, INOUT and OUT parameters in declaration
    // order.
    std::uint32_t index = 0;
};

enum class Volatility : std::uint8_t { volatile_, stable, immutable };

struct Transaction {
    std::string schema, name;
    bool is_procedure = true;
    std::vector<Parameter> parameters;
    std::vector<sql::StatementPtr> body;
    std::vector<sql::OutputColumn> columns;  // what a call returns; empty = nothing
    bool returns_set = false;                // TABLE / SETOF; else at most one row is returned
    bool read_only = false;                  // STABLE, IMMUTABLE, or no statement that writes
    Volatility volatility = Volatility::volatile_;
    std::map<std::string, std::string> hints;  // SET anabranch.<name> = '...'
    bool allow_lost_update = false;
    std::optional<std::string>
        skipped;  // why it is not analysed nor callable (plpgsql, unsupported construct)
    Place at;
    Span span;
    std::string text;             // of the body: BEGIN ATOMIC ... END, or RETURN ...
    std::string display() const;  // name, qualified outside public
};

struct Warning {
    Place at;
    std::string message;
};

struct EnumType {
    std::string schema, name;
    std::vector<std::string> labels;
};

// COMMENT ON; shown by the catalogs. No part of the schema's hash.
struct Comment {
    std::string object;  // TABLE, COLUMN, ...: ast::Comment
    std::string schema, name, member;
    std::string text;
    bool same_object(const Comment& other) const {
        return object == other.object && schema == other.schema && name == other.name &&
               member == other.member;
    }
};

struct View {
    std::string schema, name;
    sql::QueryPtr query;
    std::string text;
};

// Data that a layer above works out from a schema once and keeps with it. A copy of a schema starts without.
// Safe from any thread.
class Derived {
  public:
    Derived() = default;
    Derived(const Derived&) noexcept {}
    Derived& operator=(const Derived&) noexcept { return *this; }
    // Null: none has been set. It lives as long as this.
    const void* get() const { return found_.load(std::memory_order_acquire); }
    // The first value set stays; returns the one that is kept.
    const void* set(std::shared_ptr<const void> value) const {
        std::shared_ptr<const void> none;
        const void* kept = value_.compare_exchange_strong(none, value) ? value.get() : none.get();
        found_.store(kept, std::memory_order_release);
        return kept;
    }

  private:
    mutable std::atomic<std::shared_ptr<const void>> value_;
    mutable std::atomic<const void*> found_ = nullptr;
};

class Schema {
  public:
    std::string file;        // name shown in reports: base name of the first file
    std::uint64_t hash = 0;  // of the normalised script text: a plan and a data directory belong to one hash
    std::vector<Table> tables;
    std::vector<Invariant> invariants;  // in report order: by table, then kind, then name
    std::vector<Transaction> transactions;
    std::vector<sql::StatementPtr>
        initial;  // the file's own INSERTs, executed once to make the initial state
    std::vector<EnumType> enums;
    std::vector<std::shared_ptr<const sql::Domain>> domains;
    std::vector<Comment> comments;               // as written: what they are on need not exist
    std::vector<View> views;                     // plain views; assertion views are invariants
    std::map<std::string, std::string> pragmas;  // file-level SET anabranch.*
    std::vector<Warning> warnings;
    std::string text;                   // the whole script, for spans
    bool assumed_transactions = false;  // no transaction was declared: single-row writes were assumed

    const Table& table(TableId id) const { return tables[id.value]; }
    const Table* find_table(std::string_view schema, std::string_view name) const;  // schema empty: public
    const Transaction* find_transaction(std::string_view name) const;
    // For binding ad-hoc statements and views. Includes the virtual tables given at load.
    const sql::Names& names() const { return *names_; }

    std::shared_ptr<const sql::Names> names_;
    Derived execution;  // the executor's: compiled constraints
    Derived merging;    // the CRDTs': shapes of tables
    Derived objects;    // the system catalogs': numbers of objects
};

using SchemaPtr = std::shared_ptr<const Schema>;

}  // namespace anabranch::catalog
