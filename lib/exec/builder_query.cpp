#include <algorithm>

#include "lib/base/check.h"
#include "lib/exec/access_chooser.h"
#include "lib/exec/builder.h"
#include "lib/sql/bind_walk.h"

namespace anabranch::exec {

namespace {

std::vector<sql::Type> types_of(const std::vector<sql::OutputColumn>& columns) {
    std::vector<sql::Type> types;
    for (const sql::OutputColumn& column : columns) types.push_back(column.type);
    return types;
}

// Whether the `index`-th CTE of the list reads its own rows.
bool refers_to_itself(const sql::Cte& cte, std::uint32_t index) {
    bool found = false;
    sql::walk_rels(*cte.statement, [&](const sql::Rel& rel, std::uint32_t depth) {
        const auto* ref = std::get_if<sql::CteRel>(&rel.source);
        found = found || (ref != nullptr && ref->level == depth && ref->index == index);
    });
    return found;
}

}  // namespace

// Whether evaluating a CTE where it is read gives what evaluating it by itself gives.
static bool is_steady(const sql::QueryPtr& query) {
    bool steady = true;
    sql::walk(query, [&](const sql::ExprPtr& e, std::uint32_t) {
        const auto* call = std::get_if<sql::Call>(&e->node);
        steady = steady && (call == nullptr || !sql::is_volatile(e));
        return steady;
    });
    return steady;
}

std::vector<std::uint32_t> uses_of(const std::vector<sql::Cte>& list,
                                   FunctionRef<void(sql::RelVisitor)> walk) {
    std::vector<std::uint32_t> uses(list.size(), 0);
    walk([&](const sql::Rel& rel, std::uint32_t depth) {
        const auto* ref = std::get_if<sql::CteRel>(&rel.source);
        if (ref != nullptr && ref->level + 1 == depth && ref->index < uses.size()) ++uses[ref->index];
    });
    return uses;
}

std::shared_ptr<const QueryPlan> Builder::query(const sql::Query& q) {
    auto plan = std::make_shared<QueryPlan>();
    const std::uint32_t outer_first = std::exchange(first_slot_, program_.slots);
    std::vector<std::uint32_t> outer_states = std::exchange(volatile_states_, {});
    scopes_.emplace_back();
    plan->types = types_of(q.columns);
    const sql::QueryPtr whole(sql::QueryPtr(), &q);  // not owned
    declare_ctes(q.ctes, uses_of(q.ctes, [&](sql::RelVisitor visit) { sql::walk_rels(whole, visit); }));
    for (const std::uint32_t id : scopes_.back().ctes)
        if (id != merged_cte && !cte_reads_[id].empty()) plan->ctes.push_back(id);
    if (q.set_op != sql::SetOp::none)
        set_operation(q, *plan);
    else if (!q.values.empty())
        values(q, *plan);
    else
        select(q, *plan);
    scopes_.pop_back();
    plan->volatile_states = std::exchange(volatile_states_, std::move(outer_states));
    first_slot_ = outer_first;
    return plan;
}

void Builder::select(const sql::Query& q, QueryPlan& plan) {
    std::vector<Source> sources =
        declare(pushed_down(q, [&](const sql::Query& below) { return can_merge(below, false); }), q.from);
    Source all;
    for (const sql::FromItem& item : q.from) collect(item, sources, all);
    if (q.where) split(q.where, all.conditions);
    plan.from = plan_group(std::move(all.items), std::move(all.conditions), false);
    scopes_.back().query = &plan;
    plan.grouped = q.grouped;
    plan.group_by = exprs(q.group_by);
    for (const sql::ExprPtr& key : q.group_by) plan.group_types.push_back(key->type);
    if (q.having) plan.having = expr(q.having);
    for (std::size_t i = 0; i < q.columns.size(); ++i) plan.targets.push_back(expr(q.targets[i]));
    ordering(q, plan);
    for (const sql::ExprPtr& key : q.distinct_on) {
        SortKey sort;
        sort.key = expr(key);
        sort.type = key->type;
        plan.distinct_on.push_back(sort);
    }
    limits(q, plan);
    plan.distinct = q.distinct;
    plan.group_state = new_state();
    plan.distinct_state = new_state();
    plan.output_register = new_registers(plan.width());
    plan.ordered = order_by_index(plan);
    extreme_by_index(plan);
}

void Builder::ordering(const sql::Query& q, QueryPlan& plan) {
    const std::size_t columns = q.columns.size();
    for (const sql::OrderKey& order : q.order_by) {
        SortKey sort;
        sort.type = order.key->type;
        sort.descending = order.descending;
        sort.nulls_first = order.nulls_first;
        std::size_t at = 0;
        while (at < columns && at < q.targets.size() && !sql::same(q.targets[at], order.key)) ++at;
        if (at < columns && at < q.targets.size())
            sort.column = static_cast<std::uint32_t>(at);
        else
            sort.key = expr(order.key);
        plan.order.push_back(sort);
    }
}

void Builder::limits(const sql::Query& q, QueryPlan& plan) {
    if (q.limit) plan.limit = expr(q.limit);
    if (q.offset) plan.offset = expr(q.offset);
}

// ORDER BY of VALUES and set operations sees the output columns as rel 0.
void Builder::result_scope(const sql::Query& q, QueryPlan& plan) {
    ScopeRel rel;
    rel.slot = program_.slots++;
    plan.result_slot = rel.slot;
    scopes_.back().rels.push_back(std::move(rel));
    for (const sql::OrderKey& order : q.order_by) {
        SortKey sort;
        sort.type = order.key->type;
        sort.descending = order.descending;
        sort.nulls_first = order.nulls_first;
        sort.key = expr(order.key);
        plan.order.push_back(sort);
    }
    limits(q, plan);
    plan.output_register = new_registers(plan.width());
    plan.distinct_state = new_state();
    plan.group_state = new_state();
}

void Builder::values(const sql::Query& q, QueryPlan& plan) {
    plan.kind = QueryPlan::Kind::values;
    for (const auto& row : q.values) plan.values.push_back(exprs(row));
    result_scope(q, plan);
}

void Builder::set_operation(const sql::Query& q, QueryPlan& plan) {
    plan.kind = QueryPlan::Kind::set;
    plan.set_op = q.set_op;
    plan.left = query(*q.left);
    plan.right = query(*q.right);
    result_scope(q, plan);
}

void Builder::declare_ctes(const std::vector<sql::Cte>& list, const std::vector<std::uint32_t>& uses) {
    scopes_.back().declared = &list;
    for (std::uint32_t i = 0; i < list.size(); ++i) {
        const auto* body = std::get_if<sql::QueryPtr>(&list[i].statement->body);
        if (body != nullptr && uses[i] <= 1 && is_steady(*body) && !refers_to_itself(list[i], i))
            scopes_.back().ctes.push_back(merged_cte);
        else
            declare_cte(list[i], i);
    }
}

void Builder::declare_cte(const sql::Cte& c, std::uint32_t index) {
    const auto id = static_cast<std::uint32_t>(program_.ctes.size());
    auto plan = std::make_shared<CtePlan>();
    program_.ctes.push_back(plan);
    plan->name = c.name;
    plan->types = types_of(c.columns);
    plan->width = static_cast<std::uint32_t>(c.columns.size());
    plan->state = new_state();
    plan->working = new_state();
    const std::size_t mark = log_.size();
    const std::uint32_t first = program_.slots;
    const auto* body = std::get_if<sql::QueryPtr>(&c.statement->body);
    if (body == nullptr) {
        plan->write = write(*c.statement);
    } else if (refers_to_itself(c, index)) {
        const sql::Query& q = **body;
        plan->recursive = true;
        plan->keep_duplicates = q.set_op == sql::SetOp::union_all;
        scopes_.emplace_back();  // that of the set operation
        plan->query = query(*q.left);
        scopes_.pop_back();
        scopes_.back().ctes.push_back(id);
        recursive_[id] = program_.slots++;
        scopes_.emplace_back();
        plan->again = query(*q.right);
        scopes_.pop_back();
        recursive_.erase(id);
    } else {
        plan->query = query(**body);
    }
    SlotSet outer;
    for (std::size_t i = mark; i < log_.size(); ++i)
        if (log_[i] < first) outer.add(log_[i]);
    cte_reads_[id] = std::move(outer);
    if (scopes_.back().ctes.size() == index) scopes_.back().ctes.push_back(id);
}

StatementPlan Builder::query_statement(const sql::QueryPtr& q) {
    sql::Statement statement_of;
    statement_of.body = q;
    statement_of.columns = q->columns;
    return statement(statement_of);
}

StatementPlan Builder::statement(const sql::Statement& s) {
    StatementPlan plan;
    plan.first_state = program_.states;
    plan.width = static_cast<std::uint32_t>(s.columns.size());
    const std::size_t first_cte = program_.ctes.size();
    if (const auto* q = std::get_if<sql::QueryPtr>(&s.body))
        plan.query = query(**q);
    else
        plan.write = write(s);
    for (std::size_t i = first_cte; i < program_.ctes.size(); ++i)
        if (program_.ctes[i]->write != nullptr) plan.modifying.push_back(static_cast<std::uint32_t>(i));
    plan.last_state = program_.states;
    return plan;
}

namespace {

struct Direction {
    bool known = false, reverse = false;
};

// Whether a key in this direction can be read off an ascending index with NULLs last; NULLs do not matter
// where there are none.
bool direction_fits(const SortKey& key, bool not_null, Direction& direction) {
    if (!not_null && key.nulls_first != key.descending) return false;
    if (direction.known && direction.reverse != key.descending) return false;
    direction = {true, key.descending};
    return true;
}

}  // namespace

// Leaves the sort out when the first rel's access path yields the rows in order, or can be made to under a
// LIMIT.
bool Builder::order_by_index(QueryPlan& plan) {
    if (plan.order.empty() || plan.grouped || !plan.windows.empty() || plan.distinct ||
        !plan.distinct_on.empty())
        return false;
    if (plan.from.steps.empty()) return false;
    Step& step = plan.from.steps.front();
    if (step.kind != Step::Kind::leaf || step.leaf.source != Leaf::Source::table ||
        step.leaf.mode != Leaf::Mode::stream)
        return false;
    for (const Step& next : plan.from.steps)
        if (next.kind == Step::Kind::full) return false;
    Access& access = step.leaf.access;
    if (!access.of_store() || !access.any.empty() || access.any_array != no_expr) return false;
    if (access.kind == Access::Kind::point) return true;
    const TablePlan& table = plan_of(access.table);
    AccessChooser chooser(*this, access.table, step.leaf.slot, step.filters);
    const auto serves = [&](const IndexPlan& index, std::size_t fixed, bool& reverse) {
        Direction direction;
        std::size_t part = fixed;
        for (const SortKey& key : plan.order) {
            const ExprId wanted = key.key != no_expr ? key.key : plan.targets[key.column];
            bool is_fixed = chooser.fixed_to(wanted) != no_expr;
            for (std::size_t i = 0; i < fixed; ++i)
                is_fixed = is_fixed || same_node(chooser.part_node(index.parts[i]), wanted);
            if (is_fixed) continue;
            if (part == index.parts.size()) {
                reverse = direction.reverse;
                return index.key != nullptr && index.id.value == 0 &&
                       plan.from.steps.size() == 1;  // the key is used up: no ties
            }
            const KeyPart& at = index.parts[part++];
            if (!same_node(chooser.part_node(at), wanted)) return false;
            const bool plain = at.expression == no_expr;
            if (plain && table.nullable_by_merge[at.column]) return false;
            if (!direction_fits(key, plain && table.table->columns[at.column].not_null, direction))
                return false;
        }
        reverse = direction.reverse;
        return true;
    };
    if (access.kind == Access::Kind::index)
        return serves(table.indexes[access.index.value], access.equal.size(), access.reverse);
    if (serves(table.primary(), 0, access.reverse)) return true;
    if (plan.limit == no_expr) return false;
    for (const IndexPlan& index : table.indexes) {
        if (!chooser.covers(index) || !serves(index, 0, access.reverse)) continue;
        access.kind = Access::Kind::index;
        access.index = index.id;
        return true;
    }
    return false;
}

// The same rows by another index, if it begins with the same columns, in whatever order.
static bool by_other_index(Access& access, const IndexPlan& index, const IndexPlan& other) {
    const std::size_t fixed = access.equal.size();
    if (access.unique || access.low != no_expr || access.high != no_expr || other.parts.size() < fixed)
        return false;
    std::vector<ExprId> equal;
    std::vector<sql::Type> types;
    for (std::size_t i = 0; i < fixed; ++i) {
        std::size_t at = 0;
        while (at < fixed && (index.parts[at].expression != no_expr || other.parts[i].expression != no_expr ||
                              index.parts[at].column != other.parts[i].column))
            ++at;
        if (at == fixed) return false;
        equal.push_back(access.equal[at]);
        types.push_back(access.types[at]);
    }
    access.equal = std::move(equal);
    access.types = std::move(types);
    return true;
}

// min(c) and max(c) over one table read the first row of an index that has c next.
void Builder::extreme_by_index(QueryPlan& plan) {
    if (!plan.grouped || !plan.group_by.empty() || plan.aggregates.size() != 1 || plan.from.steps.size() != 1)
        return;
    const AggregatePlan& aggregate = plan.aggregates.front();
    const bool least = aggregate.func == sql::AggregateFunc::min;
    if ((!least && aggregate.func != sql::AggregateFunc::max) || aggregate.filter != no_expr ||
        aggregate.args.size() != 1)
        return;
    Step& step = plan.from.steps.front();
    Access& access = step.leaf.access;
    if (step.kind != Step::Kind::leaf || step.leaf.source != Leaf::Source::table) return;
    if (access.kind == Access::Kind::point || !access.of_store() || !access.any.empty() ||
        access.any_array != no_expr)
        return;
    const TablePlan& table = plan_of(access.table);
    AccessChooser chooser(*this, access.table, step.leaf.slot, step.filters);
    for (const IndexPlan& index : table.indexes) {
        Access chosen = access;
        if (access.kind == Access::Kind::index && index.id.value != access.index.value &&
            !by_other_index(chosen, table.indexes[access.index.value], index))
            continue;
        const std::size_t fixed = access.kind == Access::Kind::index ? access.equal.size() : 0;
        if (fixed >= index.parts.size() || !chooser.covers(index)) continue;
        const KeyPart& part = index.parts[fixed];
        if (part.expression == no_expr && table.nullable_by_merge[part.column]) continue;
        if (!same_node(chooser.part_node(part), aggregate.args.front())) continue;
        access = std::move(chosen);
        access.kind = Access::Kind::index;
        access.index = index.id;
        access.reverse = !least;
        step.filters.push_back(
            add_call(Op::is_not_null, {aggregate.args.front()}, sql::Type{sql::TypeId::bool_}));
        plan.first_row_decides = true;
        return;
    }
}

}  // namespace anabranch::exec
