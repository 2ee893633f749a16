#include "node/replica/ordered.h"

#include <algorithm>

#include "lib/base/check.h"
#include "lib/exec/schema_plans.h"
#include "node/order/codec.h"

namespace anabranch::replica {

namespace {

order::Members initial_members(const Options& options) {
    order::Members members;
    members.voters.push_back(Ordered::member_id(options.name));
    for (const auto& peer : options.peers)
        (peer.voter ? members.voters : members.learners).push_back(Ordered::member_id(peer.name));
    std::sort(members.voters.begin(), members.voters.end());
    std::sort(members.learners.begin(), members.learners.end());
    return members;
}

wire::Forwarded refusal(const Error& error) {
    wire::Forwarded out;
    out.sqlstate = error.sqlstate;
    out.message = error.message;
    out.detail = error.detail;
    out.hint = error.hint;
    out.constraint = error.constraint;
    out.table = error.table;
    return out;
}
Error error_of(const wire::Forwarded& answer) {
    Error error = Error::make(answer.sqlstate, answer.message);
    error.detail = answer.detail;
    error.hint = answer.hint;
    error.constraint = answer.constraint;
    error.table = answer.table;
    return error;
}

// The delta an entry of the order stands for: entries without one are empty deltas, so that CSNs have no
// gaps.
Result<crdt::Delta> delta_of(const order::Entry& entry, const catalog::Schema& schema) {
    if (entry.kind == order::EntryKind::delta) return crdt::Delta::decode(entry.payload);
    crdt::Delta delta;
    delta.dot = {ORDER_ORIGIN, entry.index};
    if (entry.index > 1) delta.dependencies.set(ORDER_ORIGIN, entry.index - 1);
    delta.stamp = {1, ORDER_ORIGIN};
    delta.schema_hash = schema.hash;
    return delta;
}

constexpr std::string_view not_primary = "57P03";

}  // namespace

std::shared_ptr<Values> Values::copy(std::span<const sql::Datum> from) {
    auto out = std::make_shared<Values>();
    for (const auto& value : from)
        out->values.push_back(value.is_bytes() ? sql::Datum::bytes(out->arena.copy(value.as_bytes()))
                                               : value);
    return out;
}

std::vector<sql::Type> value_types(const catalog::Schema& schema, const Runnable& runnable) {
    if (!runnable.transaction) return runnable.bound->parameter_types;
    std::vector<sql::Type> out;
    for (const auto& parameter : schema.transactions[*runnable.transaction].parameters) {
        if (out.size() <= parameter.index) out.resize(parameter.index + 1);
        out[parameter.index] = parameter.type;
    }
    return out;
}

std::string tag_of(const exec::StatementResult& result, const Runnable& runnable) {
    const auto rows = std::to_string(result.rows);
    if (runnable.transaction) return runnable.as_rows ? "SELECT " + rows : "CALL";
    switch (result.kind) {
        case exec::StatementResult::Kind::select:
            return "SELECT " + rows;
        case exec::StatementResult::Kind::insert:
            return "INSERT 0 " + rows;
        case exec::StatementResult::Kind::update:
            return "UPDATE " + rows;
        case exec::StatementResult::Kind::delete_:
            return "DELETE " + rows;
        case exec::StatementResult::Kind::call:
            return "CALL";
    }
    return "";
}

ReplicaId Ordered::member_id(const std::string& name) {
    // 0 and ORDER_ORIGIN have meanings of their own.
    const std::uint64_t hash = hash64(name, 0x6d656d626572);
    return ReplicaId{hash == 0 || hash == ORDER_ORIGIN.value ? 1 : hash};
}

Ordered::Ordered(State& state, Gossip& gossip, IdentityValues& identities, Runnables& runnables,
                 const exec::VirtualTables* outside)
    : state_(state),
      gossip_(gossip),
      runnables_(runnables),
      recovery_(member_id(state.options.name), initial_members(state.options)),
      origin_(identities),
      run_(state.schema, state.database, origin_, outside) {}

Result<void> Ordered::recover_committed(std::uint64_t index) {
    for (const auto& entry : recovery_.boot().entries)
        if (entry.index == index) {
            TRY(const auto delta, delta_of(entry, *state_.schema));
            if (state_.database.merge(delta) != crdt::Database::Merged::applied)
                return fail(sqlstate::io_error, "log: entry " + std::to_string(index) +
                                                    " of the order does not follow what is before it");
            state_.held.set(ORDER_ORIGIN, index);
            state_.deltas.add(delta.dot,
                              entry.kind == order::EntryKind::delta ? entry.payload : delta.encode());
            return {};
        }
    return fail(sqlstate::io_error, "log: entry " + std::to_string(index) + " of the order is missing");
}

void Ordered::start() {
    order::Boot boot = recovery_.boot();
    boot.held = to_dots(state_.held, true);
    const order::Index last = boot.entries.empty() ? boot.snapshot.index : boot.entries.back().index;
    boot.applied = std::max(boot.snapshot.index, std::min(last, state_.held.get(ORDER_ORIGIN)));
    core_ = order::make_order(state_.options.order, std::move(boot), state_.random.fork("order"), state_.now);
    feed(order::Tick{});
}

// ---- the core ----

// The core is never entered from within its own outputs: inputs that arise there wait their turn.
void Ordered::feed(order::Input input) {
    inputs_.push_back(std::move(input));
    if (feeding_) return;
    feeding_ = true;
    while (!inputs_.empty()) {
        order::Input next = std::move(inputs_.front());
        inputs_.pop_front();
        handle(core_->step(std::move(next), state_.now));
    }
    feeding_ = false;
}

void Ordered::handle(order::Outputs outputs) {
    bool changed = false;
    for (auto& output : outputs) {
        if (const auto* persist = std::get_if<order::Persist>(&output))
            on(*persist);
        else if (const auto* send = std::get_if<order::Send>(&output))
            on(*send);
        else if (const auto* committed = std::get_if<order::Committed>(&output))
            on(*committed);
        else if (const auto* lost = std::get_if<order::LostPrimary>(&output))
            on(*lost), changed = true;
        else if (std::holds_alternative<order::PrimaryChanged>(output) ||
                 std::holds_alternative<order::MayExecute>(output))
            changed = true;
        else if (const auto* bad = std::get_if<order::BadMessage>(&output))
            state_.notice(Notice::Level::warning,
                          "order: bad message from " + order::describe(bad->from) + ": " + bad->reason);
        else if (const auto* refused = std::get_if<order::Refused>(&output);
                 refused != nullptr && in_flight_ && refused->index == in_flight_->index) {
            // Not taken, so certainly not executed: it goes back to the head of the queue.
            queue_.push_front(std::move(in_flight_->work));
            in_flight_.reset();
            changed = true;
        }
    }
    if (changed) {
        route();
        work();
    }
}

void Ordered::on(const order::Persist& output) {
    const auto records = order::encode(output);
    Ticket last = state_.newest_ticket();
    for (const auto& record : records) last = state_.append(RecordKind::order, record, output.lazy);
    tickets_.emplace_back(output.ticket, last);
}

void Ordered::on(const order::Send& output) {
    for (const auto& peer : state_.options.peers) {
        if (member_id(peer.name) != output.to || !gossip_.reachable(peer.name)) continue;
        Ticket after = 0;
        if (output.after != 0) {
            const auto found = std::find_if(tickets_.begin(), tickets_.end(),
                                            [&](const auto& t) { return t.first >= output.after; });
            if (found != tickets_.end()) after = found->second;
        }
        state_.out->push_back(Send{peer.name, wire::OrderMessage{order::encode(output.message)},
                                   after > state_.durable ? after : 0});
    }
}

void Ordered::on(const order::Committed& output) {
    committed_.push_back(output.entry);
    drain();
}

void Ordered::on(const order::LostPrimary&) {
    for (auto& item : queue_) {
        if (item.requester.empty()) continue;  // route() takes it up again
        answer(item, refusal(Error::make(not_primary, "not primary")));
    }
    queue_.clear();
    for (auto& [key, item] : outstanding_)
        if (item.phase == Phase::queued && !(in_flight_ && in_flight_->work.requester.empty() &&
                                             Key{in_flight_->work.session, in_flight_->work.number} == key))
            item.phase = Phase::waiting;
}

void Ordered::drain() {
    while (!committed_.empty() && apply(committed_.front())) {
        const order::Entry entry = std::move(committed_.front());
        committed_.pop_front();
        settle_in_flight(entry);
        feed(order::Applied{entry.index});
    }
}

// False while dependencies are on their way.
bool Ordered::apply(const order::Entry& entry) {
    if (entry.index <= state_.database.version().get(ORDER_ORIGIN)) return true;  // came by gossip
    auto delta = delta_of(entry, *state_.schema);
    CHECK_NOTE(delta.has_value(),
               "committed entry " + std::to_string(entry.index) + ": " + delta.error().message);
    switch (state_.database.merge(*delta)) {
        case crdt::Database::Merged::premature:
            return false;
        case crdt::Database::Merged::duplicate:
            return true;
        case crdt::Database::Merged::refused:
            CHECK_NOTE(false, "committed entry does not fit the schema: " + state_.database.check(*delta).error().message);
            return false;
        case crdt::Database::Merged::applied:
            break;
    }
    if (delta->stamp.hlc > state_.clock.last()) state_.clock.restore(delta->stamp.hlc);
    Bytes body;
    ByteWriter(body).varint(entry.index);
    const Ticket ticket = state_.append(RecordKind::committed, body);
    state_.pending.push_back(
        {ticket, delta->dot, entry.kind == order::EntryKind::delta ? entry.payload : delta->encode()});
    ++state_.changes;
    return true;
}

void Ordered::settle_in_flight(const order::Entry& entry) {
    if (!in_flight_ || entry.index < in_flight_->index) return;
    InFlight done = std::move(*in_flight_);
    in_flight_.reset();
    if (entry.index == done.index && entry.epoch == done.epoch)
        answer(done.work, std::move(done.answer));
    else
        answer(done.work, refusal(Error::make(sqlstate::serialization_failure,
                                              "the primary changed before this transaction was committed")
                                      .with_hint("It was not executed; run it again.")));
    work();
}

// ---- requests at the client's node ----

void Ordered::submit(Request request) {
    const Key key{request.session, request.number};
    Outstanding item;
    item.deadline = state_.now + request.timeout;
    item.request = std::move(request);
    const auto [place, fresh] = outstanding_.insert_or_assign(key, std::move(item));
    route(place->second);
    work();
}

void Ordered::route() {
    for (auto& [key, item] : outstanding_)
        if (item.phase == Phase::waiting) route(item);
}

void Ordered::route(Outstanding& item) {
    const auto& request = item.request;
    if (core_->primary() == member_id(state_.options.name)) {
        item.phase = Phase::queued;
        queue_.push_back({"", request.session, request.number, request.runnable, request.values,
                          state_.database.version(), request.expected, item.deadline});
        return;
    }
    const std::string primary = primary_name();
    if (primary.empty() || !gossip_.reachable(primary)) return;
    wire::Forward forward;
    forward.origin = state_.options.id;
    forward.session = request.session;
    forward.number = request.number;
    if (request.runnable->transaction)
        forward.transaction = state_.schema->transactions[*request.runnable->transaction].name;
    else
        forward.statement = request.runnable->text;
    const auto types = value_types(*state_.schema, *request.runnable);
    const auto* labels = &exec::plans_of(*state_.schema);
    for (std::size_t i = 0; i < request.values->values.size(); ++i) {
        const auto value = request.values->values[i];
        Bytes text;
        if (!value.is_null()) sql::print_text(types[i], value, text, labels);
        forward.parameters.push_back({sql::oid_of(types[i]), {value.is_null(), std::move(text)}});
    }
    forward.seen = to_wire(state_.database.version());
    forward.expected = request.expected;
    forward.deadline_micros = (item.deadline - state_.now).micros;
    item.phase = Phase::forwarded;
    item.sent_to = primary;
    // The primary waits for what this client has seen; it can only get it from here once it is durable here.
    state_.out->push_back(Send{primary, std::move(forward), 0});
}

void Ordered::forwarded(const std::string& peer, const wire::Forwarded& message) {
    const auto found = outstanding_.find({message.session, message.number});
    if (found == outstanding_.end() || found->second.phase != Phase::forwarded ||
        found->second.sent_to != peer)
        return;
    Outstanding& item = found->second;
    if (!message.ok && message.sqlstate == not_primary) {
        item.phase = Phase::waiting;  // it was not executed: tried again when the primary is known
        return;
    }
    item.answer = message;
    item.phase = Phase::applying;
    finish(found->first, item);
}

// Answers once what was committed is visible here. Erases the item when done.
void Ordered::finish(const Key& key, Outstanding& item) {
    if (item.phase != Phase::applying || item.answer.csn > state_.database.version().get(ORDER_ORIGIN))
        return;
    const Key copy = key;
    const Outstanding done = std::move(item);
    outstanding_.erase(copy);
    if (!done.answer.ok) return reply(copy.first, copy.second, std::unexpected(error_of(done.answer)));
    if (done.request.sink != nullptr) {
        const auto& columns = done.request.runnable->bound->columns;
        const auto* labels = &exec::plans_of(*state_.schema);
        Arena arena;
        std::vector<sql::Datum> values;
        for (const auto& row : done.answer.rows) {
            values.clear();
            for (std::size_t i = 0; i < row.size() && i < columns.size(); ++i) {
                const auto value = row[i].first
                                       ? Result<sql::Datum>(sql::Datum::null())
                                       : sql::parse_text(columns[i].type, row[i].second, arena, labels);
                values.push_back(value ? *value : sql::Datum::null());
            }
            done.request.sink->row(values);
        }
    }
    reply(copy.first, copy.second, done.request.tag.empty() ? done.answer.tag : done.request.tag);
}

void Ordered::reply(std::uint64_t session, std::uint64_t number, Result<std::string> tag) {
    state_.out->push_back(Reply{session, number, std::move(tag)});
}

void Ordered::forget(std::uint64_t session) {
    std::erase_if(outstanding_, [&](const auto& item) { return item.first.first == session; });
}

void Ordered::cancel(std::uint64_t session) {
    for (auto it = outstanding_.begin(); it != outstanding_.end();) {
        if (it->first.first != session) {
            ++it;
            continue;
        }
        const bool certain = it->second.phase == Phase::waiting;
        auto error = Error::make(sqlstate::query_canceled, "canceling statement due to user request");
        if (!certain) error.detail = "The request had been handed to the primary and may still be executed.";
        reply(it->first.first, it->first.second, std::unexpected(std::move(error)));
        it = outstanding_.erase(it);
    }
}

std::string Ordered::primary_name() const {
    const ReplicaId primary = core_->primary();
    if (primary == member_id(state_.options.name)) return state_.options.name;
    for (const auto& peer : state_.options.peers)
        if (member_id(peer.name) == primary) return peer.name;
    return {};
}

Error Ordered::unreachable(const Outstanding& item) const {
    const std::string what = item.request.runnable->transaction
                                 ? state_.schema->transactions[*item.request.runnable->transaction].name
                                 : std::string("this statement");
    const std::string primary = primary_name();
    if (item.phase == Phase::forwarded || item.phase == Phase::queued || item.phase == Phase::applying)
        return Error::make("40003", "no answer from the primary in time: " + what +
                                        " may or may not have been executed")
            .with_detail(
                "Node " + state_.options.name +
                (item.phase == Phase::forwarded ? " sent it to primary " + item.sent_to : " queued it") +
                ", and then a majority of the nodes could not be reached.")
            .with_hint("Look at the data before you try again.");
    return Error::make(sqlstate::cannot_connect_now, "the primary is unreachable, and " + what + " needs it")
        .with_detail("Node " + state_.options.name +
                     (primary.empty() ? " knows of no primary" : " cannot reach primary " + primary) + "; " +
                     std::to_string(gossip_.reachable_count()) + " of " +
                     std::to_string(state_.options.peers.size()) +
                     " peers are reachable. It was not executed.")
        .with_hint(
            "Free transactions still work here: SELECT * FROM anabranch.plan. Try again later, or raise "
            "anabranch.order_timeout.");
}

// ---- requests at the primary ----

void Ordered::forward(const std::string& peer, const wire::Forward& message) {
    Work item;
    item.requester = peer;
    item.session = message.session;
    item.number = message.number;
    if (core_->primary() != member_id(state_.options.name))
        return answer(item, refusal(Error::make(not_primary, "not primary")));
    std::vector<sql::Type> types;
    for (const auto& parameter : message.parameters) types.push_back(sql::type_of_oid(parameter.first));
    auto runnable = message.transaction.empty() ? runnables_.of_statement(message.statement, types)
                                                : runnables_.of_transaction(message.transaction);
    if (!runnable) return answer(item, refusal(runnable.error()));
    item.runnable = *runnable;
    const auto wanted = value_types(*state_.schema, *item.runnable);
    if (wanted.size() != message.parameters.size())
        return answer(item, refusal(Error::make(sqlstate::protocol_violation,
                                                "forwarded request has a wrong number of parameters")));
    item.values = std::make_shared<Values>();
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        const auto& [null, text] = message.parameters[i].second;
        if (null) {
            item.values->values.push_back(sql::Datum::null());
            continue;
        }
        auto value = sql::parse_text(wanted[i], item.values->arena.copy(text), item.values->arena,
                                     &exec::plans_of(*state_.schema));
        if (!value) return answer(item, refusal(value.error()));
        item.values->values.push_back(*value);
    }
    item.seen = from_wire(message.seen);
    item.expected = message.expected;
    item.deadline =
        state_.now + Duration{std::clamp<std::int64_t>(message.deadline_micros, 0, seconds(3600).micros)};
    queue_.push_back(std::move(item));
    work();
}

void Ordered::work() {
    while (!in_flight_ && core_->may_execute() && state_.log_space && committed_.empty()) {
        // A request that has seen what is not here yet lets others pass.
        const auto ready = std::find_if(queue_.begin(), queue_.end(), [&](const Work& item) {
            return state_.database.version().covers(item.seen);
        });
        if (ready == queue_.end()) return;
        Work item = std::move(*ready);
        queue_.erase(ready);
        if (item.deadline < state_.now && !item.requester.empty())
            continue;  // its client has been told already
        if (item.requester.empty() && !outstanding_.contains({item.session, item.number})) continue;
        execute(std::move(item));
    }
}

void Ordered::execute(Work item) {
    const auto* labels = &exec::plans_of(*state_.schema);
    TextSink rows(item.runnable->bound->columns, labels);
    HashingSink hashed(item.runnable->bound->columns, labels, &rows);
    run_.reset();
    origin_.begin(state_.now, state_.random.next());
    auto result = run_.run(*item.runnable->compiled, item.values->values, &hashed);
    if (!result) return answer(item, refusal(result.error()));
    auto writes = run_.finish();
    if (!writes) return answer(item, refusal(writes.error()));
    if (item.expected != 0 && item.expected != hashed.hash())
        return answer(item, refusal(Error::make(sqlstate::serialization_failure,
                                                "could not serialize access due to concurrent update")
                                        .with_detail("The statement was run inside a transaction block, and "
                                                     "at the primary its result would differ.")
                                        .with_hint("Nothing was executed; run the transaction again.")));
    wire::Forwarded done;
    done.ok = true;
    done.tag = tag_of(*result, *item.runnable);
    done.rows = std::move(rows.rows);
    if ((*writes)->empty()) {
        const Ticket after = state_.pending.empty() ? 0 : state_.pending.back().ticket;
        return answer(item, std::move(done), after);
    }
    const order::Index index = core_->next_index();
    const auto delta = state_.database.make_delta(**writes, {ORDER_ORIGIN, index},
                                                  {state_.clock.tick(state_.now), ORDER_ORIGIN});
    done.csn = index;
    in_flight_ = InFlight{index, core_->epoch(), std::move(item), std::move(done)};
    feed(order::Propose{in_flight_->epoch, index, delta.encode(), to_dots(delta.dependencies, false)});
}

void Ordered::answer(const Work& item, wire::Forwarded answer, Ticket after) {
    answer.session = item.session;
    answer.number = item.number;
    if (!item.requester.empty()) {
        state_.out->push_back(Send{item.requester, std::move(answer), after > state_.durable ? after : 0});
        return;
    }
    const auto found = outstanding_.find({item.session, item.number});
    if (found == outstanding_.end()) return;
    found->second.answer = std::move(answer);
    found->second.phase = Phase::applying;
    finish(found->first, found->second);
}

// ---- events ----

void Ordered::message(const std::string& peer, const wire::OrderMessage& message) {
    auto decoded = order::decode_message(message.bytes);
    if (!decoded)
        return state_.notice(Notice::Level::warning, "order: " + decoded.error().message + " from " + peer);
    feed(order::Receive{member_id(peer), std::move(*decoded)});
}

void Ordered::peer_changed() {
    route();
}

void Ordered::persisted() {
    order::Ticket reached = 0;
    while (!tickets_.empty() && tickets_.front().second <= state_.durable) {
        reached = tickets_.front().first;
        tickets_.pop_front();
    }
    if (reached != 0) feed(order::Persisted{reached});
}

void Ordered::held_changed() {
    feed(order::Held{to_dots(state_.held, true)});
}

void Ordered::merged() {
    drain();
    for (auto it = outstanding_.begin(); it != outstanding_.end();) {
        auto& current = *it++;
        finish(current.first, current.second);
    }
    work();
}

void Ordered::tick() {
    feed(order::Tick{});
    for (auto it = outstanding_.begin(); it != outstanding_.end();) {
        auto current = it++;
        if (state_.now < current->second.deadline) continue;
        const Key key = current->first;
        const Error error = unreachable(current->second);
        outstanding_.erase(current);
        reply(key.first, key.second, std::unexpected(error));
    }
    std::erase_if(queue_, [&](const Work& item) { return item.deadline < state_.now; });
}

Instant Ordered::next_deadline() const {
    Instant next = core_->next_deadline();
    for (const auto& [key, item] : outstanding_) next = std::min(next, item.deadline);
    return next;
}

}  // namespace anabranch::replica
