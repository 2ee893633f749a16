#include "lib/exec/assertion_balance.h"

#include <algorithm>

#include "lib/sql/bind_walk.h"
#include "lib/sql/value.h"

namespace anabranch::exec {

using sql::Aggregate;
using sql::AggregateFunc;
using sql::Call;
using sql::Cast;
using sql::ColumnRef;
using sql::ExprPtr;
using sql::Func;
using sql::Query;
using sql::QueryPtr;
using sql::Subquery;
using sql::TableRel;
using sql::Type;
using sql::TypeId;

namespace {

const Type bool_type{TypeId::bool_};

bool is_exact(Type type) {
    return sql::is_integer(type) || (type.id == TypeId::numeric && !type.array && type.modifier < 0);
}

// Every value of the one is a value of the other.
bool widens(Type from, Type to) {
    const auto rank = [](Type t) {
        return t.id == TypeId::int2 ? 1 : t.id == TypeId::int4 ? 2 : t.id == TypeId::int8 ? 3 : 4;
    };
    return is_exact(from) && is_exact(to) && rank(from) <= rank(to);
}

ExprPtr whole(std::int64_t value) {
    sql::Const constant;
    constant.null = false;
    constant.integer = value;
    return make_expr({TypeId::int4}, std::move(constant));
}

ExprPtr cast_to(Type type, const ExprPtr& e) {
    return e->type == type ? e : make_expr(type, Cast{e, true});
}

ExprPtr truth(bool value) {
    sql::Const constant;
    constant.null = false;
    constant.integer = value ? 1 : 0;
    return make_expr(bool_type, std::move(constant));
}

ExprPtr negated(const ExprPtr& e) {
    return make_expr(bool_type, sql::Logic{sql::LogicOp::not_, {e}});
}

bool is_zero(const ExprPtr& e) {
    const sql::Expr* inner = sql::uncast(e);
    const auto* constant = std::get_if<sql::Const>(&inner->node);
    if (constant == nullptr || constant->null || !is_exact(inner->type)) return false;
    if (sql::is_integer(inner->type)) return constant->integer == 0;
    std::string text;
    sql::print_text(inner->type, sql::Datum::bytes(constant->bytes), text);
    return text.find_first_not_of("0.") == std::string::npos;
}

// The X of coalesce(X, 0).
ExprPtr or_zero(const ExprPtr& e) {
    const auto* call = std::get_if<Call>(&e->node);
    if (call == nullptr || call->func != Func::coalesce || call->args.size() != 2) return nullptr;
    return is_zero(call->args[1]) ? call->args[0] : nullptr;
}

// sum(e) or count(e) whose parts read rels and nothing else.
const Aggregate* plain_sum(const ExprPtr& e) {
    const auto* aggregate = std::get_if<Aggregate>(&e->node);
    if (aggregate == nullptr || aggregate->distinct || !aggregate->order.empty()) return nullptr;
    const bool sum = aggregate->func == AggregateFunc::sum;
    if (!sum && aggregate->func != AggregateFunc::count) return nullptr;
    if (sum && (aggregate->args.size() != 1 || !(sql::is_integer(aggregate->args[0]->type) ||
                                                 aggregate->args[0]->type.id == TypeId::numeric)))
        return nullptr;
    for (const ExprPtr& arg : aggregate->args)
        if (references_of(arg).other) return nullptr;
    if (aggregate->filter && references_of(aggregate->filter).other) return nullptr;
    return aggregate;
}

bool is_extreme(const ExprPtr& e) {
    const auto* aggregate = std::get_if<Aggregate>(&e->node);
    if (aggregate == nullptr || aggregate->args.size() != 1 || aggregate->filter) return false;
    const bool extreme = aggregate->func == AggregateFunc::min || aggregate->func == AggregateFunc::max;
    return extreme && !references_of(aggregate->args[0]).other;
}

// The aggregate that a subquery answers with, out of its coalesce.
ExprPtr answer_of(const Query& q) {
    const ExprPtr inner = or_zero(q.targets[0]);
    return inner ? inner : q.targets[0];
}

Query copy_with_rels(const Query& q, std::size_t first, Reading of_first, const catalog::Schema& schema,
                     std::size_t changed = ~std::size_t{0}, Reading of_changed = Reading::added) {
    Query copy = q;
    for (std::size_t i = 0; i < q.rels.size(); ++i) {
        const TableId table = std::get<TableRel>(q.rels[i].source).table;
        if (i == changed)
            copy.rels[i] = rel_of(schema, table, of_changed);
        else if (i < first)
            copy.rels[i] = rel_of(schema, table, of_first);
    }
    return copy;
}

ExprPtr scalar(Type type, Query q) {
    return make_expr(
        type, Subquery{sql::SubqueryKind::scalar, std::make_shared<const Query>(std::move(q)), {}, {}});
}

// The same expression with another query in the place of its first subquery.
ExprPtr with_query(const ExprPtr& e, const QueryPtr& query) {
    return sql::rewrite(e, [&](const ExprPtr& part, std::uint32_t) -> ExprPtr {
        const auto* subquery = std::get_if<Subquery>(&part->node);
        if (subquery == nullptr) return nullptr;
        return make_expr(part->type, Subquery{subquery->kind, query, {}, {}});
    });
}

Query one_column(const ExprPtr& target) {
    Query q;
    q.targets.push_back(target);
    q.columns.push_back({"value", target->type, {}, 0});
    return q;
}

// `L <> R` and its like, also under NOT.
const Call* comparison(const ExprPtr& e, Func& func) {
    const auto* logic = std::get_if<sql::Logic>(&e->node);
    const bool negative = logic != nullptr && logic->op == sql::LogicOp::not_;
    const auto* call = std::get_if<Call>(negative ? &logic->args[0]->node : &e->node);
    if (call == nullptr || call->args.size() != 2) return nullptr;
    func = call->func;
    if (!negative) {
        if (func == Func::is_distinct) func = Func::ne;
        return func >= Func::ne && func <= Func::ge ? call : nullptr;
    }
    switch (func) {
        case Func::eq:
        case Func::is_not_distinct:
            func = Func::ne;
            return call;
        case Func::lt:
            func = Func::ge;
            return call;
        case Func::le:
            func = Func::gt;
            return call;
        case Func::gt:
            func = Func::le;
            return call;
        case Func::ge:
            func = Func::lt;
            return call;
        default:
            return nullptr;
    }
}

}  // namespace

// ---- which queries ----

std::optional<Balance> Balance::of(const catalog::Schema& schema, QueryPtr query) {
    Balance balance(schema, std::move(query));
    if (!balance.find()) return std::nullopt;
    return balance;
}

bool Balance::over_one_table() const {
    if (query_->rels.empty()) return !query_->grouped;
    return query_->rels.size() == 1 && std::holds_alternative<TableRel>(query_->rels[0].source);
}

bool Balance::find() {
    const Query& q = *query_;
    if (!is_plain(q) || !over_one_table()) return false;
    if (!q.rels.empty()) table_ = std::get<TableRel>(q.rels[0].source).table;
    for (const ExprPtr& condition : joins_.inner)
        if (q.grouped || compared_ || !take(condition)) others_.push_back(condition);
    for (const ExprPtr& condition : others_) {
        const References r = references_of(condition);
        if (r.other || !r.outer.empty()) return false;
    }
    if (!q.grouped) return compared_ != nullptr;
    const auto is_key = [&](const ExprPtr& g) { return is_not_null(schema_, g, q.rels); };
    if (!std::all_of(q.group_by.begin(), q.group_by.end(), is_key)) return false;
    const std::vector<ExprPtr> conditions = sql::conjuncts(q.having);
    return conditions.size() == 1 && take(conditions[0]);
}

bool Balance::take(const ExprPtr& condition) {
    Func func{};
    const Call* call = comparison(condition, func);
    terms_.clear();
    if (call == nullptr || !add(call->args[0], false) || !add(call->args[1], true)) return false;
    if (std::none_of(terms_.begin(), terms_.end(), [](const Term& t) { return t.sum; })) return false;
    compared_ = condition;
    compare_ = func;
    return true;
}

bool Balance::add(const ExprPtr& e, bool minus) {
    if (!is_exact(e->type)) return false;
    if (is_sum(e)) {
        terms_.push_back({minus, true, e});
        return true;
    }
    if (holds_sum(e)) {
        if (const auto* cast = std::get_if<Cast>(&e->node))
            return widens(cast->arg->type, e->type) && add(cast->arg, minus);
        const auto* call = std::get_if<Call>(&e->node);
        return call != nullptr && add_parts(*call, e->type, minus);
    }
    if (!can_be_read_before(e)) return false;
    terms_.push_back({minus, false, e});
    return true;
}

// The statement's own arithmetic must not be able to fail where this one does not: two narrow numbers never
// overflow an int8.
bool Balance::add_parts(const Call& call, Type type, bool minus) {
    if ((call.func != Func::add && call.func != Func::sub) || call.args.size() != 2) return false;
    if (type.id != TypeId::numeric &&
        !(type.id == TypeId::int8 && is_narrow(call.args[0]) && is_narrow(call.args[1])))
        return false;
    return add(call.args[0], minus) && add(call.args[1], minus != (call.func == Func::sub));
}

// A number of rows, a sum of int4 over all rows there can be, or an int4.
bool Balance::is_narrow(const ExprPtr& e) const {
    const auto small = [](Type type) { return type.id == TypeId::int2 || type.id == TypeId::int4; };
    const sql::Expr* inner = sql::uncast(e);
    if (const auto* constant = std::get_if<sql::Const>(&inner->node))
        return sql::is_integer(inner->type) && constant->integer > -1'000'000'000 &&
               constant->integer < 1'000'000'000;
    if (small(inner->type)) return true;
    if (!is_sum(e)) return false;
    bool narrow = true;
    const auto look = [&](const ExprPtr& part, std::uint32_t) {
        const auto* aggregate = std::get_if<Aggregate>(&part->node);
        if (aggregate != nullptr && aggregate->func == AggregateFunc::sum)
            narrow = narrow && small(aggregate->args[0]->type);
        return true;
    };
    sql::walk(e, look);
    return narrow;
}

bool Balance::is_sum(const ExprPtr& e) const {
    const ExprPtr inner = or_zero(e);
    if (query_->grouped) return is_sum_of_rows(inner ? inner : e, inner != nullptr);
    const ExprPtr& subquery = inner ? inner : e;
    const auto* s = std::get_if<Subquery>(&subquery->node);
    if (s == nullptr || s->kind != sql::SubqueryKind::scalar || !can_follow(*s->query, false)) return false;
    const ExprPtr& target = s->query->targets[0];
    const Aggregate* aggregate = plain_sum(answer_of(*s->query));
    return inner || or_zero(target) || aggregate->func == AggregateFunc::count;
}

// An aggregate of the query's own groups. It must not be NULL for a group with rows.
bool Balance::is_sum_of_rows(const ExprPtr& e, bool null_is_zero) const {
    const Aggregate* aggregate = plain_sum(e);
    if (aggregate == nullptr) return false;
    for (const ExprPtr& arg : aggregate->args)
        if (!references_of(arg).outer.empty()) return false;
    if (aggregate->filter && !references_of(aggregate->filter).outer.empty()) return false;
    return null_is_zero || aggregate->func == AggregateFunc::count ||
           (!aggregate->filter && is_never_null(schema_, aggregate->args[0], query_->rels));
}

// A sum, count, least or greatest over a join of stored tables, reaching out to the query's row only.
bool Balance::can_follow(const Query& q, bool extreme) const {
    if (!is_plain(q) || !q.grouped || !q.group_by.empty() || q.having || q.distinct ||
        !q.distinct_on.empty() || q.columns.size() != 1 || q.targets.size() != 1)
        return false;
    const Joins joins = joins_of(q);
    if (!joins.only_inner || q.rels.empty()) return false;
    for (const sql::Rel& rel : q.rels)
        if (!std::holds_alternative<TableRel>(rel.source)) return false;
    for (const ExprPtr& condition : joins.inner)
        if (references_of(condition).other) return false;
    const ExprPtr answer = answer_of(q);
    return extreme ? is_extreme(answer) : plain_sum(answer) != nullptr;
}

bool Balance::holds_sum(const ExprPtr& e) const {
    bool found = false;
    sql::walk(e, [&](const ExprPtr& part, std::uint32_t depth) {
        found = found || (depth == 0 && is_sum(part));
        return !found;
    });
    return found;
}

// Columns of the row or of the group's key, and least and greatest values, which an index has at hand.
bool Balance::can_be_read_before(const ExprPtr& e) const {
    if (sql::is_volatile(e)) return false;
    bool can = true;
    sql::walk(e, [&](const ExprPtr& part, std::uint32_t) {
        if (const auto* s = std::get_if<Subquery>(&part->node)) {
            can = can && !query_->grouped && s->kind == sql::SubqueryKind::scalar &&
                  can_follow(*s->query, true);
            return false;
        }
        if (std::holds_alternative<Aggregate>(part->node)) {
            can = can && query_->grouped && is_extreme(part);
            return false;
        }
        if (const auto* ref = std::get_if<ColumnRef>(&part->node)) {
            const auto is_key = [&](const ExprPtr& g) { return sql::same(g, part); };
            can = can && ref->level == 0 &&
                  (!query_->grouped || std::any_of(query_->group_by.begin(), query_->group_by.end(), is_key));
        }
        can = can && !std::holds_alternative<sql::Param>(part->node) &&
              !std::holds_alternative<sql::Window>(part->node);
        return can;
    });
    return can;
}

// ---- the question ----

// What the changes add up to, compared with 0 so that TRUE means: still no violation.
ExprPtr Balance::unmoved(const std::vector<Term>& changes) const {
    const auto is_int = [](const Term& t) { return sql::is_integer(t.expr->type); };
    const Type type{std::all_of(changes.begin(), changes.end(), is_int) ? TypeId::int8 : TypeId::numeric};
    ExprPtr total = cast_to(type, whole(0));
    for (const Term& change : changes)
        total =
            make_expr(type, Call{change.minus ? Func::sub : Func::add, {total, cast_to(type, change.expr)}});
    const Func holds = compare_ == Func::ne                           ? Func::eq
                       : compare_ == Func::gt || compare_ == Func::ge ? Func::le
                                                                      : Func::ge;
    return make_expr(bool_type, Call{holds, {total, cast_to(type, whole(0))}});
}

// Columns of the row that a sum's conditions speak of: the sums before and after are of the same rows only
// while these stay.
std::vector<ExprPtr> Balance::reached_columns() const {
    std::vector<ExprPtr> out;
    for (const Term& term : terms_) {
        if (!term.sum) continue;
        sql::walk(term.expr, [&](const ExprPtr& part, std::uint32_t depth) {
            const auto* ref = std::get_if<ColumnRef>(&part->node);
            if (ref == nullptr || ref->level != depth) return true;
            ExprPtr reached = column(0, 0, ref->column, part->type);
            const auto known = [&](const ExprPtr& e) { return sql::same(e, reached); };
            if (std::none_of(out.begin(), out.end(), known)) out.push_back(std::move(reached));
            return true;
        });
    }
    return out;
}

void Balance::change_of_row_sum(const Term& term, std::vector<Term>& out) const {
    const ExprPtr inner = or_zero(term.expr);
    const bool outside = inner && std::holds_alternative<Subquery>(inner->node);
    const Query& q = *std::get<Subquery>((outside ? inner : term.expr)->node).query;
    for (std::size_t i = 0; i < q.rels.size(); ++i) {
        for (const Reading reading : {Reading::added, Reading::removed}) {
            auto part =
                std::make_shared<const Query>(copy_with_rels(q, i, Reading::before, schema_, i, reading));
            out.push_back({term.minus != (reading == Reading::removed), true, with_query(term.expr, part)});
        }
    }
}

// Only an empty database may break an assertion that nobody has checked: what does not hold of it is asked as
// it stands until there is a first row.
ExprPtr Balance::not_all_empty() const {
    std::vector<ExprPtr> out;
    sql::walk_rels(query_, [&](const sql::Rel& rel, std::uint32_t) {
        const auto* table = std::get_if<TableRel>(&rel.source);
        if (table == nullptr) return;
        out.push_back(existed(table->table, nullptr));
    });
    return out.size() == 1 ? out.front()
                           : make_expr(bool_type, sql::Logic{sql::LogicOp::or_, std::move(out)});
}

// A row that the transaction has changed is looked for first: without an index, the others are all of the
// table.
ExprPtr Balance::existed(TableId table, const ExprPtr& condition) const {
    std::vector<ExprPtr> ways;
    for (const Reading reading : {Reading::removed, Reading::before}) {
        Query q = one_column(whole(1));
        q.rels.push_back(rel_of(schema_, table, reading));
        q.from.push_back({0, nullptr});
        q.where = condition;
        auto rows = std::make_shared<const Query>(std::move(q));
        ways.push_back(make_expr(bool_type, Subquery{sql::SubqueryKind::exists, std::move(rows), {}, {}}));
    }
    return make_expr(bool_type, sql::Logic{sql::LogicOp::or_, std::move(ways)});
}

QueryPtr Balance::suspicious_rows(const Query& tied) const {
    std::vector<Term> changes;
    for (const Term& term : terms_) {
        if (term.sum) {
            change_of_row_sum(term, changes);
            continue;
        }
        if (!table_) continue;
        changes.push_back({term.minus, false, sql::shifted(term.expr, 1)});
        const auto before = [&](const ExprPtr& part, std::uint32_t) -> ExprPtr {
            const auto* s = std::get_if<Subquery>(&part->node);
            if (s == nullptr) return nullptr;
            return scalar(part->type,
                          copy_with_rels(*s->query, s->query->rels.size(), Reading::before, schema_));
        };
        changes.push_back({!term.minus, false, sql::rewrite(term.expr, before)});
    }
    Query was = one_column(unmoved(changes));
    if (table_) {
        was.rels.push_back(rel_of(schema_, *table_, Reading::before));
        was.from.push_back({0, nullptr});
        std::vector<ExprPtr> conditions;
        for (const ColumnId c : schema_.table(*table_).keys[0].columns) {
            const Type type = schema_.table(*table_).columns[c.value].type;
            conditions.push_back(equal(column(0, 0, c.value, type), column(1, 0, c.value, type)));
        }
        for (const ExprPtr& reached : reached_columns()) {
            const std::uint32_t number = std::get<ColumnRef>(reached->node).column;
            conditions.push_back(equal(reached, column(1, 0, number, reached->type)));
        }
        conditions.insert(conditions.end(), others_.begin(), others_.end());
        was.where = all_of(std::move(conditions));
    } else {
        was.where = not_all_empty();
    }
    Query out = tied;
    std::vector<ExprPtr> conditions;
    for (const ExprPtr& condition : sql::conjuncts(tied.where))
        if (condition != compared_) conditions.push_back(condition);
    conditions.push_back(negated(
        make_expr(bool_type, Call{Func::coalesce, {scalar(bool_type, std::move(was)), truth(false)}})));
    out.where = all_of(std::move(conditions));
    return std::make_shared<const Query>(std::move(out));
}

// ---- groups ----

// The group that the key in rel 0 of the scope around names, and what WHERE says.
std::vector<ExprPtr> Balance::group_conditions(std::uint32_t level) const {
    std::vector<ExprPtr> out;
    for (std::uint32_t i = 0; i < query_->group_by.size(); ++i)
        out.push_back(equal(query_->group_by[i], column(level, 0, i, query_->group_by[i]->type)));
    out.insert(out.end(), others_.begin(), others_.end());
    return out;
}

// An aggregate of the group, over another reading of the table.
ExprPtr Balance::of_group(const ExprPtr& target, const sql::Rel& rel) const {
    Query q = one_column(target);
    q.grouped = true;
    q.rels.push_back(rel);
    q.from.push_back({0, nullptr});
    q.where = all_of(group_conditions(1));
    return scalar(target->type, std::move(q));
}

void Balance::change_of_group_sum(const Term& term, std::vector<Term>& out) const {
    ExprPtr target = term.expr;
    if (!or_zero(target))
        target = make_expr(target->type, Call{Func::coalesce, {target, cast_to(target->type, whole(0))}});
    for (const Reading reading : {Reading::added, Reading::removed})
        out.push_back({term.minus != (reading == Reading::removed), true,
                       of_group(target, rel_of(schema_, *table_, reading))});
}

ExprPtr Balance::group_expr(const ExprPtr& e, const sql::Rel& rel) const {
    return sql::rewrite(e, [&](const ExprPtr& part, std::uint32_t) -> ExprPtr {
        if (std::holds_alternative<Aggregate>(part->node)) return of_group(part, rel);
        for (std::uint32_t i = 0; i < query_->group_by.size(); ++i)
            if (sql::same(query_->group_by[i], part)) return column(0, 0, i, part->type);
        return nullptr;
    });
}

QueryPtr Balance::suspicious_groups() const {
    std::vector<Term> changes;
    for (const Term& term : terms_) {
        if (term.sum) {
            change_of_group_sum(term, changes);
            continue;
        }
        changes.push_back({term.minus, false, group_expr(term.expr, query_->rels[0])});
        changes.push_back(
            {!term.minus, false, group_expr(term.expr, rel_of(schema_, *table_, Reading::before))});
    }
    Query out = one_column(whole(1));
    if (!query_->group_by.empty()) {
        auto keys = std::make_shared<Query>();
        keys->rels.push_back(rel_of(schema_, *table_, Reading::touched));
        keys->from.push_back({0, nullptr});
        keys->distinct = true;
        keys->targets = query_->group_by;
        for (const ExprPtr& key : query_->group_by) keys->columns.push_back({"key", key->type, {}, 0});
        keys->where = all_of(others_);
        out.rels.push_back({"touched", sql::DerivedRel{keys, false}, keys->columns});
        out.from.push_back({0, nullptr});
    }
    const ExprPtr fine = all_of({existed(*table_, all_of(group_conditions(1))), unmoved(changes)});
    out.where = negated(make_expr(bool_type, Call{Func::coalesce, {fine, truth(false)}}));
    return std::make_shared<const Query>(std::move(out));
}

}  // namespace anabranch::exec
