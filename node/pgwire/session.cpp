#include "node/pgwire/session.h"

#include <algorithm>
#include <map>

#include "lib/base/check.h"
#include "node/pgwire/codec.h"
#include "node/pgwire/copy.h"
#include "node/pgwire/copy_in.h"
#include "node/pgwire/output.h"
#include "node/pgwire/portal.h"

namespace anabranch::pgwire {

namespace {
std::uint32_t read32(std::string_view in) {
    return MessageReader(in).i32();
}
}  // namespace

class Session::Impl {
  public:
    Impl(Backend& backend, const SessionOptions& options)
        : backend_(backend), options_(options), startup_(options.startup), copy_in_(options.copy_bytes_max) {}

    void receive(std::string_view bytes) {
        input_.append(bytes);
        run();
    }
    void complete(std::uint64_t number, Result<Outcome> outcome) {
        if (output_.slots() > 0 && overlapping_done(number, outcome)) return run();
        if (waiting_ == Waiting::nothing || number != number_) return;  // cancelled or closed meanwhile
        const auto waiting = std::exchange(waiting_, Waiting::nothing);
        resume(waiting, std::move(outcome));
        run();
    }
    bool durable(std::uint64_t ticket) { return output_.reached(ticket) || wants_close(); }
    void notify(std::string_view channel, std::string_view payload) {
        auto m = out();
        m.begin('A');
        m.i32(options_.backend_pid);
        m.text(channel);
        m.text(payload);
        m.end();
    }
    void terminate(const Error& reason) {
        if (closing_) return;
        auto m = out();
        write_error(m, "FATAL", reason, {}, 0);
        closing_ = true;
    }
    void take_output(std::string& into) { output_.take(into); }
    bool wants_close() const { return closing_ && output_.empty(); }
    std::optional<CancelRequest> cancel_request() const { return cancel_; }
    bool wants_tls() const { return wants_tls_; }
    void tls_started() {
        wants_tls_ = false;
        startup_.tls_started();
    }
    bool admitted() const { return started_; }
    bool busy() const { return waiting_ != Waiting::nothing || output_.slots() > 0; }
    bool waits_for_disk() const { return output_.gated(); }
    bool idle() const { return !busy() && !copy_in_.active(); }
    std::size_t waiting_bytes() const { return output_.size() + (busy() ? input_.size() - consumed_ : 0); }
    std::string describe() const {
        return std::string(started_ ? "ready" : "starting") +
               " block=" + static_cast<char>(backend_.block_state()) +
               " input=" + std::to_string(input_.size() - consumed_);
    }

  private:
    enum class Waiting : std::uint8_t { nothing, simple, simple_end, execute, sync };

    std::string& tail() {
        std::string& out = output_.tail();
        out += acknowledged_;
        acknowledged_.clear();
        return out;
    }
    MessageWriter out() { return MessageWriter(tail()); }
    void error(const Error& problem, std::string_view sent = {}, std::uint32_t base = 0) {
        auto m = out();
        write_error(m, "ERROR", problem, sent, base);
    }
    void fatal(const Error& problem) { terminate(problem); }

    // Consumes whole messages while nothing is awaited.
    void run() {
        while (!closing_ && waiting_ == Waiting::nothing) {
            const std::string_view in = std::string_view(input_).substr(consumed_);
            if (!started_) {
                if (wants_tls_ || !start_up(in)) break;
                continue;
            }
            if (in.size() < 5) break;
            const std::uint32_t size = read32(in.substr(1));
            if (size < 4 || size > options_.message_bytes_max) {
                fatal(Error::make(sqlstate::protocol_violation,
                                  "invalid message length " + std::to_string(size)));
                break;
            }
            if (in.size() < std::size_t{size} + 1) break;
            const char type = in[0];
            if (output_.slots() > 0 && !may_go_ahead(type, in.substr(5, size - 4))) break;
            // Copied: handlers may be resumed after input_ has moved.
            message_.assign(in.substr(5, size - 4));
            consumed_ += std::size_t{size} + 1;
            dispatch(type);
        }
        if (waiting_ == Waiting::nothing) (void)tail();
        if (consumed_ == input_.size() || consumed_ > 1 << 16) {
            input_.erase(0, consumed_);
            consumed_ = 0;
        }
        if (closing_) input_.clear(), consumed_ = 0;
    }

    bool next_is_sync() const { return consumed_ < input_.size() && input_[consumed_] == 'S'; }

    // ---- statements that overlap: in a pipeline, each of them its own transaction, they are handed over one
    // after another, and the answer of each has a slot in the output ----

    // Whether a message may be dealt with while earlier statements have not completed.
    bool may_go_ahead(char type, std::string_view body) const {
        switch (type) {
            case 'P':
            case 'B':
            case 'D':
            case 'C':
            case 'H':
            case 'S':
                return true;
            case 'E':
                break;
            default:
                return false;
        }
        const Portal* portal = portals_.find(MessageReader(body).text());
        const std::size_t after = consumed_ + 5 + body.size();
        return portal != nullptr && output_.slots() < overlapping_max && after < input_.size() &&
               input_[after] == 'S' && may_overlap(*portal);
    }
    // `portal` is followed by Sync.
    bool may_overlap(const Portal& portal) const {
        return !portal.executed && portal.prepared->may_overlap() && !batch_implicit_ &&
               backend_.block_state() == BlockState::idle;
    }
    bool overlapping_done(std::uint64_t number, const Result<Outcome>& outcome) {
        std::string answer;
        MessageWriter m(answer);
        if (outcome) {
            write_report(m, *outcome);
            write_complete(m, outcome->tag);
        } else {
            write_error(m, "ERROR", outcome.error(), {}, 0);
        }
        return output_.fill(number, answer);
    }

    // ---- start-up ----

    bool start_up(std::string_view in) {
        const std::size_t before = in.size();
        const auto step = startup_.step(in, tail());
        consumed_ += before - in.size();
        switch (step) {
            case Startup::Step::more:
                return false;
            case Startup::Step::tls:
                wants_tls_ = true;
                return false;
            case Startup::Step::cancelled:
                cancel_ = startup_.cancel();
                closing_ = true;
                return false;
            case Startup::Step::refused:
                fatal(startup_.error());
                return false;
            case Startup::Step::admitted:
                welcome();
                return true;
        }
        return false;
    }

    void welcome() {
        auto accepted = backend_.connect(startup_.user(), startup_.database(), startup_.settings());
        if (!accepted) return fatal(accepted.error());
        auto m = out();
        m.begin('R');
        m.i32(0);
        m.end();
        for (const auto& [name, value] : backend_.announced()) write_parameter_status(m, name, value);
        m.begin('K');
        m.i32(options_.backend_pid);
        m.i32(options_.cancel_secret);
        m.end();
        started_ = true;
        ready();
    }

    // ---- dispatch ----

    void dispatch(char type) {
        if (skip_until_sync_ && type != 'S' && type != 'X') return;
        MessageReader body(message_);
        if (copy_in_.active() && type != 'X') return copy_message(type);
        switch (type) {
            case 'Q':
                return query(body);
            case 'P':
                return parse(body);
            case 'B':
                return bind(body);
            case 'D':
                return describe_message(body);
            case 'E':
                return execute(body);
            case 'C':
                return close(body);
            case 'S':
                return sync();
            case 'H':
                return;  // Flush: output is never kept back anyway
            case 'X':
                closing_ = true;
                return;
            case 'F':
                return extended_error(
                    Error::make(sqlstate::feature_not_supported, "function call messages are not supported"));
            case 'd':
            case 'c':
            case 'f':
                return;  // copy data outside a COPY is ignored, as in PostgreSQL
            default:
                fatal(Error::make(
                    sqlstate::protocol_violation,
                    "invalid frontend message type " + std::to_string(static_cast<unsigned char>(type))));
        }
    }

    void ready() {
        auto m = out();
        m.begin('Z');
        m.i8(static_cast<std::uint8_t>(backend_.block_state()));
        m.end();
    }
    void write_report(MessageWriter& m, const Outcome& outcome) {
        if (const auto& name = outcome.deallocated)
            std::erase_if(statements_, [&](const auto& statement) {
                return name->empty() ? !statement.first.empty() : statement.first == *name;
            });
        for (const auto& warning : outcome.warnings) write_warning(m, warning.code, warning.text);
        for (const auto& [name, value] : outcome.parameter_status) write_parameter_status(m, name, value);
    }
    static void write_complete(MessageWriter& m, std::string_view tag) {
        m.begin('C');
        m.text(tag);
        m.end();
    }
    void report(const Outcome& outcome) {
        auto m = out();
        write_report(m, outcome);
    }
    void command_complete(std::string_view tag) {
        auto m = out();
        write_complete(m, tag);
    }
    // Runs or has run: true when `completion` can be answered now (behind its gate, if any).
    bool settled(const Completion& completion, Waiting waiting) {
        if (completion.when == When::later) {
            waiting_ = waiting;
            return false;
        }
        if (completion.when == When::durable) output_.gate(completion.ticket);
        return true;
    }
    void resume(Waiting waiting, Result<Outcome> outcome) {
        switch (waiting) {
            case Waiting::nothing:
                return;
            case Waiting::simple:
                return simple_done(std::move(outcome));
            case Waiting::simple_end:
                return simple_ended(std::move(outcome));
            case Waiting::execute:
                return execute_done(std::move(outcome));
            case Waiting::sync:
                return sync_done(std::move(outcome));
        }
    }

    // ---- simple query: its statements run one after another, as one implicit transaction when there are
    // several ----

    struct Simple {
        std::string text;
        std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges;
        std::size_t next = 0;
        PreparedPtr prepared;
        std::string pending_tag;  // of the last statement, told after the implicit commit
        bool implicit = false;    // some statement ran in the implicit transaction
    };

    void query(MessageReader& body) {
        const auto text = body.text();
        if (body.failed() || !body.done())
            return fatal(Error::make(sqlstate::protocol_violation, "malformed Query message"));
        portals_.close({});
        simple_ = Simple{std::string(text), {}, 0, nullptr, {}, false};
        auto ranges = backend_.split(simple_.text);
        if (!ranges) {
            if (backend_.block_state() == BlockState::in_block) fail_block();
            error(ranges.error(), simple_.text);
            return ready();
        }
        simple_.ranges = std::move(*ranges);
        if (simple_.ranges.empty()) {
            auto m = out();
            write_empty(m, 'I');
            return ready();
        }
        simple_next();
    }

    // A statement that cannot even be prepared fails the open block too.
    void fail_block() { (void)backend_.end_implicit(++number_, true); }

    void simple_next() {
        while (waiting_ == Waiting::nothing) {
            if (simple_.next == simple_.ranges.size()) return simple_finish();
            const auto [offset, size] = simple_.ranges[simple_.next];
            auto prepared = backend_.prepare(std::string_view(simple_.text).substr(offset, size), {});
            if (!prepared) return simple_failed(prepared.error());
            simple_.prepared = *prepared;
            if (!simple_.prepared->parameter_types().empty())
                return simple_failed(Error::make("42P02", "there is no parameter $1"));
            if (const auto* copy = simple_.prepared->copy(); copy != nullptr && copy->from) {
                if (backend_.block_state() == BlockState::failed)
                    return simple_failed(Error::make(sqlstate::in_failed_transaction,
                                                     "current transaction is aborted, commands ignored until "
                                                     "end of transaction block"));
                return copy_in_.begin(*copy, tail());
            }
            if (!simple_run({})) return;
        }
    }
    // Runs the statement that is next; false when the query is over.
    bool simple_run(std::span<const sql::Datum> parameters) {
        const auto* copy = simple_.prepared->copy();
        const bool copies_out = copy != nullptr && !copy->from;
        if (!simple_.prepared->columns().empty()) {
            auto m = out();
            write_row_description(m, simple_.prepared->columns(), no_formats_);
        }
        const bool implicit = simple_.ranges.size() > 1 && backend_.block_state() == BlockState::idle &&
                              simple_.prepared->kind() == Prepared::Kind::query;
        simple_.implicit = simple_.implicit || implicit;
        sink_.start(&row_target(), &simple_.prepared->columns(), &no_formats_, backend_.enum_labels(),
                    nullptr);
        if (copies_out) copy_sink_.start(&rows_, copy, backend_.enum_labels());
        exec::RowSink& sink = copies_out ? static_cast<exec::RowSink&>(copy_sink_) : sink_;
        auto done = backend_.execute(++number_, *simple_.prepared, parameters, sink, implicit);
        flush_rows(done);
        return !settled(done, Waiting::simple) || simple_step(std::move(done.outcome));
    }
    // Handles one statement's end; false when the query is over.
    bool simple_step(Result<Outcome> outcome) {
        if (!outcome) {
            simple_failed(outcome.error());
            return false;
        }
        report(*outcome);
        if (simple_.prepared->copy() != nullptr)  // "SELECT 3" and "INSERT 0 3" are COPY 3
            outcome->tag =
                "COPY" + outcome->tag.substr(std::min(outcome->tag.rfind(' '), outcome->tag.size()));
        ++simple_.next;
        const bool last = simple_.next == simple_.ranges.size();
        if (last && simple_.implicit && backend_.block_state() == BlockState::idle)
            simple_.pending_tag = outcome->tag;
        else
            command_complete(outcome->tag);
        return true;
    }
    void simple_done(Result<Outcome> outcome) {
        if (outcome) release_rows();
        rows_.clear();
        if (simple_step(std::move(outcome))) simple_next();
    }
    void simple_finish() {
        if (!simple_.implicit) return ready();
        auto done = backend_.end_implicit(++number_, false);
        if (settled(done, Waiting::simple_end)) simple_ended(std::move(done.outcome));
    }
    void simple_ended(Result<Outcome> outcome) {
        if (!outcome)
            error(outcome.error());
        else if (!simple_.pending_tag.empty())
            command_complete(simple_.pending_tag);
        ready();
    }
    void simple_failed(const Error& problem) {
        rows_.clear();
        fail_block();
        error(problem, simple_.text,
              simple_.next < simple_.ranges.size() ? simple_.ranges[simple_.next].first : 0);
        ready();
    }

    // Rows are collected apart, because a failed or gated statement must not let them out early.
    std::string& row_target() {
        rows_.clear();
        return rows_;
    }
    void flush_rows(const Completion& done) {
        if (done.when == When::later) return;
        if (done.when == When::durable) output_.gate(done.ticket);
        if (done.outcome) release_rows();
        rows_.clear();
    }
    void release_rows() {
        const auto* copy = simple_.prepared->copy();
        if (copy != nullptr && !copy->from) copy_sink_.finish();
        tail() += rows_;
    }

    // ---- COPY FROM STDIN: data is collected, and is one statement when it ends ----

    void copy_message(char type) {
        switch (copy_in_.take(type, message_)) {
            case CopyIn::Step::more:
                return;
            case CopyIn::Step::failed:
                return copy_failed();
            case CopyIn::Step::complete:
                break;
        }
        Arena arena;
        std::vector<sql::Datum> rows;
        if (!copy_in_.rows(arena, backend_.enum_labels(), rows)) return copy_failed();
        if (simple_run(rows)) simple_next();
    }
    void copy_failed() {
        fail_block();
        auto m = out();
        write_error(m, "ERROR", copy_in_.error(), {}, 0, copy_in_.context());
        ready();
    }

    // ---- extended query ----

    // What Parse, Bind, Describe and Close are told goes out with the answer to the Execute that follows at
    // once, so that one call is one packet.
    void acknowledge(char type) {
        MessageWriter m(acknowledged_);
        write_empty(m, type);
    }
    void extended_error(const Error& problem, std::string_view sent = {}) {
        error(problem, sent);
        skip_until_sync_ = true;
        batch_failed_ = true;
        if (backend_.block_state() == BlockState::in_block) fail_block();
    }

    void parse(MessageReader& body) {
        const std::string name(body.text());
        const std::string text(body.text());
        std::vector<sql::Type> types(body.i16());
        for (auto& type : types) type = sql::type_of_oid(body.i32());
        if (body.failed() || !body.done())
            return extended_error(Error::make(sqlstate::protocol_violation, "malformed Parse message"));
        if (!name.empty() && statements_.contains(name))
            return extended_error(Error::make("42P05", "prepared statement \"" + name + "\" already exists"));
        auto prepared = backend_.prepare(text, types);
        if (!prepared) return extended_error(prepared.error(), text);
        statements_.insert_or_assign(name, NamedStatement{*prepared, text});
        acknowledge('1');
    }

    void bind(MessageReader& body) {
        const auto portal_name = body.text(), statement_name = body.text();
        const auto statement = statements_.find(statement_name);
        if (body.failed())
            return extended_error(Error::make(sqlstate::protocol_violation, "malformed Bind message"));
        if (statement == statements_.end()) return extended_error(no_statement(statement_name));
        if (!portal_name.empty() && portals_.find(portal_name) != nullptr)
            return extended_error(
                Error::make("42P03", "cursor \"" + std::string(portal_name) + "\" already exists"));
        Portal& portal = portals_.open(portal_name);
        portal.prepared = statement->second.prepared;
        portal.text = statement->second.text;
        if (auto bound = bind_parameters(body, portal, backend_.enum_labels()); !bound) {
            portals_.close(portal_name);
            return extended_error(bound.error());
        }
        acknowledge('2');
    }

    void describe_message(MessageReader& body) {
        const char what = static_cast<char>(body.i8());
        const std::string name(body.text());
        MessageWriter m(acknowledged_);
        if (what == 'S') {
            const auto statement = statements_.find(name);
            if (statement == statements_.end()) return extended_error(no_statement(name));
            const auto& types = statement->second.prepared->parameter_types();
            m.begin('t');
            m.i16(static_cast<std::uint16_t>(types.size()));
            for (const auto type : types) m.i32(sql::oid_of(type));
            m.end();
            return describe_columns(m, *statement->second.prepared, no_formats_);
        }
        const Portal* portal = portals_.find(name);
        if (what == 'P' && portal == nullptr)
            if (const auto* columns = backend_.cursor(name))
                return write_row_description(m, *columns, no_formats_);
        if (what != 'P' || portal == nullptr) return extended_error(no_portal(name));
        describe_columns(m, *portal->prepared, portal->formats);
    }
    static void describe_columns(MessageWriter& m, const Prepared& prepared,
                                 const std::vector<std::uint16_t>& formats) {
        if (prepared.columns().empty())
            write_empty(m, 'n');
        else
            write_row_description(m, prepared.columns(), formats);
    }

    void execute(MessageReader& body) {
        executing_ = body.text();
        row_limit_ = body.i32();
        if (body.failed() || !body.done())
            return extended_error(Error::make(sqlstate::protocol_violation, "malformed Execute message"));
        Portal* const found = portals_.find(executing_);
        if (found == nullptr) return extended_error(no_portal(executing_));
        Portal& portal = *found;
        if (portal.prepared->kind() == Prepared::Kind::empty) {
            auto m = out();
            return write_empty(m, 'I');
        }
        if (portal.prepared->copy() != nullptr)
            return extended_error(
                Error::make(sqlstate::feature_not_supported, "COPY needs the simple query protocol")
                    .with_hint("Send it by Query rather than by Parse, Bind and Execute."));
        if (portal.executed) return send_rows(portal);
        const bool overlaps = next_is_sync() && may_overlap(portal);
        portal.executed = true;
        const bool implicit = portal.prepared->kind() == Prepared::Kind::query &&
                              backend_.block_state() == BlockState::idle &&
                              !(next_is_sync() && !batch_implicit_);
        batch_implicit_ = batch_implicit_ || implicit;
        sink_.start(&portal.rows, &portal.prepared->columns(), &portal.formats, backend_.enum_labels(),
                    row_limit_ > 0 ? &portal.row_ends : nullptr);
        auto done = backend_.execute(++number_, *portal.prepared, portal.parameters, sink_, implicit);
        if (overlaps && done.when == When::later)
            return output_.slot(number_, std::exchange(acknowledged_, {}));
        if (settled(done, Waiting::execute)) execute_done(std::move(done.outcome));
    }
    void execute_done(Result<Outcome> outcome) {
        Portal* const found = portals_.find(executing_);
        if (found == nullptr) return;
        Portal& portal = *found;
        if (!outcome) {
            const std::string text = portal.text;
            portals_.close(executing_);
            return extended_error(outcome.error(), text);
        }
        report(*outcome);
        portal.tag = std::move(outcome->tag);
        send_rows(portal);
    }
    void send_rows(Portal& portal) {
        if (portal.send(row_limit_, tail())) return command_complete(portal.tag);
        auto m = out();
        write_empty(m, 's');
    }

    void close(MessageReader& body) {
        const char what = static_cast<char>(body.i8());
        const std::string name(body.text());
        if (what == 'S')
            statements_.erase(name);
        else
            portals_.close(name);
        acknowledge('3');
    }

    void sync() {
        skip_until_sync_ = false;
        const bool failed = std::exchange(batch_failed_, false);
        if (std::exchange(batch_implicit_, false)) {
            auto done = backend_.end_implicit(++number_, failed);
            if (settled(done, Waiting::sync)) sync_done(std::move(done.outcome));
            return;
        }
        sync_done(Outcome{});
    }
    void sync_done(Result<Outcome> outcome) {
        if (!outcome) error(outcome.error());
        // Portals live until the end of the transaction: outside a block that is now.
        if (backend_.block_state() == BlockState::idle) portals_.clear();
        ready();
    }

    static Error no_statement(std::string_view name) {
        return Error::make("26000", name.empty()
                                        ? std::string("unnamed prepared statement does not exist")
                                        : "prepared statement \"" + std::string(name) + "\" does not exist");
    }
    static Error no_portal(const std::string& name) {
        return Error::make("34000", "portal \"" + name + "\" does not exist");
    }

    Backend& backend_;
    const SessionOptions options_;
    std::string input_;
    std::size_t consumed_ = 0;
    std::string message_;
    Output output_;
    std::string acknowledged_;  // what was told before an Execute and is not in `output_` yet
    std::string rows_;
    bool started_ = false;
    bool closing_ = false;
    Startup startup_;
    bool wants_tls_ = false;
    std::optional<CancelRequest> cancel_;
    std::uint64_t number_ = 0;  // of the latest request to the backend
    Waiting waiting_ = Waiting::nothing;
    Simple simple_;
    bool skip_until_sync_ = false;
    bool batch_failed_ = false;
    bool batch_implicit_ = false;
    std::map<std::string, NamedStatement, std::less<>> statements_;
    Portals portals_;
    std::string executing_;
    std::uint32_t row_limit_ = 0;
    static constexpr std::size_t overlapping_max = 64;
    DataRowSink sink_;
    CopyOutSink copy_sink_;
    CopyIn copy_in_;  // of the statement of simple_
    const std::vector<std::uint16_t> no_formats_;
};

Session::Session(Backend& backend, const SessionOptions& options)
    : impl_(std::make_unique<Impl>(backend, options)) {}
Session::~Session() = default;
void Session::receive(std::string_view bytes) {
    impl_->receive(bytes);
}
void Session::complete(std::uint64_t number, Result<Outcome> outcome) {
    impl_->complete(number, std::move(outcome));
}
bool Session::durable(std::uint64_t ticket) {
    return impl_->durable(ticket);
}
void Session::notify(std::string_view channel, std::string_view payload) {
    impl_->notify(channel, payload);
}
void Session::terminate(const Error& reason) {
    impl_->terminate(reason);
}
void Session::take_output(std::string& into) {
    impl_->take_output(into);
}
std::string Session::take_output() {
    std::string out;
    take_output(out);
    return out;
}
bool Session::wants_close() const {
    return impl_->wants_close();
}
std::optional<CancelRequest> Session::cancel_request() const {
    return impl_->cancel_request();
}
bool Session::wants_tls() const {
    return impl_->wants_tls();
}
void Session::tls_started() {
    impl_->tls_started();
}
std::size_t Session::waiting_bytes() const {
    return impl_->waiting_bytes();
}
bool Session::busy() const {
    return impl_->busy();
}
bool Session::idle() const {
    return impl_->idle();
}
bool Session::waits_for_disk() const {
    return impl_->waits_for_disk();
}
bool Session::admitted() const {
    return impl_->admitted();
}
std::string Session::describe() const {
    return impl_->describe();
}

}  // namespace anabranch::pgwire
