// The syntax tree of the dialect: a closed set of plain values, as the grammar saw them, with nothing
// resolved.
//
// - A tree owns all its parts (vectors and boxes), can be copied, and compares by what it says: places are
// ignored (At).
// - Every Expr, TableRef, Query, Statement, Constraint, ... has a `span` in bytes of the whole source text.
// - Trees are at most `depth_max` levels deep (bounds.h), so a recursive visitor is safe.
// - Identifiers are folded as PostgreSQL folds them; `print.h` quotes them again.
// - What PostgreSQL has and the dialect has not is still in the tree: Unsupported (expressions, FROM),
// Unmodelled and Ignored
//   (statements). Refusing or warning is left to whoever needs the meaning.
//
// Reading order: ast_base.h, ast_expr.h, ast_query.h, then ast_schema.h (declarations) and ast_session.h.
#pragma once

#include <variant>
#include <vector>

#include "lib/sql/ast_expr.h"
#include "lib/sql/ast_query.h"
#include "lib/sql/ast_schema.h"
#include "lib/sql/ast_session.h"

namespace anabranch::sql::ast {

// One statement; the span is its whole text, without the semicolon and the comments before it.
struct Statement : At {
    struct Nodes {
        using Variant = std::variant<
            // rows
            Query, Insert, Update, Delete, Merge, Call,
            // declarations
            CreateTable, AlterTable, CreateIndex, CreateDomain, AlterDomain, CreateEnum, AlterEnum,
            CreateComposite, CreateView, CreateRoutine, CreateAssertion, CreateSchema, Drop, Rename,
            // sessions
            Transaction, SetTransaction, SetVariable, ResetVariable, ShowVariable, SetConstraints, Explain,
            DeclareCursor, Fetch, CloseCursor, Prepare, Execute, Deallocate, Copy, Listen, Notify, Unlisten,
            Discard, Truncate, Vacuum,
            // the rest
            Comment, Ignored, Unmodelled>;
    };
    using Node = Alternatives<Nodes>;
    Node node;
    friend bool operator==(const Statement&, const Statement&);
};

inline bool operator==(const SqlBody& l, const SqlBody& r) {
    return l.quoted == r.quoted && l.statements == r.statements;
}
inline bool operator==(const CreateSchema& l, const CreateSchema& r) {
    return l.name == r.name && l.if_not_exists == r.if_not_exists && l.elements == r.elements;
}

}  // namespace anabranch::sql::ast
