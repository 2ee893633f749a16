#include <algorithm>

#include "lib/base/check.h"
#include "lib/exec/builder.h"
#include "lib/sql/bind_walk.h"

namespace anabranch::exec {

namespace {

// Columns of rel 0 that an expression over one row reads.
void columns_read(const sql::ExprPtr& e, std::vector<std::uint32_t>& out) {
    if (!e) return;
    sql::walk(e, [&](const sql::ExprPtr& part, std::uint32_t) {
        if (const auto* ref = std::get_if<sql::ColumnRef>(&part->node)) out.push_back(ref->column);
        return true;
    });
}

bool meets(const std::vector<std::uint32_t>& a, const std::vector<std::uint32_t>& sorted) {
    return std::any_of(a.begin(), a.end(),
                       [&](std::uint32_t c) { return std::binary_search(sorted.begin(), sorted.end(), c); });
}

std::vector<std::uint32_t> numbers(const std::vector<ColumnId>& columns) {
    std::vector<std::uint32_t> out;
    for (const ColumnId column : columns) out.push_back(column.value);
    return out;
}

std::vector<std::uint32_t> columns_of(const catalog::UniqueKey& key) {
    std::vector<std::uint32_t> out = numbers(key.columns);
    for (const sql::ExprPtr& e : key.expressions) columns_read(e, out);
    columns_read(key.predicate, out);
    return out;
}

// `c = c + e` or `c = c - e`, over the row that exists.
bool adds_to_itself(const sql::Assignment& assignment) {
    const sql::Expr* e = sql::uncast(assignment.value);
    const auto* call = std::get_if<sql::Call>(&e->node);
    if (call == nullptr || (call->func != sql::Func::add && call->func != sql::Func::sub)) return false;
    const auto is_column = [&](const sql::ExprPtr& side) {
        const sql::Expr* at = side.get();
        while (const auto* cast = std::get_if<sql::Cast>(&at->node)) at = cast->arg.get();
        const auto* ref = std::get_if<sql::ColumnRef>(&at->node);
        return ref != nullptr && ref->level == 0 && ref->rel == 0 && ref->column == assignment.column.value;
    };
    return is_column(call->args[0]) || (call->func == sql::Func::add && is_column(call->args[1]));
}

}  // namespace

WriteEffects effects_of(const SchemaPlans& plans, const catalog::Table& table, WritePlan::Kind kind,
                        const std::vector<std::uint32_t>& written) {
    const TablePlan& plan = plans.table(table.id);
    const bool all = kind != WritePlan::Kind::update;
    WriteEffects out;
    out.columns = written;
    for (std::uint32_t i = 0; i < plan.generated.size(); ++i) {
        std::vector<std::uint32_t> reads_of;
        columns_read(table.columns[plan.generated[i].first].generated, reads_of);
        if (!all && std::none_of(reads_of.begin(), reads_of.end(), [&](std::uint32_t c) {
                return std::find(written.begin(), written.end(), c) != written.end();
            }))
            continue;
        out.generated.push_back(i);
        out.columns.push_back(plan.generated[i].first);
    }
    std::sort(out.columns.begin(), out.columns.end());
    out.columns.erase(std::unique(out.columns.begin(), out.columns.end()), out.columns.end());
    const auto touches = [&](const std::vector<std::uint32_t>& columns) {
        return all || meets(columns, out.columns);
    };
    if (kind != WritePlan::Kind::delete_) {
        for (std::uint32_t i = 0; i < table.columns.size(); ++i)
            if (table.columns[i].not_null && touches({i})) out.not_null.push_back(i);
        for (std::uint32_t i = 0; i < plan.checks.size(); ++i)
            if (touches(numbers(table.checks[plan.checks[i].index].columns))) out.checks.push_back(i);
        for (std::uint32_t i = 0; i < table.keys.size(); ++i)
            if (touches(columns_of(table.keys[i]))) out.keys.push_back(i);
        for (std::uint32_t i = 0; i < plan.exclusions.size(); ++i)
            if (touches(numbers(table.exclusions[plan.exclusions[i].index].columns)))
                out.exclusions.push_back(i);
        for (const std::uint32_t reference : plan.references)
            if (touches(plans.references[reference].child_columns)) out.foreign_keys.push_back(reference);
    }
    if (kind != WritePlan::Kind::insert)
        for (const std::uint32_t reference : plan.referrers)
            if (touches(plans.references[reference].parent_columns)) out.referrers.push_back(reference);
    out.primary_key = !all && meets(numbers(table.keys[0].columns), out.columns);
    for (const std::uint32_t column : out.columns)
        out.fixed = out.fixed && plan.layout.storage[column] != sql::Storage::bytes;
    return out;
}

std::shared_ptr<const WritePlan> Builder::write(const sql::Statement& s) {
    auto plan = std::make_shared<WritePlan>();
    const std::uint32_t outer_first = std::exchange(first_slot_, program_.slots);
    std::vector<std::uint32_t> outer_states = std::exchange(volatile_states_, {});
    scopes_.emplace_back();  // of the WITH list
    declare_ctes(s.ctes, uses_of(s.ctes, [&](sql::RelVisitor visit) { sql::walk_rels(s, visit); }));
    scopes_.emplace_back();
    if (const auto* i = std::get_if<sql::Insert>(&s.body)) insert(*i, *plan);
    if (const auto* u = std::get_if<sql::Update>(&s.body)) update(*u, *plan);
    if (const auto* d = std::get_if<sql::Delete>(&s.body)) erase(*d, *plan);
    scopes_.pop_back();
    scopes_.pop_back();
    plan->volatile_states = std::exchange(volatile_states_, std::move(outer_states));
    first_slot_ = outer_first;
    return plan;
}

void Builder::returning(const std::vector<sql::ExprPtr>& list, WritePlan& plan) {
    plan.returning = exprs(list);
    plan.output_register = new_registers(static_cast<std::uint32_t>(list.size()));
}

void Builder::insert(const sql::Insert& i, WritePlan& plan) {
    const catalog::Table& table = schema_.table(i.table);
    plan.kind = WritePlan::Kind::insert;
    plan.merge = i.merge;
    plan.table = i.table;
    plan.row_register = new_registers(static_cast<std::uint32_t>(table.columns.size()));
    plan.target_slot = program_.slots++;
    plan.excluded_slot = program_.slots++;
    scopes_.back().rels.push_back({.slot = plan.target_slot, .table = &table, .columns = {}});
    scopes_.back().rels.push_back({.slot = plan.excluded_slot, .table = &table, .columns = {}});
    if (i.source) plan.source = query(*i.source);
    plan.columns.resize(table.columns.size());
    for (std::uint32_t c = 0; c < table.columns.size(); ++c) {
        ColumnSource& source = plan.columns[c];
        const catalog::Column& column = table.columns[c];
        if (column.generated) continue;
        if (column.identity != catalog::Identity::none) {
            source.kind = ColumnSource::Kind::identity;
        } else if (column.default_value) {
            source.kind = ColumnSource::Kind::expression;
            source.expression = expr(column.default_value);
        }
    }
    for (std::uint32_t at = 0; at < i.columns.size(); ++at) {
        if (table.columns[i.columns[at].value].generated) continue;
        plan.columns[i.columns[at].value] = {ColumnSource::Kind::source, at, no_expr};
    }
    std::vector<std::uint32_t> all;
    for (std::uint32_t c = 0; c < table.columns.size(); ++c) all.push_back(c);
    plan.effects = effects_of(plans_, table, WritePlan::Kind::insert, all);
    conflict(i, plan);
    returning(i.returning, plan);
}

void Builder::conflict(const sql::Insert& i, WritePlan& plan) {
    const catalog::Table& table = schema_.table(i.table);
    plan.on_conflict = i.on_conflict.action;
    plan.conflict_key = i.on_conflict.key;
    std::vector<std::uint32_t> assigned;
    for (const sql::Assignment& assignment : i.on_conflict.assignments) {
        plan.assignments.push_back({assignment.column.value, expr(assignment.value)});
        assigned.push_back(assignment.column.value);
        const bool counter = table.columns[assignment.column.value].policy.merge == catalog::Merge::counter;
        if (counter && adds_to_itself(assignment)) plan.additive.push_back(assignment.column.value);
    }
    if (i.on_conflict.where) plan.conflict_where = expr(i.on_conflict.where);
    if (i.on_conflict.action == sql::ConflictAction::update)
        plan.conflict_effects = effects_of(plans_, table, WritePlan::Kind::update, assigned);
}

void Builder::target_group(const std::vector<sql::Rel>& rels, const std::vector<sql::FromItem>& from,
                           const sql::ExprPtr& where, WritePlan& plan) {
    std::vector<Source> sources = declare(rels, from);
    plan.target_slot = scopes_.back().rels.front().slot;
    Source all = std::move(sources.front());
    for (const sql::FromItem& item : from) collect(item, sources, all);
    if (where) split(where, all.conditions);
    plan.from = plan_group(std::move(all.items), std::move(all.conditions), false);
}

void Builder::update(const sql::Update& u, WritePlan& plan) {
    const catalog::Table& table = schema_.table(u.table);
    plan.kind = WritePlan::Kind::update;
    plan.merge = u.merge;
    plan.table = u.table;
    target_group(u.rels, u.from, u.where, plan);
    std::vector<std::uint32_t> assigned;
    for (const sql::Assignment& assignment : u.assignments) {
        plan.assignments.push_back({assignment.column.value, expr(assignment.value)});
        assigned.push_back(assignment.column.value);
    }
    plan.row_register = new_registers(static_cast<std::uint32_t>(table.columns.size()));
    plan.effects = effects_of(plans_, table, WritePlan::Kind::update, assigned);
    returning(u.returning, plan);
}

void Builder::erase(const sql::Delete& d, WritePlan& plan) {
    plan.kind = WritePlan::Kind::delete_;
    plan.merge = d.merge;
    plan.table = d.table;
    target_group(d.rels, d.from, d.where, plan);
    plan.effects = effects_of(plans_, schema_.table(d.table), WritePlan::Kind::delete_, {});
    returning(d.returning, plan);
}

}  // namespace anabranch::exec
