#include "node/replica/tentative.h"

#include <algorithm>

#include "lib/exec/schema_plans.h"
#include "lib/sql/time_zone.h"

namespace anabranch::replica {

const char* describe(Replica::TicketState state) {
    static constexpr const char* names[] = {"waiting", "sent", "committed", "refused", "replaced", "unknown"};
    return names[static_cast<std::size_t>(state)];
}

namespace {

constexpr Duration answer_within = seconds(10);  // then it is asked for again
constexpr Duration repeat_after = millis(500);
constexpr std::uint64_t session_of_queue = ~std::uint64_t{0};  // no client has it
constexpr std::uint64_t alternative_key = 0x616c7465726e6174;

bool is_open(Replica::TicketState state) {
    return state == Replica::TicketState::waiting || state == Replica::TicketState::sent;
}

Error shown_otherwise() {
    return Error::make(sqlstate::serialization_failure,
                       "could not serialize access due to tentative calls before this block")
        .with_detail(
            "After the calls that wait in this node's queue a statement of the block has another "
            "result than was shown.")
        .with_hint(
            "Nothing was queued. Run the block again when they are settled, or do without the "
            "result.");
}

std::string name_of(const catalog::Schema& schema, const Runnable& runnable) {
    return runnable.transaction ? schema.transactions[*runnable.transaction].name : std::string();
}

}  // namespace

Tentative::Tentative(State& state, Ordered& ordered, IdentityValues& identities,
                     Ordered::Runnables& runnables, const exec::VirtualTables* outside)
    : state_(state),
      ordered_(ordered),
      runnables_(runnables),
      origin_(identities),
      asked_(outside),
      run_(state.schema, state.database, origin_, &asked_) {}

// ---- records ----

namespace {

// Parameters: (type, null, text form). What the session answers stands behind them, as one of a type that
// no parameter has.
constexpr std::uint32_t of_session = 0xffffffff;

void put_parameters(ByteWriter& writer, const wire::ForwardedStep& call) {
    const auto put = [&](std::uint32_t type, bool null, BytesView text) {
        writer.varint(type);
        writer.u8(null ? 1 : 0);
        writer.sized(text);
    };
    writer.varint(call.parameters.size() + (call.session.empty() ? 0 : 1));
    for (const auto& [type, value] : call.parameters) put(type, value.first, value.second);
    if (!call.session.empty()) put(of_session, false, call.session);
}

void get_parameters(ByteReader& reader, wire::ForwardedStep& call) {
    const std::uint64_t count = reader.varint();
    for (std::uint64_t i = 0; i < count && !reader.failed(); ++i) {
        const auto type = static_cast<std::uint32_t>(reader.varint());
        const bool null = reader.u8() == 1;
        Bytes text(reader.sized());
        if (type == of_session)
            call.session = std::move(text);
        else
            call.parameters.push_back({type, {null, std::move(text)}});
    }
}

// What a record of a transaction block has beyond that of one call.
void put_block(ByteWriter& writer, const std::vector<wire::ForwardedStep>& calls,
               const wire::DrawnValues& drawn) {
    writer.u64(static_cast<std::uint64_t>(drawn.now_micros));
    writer.u64(drawn.seed);
    writer.varint(drawn.identities.size());
    for (const auto value : drawn.identities) writer.u64(static_cast<std::uint64_t>(value));
    writer.varint(calls.size());
    for (const auto& call : calls) {
        writer.u64(call.expected);
        if (&call == &calls.front()) continue;
        for (const auto* text : {&call.transaction, &call.statement}) writer.sized(*text);
        put_parameters(writer, call);
    }
}

wire::DrawnValues get_block(ByteReader& reader, std::vector<wire::ForwardedStep>& calls) {
    wire::DrawnValues drawn;
    drawn.now_micros = static_cast<std::int64_t>(reader.u64());
    drawn.seed = reader.u64();
    const std::uint64_t identities = reader.varint();
    for (std::uint64_t i = 0; i < identities && !reader.failed(); ++i)
        drawn.identities.push_back(static_cast<std::int64_t>(reader.u64()));
    const std::uint64_t count = reader.varint();
    for (std::uint64_t i = 0; i < count && !reader.failed(); ++i) {
        if (i > 0) calls.emplace_back();
        auto& call = calls.back();
        call.expected = reader.u64();
        if (i == 0) continue;
        for (auto* text : {&call.transaction, &call.statement}) *text = reader.sized();
        get_parameters(reader, call);
    }
    return drawn;
}

}  // namespace

Bytes Tentative::record(const Item& item) const {
    Bytes out;
    ByteWriter writer(out);
    writer.varint(item.number);
    writer.u8(static_cast<std::uint8_t>(item.state));
    writer.u64(item.key.client);
    writer.u64(item.key.number);
    const auto& first = item.calls.front();
    for (const auto* text : {&first.transaction, &first.statement, &item.on_refusal, &item.refused})
        writer.sized(*text);
    put_parameters(writer, first);
    writer.u64(static_cast<std::uint64_t>(item.at.micros));
    writer.u64(item.seed);
    item.seen.encode(writer);
    if (item.drawn) put_block(writer, item.calls, *item.drawn);
    return out;
}

namespace {

Bytes record_of(std::uint64_t number, const Replica::TicketStatus& status) {
    Bytes out;
    ByteWriter writer(out);
    writer.varint(number);
    writer.u8(static_cast<std::uint8_t>(status.state));
    for (const auto* text : {&status.transaction, &status.detail}) writer.sized(*text);
    writer.varint(status.csn);
    writer.u64(static_cast<std::uint64_t>(status.at.micros));
    return out;
}

std::uint64_t number_of(const std::string& ticket) {
    return std::strtoull(ticket.c_str() + ticket.rfind('-') + 1, nullptr, 10);
}

}  // namespace

Result<void> Tentative::recover(BytesView body) {
    const auto corrupt = [] { return fail(sqlstate::io_error, "log: bad record of a tentative call"); };
    ByteReader reader(body);
    const std::uint64_t number = reader.varint();
    const std::uint8_t state = reader.u8();
    if (reader.failed() || number == 0 || state > static_cast<std::uint8_t>(Fate::unknown)) return corrupt();
    newest_ = std::max(newest_, number);
    std::erase_if(queue_, [&](const Item& item) { return item.number == number; });
    if (!is_open(static_cast<Fate>(state))) {
        Replica::TicketStatus status;
        status.ticket = ticket_of(number);
        status.state = static_cast<Fate>(state);
        status.transaction = reader.sized();
        status.detail = reader.sized();
        status.csn = reader.varint();
        status.at = Instant{static_cast<std::int64_t>(reader.u64())};
        if (!reader.complete()) return corrupt();
        std::erase_if(settled_, [&](const auto& other) { return other.ticket == status.ticket; });
        settled_.push_back(std::move(status));
        return {};
    }
    Item item;
    item.number = number;
    item.state = static_cast<Fate>(state);
    item.key.client = reader.u64();
    item.key.number = reader.u64();
    auto& first = item.calls.emplace_back();
    for (auto* text : {&first.transaction, &first.statement, &item.on_refusal, &item.refused})
        *text = reader.sized();
    get_parameters(reader, first);
    item.at = Instant{static_cast<std::int64_t>(reader.u64())};
    item.seed = reader.u64();
    auto seen = crdt::VersionVector::decode(reader);
    if (seen && reader.left() > 0) item.drawn = get_block(reader, item.calls);
    if (!seen || !reader.complete()) return corrupt();
    item.seen = std::move(*seen);
    item.again = item.state == Fate::sent;
    const auto after =
        std::find_if(queue_.begin(), queue_.end(), [&](const Item& other) { return other.number > number; });
    queue_.insert(after, std::move(item));
    return {};
}

void Tentative::image(FunctionRef<void(RecordKind, BytesView)> put) const {
    for (const auto& status : settled_)
        put(RecordKind::tentative, record_of(number_of(status.ticket), status));
    for (const auto& item : queue_) put(RecordKind::tentative, record(item));
}

void Tentative::keep(Item& item) {
    item.durable_at = state_.append(RecordKind::tentative, record(item));
}

void Tentative::start() {
    while (settled_.size() > settled_max) settled_.pop_front();
    // A call that cannot be run any more would hold up all behind it.
    for (auto& item : queue_)
        if (auto resolved = resolve(item); !resolved) end(item, Fate::refused, 0, resolved.error().message);
    std::erase_if(queue_, [](const Item& item) { return !is_open(item.state); });
}

Result<OrderedStep> Tentative::resolve(const wire::ForwardedStep& call, const std::string& transaction) {
    std::vector<sql::Type> types;
    for (const auto& parameter : call.parameters) types.push_back(sql::type_of_oid(parameter.first));
    TRY(auto runnable, transaction.empty() ? runnables_.of_statement(call.statement, types)
                                           : runnables_.of_transaction(transaction));
    TRY(auto values, values_of(*state_.schema, *runnable, call));
    return OrderedStep{std::move(runnable), std::move(values), call.expected};
}

Result<void> Tentative::resolve(Item& item) {
    OrderedSteps steps;
    for (const auto& call : item.calls) {
        TRY(auto step, resolve(call, item.refused.empty() ? call.transaction : item.on_refusal));
        if (!item.refused.empty()) step.expected = 0;
        steps.push_back(std::move(step));
    }
    item.steps = std::move(steps);
    return {};
}

wire::ForwardedStep Tentative::call_of(const OrderedStep& step) const {
    wire::ForwardedStep out;
    out.transaction = name_of(*state_.schema, *step.runnable);
    if (out.transaction.empty()) out.statement = step.runnable->text;
    out.parameters = text_of(*state_.schema, *step.runnable, *step.values);
    out.expected = step.expected;
    out.session = step.values->session;
    return out;
}

// ---- the view ----

Result<RunnablePtr> Tentative::alternative(const std::string& name, const Runnable& runnable) const {
    TRY(auto other, runnables_.of_transaction(name));
    if (!other->writes || value_types(*state_.schema, *other) != value_types(*state_.schema, runnable))
        return fail(Error::make("42883", "procedure " + name + " cannot stand in for this call")
                        .with_detail("What anabranch.on_refusal names is called with the same arguments, and "
                                     "must have parameters of the same types."));
    return other;
}

// On the view, which then has it, or as if it had not been tried.
Result<std::string> Tentative::run_steps(const Item& item, std::span<const OrderedStep> steps,
                                         exec::RowSink* sink) {
    const auto failed = [this](Error error) {
        run_.undo();
        return std::unexpected(std::move(error));
    };
    item.drawn ? origin_.repeat(*item.drawn) : origin_.begin(item.at, item.seed);
    std::string tag;
    for (std::uint64_t number = 0; number < steps.size(); ++number) {
        const auto& [runnable, values, expected] = steps[number];
        if (item.drawn) origin_.begin_write(number);
        HashingSink hashed(runnable->bound->columns, &exec::plans_of(*state_.schema), sink);
        const SessionValues::Then then(asked_, values->session);
        const auto result = run_.run(*runnable->compiled, values->values,
                                     expected == 0 ? sink : static_cast<exec::RowSink*>(&hashed));
        if (!result) return failed(result.error());
        tag = tag_of(*result, *runnable);
        if (expected != 0 && expected != hash_of(tag, hashed.hash())) return failed(shown_otherwise());
    }
    if (auto kept = run_.keep(); !kept) return failed(kept.error());
    return tag;
}

void Tentative::run_again(const Item& item) {
    if (run_steps(item, item.steps, nullptr) || item.on_refusal.empty() || !item.refused.empty()) return;
    const auto other = alternative(item.on_refusal, *item.steps[0].runnable);
    if (!other) return;
    const OrderedStep instead{*other, item.steps[0].values};
    (void)run_steps(item, {&instead, 1}, nullptr);
}

// Undo and redo: the calls that are still in the queue, on the state as it is now. One that the order has
// executed, and whose answer is on its way, is in that state.
void Tentative::rebuild() {
    if (built_ && built_at_ == state_.changes) return;
    run_.reset();
    for (auto& item : queue_)
        if (state_.outcomes.find(item.key) == nullptr) run_again(item);
    built_ = true;
    built_at_ = state_.changes;
}

Execution Tentative::read(const Runnable& runnable, std::span<const sql::Datum> values, exec::RowSink* sink,
                          const Before& before) {
    rebuild();
    if (before.origin != nullptr)
        origin_.repeat(before.origin->drawn());
    else
        origin_.begin(state_.now, state_.random.next());
    std::uint64_t number = 0;
    for (const auto& [write, parameters] : before.writes) {
        origin_.begin_write(number++);
        const SessionValues::Then then(asked_, parameters->session);
        auto done = run_.run(*write->compiled, parameters->values, nullptr);
        if (done) continue;
        run_.undo();
        return {Execution::When::now, 0, std::unexpected(done.error())};
    }
    origin_.begin_read(number);
    const auto result = run_.run(*runnable.compiled, values, sink);
    run_.undo();
    if (!result) return {Execution::When::now, 0, std::unexpected(result.error())};
    // What is shown is on disk first, whether committed here or in the queue.
    Ticket after = state_.unsettled();
    for (const auto& item : queue_) after = std::max(after, item.durable_at);
    return {after > state_.durable ? Execution::When::durable : Execution::When::now, after,
            tag_of(*result, runnable)};
}

Execution Tentative::submit(Call call, exec::RowSink* sink, std::string& ticket) {
    const auto refused = [](Error error) {
        return Execution{Execution::When::now, 0, std::unexpected(std::move(error))};
    };
    if (queue_.size() >= queue_max)
        return refused(Error::make("53400", "the queue of tentative calls is full")
                           .with_detail(std::to_string(queue_.size()) + " calls wait for a primary.")
                           .with_hint("Try again when a majority of the nodes can be reached."));
    if (!call.on_refusal.empty())
        if (auto other = alternative(call.on_refusal, *call.steps[0].runnable); !other)
            return refused(other.error());
    rebuild();
    Item item;
    item.number = newest_ + 1;
    item.at = state_.now;
    item.seed = state_.random.next();
    item.drawn = std::move(call.drawn);
    auto done = run_steps(item, call.steps, sink);
    if (!done) return refused(done.error());
    newest_ = item.number;
    const std::uint64_t own[] = {state_.options.id.value, 0x7469636b6574};
    item.key = call.key != RequestKey{}
                   ? call.key
                   : RequestKey{hash64({reinterpret_cast<const char*>(own), sizeof own}) | 1, item.number};
    for (const auto& step : call.steps) item.calls.push_back(call_of(step));
    item.on_refusal = std::move(call.on_refusal);
    item.steps = std::move(call.steps);
    ticket = ticket_of(item.number);
    if (item.drawn && !item.drawn->identities.empty()) (void)ordered_.reserve_identities();
    keep(item);
    const Ticket after = item.durable_at;
    queue_.push_back(std::move(item));
    return {Execution::When::durable, after, std::move(*done)};
}

// ---- to the primary and back ----

void Tentative::work() {
    for (; !answers_.empty(); answers_.pop_front()) {
        const auto& [number, answer, certain] = answers_.front();
        if (queue_.empty() || queue_.front().number != number) continue;
        Item& item = queue_.front();
        item.asked = false;
        item.asked_at = state_.now;
        if (answer)
            settle(item, *answer);
        else if (certain && !item.again)
            item.state = Fate::waiting;
        else
            item.again = true;
    }
    while (!queue_.empty()) {
        Item& item = queue_.front();
        if (const auto* known = state_.outcomes.find(item.key)) {
            auto answer = decode_answer(known->answer);
            answer.csn = known->csn;
            settle(item, answer);
            continue;
        }
        if (item.state == Fate::waiting && ordered_.reaches_primary()) {
            // From here on it may have been executed: the record says since when, before anybody is asked.
            item.state = Fate::sent;
            item.seen = state_.database.version();
            item.asked_at = {};
            keep(item);
        }
        const bool due = item.state == Fate::sent && !item.asked && item.durable_at <= state_.durable &&
                         state_.now - item.asked_at >= repeat_after && ordered_.reaches_primary();
        if (due) send(item);
        return;
    }
}

void Tentative::send(Item& item) {
    Ordered::Request request;
    request.session = session_of_queue;
    request.number = item.number * 2 + (item.refused.empty() ? 0 : 1);
    request.steps = item.steps;
    if (item.refused.empty()) request.drawn = item.drawn;
    request.timeout = answer_within;
    request.key = item.key;
    request.seen = item.seen;
    request.again = item.again;
    request.done = [this, number = item.number](const wire::Forwarded* answer, bool certain) {
        answers_.push_back({number, answer ? std::optional(*answer) : std::nullopt, certain});
    };
    item.asked = true;
    item.asked_at = state_.now;
    ordered_.submit(std::move(request));
}

void Tentative::settle(Item& item, const wire::Forwarded& answer) {
    built_ = false;
    const bool replaces = !item.refused.empty();
    if (answer.ok) {
        end(item, replaces ? Fate::replaced : Fate::committed, answer.csn,
            replaces ? item.refused + "; " + item.on_refusal + " was executed instead" : answer.tag);
    } else if (is_cannot_tell(answer)) {
        end(item, Fate::unknown, 0, answer.why().message);
    } else if (!item.on_refusal.empty() && !replaces) {
        item.refused = answer.why().sqlstate + ": " + answer.why().message;
        item.key.client ^= alternative_key;
        item.state = Fate::waiting;
        item.again = item.asked = false;
        item.asked_at = {};
        if (auto resolved = resolve(item); !resolved)
            return end(item, Fate::refused, 0, item.refused + "; " + resolved.error().message),
                   queue_.pop_front();
        return keep(item);
    } else {
        const std::string why = answer.why().sqlstate + ": " + answer.why().message;
        end(item, Fate::refused, answer.csn,
            replaces ? item.refused + "; " + item.on_refusal + " too: " + why : why);
    }
    queue_.pop_front();
}

void Tentative::end(Item& item, Fate state, std::uint64_t csn, std::string detail) {
    item.state = state;
    auto status = status_of(item);
    status.csn = csn;
    status.detail = std::move(detail);
    status.at = state_.now;
    state_.append(RecordKind::tentative, record_of(item.number, status));
    state_.out->push_back(Notify{"anabranch_order", status.ticket + " " + describe(state)});
    settled_.push_back(std::move(status));
    if (settled_.size() > settled_max) settled_.pop_front();
}

// ---- for people ----

std::string Tentative::ticket_of(std::uint64_t number) const {
    return state_.options.name + "-" + std::to_string(number);
}

Replica::TicketStatus Tentative::status_of(const Item& item) const {
    Replica::TicketStatus out;
    out.ticket = ticket_of(item.number);
    for (const auto& call : item.calls)
        out.transaction +=
            (out.transaction.empty() ? "" : "; ") +
            (call.transaction.empty() ? std::string(sql::split_zone(call.statement).text) : call.transaction);
    out.state = item.state;
    out.detail = item.refused;
    out.at = item.at;
    return out;
}

std::vector<Replica::TicketStatus> Tentative::tickets() const {
    std::vector<Replica::TicketStatus> out(settled_.begin(), settled_.end());
    for (const auto& item : queue_) out.push_back(status_of(item));
    return out;
}

}  // namespace anabranch::replica
