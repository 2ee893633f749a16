// Procedures and functions: transactions, and the signatures by which expressions may call them.
#include <algorithm>

#include "lib/base/overload.h"
#include "lib/catalog/finish.h"
#include "lib/sql/bind_walk.h"
#include "lib/sql/print.h"

namespace anabranch::catalog {

namespace {

Volatility volatility_of(ast::Volatility v) {
    switch (v) {
        case ast::Volatility::Volatile:
            return Volatility::volatile_;
        case ast::Volatility::Stable:
            return Volatility::stable;
        case ast::Volatility::Immutable:
            return Volatility::immutable;
    }
    return Volatility::volatile_;
}

bool is_trigger(const ast::CreateRoutine& r) {
    return r.returns && (r.returns->name.name == "trigger" || r.returns->name.name == "event_trigger");
}

bool writes(const sql::Statement& s) {
    if (!std::holds_alternative<sql::QueryPtr>(s.body)) return true;
    const auto& q = std::get<sql::QueryPtr>(s.body);
    return std::any_of(q->ctes.begin(), q->ctes.end(),
                       [](const sql::Cte& c) { return writes(*c.statement); });
}

// The last statement with its output columns converted and named.
Result<sql::StatementPtr> with_result(const sql::StatementPtr& last,
                                      const std::vector<sql::OutputColumn>& columns, Span at,
                                      const sql::BindContext& context) {
    std::vector<sql::Type> types;
    for (const sql::OutputColumn& c : columns) types.push_back(c.type);
    if (last->columns.size() != columns.size())
        return fail(Error::make("42P13", "the final statement returns " +
                                             std::to_string(last->columns.size()) + " columns where " +
                                             std::to_string(columns.size()) + " are declared")
                        .with_span(last->span));
    auto out = std::make_shared<sql::Statement>(*last);
    if (auto* q = std::get_if<sql::QueryPtr>(&out->body)) {
        TRY(sql::QueryPtr typed, sql::with_output_types(*q, types, at, context));
        auto named = std::make_shared<sql::Query>(*typed);
        for (std::size_t i = 0; i < columns.size(); ++i) named->columns[i].name = columns[i].name;
        *q = named;
        out->columns = named->columns;
        return sql::StatementPtr(std::move(out));
    }
    for (std::size_t i = 0; i < columns.size(); ++i)
        if (last->columns[i].type.id != types[i].id || last->columns[i].type.array != types[i].array)
            return fail(Error::make(sqlstate::feature_not_supported,
                                    "RETURNING a type other than the declared one is not supported")
                            .with_span(last->span)
                            .with_hint("Cast the expression after RETURNING."));
    for (std::size_t i = 0; i < columns.size(); ++i) out->columns[i].name = columns[i].name;
    return sql::StatementPtr(std::move(out));
}

sql::ExprPtr node(sql::Type type, decltype(sql::Expr::node) n) {
    return std::make_shared<const sql::Expr>(sql::Expr{type, {}, std::move(n)});
}

// STRICT: NULL for a NULL argument, whatever the body says.
sql::QueryPtr strict_body(const sql::QueryPtr& body, const std::vector<sql::Type>& in) {
    if (in.empty() || body->columns.size() != 1) return body;
    const sql::Type boolean{sql::TypeId::bool_};
    std::vector<sql::ExprPtr> tests;
    for (std::uint32_t i = 0; i < in.size(); ++i)
        tests.push_back(node(boolean, sql::Test{sql::TestOp::is_not_null, node(in[i], sql::Param{i})}));
    auto out = std::make_shared<sql::Query>();
    const sql::Type type = body->columns[0].type;
    const sql::ExprPtr value =
        node(type, sql::Subquery{sql::SubqueryKind::scalar, sql::shifted(body, 1), {}, {}});
    out->targets.push_back(
        node(type, sql::Case{{{node(boolean, sql::Logic{sql::LogicOp::and_, tests}), value}}, nullptr}));
    out->columns = body->columns;
    return out;
}

}  // namespace

bool Finisher::parameters(const DraftObject& o, const ast::CreateRoutine& r, Transaction& t,
                          sql::BindContext& bind) {
    draft_.path = o.path;
    std::uint32_t index = 0;
    for (const ast::RoutineParameter& p : r.parameters) {
        if (p.mode == ast::ParameterMode::Table) continue;
        Result<DraftType> type = draft_.resolve_type(p.type, reporter_);
        if (!type) {
            t.skipped = "a parameter has the type " + p.type.name.describe() + ", which is not modelled";
            if (type.error().sqlstate == sqlstate::undefined_object &&
                draft_.find_table(p.type.name) == nullptr && std::holds_alternative<ast::SqlBody>(r.body) &&
                !p.type.name.name.starts_with("any"))
                reporter_.error(std::move(type.error()));
            else
                reporter_.warn(p.span, t.display() + " is skipped: " + *t.skipped);
            return false;
        }
        Parameter out;
        out.name = p.name;
        out.type = type->type;
        if (type->domain) out.domain = domains_[*type->domain];
        out.fresh = merge_domain(*type) == "fresh";
        out.index = index++;
        out.mode = p.mode == ast::ParameterMode::Out        ? Parameter::Mode::out
                   : p.mode == ast::ParameterMode::InOut    ? Parameter::Mode::inout
                   : p.mode == ast::ParameterMode::Variadic ? Parameter::Mode::variadic
                                                            : Parameter::Mode::in;
        if (p.default_value) {
            sql::BindContext own = context(o.path);
            Result<sql::ExprPtr> value = sql::bind_value(*p.default_value, out.type, nullptr, own);
            if (value)
                out.default_value = std::move(*value);
            else
                reporter_.error(std::move(value.error()));
        }
        const bool readable = out.mode != Parameter::Mode::out;
        bind.parameters.push_back({readable ? out.name : std::string(), out.type, p.span, false});
        t.parameters.push_back(std::move(out));
    }
    return true;
}

namespace {

std::string body_text(const ast::CreateRoutine& r) {
    if (const auto* value = std::get_if<ast::ReturnBody>(&r.body))
        return "RETURN " + sql::print(value->value);
    std::string out = "BEGIN ATOMIC\n";
    for (const ast::Statement& s : std::get<ast::SqlBody>(r.body).statements)
        out += " " + sql::print(s) + ";\n";
    return out + "END";
}

}  // namespace

Result<void> Finisher::body(const ast::CreateRoutine& r, Transaction& t, sql::BindContext& bind) {
    if (const auto* value = std::get_if<ast::ReturnBody>(&r.body)) {
        ast::Query q;
        q.span = value->value.span;
        ast::SelectItem item;
        item.expr = value->value;
        item.span = value->value.span;
        ast::Select select;
        select.items.push_back(std::move(item));
        q.body = std::move(select);
        TRY(sql::QueryPtr bound, sql::bind_query(q, bind));
        auto statement = std::make_shared<sql::Statement>();
        statement->span = q.span;
        statement->columns = bound->columns;
        statement->body = std::move(bound);
        t.body.push_back(std::move(statement));
        return {};
    }
    for (const ast::Statement& s : std::get<ast::SqlBody>(r.body).statements) {
        TRY(sql::StatementPtr bound, sql::bind_statement(s, bind));
        t.body.push_back(std::move(bound));
    }
    return {};
}

Result<void> Finisher::result(const ast::CreateRoutine& r, Transaction& t, sql::BindContext& bind) {
    std::vector<sql::OutputColumn> columns;
    for (const ast::RoutineParameter& p : r.parameters) {
        if (p.mode != ast::ParameterMode::Table) continue;
        TRY(DraftType type, draft_.resolve_type(p.type, reporter_));
        columns.push_back({p.name, type.type, {}, 0});
    }
    t.returns_set = r.returns_table || (r.returns && r.returns->set_of);
    for (const Parameter& p : t.parameters)
        if (p.mode == Parameter::Mode::out || p.mode == Parameter::Mode::inout)
            columns.push_back(
                {p.name.empty() ? "column" + std::to_string(columns.size() + 1) : p.name, p.type, {}, 0});
    if (columns.empty() && r.returns && r.returns->name.name != "void") {
        if (const DraftTable* composite = draft_.find_table(r.returns->name)) {
            for (const Table& table : schema_->tables)
                if (table.schema == composite->schema && table.name == composite->name)
                    for (const Column& c : table.columns)
                        if (!c.hidden) columns.push_back({c.name, c.type, {}, 0});
        } else {
            TRY(DraftType type, draft_.resolve_type(*r.returns, reporter_));
            if (type.type.id == sql::TypeId::record)
                return fail(Error::make(sqlstate::feature_not_supported, "RETURNS record is not supported")
                                .with_span(r.returns->span));
            columns.push_back({t.name, type.type, {}, 0});
        }
    }
    if (columns.empty()) return {};
    if (t.body.empty())
        return fail(Error::make("42P13", "return type mismatch in function declared to return " + t.name)
                        .with_detail("The body is empty.")
                        .with_span(t.span));
    TRY(t.body.back(), with_result(t.body.back(), columns, t.span, bind));
    t.columns = t.body.back()->columns;
    return {};
}

Result<void> Finisher::settings(const ast::CreateRoutine& r, Transaction& t) {
    constexpr std::string_view prefix = "anabranch.";
    for (const ast::RoutineSetting& s : r.settings) {
        if (!s.name.starts_with(prefix)) continue;
        std::string value;
        for (const ast::Expr& e : s.values)
            if (const auto* l = std::get_if<ast::Literal>(&e.node))
                if (const auto* text = std::get_if<std::string>(&l->value)) value = *text;
        t.hints[s.name.substr(prefix.size())] = value;
        if (s.name != "anabranch.lost_update") continue;
        if (value != "allow")
            return fail(Error::make("22023", "invalid value for parameter \"anabranch.lost_update\": \"" +
                                                 value + "\"")
                            .with_span(s.span)
                            .with_hint("The only value is 'allow'."));
        t.allow_lost_update = true;
    }
    return {};
}

void Finisher::sign(const Transaction& t) {
    sql::RoutineSignature s;
    s.schema = t.schema;
    s.name = t.name;
    s.transaction = static_cast<std::uint32_t>(schema_->transactions.size());
    s.is_procedure = t.is_procedure;
    s.returns_set = t.returns_set;
    s.read_only = t.read_only;
    s.columns = t.columns;
    bool plain = true;  // the n-th argument is Param n
    for (const Parameter& p : t.parameters) {
        if (p.mode == Parameter::Mode::out) continue;
        plain &= p.index == s.in_types.size() && p.mode == Parameter::Mode::in;
        s.in_types.push_back(p.type);
        s.in_names.push_back(p.name);
        s.in_defaults.push_back(p.default_value);
        if (!p.default_value) s.required = static_cast<std::uint32_t>(s.in_types.size());
    }
    const bool single = t.body.size() == 1 && std::holds_alternative<sql::QueryPtr>(t.body[0]->body);
    if (plain && single && t.read_only && !t.is_procedure && !t.skipped)
        s.inline_body = std::get<sql::QueryPtr>(t.body[0]->body);
    names_->add_routine(std::move(s));
}

void Finisher::routine(const DraftObject& o, const ast::CreateRoutine& r) {
    if (is_trigger(r)) return;
    Transaction t;
    t.schema = o.schema;
    t.name = o.name;
    t.is_procedure = r.kind == ast::RoutineKind::Procedure;
    t.volatility = volatility_of(r.volatility);
    t.span = r.name.span.known ? r.name.span : o.span;
    t.at = reporter_.place(t.span);
    sql::BindContext bind = context(o.path);
    bind.routine = o.name;
    const bool known = parameters(o, r, t, bind);
    if (!known && !t.skipped) return;
    if (Result<void> set = settings(r, t); !set) reporter_.error(std::move(set.error()));
    if (const auto* other = std::get_if<ast::Skipped>(&r.body); other != nullptr && known) {
        t.skipped = "its body is in " + other->language + ", which is not read";
        reporter_.warn(t.span, t.display() + " is skipped: " + *t.skipped +
                                   ", so nothing is promised about what it does");
        if (r.returns && r.returns->name.name != "void" && !r.returns->set_of)
            if (Result<DraftType> type = draft_.resolve_type(*r.returns, reporter_))
                t.columns.push_back({t.name, type->type, {}, 0});
    }
    if (!t.skipped) {
        t.text = body_text(r);
        Result<void> bound = body(r, t, bind);
        if (bound) bound = result(r, t, bind);
        sql::warn_of_shadowed_parameters(bind);
        take_warnings(bind);
        if (!bound) {
            t.body.clear();
            t.skipped = bound.error().message;
            if (bound.error().sqlstate == sqlstate::feature_not_supported || draft_.renamed)
                reporter_.warn(bound.error().span,
                               t.display() + " is skipped: " + *t.skipped +
                                   "; nothing is promised about it, and it cannot be called");
            else
                reporter_.error(std::move(bound.error()));
        }
    }
    const bool any_write =
        std::any_of(t.body.begin(), t.body.end(), [](const sql::StatementPtr& s) { return writes(*s); });
    t.read_only = !t.skipped && !any_write;
    if (any_write && t.volatility != Volatility::volatile_ && !t.skipped)
        reporter_.error(Error::make(sqlstate::feature_not_supported,
                                    t.name + " writes, but is declared STABLE or IMMUTABLE")
                            .with_span(t.span)
                            .with_hint("Leave the word out: a function that writes is VOLATILE."));
    if (r.strict && t.read_only && t.body.size() == 1) {
        std::vector<sql::Type> in;
        for (const Parameter& p : t.parameters) in.push_back(p.type);
        auto copy = std::make_shared<sql::Statement>(*t.body[0]);
        copy->body = strict_body(std::get<sql::QueryPtr>(copy->body), in);
        t.body[0] = std::move(copy);
    }
    sign(t);
    schema_->transactions.push_back(std::move(t));
}

}  // namespace anabranch::catalog
