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
    out.refusal = std::make_shared<const wire::Refusal>(
        error.sqlstate, error.message, error.detail, error.hint, error.constraint, error.table, error.column);
    return out;
}

std::shared_ptr<Values> Values::copy(std::span<const sql::Datum> from) {
    auto out = std::make_shared<Values>();
    out->assign(from);
    return out;
}

void Values::assign(std::span<const sql::Datum> from) {
    values.reserve(from.size());
    for (const auto& value : from)
        values.push_back(value.is_bytes() ? sql::Datum::bytes(arena.copy(value.as_bytes())) : value);
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
                                          const wire::ForwardedStep& step) {
    const auto& texts = step.parameters;
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
    out->session = step.session;
    return out;
}

std::string tag_of(const exec::StatementResult& result, const Runnable& runnable) {
    const auto rows = std::to_string(result.rows);
    if (runnable.transaction) return runnable.as_rows ? "SELECT " + rows : "CALL";
    if (runnable.bound->truncates) return "TRUNCATE TABLE";
    switch (result.kind) {
        case exec::StatementResult::Kind::select:
            return "SELECT " + rows;
        case exec::StatementResult::Kind::insert:
            return "INSERT 0 " + rows;
        case exec::StatementResult::Kind::update:
            return "UPDATE " + rows;
        case exec::StatementResult::Kind::delete_:
            return "DELETE " + rows;
        case exec::StatementResult::Kind::merge:
            return "MERGE " + rows;
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
      asked_(outside),
      run_(state.schema, pending_state_, origin_, &asked_) {}

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

void Ordered::image(order::Index index, FunctionRef<void(RecordKind, BytesView)> put) const {
    // A few entries cost little, and a member that lacks them later is not sent a state for their sake.
    const order::Index from = kept_from(index);
    const bool many = from > core_->status().first_index + state_.options.checkpoint_entries_min;
    for (const auto& record : order::encode(core_->image(many ? from : 0))) put(RecordKind::order, record);
    Bytes outcomes;
    ByteWriter writer(outcomes);
    state_.outcomes.encode(writer);
    put(RecordKind::outcomes, outcomes);
}

// Entries that some member lacks are kept while they are few: sending them costs less than a state.
order::Index Ordered::kept_from(order::Index index) const {
    constexpr order::Index kept_max = 100'000;
    const order::Index stable = gossip_.stable().get(ORDER_ORIGIN);
    return index > stable && index - stable <= kept_max ? stable : index;
}

void Ordered::compact(order::Index index) {
    feed(order::Compact{kept_from(index)});
}

void Ordered::start() {
    order::Boot boot = recovery_.boot();
    boot.held = to_dots(state_.held, true);
    boot.promises = state_.promises;
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
    tell_early();
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
        else if (const auto* recovered = std::get_if<order::Recovered>(&output))
            state_.promises = recovered->promises;
        else if (const auto* heard = std::get_if<order::MembersHeard>(&output))
            membership_.heard(heard->members);
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
    const auto when = output.lazy       ? Persist::When::lazily
                      : awaited(output) ? Persist::When::at_once
                                        : Persist::When::soon;
    Ticket last = state_.newest_ticket();
    for (const auto& record : records) last = state_.append(RecordKind::order, record, when);
    tickets_.emplace_back(output.ticket, last);
}

// Whether anybody is told of it only when it is committed.
bool Ordered::awaited(const order::Persist& output) const {
    return std::any_of(output.entries.begin(), output.entries.end(), [this](const order::Entry& entry) {
        const auto own = std::find_if(in_flight_.rbegin(), in_flight_.rend(),
                                      [&](const InFlight& batch) { return batch.index <= entry.index; });
        return own == in_flight_.rend() || own->index != entry.index || own->awaited;
    });
}

namespace {

// What a replica may say that has forgotten promises: where its log is, so that it is sent what it lacks, but
// nothing that counts (standing.h).
bool make_harmless(order::Message& message) {
    if (std::holds_alternative<order::VoteRequest>(message) ||
        std::holds_alternative<order::VoteReply>(message) ||
        std::holds_alternative<order::RecoveryReply>(message))
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
    forget_.reset();
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
        applied_epoch_ = std::max(applied_epoch_, entry.epoch);
        settle_early();
        settle(entry);
        feed(order::Applied{entry.index});
    }
}

// What this primary has proposed itself need not be read from the entry's bytes again.
Ordered::InFlight* Ordered::own_of(const order::Entry& entry) {
    if (in_flight_.empty()) return nullptr;
    InFlight& oldest = in_flight_.front();
    return oldest.index == entry.index && oldest.epoch == entry.epoch ? &oldest : nullptr;
}

// False while dependencies are on their way, or all rows.
bool Ordered::apply(const order::Entry& entry) {
    if (entry.index <= state_.database.version().get(ORDER_ORIGIN)) return true;  // came by gossip
    if (state_.starting_over || state_.large.has({ORDER_ORIGIN, entry.index})) return false;
    if (entry.kind == order::EntryKind::delta && state_.is_large(entry.payload)) return begin_large(entry);
    InFlight* const own = own_of(entry);
    auto decoded = own == nullptr ? delta_of(entry, *state_.schema) : DecodedDelta{};
    CHECK_NOTE(decoded.has_value(),
               "committed entry " + std::to_string(entry.index) + ": " + decoded.error().message);
    const crdt::Delta* delta = own == nullptr ? &decoded->delta : own->delta.get();
    switch (state_.merge(*delta)) {
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
    identities_.observe(*delta);
    applied(*delta, std::move(own == nullptr ? decoded->outcomes : own->outcomes),
            entry.kind == order::EntryKind::delta ? entry.payload : delta->encode());
    return true;
}

void Ordered::applied(const crdt::Delta& delta, std::vector<Outcomes::Outcome> outcomes, Bytes bytes) {
    if (delta.stamp.hlc > state_.clock.last()) state_.clock.restore(delta.stamp.hlc);
    state_.outcomes.note(delta.dot.seq, std::move(outcomes));
    Bytes body;
    ByteWriter(body).varint(delta.dot.seq);
    // A majority has the entry, this disk too; without this record a restart waits for the primary to say so.
    const Ticket ticket = state_.append(RecordKind::committed, body, Persist::When::lazily);
    state_.wait_for_disk(ticket, delta.dot, std::move(bytes));
    ++state_.changes;
}

// False: it is applied in slices, later, or not before another one is.
bool Ordered::begin_large(const order::Entry& entry) {
    if (state_.large.busy()) return false;
    auto job = LargeMerge::open(entry.payload);
    CHECK_NOTE(job.has_value(),
               "committed entry " + std::to_string(entry.index) + ": " + job.error().message);
    if (!state_.database.follows(job->decoded.delta)) return false;
    job->row = [this](const crdt::RowDelta& row) { identities_.observe(row); };
    job->wanted = [this] { return !state_.starting_over; };
    job->merged = [this](LargeMerge::Job& done) {
        applied(done.decoded.delta, std::move(done.decoded.outcomes), std::move(*done.bytes));
    };
    job->refused = [](const Error& error) {
        CHECK_NOTE(false, "committed entry does not fit the schema: " + error.message);
    };
    state_.large.begin(std::move(*job), state_.now);
    return false;
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
    settle_early();
    if (std::exchange(some_apply_, false))
        for (auto it = outstanding_.begin(); it != outstanding_.end();) {
            auto& current = *it++;
            finish(current.first, current.second);
        }
    work();
}

void Ordered::tick() {
    feed(order::Tick{});
    route();
    gathered();
    if (state_.now >= first_deadline_) time_out();
    const auto late = [&](const Work& item) { return item.deadline < state_.now; };
    queue_.erase(std::remove_if(queue_.begin(), queue_.end(), late), queue_.end());
}

void Ordered::time_out() {
    first_deadline_ = Instant{INT64_MAX};
    for (auto it = outstanding_.begin(); it != outstanding_.end();) {
        auto current = it++;
        if (state_.now < current->second.deadline) {
            first_deadline_ = std::min(first_deadline_, current->second.deadline);
            continue;
        }
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
}

Instant Ordered::next_deadline() const {
    if (due()) return state_.now;
    Instant next = core_->next_deadline();
    if (!queue_.empty() && next_proposal() > state_.now) next = std::min(next, next_proposal());
    return std::min(next, first_deadline_);
}

}  // namespace anabranch::replica
