#include "node/session/backend.h"

#include <utility>

#include "lib/exec/schema_plans.h"
#include "node/session/utility.h"

namespace anabranch::session {

using pgwire::Completion;
using pgwire::Outcome;
using pgwire::Prepared;
using pgwire::When;

namespace {
const char* command_of(const replica::Runnable& runnable) {
    if (runnable.bound->statement == nullptr) return "CALL";
    const auto& node = runnable.bound->statement->body;
    return std::holds_alternative<sql::Insert>(node)   ? "INSERT"
           : std::holds_alternative<sql::Update>(node) ? "UPDATE"
           : std::holds_alternative<sql::Delete>(node) ? "DELETE"
                                                       : "SELECT";
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

const sql::EnumLabels* Backend::enum_labels() const {
    const sql::EnumLabels& of_schema = exec::plans_of(*host_.schema());
    const auto& zone = settings_.zone();
    if (zone == nullptr && !settings_.iso_intervals()) return &of_schema;
    if (!labels_ || zone_of_labels_ != zone || labels_->iso_intervals() != settings_.iso_intervals()) {
        labels_.emplace(&of_schema, zone.get(), settings_.iso_intervals());
        zone_of_labels_ = zone;
    }
    return &*labels_;
}

namespace {
// What other nodes order to be done here has no session.
class Leaving {
  public:
    explicit Leaving(Tables& tables) : tables_(tables) {}
    ~Leaving() { tables_.leave(); }
    Leaving(const Leaving&) = delete;
    Leaving& operator=(const Leaving&) = delete;

  private:
    Tables& tables_;
};
}  // namespace

Completion Backend::execute(std::uint64_t number, const Prepared& prepared,
                            std::span<const sql::Datum> parameters, exec::RowSink& sink, bool implicit) {
    const auto& statement = static_cast<const Statement&>(prepared);
    auto& replica = host_.replica();
    host_.tables().enter(session_, &settings_, &user_, &database_, host_.now());
    const Leaving leaving(host_.tables());
    if (statement.runnable == nullptr) return utility(number, statement, sink);
    if (implicit && replica.block(session_) == replica::Block::none) {
        (void)replica.begin(session_);
        settings_.begin_transaction();
        implicit_ = true;
    }
    const auto runnable = in_zone(statement);
    if (!runnable) return refused(runnable.error());
    if (statement.utility != nullptr) return declare(number, statement, *runnable, parameters);
    if (statement.arguments != nullptr) return execute_named(number, statement, *runnable, sink);
    return run(number, *runnable, parameters, sink);
}

Completion Backend::execute_named(std::uint64_t number, const Statement& statement,
                                  const replica::RunnablePtr& runnable, exec::RowSink& sink) {
    OneRow arguments;
    auto computed = host_.replica().execute(session_, number, statement.arguments, {}, &arguments,
                                            host_.now(), host_.outputs());
    if (!computed.tag) return completion(std::move(computed));
    return run(number, runnable, arguments.values(), sink);
}

Completion Backend::run(std::uint64_t number, const replica::RunnablePtr& runnable,
                        std::span<const sql::Datum> parameters, exec::RowSink& sink) {
    if (runnable->writes && !may_write())
        return refused(Error::make(
            "25006", std::string("cannot execute ") + command_of(*runnable) + " in a read-only transaction"));
    host_.running(session_, statement_timeout());
    auto executed =
        host_.replica().execute(session_, number, runnable, parameters, &sink, host_.now(), host_.outputs());
    if (host_.stopped()) blame_timeout(executed.tag);
    return completion(std::move(executed));
}

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
    if (std::exchange(ending_, false)) settings_.end_transaction(tag.has_value());
    if (std::exchange(chaining_, false) && tag) begin_block();
    if (!tag) {
        cursors_.discard(declared);
        return std::unexpected(tag.error());
    }
    return Outcome{declared.empty() ? *tag : "DECLARE CURSOR", {}, settings_.take_announcements()};
}

Completion Backend::refused(Error error) {
    host_.replica().fail_block(session_);
    return {When::now, 0, std::unexpected(std::move(error))};
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
    const auto& timeouts = settings_.timeouts();
    return block_state() == pgwire::BlockState::idle ? timeouts.idle_session : timeouts.idle_in_transaction;
}
Error Backend::idle_error() const {
    if (block_state() == pgwire::BlockState::idle)
        return Error::make("57P05", "terminating connection due to idle-session timeout");
    return Error::make("25P03", "terminating connection due to idle-in-transaction timeout");
}

}  // namespace anabranch::session
