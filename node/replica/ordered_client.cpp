// Ordered transactions at the client's node: on their way to the primary, and back.
#include <algorithm>

#include "lib/exec/schema_plans.h"
#include "node/replica/ordered.h"

namespace anabranch::replica {

namespace {

Error error_of(const wire::Refusal& why) {
    Error error = Error::make(why.sqlstate, why.message);
    error.detail = why.detail;
    error.hint = why.hint;
    error.constraint = why.constraint;
    error.table = why.table;
    error.column = why.column;
    return error;
}

}  // namespace

// ---- requests at the client's node ----

void Ordered::submit(Request request) {
    const Key key{request.session, request.number};
    Outstanding& item = place(key);
    item.deadline = state_.now + request.timeout;
    item.seen = request.done ? request.seen : state_.database.version();
    item.unsure = request.again ? 1 : 0;
    item.key = request.key;
    item.fresh = item.key == RequestKey{} && !request.again;
    if (item.key == RequestKey{}) ++newest_request_.number, item.key = newest_request_;
    Keys& same = by_request_[item.key];
    if (std::find(same.begin(), same.end(), key) == same.end()) same.push_back(key);
    first_deadline_ = std::min(first_deadline_, item.deadline);
    item.request = std::move(request);
    const bool early = item.request.early;
    route(key, item);
    arrived(early);
}

// As new.
Ordered::Outstanding& Ordered::place(const Key& key) {
    const auto after = outstanding_.lower_bound(key);
    if (after != outstanding_.end() && after->first == key) return after->second = {};
    if (spare_.empty()) return outstanding_.emplace_hint(after, key, Outstanding())->second;
    auto node = std::move(spare_.back());
    spare_.pop_back();
    node.key() = key;
    return outstanding_.insert(after, std::move(node))->second;
}

void Ordered::recycle(OutstandingMap::node_type node) {
    constexpr std::size_t kept_max = 1024;
    if (spare_.size() >= kept_max) return;
    node.mapped() = {};
    spare_.push_back(std::move(node));
}

void Ordered::route() {
    for (auto& [key, item] : outstanding_)
        if (item.phase == Phase::waiting) route(key, item);
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

void Ordered::route(const Key& key, Outstanding& item) {
    const auto& request = item.request;
    const order::Epoch open = early_.epoch(key.first);
    if (open != 0 && open != core_->epoch()) return;  // until it is known what has become of them
    if (core_->primary() == member_id(state_.options.name)) {
        item.phase = Phase::queued;
        queue({"", item.key, request.steps, request.drawn, item.seen, item.deadline, before(key),
               request.early, std::exchange(item.fresh, false)});
        return;
    }
    const std::string primary = primary_name();
    if (primary.empty() || !gossip_.reachable(primary)) return;
    item.fresh = false;
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
        out.session = step.values->session;
    }
    forward.drawn = request.drawn;
    const bool identities = request.drawn && !request.drawn->identities.empty();
    const Ticket after = identities ? reserve_identities() : 0;
    forward.seen = to_wire(item.seen);
    forward.deadline_micros = (item.deadline - state_.now).micros;
    const RequestKey earlier = before(key);
    forward.follows_session = earlier.client;
    forward.follows_number = earlier.number;
    forward.early = request.early;
    forward.epoch = open;
    item.phase = Phase::forwarded;
    item.sent_to = primary;
    ++item.unsure;
    // The primary waits for what this client has seen; it can only get it from here once it is durable here.
    state_.out->push_back(Send{primary, std::move(forward), after > state_.durable ? after : 0});
}

// A session's requests before this one that are not answered: the newest of them.
RequestKey Ordered::before(const Key& key) const {
    const auto place = outstanding_.lower_bound(key);
    if (place == outstanding_.begin()) return {};
    const auto& [other, earlier] = *std::prev(place);
    return other.first == key.first ? earlier.key : RequestKey{};
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

void Ordered::ask_for_promises() {
    order::Recover ask;
    for (const auto& other : state_.contacts) ask.known.push_back(other.member);
    feed(std::move(ask));
}

bool Ordered::fenced() const {
    if (fence_ == 0 || state_.held.get(ORDER_ORIGIN) < fence_) return false;
    const auto status = core_->status();
    return status.durable >= fence_ && status.commit >= fence_;
}

void Ordered::forget_fence() {
    fence_ = 0;
    fences_given_up_ = fence_number_;
}

bool Ordered::holds_all() const {
    const order::Index last = core_->next_index() - 1;
    return is_primary() && core_->may_execute() && in_flight_.empty() &&
           state_.held.get(ORDER_ORIGIN) >= last && core_->status().durable >= last;
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
        if (message.ok && fence_ == 0 && message.number > fences_given_up_ && message.number <= fence_number_)
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
            if (primary_name() != peer) route(key, item);
            continue;
        }
        item.answer = message;
        item.phase = Phase::applying;
        finish(key, item);
    }
    work();
}

Ordered::Keys Ordered::waiting_for(RequestKey key) const {
    const auto found = by_request_.find(key);
    return found == by_request_.end() ? Keys() : found->second;
}

bool Ordered::is_waited_for(RequestKey key) const {
    return by_request_.contains(key);
}

Ordered::OutstandingMap::node_type Ordered::take(const Key& key) {
    auto out = outstanding_.extract(key);
    const auto named = by_request_.find(out.mapped().key);
    named->second.erase(std::remove(named->second.begin(), named->second.end(), key), named->second.end());
    if (named->second.empty()) by_request_.erase(named);
    return out;
}

// Answers once what was committed is visible here. Erases the item when done.
void Ordered::finish(const Key& key, Outstanding& item) {
    if (item.phase != Phase::applying) return;
    const bool there = item.answer.csn <= state_.database.version().get(ORDER_ORIGIN);
    some_apply_ = some_apply_ || !(there || item.answer.early);
    if (!(there || item.answer.early)) return;
    auto taken = take(key);
    const auto [session, number] = taken.key();
    const Outstanding& done = taken.mapped();
    if (done.answer.ok && !there && !state_.options.unsafe.forget_losses)
        early_.add({session, done.key, done.answer.csn, done.answer.epoch});
    if (done.request.done)
        done.request.done(&done.answer, true);
    else
        tell(session, number, done);
    recycle(std::move(taken));
}

void Ordered::tell(std::uint64_t session, std::uint64_t number, const Outstanding& done) {
    if (!done.answer.ok) return reply(session, number, std::unexpected(error_of(done.answer.why())));
    if (done.request.sink != nullptr && !done.answer.rows.empty()) {
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
    reply(session, number, done.request.tag.empty() ? done.answer.tag : done.request.tag);
}

void Ordered::reply(std::uint64_t session, std::uint64_t number, Result<std::string> tag) {
    state_.out->push_back(Reply{session, number, std::move(tag)});
}

void Ordered::forget(std::uint64_t session) {
    early_.forget(session);
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

// ---- answers before the commit ----

Error early_answers_lost(std::uint64_t calls) {
    return Error::make("40000", std::to_string(calls) + " ordered call" + (calls == 1 ? "" : "s") +
                                    " that this session was answered for under anabranch.durability = "
                                    "'memory' " +
                                    (calls == 1 ? "is" : "are") + " lost")
        .with_detail(
            "The primary that had executed them is gone, or was cut off, before a majority had them. "
            "Nothing of them is left, and this statement was not executed either.")
        .with_hint("Look at the data before you go on.");
}

// What follows a lost call in its session has not been executed anywhere: it was to be in the same epoch.
void Ordered::settle_early() {
    if (!early_.settle(state_.database.version().get(ORDER_ORIGIN), applied_epoch_, state_.outcomes)) return;
    std::set<std::uint64_t> told;
    for (auto it = outstanding_.begin(); it != outstanding_.end();) {
        const Key key = (it++)->first;
        const std::uint64_t lost = early_.lost(key.first);
        if (lost == 0) continue;
        reply(key.first, key.second, std::unexpected(early_answers_lost(lost)));
        erase(key);
        told.insert(key.first);
    }
    for (const auto session : told) (void)early_.take_lost(session);
    ++state_.changes;  // statements that waited for it go on
}

}  // namespace anabranch::replica
