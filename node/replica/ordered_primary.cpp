// Ordered transactions at the primary.
#include <algorithm>
#include <set>

#include "lib/base/check.h"
#include "lib/exec/schema_plans.h"
#include "node/replica/ordered.h"
#include "node/replica/refusal.h"

namespace anabranch::replica {

namespace {

// One entry's calls hold up the node while they run, and its members while they apply it.
constexpr std::size_t calls_max = 512;
constexpr std::size_t rows_max = 4096;
constexpr std::size_t taken_max = 65'536;
constexpr std::size_t hurried_max = 32;
constexpr std::size_t expected_at_once = 16;

constexpr std::string_view not_primary_state = "57P03";
constexpr std::string_view cannot_tell_state = "40003";

}  // namespace

wire::Forwarded not_primary() {
    return refusal(Error::make(not_primary_state, "not primary"));
}
bool is_not_primary(const wire::Forwarded& answer) {
    return !answer.ok && answer.why().sqlstate == not_primary_state;
}
wire::Forwarded cannot_tell() {
    return refusal(Error::make(cannot_tell_state, "this transaction may or may not have been executed")
                       .with_detail("The primary has changed since it was sent, and the order remembers what "
                                    "was done only for a while.")
                       .with_hint("Look at the data before you try again."));
}
bool is_cannot_tell(const wire::Forwarded& answer) {
    return !answer.ok && answer.why().sqlstate == cannot_tell_state;
}

// ---- requests ----

void Ordered::forward(const std::string& peer, const wire::Forward& message) {
    Work item;
    item.requester = peer;
    item.key = {message.session, message.number};
    const bool in_time = message.epoch == 0 || message.epoch == core_->epoch();
    if (core_->primary() != member_id(state_.options.name) || !in_time) return turn_away(item);
    item.early = message.early;
    item.deadline =
        state_.now + Duration{std::clamp<std::int64_t>(message.deadline_micros, 0, seconds(3600).micros)};
    if (message.steps.empty()) {
        queue_.push_back(std::move(item));
        return work();
    }
    for (const auto& from : message.steps) {
        auto step = step_of(from);
        if (!step) return answer(item, refusal(step.error()));
        item.steps.push_back(std::move(*step));
    }
    item.drawn = message.drawn;
    item.seen = from_wire(message.seen);
    item.follows = {message.follows_session, message.follows_number};
    if (item.follows != RequestKey{} && !taken_.contains(item.follows)) return turn_away(item);
    const bool early = item.early;
    queue(std::move(item));
    arrived(early);
}

Result<OrderedStep> Ordered::step_of(const wire::ForwardedStep& step) {
    std::vector<sql::Type> types;
    for (const auto& parameter : step.parameters) types.push_back(sql::type_of_oid(parameter.first));
    TRY(auto runnable, step.transaction.empty() ? runnables_.of_statement(step.statement, types)
                                                : runnables_.of_transaction(step.transaction));
    TRY(auto values, values_of(*state_.schema, *runnable, step));
    return OrderedStep{std::move(runnable), std::move(values), step.expected};
}

void Ordered::queue(Work item) {
    if (!item.requester.empty() && taken_.insert(item.key).second) taken_in_order_.push_back(item.key);
    if (taken_in_order_.size() > taken_max) {
        taken_.erase(taken_in_order_.front());
        taken_in_order_.pop_front();
    }
    group_commit_.arrived();
    item.since = state_.now;
    queue_.push_back(std::move(item));
}

// At a node that is not the primary, or not any more. Of a request that it had taken before, and of which
// this is another copy, it must not say that nothing was executed: what has become of it is told when it is
// known.
void Ordered::turn_away(const Work& item) {
    if (keys_in_flight_.contains(item.key)) return;
    auto known = known_outcome(item.key);
    answer(item, known ? std::move(*known) : not_primary());
}

// ---- execution ----

// A delta is made on the state that holds all entries before it: a change of members may be under way.
bool Ordered::may_propose() const {
    if (in_flight_.empty())
        return core_->next_index() == state_.database.version().get(ORDER_ORIGIN) + 1 &&
               (state_.now >= next_proposal() || group_commit_.all_back() || hurried());
    const InFlight& last = in_flight_.back();
    return !orphans_ && in_flight_.size() < state_.options.order_in_flight_max &&
           last.epoch == core_->epoch() && core_->next_index() == last.index + 1 &&
           (state_.now >= next_proposal() || queue_.size() >= calls_max || hurried());
}

// Calls wait for those that come at the same time, until the next tick. One that is answered once it has run
// waits for nothing else; behind so many entries it does, so that they do not become ever smaller.
bool Ordered::hurried() const {
    return hurried_ && in_flight_.size() < hurried_room();
}

// Alone, entries are small work, and wait for this node's disk only, which is told when half of the room is
// taken.
std::size_t Ordered::hurried_room() const {
    return is_alone() ? state_.options.order_in_flight_max : hurried_max;
}

bool Ordered::due() const {
    if (!gathers_ || !core_->may_execute()) return false;
    return !hurries_ || in_flight_.size() < hurried_room();
}

void Ordered::gathered() {
    gathers_ = false;
    hurried_ = std::exchange(hurries_, false);
    work();
    hurried_ = false;
}

void Ordered::arrived(bool early) {
    gathers_ = true;
    hurries_ = hurries_ || early;
}

// Each proposal costs every member some work, however few calls it holds: there are about 32 for the time
// that one is on its way, so that a call waits a 32nd longer than it must. With none on its way those clients
// are waited for, for a quarter of that time, that have just been answered: together they are one. Alone this
// node has little work with an entry, but its disk has: GroupCommit says whether to wait, and nobody waits
// longer than it would if its entry had missed the disk and had to wait for the next sync.
Instant Ordered::next_proposal() const {
    const bool alone = is_alone();
    if (alone && !group_commit_.waits()) return state_.now;
    const auto& options = state_.options;
    if (in_flight_.empty())
        return group_commit_.answered_at() +
               (alone ? commit_takes_ : std::min(options.order_pace, Duration{commit_takes_.micros / 4}));
    return in_flight_.back().since +
           (alone ? Duration{2 * commit_takes_.micros}
                  : std::max(options.order_pace, Duration{commit_takes_.micros / 32}));
}

bool Ordered::can_execute() {
    return core_->may_execute() && may_propose() && !refusal_of_writes(state_, true) && !state_.importing &&
           committed_.empty() && look_ahead();
}

void Ordered::work() {
    not_taken_ = false;
    if (forget_) {
        if (!in_flight_.empty()) return;
        propose_forget();
    }
    while (!not_taken_ && !queue_.empty() && can_execute()) {
        auto items = ready();
        if (items.empty()) return;
        execute(std::move(items));
    }
}

void Ordered::forget(crdt::Forget what, std::function<bool()> may_be) {
    forget_ = std::move(what);
    forget_may_be_ = std::move(may_be);
    work();
}

crdt::VersionVector Ordered::version_ahead() const {
    crdt::VersionVector out = state_.database.version();
    if (!in_flight_.empty() && in_flight_.back().index > out.get(ORDER_ORIGIN))
        out.set(ORDER_ORIGIN, in_flight_.back().index);
    return out;
}

void Ordered::propose_forget() {
    crdt::Forget what = std::move(*std::exchange(forget_, std::nullopt));
    // Else it is tried again from the beginning.
    if (can_execute() && !state_.forgetting.spoiled && forget_may_be_())
        propose({}, exec::WriteSet{}, 0, std::move(what));
}

// Makes the pending state hold all that is in flight. False: it cannot, and has to be waited for. What has
// come back by gossip before this node's own disk had it is in the database already.
bool Ordered::look_ahead() {
    for (auto& batch : in_flight_) {
        if (batch.ahead || state_.database.version().contains(batch.delta->dot)) continue;
        if (!pending_state_.add(batch.delta)) return false;
        batch.ahead = true;
    }
    pending_state_.follow();
    return true;
}

// Takes from the queue what can run now. A request that has seen what is not here yet lets others pass, but
// not its own client's later ones; one that is made twice waits for what the first is told.
std::vector<Ordered::Work> Ordered::ready() {
    std::vector<Work> out, not_yet;
    RequestKeys keys, behind;
    out.reserve(std::min(queue_.size(), calls_max));
    keys.reserve(out.capacity());
    for (; !queue_.empty() && out.size() < calls_max; queue_.pop_front()) {
        Work& item = queue_.front();
        const bool fence = item.is_fence();
        const bool twice = !fence && (keys.contains(item.key) || keys_in_flight_.contains(item.key));
        const bool overtakes = item.follows != RequestKey{} && behind.contains(item.follows);
        if (!state_.database.version().covers(item.seen) || twice || overtakes) {
            behind.insert(item.key);
            not_yet.push_back(std::move(item));
            continue;
        }
        // Its client has been told already, or is gone.
        const bool forgotten = item.requester.empty() ? !is_waited_for(item.key) : item.deadline < state_.now;
        if (forgotten) continue;
        keys.insert(item.key);
        out.push_back(std::move(item));
    }
    put_back(not_yet);
    return out;
}

// In front, in their order. Not by insert(): of nothing, it moves the only item of such a queue onto itself,
// which then forgets who has asked.
void Ordered::put_back(std::span<Work> items) {
    for (auto item = items.rbegin(); item != items.rend(); ++item) queue_.push_front(std::move(*item));
}

void Ordered::put_back(std::span<Call> calls) {
    for (auto call = calls.rbegin(); call != calls.rend(); ++call) queue_.push_front(std::move(call->work));
}

// The first of the items are about to be run: what they will look up is asked for at once.
void Ordered::expect(std::span<const Work> items) {
    if (items.size() < 2) return;
    std::vector<exec::Upcoming> calls;
    for (const Work& item : items.first(std::min(items.size(), expected_at_once)))
        for (const OrderedStep& step : item.steps)
            calls.push_back({step.runnable->compiled.get(), step.values->values});
    run_.expect(calls);
}

// Runs the items one after another and proposes what they did as one delta. An answer that depends neither on
// it nor on what is in flight is given at once.
void Ordered::execute(std::vector<Work> items) {
    InFlight batch;
    bool fences = false;
    const Ticket seen = state_.unsettled();
    batch.calls.reserve(items.size());
    run_.reset();
    std::size_t next = 0;
    const bool alone = one_by_one_ > 0;
    for (; next < items.size() && run_.rows_touched() < rows_max && !(alone && next > 0); ++next) {
        if (next % expected_at_once == 0) expect(std::span(items).subspan(next));
        Work& item = items[next];
        if (auto told = told_before(item)) {
            answer(item, std::move(*told), seen);
            continue;
        }
        auto done = execute(item);
        fences = fences || item.is_fence();
        if (run_.rows_touched() == 0 && !fences && in_flight_.empty())
            answer(item, std::move(done), seen);
        else
            batch.calls.push_back(Call{std::move(item), std::move(done)});
    }
    one_by_one_ -= std::min(one_by_one_, next);
    put_back(std::span(items).subspan(next));
    const auto writes = run_.finish();
    CHECK_NOTE(writes.has_value(), "transactions that were kept one by one: " + writes.error().message);
    if (!(*writes)->empty() || fences) return propose(std::move(batch), **writes, seen);
    answer_after_pending(std::move(batch.calls), seen);
}

// They have written nothing, and may have seen all that is in flight.
void Ordered::answer_after_pending(std::vector<Call> calls, Ticket seen) {
    for (auto& call : calls) {
        if (in_flight_.empty()) {
            answer(call.work, std::move(call.answer), seen);
            continue;
        }
        InFlight& last = in_flight_.back();
        call.answer.csn = last.index;
        if (!call.work.is_fence()) keys_in_flight_.insert(call.work.key);
        last.calls.push_back(std::move(call));
        if (!last.awaited) state_.out->push_back(Hurry{});
    }
}

void Ordered::propose(InFlight batch, const exec::WriteSet& writes, Ticket seen, crdt::Forget forget) {
    batch.index = core_->next_index();
    batch.epoch = core_->epoch();
    batch.since = state_.now;
    auto delta = std::make_shared<crdt::Delta>(pending_state_.make_delta(
        writes, {ORDER_ORIGIN, batch.index}, {state_.clock.tick(state_.now), ORDER_ORIGIN}));
    // At another node a session may wait that this one does not hear of.
    batch.awaited =
        batch.calls.empty() || !std::all_of(batch.calls.begin(), batch.calls.end(), [](const Call& call) {
            return call.work.early && call.work.requester.empty();
        });
    delta->forget = std::move(forget);
    batch.outcomes.reserve(batch.calls.size());
    for (auto& call : batch.calls) {
        call.answer.csn = batch.index;
        if (!call.work.is_fence()) batch.outcomes.push_back({call.work.key, encode_answer(call.answer)});
    }
    order::Propose proposal{batch.epoch, batch.index, with_outcomes(batch.outcomes, delta->encode()),
                            to_dots(delta->dependencies, false)};
    batch.delta = std::move(delta);
    if (refused_for_size(batch, writes, proposal.delta.size(), seen)) return;
    for (const auto& outcome : batch.outcomes) keys_in_flight_.insert(outcome.key);
    ++order_work_.entries;
    order_work_.calls += batch.calls.size();
    order_work_.ahead += in_flight_.empty() ? 0 : 1;
    if (state_.options.unsafe.answer_early) {
        for (auto& call : batch.calls) call.answer.csn = 0, answer(call.work, std::move(call.answer));
        batch.calls.clear();
    }
    in_flight_.push_back(std::move(batch));
    feed(std::move(proposal));
    // Entries that nobody waits for are in no hurry to the disk, until there is soon no room for more.
    if (is_alone() && in_flight_.size() == hurried_room() / 2) state_.out->push_back(Hurry{});
}

// Those of the calls in flight that are answered before they are committed, once the core has taken them.
void Ordered::tell_early() {
    if (orphans_) return;
    for (auto& batch : in_flight_) {
        if (batch.told || batch.epoch != core_->epoch() || batch.index >= core_->next_index()) continue;
        batch.told = true;
        for (auto& call : batch.calls) {
            if (!call.work.early) continue;
            call.told = true;
            call.answer.early = true;
            call.answer.epoch = batch.epoch;
            answer(call.work, std::move(call.answer));
        }
    }
}

// One call is refused; of several, which may be innocent, each gets an entry of its own.
bool Ordered::refused_for_size(InFlight& batch, const exec::WriteSet& writes, std::size_t bytes,
                               Ticket seen) {
    const auto refused = refusal_of_size(state_, writes, bytes);
    if (!refused) return false;
    if (batch.calls.size() == 1) {
        batch.calls[0].answer = refusal(*refused);
        answer_after_pending(std::move(batch.calls), seen);
        return true;
    }
    one_by_one_ += batch.calls.size();
    put_back(batch.calls);
    return true;
}

std::optional<wire::Forwarded> Ordered::known_outcome(RequestKey key) const {
    const auto* known = state_.outcomes.find(key);
    if (known == nullptr) return {};
    auto answer = decode_answer(known->answer);
    answer.csn = known->csn;
    return answer;
}

std::optional<wire::Forwarded> Ordered::told_before(const Work& item) const {
    if (item.is_fence() || item.fresh) return {};
    if (auto known = known_outcome(item.key)) return known;
    if (item.seen.get(ORDER_ORIGIN) < state_.outcomes.complete_after()) return cannot_tell();
    return {};
}

// What a request will be told. Its effect is kept in run_, unless it is refused.
wire::Forwarded Ordered::execute(const Work& item) {
    wire::Forwarded done;
    done.ok = true;
    if (item.drawn)
        origin_.repeat(*item.drawn);
    else
        origin_.begin(state_.now, state_.random.next());
    for (std::size_t i = 0; i < item.steps.size(); ++i) {
        if (item.drawn) origin_.begin_write(i);
        auto tag = run(item.steps[i], done);
        if (!tag) {
            run_.undo();
            return refusal(tag.error());
        }
        done.tag = std::move(*tag);
    }
    if (item.is_fence()) return done;  // an entry is all that it asks for
    if (auto kept = run_.keep(); !kept) return refusal(kept.error());
    if (!origin_.drawn().identities.empty()) reserve_identities();
    return done;
}

Result<std::string> Ordered::run(const OrderedStep& step, wire::Forwarded& done) {
    const auto* labels = &exec::plans_of(*state_.schema);
    const auto& columns = step.runnable->bound->columns;
    TextSink rows(columns, labels);
    HashingSink hashed(columns, labels, step.expected == 0 ? &rows : nullptr);
    const SessionValues::Then then(asked_, step.values->session);
    TRY(const auto result, run_.run(*step.runnable->compiled, step.values->values, &hashed));
    std::string tag = tag_of(result, *step.runnable);
    if (step.expected != 0 && step.expected != hash_of(tag, hashed.hash()))
        return fail(Error::make(sqlstate::serialization_failure,
                                "could not serialize access due to concurrent update")
                        .with_detail("The statement was run inside a transaction block, and at the primary "
                                     "its result would differ.")
                        .with_hint("Nothing was executed; run the transaction again."));
    done.rows = std::move(rows.rows);
    return tag;
}

// The core took nothing: the requests wait at the head of the queue, until the next tick or commit.
void Ordered::not_taken() {
    auto& calls = in_flight_.back().calls;
    for (const auto& call : calls) keys_in_flight_.erase(call.work.key);
    put_back(calls);
    in_flight_.pop_back();
    --order_work_.entries;
    not_taken_ = true;
}

// What was made on top of an epoch's entries is worth nothing without them.
void Ordered::forget_pending() {
    pending_state_.clear();
    orphans_ = !in_flight_.empty();
    for (auto& batch : in_flight_) batch.ahead = false;
}

void Ordered::tell_group_commit(const InFlight& batch) {
    Duration waited;
    if (batch.awaited)
        for (const auto& call : batch.calls) waited.micros += (state_.now - call.work.since).micros;
    group_commit_.committed(batch.awaited ? batch.calls.size() : 0, waited, state_.now);
}

// What has become of the entries in flight, once an index is applied.
void Ordered::settle(const order::Entry& entry) {
    bool lost = false;
    while (!in_flight_.empty() && (lost || in_flight_.front().index <= entry.index)) {
        InFlight batch = std::move(in_flight_.front());
        in_flight_.pop_front();
        const bool committed = entry.index == batch.index && entry.epoch == batch.epoch;
        // With another entry in its place those behind it are gone as well.
        lost = lost || (entry.index == batch.index && !committed);
        order_work_.lost += committed ? 0 : 1;
        if (!committed)
            forget_pending();
        else if (batch.ahead)
            pending_state_.drop_oldest();
        if (committed) commit_takes_ = {(7 * commit_takes_.micros + (state_.now - batch.since).micros) / 8};
        if (committed) tell_group_commit(batch);
        settle(batch.calls, committed);
        if (!committed) route();
    }
    if (in_flight_.empty()) orphans_ = false;
    work();
}

// Peers whose clients wait are told of the commit at once, others with the next entry.
void Ordered::settle(std::vector<Call>& calls, bool committed) {
    std::string told;
    for (auto& call : calls) {
        keys_in_flight_.erase(call.work.key);
        const auto& waits = call.work.requester;
        if (committed && !waits.empty() && waits != told) {
            told = waits;
            feed(order::Tell{member_id(waits)});
        }
        if (call.told) continue;
        committed ? answer(call.work, std::move(call.answer)) : give_back(std::move(call.work));
    }
}

// Another entry has been committed in its place, or a state came instead of entries, with or without it:
// whoever asked for it asks the next primary, which knows.
void Ordered::give_back(Work item) {
    if (!item.requester.empty()) return answer(item, not_primary());
    for (const Key& key : waiting_for(item.key)) {
        Outstanding& asked = outstanding_.at(key);
        if (asked.phase == Phase::queued) asked.phase = Phase::waiting;
    }
}

void Ordered::answer(const Work& item, wire::Forwarded&& answer, Ticket after) {
    answer.session = item.key.client;
    answer.number = item.key.number;
    if (!item.requester.empty()) {
        state_.out->push_back(Send{item.requester, std::move(answer), after > state_.durable ? after : 0});
        return;
    }
    const Keys keys = waiting_for(item.key);
    for (const Key& key : keys) {
        Outstanding& asked = outstanding_.at(key);
        asked.answer = keys.size() == 1 ? std::move(answer) : answer;
        asked.phase = Phase::applying;
        finish(key, asked);
    }
}

}  // namespace anabranch::replica
