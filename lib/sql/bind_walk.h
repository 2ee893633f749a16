// Walking and rewriting bound expressions and queries. Nodes are immutable: a rewrite shares every part it
// does not change.
//
// `depth` counts the scopes opened between the root of the walk and the node, as ir.h counts them: a
// ColumnRef of level l at depth d names the root's own scope when l == d, and a scope around the root when l
// > d.
#pragma once

#include <cstdint>

#include "lib/base/function_ref.h"
#include "lib/sql/ir.h"

namespace anabranch::sql {

// Called for every expression, parents first; returning false leaves out what is below.
using ExprVisitor = FunctionRef<bool(const ExprPtr&, std::uint32_t depth)>;
// Called for every rel of every scope.
using RelVisitor = FunctionRef<void(const Rel&, std::uint32_t depth)>;

void walk(const ExprPtr& root, ExprVisitor visit);
void walk(const QueryPtr& root, ExprVisitor visit);  // the query's own scope is depth 1
void walk(const Statement& root, ExprVisitor visit);
void walk_rels(const QueryPtr& root, RelVisitor visit);
void walk_rels(const ExprPtr& root, RelVisitor visit);
void walk_rels(const Statement& root, RelVisitor visit);

// The direct parts of one expression that are evaluated in the same scope.
void children(const Expr& expr, FunctionRef<void(const ExprPtr&)> visit);

// What to put in the place of an expression; null keeps it and looks below.
using ExprMapper = FunctionRef<ExprPtr(const ExprPtr&, std::uint32_t depth)>;

ExprPtr rewrite(const ExprPtr& root, ExprMapper map);
QueryPtr rewrite(const QueryPtr& root, ExprMapper map);  // the query's own scope is depth 1
// The same for a part that sits `by` scopes deeper than where it was bound: what refers to scopes around it
// counts `by` more.
ExprPtr shifted(const ExprPtr& root, std::uint32_t by);
QueryPtr shifted(const QueryPtr& root, std::uint32_t by);

// Params replaced by expressions of the scope around the root.
ExprPtr with_arguments(const ExprPtr& root, const std::vector<ExprPtr>& arguments);
QueryPtr with_arguments(const QueryPtr& root, const std::vector<ExprPtr>& arguments);

// The zone of a session where that is not UTC.
struct Zoning {
    ZonePtr zone;          // null: UTC
    bool unknown = false;  // what depends on it becomes Func::uninterpreted: for who cannot tell what it does
    // Marked with the zone if it depends on it; its parts are already.
    ExprPtr expr(Expr e) const;
};
QueryPtr in_zone(const QueryPtr& root, const Zoning& zoning);

// Same meaning by structure; places are ignored, subqueries are equal only when they are the same object.
bool same(const ExprPtr& left, const ExprPtr& right);

// The conjuncts of a condition: AND flattened; nothing for a null pointer.
std::vector<ExprPtr> conjuncts(const ExprPtr& condition);
// Without the casts and domain checks around it; null for a null pointer.
const Expr* uncast(const ExprPtr& expr);

// random() and its like anywhere below: not to be evaluated twice.
bool is_volatile(const ExprPtr& root);

}  // namespace anabranch::sql
