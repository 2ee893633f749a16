// Views, assertions and the initial rows.
#include "lib/base/overload.h"
#include "lib/catalog/finish.h"
#include "lib/sql/bind_walk.h"
#include "lib/sql/print.h"

namespace anabranch::catalog {

namespace {

sql::Relation view_relation(const DraftObject& o, const std::string& schema, const std::string& name,
                            sql::QueryPtr query) {
    (void)o;
    sql::Relation r;
    r.kind = sql::Relation::Kind::view;
    r.schema = schema;
    r.name = name;
    if (query)
        for (const sql::OutputColumn& c : query->columns) {
            sql::RelationColumn column;
            column.name = c.name;
            column.type = c.type;
            r.columns.push_back(std::move(column));
        }
    r.view = std::move(query);
    return r;
}

// CHECK (NOT EXISTS (Q)) is the view Q; any other condition e is SELECT WHERE NOT e.
ast::Query violations_of(const ast::CreateAssertion& a) {
    if (const auto* negated = std::get_if<ast::Not>(&a.condition.node))
        if (const auto* s = std::get_if<ast::Subquery>(&negated->operand->node);
            s != nullptr && s->kind == ast::SubqueryKind::Exists)
            return *s->query;
    ast::Query q;
    q.span = a.condition.span;
    ast::Expr where;
    where.span = a.condition.span;
    where.node = ast::Not{a.condition};
    ast::Select select;
    select.where = std::move(where);
    q.body = std::move(select);
    return q;
}

}  // namespace

void Finisher::objects() {
    for (const DraftObject& o : draft_.objects) {
        if (o.dropped) continue;
        std::visit(Overload{[&](const ast::CreateView& v) { view(o, v); },
                            [&](const ast::CreateRoutine& r) { routine(o, r); },
                            [&](const ast::CreateAssertion& a) { create_assertion(o, a); },
                            [](const ast::Statement&) {}},
                   o.node);
    }
}

void Finisher::view(const DraftObject& o, const ast::CreateView& v) {
    const bool assertion = o.schema == "assertion";
    if (v.temporary)
        return reporter_.warn(o.span,
                              "the temporary view " + o.name + " is skipped: it belongs to one session");
    sql::BindContext bind = context(o.path);
    Result<sql::QueryPtr> query = sql::bind_query(*v.query, bind);
    if (!query) {
        names_->add(view_relation(o, o.schema, o.name, nullptr));
        const std::string what = assertion ? "the assertion " + o.name : "the view " + o.name;
        return warn_or_fail(
            std::move(query.error()), what,
            assertion ? "it is not checked, and nothing promises that it stays empty" : "it cannot be read");
    }
    if (!v.columns.empty()) {
        auto named = std::make_shared<sql::Query>(**query);
        if (v.columns.size() > named->columns.size())
            return reporter_.error(
                Error::make(sqlstate::syntax_error, "CREATE VIEW specifies more column names than columns")
                    .with_span(o.span));
        for (std::size_t i = 0; i < v.columns.size(); ++i) named->columns[i].name = v.columns[i];
        *query = std::move(named);
    }
    names_->add(view_relation(o, o.schema, o.name, *query));
    if (assertion) return assertion_view(o, o.name, *query, sql::print(*v.query), false);
    schema_->views.push_back({o.schema, o.name, *query, sql::print(*v.query)});
}

void Finisher::create_assertion(const DraftObject& o, const ast::CreateAssertion& a) {
    sql::BindContext bind = context(o.path);
    Result<sql::QueryPtr> query = sql::bind_query(violations_of(a), bind);
    if (!query) return warn_or_fail(std::move(query.error()), "the assertion " + o.name, "it is not checked");
    if (names_->relation("assertion", o.name) != nullptr)
        return reporter_.error(
            Error::make(sqlstate::duplicate_object, "assertion \"" + o.name + "\" already exists")
                .with_span(o.span));
    names_->add(view_relation(o, "assertion", o.name, *query));
    assertion_view(o, o.name, *query, "CHECK (" + sql::print(a.condition) + ")", a.initially_deferred);
}

void Finisher::assertion_view(const DraftObject& o, const std::string& name, sql::QueryPtr query,
                              std::string text, bool deferred) {
    Invariant out;
    out.name = "assertion." + name;
    out.kind = InvariantKind::assertion;
    out.text = std::move(text);
    out.at = reporter_.place(o.span);
    out.deferred = deferred;
    std::set<TableId> tables;
    std::optional<TableId> first;
    sql::walk_rels(query, [&](const sql::Rel& rel, std::uint32_t) {
        const auto* table = std::get_if<sql::TableRel>(&rel.source);
        if (table == nullptr) return;
        if (!first) first = table->table;
        tables.insert(table->table);
    });
    bool moves = false;
    sql::walk(query, [&](const sql::ExprPtr& e, std::uint32_t) {
        if (const auto* call = std::get_if<sql::Call>(&e->node))
            moves |= call->func == sql::Func::now || call->func == sql::Func::random ||
                     call->func == sql::Func::clock_timestamp || call->func == sql::Func::current_date ||
                     call->func == sql::Func::localtimestamp;
        return true;
    });
    if (!first) return reporter_.warn(o.span, "the assertion " + name + " reads no table: it is not checked");
    if (moves)
        reporter_.warn(o.span, "the assertion " + name +
                                   " depends on the time or on chance: it is checked when rows are written, "
                                   "not when time passes");
    out.table = *first;
    out.table_name = schema_->table(*first).display();
    out.what = AssertionInvariant{std::move(query), {tables.begin(), tables.end()}};
    assertions_.push_back(std::move(out));
}

void Finisher::inserts() {
    for (const DraftObject& o : draft_.objects) {
        const auto* statement = std::get_if<ast::Statement>(&o.node);
        if (o.dropped || statement == nullptr) continue;
        const auto& insert = std::get<ast::Insert>(statement->node);
        if (draft_.partitions.contains({draft_.target_schema(insert.table.name), insert.table.name.name})) {
            reporter_.warn(o.span, "rows inserted into the partition " + o.name +
                                       " are left out: insert into its table");
            continue;
        }
        sql::BindContext bind = context(o.path);
        Result<sql::StatementPtr> bound = sql::bind_statement(*statement, bind);
        if (!bound) {
            warn_or_fail(std::move(bound.error()), "this INSERT",
                         "its rows are not part of the initial state");
            continue;
        }
        take_warnings(bind);
        schema_->initial.push_back(std::move(*bound));
    }
}

}  // namespace anabranch::catalog
