// Ordered transactions at the primary.
#include <algorithm>
#include <iterator>
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

constexpr std::string_view not_primary_state = "57P03";
constexpr std::string_view cannot_tell_state = "40003";

}  // namespace

wire::Forwarded not_primary() {
    return refusal(Error::make(not_primary_state, "not primary"));
}
bool is_not_primary(const wire::Forwarded& answer) {
    return !answer.ok && answer.sqlstate == not_primary_state;
}
wire::Forwarded cannot_tell() {
    return refusal(Error::make(cannot_tell_state, "this transaction may or may not have been executed")
                       .with_detail("The primary has changed since it was sent, and the order remembers what "
                                    "was done only for a while.")
                       .with_hint("Look at the data before you try again."));
}
bool is_cannot_tell(const wire::Forwarded& answer) {
    return !answer.ok && answer.sqlstate == cannot_tell_state;
}

// ---- requests ----

void Ordered::forward(const std::string& peer, const wire::Forward& message) {
    Work item;
    item.requester = peer;
    item.key = {message.session, message.number};
    if (core_->primary() != member_id(state_.options.name)) return answer(item, not_primary());
    item.deadline =
        state_.now + Duration{std::clamp<std::int64_t>(message.deadline_micros, 0, seconds(3600).micros)};
    if (message.transaction.empty() && message.statement.empty()) {
        queue_.push_back(std::move(item));
        return work();
    }
    std::vector<sql::Type> types;
    for (const auto& parameter : message.parameters) types.push_back(sql::type_of_oid(parameter.first));
    auto runnable = message.transaction.empty() ? runnables_.of_statement(message.statement, types)
                                                : runnables_.of_transaction(message.transaction);
    if (!runnable) return answer(item, refusal(runnable.error()));
    item.runnable = *runnable;
    auto values = values_of(*state_.schema, *item.runnable, message.parameters);
    if (!values) return answer(item, refusal(values.error()));
    item.values = std::move(*values);
    item.seen = from_wire(message.seen);
    item.expected = message.expected;
    queue_.push_back(std::move(item));
    work();
}

// ---- execution ----

// A delta is made on the state that holds all entries before it: a change of members may be under way.
bool Ordered::is_up_to_date() const {
    return core_->next_index() == state_.database.version().get(ORDER_ORIGIN) + 1;
}

void Ordered::work() {
    not_taken_ = false;
    while (!not_taken_ && !in_flight_ && core_->may_execute() && is_up_to_date() &&
           !refusal_of_writes(state_, true) && !state_.importing && committed_.empty()) {
        auto items = ready();
        if (items.empty()) return;
        execute(std::move(items));
    }
}

// Takes from the queue what can run now. A request that has seen what is not here yet lets others pass; one
// that is made twice waits for what the first is told.
std::vector<Ordered::Work> Ordered::ready() {
    std::vector<Work> out;
    std::deque<Work> not_yet;
    std::set<RequestKey> keys;
    for (; !queue_.empty() && out.size() < calls_max; queue_.pop_front()) {
        Work& item = queue_.front();
        const bool fence = item.runnable == nullptr;
        if (!state_.database.version().covers(item.seen) || (!fence && keys.contains(item.key))) {
            not_yet.push_back(std::move(item));
            continue;
        }
        // Its client has been told already, or is gone.
        const bool forgotten =
            item.requester.empty() ? !by_request_.contains(item.key) : item.deadline < state_.now;
        if (forgotten) continue;
        keys.insert(item.key);
        out.push_back(std::move(item));
    }
    queue_.insert(queue_.begin(), std::make_move_iterator(not_yet.begin()),
                  std::make_move_iterator(not_yet.end()));
    return out;
}

// Runs the items one after another and proposes what they did as one delta. An answer that does not depend on
// it is given at once.
void Ordered::execute(std::vector<Work> items) {
    InFlight batch;
    bool fences = false;
    const Ticket seen = state_.pending.empty() ? 0 : state_.pending.back().ticket;
    run_.reset();
    std::size_t next = 0;
    const bool alone = one_by_one_ > 0;
    for (; next < items.size() && run_.rows_touched() < rows_max && !(alone && next > 0); ++next) {
        Work& item = items[next];
        if (auto told = told_before(item)) {
            answer(item, std::move(*told), seen);
            continue;
        }
        auto done = execute(item);
        fences = fences || item.runnable == nullptr;
        if (run_.rows_touched() == 0 && !fences)
            answer(item, std::move(done), seen);
        else
            batch.calls.push_back({std::move(item), std::move(done)});
    }
    one_by_one_ -= std::min(one_by_one_, next);
    queue_.insert(queue_.begin(), std::make_move_iterator(items.begin() + static_cast<std::ptrdiff_t>(next)),
                  std::make_move_iterator(items.end()));
    const auto writes = run_.finish();
    CHECK_NOTE(writes.has_value(), "transactions that were kept one by one: " + writes.error().message);
    if ((*writes)->empty() && !fences) {
        for (auto& call : batch.calls) answer(call.work, std::move(call.answer), seen);
        return;
    }
    batch.index = core_->next_index();
    batch.epoch = core_->epoch();
    const auto delta = state_.database.make_delta(**writes, {ORDER_ORIGIN, batch.index},
                                                  {state_.clock.tick(state_.now), ORDER_ORIGIN});
    std::vector<Outcomes::Outcome> outcomes;
    for (auto& call : batch.calls) {
        call.answer.csn = batch.index;
        if (call.work.runnable != nullptr) outcomes.push_back({call.work.key, encode_answer(call.answer)});
    }
    Bytes entry = with_outcomes(outcomes, delta.encode());
    if (refused_for_size(batch, **writes, entry.size(), seen)) return;
    in_flight_ = std::move(batch);
    feed(order::Propose{in_flight_->epoch, in_flight_->index, std::move(entry),
                        to_dots(delta.dependencies, false)});
}

// One call is refused; of several, which may be innocent, each gets an entry of its own.
bool Ordered::refused_for_size(InFlight& batch, const exec::WriteSet& writes, std::size_t bytes,
                               Ticket seen) {
    const auto refused = refusal_of_size(state_, writes, bytes);
    if (!refused) return false;
    if (batch.calls.size() == 1) {
        answer(batch.calls[0].work, refusal(*refused), seen);
        return true;
    }
    one_by_one_ += batch.calls.size();
    for (auto call = batch.calls.rbegin(); call != batch.calls.rend(); ++call)
        queue_.push_front(std::move(call->work));
    return true;
}

std::optional<wire::Forwarded> Ordered::told_before(const Work& item) const {
    if (item.runnable == nullptr) return {};
    if (const auto* known = state_.outcomes.find(item.key)) {
        auto answer = decode_answer(known->answer);
        answer.csn = known->csn;
        return answer;
    }
    if (item.seen.get(ORDER_ORIGIN) < state_.outcomes.complete_after()) return cannot_tell();
    return {};
}

// What a request will be told. Its effect is kept in run_, unless it is refused.
wire::Forwarded Ordered::execute(const Work& item) {
    wire::Forwarded done;
    done.ok = true;
    if (item.runnable == nullptr) return done;  // an entry is all that it asks for
    const auto* labels = &exec::plans_of(*state_.schema);
    TextSink rows(item.runnable->bound->columns, labels);
    HashingSink hashed(item.runnable->bound->columns, labels, &rows);
    origin_.begin(state_.now, state_.random.next());
    const auto result = run_.run(*item.runnable->compiled, item.values->values, &hashed);
    if (!result) {
        run_.undo();
        return refusal(result.error());
    }
    if (item.expected != 0 && item.expected != hashed.hash()) {
        run_.undo();
        return refusal(Error::make(sqlstate::serialization_failure,
                                   "could not serialize access due to concurrent update")
                           .with_detail("The statement was run inside a transaction block, and at the "
                                        "primary its result would differ.")
                           .with_hint("Nothing was executed; run the transaction again."));
    }
    if (auto kept = run_.keep(); !kept) return refusal(kept.error());
    done.tag = tag_of(*result, *item.runnable);
    done.rows = std::move(rows.rows);
    return done;
}

// The core took nothing: the requests wait at the head of the queue, until the next tick or commit.
void Ordered::not_taken() {
    for (auto call = in_flight_->calls.rbegin(); call != in_flight_->calls.rend(); ++call)
        queue_.push_front(std::move(call->work));
    in_flight_.reset();
    not_taken_ = true;
}

// What has become of the entry in flight, once its index is applied.
void Ordered::settle(const order::Entry& entry) {
    if (!in_flight_ || entry.index < in_flight_->index) return;
    InFlight batch = std::move(*in_flight_);
    in_flight_.reset();
    const bool committed = entry.index == batch.index && entry.epoch == batch.epoch;
    for (auto& call : batch.calls) {
        if (committed)
            answer(call.work, std::move(call.answer));
        else
            give_back(std::move(call.work));
    }
    if (!committed) route();
    work();
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

void Ordered::answer(const Work& item, wire::Forwarded answer, Ticket after) {
    answer.session = item.key.client;
    answer.number = item.key.number;
    if (!item.requester.empty()) {
        state_.out->push_back(Send{item.requester, std::move(answer), after > state_.durable ? after : 0});
        return;
    }
    for (const Key& key : waiting_for(item.key)) {
        Outstanding& asked = outstanding_.at(key);
        asked.answer = answer;
        asked.phase = Phase::applying;
        finish(key, asked);
    }
}

}  // namespace anabranch::replica
