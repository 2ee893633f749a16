// Conditions moved into derived tables that cannot be merged into their scope (grouped, distinct, set
// operations), so that an index of what lies below can serve. The condition stays where it was as well.
#include <algorithm>
#include <optional>

#include "lib/exec/builder.h"
#include "lib/sql/bind_walk.h"

namespace anabranch::exec {

namespace {

using sql::ColumnRef;
using sql::ExprPtr;
using sql::Query;
using sql::QueryPtr;

// The one rel of this scope that a condition speaks of, if it can be tested anywhere.
std::optional<std::uint32_t> only_rel(const ExprPtr& condition) {
    std::optional<std::uint32_t> rel;
    bool good = !sql::is_volatile(condition);
    sql::walk(condition, [&](const ExprPtr& part, std::uint32_t) {
        if (std::holds_alternative<sql::Aggregate>(part->node) ||
            std::holds_alternative<sql::Window>(part->node) ||
            std::holds_alternative<sql::Subquery>(part->node))
            good = false;
        const auto* ref = std::get_if<ColumnRef>(&part->node);
        if (ref != nullptr && ref->level == 0) {
            good = good && (!rel || *rel == ref->rel);
            rel = ref->rel;
        }
        return good;
    });
    return good ? rel : std::nullopt;
}

bool any_window(const ExprPtr& e) {
    bool found = false;
    sql::walk(e, [&](const ExprPtr& part, std::uint32_t) {
        found = found || std::holds_alternative<sql::Window>(part->node);
        return !found;
    });
    return found;
}

// The condition as the derived table's own scope says it; null when it cannot.
ExprPtr inside(const ExprPtr& condition, const Query& q) {
    bool good = true;
    ExprPtr out = sql::rewrite(condition, [&](const ExprPtr& part, std::uint32_t) -> ExprPtr {
        const auto* ref = std::get_if<ColumnRef>(&part->node);
        if (ref == nullptr) return nullptr;
        if (ref->level == 0) {
            const ExprPtr& target = q.targets[ref->column];
            const bool key =
                !q.grouped || std::any_of(q.group_by.begin(), q.group_by.end(),
                                          [&](const ExprPtr& g) { return sql::same(g, target); });
            good = good && key && !sql::is_volatile(target);
            return target;
        }
        auto outer = std::make_shared<sql::Expr>(*part);
        ++std::get<ColumnRef>(outer->node).level;
        return outer;
    });
    return good ? out : nullptr;
}

// Outer levels count one more inside a set operation.
ExprPtr one_deeper(const ExprPtr& condition) {
    return sql::rewrite(condition, [](const ExprPtr& part, std::uint32_t) -> ExprPtr {
        const auto* ref = std::get_if<ColumnRef>(&part->node);
        if (ref == nullptr || ref->level == 0) return nullptr;
        auto outer = std::make_shared<sql::Expr>(*part);
        ++std::get<ColumnRef>(outer->node).level;
        return outer;
    });
}

QueryPtr with_condition(const QueryPtr& query, const ExprPtr& condition) {
    const Query& q = *query;
    if (q.limit || q.offset || !q.values.empty() || !q.distinct_on.empty()) return query;
    auto out = std::make_shared<Query>(q);
    if (q.set_op != sql::SetOp::none) {
        const ExprPtr deeper = one_deeper(condition);
        out->left = with_condition(q.left, deeper);
        out->right = with_condition(q.right, deeper);
        return out;
    }
    if (std::any_of(q.targets.begin(), q.targets.end(), any_window) || (q.grouped && q.group_by.empty()))
        return query;
    const ExprPtr own = inside(condition, q);
    if (!own) return query;
    sql::Logic all{sql::LogicOp::and_, {own}};
    if (q.where) all.args.push_back(q.where);
    auto where = std::make_shared<sql::Expr>();
    where->type = sql::Type{sql::TypeId::bool_};
    where->node = std::move(all);
    out->where = std::move(where);
    return out;
}

void inner_rels(const sql::FromItem& item, std::vector<bool>& inner) {
    if (!item.join) {
        inner[item.rel] = true;
        return;
    }
    if (item.join->kind == sql::JoinKind::inner || item.join->kind == sql::JoinKind::left)
        inner_rels(item.join->left, inner);
    if (item.join->kind == sql::JoinKind::inner || item.join->kind == sql::JoinKind::right)
        inner_rels(item.join->right, inner);
}

}  // namespace

std::vector<sql::Rel> pushed_down(const Query& q, FunctionRef<bool(const Query&)> merges) {
    std::vector<sql::Rel> rels = q.rels;
    std::vector<bool> inner(rels.size(), false);
    for (const sql::FromItem& item : q.from) inner_rels(item, inner);
    for (const ExprPtr& condition : sql::conjuncts(q.where)) {
        const std::optional<std::uint32_t> rel = only_rel(condition);
        if (!rel || !inner[*rel]) continue;
        auto* derived = std::get_if<sql::DerivedRel>(&rels[*rel].source);
        if (derived != nullptr && !merges(*derived->query))
            derived->query = with_condition(derived->query, condition);
    }
    return rels;
}

}  // namespace anabranch::exec
