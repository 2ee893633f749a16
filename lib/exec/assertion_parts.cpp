#include "lib/exec/assertion_parts.h"

#include <algorithm>
#include <map>
#include <set>

#include "lib/exec/assertion_balance.h"
#include "lib/exec/assertion_shape.h"
#include "lib/sql/bind_walk.h"

namespace anabranch::exec {

namespace {

using sql::ExprPtr;
using sql::Query;
using sql::QueryPtr;
using sql::TableRel;

// A row of the query can owe its being there to a touched row only if `outer` (over the query) equals
// `touched` (over the touched row).
struct Tie {
    ExprPtr outer, touched;
};

class Splitter {
  public:
    Splitter(const catalog::Schema& schema, QueryPtr query)
        : schema_(schema),
          query_(std::move(query)),
          joins_(joins_of(*query_)),
          balance_(Balance::of(schema, query_)) {}

    struct Part {
        TableId table;
        QueryPtr query;
        QueryPtr suspects;  // null: the query itself is asked
    };
    std::vector<Part> parts;
    std::map<std::uint32_t, int> handled;  // occurrences of a table that have a part

    void run() {
        const Query& q = *query_;
        if (!is_plain(q)) return;
        if (balance_ && (q.rels.empty() || (q.grouped && q.group_by.empty()))) return whole();
        if (q.grouped && q.group_by.empty()) return;
        for (std::uint32_t i = 0; i < q.rels.size(); ++i)
            if (const auto* table = std::get_if<TableRel>(&q.rels[i].source)) own_rel(i, table->table);
        for (const ExprPtr& condition : joins_.inner) inner_queries(condition);
        inner_queries(q.having);
    }

  private:
    // All rows of a group have one value of `e`, so that restricting it keeps groups whole.
    bool whole_groups(const ExprPtr& e) const {
        if (!query_->grouped) return true;
        return std::any_of(query_->group_by.begin(), query_->group_by.end(),
                           [&](const ExprPtr& g) { return sql::same(g, e); });
    }

    // ---- rels of the query itself ----

    // `a = b` where one side speaks of rel `rel` alone and the other of other rels.
    void tie_by(const ExprPtr& condition, std::uint32_t rel, std::vector<Tie>& out) const {
        const auto* call = std::get_if<sql::Call>(&condition->node);
        if (call == nullptr || call->func != sql::Func::eq) return;
        for (const std::size_t side : {0U, 1U}) {
            const ExprPtr &mine = call->args[side], &theirs = call->args[1 - side];
            const References a = references_of(mine), b = references_of(theirs);
            if (b.other || !a.only(rel) || !b.outer.empty() || b.own.empty() || b.own.contains(rel)) continue;
            if (whole_groups(theirs)) out.push_back({theirs, over_first(mine, rel)});
        }
    }
    void own_rel(std::uint32_t rel, TableId table) {
        std::vector<Tie> ties;
        if (joins_.nullable.contains(rel)) {
            const auto on = joins_.outer.find(rel);
            if (on == joins_.outer.end()) return;
            for (const ExprPtr& condition : on->second) tie_by(condition, rel, ties);
            return add(table, ties, {});
        }
        if (!query_->grouped) {
            for (const ColumnId c : schema_.table(table).keys[0].columns) {
                const sql::Type type = schema_.table(table).columns[c.value].type;
                ties.push_back({column(0, rel, c.value, type), column(0, 0, c.value, type)});
            }
            return add(table, ties, {});
        }
        for (const ExprPtr& g : query_->group_by)
            if (references_of(g).only(rel) && is_not_null(schema_, g, query_->rels))
                ties.push_back({g, over_first(g, rel)});
        for (const ExprPtr& condition : joins_.inner) tie_by(condition, rel, ties);
        add(table, ties, filters_of(joins_, rel));
    }
    // What a row of the rel must meet by itself to count.
    static std::vector<ExprPtr> filters_of(const Joins& joins, std::uint32_t rel) {
        std::vector<ExprPtr> out;
        for (const ExprPtr& condition : joins.inner)
            if (references_of(condition).only(rel) && cannot_fail(condition))
                out.push_back(over_first(condition, rel));
        return out;
    }

    // ---- subqueries ----

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
        if (!is_plain(q)) return;
        const Joins joins = joins_of(q);
        if (!joins.only_inner) return;
        for (std::uint32_t rel = 0; rel < q.rels.size(); ++rel) {
            const auto* table = std::get_if<TableRel>(&q.rels[rel].source);
            if (table == nullptr) continue;
            std::vector<Tie> ties;
            for (const ExprPtr& condition : joins.inner)
                tie_outwards(
                    condition, [&](const References& r) { return r.only(rel); }, ties);
            for (Tie& tie : ties) tie.touched = over_first(tie.touched, rel);
            if (subquery.kind == sql::SubqueryKind::any && !q.grouped) tie_by_answer(subquery, rel, ties);
            if (ties.empty())
                through_others(q, joins, rel, table->table);
            else
                add(table->table, ties, filters_of(joins, rel));
        }
    }
    void tie_by_answer(const sql::Subquery& subquery, std::uint32_t rel, std::vector<Tie>& out) const {
        const Query& q = *subquery.query;
        for (std::size_t i = 0; i < subquery.left.size(); ++i) {
            if (subquery.compare[i] != sql::Func::eq || !is_not_null(schema_, subquery.left[i], query_->rels))
                continue;
            if (!references_of(q.targets[i]).only(rel) || !is_not_null(schema_, q.targets[i], q.rels))
                continue;
            if (whole_groups(subquery.left[i]))
                out.push_back({subquery.left[i], over_first(q.targets[i], rel)});
        }
    }
    // `a = b` where one side speaks of rels of the subquery that will do and the other of the query's row.
    void tie_outwards(const ExprPtr& condition, FunctionRef<bool(const References&)> will_do,
                      std::vector<Tie>& out) const {
        const auto* call = std::get_if<sql::Call>(&condition->node);
        if (call == nullptr || call->func != sql::Func::eq) return;
        for (const std::size_t side : {0U, 1U}) {
            const References inside = references_of(call->args[side]),
                             outside = references_of(call->args[1 - side]);
            if (!will_do(inside) || outside.other || outside.outer.empty() || !outside.own.empty()) continue;
            const ExprPtr outer = outwards(call->args[1 - side]);
            if (whole_groups(outer)) out.push_back({outer, call->args[side]});
        }
    }
    // A touched row reaches the query's row through the rels that it is joined with, as they are or as they
    // were.
    void through_others(const Query& q, const Joins& joins, std::uint32_t rel, TableId table) {
        std::vector<Tie> ties;
        const auto any = [](const References& r) { return !r.other && r.outer.empty() && !r.own.empty(); };
        for (const ExprPtr& condition : joins.inner) tie_outwards(condition, any, ties);
        if (ties.empty()) return;
        for (const bool before : {false, true}) {
            auto keys = std::make_shared<Query>();
            for (std::uint32_t i = 0; i < q.rels.size(); ++i) {
                const auto* other = std::get_if<TableRel>(&q.rels[i].source);
                if (other == nullptr) return;
                if (i == rel)
                    keys->rels.push_back(rel_of(schema_, table, Reading::touched));
                else if (before)
                    keys->rels.push_back(rel_of(schema_, other->table, Reading::before));
                else
                    keys->rels.push_back(q.rels[i]);
                keys->from.push_back({i, nullptr});
            }
            std::vector<ExprPtr> conditions;
            for (const ExprPtr& condition : joins.inner)
                if (const References r = references_of(condition); !r.other && r.outer.empty())
                    conditions.push_back(condition);
            keys->where = all_of(std::move(conditions));
            add_keys(table, ties, std::move(keys));
        }
        ++handled[table.value];
    }

    // ---- parts ----

    void whole() {
        sql::walk_rels(query_, [&](const sql::Rel& rel, std::uint32_t) {
            const auto* table = std::get_if<TableRel>(&rel.source);
            if (table == nullptr) return;
            ++handled[table->table.value];
            parts.push_back(
                {table->table, query_,
                 balance_->of_groups() ? balance_->suspicious_groups() : balance_->suspicious_rows(*query_)});
        });
    }
    // The query over rows that are tied to a touched row of the table.
    void add(TableId table, const std::vector<Tie>& ties, std::vector<ExprPtr> filters) {
        if (ties.empty()) return;
        ++handled[table.value];
        auto keys = std::make_shared<Query>();
        keys->rels.push_back(rel_of(schema_, table, Reading::touched));
        keys->from.push_back({0, nullptr});
        keys->where = all_of(std::move(filters));
        add_keys(table, ties, std::move(keys));
    }
    void add_keys(TableId table, const std::vector<Tie>& ties, std::shared_ptr<Query> keys) {
        keys->distinct = true;
        auto tied = std::make_shared<Query>(*query_);
        const auto rel = static_cast<std::uint32_t>(tied->rels.size());
        std::vector<ExprPtr> all;
        if (query_->where) all.push_back(query_->where);
        for (std::uint32_t i = 0; i < ties.size(); ++i) {
            keys->targets.push_back(ties[i].touched);
            keys->columns.push_back({"key", ties[i].touched->type, {}, 0});
            all.push_back(equal(ties[i].outer, column(0, rel, i, ties[i].touched->type)));
        }
        tied->rels.push_back({"touched", sql::DerivedRel{keys, false}, keys->columns});
        tied->from.push_back({rel, nullptr});
        tied->where = all_of(std::move(all));
        Part part{table, tied, nullptr};
        if (balance_)
            part.suspects =
                balance_->of_groups() ? balance_->suspicious_groups() : balance_->suspicious_rows(*tied);
        parts.push_back(std::move(part));
    }

    const catalog::Schema& schema_;
    QueryPtr query_;
    Joins joins_;
    std::optional<Balance> balance_;
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
    for (const AssertionPlan::Reads& reads : plan.reads) let_read(builder, reads.table);
    for (const Splitter::Part& part : parts) {
        plan.parts.push_back({part.table, builder.query_statement(part.query), {}});
        if (part.suspects) plan.parts.back().suspects = builder.query_statement(part.suspects);
    }
    return plan;
}

}  // namespace anabranch::exec
