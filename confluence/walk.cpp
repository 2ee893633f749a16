#include "confluence/walk.h"

#include <variant>

namespace anabranch::confluence {

using namespace sql;

void Walker::statement(const Statement& statement) {
    if (const auto* query_body = std::get_if<QueryPtr>(&statement.body)) {
        query(**query_body);
        return;
    }
    ++writing_;
    scopes_.push_back({});
    ctes(statement.ctes);
    if (const auto* body = std::get_if<Insert>(&statement.body)) insert(*body);
    if (const auto* body = std::get_if<Update>(&statement.body)) update(*body);
    if (const auto* body = std::get_if<Delete>(&statement.body)) remove(*body);
    scopes_.pop_back();
    --writing_;
}

void Walker::ctes(const std::vector<Cte>& ctes) {
    for (const Cte& cte : ctes) statement(*cte.statement);
}

void Walker::query(const Query& query) {
    on_query(query);
    scopes_.push_back({&query.rels, {}, false});
    ctes(query.ctes);
    rels(query.rels);
    from(query.from);
    expression(query.where);
    list(query.group_by);
    expression(query.having);
    list(query.targets);
    expression(query.limit);
    expression(query.offset);
    for (const auto& row : query.values) list(row);
    if (query.left) this->query(*query.left);
    if (query.right) this->query(*query.right);
    scopes_.pop_back();
    after_query(query);
}

void Walker::rels(const std::vector<Rel>& rels) {
    for (const Rel& rel : rels) {
        if (const auto* table = std::get_if<TableRel>(&rel.source)) {
            on_rows(table->table);
        } else if (const auto* derived = std::get_if<DerivedRel>(&rel.source)) {
            query(*derived->query);
        } else if (const auto* function = std::get_if<FunctionRel>(&rel.source)) {
            on_opaque(rel);
            for (const auto& source : function->sources) list(source.args);
        } else {
            on_opaque(rel);
        }
    }
}

void Walker::from(const std::vector<FromItem>& items) {
    for (const FromItem& item : items) from_item(item);
}

void Walker::from_item(const FromItem& item) {
    if (!item.join) return;
    from_item(item.join->left);
    from_item(item.join->right);
    expression(item.join->condition);
}

void Walker::list(const std::vector<ExprPtr>& expressions) {
    for (const ExprPtr& e : expressions) expression(e);
}

void Walker::over_row(TableId table, const ExprPtr& e) {
    scopes_.push_back({nullptr, table, true});
    expression(e);
    scopes_.pop_back();
}

void Walker::expression(const ExprPtr& e) {
    if (e) node(*e);
}

void Walker::aggregate(const Aggregate& aggregate) {
    list(aggregate.args);
    expression(aggregate.filter);
    for (const auto& key : aggregate.order) expression(key.key);
    list(aggregate.direct);
}

void Walker::node(const Expr& e) {
    on_node(e);
    struct Visit {
        Walker& self;
        void operator()(const Const&) {}
        void operator()(const Param&) {}
        void operator()(const DomainValue&) {}
        void operator()(const ColumnRef& ref) {
            if (ref.level >= self.scopes_.size()) return;
            const Scope& scope = self.scopes_[self.scopes_.size() - 1 - ref.level];
            if (scope.has_row) {
                if (ref.rel < scope.rows) self.on_column(scope.row, ref.column);
            } else if (scope.rels != nullptr && ref.rel < scope.rels->size()) {
                if (const auto* table = std::get_if<TableRel>(&(*scope.rels)[ref.rel].source)) {
                    self.on_column(table->table, ref.column);
                }
            }
        }
        void operator()(const Call& call) { self.list(call.args); }
        void operator()(const Cast& cast) { self.expression(cast.arg); }
        void operator()(const Case& choice) {
            for (const auto& branch : choice.branches) {
                self.expression(branch.condition);
                self.expression(branch.result);
            }
            self.expression(choice.otherwise);
        }
        void operator()(const Logic& logic) { self.list(logic.args); }
        void operator()(const Test& test) { self.expression(test.arg); }
        void operator()(const ArrayCompare& compare) {
            self.expression(compare.left);
            self.expression(compare.array);
        }
        void operator()(const ArrayOf& array) { self.list(array.items); }
        void operator()(const RowOf& row) { self.list(row.items); }
        void operator()(const Subquery& subquery) {
            self.list(subquery.left);
            self.query(*subquery.query);
        }
        void operator()(const Aggregate& aggregate) { self.aggregate(aggregate); }
        void operator()(const Window& window) {
            if (window.aggregate) self.aggregate(*window.aggregate);
            self.list(window.args);
            self.list(window.partition);
            for (const auto& key : window.order) self.expression(key.key);
            for (const auto* bound : {&window.frame.start, &window.frame.end}) {
                self.expression(bound->offset);
                self.expression(bound->value);
            }
        }
        void operator()(const DomainCheck& check) { self.expression(check.arg); }
    };
    std::visit(Visit{*this}, e.node);
}

void Walker::insert(const Insert& insert) {
    on_insert(insert);
    scopes_.push_back({});
    if (insert.source) query(*insert.source);
    scopes_.back() = {nullptr, insert.table, true, 1};
    for (const Assignment& assignment : insert.on_conflict.assignments) expression(assignment.value);
    expression(insert.on_conflict.where);
    const std::uint32_t outside = writing_;
    writing_ = 0;
    list(insert.returning);
    writing_ = outside;
    scopes_.pop_back();
}

void Walker::update(const Update& update) {
    on_update(update);
    scopes_.push_back({&update.rels, {}, false});
    if (!update.rels.empty()) {
        rels({update.rels.begin() + 1, update.rels.end()});
    }
    from(update.from);
    expression(update.where);
    for (const Assignment& assignment : update.assignments) expression(assignment.value);
    const std::uint32_t outside = writing_;
    writing_ = 0;
    list(update.returning);
    writing_ = outside;
    scopes_.pop_back();
}

void Walker::remove(const Delete& remove) {
    on_delete(remove);
    scopes_.push_back({&remove.rels, {}, false});
    if (!remove.rels.empty()) {
        rels({remove.rels.begin() + 1, remove.rels.end()});
    }
    from(remove.from);
    expression(remove.where);
    const std::uint32_t outside = writing_;
    writing_ = 0;
    list(remove.returning);
    writing_ = outside;
    scopes_.pop_back();
}

namespace {

// Bits of the rels of the scope `depth` levels out that are referred to.
class RelBits {
  public:
    std::uint64_t bits = 0;
    bool subquery = false;

    void expression(const ExprPtr& e, std::uint32_t depth) {
        if (e) node(*e, depth);
    }
    void node(const Expr& e, std::uint32_t depth);

  private:
    void list(const std::vector<ExprPtr>& es, std::uint32_t depth) {
        for (const ExprPtr& e : es) expression(e, depth);
    }
    void aggregate(const Aggregate& a, std::uint32_t depth) {
        list(a.args, depth);
        expression(a.filter, depth);
        for (const auto& key : a.order) expression(key.key, depth);
        list(a.direct, depth);
    }
    void from(const FromItem& item, std::uint32_t depth) {
        if (!item.join) return;
        from(item.join->left, depth);
        from(item.join->right, depth);
        expression(item.join->condition, depth);
    }
    // The query is a scope of its own: inside, everything around is one level further out.
    void query(const Query& q, std::uint32_t depth) {
        ++depth;
        for (const Cte& cte : q.ctes) {
            if (const auto* body = std::get_if<QueryPtr>(&cte.statement->body)) query(**body, depth);
        }
        for (const Rel& rel : q.rels) {
            if (const auto* derived = std::get_if<DerivedRel>(&rel.source)) query(*derived->query, depth);
            if (const auto* function = std::get_if<FunctionRel>(&rel.source)) {
                for (const auto& source : function->sources) list(source.args, depth);
            }
        }
        for (const FromItem& item : q.from) from(item, depth);
        expression(q.where, depth);
        list(q.group_by, depth);
        expression(q.having, depth);
        list(q.targets, depth);
        expression(q.limit, depth);
        expression(q.offset, depth);
        for (const auto& row : q.values) list(row, depth);
        if (q.left) query(*q.left, depth);
        if (q.right) query(*q.right, depth);
    }
};

void RelBits::node(const Expr& e, std::uint32_t depth) {
    struct Visit {
        RelBits& self;
        std::uint32_t depth;
        void operator()(const Const&) {}
        void operator()(const Param&) {}
        void operator()(const DomainValue&) {}
        void operator()(const ColumnRef& ref) {
            if (ref.level == depth) self.bits |= std::uint64_t{1} << (ref.rel < 63 ? ref.rel : 63);
        }
        void operator()(const Call& call) { self.list(call.args, depth); }
        void operator()(const Cast& cast) { self.expression(cast.arg, depth); }
        void operator()(const Case& choice) {
            for (const auto& branch : choice.branches) {
                self.expression(branch.condition, depth);
                self.expression(branch.result, depth);
            }
            self.expression(choice.otherwise, depth);
        }
        void operator()(const Logic& logic) { self.list(logic.args, depth); }
        void operator()(const Test& test) { self.expression(test.arg, depth); }
        void operator()(const ArrayCompare& compare) {
            self.expression(compare.left, depth);
            self.expression(compare.array, depth);
        }
        void operator()(const ArrayOf& array) { self.list(array.items, depth); }
        void operator()(const RowOf& row) { self.list(row.items, depth); }
        void operator()(const Subquery& subquery) {
            self.subquery = true;
            self.list(subquery.left, depth);
            self.query(*subquery.query, depth);
        }
        void operator()(const Aggregate& aggregate) { self.aggregate(aggregate, depth); }
        void operator()(const Window& window) {
            if (window.aggregate) self.aggregate(*window.aggregate, depth);
            self.list(window.args, depth);
            self.list(window.partition, depth);
            for (const auto& key : window.order) self.expression(key.key, depth);
            for (const auto* bound : {&window.frame.start, &window.frame.end}) {
                self.expression(bound->offset, depth);
                self.expression(bound->value, depth);
            }
        }
        void operator()(const DomainCheck& check) { self.expression(check.arg, depth); }
    };
    std::visit(Visit{*this, depth}, e.node);
}

}  // namespace

std::uint64_t rels_of(const Expr& e, bool* has_subquery) {
    RelBits bits;
    bits.node(e, 0);
    if (has_subquery != nullptr) *has_subquery |= bits.subquery;
    return bits.bits;
}

}  // namespace anabranch::confluence
