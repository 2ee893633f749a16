// The backend of one wire session: PostgreSQL's utility statements (BEGIN, SET, SHOW, EXPLAIN ...) and
// everything else handed to the replica. Sans-IO: time and the place for outputs come from the Host.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "lib/sql/ast.h"
#include "lib/sql/session_labels.h"
#include "node/pgwire/backend.h"
#include "node/pgwire/copy.h"
#include "node/replica/replica.h"
#include "node/session/cursors.h"
#include "node/session/named.h"
#include "node/session/settings.h"
#include "node/session/tables.h"

namespace anabranch::session {

// What all sessions of a node share.
class Host {
  public:
    virtual ~Host() = default;
    virtual Instant now() = 0;
    virtual replica::Outputs& outputs() = 0;
    virtual replica::Replica& replica() = 0;
    virtual Tables& tables() = 0;
    virtual const catalog::SchemaPtr& schema() const = 0;
    // A statement of this session runs from here to stopped(); no timeout: zero.
    virtual void running(std::uint64_t session, Duration timeout) = 0;
    virtual bool stopped() = 0;  // true: it was told to stop because of its timeout
    // Settings that sessions begin with.
    virtual const std::vector<std::pair<std::string, std::string>>& defaults() const = 0;
};

// A prepared statement of the wire: a replica's Runnable, or a utility statement.
class Statement final : public pgwire::Prepared {
  public:
    const std::vector<sql::Type>& parameter_types() const override { return types; }
    const std::vector<sql::OutputColumn>& columns() const override { return output; }
    Kind kind() const override { return what; }
    const pgwire::CopyFormat* copy() const override { return copied ? &*copied : nullptr; }
    bool may_overlap() const override {
        return runnable != nullptr && runnable->writes && utility == nullptr && output.empty() && !copied;
    }

    Kind what = Kind::empty;
    std::vector<sql::Type> types;
    std::vector<sql::OutputColumn> output;
    replica::RunnablePtr runnable;  // of DECLARE: the cursor's query
    std::optional<pgwire::CopyFormat> copied;
    std::shared_ptr<const sql::ast::Statement> utility;
    std::vector<std::string> explained;  // lines of EXPLAIN
    pgwire::PreparedPtr named;           // of PREPARE
    replica::RunnablePtr arguments;      // of EXECUTE: computes the parameters
    std::string zone;                    // in which it was prepared, empty: UTC
};

// Statements by text and declared types, for all sessions of a node; forgets everything when it is full.
class StatementCache {
  public:
    pgwire::PreparedPtr find(const std::string& key) const;
    void keep(const std::string& key, pgwire::PreparedPtr statement);

  private:
    static constexpr std::size_t size_max = 4096;
    std::map<std::string, pgwire::PreparedPtr, std::less<>> statements_;
};

class Backend final : public pgwire::Backend {
  public:
    Backend(Host& host, StatementCache& cache, std::uint64_t session);
    ~Backend() override;

    Result<void> connect(const std::string& user, const std::string& database,
                         const std::vector<std::pair<std::string, std::string>>& settings) override;
    std::vector<std::pair<std::string, std::string>> announced() const override {
        return settings_.announcement();
    }
    Result<pgwire::PreparedPtr> prepare(std::string_view text, std::span<const sql::Type> types) override;
    Result<std::vector<std::pair<std::uint32_t, std::uint32_t>>> split(std::string_view text) override;
    pgwire::Completion execute(std::uint64_t number, const pgwire::Prepared& prepared,
                               std::span<const sql::Datum> parameters, exec::RowSink& sink,
                               bool implicit) override;
    pgwire::Completion end_implicit(std::uint64_t number, bool failed) override;
    pgwire::BlockState block_state() const override;
    const std::vector<sql::OutputColumn>* cursor(std::string_view name) const override {
        return cursors_.columns(name);
    }
    void cancel_running() override;  // what waits, not what runs
    // The client is turned away once it has said who it is: before that, clients take an error for a failure
    // of TLS.
    void refuse(Error reason) { refusal_ = std::move(reason); }
    Duration statement_timeout() const { return settings_.timeouts().statement; }
    // How long a client may say nothing; zero: for ever. And what it is told then.
    Duration idle_timeout() const;
    Error idle_error() const;
    static void blame_timeout(Result<std::string>& tag);  // of a statement that was cancelled
    const sql::EnumLabels* enum_labels() const override;

    bool listens(const std::string& channel) const { return channels_.contains(channel); }

    // A `later` execution has ended.
    Result<pgwire::Outcome> outcome(const Result<std::string>& tag);

  private:
    std::string zone_name() const;  // empty: UTC
    Result<replica::RunnablePtr> runnable(std::string_view text, std::span<const sql::Type> types);
    Result<replica::RunnablePtr> in_zone(const Statement& statement);
    Result<pgwire::PreparedPtr> prepare_utility(sql::ast::Statement statement, std::string_view text,
                                                std::span<const sql::Type> types);
    Result<pgwire::PreparedPtr> prepare_explain(std::string_view text);
    Result<pgwire::PreparedPtr> prepare_copy(const sql::ast::Copy& copy);
    Result<pgwire::PreparedPtr> prepare_fetch(sql::ast::Statement statement);
    Result<pgwire::PreparedPtr> prepare_named(sql::ast::Statement statement);
    Result<pgwire::PreparedPtr> prepare_execute(const sql::ast::Execute& statement);
    Result<pgwire::Outcome> name_statement(const std::string& name, const pgwire::PreparedPtr& statement);
    pgwire::Completion execute_named(std::uint64_t number, const Statement& statement,
                                     const replica::RunnablePtr& runnable, exec::RowSink& sink);
    Result<pgwire::PreparedPtr> prepare_transaction(sql::ast::Statement statement);
    pgwire::Completion run(std::uint64_t number, const replica::RunnablePtr& runnable,
                           std::span<const sql::Datum> parameters, exec::RowSink& sink);
    pgwire::Completion declare(std::uint64_t number, const Statement& statement,
                               const replica::RunnablePtr& runnable, std::span<const sql::Datum> parameters);
    Result<pgwire::Outcome> fetch(const Statement& statement, exec::RowSink& sink);
    Result<pgwire::Outcome> close_cursor(const std::string& name);
    pgwire::Completion utility(std::uint64_t number, const Statement& statement, exec::RowSink& sink);
    void listen(const sql::ast::Statement& statement);
    pgwire::Completion transaction(std::uint64_t number, const sql::ast::Transaction& statement);
    void begin_block();
    Result<pgwire::Outcome> set(const sql::ast::SetVariable& statement);
    Result<pgwire::Outcome> reset(const std::string& name);
    Result<pgwire::Outcome> discard_all();
    Result<pgwire::Outcome> show(const std::string& name, exec::RowSink& sink);
    Result<pgwire::Outcome> savepoint(const sql::ast::Transaction& statement);
    std::optional<pgwire::Outcome> set_modes(const sql::ast::SetTransaction& statement);
    bool may_write() const;
    pgwire::Completion completion(replica::Execution done);
    pgwire::Completion told(pgwire::Outcome outcome);
    pgwire::Completion refused(Error error);

    Host& host_;
    StatementCache& cache_;
    const std::uint64_t session_;
    Settings settings_;
    Cursors cursors_;
    NamedStatements named_;
    std::string declaring_;  // the cursor whose query runs
    std::string user_, database_;
    std::set<std::string> channels_;  // LISTEN
    std::optional<Error> refusal_;
    bool implicit_ = false;  // the open block is an implicit transaction: Sync ends it
    bool ending_ = false;    // the transaction commits, and it is not known yet whether it has
    bool chaining_ = false;  // the next one begins when it has (AND CHAIN)
    bool block_is_read_only_ = false;
    mutable std::optional<sql::SessionLabels> labels_;
    mutable sql::ZonePtr zone_of_labels_;
};

}  // namespace anabranch::session
