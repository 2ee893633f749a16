// What the binder asks about names. The catalog implements it; lib/sql knows nothing of stored rows or
// invariants.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/sql/ir.h"

namespace anabranch::sql {

struct RelationColumn {
    std::string name;
    Type type;
    std::shared_ptr<const Domain> domain;  // null unless declared with a domain
    bool not_null = false;
    bool hidden = false;     // not part of *; reachable by name only inside the engine
    bool generated = false;  // stored generated column: may not be assigned
    bool identity = false;   // any identity or serial column: its default is drawn by the engine
    bool identity_always = false;
    ExprPtr default_value;  // bound default; null when there is none
};

struct Relation {
    enum class Kind { table, view, virtual_table } kind = Kind::table;
    std::string schema, name;
    TableId table;                    // kind table
    std::uint32_t virtual_table = 0;  // kind virtual_table
    QueryPtr view;                    // kind view: the bound definition
    std::vector<RelationColumn> columns;
    // Unique keys in the order of OnConflict::key: [0] is the primary key. Constraint name and columns;
    // partial or expression keys have a predicate.
    struct Key {
        std::string name;
        std::vector<ColumnId> columns;
        ExprPtr predicate;                 // over the row (rel 0); null if total
        std::vector<ExprPtr> expressions;  // of an expression index, one per part; `columns` is then empty
    };
    std::vector<Key> keys;
};

// A named type resolved: exactly one of these meanings.
struct ResolvedType {
    Type type;
    std::shared_ptr<const Domain> domain;  // set when the name is a domain; `type` is then its base
};

// A user-declared routine as an expression or FROM item may call it (read-only SQL functions are inlined).
struct RoutineSignature {
    std::string schema, name;
    std::uint32_t transaction = 0;  // index into the catalog's transactions
    bool is_procedure = false;
    bool returns_set = false;
    bool read_only = false;
    std::vector<Type> in_types;  // IN and INOUT parameters, in order
    std::vector<std::string> in_names;
    std::vector<ExprPtr> in_defaults;   // null where there is none
    std::uint32_t required = 0;         // how many have no default
    std::vector<OutputColumn> columns;  // OUT parameters, TABLE columns or the scalar result
    // The body as one query over Params 0..in_types.size()-1, when it is read-only and a single query; else
    // null.
    QueryPtr inline_body;
};

class Names {
  public:
    virtual ~Names() = default;
    // `schema` empty: search public, then pg_catalog. Null when unknown. The pointer lives as long as the
    // Names.
    virtual const Relation* relation(std::string_view schema, std::string_view name) const = 0;
    virtual const Relation* table(TableId id) const = 0;
    virtual std::optional<ResolvedType> type(std::string_view schema, std::string_view name)
        const = 0;  // user's types only; built-ins are resolved by the binder
    virtual std::vector<std::string> enum_labels(std::uint32_t enum_index) const = 0;
    virtual std::string enum_name(std::uint32_t /*enum_index*/) const { return "enum"; }
    virtual std::vector<RoutineSignature> routines(std::string_view schema, std::string_view name) const = 0;
    // All known names, for "did you mean" hints.
    virtual std::vector<std::string> relation_names() const = 0;
};

}  // namespace anabranch::sql
