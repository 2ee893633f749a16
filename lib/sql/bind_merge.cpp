// MERGE is what its actions are: an UPDATE, DELETE or INSERT each, of the rows for which its WHEN is the
// first that holds. They are one statement, whose WITH list has all of them but the last, so that each sees
// the rows as they were before it.
#include <algorithm>

#include "lib/base/overload.h"
#include "lib/sql/bind_internal.h"
#include "lib/sql/bind_walk.h"

namespace anabranch::sql::binding {

namespace {

ast::Expr expr_of(Span at, decltype(ast::Expr::node) node) {
    ast::Expr out;
    out.span = at;
    out.node = std::move(node);
    return out;
}

ast::Expr all_of(std::vector<ast::Expr> conditions) {
    if (conditions.size() == 1) return std::move(conditions.front());
    const Span at = conditions.front().span;
    return expr_of(at, ast::Logical{ast::LogicalKind::And, std::move(conditions)});
}

ast::Query query_of(ast::Select select, Span at) {
    ast::Query out;
    out.span = at;
    out.body = std::move(select);
    return out;
}

ast::TableRef table_ref(const ast::TableName& table) {
    ast::TableRef out;
    out.span = table.span;
    out.node = table;
    return out;
}

// SELECT FROM source JOIN target ON on: never run, and refused where PostgreSQL refuses the join.
ast::Query join_of(const ast::Merge& m) {
    ast::Join join;
    join.left = *m.source;  // which does not see the target
    join.right = table_ref(m.table);
    join.on = m.on;
    ast::Select select;
    ast::TableRef from;
    from.span = m.table.span;
    from.node = std::move(join);
    select.from.push_back(std::move(from));
    ast::Query out = query_of(std::move(select), m.table.span);
    out.with = m.with;
    return out;
}

ast::Expr no_match(const ast::Merge& m) {
    ast::Select matching;
    matching.from.push_back(table_ref(m.table));
    matching.where = m.on;
    const Span at = m.on.span;
    ast::Expr exists =
        expr_of(at, ast::Subquery{ast::SubqueryKind::Exists, query_of(std::move(matching), at)});
    return expr_of(at, ast::Not{std::move(exists)});
}

// The rows of one WHEN: matched or not, by none of those before it of its kind.
ast::Expr rows_of(const ast::Merge& m, std::size_t number) {
    const ast::MergeWhen& when = m.whens[number];
    std::vector<ast::Expr> out;
    out.push_back(when.matched ? m.on : no_match(m));
    for (std::size_t i = 0; i < number; ++i) {
        const ast::MergeWhen& before = m.whens[i];
        if (before.matched != when.matched) continue;
        out.push_back(
            expr_of(before.condition->span, ast::IsTest{ast::TestKind::True, true, before.condition}));
    }
    if (when.condition) out.push_back(*when.condition);
    return all_of(std::move(out));
}

// DEFAULT is what a column gets that is not listed.
void insert_listed(const ast::MergeWhen& when, const Relation& table, ast::Insert& out, ast::Select& source) {
    std::vector<ast::Target> columns = when.columns;
    if (columns.empty())
        for (const RelationColumn& column : table.columns)
            if (!column.hidden && columns.size() < when.values.size())
                columns.push_back(ast::Target{ast::At{when.span}, column.name, {}});
    const bool fits = columns.size() == when.values.size();  // or is refused when it is bound
    for (std::size_t i = 0; i < when.values.size(); ++i) {
        if (fits && std::holds_alternative<ast::DefaultValue>(when.values[i].node)) continue;
        source.items.push_back(ast::SelectItem{ast::At{when.values[i].span}, when.values[i], {}});
        if (fits) out.columns.push_back(columns[i]);
    }
    if (!fits) out.columns = when.columns;
}

ast::Statement action_of(const ast::Merge& m, std::size_t number, const Relation& table, Span at) {
    const ast::MergeWhen& when = m.whens[number];
    ast::Statement out;
    out.span = at;
    if (when.action == ast::MergeAction::Update) {
        ast::Update update;
        update.table = m.table;
        update.assignments = when.assignments;
        update.from.push_back(*m.source);
        update.where = rows_of(m, number);
        update.merge = true;
        out.node = std::move(update);
    } else if (when.action == ast::MergeAction::Delete) {
        ast::Delete erase;
        erase.table = m.table;
        erase.using_tables.push_back(*m.source);
        erase.where = rows_of(m, number);
        erase.merge = true;
        out.node = std::move(erase);
    } else {
        ast::Insert insert;
        insert.table = m.table;
        insert.table.alias = {};
        insert.overriding = when.overriding;
        insert.merge = true;
        ast::Select source;
        insert_listed(when, table, insert, source);
        source.from.push_back(*m.source);
        source.where = rows_of(m, number);
        insert.source = query_of(std::move(source), when.span.known ? when.span : at);
        out.node = std::move(insert);
    }
    return out;
}

Result<void> check_reachable(const ast::Merge& m, Span at) {
    for (const bool matched : {true, false}) {
        bool always = false;
        for (const ast::MergeWhen& when : m.whens) {
            if (when.matched != matched) continue;
            if (always)
                return fail(Error::make(sqlstate::syntax_error,
                                        "unreachable WHEN clause specified after unconditional WHEN clause")
                                .with_span(at));
            always = !when.condition;
        }
    }
    return {};
}

// The numbers of the WHENs that do something. What is deleted makes room for what is changed, and that for
// what is inserted.
std::vector<std::size_t> actions_of(const ast::Merge& m) {
    std::vector<std::size_t> out;
    for (std::size_t i = 0; i < m.whens.size(); ++i)
        if (m.whens[i].action != ast::MergeAction::Nothing) out.push_back(i);
    const auto place = [&](std::size_t number) {
        const ast::MergeAction action = m.whens[number].action;
        return action == ast::MergeAction::Delete ? 0 : action == ast::MergeAction::Update ? 1 : 2;
    };
    std::stable_sort(out.begin(), out.end(),
                     [&](std::size_t a, std::size_t b) { return place(a) < place(b); });
    return out;
}

ast::Statement nothing(const ast::Merge& m, Span at) {
    ast::Delete erase;
    erase.table = m.table;
    erase.where = expr_of(m.on.span, ast::Literal{false});
    erase.merge = true;
    ast::Statement out;
    out.span = at;
    out.node = std::move(erase);
    return out;
}

// ---- what has been bound ----

struct Rows {
    std::vector<Rel>* rels = nullptr;
    std::vector<FromItem>* from = nullptr;
    ExprPtr* where = nullptr;
};

Rows rows_of(Update& u) {
    return {&u.rels, &u.from, &u.where};
}
Rows rows_of(Delete& d) {
    return {&d.rels, &d.from, &d.where};
}

bool is_constant_row(const Rel& rel) {
    const auto* derived = std::get_if<DerivedRel>(&rel.source);
    if (derived == nullptr) return false;
    const Query& q = *derived->query;
    const bool one = q.set_op == SetOp::none && q.ctes.empty() && q.rels.empty() && !q.where && !q.grouped &&
                     !q.limit && !q.offset && q.values.size() <= 1;
    const std::vector<ExprPtr>& row = q.values.empty() ? q.targets : q.values[0];
    return one && row.size() == rel.columns.size() &&
           std::all_of(row.begin(), row.end(), [](const ExprPtr& e) {
               bool constant = !is_volatile(e);
               walk(e, [&](const ExprPtr& part, std::uint32_t) {
                   constant = constant && !std::holds_alternative<ColumnRef>(part->node) &&
                              !std::holds_alternative<Subquery>(part->node) &&
                              !std::holds_alternative<Window>(part->node);
                   return constant;
               });
               return constant;
           });
}

// Columns of a source of one row are what it says of them: then the action is one of rows that are named.
class ConstantRow {
  public:
    ConstantRow(const Rel& rel, std::uint32_t number)
        : query_(std::get<DerivedRel>(rel.source).query), number_(number) {}
    void operator()(ExprPtr& e) const {
        if (!e) return;
        e = rewrite(e, [&](const ExprPtr& part, std::uint32_t depth) -> ExprPtr {
            const auto* ref = std::get_if<ColumnRef>(&part->node);
            if (ref == nullptr || ref->level != depth || ref->rel != number_) return nullptr;
            return (query_->values.empty() ? query_->targets : query_->values[0])[ref->column];
        });
    }

  private:
    QueryPtr query_;
    std::uint32_t number_;
};

template <typename Change>
void put_in_row(Change& change, std::vector<Assignment>* assignments) {
    const Rows rows = rows_of(change);
    if (rows.rels->size() != 2 || !is_constant_row((*rows.rels)[1])) return;
    const ConstantRow put((*rows.rels)[1], 1);
    put(*rows.where);
    if (assignments != nullptr)
        for (Assignment& a : *assignments) put(a.value);
    rows.rels->pop_back();
    rows.from->clear();
}

void put_in_row(Insert& insert) {
    const Query& source = *insert.source;
    if (source.rels.size() != 1 || !is_constant_row(source.rels[0])) return;
    const ConstantRow put(source.rels[0], 0);
    auto copy = std::make_shared<Query>(source);
    for (ExprPtr& target : copy->targets) put(target);
    put(copy->where);
    copy->rels.clear();
    copy->from.clear();
    insert.source = std::move(copy);
}

std::shared_ptr<Statement> with_row_put_in(const StatementPtr& action) {
    auto copy = std::make_shared<Statement>(*action);
    if (auto* update = std::get_if<Update>(&copy->body)) put_in_row(*update, &update->assignments);
    if (auto* erase = std::get_if<Delete>(&copy->body)) put_in_row(*erase, nullptr);
    if (auto* insert = std::get_if<Insert>(&copy->body)) put_in_row(*insert);
    return copy;
}

bool is_merge(const Statement& s) {
    const auto* insert = std::get_if<Insert>(&s.body);
    const auto* update = std::get_if<Update>(&s.body);
    const auto* erase = std::get_if<Delete>(&s.body);
    return (insert != nullptr && insert->merge) || (update != nullptr && update->merge) ||
           (erase != nullptr && erase->merge);
}

ExprPtr condition_of(const Statement& s) {
    if (const auto* insert = std::get_if<Insert>(&s.body)) return insert->source->where;
    if (const auto* update = std::get_if<Update>(&s.body)) return update->where;
    return std::get<Delete>(s.body).where;
}

// The values of an INSERT are computed of one row: no aggregate, window or function that returns rows.
Result<void> check_values(const Statement& s, std::size_t rels, Span at) {
    const auto* insert = std::get_if<Insert>(&s.body);
    if (insert == nullptr || !insert->source) return {};
    const Query& q = *insert->source;
    if (q.grouped)
        return fail(Error::make("42803", "aggregate functions are not allowed in VALUES").with_span(at));
    if (q.rels.size() != rels)
        return fail(
            Error::make(sqlstate::feature_not_supported, "set-returning functions are not allowed in VALUES")
                .with_span(at));
    bool window = false;
    for (const ExprPtr& target : q.targets)
        walk(target, [&](const ExprPtr& e, std::uint32_t depth) {
            window |= depth == 0 && std::holds_alternative<Window>(e->node);
            return !window;
        });
    if (window) return fail(Error::make("42P20", "window functions are not allowed in VALUES").with_span(at));
    return {};
}

}  // namespace

Result<StatementPtr> Binding::merge(const ast::Merge& m, Span span, Scope* parent) {
    TRY(const Relation* table, target_table(m.table, "merging into"));
    TRY_VOID(check_reachable(m, span));
    TRY(const QueryPtr join, finished_query(join_of(m), parent));
    const std::vector<std::size_t> actions = actions_of(m);
    ast::Statement last = actions.empty() ? nothing(m, span) : action_of(m, actions.back(), *table, span);
    ast::With all = m.with;
    for (std::size_t i = 0; i + 1 < actions.size(); ++i) {
        ast::CommonTable action;
        action.span = span;
        action.name = "merge." + std::to_string(i + 1);
        action.statement = action_of(m, actions[i], *table, span);
        all.tables.push_back(std::move(action));
    }
    std::visit(Overload{[&](ast::Insert& i) { i.with = std::move(all); },
                        [&](ast::Update& u) { u.with = std::move(all); },
                        [&](ast::Delete& d) { d.with = std::move(all); }, [](auto&) {}},
               last.node);
    TRY(const StatementPtr bound, statement(last, parent));
    const std::shared_ptr<Statement> out = with_row_put_in(bound);
    auto source = std::make_shared<Query>(*join);
    source->ctes.clear();  // computed once
    bool twice = is_volatile(make({}, span, Subquery{SubqueryKind::exists, std::move(source), {}, {}}));
    TRY_VOID(check_values(*bound, join->rels.size() - 1, span));
    for (Cte& cte : out->ctes) {
        if (!is_merge(*cte.statement)) continue;
        TRY_VOID(check_values(*cte.statement, join->rels.size() - 1, span));
        twice = twice || is_volatile(condition_of(*cte.statement));
        cte.statement = with_row_put_in(cte.statement);
    }
    twice = twice || is_volatile(condition_of(*bound));
    if (twice && m.whens.size() > 1)
        return fail(unsupported("a volatile source or condition of MERGE", span));
    return StatementPtr(out);
}

}  // namespace anabranch::sql::binding
