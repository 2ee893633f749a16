#include <algorithm>

#include "lib/base/check.h"
#include "lib/exec/access_chooser.h"
#include "lib/exec/builder.h"
#include "lib/sql/bind_walk.h"

namespace anabranch::exec {

namespace {

constexpr int rank_touched = 2000, rank_function = 900, rank_cte = 750, rank_derived = 500, rank_outer = 180,
              rank_full_join = 170, rank_hash = 150, rank_filtered = 100, rank_plain = 50;

void nullable_rels(const sql::FromItem& from, bool nullable, std::vector<bool>& out) {
    if (!from.join) {
        out[from.rel] = out[from.rel] || nullable;
        return;
    }
    const sql::JoinKind kind = from.join->kind;
    const bool left = kind == sql::JoinKind::right || kind == sql::JoinKind::full;
    const bool right = kind == sql::JoinKind::left || kind == sql::JoinKind::full;
    nullable_rels(from.join->left, nullable || left, out);
    nullable_rels(from.join->right, nullable || right, out);
}

bool is_plain_column(const sql::ExprPtr& e) {
    const auto* ref = std::get_if<sql::ColumnRef>(&e->node);
    return ref != nullptr && ref->level == 0;
}

bool has_window(const sql::ExprPtr& e) {
    bool found = false;
    sql::walk(e, [&](const sql::ExprPtr& part, std::uint32_t depth) {
        found = found || (depth == 0 && std::holds_alternative<sql::Window>(part->node));
        return !found;
    });
    return found;
}

void append(std::vector<ExprId>& to, const std::vector<ExprId>& from) {
    to.insert(to.end(), from.begin(), from.end());
}

}  // namespace

std::vector<Builder::Source> Builder::declare(const std::vector<sql::Rel>& rels,
                                              const std::vector<sql::FromItem>& from) {
    std::vector<bool> nullable(rels.size(), false);
    for (const sql::FromItem& item : from) nullable_rels(item, false, nullable);
    std::vector<Source> sources;
    for (std::size_t i = 0; i < rels.size(); ++i) sources.push_back(declare_rel(rels[i], nullable[i]));
    return sources;
}

bool Builder::can_merge(const sql::Query& q, bool nullable) const {
    if (!q.ctes.empty() || q.set_op != sql::SetOp::none || !q.values.empty() || q.grouped || q.having ||
        q.distinct)
        return false;
    if (!q.distinct_on.empty() || !q.order_by.empty() || q.limit || q.offset) return false;
    if (nullable && q.rels.empty()) return false;
    // A column may stand for a constant of a query further in, which no missing row turns into NULL.
    const auto vanishes = [&](const sql::Rel& rel) {
        if (std::holds_alternative<sql::CteRel>(rel.source)) return false;
        const auto* derived = std::get_if<sql::DerivedRel>(&rel.source);
        return derived == nullptr || !can_merge(*derived->query, false) || can_merge(*derived->query, true);
    };
    if (nullable && !std::all_of(q.rels.begin(), q.rels.end(), vanishes)) return false;
    return std::all_of(q.targets.begin(), q.targets.end(), [&](const sql::ExprPtr& target) {
        return nullable ? is_plain_column(target) : !sql::is_volatile(target) && !has_window(target);
    });
}

Builder::Source Builder::merge(const sql::Query& q, ScopeRel& rel) {
    Source out;
    scopes_.emplace_back();
    std::vector<Source> sources =
        declare(pushed_down(q, [&](const sql::Query& below) { return can_merge(below, false); }), q.from);
    for (const sql::FromItem& item : q.from) collect(item, sources, out);
    if (q.where) split(q.where, out.conditions);
    rel.inlined = true;
    for (std::size_t i = 0; i < q.columns.size(); ++i) rel.columns.push_back(expr(q.targets[i]));
    scopes_.pop_back();
    return out;
}

// The CTE that stands where it is read, if this is one.
const sql::Cte* Builder::merged(const sql::CteRel& ref) const {
    CHECK(ref.level < scopes_.size());
    const Scope& scope = scopes_[scopes_.size() - 1 - ref.level];
    CHECK(ref.index < scope.ctes.size());
    return scope.ctes[ref.index] == merged_cte ? &(*scope.declared)[ref.index] : nullptr;
}

void Builder::declare_cte_rel(const sql::CteRel& ref, Item& item) {
    Leaf& leaf = item.leaf;
    leaf.source = Leaf::Source::cte;
    leaf.cte = scopes_[scopes_.size() - 1 - ref.level].ctes[ref.index];
    item.needs.merge(cte_reads_[leaf.cte]);
    for (const std::uint32_t slot : cte_reads_[leaf.cte].list()) log_.push_back(slot);
    if (const auto working = recursive_.find(leaf.cte); working != recursive_.end()) {
        item.needs.add(working->second);
        log_.push_back(working->second);
    }
}

void Builder::declare_functions(const sql::Rel& rel, const sql::FunctionRel& function, Leaf& leaf) {
    leaf.source = Leaf::Source::function;
    leaf.ordinality = function.ordinality;
    std::size_t column = 0;
    for (const sql::FunctionRel::Source& source : function.sources) {
        FunctionSource part;
        part.func = source.func;
        part.zone = source.zone;
        part.args = exprs(source.args);
        for (const sql::ExprPtr& arg : source.args) part.types.push_back(arg->type);
        const std::size_t rest = rel.columns.size() - column - (leaf.ordinality ? 1 : 0);
        const bool pair = source.func == sql::TableFunc::expandarray ||
                          source.func == sql::TableFunc::jsonb_each ||
                          source.func == sql::TableFunc::jsonb_each_text;
        const bool open = source.func == sql::TableFunc::jsonb_to_recordset || function.sources.size() == 1;
        const std::size_t count = open ? rest : pair ? 2 : 1;
        for (std::size_t i = 0; i < count && column < rel.columns.size(); ++i, ++column)
            part.columns.push_back({rel.columns[column].name, rel.columns[column].type});
        leaf.functions.push_back(std::move(part));
    }
}

Builder::Source Builder::declare_rel(const sql::Rel& rel, bool nullable) {
    ScopeRel scope_rel;
    Source out;
    Item item;
    Leaf& leaf = item.leaf;
    leaf.name = rel.alias;
    leaf.width = static_cast<std::uint32_t>(rel.columns.size());
    const std::size_t mark = log_.size();
    const std::uint32_t first = program_.slots;
    sql::QueryPtr derived;
    const auto* cte = std::get_if<sql::CteRel>(&rel.source);
    if (const auto* subquery = std::get_if<sql::DerivedRel>(&rel.source)) derived = subquery->query;
    if (const sql::Cte* once = cte == nullptr ? nullptr : merged(*cte))
        derived = sql::shifted(std::get<sql::QueryPtr>(once->statement->body), cte->level);
    if (derived != nullptr && can_merge(*derived, nullable)) {
        out = merge(*derived, scope_rel);
        scopes_.back().rels.push_back(std::move(scope_rel));
        return out;
    }
    if (derived != nullptr) {
        leaf.source = Leaf::Source::derived;
        leaf.derived = query(*derived);
    } else if (const auto* table = std::get_if<sql::TableRel>(&rel.source)) {
        scope_rel.table = &schema_.table(table->table);
        leaf.access.table = table->table;
        leaf.name = scope_rel.table->display();
        if (!rel.alias.empty() && rel.alias != scope_rel.table->name) leaf.name += " " + rel.alias;
    } else if (const auto* virtual_rel = std::get_if<sql::VirtualRel>(&rel.source)) {
        const auto at = stand_ins_.find(virtual_rel->virtual_table);
        if (at != stand_ins_.end()) {
            scope_rel.table = &schema_.table(at->second.table);
            leaf.access = at->second;
            leaf.name = "touched rows of " + scope_rel.table->display();
        } else {
            leaf.source = Leaf::Source::virtual_table;
            leaf.virtual_table = virtual_rel->virtual_table;
        }
    } else if (cte != nullptr) {
        declare_cte_rel(*cte, item);
    } else {
        declare_functions(rel, std::get<sql::FunctionRel>(rel.source), leaf);
    }
    for (std::size_t i = mark; i < log_.size(); ++i)
        if (log_[i] < first) item.needs.add(log_[i]);
    leaf.slot = program_.slots++;
    if (scope_rel.table == nullptr)
        widths_[leaf.slot] = leaf.width;
    else
        tables_by_slot_[leaf.slot] = scope_rel.table->id;
    leaf.state = new_state();
    scope_rel.slot = leaf.slot;
    item.slots.add(leaf.slot);
    scopes_.back().rels.push_back(std::move(scope_rel));
    out.items.push_back(std::move(item));
    return out;
}

void Builder::split(const sql::ExprPtr& condition, std::vector<ExprId>& out) {
    if (const auto* logic = std::get_if<sql::Logic>(&condition->node);
        logic != nullptr && logic->op == sql::LogicOp::and_) {
        for (const sql::ExprPtr& arg : logic->args) split(arg, out);
        return;
    }
    out.push_back(expr(condition));
}

void Builder::collect(const sql::FromItem& from, std::vector<Source>& sources, Source& out) {
    const auto take = [&](Source& source) {
        for (Item& item : source.items) out.items.push_back(std::move(item));
        append(out.conditions, source.conditions);
        source = {};
    };
    if (!from.join) return take(sources[from.rel]);
    const sql::Join& join = *from.join;
    if (join.kind == sql::JoinKind::inner) {
        collect(join.left, sources, out);
        collect(join.right, sources, out);
        if (join.condition) split(join.condition, out.conditions);
        return;
    }
    Item item;
    Source right;
    if (join.kind == sql::JoinKind::full) {
        item.kind = Step::Kind::full;
        Source left;
        collect(join.left, sources, left);
        collect(join.right, sources, right);
        if (join.condition) split(join.condition, item.conditions);
        item.left = std::move(left.items);
        item.left_conditions = std::move(left.conditions);
        item.right_conditions = std::move(right.conditions);
    } else {
        const bool swapped = join.kind == sql::JoinKind::right;
        item.kind = Step::Kind::outer;
        collect(swapped ? join.right : join.left, sources, out);
        collect(swapped ? join.left : join.right, sources, right);
        item.conditions = std::move(right.conditions);
        if (join.condition) split(join.condition, item.conditions);
    }
    item.right = std::move(right.items);
    for (const auto* side : {&item.left, &item.right}) {
        for (const Item& part : *side) {
            item.slots.merge(part.slots);
            item.needs.merge(part.needs);
        }
    }
    for (const auto* list : {&item.conditions, &item.left_conditions, &item.right_conditions})
        for (const ExprId condition : *list) item.needs.merge(reads(condition));
    item.needs.remove(item.slots);
    out.items.push_back(std::move(item));
}

namespace {

// Conditions whose every slot is filled, but for those in `own`.
bool ready(const SlotSet& condition, const SlotSet& missing, const SlotSet& own) {
    SlotSet open = missing;
    open.remove(own);
    return !condition.meets(open);
}

std::vector<ExprId> without(const std::vector<ExprId>& list, const std::vector<ExprId>& drop) {
    std::vector<ExprId> out;
    for (const ExprId id : list)
        if (std::find(drop.begin(), drop.end(), id) == drop.end()) out.push_back(id);
    return out;
}

}  // namespace

Group Builder::plan_group(std::vector<Item> items, std::vector<ExprId> conditions, bool repeated) {
    Group group;
    SlotSet missing;
    for (const Item& item : items) missing.merge(item.slots);
    group.slots = missing.list();
    for (const std::uint32_t slot : group.slots)
        group.widths.push_back(widths_.contains(slot) ? widths_.at(slot) : 0);
    for (const ExprId condition : conditions)
        if (!reads(condition).meets(missing)) group.first.push_back(condition);
    conditions = without(conditions, group.first);
    while (!items.empty()) {
        std::size_t best = items.size();
        int best_rank = -1;
        for (std::size_t i = 0; i < items.size(); ++i) {
            if (items[i].needs.meets(missing)) continue;
            const int rank = rank_of(items[i], conditions, missing);
            if (rank > best_rank) {
                best = i;
                best_rank = rank;
            }
        }
        CHECK(best < items.size());  // a lateral reference never looks ahead
        Item item = std::move(items[best]);
        items.erase(items.begin() + static_cast<std::ptrdiff_t>(best));
        const SlotSet filled = item.slots;
        Step step = place(std::move(item), conditions, missing, repeated || !group.steps.empty());
        missing.remove(filled);
        for (const ExprId condition : conditions)
            if (!reads(condition).meets(missing)) step.filters.push_back(condition);
        conditions = without(conditions, step.filters);
        group.steps.push_back(std::move(step));
    }
    return group;
}

std::vector<ExprId> Builder::usable(const Item& item, const std::vector<ExprId>& conditions,
                                    const SlotSet& missing) const {
    std::vector<ExprId> out;
    for (const ExprId condition : conditions)
        if (reads(condition).meets(item.slots) && ready(reads(condition), missing, item.slots))
            out.push_back(condition);
    return out;
}

int Builder::rank_of(const Item& item, const std::vector<ExprId>& conditions, const SlotSet& missing) {
    if (item.kind == Step::Kind::outer) return rank_outer;
    if (item.kind == Step::Kind::full) return rank_full_join;
    const Leaf& leaf = item.leaf;
    switch (leaf.source) {
        case Leaf::Source::function:
            return rank_function;
        case Leaf::Source::cte:
            return rank_cte;
        case Leaf::Source::derived:
            return rank_derived;
        case Leaf::Source::virtual_table:
            return rank_plain;
        case Leaf::Source::table:
            break;
    }
    if (!leaf.access.of_store()) return rank_touched;
    const std::vector<ExprId> serving = usable(item, conditions, missing);
    AccessChooser chooser(*this, leaf.access.table, leaf.slot, serving);
    const int rank = chooser.choose().rank;
    if (rank > 0) return rank;
    if (!chooser.hashable().empty()) return rank_hash;
    return serving.empty() ? rank_plain : rank_filtered;
}

Step Builder::place(Item item, std::vector<ExprId>& conditions, const SlotSet& missing, bool repeated) {
    Step step;
    step.kind = item.kind;
    switch (item.kind) {
        case Step::Kind::leaf:
            settle_leaf(item, conditions, missing, repeated, step);
            break;
        case Step::Kind::outer:
            step.right =
                std::make_unique<Group>(plan_group(std::move(item.right), std::move(item.conditions), true));
            break;
        case Step::Kind::full:
            step.left = std::make_unique<Group>(
                plan_group(std::move(item.left), std::move(item.left_conditions), repeated));
            step.right = std::make_unique<Group>(
                plan_group(std::move(item.right), std::move(item.right_conditions), repeated));
            step.condition = std::move(item.conditions);
            step.state = new_state();
            volatile_states_.push_back(step.state);
            break;
    }
    return step;
}

void Builder::settle_leaf(Item& item, std::vector<ExprId>& conditions, const SlotSet& missing, bool repeated,
                          Step& step) {
    Leaf& leaf = item.leaf;
    const std::vector<ExprId> serving = usable(item, conditions, missing);
    if (leaf.source == Leaf::Source::table && leaf.access.of_store()) {
        AccessChooser chooser(*this, leaf.access.table, leaf.slot, serving);
        AccessChooser::Choice choice = chooser.choose();
        if (choice.rank > 0) {
            choice.access.before = leaf.access.before;
            leaf.access = std::move(choice.access);
            if (leaf.access.foreseen) note_point(leaf.access);
            conditions = without(conditions, choice.served);
            step.leaf = std::move(leaf);
            return;
        }
        if (!nothing_stored_) store_leaf(item, chooser.hashable(), serving, repeated, conditions);
    } else if (leaf.access.of_store() && !nothing_stored_) {
        store_leaf(item, equalities(leaf, serving), serving, repeated, conditions);
    }
    step.leaf = std::move(leaf);
}

void Builder::note_point(const Access& access) {
    const auto fixed = [&](ExprId id) {
        return program_.nodes[id].op == Op::constant || program_.nodes[id].op == Op::param;
    };
    if (!std::all_of(access.equal.begin(), access.equal.end(), fixed)) return;
    const auto same = [&](ExprId a, ExprId b) {
        const Node &left = program_.nodes[a], &right = program_.nodes[b];
        return left.op == right.op && left.column == right.column && identical(left.constant, right.constant);
    };
    const auto known = [&](const FixedPoint& point) {
        return point.table == access.table &&
               std::equal(point.key.begin(), point.key.end(), access.equal.begin(), access.equal.end(), same);
    };
    if (std::none_of(program_.points.begin(), program_.points.end(), known))
        program_.points.push_back({access.table, access.equal, access.types});
}

// `key = value` over a rel that is no stored table.
std::vector<Builder::Equality> Builder::equalities(const Leaf& leaf,
                                                   const std::vector<ExprId>& serving) const {
    std::vector<Equality> out;
    for (const ExprId condition : serving) {
        const Node& node = program_.nodes[condition];
        const bool call = node.op == Op::call && node.site->func == sql::Func::eq && node.count == 2 &&
                          node.site->inner == nullptr;
        if (node.op != Op::int_eq && !(call && node.site->args[0].id == node.site->args[1].id)) continue;
        ExprId key = program_.arguments[node.first], value = program_.arguments[node.first + 1];
        if (!reads(key).has(leaf.slot)) std::swap(key, value);
        if (reads(value).has(leaf.slot) || reads(value).empty() || reads(key).list().size() != 1) continue;
        out.push_back({condition, key, value, program_.nodes[key].type});
    }
    return out;
}

void Builder::store_leaf(Item& item, const std::vector<Equality>& keys, const std::vector<ExprId>& serving,
                         bool repeated, std::vector<ExprId>& conditions) {
    Leaf& leaf = item.leaf;
    if (!item.needs.from(first_slot_).empty()) return;  // lateral: different for each outer row
    if (keys.empty() && (!repeated || leaf.source == Leaf::Source::cte)) return;
    leaf.mode = keys.empty() ? Leaf::Mode::stored : Leaf::Mode::hashed;
    std::vector<ExprId> used;
    for (const Equality& key : keys) {
        leaf.build.push_back(key.key);
        leaf.probe.push_back(key.value);
        leaf.key_types.push_back(key.type);
        used.push_back(key.condition);
    }
    SlotSet own;
    own.add(leaf.slot);
    for (const ExprId condition : serving) {
        SlotSet others = reads(condition);
        others.remove(own);
        if (!others.empty() || std::find(used.begin(), used.end(), condition) != used.end()) continue;
        leaf.filters.push_back(condition);
        used.push_back(condition);
    }
    conditions = without(conditions, used);
    if (!item.needs.empty()) volatile_states_.push_back(leaf.state);
}

Group Builder::table_group(const catalog::Table& table, std::uint32_t slot, std::vector<ExprId> conditions) {
    Item item;
    item.leaf.slot = slot;
    item.leaf.access.table = table.id;
    item.leaf.name = table.display();
    item.slots.add(slot);
    std::vector<Item> items;
    items.push_back(std::move(item));
    const bool before = std::exchange(nothing_stored_, true);
    Group group = plan_group(std::move(items), std::move(conditions), false);
    nothing_stored_ = before;
    return group;
}

}  // namespace anabranch::exec
