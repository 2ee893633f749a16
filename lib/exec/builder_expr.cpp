#include <algorithm>

#include "lib/base/check.h"
#include "lib/exec/builder.h"
#include "lib/sql/bind_walk.h"

namespace anabranch::exec {

using sql::Storage;
using sql::Type;
using sql::TypeId;

namespace {

// A cast that leaves every value and its key as they are.
bool changes_nothing(Type from, Type to) {
    if (sql::is_integer(from) && sql::is_integer(to)) return to.id >= from.id;
    return sql::is_text_like(from) && sql::is_text_like(to) && to.id != TypeId::name && to.modifier < 0;
}

bool both_integers(const Type& a, const Type& b) {
    if (sql::storage_of(a) != Storage::integer || sql::storage_of(b) != Storage::integer) return false;
    return a.id == b.id || (sql::is_integer(a) && sql::is_integer(b));
}

std::uint8_t bytes_of(Type type) {
    return type.id == TypeId::int2 ? 2 : type.id == TypeId::int4 ? 4 : 8;
}

bool is_comparison(sql::Func func) {
    return func >= sql::Func::eq && func <= sql::Func::ge;
}

// Calls worth computing at compile time when their arguments are constants.
bool foldable(sql::Func func) {
    switch (func) {
        case sql::Func::add:
        case sql::Func::sub:
        case sql::Func::mul:
        case sql::Func::div:
        case sql::Func::neg:
        case sql::Func::concat_op:
        case sql::Func::range_make:
        case sql::Func::lower:
        case sql::Func::upper:
            return true;
        default:
            return false;
    }
}

sql::Datum datum_of(const sql::Const& c, Type type, Arena& memory) {
    if (c.null) return {};
    switch (sql::storage_of(type)) {
        case Storage::integer:
            return sql::Datum::integer(c.integer);
        case Storage::floating:
            return sql::Datum::floating(c.floating);
        case Storage::bytes:
            return sql::Datum::bytes(memory.copy(c.bytes));
    }
    return {};
}

}  // namespace

Builder::Builder(const SchemaPlans& plans, Program& program)
    : plans_(plans), schema_(plans.schema()), tables_(plans.tables), labels_(&plans), program_(program) {}

void Builder::open_row_scope(const catalog::Table& table, std::uint32_t slot) {
    program_.slots = std::max(program_.slots, slot + 1);
    Scope scope;
    scope.rels.push_back({.slot = slot, .table = &table, .columns = {}});
    scopes_.push_back(std::move(scope));
}

ExprId Builder::add(Node node, SlotSet reads, bool) {
    program_.nodes.push_back(node);
    reads_.push_back(std::move(reads));
    return static_cast<ExprId>(program_.nodes.size() - 1);
}

ExprId Builder::add_call(Op op, std::vector<ExprId> args, Type type, std::uint8_t aux) {
    Node node;
    node.op = op;
    node.aux = aux;
    node.type = type;
    node.first = static_cast<std::uint32_t>(program_.arguments.size());
    node.count = static_cast<std::uint16_t>(args.size());
    SlotSet all;
    for (const ExprId arg : args) {
        program_.arguments.push_back(arg);
        all.merge(reads(arg));
    }
    return add(node, std::move(all));
}

ExprId Builder::kernel_node(sql::Builtin builtin, std::vector<ExprId> args, Type type, bool fold,
                            const sql::ZonePtr& zone) {
    if (zone != nullptr) builtin = sql::Builtin::in_zone(std::move(builtin), zone);
    if (fold) {
        const auto constant = [&](ExprId arg) { return program_.nodes[arg].op == Op::constant; };
        if (std::all_of(args.begin(), args.end(), constant)) {
            sql::EvalContext context(program_.memory);
            context.labels = labels_;
            std::vector<sql::Datum> values;
            for (const ExprId arg : args) values.push_back(program_.nodes[arg].constant);
            const sql::Datum value = builtin(context, values.data());
            if (!context.failed) {
                Node node;
                node.op = Op::constant;
                node.type = type;
                node.constant = value;
                return add(node, {});
            }
        }
    }
    program_.builtins.push_back(std::make_unique<const sql::Builtin>(std::move(builtin)));
    const sql::Builtin& kept = *program_.builtins.back();
    const ExprId id = add_call(Op::call, std::move(args), type);
    program_.nodes[id].kernel = kept.kernel();
    program_.nodes[id].site = &kept.site();
    return id;
}

ExprId Builder::fail_node(Error error, Type type) {
    Node node;
    node.op = Op::fail;
    node.type = type;
    node.payload = static_cast<std::uint32_t>(program_.errors.size());
    program_.errors.push_back(std::move(error));
    return add(node, {});
}

ExprId Builder::register_node(std::uint32_t reg, Type type) {
    Node node;
    node.op = Op::reg;
    node.column = reg;
    node.type = type;
    return add(node, {});
}

ExprId Builder::column_node(const ScopeRel& rel, std::uint32_t column, Type type) {
    Node node;
    node.type = type;
    node.slot = rel.slot;
    node.column = column;
    if (rel.table == nullptr) {
        node.op = Op::value;
    } else {
        const RowLayout& layout = plan_of(rel.table->id).layout;
        node.payload = layout.bitmap_bytes + 8 * column;
        switch (layout.storage[column]) {
            case Storage::integer:
                node.op = Op::column_int;
                break;
            case Storage::floating:
                node.op = Op::column_float;
                break;
            case Storage::bytes:
                node.op = Op::column_bytes;
                break;
        }
    }
    SlotSet slot;
    slot.add(rel.slot);
    log_.push_back(rel.slot);
    return add(node, std::move(slot));
}

ExprId Builder::expr(const sql::ExprPtr& e) {
    CHECK(e != nullptr);
    return std::visit([&](const auto& node) { return node_of(*e, node); }, e->node);
}

std::vector<ExprId> Builder::exprs(const std::vector<sql::ExprPtr>& list) {
    std::vector<ExprId> out;
    out.reserve(list.size());
    for (const sql::ExprPtr& e : list) out.push_back(expr(e));
    return out;
}

ExprId Builder::node_of(const sql::Expr& e, const sql::Const& n) {
    Node node;
    node.op = Op::constant;
    node.type = e.type;
    node.constant = datum_of(n, e.type, program_.memory);
    return add(node, {});
}

ExprId Builder::node_of(const sql::Expr& e, const sql::Param& n) {
    Node node;
    node.op = Op::param;
    node.type = e.type;
    node.column = n.index;
    return add(node, {});
}

ExprId Builder::node_of(const sql::Expr& e, const sql::ColumnRef& n) {
    CHECK(n.level < scopes_.size());
    const Scope& scope = scopes_[scopes_.size() - 1 - n.level];
    CHECK(n.rel < scope.rels.size());
    const ScopeRel& rel = scope.rels[n.rel];
    if (!rel.inlined) return column_node(rel, n.column, e.type);
    const ExprId id = rel.columns[n.column];
    for (const std::uint32_t slot : reads(id).list()) log_.push_back(slot);
    return id;
}

ExprId Builder::call_node(sql::Func func, std::vector<ExprId> args, std::vector<Type> types, Type result,
                          const sql::ZonePtr& zone) {
    if (args.size() == 2 && is_comparison(func) && both_integers(types[0], types[1])) {
        const auto distance = static_cast<int>(func) - static_cast<int>(sql::Func::eq);
        return add_call(static_cast<Op>(static_cast<int>(Op::int_eq) + distance), std::move(args), result);
    }
    const bool integers =
        args.size() == 2 && sql::is_integer(types[0]) && sql::is_integer(types[1]) && sql::is_integer(result);
    if (integers && func == sql::Func::add)
        return add_call(Op::int_add, std::move(args), result, bytes_of(result));
    if (integers && func == sql::Func::sub)
        return add_call(Op::int_sub, std::move(args), result, bytes_of(result));
    if (integers && func == sql::Func::mul)
        return add_call(Op::int_mul, std::move(args), result, bytes_of(result));
    if (func == sql::Func::coalesce) return add_call(Op::coalesce, std::move(args), result);
    program_.asks_session |= sql::asks_session(func);
    return kernel_node(sql::Builtin::of(func, types, result), std::move(args), result, foldable(func), zone);
}

ExprId Builder::node_of(const sql::Expr& e, const sql::Call& n) {
    std::vector<Type> types;
    for (const sql::ExprPtr& arg : n.args) types.push_back(arg->type);
    return call_node(n.func, exprs(n.args), std::move(types), e.type, e.zone);
}

ExprId Builder::node_of(const sql::Expr& e, const sql::Cast& n) {
    const ExprId arg = expr(n.arg);
    if (changes_nothing(n.arg->type, e.type)) return arg;
    return kernel_node(sql::Builtin::cast(n.arg->type, e.type, n.implicit), {arg}, e.type, true, e.zone);
}

ExprId Builder::node_of(const sql::Expr& e, const sql::Case& n) {
    std::vector<ExprId> args;
    for (const sql::Case::Branch& branch : n.branches) {
        args.push_back(expr(branch.condition));
        args.push_back(expr(branch.result));
    }
    if (n.otherwise) args.push_back(expr(n.otherwise));
    return add_call(Op::case_, std::move(args), e.type);
}

ExprId Builder::node_of(const sql::Expr& e, const sql::Logic& n) {
    const Op op = n.op == sql::LogicOp::and_ ? Op::and_ : n.op == sql::LogicOp::or_ ? Op::or_ : Op::not_;
    return add_call(op, exprs(n.args), e.type);
}

ExprId Builder::node_of(const sql::Expr& e, const sql::Test& n) {
    const auto op = static_cast<Op>(static_cast<int>(Op::is_null) + static_cast<int>(n.op));
    return add_call(op, {expr(n.arg)}, e.type);
}

// How AccessChooser knows `x = ANY (array)`: see there.
constexpr std::uint8_t any_equal = 1;

ExprId Builder::node_of(const sql::Expr& e, const sql::ArrayCompare& n) {
    const ExprId left = expr(n.left);
    const ExprId array = expr(n.array);
    const ExprId id = kernel_node(sql::Builtin::array_compare(n.compare, n.all, n.left->type, n.array->type),
                                  {left, array}, e.type, false);
    if (n.compare == sql::Func::eq && !n.all) program_.nodes[id].aux = any_equal;
    return id;
}

ExprId Builder::node_of(const sql::Expr& e, const sql::ArrayOf& n) {
    std::vector<Type> types;
    for (const sql::ExprPtr& item : n.items) types.push_back(item->type);
    return kernel_node(sql::Builtin::array_of(types, e.type), exprs(n.items), e.type, true);
}

ExprId Builder::node_of(const sql::Expr& e, const sql::RowOf& n) {
    std::vector<Type> types;
    for (const sql::ExprPtr& item : n.items) types.push_back(item->type);
    return kernel_node(sql::Builtin::row_of(types, n.names), exprs(n.items), e.type, false);
}

ExprId Builder::node_of(const sql::Expr& e, const sql::Subquery& n) {
    SubqueryPlan plan;
    plan.kind = n.kind;
    plan.result = e.type;
    plan.state = new_state();
    SlotSet all;
    plan.left = exprs(n.left);
    for (const ExprId id : plan.left) all.merge(reads(id));
    const std::size_t mark = log_.size();
    const std::uint32_t first = program_.slots;
    plan.query = query(*n.query);
    SlotSet outer;
    for (std::size_t i = mark; i < log_.size(); ++i)
        if (log_[i] < first) outer.add(log_[i]);
    plan.correlated = !outer.empty();
    all.merge(outer);
    plan.row_types = plan.query->types;
    if (!n.compare.empty()) {
        const auto parts = static_cast<std::uint32_t>(n.compare.size());
        plan.left_register = new_registers(parts);
        plan.row_register = new_registers(parts);
        bool hashed = n.kind == sql::SubqueryKind::any && !plan.correlated;
        for (std::uint32_t i = 0; i < parts; ++i) {
            const Type left = n.left[i]->type, right = plan.row_types[i];
            hashed = hashed && n.compare[i] == sql::Func::eq &&
                     (left.id == right.id || both_integers(left, right));
            plan.compare.push_back(call_node(
                n.compare[i],
                {register_node(plan.left_register + i, left), register_node(plan.row_register + i, right)},
                {left, right}, Type{TypeId::bool_}));
        }
        plan.hashed = hashed;
    }
    Node node;
    node.op = Op::subquery;
    node.type = e.type;
    node.payload = static_cast<std::uint32_t>(program_.subqueries.size());
    program_.subqueries.push_back(std::move(plan));
    return add(node, std::move(all));
}

std::vector<AggregatePlan::Order> Builder::orders(const std::vector<sql::Aggregate::Order>& list) {
    std::vector<AggregatePlan::Order> out;
    for (const sql::Aggregate::Order& order : list)
        out.push_back({expr(order.key), order.key->type, order.descending, order.nulls_first});
    return out;
}

namespace {

bool shows_order(sql::AggregateFunc func) {
    using F = sql::AggregateFunc;
    return func == F::array_agg || func == F::string_agg || func == F::json_agg || func == F::jsonb_agg;
}

}  // namespace

AggregatePlan Builder::aggregate(const sql::Aggregate& n, Type result, const sql::ZonePtr& zone) {
    AggregatePlan plan;
    plan.zone = zone;
    plan.result = result;
    plan.func = n.func;
    if (!n.star) plan.args = exprs(n.args);
    if (!n.star)
        for (const sql::ExprPtr& arg : n.args) plan.types.push_back(arg->type);
    if (n.filter) plan.filter = expr(n.filter);
    plan.distinct = n.distinct;
    plan.order = orders(n.order);
    plan.direct = exprs(n.direct);
    for (const sql::ExprPtr& e : n.direct) plan.direct_types.push_back(e->type);
    if (plan.distinct && plan.order.empty() && shows_order(n.func))  // PostgreSQL finds duplicates by sorting
        for (std::size_t i = 0; i < plan.args.size(); ++i)
            plan.order.push_back({plan.args[i], plan.types[i], false, false});
    plan.reg = new_registers(1);
    return plan;
}

namespace {

// The register of an aggregate or window computed already.
std::optional<std::uint32_t> computed_before(const Scope& scope, const sql::Expr& e) {
    const auto probe = std::make_shared<const sql::Expr>(e);
    for (const auto& [known, reg] : scope.computed)
        if (sql::same(known, probe)) return reg;
    return {};
}

}  // namespace

ExprId Builder::node_of(const sql::Expr& e, const sql::Aggregate& n) {
    CHECK(!scopes_.empty() && scopes_.back().query != nullptr);
    if (const auto reg = computed_before(scopes_.back(), e)) return register_node(*reg, e.type);
    AggregatePlan plan = aggregate(n, e.type, e.zone);
    const std::uint32_t reg = plan.reg;
    scopes_.back().query->aggregates.push_back(std::move(plan));
    scopes_.back().computed.emplace_back(std::make_shared<const sql::Expr>(e), reg);
    return register_node(reg, e.type);
}

ExprId Builder::node_of(const sql::Expr& e, const sql::Window& n) {
    CHECK(!scopes_.empty() && scopes_.back().query != nullptr);
    if (const auto reg = computed_before(scopes_.back(), e)) return register_node(*reg, e.type);
    WindowPlan plan;
    plan.func = n.func;
    if (n.aggregate) plan.aggregate = aggregate(*n.aggregate, e.type, e.zone);
    plan.args = exprs(n.args);
    plan.partition = exprs(n.partition);
    for (const sql::ExprPtr& part : n.partition) plan.partition_types.push_back(part->type);
    plan.order = orders(n.order);
    const auto bound = [&](const sql::FrameBound& b) {
        const auto part = [&](const sql::ExprPtr& p) { return p ? expr(p) : no_expr; };
        return WindowPlan::Bound{b.kind, part(b.offset), part(b.negative), part(b.value)};
    };
    plan.mode = n.frame.mode;
    plan.start = bound(n.frame.start);
    plan.end = bound(n.frame.end);
    plan.exclusion = n.frame.exclusion;
    if (n.frame.key) {
        plan.key = expr(n.frame.key);
        plan.key_type = n.frame.key->type;
    }
    plan.reg = new_registers(1);
    const std::uint32_t reg = plan.reg;
    scopes_.back().query->windows.push_back(std::move(plan));
    scopes_.back().computed.emplace_back(std::make_shared<const sql::Expr>(e), reg);
    return register_node(reg, e.type);
}

ExprId Builder::node_of(const sql::Expr& e, const sql::DomainValue&) {
    CHECK(!domain_registers_.empty());
    return register_node(domain_registers_.back(), e.type);
}

ExprId Builder::node_of(const sql::Expr& e, const sql::DomainCheck& n) {
    const ExprId arg = expr(n.arg);
    DomainPlan plan;
    plan.domain = n.domain;
    plan.reg = new_registers(1);
    domain_registers_.push_back(plan.reg);
    for (const sql::Domain::Check& check : n.domain->checks) plan.conditions.push_back(expr(check.condition));
    domain_registers_.pop_back();
    const ExprId id = add_call(Op::domain_check, {arg}, e.type);
    program_.nodes[id].payload = static_cast<std::uint32_t>(program_.domains.size());
    program_.domains.push_back(std::move(plan));
    return id;
}

bool Builder::same_node(ExprId a, ExprId b) const {
    if (a == b) return true;
    const Node& x = program_.nodes[a];
    const Node& y = program_.nodes[b];
    if (x.op != y.op || x.aux != y.aux || x.count != y.count || x.slot != y.slot || x.column != y.column)
        return false;
    if (x.op == Op::subquery || x.op == Op::fail || x.op == Op::domain_check) return false;
    if (x.kernel != y.kernel || !identical(x.constant, y.constant)) return false;
    if (x.site != nullptr && (x.site->func != y.site->func || x.site->result != y.site->result ||
                              x.site->zone != y.site->zone || x.site->args != y.site->args))
        return false;
    for (std::uint16_t i = 0; i < x.count; ++i)
        if (!same_node(program_.arguments[x.first + i], program_.arguments[y.first + i])) return false;
    return true;
}

}  // namespace anabranch::exec
