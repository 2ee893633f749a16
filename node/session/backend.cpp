#include "node/session/backend.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "lib/exec/schema_plans.h"
#include "lib/sql/parse.h"
#include "lib/sql/print.h"
#include "node/session/copying.h"
#include "node/session/explaining.h"

namespace anabranch::session {

namespace ast = sql::ast;
using pgwire::Completion;
using pgwire::Outcome;
using pgwire::Prepared;
using pgwire::When;

namespace {

Completion done(std::string tag) {
    return {When::now, 0, Outcome{std::move(tag), {}, {}}};
}

sql::OutputColumn text_column(std::string name) {
    return {std::move(name), sql::Type{sql::TypeId::text}, {}, 0};
}

// Statements that ask for nothing this engine would do differently: they are answered with their tag.
const char* tag_without_effect(const ast::Statement& statement) {
    if (std::holds_alternative<ast::SetTransaction>(statement.node)) return "SET";
    if (std::holds_alternative<ast::SetConstraints>(statement.node)) return "SET CONSTRAINTS";
    if (std::holds_alternative<ast::Discard>(statement.node)) return "DISCARD ALL";
    if (std::holds_alternative<ast::Deallocate>(statement.node)) return "DEALLOCATE ALL";
    if (std::holds_alternative<ast::Listen>(statement.node)) return "LISTEN";
    if (std::holds_alternative<ast::Unlisten>(statement.node)) return "UNLISTEN";
    if (const auto* vacuum = std::get_if<ast::Vacuum>(&statement.node))
        return vacuum->analyze_only ? "ANALYZE" : "VACUUM";
    return nullptr;
}

bool is_rows(const ast::Statement& statement) {
    return std::holds_alternative<ast::Query>(statement.node) ||
           std::holds_alternative<ast::Insert>(statement.node) ||
           std::holds_alternative<ast::Update>(statement.node) ||
           std::holds_alternative<ast::Delete>(statement.node) ||
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

// Settings in the words of a server's command line, as libpq's PGOPTIONS has them: -c name=value,
// --name=value. A backslash keeps a blank in a word.
std::vector<std::pair<std::string, std::string>> command_line(std::string_view text) {
    std::vector<std::string> words(1);
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == ' ')
            words.emplace_back();
        else
            words.back() += text[i] == '\\' && i + 1 < text.size() ? text[++i] : text[i];
    }
    std::vector<std::pair<std::string, std::string>> out;
    for (std::size_t i = 0; i < words.size(); ++i) {
        std::string word = words[i];
        if (word == "-c" && i + 1 < words.size())
            word = words[++i];
        else if (word.starts_with("-c") || word.starts_with("--"))
            word.erase(0, 2);
        const auto equals = word.find('=');
        if (equals == std::string::npos) continue;
        std::string name = word.substr(0, equals);
        std::replace(name.begin(), name.end(), '-', '_');
        out.emplace_back(std::move(name), word.substr(equals + 1));
    }
    return out;
}

// The value of a SET: its literals joined as PostgreSQL joins lists.
std::string value_text(const std::vector<ast::Expr>& values) {
    std::string out;
    for (const auto& value : values) {
        if (!out.empty()) out += ", ";
        const auto* expression = &value;
        while (const auto* cast = std::get_if<ast::Cast>(&expression->node)) expression = &*cast->operand;
        const auto* literal = std::get_if<ast::Literal>(&expression->node);
        if (literal == nullptr) continue;
        if (const auto* text = std::get_if<std::string>(&literal->value))
            out += *text;
        else if (const auto* integer = std::get_if<std::int64_t>(&literal->value))
            out += std::to_string(*integer);
        else if (const auto* number = std::get_if<ast::Number>(&literal->value))
            out += number->text;
        else if (const auto* boolean = std::get_if<bool>(&literal->value))
            out += *boolean ? "on" : "off";
    }
    return out;
}

}  // namespace

pgwire::PreparedPtr StatementCache::find(const std::string& key) const {
    const auto found = statements_.find(key);
    return found == statements_.end() ? nullptr : found->second;
}
void StatementCache::keep(const std::string& key, pgwire::PreparedPtr statement) {
    if (statements_.size() >= size_max) statements_.clear();
    statements_[key] = std::move(statement);
}

Backend::Backend(Host& host, StatementCache& cache, std::uint64_t session)
    : host_(host), cache_(cache), session_(session) {
    host_.replica().step(replica::OpenSession{session_}, host_.now(), host_.outputs());
}
Backend::~Backend() {
    host_.replica().step(replica::CloseSession{session_}, host_.now(), host_.outputs());
}

Result<void> Backend::connect(const std::string& user, const std::string& database,
                              const std::vector<std::pair<std::string, std::string>>& settings) {
    if (refusal_) return std::unexpected(*refusal_);
    user_ = user;
    database_ = database;
    for (const auto& [name, value] : host_.defaults()) TRY_VOID(settings_.set_default(name, value));
    (void)settings_.set("session_authorization", user);
    const auto begin_with = [&](const std::string& name, const std::string& value) -> Result<void> {
        return name.starts_with("anabranch.") ? host_.replica().set(session_, name, value)
                                              : settings_.set(name, value);
    };
    for (const auto& [name, value] : settings) {
        if (name.starts_with("_pq_.") || name == "replication") continue;
        if (name != "options") {
            TRY_VOID(begin_with(name, value));
            continue;
        }
        for (const auto& [option, given] : command_line(value)) TRY_VOID(begin_with(option, given));
    }
    return {};
}

const sql::EnumLabels* Backend::enum_labels() const {
    return &exec::plans_of(*host_.schema());
}

// ---- preparing ----

Result<std::vector<std::pair<std::uint32_t, std::uint32_t>>> Backend::split(std::string_view text) {
    // The grammar does not know this one.
    if (const auto at = explained_statement(text); at && is_call(text.substr(*at)))
        return std::vector{std::pair{0U, static_cast<std::uint32_t>(text.size())}};
    TRY(const auto statements, sql::parse_statements(std::string(text)));
    std::vector<std::pair<std::uint32_t, std::uint32_t>> out;
    for (const auto& statement : statements) out.emplace_back(statement.span.offset, statement.span.size);
    return out;
}

Result<pgwire::PreparedPtr> Backend::prepare(std::string_view text, std::span<const sql::Type> types) {
    std::string key(text);
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
    TRY(auto runnable, host_.replica().prepare(text, types));
    auto out = std::make_shared<Statement>();
    out->what = Prepared::Kind::query;
    out->types = runnable->bound->parameter_types;
    out->output = runnable->bound->columns;
    out->runnable = std::move(runnable);
    cache_.keep(key, out);
    return out;
}

Result<pgwire::PreparedPtr> Backend::prepare_utility(ast::Statement statement, std::string_view text,
                                                     std::span<const sql::Type> types) {
    auto out = std::make_shared<Statement>();
    if (std::holds_alternative<ast::Transaction>(statement.node))
        return prepare_transaction(std::move(statement));
    if (std::holds_alternative<ast::Fetch>(statement.node)) return prepare_fetch(std::move(statement));
    if (std::holds_alternative<ast::CloseCursor>(statement.node)) {
        out->what = Prepared::Kind::other;
    } else if (const auto* declared = std::get_if<ast::DeclareCursor>(&statement.node)) {
        TRY(out->runnable, host_.replica().prepare(sql::print(*declared->query), types));
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

Result<pgwire::PreparedPtr> Backend::prepare_copy(const ast::Copy& copy) {
    TRY(auto plan, plan_copy(*host_.schema(), copy, enum_labels()));
    auto out = std::make_shared<Statement>();
    out->what = Prepared::Kind::query;
    TRY(out->runnable, host_.replica().prepare(plan.statement, {}));
    if (!copy.from) plan.format.columns = out->runnable->bound->columns;
    out->copied = std::move(plan.format);
    return out;
}

Result<pgwire::PreparedPtr> Backend::prepare_explain(std::string_view text) {
    TRY_VOID(check_explain_options(text));
    const std::size_t at = *explained_statement(text);
    auto runnable = host_.replica().prepare(text.substr(at), {});
    if (!runnable) {
        Error error = std::move(runnable).error();
        if (error.span.size > 0) error.span.offset += static_cast<std::uint32_t>(at);
        return fail(std::move(error));
    }
    auto out = std::make_shared<Statement>();
    out->what = Prepared::Kind::show;
    out->types = (*runnable)->bound->parameter_types;
    out->output = {text_column("QUERY PLAN")};
    out->explained = explanation(**runnable, host_.replica().plan());
    return out;
}

// ---- executing ----

Completion Backend::completion(replica::Execution executed) {
    Completion out;
    switch (executed.when) {
        case replica::Execution::When::now:
            out.when = When::now;
            break;
        case replica::Execution::When::durable:
            out.when = When::durable;
            break;
        case replica::Execution::When::later:
            out.when = When::later;
            break;
    }
    out.ticket = executed.ticket;
    if (out.when != When::later) out.outcome = outcome(executed.tag);
    return out;
}

Result<Outcome> Backend::outcome(const Result<std::string>& tag) {
    const std::string declared = std::exchange(declaring_, {});
    if (!tag) {
        cursors_.discard(declared);
        return std::unexpected(tag.error());
    }
    return Outcome{declared.empty() ? *tag : "DECLARE CURSOR", {}, {}};
}

Completion Backend::refused(Error error) {
    host_.replica().fail_block(session_);
    return {When::now, 0, std::unexpected(std::move(error))};
}

Completion Backend::execute(std::uint64_t number, const Prepared& prepared,
                            std::span<const sql::Datum> parameters, exec::RowSink& sink, bool implicit) {
    const auto& statement = static_cast<const Statement&>(prepared);
    auto& replica = host_.replica();
    host_.tables().enter(session_, &settings_, &user_, &database_, host_.now());
    if (statement.runnable == nullptr) return utility(number, statement, sink);
    if (implicit && replica.block(session_) == replica::Block::none) {
        (void)replica.begin(session_);
        implicit_ = true;
    }
    if (statement.utility != nullptr) return declare(number, statement, parameters);
    return run(number, statement.runnable, parameters, sink);
}

Completion Backend::run(std::uint64_t number, const replica::RunnablePtr& runnable,
                        std::span<const sql::Datum> parameters, exec::RowSink& sink) {
    host_.running(session_, statement_timeout());
    auto executed =
        host_.replica().execute(session_, number, runnable, parameters, &sink, host_.now(), host_.outputs());
    if (host_.stopped()) blame_timeout(executed.tag);
    return completion(std::move(executed));
}

// ---- cursors ----

Completion Backend::declare(std::uint64_t number, const Statement& statement,
                            std::span<const sql::Datum> parameters) {
    const auto& declared = std::get<ast::DeclareCursor>(statement.utility->node);
    const auto block = host_.replica().block(session_);
    if (block == replica::Block::none && !declared.hold)
        return refused(Error::make("25P01", "DECLARE CURSOR can only be used in transaction blocks"));
    auto sink = cursors_.open(declared.name, statement.runnable->bound->columns, declared.hold,
                              declared.scroll && !*declared.scroll);
    if (!sink) return refused(sink.error());
    declaring_ = declared.name;
    auto out = run(number, statement.runnable, parameters, **sink);
    if (block == replica::Block::none) cursors_.end_transaction(true);
    return out;
}

Result<Outcome> Backend::fetch(const Statement& statement, exec::RowSink& sink) {
    const auto& fetched = std::get<ast::Fetch>(statement.utility->node);
    const auto* columns = cursors_.columns(fetched.cursor);
    // The cursor may be another one than when this was prepared.
    if (columns != nullptr && !fetched.move && columns->size() != statement.output.size())
        return fail(sqlstate::feature_not_supported, "cached plan must not change result type");
    TRY(const auto count, cursors_.fetch(fetched, fetched.move ? nullptr : &sink));
    return Outcome{(fetched.move ? "MOVE " : "FETCH ") + std::to_string(count), {}, {}};
}

Result<Outcome> Backend::close_cursor(const std::string& name) {
    TRY_VOID(cursors_.close(name));
    return Outcome{name.empty() ? "CLOSE CURSOR ALL" : "CLOSE CURSOR", {}, {}};
}

Result<Outcome> Backend::savepoint(const ast::Transaction& statement) {
    using Kind = ast::TransactionKind;
    using Command = replica::SavepointCommand;
    // The transaction of several statements in one message has no savepoints, as in PostgreSQL.
    if (implicit_) return fail("25P01", "SAVEPOINT can only be used in transaction blocks");
    const auto command = statement.kind == Kind::Savepoint ? Command::set
                         : statement.kind == Kind::Release ? Command::release
                                                           : Command::rollback_to;
    TRY_VOID(host_.replica().savepoint(session_, command, statement.name));
    return Outcome{statement.kind == Kind::Savepoint ? "SAVEPOINT"
                   : statement.kind == Kind::Release ? "RELEASE"
                                                     : "ROLLBACK",
                   {},
                   {}};
}

Completion Backend::end_implicit(std::uint64_t number, bool failed) {
    if (!implicit_) {
        if (failed) host_.replica().fail_block(session_);
        return done("");
    }
    implicit_ = false;
    cursors_.end_transaction(!failed);
    if (failed) {
        host_.replica().rollback(session_);
        return done("ROLLBACK");
    }
    return completion(host_.replica().commit(session_, number, host_.now(), host_.outputs()));
}

pgwire::BlockState Backend::block_state() const {
    if (implicit_) return pgwire::BlockState::idle;
    switch (host_.replica().block(session_)) {
        case replica::Block::none:
            return pgwire::BlockState::idle;
        case replica::Block::open:
            return pgwire::BlockState::in_block;
        case replica::Block::failed:
            return pgwire::BlockState::failed;
    }
    return pgwire::BlockState::idle;
}

void Backend::cancel_running() {
    host_.replica().step(replica::CancelRequest{session_}, host_.now(), host_.outputs());
}

void Backend::blame_timeout(Result<std::string>& tag) {
    if (!tag && tag.error().sqlstate == sqlstate::query_canceled)
        tag.error().message = "canceling statement due to statement timeout";
}

Duration Backend::idle_timeout() const {
    return settings_.duration(block_state() == pgwire::BlockState::idle
                                  ? "idle_session_timeout"
                                  : "idle_in_transaction_session_timeout");
}
Error Backend::idle_error() const {
    if (block_state() == pgwire::BlockState::idle)
        return Error::make("57P05", "terminating connection due to idle-session timeout");
    return Error::make("25P03", "terminating connection due to idle-in-transaction timeout");
}

Completion Backend::utility(std::uint64_t number, const Statement& statement, exec::RowSink& sink) {
    const bool failed = host_.replica().block(session_) == replica::Block::failed;
    if (statement.what == Prepared::Kind::empty) return done("");
    if (statement.utility != nullptr)
        if (const auto* control = std::get_if<ast::Transaction>(&statement.utility->node))
            return transaction(number, *control);
    if (failed)
        return refused(
            Error::make(sqlstate::in_failed_transaction,
                        "current transaction is aborted, commands ignored until end of transaction block"));
    if (!statement.explained.empty()) {
        for (const auto& line : statement.explained) {
            const sql::Datum value = sql::Datum::bytes(line);
            sink.row({&value, 1});
        }
        return done("EXPLAIN");
    }
    const auto& node = statement.utility->node;
    Result<Outcome> outcome = Outcome{};
    if (const auto* variable = std::get_if<ast::SetVariable>(&node))
        outcome = set(*variable);
    else if (std::holds_alternative<ast::Fetch>(node))
        outcome = fetch(statement, sink);
    else if (const auto* closed = std::get_if<ast::CloseCursor>(&node))
        outcome = close_cursor(closed->name);
    else if (const auto* variable_reset = std::get_if<ast::ResetVariable>(&node))
        outcome = reset(variable_reset->name);
    else if (const auto* variable_shown = std::get_if<ast::ShowVariable>(&node))
        outcome = show(variable_shown->name, sink);
    else {
        listen(*statement.utility);
        outcome = Outcome{tag_without_effect(*statement.utility), {}, {}};
    }
    if (!outcome) return refused(outcome.error());
    return {When::now, 0, std::move(outcome)};
}

// At once, and not only at COMMIT: what is told here are facts, whatever becomes of the block.
void Backend::listen(const ast::Statement& statement) {
    if (const auto* more = std::get_if<ast::Listen>(&statement.node)) channels_.insert(more->channel);
    if (const auto* less = std::get_if<ast::Unlisten>(&statement.node)) {
        if (less->channel.empty())
            channels_.clear();
        else
            channels_.erase(less->channel);
    }
    if (std::holds_alternative<ast::Discard>(statement.node)) channels_.clear();
}

Completion Backend::transaction(std::uint64_t number, const ast::Transaction& statement) {
    auto& replica = host_.replica();
    const bool open = replica.block(session_) != replica::Block::none;
    if (statement.kind == ast::TransactionKind::Begin) {
        Outcome outcome{statement.start ? "START TRANSACTION" : "BEGIN", {}, {}};
        if (open && !implicit_) outcome.notices.push_back("there is already a transaction in progress");
        implicit_ = false;  // what ran before in this implicit transaction belongs to the block now
        (void)replica.begin(session_);
        return {When::now, 0, std::move(outcome)};
    }
    if (statement.kind != ast::TransactionKind::Commit && statement.kind != ast::TransactionKind::Rollback) {
        auto outcome = savepoint(statement);
        if (!outcome) return refused(outcome.error());
        return {When::now, 0, std::move(outcome)};
    }
    const bool was_implicit = std::exchange(implicit_, false);
    cursors_.end_transaction(statement.kind == ast::TransactionKind::Commit &&
                             replica.block(session_) != replica::Block::failed);
    if (!open || was_implicit) {
        Outcome outcome{statement.kind == ast::TransactionKind::Commit ? "COMMIT" : "ROLLBACK",
                        {"there is no transaction in progress"},
                        {}};
        if (!open) return {When::now, 0, std::move(outcome)};
    }
    if (statement.kind == ast::TransactionKind::Rollback) {
        replica.rollback(session_);
        return done("ROLLBACK");
    }
    return completion(replica.commit(session_, number, host_.now(), host_.outputs()));
}

// ---- settings ----

Result<Outcome> Backend::set(const ast::SetVariable& statement) {
    if (statement.values.empty()) {
        TRY(auto outcome, reset(statement.name));
        outcome.tag = "SET";
        return outcome;
    }
    const std::string value = value_text(statement.values);
    Outcome out{"SET", {}, {}};
    if (statement.name.starts_with("anabranch.")) {
        TRY_VOID(host_.replica().set(session_, statement.name, value));
        return out;
    }
    TRY_VOID(settings_.set(statement.name, value));
    if (settings_.announced(statement.name))
        out.parameter_status.emplace_back(statement.name, *settings_.get(statement.name));
    return out;
}

namespace {
constexpr std::pair<const char*, const char*> own_defaults[] = {
    {"anabranch.order_timeout", "5s"}, {"anabranch.durability", "disk"},   {"anabranch.session", ""},
    {"anabranch.read", "local"},       {"anabranch.ordered", "committed"}, {"anabranch.on_refusal", ""},
    {"anabranch.request_id", ""}};
}  // namespace

Result<Outcome> Backend::reset(const std::string& name) {
    Outcome out{"RESET", {}, {}};
    const auto reset_own = [&](const std::string& own, const std::string& value) {
        return host_.replica().set(session_, own, value);
    };
    if (name.empty()) {
        settings_.reset_all();
        (void)settings_.set("session_authorization", user_);
        for (const auto& [own, value] : own_defaults) TRY_VOID(reset_own(own, value));
        return out;
    }
    if (!name.starts_with("anabranch.")) {
        settings_.reset(name);
        return out;
    }
    const auto found = std::find_if(std::begin(own_defaults), std::end(own_defaults),
                                    [&](const auto& known) { return known.first == name; });
    TRY_VOID(reset_own(name, found == std::end(own_defaults) ? "" : found->second));
    return out;
}

Result<Outcome> Backend::show(const std::string& name, exec::RowSink& sink) {
    if (name == "all") {
        for (const auto& [key, value] : settings_.all()) {
            const sql::Datum row[] = {sql::Datum::bytes(key), sql::Datum::bytes(value),
                                      sql::Datum::bytes("")};
            sink.row(row);
        }
        return Outcome{"SHOW", {}, {}};
    }
    const auto value =
        name.starts_with("anabranch.") ? host_.replica().setting(session_, name) : settings_.get(name);
    if (!value) return fail("42704", "unrecognized configuration parameter \"" + name + "\"");
    const sql::Datum row = sql::Datum::bytes(*value);
    sink.row({&row, 1});
    return Outcome{"SHOW", {}, {}};
}

}  // namespace anabranch::session
