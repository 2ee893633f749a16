#include "lib/exec/assertion_shape.h"

#include <algorithm>

#include "lib/sql/bind_walk.h"

namespace anabranch::exec {

using sql::ColumnRef;
using sql::ExprPtr;

namespace {

// Virtual rels from here on are readings of stored tables: one range of numbers for each.
constexpr std::uint32_t first_reading = 0x8000'0000, tables_max = 0x0100'0000;

const sql::Type truth_type{sql::TypeId::bool_};

void add_conjuncts(const ExprPtr& condition, std::vector<ExprPtr>& to) {
    for (const ExprPtr& part : sql::conjuncts(condition)) to.push_back(part);
}

void take_apart(const sql::FromItem& item, bool nullable, Joins& out) {
    if (!item.join) {
        if (nullable) out.nullable.insert(item.rel);
        return;
    }
    const sql::Join& join = *item.join;
    const bool left = join.kind == sql::JoinKind::right || join.kind == sql::JoinKind::full;
    const bool right = join.kind == sql::JoinKind::left || join.kind == sql::JoinKind::full;
    take_apart(join.left, nullable || left, out);
    take_apart(join.right, nullable || right, out);
    if (!left && !right) {
        if (!nullable) add_conjuncts(join.condition, out.inner);
        return;
    }
    out.only_inner = false;
    const sql::FromItem& absent = right ? join.right : join.left;
    if (!nullable && !absent.join && left != right) add_conjuncts(join.condition, out.outer[absent.rel]);
}

}  // namespace

sql::VirtualRel reading_of(TableId table, Reading reading) {
    return {first_reading + static_cast<std::uint32_t>(reading) * tables_max + table.value};
}

sql::Rel rel_of(const catalog::Schema& schema, TableId table, Reading reading) {
    sql::Rel rel;
    rel.alias = "touched";
    rel.source = reading_of(table, reading);
    for (const catalog::Column& c : schema.table(table).columns)
        rel.columns.push_back({c.name, c.type, {}, 0});
    return rel;
}

void let_read(Builder& builder, TableId table) {
    Access access;
    access.table = table;
    for (const auto& [reading, kind] : {std::pair(Reading::touched, Access::Kind::touched),
                                        std::pair(Reading::removed, Access::Kind::removed),
                                        std::pair(Reading::added, Access::Kind::added)}) {
        access.kind = kind;
        builder.let_stand(reading_of(table, reading).virtual_table, access);
    }
    access.kind = Access::Kind::full;
    access.before = true;
    builder.let_stand(reading_of(table, Reading::before).virtual_table, access);
}

References references_of(const ExprPtr& e) {
    References out;
    out.other = sql::is_volatile(e);
    sql::walk(e, [&](const ExprPtr& part, std::uint32_t) {
        if (const auto* ref = std::get_if<ColumnRef>(&part->node)) {
            if (ref->level == 0) out.own.insert(ref->rel);
            if (ref->level == 1) out.outer.insert(ref->rel);
            out.other = out.other || ref->level > 1;
        }
        out.other = out.other || std::holds_alternative<sql::Aggregate>(part->node) ||
                    std::holds_alternative<sql::Window>(part->node) ||
                    std::holds_alternative<sql::Param>(part->node) ||
                    std::holds_alternative<sql::Subquery>(part->node);
        return !out.other;
    });
    return out;
}

Joins joins_of(const sql::Query& q) {
    Joins out;
    for (const sql::FromItem& item : q.from) take_apart(item, false, out);
    add_conjuncts(q.where, out.inner);
    return out;
}

bool is_plain(const sql::Query& q) {
    return q.set_op == sql::SetOp::none && q.values.empty() && q.ctes.empty() && !q.limit && !q.offset;
}

bool is_not_null(const catalog::Schema& schema, const ExprPtr& e, const std::vector<sql::Rel>& rels) {
    const auto* ref = std::get_if<ColumnRef>(&e->node);
    if (ref == nullptr || ref->level != 0) return false;
    const auto* table = std::get_if<sql::TableRel>(&rels[ref->rel].source);
    return table != nullptr && schema.table(table->table).columns[ref->column].not_null;
}

bool is_never_null(const catalog::Schema& schema, const ExprPtr& e, const std::vector<sql::Rel>& rels) {
    if (const auto* constant = std::get_if<sql::Const>(&e->node)) return !constant->null;
    if (const auto* cast = std::get_if<sql::Cast>(&e->node)) return is_never_null(schema, cast->arg, rels);
    const auto* call = std::get_if<sql::Call>(&e->node);
    if (call == nullptr) return is_not_null(schema, e, rels);
    return call->func >= sql::Func::add && call->func <= sql::Func::abs &&
           std::all_of(call->args.begin(), call->args.end(),
                       [&](const ExprPtr& arg) { return is_never_null(schema, arg, rels); });
}

bool cannot_fail(const ExprPtr& e) {
    bool safe = true;
    sql::walk(e, [&](const ExprPtr& part, std::uint32_t) {
        const auto* call = std::get_if<sql::Call>(&part->node);
        const bool comparison =
            call != nullptr && call->func >= sql::Func::eq && call->func <= sql::Func::is_not_distinct;
        return safe = safe && (comparison || std::holds_alternative<ColumnRef>(part->node) ||
                               std::holds_alternative<sql::Const>(part->node) ||
                               std::holds_alternative<sql::Test>(part->node) ||
                               std::holds_alternative<sql::Logic>(part->node));
    });
    return safe;
}

ExprPtr make_expr(sql::Type type, decltype(sql::Expr::node) node) {
    auto e = std::make_shared<sql::Expr>();
    e->type = type;
    e->node = std::move(node);
    return e;
}

ExprPtr column(std::uint32_t level, std::uint32_t rel, std::uint32_t number, sql::Type type) {
    return make_expr(type, ColumnRef{level, rel, number});
}

ExprPtr equal(const ExprPtr& a, const ExprPtr& b) {
    return make_expr(truth_type, sql::Call{sql::Func::eq, {a, b}});
}

ExprPtr all_of(std::vector<ExprPtr> conditions) {
    if (conditions.empty()) return nullptr;
    if (conditions.size() == 1) return conditions.front();
    return make_expr(truth_type, sql::Logic{sql::LogicOp::and_, std::move(conditions)});
}

ExprPtr over_first(const ExprPtr& e, std::uint32_t from) {
    return sql::rewrite(e, [&](const ExprPtr& part, std::uint32_t) -> ExprPtr {
        const auto* ref = std::get_if<ColumnRef>(&part->node);
        if (ref == nullptr || ref->level != 0 || ref->rel != from) return nullptr;
        return column(0, 0, ref->column, part->type);
    });
}

ExprPtr outwards(const ExprPtr& e) {
    return sql::rewrite(e, [&](const ExprPtr& part, std::uint32_t) -> ExprPtr {
        const auto* ref = std::get_if<ColumnRef>(&part->node);
        if (ref == nullptr) return nullptr;
        auto copy = std::make_shared<sql::Expr>(*part);
        --std::get<ColumnRef>(copy->node).level;
        return copy;
    });
}

}  // namespace anabranch::exec
