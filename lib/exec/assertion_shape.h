// What the queries of assertions are taken apart into, and put together from, to ask about touched rows only.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "lib/catalog/schema.h"
#include "lib/exec/builder.h"
#include "lib/sql/ir.h"

namespace anabranch::exec {

// How a rel reads a stored table other than as the transaction leaves it.
enum class Reading : std::uint8_t {
    touched,  // rows that the transaction has changed, as they were and as they are
    removed,  // ... as they were
    added,    // ... as they are
    before,   // the whole table as it was before the transaction
};
sql::VirtualRel reading_of(TableId table, Reading reading);
sql::Rel rel_of(const catalog::Schema& schema, TableId table, Reading reading);
void let_read(Builder& builder, TableId table);  // such rels of this table

// What an expression refers to, as seen from its own scope.
struct References {
    std::set<std::uint32_t> own;    // rels of level 0
    std::set<std::uint32_t> outer;  // rels of level 1
    bool other =
        false;  // scopes further out, aggregates, windows, parameters, subqueries, volatile functions
    bool only(std::uint32_t rel) const { return !other && outer.empty() && own == std::set{rel}; }
};
References references_of(const sql::ExprPtr& e);

// A FROM clause with its WHERE taken apart.
struct Joins {
    std::vector<sql::ExprPtr> inner;                           // conditions that every row meets
    std::map<std::uint32_t, std::vector<sql::ExprPtr>> outer;  // per rel that is absent by itself: its ON
    std::set<std::uint32_t> nullable;
    bool only_inner = true;
};
Joins joins_of(const sql::Query& q);

// Neither WITH nor set operations, VALUES or LIMIT: rows are what FROM and WHERE say.
bool is_plain(const sql::Query& q);
// A column of a stored table that is never NULL.
bool is_not_null(const catalog::Schema& schema, const sql::ExprPtr& e, const std::vector<sql::Rel>& rels);
// Such columns, constants, and arithmetic with them.
bool is_never_null(const catalog::Schema& schema, const sql::ExprPtr& e, const std::vector<sql::Rel>& rels);
// Comparing and testing columns and constants, which cannot fail.
bool cannot_fail(const sql::ExprPtr& e);

sql::ExprPtr make_expr(sql::Type type, decltype(sql::Expr::node) node);
sql::ExprPtr column(std::uint32_t level, std::uint32_t rel, std::uint32_t number, sql::Type type);
sql::ExprPtr equal(const sql::ExprPtr& a, const sql::ExprPtr& b);
sql::ExprPtr all_of(std::vector<sql::ExprPtr> conditions);  // null for none
// The same expression with rel `from` of its own scope as rel 0.
sql::ExprPtr over_first(const sql::ExprPtr& e, std::uint32_t from);
// One scope inwards is left: level 1 becomes level 0.
sql::ExprPtr outwards(const sql::ExprPtr& e);

}  // namespace anabranch::exec
