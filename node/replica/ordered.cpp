#include "node/replica/ordered.h"

#include <algorithm>

#include "lib/base/check.h"
#include "lib/exec/schema_plans.h"
#include "node/order/codec.h"

namespace anabranch::replica {

namespace {

order::Members initial_members(const Options& options) {
    order::Members members;
    if (options.joining) return members;
    members.voters.push_back(member_id(options.name));
    for (const auto& peer : options.peers)
        (peer.voter ? members.voters : members.learners).push_back(member_id(peer.name));
    std::sort(members.voters.begin(), members.voters.end());
    std::sort(members.learners.begin(), members.learners.end());
    members.roster = encode(initial_roster(options));
    return members;
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
Result<DecodedDelta> delta_of(const order::Entry& entry, const catalog::Schema& schema) {
    if (entry.kind == order::EntryKind::delta) return decode_delta(entry.payload);
    DecodedDelta out;
    crdt::Delta& delta = out.delta;
    delta.dot = {ORDER_ORIGIN, entry.index};
    if (entry.index > 1) delta.dependencies.set(ORDER_ORIGIN, entry.index - 1);
    delta.stamp = {1, ORDER_ORIGIN};
    delta.schema_hash = schema.hash;
    return out;
}

}  // namespace

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

TextParameters text_of(const catalog::Schema& schema, const Runnable& runnable, const Values& values) {
    const auto types = value_types(schema, runnable);
    TextParameters out;
    for (std::size_t i = 0; i < values.values.size(); ++i) {
        const auto value = values.values[i];
        Bytes text;
        if (!value.is_null()) sql::print_text(types[i], value, text, &exec::plans_of(schema));
        out.push_back({sql::oid_of(types[i]), {value.is_null(), std::move(text)}});
    }
    return out;
}

Result<std::shared_ptr<Values>> values_of(const catalog::Schema& schema, const Runnable& runnable,
                                          const TextParameters& texts) {
    const auto types = value_types(schema, runnable);
    if (types.size() != texts.size())
        return fail(sqlstate::protocol_violation, "forwarded request has a wrong number of parameters");
    auto out = std::make_shared<Values>();
    for (std::size_t i = 0; i < types.size(); ++i) {
        const auto& [null, text] = texts[i].second;
        if (null) {
            out->values.push_back(sql::Datum::null());
            continue;
        }
        TRY(const auto value,
            sql::parse_text(types[i], out->arena.copy(text), out->arena, &exec::plans_of(schema)));
        out->values.push_back(value);
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

std::uint64_t hash_of(const std::string& tag, std::uint64_t rows) {
    return hash64(tag, rows) | 1;
}

Ordered::Ordered(State& state, Gossip& gossip, Membership& membership, IdentityValues& identities,
                 Runnables& runnables, const exec::VirtualTables* outside)
    : state_(state),
      gossip_(gossip),
      membership_(membership),
      runnables_(runnables),
      recovery_(member_id(state.options.name), initial_members(state.options)),
      identities_(identities),
      origin_(identities),
      pending_state_(state.schema, state.database),
      run_(state.schema, pending_state_, origin_, outside) {}

Result<void> Ordered::recover_committed(Ticket ticket, std::uint64_t index) {
    const auto& boot = recovery_.boot();
    const order::Index first = boot.snapshot.index + 1;
    if (index < first || index - first >= boot.entries.size())
        return fail(sqlstate::io_error, "log: entry " + std::to_string(index) + " of the order is missing");
    const auto& entry = boot.entries[static_cast<std::size_t>(index - first)];
    TRY(auto decoded, delta_of(entry, *state_.schema));
    const crdt::Delta& delta = decoded.delta;
    if (state_.database.merge(delta) != crdt::Database::Merged::applied)
        return fail(sqlstate::io_error, "log: entry " + std::to_string(index) +
                                            " of the order does not follow what is before it");
    identities_.observe(delta);
    state_.outcomes.note(index, std::move(decoded.outcomes));
    state_.held.set(ORDER_ORIGIN, index);
    state_.deltas.add(delta.dot, entry.kind == order::EntryKind::delta ? entry.payload : delta.encode(),
                      ticket, state_.now);
    return {};
}

void Ordered::recover_old(Ticket ticket, RecordKind kind, BytesView body) {
    if (kind == RecordKind::order) {
        if (auto entry = order::entry_of(body))
            old_entries_.insert_or_assign(entry->index, std::move(*entry));
        return;
    }
    const auto found = old_entries_.find(ByteReader(body).varint());
    if (found == old_entries_.end()) return;
    if (const auto decoded = delta_of(found->second, *state_.schema)) {
        const bool whole = found->second.kind == order::EntryKind::delta;
        state_.deltas.add(decoded->delta.dot, whole ? found->second.payload : decoded->delta.encode(), ticket,
                          state_.now);
    }
    old_entries_.erase(old_entries_.begin(), std::next(found));
}

void Ordered::image(FunctionRef<void(RecordKind, BytesView)> put) const {
    for (const auto& record : order::encode(core_->image())) put(RecordKind::order, record);
    Bytes outcomes;
    ByteWriter writer(outcomes);
    state_.outcomes.encode(writer);
    put(RecordKind::outcomes, outcomes);
}

// Entries that some member lacks are kept while they are few: sending them costs less than a state.
void Ordered::compact(order::Index index) {
    constexpr order::Index kept_max = 100'000;
    const order::Index stable = gossip_.stable().get(ORDER_ORIGIN);
    if (index > stable && index - stable <= kept_max) index = stable;
    feed(order::Compact{index});
}

void Ordered::start() {
    order::Boot boot = recovery_.boot();
    boot.held = to_dots(state_.held, true);
    const order::Index last = boot.entries.empty() ? boot.snapshot.index : boot.entries.back().index;
    old_entries_.clear();
    boot.applied = std::max(boot.snapshot.index, std::min(last, state_.held.get(ORDER_ORIGIN)));
    // No two runs of nodes have the same.
    const std::uint64_t parts[] = {state_.options.id.value, state_.random.next(), state_.next_ticket,
                                   static_cast<std::uint64_t>(state_.now.micros)};
    newest_request_ = {hash64({reinterpret_cast<const char*>(parts), sizeof parts}) | 1, 0};
    core_ = order::make_order(state_.options.order, std::move(boot), state_.random.fork("order"), state_.now);
    membership_.update(core_->status());
}

std::optional<order::Refusal> Ordered::ask(order::Input input) {
    refused_.reset();
    feed(std::move(input));
    return refused_;
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
        else if (std::holds_alternative<order::MembersChanged>(output))
            membership_.update(core_->status());
        else if (const auto* ready = std::get_if<order::ReadReady>(&output))
            settle_read(ready->token, ready->index);
        else if (const auto* failed = std::get_if<order::ReadFailed>(&output))
            settle_read(failed->token, {});
        else if (const auto* want = std::get_if<order::WantState>(&output))
            state_.state_wanted = name_of(want->from);
        else if (const auto* bad = std::get_if<order::BadMessage>(&output))
            state_.notice(Notice::Level::warning,
                          "order: bad message from " + order::describe(bad->from) + ": " + bad->reason);
        else if (const auto* refused = std::get_if<order::Refused>(&output);
                 refused != nullptr && refused->index == 0)
            refused_ = refused->why;
        else if (refused != nullptr && !in_flight_.empty() && refused->index == in_flight_.back().index)
            not_taken();
    }
    if (changed) {
        redirect();
        work();
    }
}

void Ordered::on(const order::Persist& output) {
    const auto records = order::encode(output);
    Ticket last = state_.newest_ticket();
    for (const auto& record : records) last = state_.append(RecordKind::order, record, output.lazy);
    tickets_.emplace_back(output.ticket, last);
}

namespace {

// What a replica may say that has forgotten promises: where its log is, so that it is sent what it lacks, but
// nothing that counts (standing.h).
bool make_harmless(order::Message& message) {
    if (std::holds_alternative<order::VoteRequest>(message) ||
        std::holds_alternative<order::VoteReply>(message))
        return false;
    if (auto* reply = std::get_if<order::AppendReply>(&message)) reply->held = reply->round = 0;
    return true;
}

}  // namespace

// An entry must not travel before the own deltas that it builds on are durable here, nor before the record of
// the identity values in it. After a crash their dots would go to other deltas, and the entry would be
// committed on top of those; the values would go to other rows.
Ticket Ordered::own_past_of(const order::Message& message) const {
    const auto* append = std::get_if<order::Append>(&message);
    if (append == nullptr) return 0;
    std::uint64_t newest = 0;
    for (const auto& entry : append->entries)
        for (const auto& dot : entry.dependencies)
            if (dot.origin == state_.options.id) newest = std::max(newest, dot.seq);
    const Ticket drawn = append->entries.empty() ? 0 : identities_recorded_;
    if (newest <= state_.held.get(state_.options.id)) return drawn;
    const auto found = std::find_if(state_.pending.begin(), state_.pending.end(), [&](const auto& item) {
        return item.dot.origin == state_.options.id && item.dot.seq >= newest;
    });
    return std::max(drawn, found == state_.pending.end() ? state_.newest_ticket() : found->ticket);
}

// What was drawn here for requests is kept from being drawn again, once this is durable.
Ticket Ordered::reserve_identities() {
    if (identities_.reserve()) {
        Bytes body;
        ByteWriter writer(body);
        identities_.encode(writer);
        identities_recorded_ = state_.append(RecordKind::identity, body);
    }
    return identities_recorded_;
}

void Ordered::on(const order::Send& given) {
    order::Send output = given;
    if (state_.passive && !make_harmless(output.message)) return;
    for (const auto& peer : state_.contacts) {
        if (peer.member != output.to || !gossip_.reachable(peer.name)) continue;
        Ticket after = own_past_of(output.message);
        if (output.after != 0) {
            const auto found = std::find_if(tickets_.begin(), tickets_.end(),
                                            [&](const auto& t) { return t.first >= output.after; });
            if (found != tickets_.end()) after = std::max(after, found->second);
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
        if (!item.requester.empty()) turn_away(item);
    }
    queue_.clear();
    taken_.clear();
    taken_in_order_.clear();
    forget_pending();
    // What is in flight may still be committed under the next primary, which then knows that.
    for (auto& [key, item] : outstanding_) {
        if (item.phase != Phase::queued) continue;
        item.phase = Phase::waiting;
        item.unsure += keys_in_flight_.contains(item.key) ? 1 : 0;
    }
}

void Ordered::drain() {
    while (!committed_.empty() && apply(committed_.front())) {
        const order::Entry entry = std::move(committed_.front());
        committed_.pop_front();
        settle(entry);
        feed(order::Applied{entry.index});
    }
}

// False while dependencies are on their way.
bool Ordered::apply(const order::Entry& entry) {
    if (entry.index <= state_.database.version().get(ORDER_ORIGIN)) return true;  // came by gossip
    auto decoded = delta_of(entry, *state_.schema);
    CHECK_NOTE(decoded.has_value(),
               "committed entry " + std::to_string(entry.index) + ": " + decoded.error().message);
    const crdt::Delta* delta = &decoded->delta;
    switch (state_.database.merge(*delta)) {
        case crdt::Database::Merged::premature:
            return false;
        case crdt::Database::Merged::duplicate:
            return true;
        case crdt::Database::Merged::refused:
            CHECK_NOTE(false, "committed entry does not fit the schema: " +
                                  state_.database.check(*delta).error().message);
            return false;
        case crdt::Database::Merged::applied:
            break;
    }
    if (delta->stamp.hlc > state_.clock.last()) state_.clock.restore(delta->stamp.hlc);
    identities_.observe(*delta);
    state_.outcomes.note(entry.index, std::move(decoded->outcomes));
    Bytes body;
    ByteWriter(body).varint(entry.index);
    const Ticket ticket = state_.append(RecordKind::committed, body);
    state_.pending.push_back(
        {ticket, delta->dot, entry.kind == order::EntryKind::delta ? entry.payload : delta->encode()});
    ++state_.changes;
    return true;
}

// ---- requests at the client's node ----

void Ordered::submit(Request request) {
    const Key key{request.session, request.number};
    Outstanding item;
    item.deadline = state_.now + request.timeout;
    item.seen = request.done ? request.seen : state_.database.version();
    item.unsure = request.again ? 1 : 0;
    item.key = request.key;
    if (item.key == RequestKey{}) ++newest_request_.number, item.key = newest_request_;
    by_request_[item.key].insert(key);
    item.request = std::move(request);
    const auto [place, fresh] = outstanding_.insert_or_assign(key, std::move(item));
    route(place->second);
    work();
}

void Ordered::route() {
    for (auto& [key, item] : outstanding_)
        if (item.phase == Phase::waiting) route(item);
}

// What was sent where it cannot be answered any more is sent again.
void Ordered::redirect() {
    const std::string primary = primary_name();
    for (auto& [key, item] : outstanding_) {
        if (item.phase != Phase::forwarded) continue;
        if (!gossip_.reachable(item.sent_to) || (!primary.empty() && primary != item.sent_to))
            item.phase = Phase::waiting;
    }
    route();
}

void Ordered::route(Outstanding& item) {
    const auto& request = item.request;
    if (core_->primary() == member_id(state_.options.name)) {
        item.phase = Phase::queued;
        queue({"", item.key, request.steps, request.drawn, item.seen, item.deadline, before(item)});
        return;
    }
    const std::string primary = primary_name();
    if (primary.empty() || !gossip_.reachable(primary)) return;
    wire::Forward forward;
    forward.origin = state_.options.id;
    forward.session = item.key.client;
    forward.number = item.key.number;
    for (const auto& step : request.steps) {
        auto& out = forward.steps.emplace_back();
        if (step.runnable->transaction)
            out.transaction = state_.schema->transactions[*step.runnable->transaction].name;
        else
            out.statement = step.runnable->text;
        out.parameters = text_of(*state_.schema, *step.runnable, *step.values);
        out.expected = step.expected;
    }
    forward.drawn = request.drawn;
    const bool identities = request.drawn && !request.drawn->identities.empty();
    const Ticket after = identities ? reserve_identities() : 0;
    forward.seen = to_wire(item.seen);
    forward.deadline_micros = (item.deadline - state_.now).micros;
    const RequestKey earlier = before(item);
    forward.follows_session = earlier.client;
    forward.follows_number = earlier.number;
    item.phase = Phase::forwarded;
    item.sent_to = primary;
    ++item.unsure;
    // The primary waits for what this client has seen; it can only get it from here once it is durable here.
    state_.out->push_back(Send{primary, std::move(forward), after > state_.durable ? after : 0});
}

// A session's requests before this one that are not answered: the newest of them.
RequestKey Ordered::before(const Outstanding& item) const {
    const auto place = outstanding_.find({item.request.session, item.request.number});
    if (place == outstanding_.begin()) return {};
    const auto& [key, earlier] = *std::prev(place);
    return key.first == item.request.session ? earlier.key : RequestKey{};
}

void Ordered::forget_member(const std::string& peer) {
    feed(order::Forgotten{member_id(peer)});
}

void Ordered::ask_fence() {
    const std::string primary = primary_name();
    if (fence_ != 0 || primary.empty() || !gossip_.reachable(primary)) return;
    wire::Forward forward;
    forward.origin = state_.options.id;
    forward.number = ++fence_number_;
    forward.deadline_micros = state_.options.order_timeout.micros;
    state_.out->push_back(Send{primary, std::move(forward), 0});
}

bool Ordered::fenced() const {
    if (fence_ == 0 || state_.held.get(ORDER_ORIGIN) < fence_) return false;
    const auto status = core_->status();
    return status.durable >= fence_ && status.commit >= fence_;
}

std::uint64_t Ordered::ask_read() {
    reads_[++newest_read_] = {};
    feed(order::Read{newest_read_});
    return newest_read_;
}

void Ordered::settle_read(std::uint64_t token, std::optional<order::Index> index) {
    const auto found = reads_.find(token);
    if (found == reads_.end()) return;
    found->second = {index, !index};
    reads_settled_ = true;
}

std::optional<order::Index> Ordered::read_index(std::uint64_t token) const {
    const auto found = reads_.find(token);
    return found == reads_.end() ? std::nullopt : found->second.index;
}

bool Ordered::read_failed(std::uint64_t token) const {
    const auto found = reads_.find(token);
    return found == reads_.end() || found->second.failed;
}

void Ordered::forwarded(const std::string& peer, const wire::Forwarded& message) {
    if (message.session == 0) {  // sessions of clients begin with 1
        if (message.ok && fence_ == 0 && message.number != 0 && message.number <= fence_number_)
            fence_ = message.csn;
        return;
    }
    for (const Key& key : waiting_for({message.session, message.number})) {
        Outstanding& item = outstanding_.at(key);
        if (item.phase != Phase::forwarded || item.sent_to != peer) continue;
        const bool first = item.unsure <= 1;
        if (is_not_primary(message) || (is_cannot_tell(message) && first)) {
            // It was not executed: tried again at another primary, which may be known by now, or at the same
            // node when the next tick comes.
            --item.unsure;
            item.phase = Phase::waiting;
            if (first) item.seen = state_.database.version();
            if (primary_name() != peer) route(item);
            continue;
        }
        item.answer = message;
        item.phase = Phase::applying;
        finish(key, item);
    }
    work();
}

std::vector<Ordered::Key> Ordered::waiting_for(RequestKey key) const {
    const auto found = by_request_.find(key);
    return found == by_request_.end() ? std::vector<Key>()
                                      : std::vector<Key>(found->second.begin(), found->second.end());
}

void Ordered::erase(const Key& key) {
    const auto found = outstanding_.find(key);
    const auto keys = by_request_.find(found->second.key);
    keys->second.erase(key);
    if (keys->second.empty()) by_request_.erase(keys);
    outstanding_.erase(found);
}

// Answers once what was committed is visible here. Erases the item when done.
void Ordered::finish(const Key& key, Outstanding& item) {
    if (item.phase != Phase::applying || item.answer.csn > state_.database.version().get(ORDER_ORIGIN))
        return;
    const Key copy = key;
    const Outstanding done = item;
    erase(copy);
    if (done.request.done) return done.request.done(&done.answer, true);
    if (!done.answer.ok) return reply(copy.first, copy.second, std::unexpected(error_of(done.answer)));
    if (done.request.sink != nullptr) {
        const auto& columns = done.request.steps.back().runnable->bound->columns;
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
    for (auto it = outstanding_.begin(); it != outstanding_.end();) {
        const Key key = (it++)->first;
        if (key.first == session) erase(key);
    }
}

void Ordered::cancel(std::uint64_t session) {
    for (auto it = outstanding_.begin(); it != outstanding_.end();) {
        const auto& [key, item] = *it++;
        if (key.first != session) continue;
        const bool certain = item.phase == Phase::waiting && item.unsure == 0;
        auto error = Error::make(sqlstate::query_canceled, "canceling statement due to user request");
        if (!certain) error.detail = "The request had been handed to the primary and may still be executed.";
        reply(key.first, key.second, std::unexpected(std::move(error)));
        erase(key);
    }
}

bool Ordered::reaches_primary() const {
    const std::string primary = primary_name();
    return !primary.empty() && (is_primary() || gossip_.reachable(primary));
}

std::string Ordered::primary_name() const {
    return name_of(core_->primary());
}

std::string Ordered::name_of(ReplicaId member) const {
    if (member == member_id(state_.options.name)) return state_.options.name;
    for (const auto& peer : state_.contacts)
        if (peer.member == member) return peer.name;
    return {};
}

Error Ordered::unreachable(const Outstanding& item) const {
    const auto& steps = item.request.steps;
    const std::string what = steps.size() > 1 ? std::string("this transaction block")
                             : steps[0].runnable->transaction
                                 ? state_.schema->transactions[*steps[0].runnable->transaction].name
                                 : std::string("this statement");
    const std::string primary = primary_name();
    if (item.phase != Phase::waiting || item.unsure > 0)
        return Error::make("40003", "no answer from the primary in time: " + what +
                                        " may or may not have been executed")
            .with_detail("Node " + state_.options.name +
                         (item.sent_to.empty() ? " queued it" : " sent it to primary " + item.sent_to) +
                         ", and then a majority of the nodes could not be reached.")
            .with_hint("Look at the data before you try again.");
    return Error::make(sqlstate::cannot_connect_now, "the primary is unreachable, and " + what + " needs it")
        .with_detail("Node " + state_.options.name +
                     (primary.empty() ? " knows of no primary" : " cannot reach primary " + primary) + "; " +
                     std::to_string(gossip_.reachable_count()) + " of " +
                     std::to_string(state_.contacts.size()) + " peers are reachable. It was not executed.")
        .with_hint(
            "Free transactions still work here: SELECT * FROM anabranch.plan. Try again later, or raise "
            "anabranch.order_timeout.");
}

// ---- events ----

void Ordered::message(const std::string& peer, const wire::OrderMessage& message) {
    auto decoded = order::decode_message(message.bytes);
    if (!decoded)
        return state_.notice(Notice::Level::warning, "order: " + decoded.error().message + " from " + peer);
    feed(order::Receive{member_id(peer), std::move(*decoded)});
}

void Ordered::peer_changed() {
    redirect();
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
    route();
    work();
    for (auto it = outstanding_.begin(); it != outstanding_.end();) {
        auto current = it++;
        if (state_.now < current->second.deadline) continue;
        const Key key = current->first;
        const Error error = unreachable(current->second);
        const bool certain = current->second.phase == Phase::waiting && current->second.unsure == 0;
        const auto done = current->second.request.done;
        erase(key);
        if (done) {
            done(nullptr, certain);
            continue;
        }
        reply(key.first, key.second, std::unexpected(error));
    }
    std::erase_if(queue_, [&](const Work& item) { return item.deadline < state_.now; });
}

Instant Ordered::next_deadline() const {
    Instant next = core_->next_deadline();
    if (!queue_.empty() && !in_flight_.empty() && next_proposal() > state_.now)
        next = std::min(next, next_proposal());
    for (const auto& [key, item] : outstanding_) next = std::min(next, item.deadline);
    return next;
}

}  // namespace anabranch::replica
