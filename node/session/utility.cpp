// Utility statements: transaction control, cursors, LISTEN, and what has no effect here.
#include "node/session/utility.h"

#include <utility>

#include "node/session/backend.h"

namespace anabranch::session {

namespace ast = sql::ast;
using pgwire::Completion;
using pgwire::Outcome;
using pgwire::Prepared;
using pgwire::When;

const char* tag_without_effect(const ast::Statement& statement) {
    if (std::holds_alternative<ast::SetTransaction>(statement.node)) return "SET";  // its isolation
    if (std::holds_alternative<ast::SetConstraints>(statement.node)) return "SET CONSTRAINTS";
    if (const auto* discard = std::get_if<ast::Discard>(&statement.node)) {
        constexpr const char* tags[] = {"DISCARD ALL", "DISCARD PLANS", "DISCARD SEQUENCES", "DISCARD TEMP"};
        return tags[static_cast<std::size_t>(discard->kind)];
    }
    if (const auto* gone = std::get_if<ast::Deallocate>(&statement.node))
        return gone->name.empty() ? "DEALLOCATE ALL" : "DEALLOCATE";
    if (std::holds_alternative<ast::Listen>(statement.node)) return "LISTEN";
    if (std::holds_alternative<ast::Unlisten>(statement.node)) return "UNLISTEN";
    if (const auto* vacuum = std::get_if<ast::Vacuum>(&statement.node))
        return vacuum->analyze_only ? "ANALYZE" : "VACUUM";
    return nullptr;
}

void warn_outside(Outcome& outcome, const std::string& command) {
    outcome.warnings.push_back({"25P01", command + " can only be used in transaction blocks"});
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
    else if (const auto* discard = std::get_if<ast::Discard>(&node);
             discard != nullptr && discard->kind == ast::DiscardKind::All)
        outcome = discard_all();
    else if (const auto* named = std::get_if<ast::Prepare>(&node))
        outcome = name_statement(named->name, statement.named);
    else {
        listen(*statement.utility);
        outcome = Outcome{tag_without_effect(*statement.utility), {}, {}};
        const auto* modes = std::get_if<ast::SetTransaction>(&node);
        if (const bool outside = host_.replica().block(session_) == replica::Block::none; outside) {
            if (std::holds_alternative<ast::SetConstraints>(node)) warn_outside(*outcome, "SET CONSTRAINTS");
            if (modes != nullptr && !modes->session) warn_outside(*outcome, "SET TRANSACTION");
        }
        if (modes != nullptr)
            if (auto changed = set_modes(*modes)) return told(std::move(*changed));
        if (const auto* gone = std::get_if<ast::Deallocate>(&node)) {
            named_.remove(gone->name);
            outcome->deallocated = gone->name;
        }
    }
    if (!outcome) return refused(outcome.error());
    return told(std::move(*outcome));
}

// With what the client has to know of its settings.
Completion Backend::told(Outcome outcome) {
    outcome.parameter_status = settings_.take_announcements();
    return {When::now, 0, std::move(outcome)};
}

Result<Outcome> Backend::name_statement(const std::string& name, const pgwire::PreparedPtr& statement) {
    TRY_VOID(named_.add(name, statement));
    return Outcome{"PREPARE", {}, {}};
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
}

// As if the session began now: pools hand it to the next client then.
Result<Outcome> Backend::discard_all() {
    if (host_.replica().block(session_) != replica::Block::none)
        return fail("25001", "DISCARD ALL cannot run inside a transaction block");
    TRY_VOID(cursors_.close(""));
    named_.remove("");
    channels_.clear();
    TRY(auto out, reset(""));
    out.tag = "DISCARD ALL";
    out.deallocated.emplace();
    return out;
}

// ---- cursors ----

Completion Backend::declare(std::uint64_t number, const Statement& statement,
                            const replica::RunnablePtr& runnable, std::span<const sql::Datum> parameters) {
    const auto& declared = std::get<ast::DeclareCursor>(statement.utility->node);
    const auto block = host_.replica().block(session_);
    if (block == replica::Block::none && !declared.hold)
        return refused(Error::make("25P01", "DECLARE CURSOR can only be used in transaction blocks"));
    auto sink = cursors_.open(declared.name, runnable->bound->columns, declared.hold,
                              declared.scroll && !*declared.scroll);
    if (!sink) return refused(sink.error());
    declaring_ = declared.name;
    auto out = run(number, runnable, parameters, **sink);
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

// ---- transaction control ----

// What can be told of them is whether they may write.
std::optional<Outcome> Backend::set_modes(const ast::SetTransaction& statement) {
    if (!statement.modes.read_only) return {};
    if (!statement.session) {
        block_is_read_only_ = *statement.modes.read_only;
        return {};
    }
    const char* name = "default_transaction_read_only";
    const char* value = *statement.modes.read_only ? "on" : "off";
    (void)settings_.set(name, value);
    return Outcome{"SET", {}, {}};
}

bool Backend::may_write() const {
    if (!block_is_read_only_ && !settings_.read_only()) return true;
    const bool in_block = host_.replica().block(session_) != replica::Block::none && !implicit_;
    return !(in_block ? block_is_read_only_ : settings_.read_only());
}

void Backend::begin_block() {
    (void)host_.replica().begin(session_);
    settings_.begin_transaction();
}

Completion Backend::transaction(std::uint64_t number, const ast::Transaction& statement) {
    auto& replica = host_.replica();
    const bool open = replica.block(session_) != replica::Block::none;
    if (statement.kind == ast::TransactionKind::Begin) {
        Outcome outcome{statement.start ? "START TRANSACTION" : "BEGIN", {}, {}};
        if (open && !implicit_)
            outcome.warnings.push_back({"25001", "there is already a transaction in progress"});
        implicit_ = false;  // what ran before in this implicit transaction belongs to the block now
        begin_block();
        block_is_read_only_ = statement.modes.read_only.value_or(settings_.read_only());
        return {When::now, 0, std::move(outcome)};
    }
    if (statement.kind != ast::TransactionKind::Commit && statement.kind != ast::TransactionKind::Rollback) {
        auto outcome = savepoint(statement);
        if (!outcome) return refused(outcome.error());
        return told(std::move(*outcome));
    }
    const bool is_commit = statement.kind == ast::TransactionKind::Commit;
    if (statement.chain && (!open || implicit_))
        return refused(Error::make("25P01", std::string(is_commit ? "COMMIT" : "ROLLBACK") +
                                                " AND CHAIN can only be used in transaction blocks"));
    chaining_ = statement.chain;
    const bool was_implicit = std::exchange(implicit_, false);
    const bool commits = is_commit && replica.block(session_) != replica::Block::failed;
    cursors_.end_transaction(commits);
    if (!open || was_implicit) {
        Outcome outcome{
            is_commit ? "COMMIT" : "ROLLBACK", {{"25P01", "there is no transaction in progress"}}, {}};
        if (!open) return {When::now, 0, std::move(outcome)};
    }
    ending_ = commits;
    if (!commits) settings_.end_transaction(false);
    if (!is_commit) {
        replica.rollback(session_);
        if (std::exchange(chaining_, false)) begin_block();
        return told({"ROLLBACK", {}, {}});
    }
    return completion(replica.commit(session_, number, host_.now(), host_.outputs()));
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
    if (command == Command::set)
        settings_.savepoint(statement.name);
    else if (command == Command::release)
        settings_.release(statement.name);
    else
        settings_.roll_back_to(statement.name);
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
        settings_.end_transaction(false);
        return told({"ROLLBACK", {}, {}});
    }
    ending_ = true;
    return completion(host_.replica().commit(session_, number, host_.now(), host_.outputs()));
}

}  // namespace anabranch::session
