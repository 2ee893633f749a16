// The schema while its script is read: declarations as written, with names and order, before anything is
// bound.
//
// PostgreSQL names constraints when they are made and resolves expressions then, too. Here names are given at
// once (they depend on the order of statements), but expressions stay syntax until the script has ended
// (finish.h), so that ALTER TABLE, RENAME and DROP need no rewriting of bound nodes.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lib/catalog/load.h"
#include "lib/sql/ast.h"
#include "lib/sql/bind.h"
#include "lib/sql/source.h"

namespace anabranch::catalog {

namespace ast = sql::ast;

// A type name resolved against the draft: a base type, and the domain if it was one.
struct DraftType {
    sql::Type type;
    std::optional<std::size_t> domain;  // index into Draft::domains
};

struct DraftDomain {
    std::string schema, name;
    DraftType base;
    bool not_null = false;
    std::optional<ast::Expr> default_value;
    struct Check {
        std::string name;
        ast::Expr condition;
    };
    std::vector<Check> checks;
    std::vector<std::string> path;  // search path when it was made
    Span span;
    bool dropped = false;
};

struct DraftEnum {
    std::string schema, name;
    std::vector<std::string> labels;
    bool dropped = false;
};

struct DraftColumn {
    std::string name;
    DraftType type;
    bool not_null = false;
    bool serial = false;
    Identity identity = Identity::none;
    std::optional<ast::Expr> default_value;
    std::optional<ast::Expr> generated;
    Span span;
};

// CHECK, PRIMARY KEY, UNIQUE, FOREIGN KEY or EXCLUDE, also a unique index. Columns are names, so that RENAME
// is easy.
struct DraftConstraint {
    std::string name;
    std::variant<ast::Check, ast::Key, ast::ForeignKey, ast::Exclude, ast::CreateIndex> node;
    bool deferrable = false, initially_deferred = false;
    bool not_valid = false;
    Span span;
};

struct DraftTable {
    std::string schema, name;
    std::vector<DraftColumn> columns;
    std::vector<DraftConstraint> constraints;  // unique indexes too
    std::vector<ast::CreateIndex> indexes;     // plain ones, with their names
    std::vector<std::string> path;
    Span span;
    bool dropped = false;
    const DraftColumn* find(const std::string& column) const;
    DraftColumn* find(const std::string& column);
    const DraftConstraint* primary_key() const;
};

// Views, routines, assertions and INSERTs, bound in order once the tables stand.
struct DraftObject {
    std::string schema, name;
    std::variant<ast::CreateView, ast::CreateRoutine, ast::CreateAssertion, ast::Statement> node;
    std::vector<std::string> path;
    Span span;
    bool dropped = false;
};

// One script file and where its text begins in the text of all files.
struct DraftFile {
    std::shared_ptr<const sql::Source> source;
    std::uint32_t begin = 0;
};

// Errors and warnings with places, over all files.
class Reporter {
  public:
    explicit Reporter(std::vector<DraftFile> files) : files_(std::move(files)) {}
    void error(Error error);
    void warn(Span at, std::string message);
    Place place(Span at) const;
    const std::vector<Error>& errors() const { return errors_; }
    const std::vector<Warning>& warnings() const { return warnings_; }
    std::string rendered() const;  // all errors, by place

  private:
    const DraftFile& file_of(std::uint32_t offset) const;
    std::vector<DraftFile> files_;
    std::vector<Error> errors_;
    std::vector<Warning> warnings_;
};

struct Draft {
    std::vector<DraftDomain> domains;
    std::vector<DraftEnum> enums;
    std::vector<DraftTable> tables;
    std::vector<DraftObject> objects;
    std::vector<Comment> comments;  // also on what does not exist in the end
    std::map<std::string, std::string> pragmas;
    std::set<std::string> schemas{"public"};
    // Names in use, per schema: relations (tables, views, indexes, sequences) and constraints.
    std::set<std::pair<std::string, std::string>> relation_names, constraint_names;
    std::set<std::pair<std::string, std::string>> unmodelled_types;  // composite, range and base types
    mutable std::set<std::string> text_types;  // names of types that some column has and that are text here
    std::set<std::pair<std::string, std::string>> partitions;  // tables that are parts of another
    std::vector<std::string> path;  // schemas before public; the first is where new objects go
    bool renamed = false;           // a RENAME or DROP COLUMN was seen: older texts may not bind any more

    std::string target_schema(const ast::QualifiedName& name) const;
    DraftTable* find_table(const ast::QualifiedName& name);
    Result<DraftType> resolve_type(const ast::TypeName& name, Reporter& reporter) const;
    std::optional<std::size_t> find_domain(const ast::QualifiedName& name) const;
    std::optional<std::size_t> find_enum(const ast::QualifiedName& name) const;
};

// ---- constraint_names.cpp: PostgreSQL's generated names ----

// name1_name2_label, cut to 63 bytes as PostgreSQL cuts it.
std::string object_name(const std::string& name1, const std::string& name2, const std::string& label);
std::string choose_constraint_name(const Draft& draft, const DraftTable& table, const std::string& columns,
                                   const std::string& label);
std::string choose_index_name(const Draft& draft, const DraftTable& table, const std::string& columns,
                              const std::string& label, bool constraint);
// Of an index's column: its own, that of the function it calls, or "expr".
std::string index_column_name(const ast::IndexElement& element);
std::string joined(const std::vector<std::string>& columns);  // a_b_c
// Columns of the table that an expression mentions, in order of their first mention.
std::vector<std::string> columns_in(const ast::Expr& expr, const DraftTable& table);
void rename_column_in(ast::Expr& expr, const std::string& from, const std::string& to);

// assume.cpp: gives each table an insert, update and delete of one row when the script declares no
// transaction that could be read and writes. True when it did. Keys that the system makes, and what refers to
// them, become bigint then: the schema was not written for us.
bool assume_transactions(Draft& draft, Reporter& reporter);

// ---- one file per kind of statement ----

// Each takes what it understands and reports the rest.
void read_statement(const ast::Statement& statement, Draft& draft, Reporter& reporter);  // read.cpp
void create_table(const ast::CreateTable& create, Span at, Draft& draft,
                  Reporter& reporter);  // read_table.cpp
void add_column(const ast::ColumnDef& column, DraftTable& table, Draft& draft, Reporter& reporter,
                std::vector<ast::Constraint>& later);
void add_constraint(const ast::Constraint& constraint, DraftTable& table, Draft& draft, Reporter& reporter);
void create_index(const ast::CreateIndex& index, Span at, Draft& draft, Reporter& reporter);
void alter_table(const ast::AlterTable& alter, Span at, Draft& draft, Reporter& reporter);  // read_alter.cpp
void drop(const ast::Drop& drop, Span at, Draft& draft, Reporter& reporter);
void rename(const ast::Rename& rename, Span at, Draft& draft, Reporter& reporter);
void create_domain(const ast::CreateDomain& create, Span at, Draft& draft,
                   Reporter& reporter);  // read_type.cpp
void alter_domain(const ast::AlterDomain& alter, Span at, Draft& draft, Reporter& reporter);
void create_enum(const ast::CreateEnum& create, Span at, Draft& draft, Reporter& reporter);
void alter_enum(const ast::AlterEnum& alter, Span at, Draft& draft, Reporter& reporter);

}  // namespace anabranch::catalog
