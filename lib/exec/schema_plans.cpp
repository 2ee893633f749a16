#include "lib/exec/schema_plans.h"

#include <algorithm>

#include "lib/catalog/system_rows.h"
#include "lib/exec/assertion_parts.h"
#include "lib/exec/builder.h"

namespace anabranch::exec {

namespace {

std::vector<KeyPart> column_parts(const catalog::Table& table, const std::vector<ColumnId>& columns) {
    std::vector<KeyPart> parts;
    for (const ColumnId column : columns) {
        KeyPart part;
        part.column = column.value;
        part.type = table.columns[column.value].type;
        parts.push_back(std::move(part));
    }
    return parts;
}

IndexPlan key_index(const catalog::Table& table, std::uint32_t number, Builder& builder) {
    const catalog::UniqueKey& key = table.keys[number];
    IndexPlan index;
    index.id = IndexId::key(number);
    index.name = key.name;
    index.key = &key;
    if (key.expressions.empty()) index.parts = column_parts(table, key.columns);
    for (const sql::ExprPtr& e : key.expressions) {
        KeyPart part;
        part.expression = builder.expr(e);
        part.source = e;
        part.type = e->type;
        index.parts.push_back(std::move(part));
    }
    if (key.predicate) {
        index.predicate = builder.expr(key.predicate);
        index.predicate_source = key.predicate;
    }
    return index;
}

void add_indexes(const catalog::Table& table, TablePlan& plan, Builder& builder) {
    for (std::uint32_t i = 0; i < table.keys.size(); ++i)
        plan.indexes.push_back(key_index(table, i, builder));
    for (std::uint32_t i = 0; i < table.foreign_keys.size(); ++i) {
        IndexPlan index;
        index.id = IndexId::foreign_key(table, i);
        index.name = table.foreign_keys[i].name;
        index.parts = column_parts(table, table.foreign_keys[i].columns);
        index.foreign_key = true;
        plan.indexes.push_back(std::move(index));
    }
    for (std::uint32_t i = 0; i < table.indexes.size(); ++i) {
        IndexPlan index;
        index.id = IndexId::secondary(table, i);
        index.name = table.indexes[i].name;
        index.parts = column_parts(table, table.indexes[i].columns);
        if (table.indexes[i].predicate) {
            index.predicate = builder.expr(table.indexes[i].predicate);
            index.predicate_source = table.indexes[i].predicate;
        }
        plan.indexes.push_back(std::move(index));
    }
}

void add_row_constraints(const catalog::Table& table, TablePlan& plan, Builder& builder) {
    for (std::uint32_t i = 0; i < table.checks.size(); ++i)
        plan.checks.push_back({builder.expr(table.checks[i].condition), i});
    std::stable_sort(plan.checks.begin(), plan.checks.end(), [&](const CheckPlan& a, const CheckPlan& b) {
        return table.checks[a.index].name < table.checks[b.index].name;
    });
    for (std::uint32_t c = 0; c < table.columns.size(); ++c) {
        const catalog::Column& column = table.columns[c];
        if (column.generated) plan.generated.emplace_back(c, builder.expr(column.generated));
        plan.defaults.push_back(column.default_value ? builder.expr(column.default_value) : no_expr);
        const bool grouped = column.policy.merge == catalog::Merge::register_ ||
                             column.policy.merge == catalog::Merge::immutable;
        if (!grouped) continue;
        if (column.policy.group >= plan.groups.size()) plan.groups.resize(column.policy.group + 1);
        plan.groups[column.policy.group].push_back(c);
    }
    plan.nullable_by_merge.assign(table.columns.size(), false);
    for (const catalog::ForeignKey& key : table.foreign_keys) {
        if (key.on_delete != catalog::OnDelete::set_null) continue;
        for (const ColumnId c : key.set_columns.empty() ? key.columns : key.set_columns)
            plan.nullable_by_merge[c.value] = true;
    }
}

// Equal values of both types have equal keys.
bool keys_agree(sql::Type a, sql::Type b) {
    if (a.id == b.id && a.array == b.array) return true;
    const auto text = [](sql::Type t) {
        return !t.array && (t.id == sql::TypeId::text || t.id == sql::TypeId::varchar);
    };
    return (sql::is_integer(a) && sql::is_integer(b)) || (text(a) && text(b));
}

void add_reference(const catalog::Schema& schema, const catalog::Table& child, std::uint32_t number,
                   std::deque<Reference>& out) {
    const catalog::ForeignKey& key = child.foreign_keys[number];
    const catalog::Table& parent = schema.table(key.parent);
    Reference reference;
    reference.child = child.id;
    reference.parent = key.parent;
    reference.number = number;
    reference.key = &key;
    for (const ColumnId wanted : parent.keys[key.parent_key].columns) {
        const auto at = std::find(key.parent_columns.begin(), key.parent_columns.end(), wanted);
        const std::size_t i = static_cast<std::size_t>(at - key.parent_columns.begin());
        if (i >= key.columns.size()) continue;
        const sql::Type child_type = child.columns[key.columns[i].value].type,
                        parent_type = parent.columns[wanted.value].type;
        reference.child_columns.push_back(key.columns[i].value);
        reference.parent_columns.push_back(wanted.value);
        reference.child_types.push_back(child_type);
        reference.parent_types.push_back(parent_type);
        std::unique_ptr<const sql::Builtin> cast;
        if (!keys_agree(child_type, parent_type))
            cast = std::make_unique<const sql::Builtin>(sql::Builtin::cast(child_type, parent_type, true));
        reference.to_parent.push_back(std::move(cast));
    }
    for (const ColumnId column : key.columns) {
        const auto at =
            std::find(reference.child_columns.begin(), reference.child_columns.end(), column.value);
        reference.index_order.push_back(static_cast<std::uint32_t>(at - reference.child_columns.begin()));
    }
    out.push_back(std::move(reference));
}

ExclusionPlan exclusion_plan(const catalog::Table& table, std::uint32_t number, Builder& builder) {
    const catalog::Exclusion& exclusion = table.exclusions[number];
    ExclusionPlan plan;
    plan.index = number;
    if (exclusion.predicate) plan.predicate = builder.expr(exclusion.predicate);
    for (const auto& part : exclusion.parts) plan.own.push_back(builder.expr(part.expression));
    builder.close_scope();
    builder.open_row_scope(table, other_slot);
    std::vector<ExprId> conditions;
    for (std::size_t i = 0; i < exclusion.parts.size(); ++i) {
        const ExprId other = builder.expr(exclusion.parts[i].expression);
        plan.others.push_back(other);
        const sql::Type type = exclusion.parts[i].expression->type;
        conditions.push_back(builder.call_node(exclusion.parts[i].compare, {other, plan.own[i]}, {type, type},
                                               sql::Type{sql::TypeId::bool_}));
    }
    if (exclusion.predicate) conditions.push_back(builder.expr(exclusion.predicate));
    builder.close_scope();
    builder.open_row_scope(table, row_slot);
    plan.conflicts = builder.table_group(table, other_slot, std::move(conditions));
    return plan;
}

}  // namespace

SchemaPlans::SchemaPlans(const catalog::Schema& schema) : schema_(schema) {
    tables.resize(schema.tables.size());
    for (std::size_t i = 0; i < tables.size(); ++i) {
        tables[i].table = &schema.tables[i];
        tables[i].layout = RowLayout::of(schema.tables[i]);
    }
    for (const catalog::Table& table : schema.tables) {
        for (std::uint32_t i = 0; i < table.foreign_keys.size(); ++i) {
            const auto number = static_cast<std::uint32_t>(references.size());
            add_reference(schema, table, i, references);
            tables[table.id.value].references.push_back(number);
            tables[table.foreign_keys[i].parent.value].referrers.push_back(number);
        }
    }
    rows.slots = other_slot + 1;
    Builder builder(*this, rows);
    for (const catalog::Table& table : schema.tables) {
        builder.open_row_scope(table, row_slot);
        add_indexes(table, tables[table.id.value], builder);
        add_row_constraints(table, tables[table.id.value], builder);
        builder.close_scope();
    }
    for (const catalog::Table& table : schema.tables) {
        builder.open_row_scope(table, row_slot);
        for (std::uint32_t i = 0; i < table.exclusions.size(); ++i)
            tables[table.id.value].exclusions.push_back(exclusion_plan(table, i, builder));
        builder.close_scope();
    }
    for (std::uint32_t i = 0; i < schema.invariants.size(); ++i) {
        if (!std::holds_alternative<catalog::AssertionInvariant>(schema.invariants[i].what)) continue;
        assertions.push_back(assertion_plan(*this, i));
        asks_session |= assertions.back().program->asks_session;
    }
    asks_session |= rows.asks_session;
}

const std::string* SchemaPlans::label(std::uint32_t enum_index, std::int64_t ordinal) const {
    if (enum_index >= schema_.enums.size()) return nullptr;
    const auto& labels = schema_.enums[enum_index].labels;
    return ordinal >= 0 && ordinal < static_cast<std::int64_t>(labels.size())
               ? &labels[static_cast<std::size_t>(ordinal)]
               : nullptr;
}

std::int64_t SchemaPlans::ordinal(std::uint32_t enum_index, std::string_view label) const {
    if (enum_index >= schema_.enums.size()) return -1;
    const auto& labels = schema_.enums[enum_index].labels;
    const auto at = std::find(labels.begin(), labels.end(), label);
    return at == labels.end() ? -1 : at - labels.begin();
}

std::string SchemaPlans::object_name(sql::TypeId kind, std::int64_t oid) const {
    return catalog::object_display(schema_, kind, oid);
}

std::int64_t SchemaPlans::object_oid(sql::TypeId kind, std::string_view name) const {
    return catalog::object_oid(schema_, kind, name);
}

std::string SchemaPlans::enum_name(std::uint32_t enum_index) const {
    return enum_index < schema_.enums.size() ? schema_.enums[enum_index].name
                                             : sql::EnumLabels::enum_name(enum_index);
}

const SchemaPlans& plans_of(const catalog::Schema& schema) {
    const void* kept = schema.execution.get();
    if (kept == nullptr) kept = schema.execution.set(std::make_shared<const SchemaPlans>(schema));
    return *static_cast<const SchemaPlans*>(kept);
}

}  // namespace anabranch::exec
