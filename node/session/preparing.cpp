// From a client's text to a Statement: what the replica runs, and the utility statements that a session
// carries out itself.
#include <algorithm>
#include <utility>

#include "lib/sql/bind_walk.h"
#include "lib/sql/parse.h"
#include "lib/sql/print.h"
#include "lib/sql/time_zone.h"
#include "node/session/backend.h"
#include "node/session/copying.h"
#include "node/session/explaining.h"
#include "node/session/utility.h"

namespace anabranch::session {

namespace ast = sql::ast;
using pgwire::Prepared;

namespace {

sql::OutputColumn text_column(std::string name) {
    return {std::move(name), sql::Type{sql::TypeId::text}, {}, 0};
}

bool is_rows(const ast::Statement& statement) {
    return std::holds_alternative<ast::Query>(statement.node) ||
           std::holds_alternative<ast::Insert>(statement.node) ||
           std::holds_alternative<ast::Update>(statement.node) ||
           std::holds_alternative<ast::Delete>(statement.node) ||
           std::holds_alternative<ast::Merge>(statement.node) ||
           std::holds_alternative<ast::Truncate>(statement.node) ||
           std::holds_alternative<ast::Call>(statement.node);
}

bool is_call(std::string_view text) {
    constexpr std::string_view word = "CALL";
    return text.size() >= word.size() && std::equal(word.begin(), word.end(), text.begin(),
                                                    [](char a, char b) { return a == (b & ~0x20); });
}

Error unsupported(const ast::Statement& statement, std::string_view text) {
    const auto words = text.substr(statement.span.offset < text.size() ? statement.span.offset : 0, 40);
    std::string name;
    std::size_t count = 0;
    for (const char c : words) {
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))) {
            if (++count == 2 || (c != ' ' && c != '\n')) break;
        }
        name.push_back(c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c);
    }
    while (!name.empty() && name.back() == ' ') name.pop_back();
    return Error::make(sqlstate::feature_not_supported, name + " is not supported in a session")
        .with_span(statement.span)
        .with_hint(
            "A node serves one schema file: change the file and start the nodes with it. Reads, calls and "
            "single-statement writes work here.");
}

// Of a text that was made from the client's: a place in it would point at something else there.
template <class T>
Result<T> elsewhere(Result<T> prepared) {
    if (!prepared) prepared.error().span = {};
    return prepared;
}

}  // namespace

Result<std::vector<std::pair<std::uint32_t, std::uint32_t>>> Backend::split(std::string_view text) {
    // The grammar does not know this one.
    if (const auto at = explained_statement(text); at && is_call(text.substr(*at)))
        return std::vector{std::pair{0U, static_cast<std::uint32_t>(text.size())}};
    TRY(const auto statements, sql::parse_statements(std::string(text)));
    std::vector<std::pair<std::uint32_t, std::uint32_t>> out;
    for (const auto& statement : statements) out.emplace_back(statement.span.offset, statement.span.size);
    return out;
}

std::string Backend::zone_name() const {
    return settings_.zone() == nullptr ? std::string() : settings_.zone()->name();
}

Result<replica::RunnablePtr> Backend::runnable(std::string_view text, std::span<const sql::Type> types) {
    if (settings_.zone() == nullptr) return host_.replica().prepare(text, types);
    return host_.replica().prepare(sql::with_zone(text, zone_name()), types);
}

// A prepared statement is in the zone that the session has when it is executed.
Result<replica::RunnablePtr> Backend::in_zone(const Statement& statement) {
    const auto& zone = settings_.zone();
    if (zone == nullptr ? statement.zone.empty() : statement.zone == zone->name()) return statement.runnable;
    const auto text = sql::split_zone(statement.runnable->text).text;
    TRY(const auto prepared, prepare(text, statement.runnable->bound->parameter_types));
    return static_cast<const Statement&>(*prepared).runnable;
}

Result<pgwire::PreparedPtr> Backend::prepare(std::string_view text, std::span<const sql::Type> types) {
    std::string key = sql::with_zone(text, zone_name());
    for (const auto type : types) key += '\0' + std::to_string(sql::oid_of(type));
    if (auto known = cache_.find(key)) return known;
    if (explained_statement(text)) return prepare_explain(text);
    TRY(auto statements, sql::parse_statements(std::string(text)));
    if (statements.empty()) return std::make_shared<Statement>();
    if (statements.size() > 1)
        return fail(sqlstate::syntax_error, "cannot insert multiple commands into a prepared statement");
    if (const auto* copy = std::get_if<ast::Copy>(&statements[0].node)) {
        TRY(auto copied, prepare_copy(*copy));
        cache_.keep(key, copied);
        return copied;
    }
    if (!is_rows(statements[0])) return prepare_utility(std::move(statements[0]), text, types);
    TRY(auto prepared, runnable(text, types));
    auto out = std::make_shared<Statement>();
    out->what = Prepared::Kind::query;
    out->types = prepared->bound->parameter_types;
    out->output = prepared->bound->columns;
    out->zone = zone_name();
    out->runnable = std::move(prepared);
    cache_.keep(key, out);
    return out;
}

Result<pgwire::PreparedPtr> Backend::prepare_utility(ast::Statement statement, std::string_view text,
                                                     std::span<const sql::Type> types) {
    auto out = std::make_shared<Statement>();
    if (std::holds_alternative<ast::Transaction>(statement.node))
        return prepare_transaction(std::move(statement));
    if (std::holds_alternative<ast::Fetch>(statement.node)) return prepare_fetch(std::move(statement));
    if (std::holds_alternative<ast::Prepare>(statement.node)) return prepare_named(std::move(statement));
    if (const auto* execute = std::get_if<ast::Execute>(&statement.node)) return prepare_execute(*execute);
    if (std::holds_alternative<ast::CloseCursor>(statement.node)) {
        out->what = Prepared::Kind::other;
    } else if (const auto* declared = std::get_if<ast::DeclareCursor>(&statement.node)) {
        TRY(out->runnable, elsewhere(runnable(sql::print(*declared->query), types)));
        out->zone = zone_name();
        out->types = out->runnable->bound->parameter_types;
        out->what = Prepared::Kind::query;
    } else if (std::holds_alternative<ast::SetVariable>(statement.node) ||
               std::holds_alternative<ast::ResetVariable>(statement.node)) {
        out->what = Prepared::Kind::set;
    } else if (const auto* show = std::get_if<ast::ShowVariable>(&statement.node)) {
        out->what = Prepared::Kind::show;
        if (show->name == "all")
            out->output = {text_column("name"), text_column("setting"), text_column("description")};
        else
            out->output = {text_column(show->name)};
    } else if (tag_without_effect(statement) != nullptr) {
        out->what = Prepared::Kind::other;
    } else {
        return fail(unsupported(statement, text));
    }
    out->utility = std::make_shared<const ast::Statement>(std::move(statement));
    return out;
}

Result<pgwire::PreparedPtr> Backend::prepare_transaction(ast::Statement statement) {
    auto out = std::make_shared<Statement>();
    switch (std::get<ast::Transaction>(statement.node).kind) {
        case ast::TransactionKind::Begin:
            out->what = Prepared::Kind::begin;
            break;
        case ast::TransactionKind::Commit:
            out->what = Prepared::Kind::commit;
            break;
        case ast::TransactionKind::Rollback:
            out->what = Prepared::Kind::rollback;
            break;
        case ast::TransactionKind::Savepoint:
        case ast::TransactionKind::Release:
        case ast::TransactionKind::RollbackTo:
            out->what = Prepared::Kind::savepoint;
            break;
        default:
            return fail(
                Error::make(sqlstate::feature_not_supported, "prepared transactions are not supported")
                    .with_span(statement.span)
                    .with_hint("Commit with COMMIT: nodes agree on what they must by themselves."));
    }
    out->utility = std::make_shared<const ast::Statement>(std::move(statement));
    return out;
}

Result<pgwire::PreparedPtr> Backend::prepare_fetch(ast::Statement statement) {
    const auto& fetched = std::get<ast::Fetch>(statement.node);
    const auto* columns = cursors_.columns(fetched.cursor);
    if (columns == nullptr) return fail("34000", "cursor \"" + fetched.cursor + "\" does not exist");
    auto out = std::make_shared<Statement>();
    out->what = fetched.move ? Prepared::Kind::other : Prepared::Kind::show;
    if (!fetched.move) out->output = *columns;
    out->utility = std::make_shared<const ast::Statement>(std::move(statement));
    return out;
}

Result<pgwire::PreparedPtr> Backend::prepare_named(ast::Statement statement) {
    const auto& named = std::get<ast::Prepare>(statement.node);
    TRY(const auto types, types_of(named, *host_.schema()));
    auto out = std::make_shared<Statement>();
    TRY(out->named, elsewhere(prepare(sql::print(*named.statement), types)));
    out->what = Prepared::Kind::other;
    out->utility = std::make_shared<const ast::Statement>(std::move(statement));
    return out;
}

Result<pgwire::PreparedPtr> Backend::prepare_execute(const ast::Execute& statement) {
    TRY(const auto named, named_.find(statement.name));
    TRY(const auto query, argument_query(statement, named->parameter_types(), *enum_labels()));
    auto out = std::make_shared<Statement>(static_cast<const Statement&>(*named));
    if (!query.empty()) {
        TRY(out->arguments, elsewhere(runnable(query, {})));
    }
    out->types.clear();
    return out;
}

Result<pgwire::PreparedPtr> Backend::prepare_copy(const ast::Copy& copy) {
    TRY(auto plan, plan_copy(*host_.schema(), copy, enum_labels()));
    auto out = std::make_shared<Statement>();
    out->what = Prepared::Kind::query;
    TRY(out->runnable, elsewhere(runnable(plan.statement, {})));
    out->zone = zone_name();
    if (!copy.from) plan.format.columns = out->runnable->bound->columns;
    out->copied = std::move(plan.format);
    return out;
}

Result<pgwire::PreparedPtr> Backend::prepare_explain(std::string_view text) {
    TRY_VOID(check_explain_options(text));
    const std::size_t at = *explained_statement(text);
    auto prepared = runnable(text.substr(at), {});
    if (!prepared) {
        Error error = std::move(prepared).error();
        if (error.span.size > 0) error.span.offset += static_cast<std::uint32_t>(at);
        return fail(std::move(error));
    }
    auto out = std::make_shared<Statement>();
    out->what = Prepared::Kind::show;
    out->types = (*prepared)->bound->parameter_types;
    out->output = {text_column("QUERY PLAN")};
    out->explained = explanation(**prepared, host_.replica().plan());
    return out;
}

}  // namespace anabranch::session
