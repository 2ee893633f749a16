// Ad-hoc statements: CALL, SELECT * FROM f(...) of a function that writes, and everything that lib/sql binds.
#include <algorithm>

#include "lib/catalog/bind_truncate.h"
#include "lib/catalog/load.h"
#include "lib/sql/ast.h"
#include "lib/sql/bind.h"
#include "lib/sql/builtin.h"
#include "lib/sql/parse.h"
#include "lib/sql/time_zone.h"
#include "lib/sql/value.h"

namespace anabranch::catalog {

namespace {

namespace ast = sql::ast;

sql::ExprPtr node(sql::Type type, Span at, decltype(sql::Expr::node) n) {
    return std::make_shared<const sql::Expr>(sql::Expr{type, at, std::move(n)});
}

std::string schema_of(const Transaction& t) {
    return t.schema.empty() ? "public" : t.schema;
}

// Routines of that name, those of the named schema or of public.
std::vector<std::uint32_t> candidates(const Schema& schema, const ast::QualifiedName& name) {
    std::vector<std::uint32_t> out;
    for (std::uint32_t i = 0; i < schema.transactions.size(); ++i) {
        const Transaction& t = schema.transactions[i];
        if (t.name == name.name && schema_of(t) == (name.schema.empty() ? "public" : name.schema))
            out.push_back(i);
    }
    return out;
}

Error no_routine(const Schema& schema, const ast::FunctionCall& call, bool procedure, Span at) {
    std::string text = std::string(procedure ? "procedure " : "function ") + call.name.describe() + "(";
    for (std::size_t i = 0; i < call.arguments.size(); ++i) text += i == 0 ? "..." : ", ...";
    Error error = Error::make(sqlstate::undefined_function, text + ") does not exist").with_span(at);
    std::vector<std::string> names;
    std::string known;
    for (const Transaction& t : schema.transactions) {
        names.push_back(t.display());
        if (t.name != call.name.name) continue;
        known = t.display() + "(";
        for (const Parameter& p : t.parameters)
            known += (known.ends_with("(") ? "" : ", ") + p.name + " " + sql::type_name(p.type);
        known += ")";
    }
    if (!known.empty())
        error.hint = "There is " + known + ".";
    else if (const std::string close = sql::closest_name(call.name.name, names); !close.empty())
        error.hint = "Perhaps you meant \"" + close + "\".";
    return error;
}

// Which parameter each argument is for; empty when the call does not fit.
std::optional<std::vector<const ast::Expr*>> arrange(const Transaction& t, const ast::FunctionCall& call,
                                                     bool out_too) {
    std::vector<const Parameter*> slots;
    for (const Parameter& p : t.parameters)
        if (out_too || p.mode != Parameter::Mode::out) slots.push_back(&p);
    if (call.arguments.size() > slots.size()) return {};
    std::vector<const ast::Expr*> out(t.parameters.size(), nullptr);
    for (std::size_t i = 0; i < call.arguments.size(); ++i) {
        const Parameter* p = slots[i];
        if (!call.arguments[i].name.empty()) {
            const auto named = std::find_if(slots.begin(), slots.end(), [&](const Parameter* s) {
                return s->name == call.arguments[i].name;
            });
            if (named == slots.end()) return {};
            p = *named;
        }
        if (out[p->index] != nullptr) return {};
        out[p->index] = &call.arguments[i].value;
    }
    for (const Parameter* p : slots)
        if (out[p->index] == nullptr && !p->default_value) return {};
    return out;
}

Result<std::vector<sql::ExprPtr>> bind_arguments(const Transaction& t,
                                                 const std::vector<const ast::Expr*>& given, Span at,
                                                 sql::BindContext& context) {
    std::vector<sql::ExprPtr> out;
    for (const Parameter& p : t.parameters) {
        if (p.mode == Parameter::Mode::out || given[p.index] == nullptr) {
            out.push_back(p.default_value && p.mode != Parameter::Mode::out ? p.default_value
                                                                            : node(p.type, at, sql::Const{}));
            continue;
        }
        TRY(sql::ExprPtr value, sql::bind_argument(*given[p.index], p.type, context));
        if (p.domain)
            value = node(p.type, given[p.index]->span, sql::DomainCheck{std::move(value), p.domain});
        out.push_back(std::move(value));
    }
    return out;
}

Result<BoundText::CallOf> bind_call(const Schema& schema, const ast::FunctionCall& call, bool procedure,
                                    Span at, sql::BindContext& context) {
    std::optional<Error> first;
    for (const std::uint32_t i : candidates(schema, call.name)) {
        const Transaction& t = schema.transactions[i];
        if (t.is_procedure != procedure) {
            if (procedure)
                first = Error::make("42809", t.name + " is not a procedure")
                            .with_span(at)
                            .with_hint("To call a function, use SELECT.");
            else
                first = Error::make("42809", t.name + " is a procedure")
                            .with_span(at)
                            .with_hint("To call a procedure, use CALL.");
            continue;
        }
        // PostgreSQL wants something in the place of OUT parameters in CALL; without it is accepted, too.
        std::optional<std::vector<const ast::Expr*>> slots = arrange(t, call, procedure);
        if (!slots) slots = arrange(t, call, false);
        if (!slots) continue;
        const std::vector<sql::BoundParameter> before = context.parameters;
        Result<std::vector<sql::ExprPtr>> arguments = bind_arguments(t, *slots, at, context);
        if (!arguments) {
            context.parameters = before;
            if (!first) first = arguments.error();
            continue;
        }
        if (t.skipped)
            return fail(
                Error::make(sqlstate::feature_not_supported, t.display() + " cannot be called: " + *t.skipped)
                    .with_span(at));
        return BoundText::CallOf{i, std::move(*arguments), !procedure};
    }
    return fail(first ? std::move(*first) : no_routine(schema, call, procedure, at));
}

// SELECT * FROM f(...) or SELECT f(...) and nothing else, where f is a routine that writes.
const ast::FunctionCall* writing_call(const Schema& schema, const ast::Statement& s) {
    const auto* q = std::get_if<ast::Query>(&s.node);
    const auto* select = q == nullptr ? nullptr : std::get_if<ast::Select>(&q->body);
    if (select == nullptr || select->items.size() != 1 || select->where || !select->group_by.empty() ||
        select->having || !q->order_by.empty() || q->limit || q->offset || !q->with.tables.empty() ||
        select->distinct != ast::DistinctKind::All)
        return nullptr;
    const ast::FunctionCall* call = nullptr;
    if (select->from.empty()) {
        call = std::get_if<ast::FunctionCall>(&select->items[0].expr.node);
    } else if (select->from.size() == 1 && std::holds_alternative<ast::Star>(select->items[0].expr.node)) {
        const auto* f = std::get_if<ast::FunctionRef>(&select->from[0].node);
        if (f != nullptr && f->functions.size() == 1 && !f->ordinality && f->columns.empty() &&
            f->alias.columns.empty())
            call = std::get_if<ast::FunctionCall>(&f->functions[0].call.node);
    }
    if (call == nullptr || call->over || call->filter || call->star) return nullptr;
    const std::vector<std::uint32_t> found = candidates(schema, call->name);
    const bool writes = std::any_of(found.begin(), found.end(), [&](std::uint32_t i) {
        const Transaction& t = schema.transactions[i];
        return !t.is_procedure && (!t.read_only || t.body.size() != 1);
    });
    return writes ? call : nullptr;
}

// JDBC writes {? = call f(?)} as SELECT * FROM f($1, $2) and declares as void what only comes back: that is
// no argument.
void drop_results(ast::Statement& s, std::span<const sql::Type> declared) {
    auto* q = std::get_if<ast::Query>(&s.node);
    auto* select = q == nullptr ? nullptr : std::get_if<ast::Select>(&q->body);
    if (select == nullptr) return;
    for (auto& from : select->from) {
        auto* f = std::get_if<ast::FunctionRef>(&from.node);
        auto* call = f == nullptr ? nullptr : std::get_if<ast::FunctionCall>(&f->functions[0].call.node);
        if (call == nullptr) continue;
        std::erase_if(call->arguments, [&](const ast::Argument& a) {
            const auto* parameter = std::get_if<ast::Parameter>(&a.value.node);
            if (parameter == nullptr) return false;
            const auto at = static_cast<std::size_t>(parameter->number) - 1;
            return at < declared.size() && declared[at].id == sql::TypeId::void_;
        });
    }
}

}  // namespace

namespace {

Result<BoundText> bind(const Schema& schema, std::string_view sent, std::span<const sql::Type> declared,
                       bool unknown_zone) {
    const auto [text, zone_name] = sql::split_zone(sent);
    TRY(std::vector<ast::Statement> statements, sql::parse_statements(std::string(text)));
    if (statements.empty()) return fail(sqlstate::syntax_error, "there is no statement");
    if (statements.size() > 1)
        return fail(
            Error::make(sqlstate::syntax_error, "cannot insert multiple commands into a prepared statement")
                .with_span(statements[1].span));
    if (std::any_of(declared.begin(), declared.end(), [](sql::Type t) { return t.id == sql::TypeId::void_; }))
        drop_results(statements[0], declared);
    sql::ZonePtr zone;
    if (!zone_name.empty()) {
        TRY(auto found, sql::TimeZone::of_setting(zone_name));
        zone = std::make_shared<const sql::TimeZone>(std::move(found));
    }
    return bind_parsed(schema, statements[0], declared, zone, unknown_zone);
}

}  // namespace

Result<BoundText> bind_text(const Schema& schema, std::string_view text,
                            std::span<const sql::Type> declared) {
    return bind(schema, text, declared, false);
}

Result<BoundText> bind_in_unknown_zone(const Schema& schema, std::string_view text,
                                       std::span<const sql::Type> declared) {
    return bind(schema, text, declared, true);
}

Result<BoundText> bind_parsed(const Schema& schema, const sql::ast::Statement& statement,
                              std::span<const sql::Type> declared, const sql::ZonePtr& zone,
                              bool unknown_zone) {
    sql::BindContext context(schema.names());
    context.infer = true;
    context.zone = zone;
    context.unknown_zone = unknown_zone;
    for (const sql::Type t : declared) context.parameters.push_back({{}, t, {}, false});
    BoundText out;
    if (const auto* truncate = std::get_if<ast::Truncate>(&statement.node)) {
        TRY(const ast::Statement rows, deletes_of(schema, *truncate, statement.span));
        TRY(out.statement, sql::bind_statement(rows, context));
        out.truncates = true;
        return out;
    }
    const auto* call = std::get_if<ast::Call>(&statement.node);
    const ast::FunctionCall* routine = call != nullptr ? &call->call : writing_call(schema, statement);
    if (routine != nullptr) {
        TRY(out.call, bind_call(schema, *routine, call != nullptr, routine->name.span, context));
        out.columns = schema.transactions[out.call->transaction].columns;
    } else {
        TRY(out.statement, sql::bind_statement(statement, context));
        out.columns = out.statement->columns;
    }
    for (std::size_t i = 0; i < context.parameters.size(); ++i) {
        const sql::BoundParameter& p = context.parameters[i];
        if (p.type.id == sql::TypeId::unknown && !p.type.array)
            return fail(
                Error::make("42P18", "could not determine data type of parameter $" + std::to_string(i + 1))
                    .with_span(p.span));
        out.parameter_types.push_back(p.type);
    }
    return out;
}

}  // namespace anabranch::catalog
