#include "lib/sql/bind_walk.h"
#include "lib/base/overload.h"
#include "lib/sql/bind_internal.h"

#include <algorithm>

namespace anabranch::sql {

namespace {

void aggregate_children(const Aggregate& a, FunctionRef<void(const ExprPtr&)> visit) {
    for (const ExprPtr& arg : a.args) visit(arg);
    if (a.filter) visit(a.filter);
    for (const Aggregate::Order& o : a.order) visit(o.key);
    for (const ExprPtr& e : a.direct) visit(e);
}

// ---- walking ----

class Walker {
  public:
    Walker(const ExprVisitor* exprs, const RelVisitor* rels) : exprs_(exprs), rels_(rels) {}

    void expr(const ExprPtr& e, std::uint32_t depth) {
        if (!e) return;
        if (exprs_ != nullptr && !(*exprs_)(e, depth)) return;
        children(*e, [&](const ExprPtr& child) { expr(child, depth); });
        if (const auto* s = std::get_if<Subquery>(&e->node)) query(s->query, depth + 1);
    }
    void exprs(const std::vector<ExprPtr>& list, std::uint32_t depth) {
        for (const ExprPtr& e : list) expr(e, depth);
    }
    void query(const QueryPtr& q, std::uint32_t depth) {
        if (!q) return;
        ctes(q->ctes, depth);
        rels(q->rels, depth);
        for (const FromItem& item : q->from) from(item, depth);
        expr(q->where, depth);
        exprs(q->group_by, depth);
        expr(q->having, depth);
        exprs(q->targets, depth);
        exprs(q->distinct_on, depth);
        for (const OrderKey& key : q->order_by) expr(key.key, depth);
        expr(q->limit, depth);
        expr(q->offset, depth);
        for (const auto& row : q->values) exprs(row, depth);
        query(q->left, depth + 1);
        query(q->right, depth + 1);
    }
    void statement(const Statement& s, std::uint32_t depth) {
        if (const auto* q = std::get_if<QueryPtr>(&s.body)) return query(*q, depth);
        ctes(s.ctes, depth);
        std::visit(Overload{[](const QueryPtr&) {}, [&](const Insert& i) { insert(i, depth + 1); },
                            [&](const Update& u) { update(u, depth + 1); },
                            [&](const Delete& d) { erase(d, depth + 1); }},
                   s.body);
    }

  private:
    void ctes(const std::vector<Cte>& list, std::uint32_t depth) {
        for (const Cte& cte : list)
            if (cte.statement) statement(*cte.statement, depth + 1);
    }
    void rels(const std::vector<Rel>& list, std::uint32_t depth) {
        for (const Rel& rel : list) {
            if (rels_ != nullptr) (*rels_)(rel, depth);
            if (const auto* d = std::get_if<DerivedRel>(&rel.source)) query(d->query, depth + 1);
            if (const auto* f = std::get_if<FunctionRel>(&rel.source))
                for (const FunctionRel::Source& source : f->sources) exprs(source.args, depth);
        }
    }
    void from(const FromItem& item, std::uint32_t depth) {
        if (!item.join) return;
        from(item.join->left, depth);
        from(item.join->right, depth);
        expr(item.join->condition, depth);
    }
    void assignments(const std::vector<Assignment>& list, std::uint32_t depth) {
        for (const Assignment& a : list) expr(a.value, depth);
    }
    void insert(const Insert& i, std::uint32_t depth) {
        query(i.source, depth + 1);
        assignments(i.on_conflict.assignments, depth);
        expr(i.on_conflict.where, depth);
        exprs(i.returning, depth);
    }
    void update(const Update& u, std::uint32_t depth) {
        rels(u.rels, depth);
        for (const FromItem& item : u.from) from(item, depth);
        assignments(u.assignments, depth);
        expr(u.where, depth);
        exprs(u.returning, depth);
    }
    void erase(const Delete& d, std::uint32_t depth) {
        rels(d.rels, depth);
        for (const FromItem& item : d.from) from(item, depth);
        expr(d.where, depth);
        exprs(d.returning, depth);
    }

    const ExprVisitor* exprs_;
    const RelVisitor* rels_;
};

// ---- rewriting ----

class Rewriter {
  public:
    // `shift` is added to levels of CTE references that leave the root.
    Rewriter(ExprMapper map, std::uint32_t shift, const Zoning* zoning = nullptr)
        : map_(map), shift_(shift), zoning_(zoning) {}

    ExprPtr expr(const ExprPtr& e, std::uint32_t depth) {
        if (!e) return e;
        if (ExprPtr mapped = map_(e, depth)) return mapped;
        Expr copy = *e;
        const bool changed = parts(copy, depth);
        if (zoning_ != nullptr) return zoning_->expr(std::move(copy));
        return changed ? std::make_shared<const Expr>(std::move(copy)) : e;
    }
    QueryPtr query(const QueryPtr& q, std::uint32_t depth) {
        if (!q) return q;
        auto copy = std::make_shared<Query>(*q);
        ctes(copy->ctes, depth);
        rels(copy->rels, depth);
        for (FromItem& item : copy->from) from(item, depth);
        set(copy->where, depth);
        list(copy->group_by, depth);
        set(copy->having, depth);
        list(copy->targets, depth);
        const auto key = [&](ExprPtr& k) {  // stays the same object as its target
            const auto at = std::find(q->targets.begin(), q->targets.end(), k);
            if (at == q->targets.end())
                set(k, depth);
            else
                k = copy->targets[static_cast<std::size_t>(at - q->targets.begin())];
        };
        for (ExprPtr& k : copy->distinct_on) key(k);
        for (OrderKey& k : copy->order_by) key(k.key);
        set(copy->limit, depth);
        set(copy->offset, depth);
        for (auto& row : copy->values) list(row, depth);
        copy->left = query(copy->left, depth + 1);
        copy->right = query(copy->right, depth + 1);
        return copy;
    }

  private:
    bool set(ExprPtr& e, std::uint32_t depth) {
        ExprPtr next = expr(e, depth);
        const bool changed = next != e;
        e = std::move(next);
        return changed;
    }
    bool list(std::vector<ExprPtr>& items, std::uint32_t depth) {
        bool changed = false;
        for (ExprPtr& e : items) changed |= set(e, depth);
        return changed;
    }
    bool order(std::vector<Aggregate::Order>& items, std::uint32_t depth) {
        bool changed = false;
        for (Aggregate::Order& o : items) changed |= set(o.key, depth);
        return changed;
    }
    bool aggregate(Aggregate& a, std::uint32_t depth) {
        const bool args = list(a.args, depth);
        const bool filter = set(a.filter, depth);
        const bool direct = list(a.direct, depth);
        return order(a.order, depth) || args || filter || direct;
    }
    bool parts(Expr& e, std::uint32_t d) {
        return std::visit(
            Overload{[](Const&) { return false; }, [](Param&) { return false; },
                     [](ColumnRef&) { return false; }, [](DomainValue&) { return false; },
                     [&](Call& n) { return list(n.args, d); }, [&](Cast& n) { return set(n.arg, d); },
                     [&](Case& n) {
                         bool changed = set(n.otherwise, d);
                         for (Case::Branch& b : n.branches) {
                             changed |= set(b.condition, d);
                             changed |= set(b.result, d);
                         }
                         return changed;
                     },
                     [&](Logic& n) { return list(n.args, d); }, [&](Test& n) { return set(n.arg, d); },
                     [&](ArrayCompare& n) {
                         const bool left = set(n.left, d);
                         return set(n.array, d) || left;
                     },
                     [&](ArrayOf& n) { return list(n.items, d); }, [&](RowOf& n) { return list(n.items, d); },
                     [&](Subquery& n) {
                         const QueryPtr next = query(n.query, d + 1);
                         const bool changed = next != n.query;
                         n.query = next;
                         return list(n.left, d) || changed;
                     },
                     [&](Aggregate& n) { return aggregate(n, d); },
                     [&](Window& n) {
                         bool changed = list(n.args, d);
                         changed |= list(n.partition, d);
                         changed |= order(n.order, d);
                         for (FrameBound* bound : {&n.frame.start, &n.frame.end})
                             for (ExprPtr* part : {&bound->offset, &bound->negative, &bound->value})
                                 changed |= set(*part, d);
                         changed |= set(n.frame.key, d);
                         return (n.aggregate && aggregate(*n.aggregate, d)) || changed;
                     },
                     [&](DomainCheck& n) { return set(n.arg, d); }},
            e.node);
    }
    void ctes(std::vector<Cte>& items, std::uint32_t depth) {
        for (Cte& cte : items) {
            if (!cte.statement) continue;
            auto copy = std::make_shared<Statement>(*cte.statement);
            statement(*copy, depth + 1);
            cte.statement = std::move(copy);
        }
    }
    void statement(Statement& s, std::uint32_t depth) {
        if (auto* q = std::get_if<QueryPtr>(&s.body)) {
            *q = query(*q, depth);
            return;
        }
        ctes(s.ctes, depth);
        const std::uint32_t d = depth + 1;
        std::visit(Overload{[](QueryPtr&) {},
                            [&](Insert& i) {
                                i.source = query(i.source, d + 1);
                                for (Assignment& a : i.on_conflict.assignments) set(a.value, d);
                                set(i.on_conflict.where, d);
                                list(i.returning, d);
                            },
                            [&](Update& u) {
                                rels(u.rels, d);
                                for (FromItem& item : u.from) from(item, d);
                                for (Assignment& a : u.assignments) set(a.value, d);
                                set(u.where, d);
                                list(u.returning, d);
                            },
                            [&](Delete& e) {
                                rels(e.rels, d);
                                for (FromItem& item : e.from) from(item, d);
                                set(e.where, d);
                                list(e.returning, d);
                            }},
                   s.body);
    }
    void rels(std::vector<Rel>& items, std::uint32_t depth) {
        for (Rel& rel : items) {
            if (auto* d = std::get_if<DerivedRel>(&rel.source)) d->query = query(d->query, depth + 1);
            if (auto* c = std::get_if<CteRel>(&rel.source); c != nullptr && c->level >= depth)
                c->level += shift_;
            if (auto* f = std::get_if<FunctionRel>(&rel.source))
                for (FunctionRel::Source& source : f->sources) {
                    list(source.args, depth);
                    if (zoning_ != nullptr) source.zone = zoning_->zone;
                }
        }
    }
    void from(FromItem& item, std::uint32_t depth) {
        if (!item.join) return;
        auto join = std::make_shared<Join>(*item.join);
        from(join->left, depth);
        from(join->right, depth);
        set(join->condition, depth);
        item.join = std::move(join);
    }

    ExprMapper map_;
    std::uint32_t shift_;
    const Zoning* zoning_;
};

ExprPtr shift_ref(const ExprPtr& e, std::uint32_t depth, std::uint32_t by) {
    const auto* ref = std::get_if<ColumnRef>(&e->node);
    if (ref == nullptr || ref->level < depth) return nullptr;
    Expr copy = *e;
    std::get<ColumnRef>(copy.node).level += by;
    return std::make_shared<const Expr>(std::move(copy));
}

ExprPtr argument_for(const ExprPtr& e, std::uint32_t depth, const std::vector<ExprPtr>& arguments) {
    const auto* param = std::get_if<Param>(&e->node);
    if (param == nullptr || param->index >= arguments.size()) return nullptr;
    return shifted(arguments[param->index], depth);
}

bool same_list(const std::vector<ExprPtr>& a, const std::vector<ExprPtr>& b) {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), same);
}
bool same_order(const std::vector<Aggregate::Order>& a, const std::vector<Aggregate::Order>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& l, const auto& r) {
        return l.descending == r.descending && l.nulls_first == r.nulls_first && same(l.key, r.key);
    });
}
bool same_frame(const Frame& a, const Frame& b) {
    const auto bound = [](const FrameBound& l, const FrameBound& r) {
        return l.kind == r.kind && same(l.offset, r.offset) && same(l.value, r.value);
    };
    return a.mode == b.mode && a.exclusion == b.exclusion && bound(a.start, b.start) && bound(a.end, b.end);
}
bool same_const(const Const& a, const Const& b) {
    if (a.null || b.null) return a.null == b.null;
    return a.integer == b.integer && a.floating == b.floating && a.bytes == b.bytes;
}
bool same_aggregate(const Aggregate& a, const Aggregate& b) {
    return a.func == b.func && a.distinct == b.distinct && a.star == b.star && same_list(a.args, b.args) &&
           same(a.filter, b.filter) && same_order(a.order, b.order) && same_list(a.direct, b.direct);
}
bool same_branches(const Case& a, const Case& b) {
    return std::equal(a.branches.begin(), a.branches.end(), b.branches.begin(), b.branches.end(),
                      [](const auto& l, const auto& r) {
                          return same(l.condition, r.condition) && same(l.result, r.result);
                      });
}

struct SameNode {
    const Expr& other;
    template <typename T>
    const T& as() const {
        return std::get<T>(other.node);
    }
    bool operator()(const Const& n) const { return same_const(n, as<Const>()); }
    bool operator()(const Param& n) const { return n.index == as<Param>().index; }
    bool operator()(const ColumnRef& n) const {
        const auto& o = as<ColumnRef>();
        return n.level == o.level && n.rel == o.rel && n.column == o.column;
    }
    bool operator()(const Call& n) const {
        return n.func == as<Call>().func && same_list(n.args, as<Call>().args);
    }
    bool operator()(const Cast& n) const { return same(n.arg, as<Cast>().arg); }
    bool operator()(const Case& n) const {
        return same_branches(n, as<Case>()) && same(n.otherwise, as<Case>().otherwise);
    }
    bool operator()(const Logic& n) const {
        return n.op == as<Logic>().op && same_list(n.args, as<Logic>().args);
    }
    bool operator()(const Test& n) const { return n.op == as<Test>().op && same(n.arg, as<Test>().arg); }
    bool operator()(const ArrayCompare& n) const {
        const auto& o = as<ArrayCompare>();
        return n.compare == o.compare && n.all == o.all && same(n.left, o.left) && same(n.array, o.array);
    }
    bool operator()(const ArrayOf& n) const { return same_list(n.items, as<ArrayOf>().items); }
    bool operator()(const RowOf& n) const { return same_list(n.items, as<RowOf>().items); }
    bool operator()(const Subquery&) const { return false; }
    bool operator()(const Aggregate& n) const { return same_aggregate(n, as<Aggregate>()); }
    bool operator()(const Window& n) const {
        const auto& o = as<Window>();
        if (n.func != o.func || n.aggregate.has_value() != o.aggregate.has_value()) return false;
        if (n.aggregate && !same_aggregate(*n.aggregate, *o.aggregate)) return false;
        return same_list(n.args, o.args) && same_list(n.partition, o.partition) &&
               same_order(n.order, o.order) && same_frame(n.frame, o.frame);
    }
    bool operator()(const DomainValue&) const { return true; }
    bool operator()(const DomainCheck& n) const {
        return n.domain == as<DomainCheck>().domain && same(n.arg, as<DomainCheck>().arg);
    }
};

}  // namespace

void children(const Expr& expr, FunctionRef<void(const ExprPtr&)> visit) {
    const auto each = [&](const std::vector<ExprPtr>& list) {
        for (const ExprPtr& e : list) visit(e);
    };
    std::visit(
        Overload{[](const Const&) {}, [](const Param&) {}, [](const ColumnRef&) {}, [](const DomainValue&) {},
                 [&](const Call& n) { each(n.args); }, [&](const Cast& n) { visit(n.arg); },
                 [&](const Case& n) {
                     for (const Case::Branch& b : n.branches) {
                         visit(b.condition);
                         visit(b.result);
                     }
                     if (n.otherwise) visit(n.otherwise);
                 },
                 [&](const Logic& n) { each(n.args); }, [&](const Test& n) { visit(n.arg); },
                 [&](const ArrayCompare& n) {
                     visit(n.left);
                     visit(n.array);
                 },
                 [&](const ArrayOf& n) { each(n.items); }, [&](const RowOf& n) { each(n.items); },
                 [&](const Subquery& n) { each(n.left); },
                 [&](const Aggregate& n) { aggregate_children(n, visit); },
                 [&](const Window& n) {
                     each(n.args);
                     each(n.partition);
                     for (const Aggregate::Order& o : n.order) visit(o.key);
                     for (const FrameBound* bound : {&n.frame.start, &n.frame.end})
                         for (const ExprPtr* part : {&bound->offset, &bound->negative, &bound->value})
                             if (*part) visit(*part);
                     if (n.frame.key) visit(n.frame.key);
                     if (n.aggregate) aggregate_children(*n.aggregate, visit);
                 },
                 [&](const DomainCheck& n) { visit(n.arg); }},
        expr.node);
}

void walk(const ExprPtr& root, ExprVisitor visit) {
    Walker(&visit, nullptr).expr(root, 0);
}
void walk(const QueryPtr& root, ExprVisitor visit) {
    Walker(&visit, nullptr).query(root, 1);
}
void walk(const Statement& root, ExprVisitor visit) {
    Walker(&visit, nullptr).statement(root, 1);
}
void walk_rels(const QueryPtr& root, RelVisitor visit) {
    Walker(nullptr, &visit).query(root, 1);
}
void walk_rels(const ExprPtr& root, RelVisitor visit) {
    Walker(nullptr, &visit).expr(root, 0);
}
void walk_rels(const Statement& root, RelVisitor visit) {
    Walker(nullptr, &visit).statement(root, 1);
}

ExprPtr rewrite(const ExprPtr& root, ExprMapper map) {
    return Rewriter(map, 0).expr(root, 0);
}
QueryPtr rewrite(const QueryPtr& root, ExprMapper map) {
    return Rewriter(map, 0).query(root, 1);
}

ExprPtr shifted(const ExprPtr& root, std::uint32_t by) {
    if (by == 0 || !root) return root;
    const auto map = [by](const ExprPtr& e, std::uint32_t depth) { return shift_ref(e, depth, by); };
    return Rewriter(map, by).expr(root, 0);
}
QueryPtr shifted(const QueryPtr& root, std::uint32_t by) {
    if (by == 0 || !root) return root;
    const auto map = [by](const ExprPtr& e, std::uint32_t depth) { return shift_ref(e, depth, by); };
    return Rewriter(map, by).query(root, 1);
}

namespace binding {

// As shifted(), but the query's own WITH list stays where the query was: it counts as a scope around it.
QueryPtr shifted_from_with(const QueryPtr& root, std::uint32_t by) {
    const auto map = [by](const ExprPtr& e, std::uint32_t depth) { return shift_ref(e, depth + 1, by); };
    auto copy = std::make_shared<Query>(*root);
    copy->ctes.clear();
    return Rewriter(map, by).query(copy, 0);
}

}  // namespace binding

ExprPtr with_arguments(const ExprPtr& root, const std::vector<ExprPtr>& arguments) {
    return rewrite(root,
                   [&](const ExprPtr& e, std::uint32_t depth) { return argument_for(e, depth, arguments); });
}
QueryPtr with_arguments(const QueryPtr& root, const std::vector<ExprPtr>& arguments) {
    return rewrite(root,
                   [&](const ExprPtr& e, std::uint32_t depth) { return argument_for(e, depth, arguments); });
}

QueryPtr in_zone(const QueryPtr& root, const Zoning& zoning) {
    const auto as_it_is = [](const ExprPtr&, std::uint32_t) { return ExprPtr(); };
    return Rewriter(as_it_is, 0, &zoning).query(root, 1);
}

bool same(const ExprPtr& left, const ExprPtr& right) {
    if (left == right) return true;
    if (!left || !right) return false;
    if (left->type != right->type || left->node.index() != right->node.index() || left->zone != right->zone)
        return false;
    return std::visit(SameNode{*right}, left->node);
}

bool is_volatile(const ExprPtr& root) {
    bool found = false;
    walk(root, [&](const ExprPtr& e, std::uint32_t) {
        if (const auto* call = std::get_if<Call>(&e->node))
            found |= call->func == Func::random || call->func == Func::gen_random_uuid ||
                     call->func == Func::clock_timestamp;
        return !found;
    });
    return found;
}

std::vector<ExprPtr> conjuncts(const ExprPtr& condition) {
    std::vector<ExprPtr> out;
    const auto collect = [&](const auto& self, const ExprPtr& e) -> void {
        const auto* logic = std::get_if<Logic>(&e->node);
        if (logic == nullptr || logic->op != LogicOp::and_) return out.push_back(e);
        for (const ExprPtr& arg : logic->args) self(self, arg);
    };
    if (condition) collect(collect, condition);
    return out;
}

const Expr* uncast(const ExprPtr& expr) {
    const Expr* at = expr.get();
    while (at != nullptr) {
        if (const auto* cast = std::get_if<Cast>(&at->node))
            at = cast->arg.get();
        else if (const auto* check = std::get_if<DomainCheck>(&at->node))
            at = check->arg.get();
        else
            break;
    }
    return at;
}

}  // namespace anabranch::sql
