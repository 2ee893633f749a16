// GROUP BY with GROUPING SETS, ROLLUP and CUBE: one grouped query for each set, put together by UNION ALL. In
// each, the keys that its set leaves out are NULL, and GROUPING() is a constant.
#include <algorithm>

#include "lib/sql/bind_internal.h"
#include "lib/sql/bind_walk.h"
#include "lib/sql/grouping_names.h"

namespace anabranch::sql::binding {

namespace {

constexpr std::size_t sets_max = 4096, cube_max = 12;  // PostgreSQL's
constexpr std::string_view grouping_mark = "\1grouping";

using Set = GroupingSet;
using Sets = std::vector<Set>;

Set united(const Set& a, const Set& b) {
    Set out = a;
    out.insert(out.end(), b.begin(), b.end());
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
}

Sets product(const Sets& a, const Sets& b) {
    Sets out;
    for (const Set& left : a)
        for (const Set& right : b) out.push_back(united(left, right));
    return out;
}

// (a, b, c), (a, b), (a), ().
Sets rollup(const Sets& items) {
    Sets out{{}};
    for (const Set& item : items) out.insert(out.begin(), united(out.front(), item));
    return out;
}

Sets cube(const Sets& items) {
    Sets out{{}};
    for (auto item = items.rbegin(); item != items.rend(); ++item) {
        Sets with;
        for (const Set& set : out) with.push_back(united(*item, set));
        out.insert(out.begin(), with.begin(), with.end());
    }
    return out;
}

std::optional<std::size_t> grouping_number(const ExprPtr& e) {
    const auto* call = std::get_if<Call>(&e->node);
    if (call == nullptr || call->func != Func::coalesce || call->args.size() != 1) return {};
    const auto* mark = std::get_if<Const>(&call->args[0]->node);
    if (mark == nullptr || mark->bytes != grouping_mark) return {};
    return static_cast<std::size_t>(mark->integer);
}

ExprPtr int4(std::int64_t value, Span at) {
    Const c;
    c.null = false;
    c.integer = value;
    return make({TypeId::int4}, at, std::move(c));
}

// A key, met `depth` scopes further in.
bool is_key(const ExprPtr& key, const ExprPtr& e, std::uint32_t depth) {
    if (depth == 0) return same(key, e);
    const auto *own = std::get_if<ColumnRef>(&key->node), *ref = std::get_if<ColumnRef>(&e->node);
    return own != nullptr && ref != nullptr && own->level == 0 && ref->level == depth &&
           own->rel == ref->rel && own->column == ref->column;
}

}  // namespace

// ---- what is written ----

Result<std::uint32_t> Binding::group_key(const ast::Expr& item, Scope& scope, Query& out) {
    TRY(ExprPtr e, target_or_expr(item, scope, out, Clause::group_by));
    bool aggregate = false;
    walk(e, [&](const ExprPtr& part, std::uint32_t depth) {
        aggregate |= depth == 0 && std::holds_alternative<Aggregate>(part->node);
        return true;
    });
    if (aggregate)
        return fail(
            Error::make("42803", "aggregate functions are not allowed in GROUP BY").with_span(item.span));
    TRY_VOID(check_comparable(e, "equality"));
    e = resolve_unknown(e);
    for (std::uint32_t i = 0; i < out.group_by.size(); ++i)
        if (same(out.group_by[i], e)) return i;
    out.group_by.push_back(std::move(e));
    return static_cast<std::uint32_t>(out.group_by.size() - 1);
}

// One item of GROUP BY, or of a list inside: the sets that it stands for.
Result<std::vector<GroupingSet>> Binding::grouping_sets_of(const ast::Expr& item, Scope& scope, Query& out) {
    if (const auto* row = std::get_if<ast::Row>(&item.node)) {
        Set set;
        for (const ast::Expr& part : row->items) {
            TRY(const std::uint32_t key, group_key(part, scope, out));
            set = united(set, {key});
        }
        return Sets{set};
    }
    const auto* call = std::get_if<ast::FunctionCall>(&item.node);
    if (call == nullptr || !call->name.name.starts_with(grouping_prefix)) {
        TRY(const std::uint32_t key, group_key(item, scope, out));
        return Sets{{key}};
    }
    Sets items;
    for (const ast::Argument& argument : call->arguments) {
        TRY(const Sets sets, grouping_sets_of(argument.value, scope, out));
        items.insert(items.end(), sets.begin(), sets.end());
        if (items.size() > sets_max)
            return fail(
                Error::make("54001", "too many grouping sets present (maximum 4096)").with_span(item.span));
    }
    if (call->name.name == grouping_empty) return Sets{{}};
    if (call->name.name == grouping_rollup) return rollup(items);
    if (call->name.name != grouping_cube) return items;
    if (items.size() > cube_max)
        return fail(Error::make("54011", "CUBE is limited to 12 elements").with_span(item.span));
    return cube(items);
}

Result<std::vector<GroupingSet>> Binding::group_by(const ast::Select& s, Scope& scope, Query& out) {
    Sets sets{{}};
    for (const ast::Expr& item : s.group_by) {
        TRY(const Sets more, grouping_sets_of(item, scope, out));
        if (sets.size() * more.size() > sets_max)
            return fail(
                Error::make("54001", "too many grouping sets present (maximum 4096)").with_span(item.span));
        sets = product(sets, more);
    }
    if (!s.group_distinct) return sets;
    Sets distinct;
    for (Set& set : sets)
        if (std::find(distinct.begin(), distinct.end(), set) == distinct.end())
            distinct.push_back(std::move(set));
    return distinct;
}

// GROUPING(a, b): a mark until the sets are known.
Result<ExprPtr> Binding::grouping_call(const ast::FunctionCall& c, Scope& scope, Span at) {
    const bool allowed = scope.clause == Clause::target || scope.clause == Clause::having ||
                         scope.clause == Clause::order_by || scope.clause == Clause::distinct_on ||
                         scope.clause == Clause::window;
    if (!allowed)
        return fail(Error::make("42803", std::string("grouping operations are not allowed in ") +
                                             name_of(scope.clause))
                        .with_span(at));
    if (c.arguments.size() > 31)
        return fail(Error::make("54023", "GROUPING must have fewer than 32 arguments").with_span(at));
    std::vector<ExprPtr> keys;
    for (const ast::Argument& argument : c.arguments) {
        TRY(ExprPtr key, expr(argument.value, scope));
        keys.push_back(std::move(key));
    }
    const auto known = std::find_if(scope.groupings.begin(), scope.groupings.end(), [&](const auto& other) {
        return std::equal(other.begin(), other.end(), keys.begin(), keys.end(), same);
    });
    Const mark;
    mark.null = false;
    mark.integer = known - scope.groupings.begin();
    if (known == scope.groupings.end()) scope.groupings.push_back(std::move(keys));
    mark.bytes = grouping_mark;
    return make({TypeId::int4}, at, Call{Func::coalesce, {make({TypeId::int4}, at, std::move(mark))}});
}

// ---- what becomes of it ----

Result<void> Binding::check_groupings(const Query& q, const Scope& scope, Span at) const {
    for (const std::vector<ExprPtr>& keys : scope.groupings)
        for (const ExprPtr& key : keys)
            if (std::none_of(q.group_by.begin(), q.group_by.end(),
                             [&](const ExprPtr& g) { return same(g, key); }))
                return fail(Error::make("42803",
                                        "arguments to GROUPING must be grouping expressions of the "
                                        "associated query level")
                                .with_span(key->span.size > 0 ? key->span : at));
    return {};
}

namespace {

// What the query's expressions are in the rows of one set.
ExprPtr in_set(const ExprPtr& e, const Query& q, const Scope& scope, const Set& set) {
    if (!e) return e;
    const auto has = [&](std::uint32_t key) { return std::binary_search(set.begin(), set.end(), key); };
    return rewrite(e, [&](const ExprPtr& part, std::uint32_t depth) -> ExprPtr {
        if (const auto number = depth == 0 ? grouping_number(part) : std::nullopt) {
            std::int64_t bits = 0;
            for (const ExprPtr& wanted : scope.groupings[*number]) {
                std::uint32_t key = 0;
                while (!same(q.group_by[key], wanted)) ++key;
                bits = bits * 2 + (has(key) ? 0 : 1);
            }
            return int4(bits, part->span);
        }
        if (const auto* aggregate = std::get_if<Aggregate>(&part->node); aggregate != nullptr && depth == 0) {
            if (aggregate->direct.empty()) return part;
            Aggregate copy = *aggregate;
            for (ExprPtr& value : copy.direct) value = in_set(value, q, scope, set);
            return make(part->type, part->span, std::move(copy));
        }
        for (std::uint32_t key = 0; key < q.group_by.size(); ++key)
            if (is_key(q.group_by[key], part, depth))
                return has(key) ? part : null_of(part->type, part->span);
        return nullptr;
    });
}

std::shared_ptr<Query> query_of_set(const Query& q, const Scope& scope, const Set& set) {
    auto out = std::make_shared<Query>(q);
    out->order_by.clear();
    out->distinct = false;
    out->distinct_on.clear();
    out->group_by.clear();
    for (const std::uint32_t key : set) out->group_by.push_back(q.group_by[key]);
    for (ExprPtr& target : out->targets) target = in_set(target, q, scope, set);
    out->having = in_set(q.having, q, scope, set);
    for (std::size_t i = out->columns.size(); i < out->targets.size(); ++i)
        out->columns.push_back({"", out->targets[i]->type, {}, 0});
    return out;
}

// The union of some of the sets' queries, `depth` scopes further in than the query was bound.
QueryPtr union_of(const std::vector<std::shared_ptr<Query>>& queries, std::size_t first, std::size_t last,
                  std::uint32_t depth) {
    if (last - first == 1) return shifted_from_with(queries[first], depth);
    auto out = std::make_shared<Query>();
    const std::size_t middle = first + (last - first) / 2;
    out->set_op = SetOp::union_all;
    out->columns = queries[first]->columns;
    out->left = union_of(queries, first, middle, depth + 1);
    out->right = union_of(queries, middle, last, depth + 1);
    return out;
}

// Window functions look at the rows of all sets together. What they are computed from are columns of the
// union.
class BelowWindows {
  public:
    std::vector<ExprPtr> targets;

    // A target of the grouped query, over the union's rows.
    ExprPtr above(const ExprPtr& target) {
        if (!has_window(target)) return added(target);
        return rewrite(target, [&](const ExprPtr& part, std::uint32_t depth) -> ExprPtr {
            if (depth > 0) return of_subquery(part, depth);
            if (has_window(part) || std::holds_alternative<RowOf>(part->node)) return nullptr;
            return reads_rows(part) ? column(part) : part;
        });
    }

  private:
    static bool has_window(const ExprPtr& e) {
        bool found = false;
        walk(e, [&](const ExprPtr& part, std::uint32_t depth) {
            found |= depth == 0 && std::holds_alternative<Window>(part->node);
            return !found;
        });
        return found;
    }
    // The bounds of a frame read none, and have to stay what they are.
    static bool reads_rows(const ExprPtr& e) {
        bool found = false;
        walk(e, [&](const ExprPtr& part, std::uint32_t depth) {
            const auto* ref = std::get_if<ColumnRef>(&part->node);
            found |= (ref != nullptr && ref->level == depth) ||
                     (depth == 0 && (grouping_number(part) || std::holds_alternative<Aggregate>(part->node)));
            return !found;
        });
        return found;
    }
    ExprPtr of_subquery(const ExprPtr& part, std::uint32_t depth) {
        const auto* ref = std::get_if<ColumnRef>(&part->node);
        if (ref == nullptr || ref->level != depth) return nullptr;
        const ExprPtr own = column(column_ref(ref->rel, ref->column, part->type, part->span));
        ColumnRef moved = std::get<ColumnRef>(own->node);
        moved.level = depth;
        return make(part->type, part->span, moved);
    }
    ExprPtr column(const ExprPtr& e) {
        for (std::uint32_t i = 0; i < targets.size(); ++i)
            if (same(targets[i], e) && !is_volatile(e)) return column_ref(0, i, e->type, e->span);
        return added(e);
    }
    ExprPtr added(const ExprPtr& e) {
        targets.push_back(e);
        return column_ref(0, static_cast<std::uint32_t>(targets.size() - 1), e->type, e->span);
    }
};

}  // namespace

Result<void> Binding::spread_sets(Query& out, const Scope& scope, const std::vector<GroupingSet>& sets) {
    resolve_unknown_outputs(out);
    Query whole;
    whole.ctes = std::move(out.ctes);
    whole.columns = out.columns;
    BelowWindows below;
    for (const ExprPtr& target : out.targets) whole.targets.push_back(below.above(target));
    Query grouped = out;
    grouped.columns.clear();
    grouped.targets = std::move(below.targets);
    std::vector<std::shared_ptr<Query>> queries;
    for (const Set& set : sets) queries.push_back(query_of_set(grouped, scope, set));
    whole.rels.push_back(
        {{}, DerivedRel{union_of(queries, 0, queries.size(), 1), false}, queries[0]->columns});
    whole.from.push_back({0, nullptr});
    const auto moved = [&](const ExprPtr& e) {
        return whole.targets[static_cast<std::size_t>(std::find(out.targets.begin(), out.targets.end(), e) -
                                                      out.targets.begin())];
    };
    whole.distinct = out.distinct;
    for (const ExprPtr& key : out.distinct_on) whole.distinct_on.push_back(moved(key));
    for (const OrderKey& key : out.order_by)
        whole.order_by.push_back({moved(key.key), key.descending, key.nulls_first});
    out = std::move(whole);
    return {};
}

}  // namespace anabranch::sql::binding
