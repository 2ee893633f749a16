#include "lib/exec/assertion_parts.h"

#include <algorithm>
#include <map>
#include <set>

#include "lib/exec/builder.h"
#include "lib/sql/bind_walk.h"

namespace anabranch::exec {

namespace {

using sql::ColumnRef;
using sql::ExprPtr;
using sql::Query;
using sql::QueryPtr;
using sql::TableRel;

// Virtual rels from here on are the touched rows of a table.
constexpr std::uint32_t touched_rels = 0x8000'0000;

// What an expression refers to, as seen from its own scope.
struct References {
    std::set<std::uint32_t> own;  // rels of level 0
    bool outer = false;           // columns of level 1
    bool other = false;           // deeper levels, subqueries, aggregates, windows, volatile functions
};

References references_of(const ExprPtr& e) {
    References out;
    out.other = sql::is_volatile(e);
    sql::walk(e, [&](const ExprPtr& part, std::uint32_t) {
        if (const auto* ref = std::get_if<ColumnRef>(&part->node)) {
            if (ref->level == 0) out.own.insert(ref->rel);
            out.outer = out.outer || ref->level == 1;
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

// A FROM clause taken apart.
struct Joins {
    std::vector<ExprPtr> inner;                           // conditions that every row meets
    std::map<std::uint32_t, std::vector<ExprPtr>> outer;  // per rel that is the absent side by itself: its ON
    std::set<std::uint32_t> nullable;
    bool only_inner = true;
};

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

Joins joins_of(const Query& q) {
    Joins out;
    for (const sql::FromItem& item : q.from) take_apart(item, false, out);
    add_conjuncts(q.where, out.inner);
    return out;
}

ExprPtr column(std::uint32_t rel, std::uint32_t number, sql::Type type) {
    auto e = std::make_shared<sql::Expr>();
    e->type = type;
    e->node = ColumnRef{0, rel, number};
    return e;
}

ExprPtr equal(const ExprPtr& a, const ExprPtr& b) {
    auto e = std::make_shared<sql::Expr>();
    e->type = sql::Type{sql::TypeId::bool_};
    e->node = sql::Call{sql::Func::eq, {a, b}};
    return e;
}

// The same expression over a rel alone: rel `from` becomes rel 0.
ExprPtr over_touched(const ExprPtr& e, std::uint32_t from) {
    return sql::rewrite(e, [&](const ExprPtr& part, std::uint32_t) -> ExprPtr {
        const auto* ref = std::get_if<ColumnRef>(&part->node);
        if (ref == nullptr || ref->level != 0 || ref->rel != from) return nullptr;
        return column(0, ref->column, part->type);
    });
}

// One scope inwards is left: level 1 becomes level 0.
ExprPtr outwards(const ExprPtr& e) {
    return sql::rewrite(e, [&](const ExprPtr& part, std::uint32_t) -> ExprPtr {
        const auto* ref = std::get_if<ColumnRef>(&part->node);
        if (ref == nullptr) return nullptr;
        auto copy = std::make_shared<sql::Expr>(*part);
        --std::get<ColumnRef>(copy->node).level;
        return copy;
    });
}

// A row of the query can owe its being there to a touched row only if `outer` (over the query) equals
// `touched` (over the touched row).
struct Tie {
    ExprPtr outer, touched;
};

class Splitter {
  public:
    Splitter(const catalog::Schema& schema, QueryPtr query)
        : schema_(schema), query_(std::move(query)), joins_(joins_of(*query_)) {}

    struct Part {
        TableId table;
        QueryPtr query;
    };
    std::vector<Part> parts;
    std::map<std::uint32_t, int> handled;  // occurrences of a table that have a part

    void run() {
        const Query& q = *query_;
        if (q.set_op != sql::SetOp::none || !q.values.empty() || !q.ctes.empty() || q.limit || q.offset)
            return;
        if (q.grouped && q.group_by.empty()) return;
        for (std::uint32_t i = 0; i < q.rels.size(); ++i)
            if (const auto* table = std::get_if<TableRel>(&q.rels[i].source))
                add(table->table, own_ties(i, table->table));
        for (const ExprPtr& condition : joins_.inner) inner_queries(condition);
        inner_queries(q.having);
    }

  private:
    bool not_null(const ExprPtr& e, const std::vector<sql::Rel>& rels) const {
        const auto* ref = std::get_if<ColumnRef>(&e->node);
        if (ref == nullptr || ref->level != 0) return false;
        const auto* table = std::get_if<TableRel>(&rels[ref->rel].source);
        return table != nullptr && schema_.table(table->table).columns[ref->column].not_null;
    }
    // Whether all rows of a group have one value of `e`, so that restricting it keeps groups whole.
    bool whole_groups(const ExprPtr& e) const {
        if (!query_->grouped) return true;
        return std::any_of(query_->group_by.begin(), query_->group_by.end(),
                           [&](const ExprPtr& g) { return sql::same(g, e); });
    }
    // `a = b` where one side speaks of rel `rel` alone and the other of other rels.
    void tie_by(const ExprPtr& condition, std::uint32_t rel, std::vector<Tie>& out) const {
        const auto* call = std::get_if<sql::Call>(&condition->node);
        if (call == nullptr || call->func != sql::Func::eq) return;
        for (const int side : {0, 1}) {
            const ExprPtr &mine = call->args[static_cast<std::size_t>(side)],
                          &theirs = call->args[static_cast<std::size_t>(1 - side)];
            const References a = references_of(mine), b = references_of(theirs);
            if (a.other || b.other || a.outer || b.outer || a.own != std::set{rel} || b.own.empty() ||
                b.own.contains(rel))
                continue;
            if (whole_groups(theirs)) out.push_back({theirs, over_touched(mine, rel)});
        }
    }
    std::vector<Tie> own_ties(std::uint32_t rel, TableId table) const {
        std::vector<Tie> out;
        const bool nullable = joins_.nullable.contains(rel);
        if (!nullable && !query_->grouped) {
            for (const ColumnId c : schema_.table(table).keys[0].columns) {
                const sql::Type type = schema_.table(table).columns[c.value].type;
                out.push_back({column(rel, c.value, type), column(0, c.value, type)});
            }
            return out;
        }
        if (nullable) {
            const auto on = joins_.outer.find(rel);
            if (on == joins_.outer.end()) return out;
            for (const ExprPtr& condition : on->second) tie_by(condition, rel, out);
            return out;
        }
        for (const ExprPtr& g : query_->group_by) {
            const References r = references_of(g);
            if (!r.other && r.own == std::set{rel} && not_null(g, query_->rels))
                out.push_back({g, over_touched(g, rel)});
        }
        for (const ExprPtr& condition : joins_.inner) tie_by(condition, rel, out);
        return out;
    }

    void inner_queries(const ExprPtr& e) {
        if (!e) return;
        sql::walk(e, [&](const ExprPtr& part, std::uint32_t depth) {
            const auto* subquery = std::get_if<sql::Subquery>(&part->node);
            if (subquery != nullptr && depth == 0) inner_query(*subquery);
            return subquery == nullptr;
        });
    }
    void inner_query(const sql::Subquery& subquery) {
        const Query& q = *subquery.query;
        if (q.set_op != sql::SetOp::none || !q.values.empty() || !q.ctes.empty() || q.limit || q.offset)
            return;
        const Joins joins = joins_of(q);
        if (!joins.only_inner) return;
        for (std::uint32_t rel = 0; rel < q.rels.size(); ++rel) {
            const auto* table = std::get_if<TableRel>(&q.rels[rel].source);
            if (table == nullptr) continue;
            std::vector<Tie> ties;
            for (const ExprPtr& condition : joins.inner) {
                const auto* call = std::get_if<sql::Call>(&condition->node);
                if (call != nullptr && call->func == sql::Func::eq)
                    tie_outwards(call->args[0], call->args[1], rel, ties);
            }
            if (subquery.kind == sql::SubqueryKind::any && !q.grouped) {
                for (std::size_t i = 0; i < subquery.left.size(); ++i) {
                    if (subquery.compare[i] != sql::Func::eq || !not_null(subquery.left[i], query_->rels))
                        continue;
                    const References r = references_of(q.targets[i]);
                    if (r.other || r.outer || r.own != std::set{rel} || !not_null(q.targets[i], q.rels))
                        continue;
                    if (whole_groups(subquery.left[i]))
                        ties.push_back({subquery.left[i], over_touched(q.targets[i], rel)});
                }
            }
            add(table->table, ties);
        }
    }
    void tie_outwards(const ExprPtr& a, const ExprPtr& b, std::uint32_t rel, std::vector<Tie>& out) const {
        for (const auto& [mine, theirs] : {std::pair(a, b), std::pair(b, a)}) {
            const References inside = references_of(mine), outside = references_of(theirs);
            if (inside.other || inside.outer || inside.own != std::set{rel}) continue;
            if (outside.other || !outside.outer || !outside.own.empty()) continue;
            const ExprPtr outer = outwards(theirs);
            if (whole_groups(outer)) out.push_back({outer, over_touched(mine, rel)});
        }
    }

    // The query over rows that are tied to a touched row of the table.
    void add(TableId table, const std::vector<Tie>& ties) {
        if (ties.empty()) return;
        ++handled[table.value];
        auto keys = std::make_shared<Query>();
        sql::Rel touched;
        touched.alias = "touched";
        touched.source = sql::VirtualRel{touched_rels + table.value};
        for (const catalog::Column& c : schema_.table(table).columns)
            touched.columns.push_back({c.name, c.type, {}, 0});
        keys->rels.push_back(std::move(touched));
        keys->from.push_back({0, nullptr});
        keys->distinct = true;
        auto tied = std::make_shared<Query>(*query_);
        const auto rel = static_cast<std::uint32_t>(tied->rels.size());
        sql::Logic all{sql::LogicOp::and_, {}};
        if (query_->where) all.args.push_back(query_->where);
        for (std::uint32_t i = 0; i < ties.size(); ++i) {
            keys->targets.push_back(ties[i].touched);
            keys->columns.push_back({"key", ties[i].touched->type, {}, 0});
            all.args.push_back(equal(ties[i].outer, column(rel, i, ties[i].touched->type)));
        }
        tied->rels.push_back({"touched", sql::DerivedRel{keys, false}, keys->columns});
        tied->from.push_back({rel, nullptr});
        auto where = std::make_shared<sql::Expr>();
        where->type = sql::Type{sql::TypeId::bool_};
        where->node = std::move(all);
        tied->where = std::move(where);
        parts.push_back({table, std::move(tied)});
    }

    const catalog::Schema& schema_;
    QueryPtr query_;
    Joins joins_;
};

// A union is empty when both sides are.
void sides(const QueryPtr& query, std::vector<QueryPtr>& out) {
    const bool united = query->set_op == sql::SetOp::union_ || query->set_op == sql::SetOp::union_all;
    if (!united || !query->ctes.empty() || query->limit || query->offset) return out.push_back(query);
    sides(query->left, out);
    sides(query->right, out);
}

void list_reads(const Builder& builder, AssertionPlan& plan) {
    std::map<std::uint32_t, std::set<std::uint32_t>> columns;
    for (const auto& [slot, table] : builder.tables_by_slot()) columns[table.value];
    for (const Node& node : plan.program->nodes) {
        if (node.op != Op::column_int && node.op != Op::column_float && node.op != Op::column_bytes) continue;
        const auto table = builder.tables_by_slot().find(node.slot);
        if (table != builder.tables_by_slot().end()) columns[table->second.value].insert(node.column);
    }
    for (const auto& [table, list] : columns)
        plan.reads.push_back({TableId{table}, {list.begin(), list.end()}, true});
}

}  // namespace

AssertionPlan assertion_plan(const SchemaPlans& plans, std::uint32_t invariant) {
    const catalog::Invariant& declared = plans.schema().invariants[invariant];
    const auto& what = std::get<catalog::AssertionInvariant>(declared.what);
    AssertionPlan plan;
    plan.invariant = invariant;
    plan.name = declared.name;
    plan.columns = what.violations->columns;
    plan.program = std::make_unique<Program>();
    Builder builder(plans, *plan.program);
    plan.whole = builder.query_statement(what.violations);
    list_reads(builder, plan);
    std::map<std::uint32_t, int> occurrences, handled;
    sql::walk_rels(what.violations, [&](const sql::Rel& rel, std::uint32_t) {
        if (const auto* table = std::get_if<TableRel>(&rel.source)) ++occurrences[table->table.value];
    });
    std::vector<QueryPtr> all;
    sides(what.violations, all);
    std::vector<Splitter::Part> parts;
    for (const QueryPtr& side : all) {
        Splitter splitter(plans.schema(), side);
        splitter.run();
        for (const auto& [table, count] : splitter.handled) handled[table] += count;
        for (Splitter::Part& part : splitter.parts) parts.push_back(std::move(part));
    }
    for (AssertionPlan::Reads& reads : plan.reads)
        reads.whole = handled[reads.table.value] < occurrences[reads.table.value];
    for (const AssertionPlan::Reads& reads : plan.reads)
        builder.let_touched(touched_rels + reads.table.value, reads.table);
    for (const Splitter::Part& part : parts)
        plan.parts.push_back({part.table, builder.query_statement(part.query)});
    return plan;
}

}  // namespace anabranch::exec
