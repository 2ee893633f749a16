#include "node/replica/sessions.h"

#include <algorithm>
#include <charconv>

#include "lib/base/check.h"
#include "lib/exec/schema_plans.h"
#include "node/replica/refusal.h"

namespace anabranch::replica {

namespace {

constexpr std::size_t spare_bytes_max = 8 * 1024;  // of parameters; memory for more is given back

Execution now(Result<std::string> tag) {
    return {Execution::When::now, 0, std::move(tag)};
}
Execution now(Error error) {
    return {Execution::When::now, 0, std::unexpected(std::move(error))};
}

Error block_has_failed() {
    return Error::make(sqlstate::in_failed_transaction,
                       "current transaction is aborted, commands ignored until end of transaction block");
}

// "500", "500ms", "5s", "2min": a number without unit is milliseconds, as for PostgreSQL's timeouts.
std::optional<Duration> parse_duration(std::string_view text) {
    std::int64_t n = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (problem != std::errc() || n < 0 || n > 1'000'000'000) return {};
    const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
    if (unit.empty() || unit == "ms") return millis(n);
    if (unit == "s") return seconds(n);
    if (unit == "min") return seconds(60 * n);
    return {};
}

bool is_delete(const sql::StatementPtr& statement) {
    return statement != nullptr && std::holds_alternative<sql::Delete>(statement->body);
}
// Nothing but DELETEs: they make room in memory.
bool only_removes(const catalog::Schema& schema, const Runnable& runnable) {
    if (!runnable.transaction) return is_delete(runnable.bound->statement);
    const auto& body = schema.transactions[*runnable.transaction].body;
    return std::all_of(body.begin(), body.end(), is_delete);
}

Error bad_value(std::string_view name, std::string_view value, std::string hint) {
    return Error::make("22023", "invalid value for parameter \"" + std::string(name) + "\": \"" +
                                    std::string(value) + "\"")
        .with_hint(std::move(hint));
}

std::string token_of(const crdt::VersionVector& version) {
    Bytes out;
    ByteWriter writer(out);
    version.encode(writer);
    return hex(BytesView(out));
}
std::optional<crdt::VersionVector> parse_token(std::string_view text) {
    if (text.empty()) return crdt::VersionVector();  // no demands
    Bytes out;
    if (text.size() % 2 != 0) return {};
    for (std::size_t i = 0; i < text.size(); i += 2) {
        unsigned byte = 0;
        const auto [end, problem] = std::from_chars(text.data() + i, text.data() + i + 2, byte, 16);
        if (problem != std::errc() || end != text.data() + i + 2) return {};
        out.push_back(static_cast<char>(byte));
    }
    ByteReader reader(out);
    auto version = crdt::VersionVector::decode(reader);
    return reader.complete() ? version : std::nullopt;
}

}  // namespace

Sessions::Sessions(State& state, const Gossip& gossip, Ordered& ordered, Tentative& tentative,
                   IdentityValues& identities, const exec::VirtualTables* outside)
    : state_(state),
      ordered_(ordered),
      tentative_(tentative),
      identities_(identities),
      asked_(outside),
      origin_(identities),
      run_(state.schema, state.database, origin_, &asked_),
      quorum_(state, gossip) {}

void Sessions::close(std::uint64_t session) {
    ordered_.forget(session);
    quorum_.forget(session);
    std::erase_if(waiting_, [&](const Waiting& item) {
        if (item.session != session) return false;
        ordered_.end_read(item.read);
        return true;
    });
    std::erase_if(unanswered_, [&](const Unanswered& item) { return item.reply.session == session; });
    sessions_.erase(session);
}

void Sessions::cancel(std::uint64_t session) {
    ordered_.cancel(session);
    quorum_.cancel(session);
    for (auto it = waiting_.begin(); it != waiting_.end();) {
        if (it->session != session) {
            ++it;
            continue;
        }
        state_.out->push_back(Reply{it->session, it->number,
                                    std::unexpected(Error::make(sqlstate::query_canceled,
                                                                "canceling statement due to user request"))});
        ordered_.end_read(it->read);
        it = waiting_.erase(it);
    }
}

Block Sessions::block(std::uint64_t session) const {
    const auto found = sessions_.find(session);
    if (found == sessions_.end() || !found->second.block) return Block::none;
    return found->second.block->failed ? Block::failed : Block::open;
}

void Sessions::fail_block(std::uint64_t session) {
    auto& block = sessions_[session].block;
    if (block) block->failed = true;
}

// ---- running ----

Execution Sessions::execute(std::uint64_t id, std::uint64_t number, const RunnablePtr& runnable,
                            std::span<const sql::Datum> parameters, exec::RowSink* sink) {
    Session& session = sessions_[id];
    session.ends = state_.now + timeout_of(session);
    const bool read_primary = session.read_primary && !runnable->writes;
    const bool follows = !ordered_.early().open(id) || goes_to_primary(session, *runnable);
    if (!read_primary && follows && state_.database.version().covers(session.seen))
        return run_now(session, id, number, runnable, parameters, sink);
    auto values = Values::copy(parameters);
    keep_session(*runnable, *values);
    return wait(session,
                {id, number, runnable, std::move(values), sink, {}, read_primary ? ordered_.ask_read() : 0});
}

void Sessions::keep_session(const Runnable& runnable, Values& values) const {
    if (runnable.asks_session) values.session = asked_.kept();
}

// Where it runs after what its session was answered for early; anything else must find that here.
bool Sessions::goes_to_primary(const Session& session, const Runnable& runnable) {
    return !session.block && !session.tentative && runnable.writes &&
           runnable.route == catalog::Route::ordered;
}

Execution Sessions::wait(Session& session, Waiting item) {
    item.deadline = session.ends;
    waiting_.push_back(std::move(item));
    state_.out->push_back(Hurry{});
    return {Execution::When::later, 0, std::string()};
}

bool Sessions::may_go_on(const Session& session, Waiting& item) {
    if (item.read != 0) {
        const auto index = ordered_.read_index(item.read);
        if (!index || state_.database.version().get(ORDER_ORIGIN) < *index) return false;
        ordered_.end_read(std::exchange(item.read, 0));
    }
    const bool follows = !ordered_.early().open(item.session) ||
                         (item.runnable != nullptr && goes_to_primary(session, *item.runnable));
    return follows && state_.database.version().covers(session.seen);
}

// The same for every attempt at one call under one request_id.
RequestKey Sessions::key_of(const Session& session, std::span<const OrderedStep> steps,
                            const catalog::Schema& schema) {
    if (session.request_id.empty()) return {};
    Bytes text;
    ByteWriter out(text);
    out.sized(session.request_id);
    for (const auto& step : steps) {
        const auto& runnable = *step.runnable;
        out.sized(runnable.transaction ? schema.transactions[*runnable.transaction].name : runnable.text);
        for (const auto& [type, value] : text_of(schema, runnable, *step.values)) {
            out.u8(value.first ? 1 : 0);
            out.sized(value.second);
        }
    }
    const auto hash = hash128(text);
    return {hash.low | 1, hash.high};
}

Execution Sessions::run_now(Session& session, std::uint64_t id, std::uint64_t number,
                            const RunnablePtr& runnable, std::span<const sql::Datum> parameters,
                            exec::RowSink* sink) {
    if (session.block && session.block->failed) return now(block_has_failed());
    auto refusal = refusal_of_all(state_);
    if (const auto lost = ordered_.take_lost(id); lost > 0) refusal = early_answers_lost(lost);
    if (!refusal && runnable->writes)
        refusal = refusal_of_writes(state_, only_removes(*state_.schema, *runnable));
    if (refusal) return session.block ? failed(*session.block, *refusal) : now(*refusal);
    if (session.block || runnable->route == catalog::Route::ordered || runnable->transaction ||
        (runnable->writes && !session.request_id.empty())) {
        auto values = runnable->transaction ? arguments(*runnable, parameters)
                                            : Result<std::shared_ptr<Values>>(Values::copy(parameters));
        if (!values) return session.block ? failed(*session.block, values.error()) : now(values.error());
        keep_session(*runnable, **values);
        if (session.block) return run_in_block(session, runnable, std::move(*values), sink);
        // The order remembers what it has done; so that a free call is done once, too, it goes that way.
        if (runnable->writes && (runnable->route == catalog::Route::ordered || !session.request_id.empty())) {
            OrderedSteps steps{{runnable, std::move(*values)}};
            const auto key = key_of(session, steps, *state_.schema);
            return submit(session,
                          {id, number, std::move(steps), sink, {}, {}, session.ends - state_.now, key});
        }
        if (!runnable->writes && session.read_tentative)
            return tentative_.read(*runnable, (*values)->values, sink, {});
        return run_alone(session, id, number, *runnable, (*values)->values, sink);
    }
    if (!runnable->writes && session.read_tentative) return tentative_.read(*runnable, parameters, sink, {});
    return run_alone(session, id, number, *runnable, parameters, sink);
}

// To the primary, or to the queue of those that do not wait for it.
Execution Sessions::submit(Session& session, Ordered::Request request) {
    std::size_t bytes = 0;
    for (const auto& step : request.steps) {
        bytes += step.runnable->text.size() + step.values->session.size();
        for (const auto value : step.values->values) bytes += value.is_bytes() ? value.as_bytes().size() : 8;
    }
    if (bytes > state_.options.delta_bytes_max / 4)
        return now(Error::make(program_limit_exceeded, "the parameters of this ordered call are too large: " +
                                                           std::to_string(bytes) + " bytes")
                       .with_detail("They go to the primary as one message, so at most " +
                                    std::to_string(state_.options.delta_bytes_max / 4) +
                                    " bytes are possible.")
                       .with_hint("Do it in parts, each with a transaction of its own."));
    const auto is_ordered = [](const OrderedStep& step) {
        return step.runnable->route == catalog::Route::ordered;
    };
    if (!session.tentative || std::none_of(request.steps.begin(), request.steps.end(), is_ordered)) {
        request.early = !session.wait_for_disk();
        ordered_.submit(std::move(request));
        return {Execution::When::later, 0, std::string()};
    }
    return queue(session, std::move(request));
}

// A block is one call of several steps, which no procedure could stand in for.
Execution Sessions::queue(Session& session, Ordered::Request request) {
    const bool several = request.steps.size() > 1;
    if (several && !session.on_refusal.empty())
        return now(Error::make(sqlstate::feature_not_supported,
                               "anabranch.on_refusal is for one call, and this block has written more often")
                       .with_hint("RESET anabranch.on_refusal, or declare one procedure that does it all."));
    std::string on_refusal = session.on_refusal;
    const auto& first = *request.steps[0].runnable;
    if (on_refusal.empty() && !several && first.transaction) {
        const auto& hints = state_.schema->transactions[*first.transaction].hints;
        if (const auto hint = hints.find("on_refusal"); hint != hints.end()) on_refusal = hint->second;
    }
    auto done = tentative_.submit(
        {std::move(request.steps), std::move(request.drawn), std::move(on_refusal), request.key},
        request.sink, session.ticket);
    if (done.tag && !request.tag.empty()) done.tag = request.tag;
    if (done.tag && !session.wait_for_disk()) done.when = Execution::When::now;
    return done;
}

Execution Sessions::run_alone(Session& session, std::uint64_t id, std::uint64_t number,
                              const Runnable& runnable, std::span<const sql::Datum> values,
                              exec::RowSink* sink) {
    run_.reset();
    origin_.begin(state_.now, state_.random.next());
    auto result = run_.run(*runnable.compiled, values, sink);
    if (!result) return now(result.error());
    std::string tag = tag_of(*result, runnable);
    if (!runnable.writes) return read_answer(session, std::move(tag));
    auto writes = run_.finish();
    if (!writes) return now(writes.error());
    if ((*writes)->empty()) return read_answer(session, std::move(tag));
    return commit_local(session, id, number, **writes, std::move(tag));
}

Execution Sessions::read_answer(const Session& session, std::string tag) const {
    const Ticket ticket = state_.unsettled();
    if (ticket == 0 || !session.wait_for_disk()) return now(std::move(tag));
    return {Execution::When::durable, ticket, std::move(tag)};
}

Execution Sessions::commit_local(Session& session, std::uint64_t id, std::uint64_t number,
                                 const exec::WriteSet& writes, std::string tag) {
    if (const auto refusal = refusal_of_deltas(state_)) return now(*refusal);
    const Dot dot{state_.options.id, state_.own_seq + 1};
    auto delta = state_.database.make_delta(writes, dot, {state_.clock.tick(state_.now), dot.origin});
    Bytes bytes = delta.encode();
    if (const auto refusal = refusal_of_size(state_, writes, bytes.size())) return now(*refusal);
    CHECK(state_.merge(delta) == crdt::Database::Merged::applied);
    state_.database.recycle(std::move(delta));
    ++state_.own_seq;
    const Ticket ticket = state_.append(
        RecordKind::delta, bytes, session.wait_for_disk() ? Persist::When::at_once : Persist::When::soon);
    state_.wait_for_disk(ticket, dot, std::move(bytes));
    ++state_.changes;
    switch (session.durability) {
        case Session::Durability::memory:
            return now(std::move(tag));
        case Session::Durability::disk:
            break;
        case Session::Durability::quorum:
            quorum_.add({id, number, dot.seq, std::move(tag), session.ends});
            return {Execution::When::later, 0, std::string()};
    }
    return {Execution::When::durable, ticket, std::move(tag)};
}

// Those of an earlier call, if nobody holds them any more. Calls are done in about the order they came in.
std::shared_ptr<Values> Sessions::spare_values() {
    constexpr std::size_t kept_max = 512;
    std::shared_ptr<Values> oldest;
    if (!spare_values_.empty()) {
        oldest = std::move(spare_values_.front());
        spare_values_.pop_front();
    }
    const bool free = oldest != nullptr && oldest.use_count() == 1;
    if (oldest != nullptr) spare_values_.push_back(oldest);
    if (free) {
        oldest->arena.reset();
        oldest->values.clear();
        oldest->session.clear();
        return oldest;
    }
    auto fresh = std::make_shared<Values>();
    if (spare_values_.size() < kept_max) spare_values_.push_back(fresh);
    return fresh;
}

// Memory for large values is not kept.
void Sessions::forget_large(const std::shared_ptr<Values>& values) {
    std::size_t bytes = 0;
    for (const auto& value : values->values)
        if (value.is_bytes()) bytes += value.as_bytes().size();
    if (bytes > spare_bytes_max) std::erase(spare_values_, values);
}

// A call's parameters from its argument expressions.
Result<std::shared_ptr<Values>> Sessions::arguments(const Runnable& runnable,
                                                    std::span<const sql::Datum> parameters) {
    const auto out = spare_values();
    const bool direct =
        runnable.arguments == nullptr || (!runnable.simple_arguments.empty() && ordered_.is_primary());
    if (!direct) {
        struct One final : exec::RowSink {
            std::shared_ptr<Values> values;
            bool row(std::span<const sql::Datum> row) override {
                values->assign(row);
                return true;
            }
        } one;
        one.values = out;
        run_.reset();
        origin_.begin(state_.now, state_.random.next());
        TRY_VOID(run_.run(*runnable.arguments, parameters, &one));
        forget_large(out);
        return out;
    }
    for (const auto& argument : runnable.simple_arguments) {
        if (argument.parameter >= 0) {
            const auto value = parameters[static_cast<std::size_t>(argument.parameter)];
            out->values.push_back(value.is_bytes() ? sql::Datum::bytes(out->arena.copy(value.as_bytes()))
                                                   : value);
        } else if (argument.constant.null) {
            out->values.push_back(sql::Datum::null());
        } else {
            switch (argument.storage) {
                case sql::Storage::integer:
                    out->values.push_back(sql::Datum::integer(argument.constant.integer));
                    break;
                case sql::Storage::floating:
                    out->values.push_back(sql::Datum::floating(argument.constant.floating));
                    break;
                case sql::Storage::bytes:
                    out->values.push_back(sql::Datum::bytes(argument.constant.bytes));
                    break;  // the Runnable outlives it
            }
        }
    }
    forget_large(out);
    return out;
}

// ---- blocks ----

Result<void> Sessions::begin(std::uint64_t id) {
    Session& session = sessions_[id];
    if (session.block) return {};
    OpenBlock block;
    block.origin = std::make_unique<RecordedOrigin>(identities_);
    block.origin->begin(state_.now, state_.random.next());
    block.run =
        std::make_unique<exec::TransactionRun>(state_.schema, state_.database, *block.origin, &asked_);
    block.run->set_cancelled(cancelled_);
    block.moves = state_.moves();
    session.block = std::move(block);
    return {};
}

Execution Sessions::failed(OpenBlock& block, Error error) {
    block.failed = true;
    return now(std::move(error));
}

// Runs the block's statements again when the state has moved under them.
Result<void> Sessions::refresh(OpenBlock& block) {
    return block.moves == state_.moves() ? Result<void>() : run_again(block);
}

Result<void> Sessions::run_again(OpenBlock& block) {
    block.run->reset();
    block.origin->rewind();
    block.moves = state_.moves();
    const auto moved = [] {
        return fail(Error::make(sqlstate::serialization_failure,
                                "could not serialize access due to concurrent update")
                        .with_detail("Data that this transaction had read was changed meanwhile.")
                        .with_hint("Run the transaction again."));
    };
    for (const auto& step : block.steps) {
        begin_step(block, step);
        const SessionValues::Then then(asked_, step.values->session);
        HashingSink hashed(step.runnable->bound->columns, &exec::plans_of(*state_.schema), nullptr);
        const auto result = block.run->run(*step.runnable->compiled, step.values->values, &hashed);
        if (!result || hash_of(tag_of(*result, *step.runnable), hashed.hash()) != step.hash) return moved();
    }
    return {};
}

void Sessions::begin_step(OpenBlock& block, const Step& step) {
    if (step.runnable->writes)
        block.origin->begin_write(step.number);
    else
        block.origin->begin_read(step.number);
}

void Sessions::note_kind(OpenBlock& block, const Runnable& runnable) {
    if (!runnable.writes) return;
    ++block.writes;
    block.ordered = block.ordered || runnable.route == catalog::Route::ordered;
}

Result<void> Sessions::roll_back_to(OpenBlock& block, std::size_t steps) {
    block.steps.resize(steps);
    block.writes = 0;
    block.ordered = false;
    for (const auto& step : block.steps) note_kind(block, *step.runnable);
    TRY_VOID(run_again(block));
    block.origin->forget_rest();
    block.failed = false;
    return {};
}

Result<void> Sessions::savepoint(std::uint64_t id, SavepointCommand command, const std::string& name) {
    Session& session = sessions_[id];
    if (!session.block)
        return fail("25P01", std::string(command == SavepointCommand::set       ? "SAVEPOINT"
                                         : command == SavepointCommand::release ? "RELEASE SAVEPOINT"
                                                                                : "ROLLBACK TO SAVEPOINT") +
                                 " can only be used in transaction blocks");
    OpenBlock& block = *session.block;
    if (block.failed && command != SavepointCommand::rollback_to) return fail(block_has_failed());
    if (command == SavepointCommand::set) {
        block.savepoints.push_back({name, block.steps.size()});
        return {};
    }
    auto found = std::find_if(block.savepoints.rbegin(), block.savepoints.rend(),
                              [&](const Savepoint& point) { return point.name == name; });
    Result<void> done;
    if (found == block.savepoints.rend()) {
        done = fail("3B001", "savepoint \"" + name + "\" does not exist");
    } else if (command == SavepointCommand::release) {
        block.savepoints.erase(std::next(found).base(), block.savepoints.end());
    } else {
        const std::size_t steps = found->steps;
        block.savepoints.erase(found.base(), block.savepoints.end());  // it stays itself
        done = roll_back_to(block, steps);
    }
    if (!done) block.failed = true;
    return done;
}

Execution Sessions::run_in_block(Session& session, const RunnablePtr& runnable,
                                 std::shared_ptr<Values> values, exec::RowSink* sink) {
    OpenBlock& block = *session.block;
    if (auto fresh = refresh(block); !fresh) return failed(block, fresh.error());
    if (!runnable->writes && session.read_tentative) return read_in_block(block, *runnable, *values, sink);
    HashingSink hashed(runnable->bound->columns, &exec::plans_of(*state_.schema), sink);
    Step step{runnable, std::move(values), runnable->writes ? block.writes : block.steps.size()};
    begin_step(block, step);
    const auto result = block.run->run(*runnable->compiled, step.values->values, &hashed);
    if (!result) return failed(block, result.error());
    std::string tag = tag_of(*result, *runnable);
    step.hash = hash_of(tag, hashed.hash());
    block.steps.push_back(std::move(step));
    note_kind(block, *runnable);
    return read_answer(session, std::move(tag));
}

// What is tentative may be gone when the block commits, so the block does not rest on what it was shown.
Execution Sessions::read_in_block(OpenBlock& block, const Runnable& runnable, const Values& values,
                                  exec::RowSink* sink) {
    Tentative::Before before;
    before.origin = block.origin.get();
    for (const auto& step : block.steps)
        if (step.runnable->writes) before.writes.emplace_back(step.runnable.get(), step.values.get());
    auto done = tentative_.read(runnable, values.values, sink, before);
    if (!done.tag) block.failed = true;
    return done;
}

Execution Sessions::commit(std::uint64_t id, std::uint64_t number) {
    Session& session = sessions_[id];
    session.ends = state_.now + timeout_of(session);
    if (!session.block) return now(std::string("COMMIT"));
    // What a block did is to follow what its session has seen, also when it has seen that since.
    const bool follows = !ordered_.early().open(id) && state_.database.version().covers(session.seen);
    if (!session.block->failed && !follows)
        return wait(session, {id, number, nullptr, nullptr, nullptr, {}, 0});
    return commit_now(session, id, number);
}

Execution Sessions::commit_now(Session& session, std::uint64_t id, std::uint64_t number) {
    OpenBlock block = std::move(*session.block);
    session.block.reset();
    if (block.failed) return now(std::string("ROLLBACK"));
    if (const auto lost = ordered_.take_lost(id); lost > 0) return now(early_answers_lost(lost));
    if (!block.writes) return read_answer(session, "COMMIT");
    if (const auto refusal = refusal_of_all(state_)) return now(*refusal);
    // Whether it only makes room was asked with each statement.
    if (const auto refusal = refusal_of_writes(state_, true)) return now(*refusal);
    if (block.ordered) {
        OrderedSteps steps;
        for (auto& step : block.steps)
            if (step.runnable->writes) steps.push_back({step.runnable, step.values, step.hash});
        const auto key = key_of(session, steps, *state_.schema);
        return submit(session, {id, number, std::move(steps), nullptr, block.origin->drawn(), "COMMIT",
                                session.ends - state_.now, key});
    }
    if (auto fresh = refresh(block); !fresh) return now(fresh.error());
    auto writes = block.run->finish();
    if (!writes) return now(writes.error());
    if ((*writes)->empty()) return read_answer(session, "COMMIT");
    return commit_local(session, id, number, **writes, "COMMIT");
}

// ---- settings ----

Result<void> Sessions::set(std::uint64_t id, std::string_view name, std::string_view value) {
    Session& session = sessions_[id];
    if (name == "anabranch.order_timeout") {
        const auto duration = parse_duration(value);
        if (!duration) return fail(bad_value(name, value, "Give a time such as 500ms or 5s."));
        session.order_timeout = duration;
        return {};
    }
    if (name == "anabranch.durability") {
        using enum Session::Durability;
        if (value != "disk" && value != "quorum" && value != "memory")
            return fail(bad_value(name, value,
                                  "disk waits for this node's disk, quorum for the disks of a majority of "
                                  "the members, memory for nothing."));
        session.durability = value == "disk" ? disk : value == "quorum" ? quorum : memory;
        return {};
    }
    if (name == "anabranch.session") {
        auto token = parse_token(value);
        if (!token) return fail(bad_value(name, value, "Give a token that SHOW anabranch.session printed."));
        session.seen = std::move(*token);
        return {};
    }
    if (name == "anabranch.read") {
        if (value != "local" && value != "primary" && value != "tentative")
            return fail(bad_value(name, value,
                                  "local reads what is committed here, primary waits for all that the order "
                                  "has committed, tentative adds what waits in this node's queue."));
        session.read_primary = value == "primary";
        session.read_tentative = value == "tentative";
        return {};
    }
    if (name == "anabranch.ordered") {
        if (value != "committed" && value != "tentative")
            return fail(bad_value(name, value,
                                  "committed waits for the order, tentative queues the call on this node: "
                                  "SELECT * FROM anabranch.order."));
        session.tentative = value == "tentative";
        return {};
    }
    if (name == "anabranch.on_refusal") {
        session.on_refusal = value;
        return {};
    }
    if (name == "anabranch.request_id") {
        session.request_id = value;
        return {};
    }
    return fail(
        Error::make("42704", "unrecognized configuration parameter \"" + std::string(name) + "\"")
            .with_hint("This program knows anabranch.order_timeout, .durability, .session, .read, .ordered, "
                       ".on_refusal and .request_id."));
}

std::optional<std::string> Sessions::setting(std::uint64_t id, std::string_view name) const {
    const auto found = sessions_.find(id);
    const Session* session = found == sessions_.end() ? nullptr : &found->second;
    if (name == "anabranch.order_timeout") {
        const auto timeout = session != nullptr
                                 ? session->order_timeout.value_or(state_.options.order_timeout)
                                 : state_.options.order_timeout;
        return std::to_string(timeout.micros / 1000) + "ms";
    }
    if (name == "anabranch.durability")
        return session == nullptr || session->durability == Session::Durability::disk ? "disk"
               : session->durability == Session::Durability::quorum                   ? "quorum"
                                                                                      : "memory";
    if (name == "anabranch.session") {
        auto seen = state_.database.version();
        if (session != nullptr) seen.merge(session->seen);
        if (const auto index = ordered_.early().index(id); index > seen.get(ORDER_ORIGIN))
            seen.set(ORDER_ORIGIN, index);
        return token_of(seen);
    }
    if (name == "anabranch.read")
        return session == nullptr        ? "local"
               : session->read_primary   ? "primary"
               : session->read_tentative ? "tentative"
                                         : "local";
    if (name == "anabranch.ordered")
        return session != nullptr && session->tentative ? "tentative" : "committed";
    if (name == "anabranch.on_refusal") return session == nullptr ? std::string() : session->on_refusal;
    if (name == "anabranch.ticket") return session == nullptr ? std::string() : session->ticket;
    if (name == "anabranch.request_id") return session == nullptr ? std::string() : session->request_id;
    return {};
}

// ---- events ----

void Sessions::merged() {
    if (waiting_.empty()) return;
    std::vector<Waiting> still;
    auto all = std::move(waiting_);
    waiting_.clear();
    for (auto& item : all) {
        Session& session = sessions_[item.session];
        const SessionValues::Then then(asked_,
                                       item.parameters ? item.parameters->session : std::string_view());
        if (!may_go_on(session, item)) {
            still.push_back(std::move(item));
            continue;
        }
        session.ends = item.deadline;  // waiting was part of the time that the client gives
        auto done = item.runnable == nullptr ? commit_now(session, item.session, item.number)
                                             : run_now(session, item.session, item.number, item.runnable,
                                                       item.parameters->values, item.sink);
        if (done.when == Execution::When::later) continue;
        Reply reply{item.session, item.number, std::move(done.tag)};
        if (done.when == Execution::When::durable && done.ticket > state_.durable)
            unanswered_.push_back({done.ticket, std::move(reply)});
        else
            state_.out->push_back(std::move(reply));
    }
    waiting_.insert(waiting_.begin(), std::make_move_iterator(still.begin()),
                    std::make_move_iterator(still.end()));
}

void Sessions::persisted() {
    for (auto& item : unanswered_)
        if (item.ticket <= state_.durable) state_.out->push_back(std::move(item.reply));
    std::erase_if(unanswered_, [&](const Unanswered& item) { return item.ticket <= state_.durable; });
}

void Sessions::tick() {
    quorum_.tick();
    for (auto it = waiting_.begin(); it != waiting_.end();) {
        if (it->read != 0 && ordered_.read_failed(it->read)) it->read = ordered_.ask_read();
        if (state_.now < it->deadline) {
            ++it;
            continue;
        }
        ordered_.end_read(it->read);
        auto& block = sessions_[it->session].block;
        if (it->runnable == nullptr)
            block.reset();
        else if (block)
            block->failed = true;
        state_.out->push_back(Reply{it->session, it->number, std::unexpected(waited_in_vain(*it))});
        it = waiting_.erase(it);
    }
}

Error Sessions::waited_in_vain(const Waiting& item) const {
    const std::string primary = ordered_.primary_name();
    if (item.read != 0)
        return Error::make(sqlstate::cannot_connect_now,
                           "the primary is unreachable, and anabranch.read = 'primary' needs it")
            .with_detail("Node " + state_.options.name +
                         (primary.empty() ? " knows of no primary." : " has no answer from " + primary + "."))
            .with_hint("SET anabranch.read = 'local' reads what this node has.");
    if (ordered_.early().open(item.session))
        return Error::make(sqlstate::cannot_connect_now,
                           "ordered calls that this session was answered for are not committed yet")
            .with_detail(
                "Under anabranch.durability = 'memory' they were answered when the primary had "
                "executed them; what follows waits until a majority has them, or they are lost.")
            .with_hint("Try again.");
    return Error::make(sqlstate::cannot_connect_now,
                       "this node has not yet seen what the session token stands for")
        .with_detail("It holds " + state_.database.version().describe() + ".")
        .with_hint("Try again, or go on without the token: RESET anabranch.session.");
}

Instant Sessions::next_deadline() const {
    Instant next = quorum_.next_deadline();
    for (const auto& item : waiting_) next = std::min(next, item.deadline);
    return next;
}

}  // namespace anabranch::replica
