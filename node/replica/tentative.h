// Ordered calls of clients that do not wait for the order (Bayou; SET anabranch.ordered = 'tentative'). What
// a transaction block has written is one such call, of several steps.
//
// Such a call is run here at once, on the committed state and what the calls before it did: the tentative
// view. The client is told the result, and gets a ticket. The call itself waits in a queue on this node's
// disk; when a primary can be reached it is executed there, one after another, in the order in which they
// were made, and each once (outcomes.h). Its ticket then says what has become of it:
//
//   waiting    no primary has had it yet
//   sent       a primary may have executed it; its answer is not here
//   committed  it is in the order, as `csn` says
//   refused    it was executed on the committed state and failed there: nothing of it remains
//   replaced   it was refused, and the procedure that it named for that case (SET anabranch.on_refusal) was
//              executed with its arguments: Bayou's merge procedure
//   unknown    the order has forgotten whether it was executed (Outcomes::kept_max)
//
// Clients that LISTEN on anabranch_order are told of each that is settled.
//
// The view is made anew whenever the committed state has changed: what commits arrive undo and what is still
// in the queue is done again. Only reads with anabranch.read = 'tentative' see it. Nothing of it is ever
// part of a delta, so no free transaction builds on what may yet be refused.
#pragma once

#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "node/replica/ordered.h"

namespace anabranch::replica {

class Tentative {
  public:
    static constexpr std::size_t queue_max = 10'000;
    static constexpr std::size_t settled_max = 1000;  // tickets that are remembered

    Tentative(State& state, Ordered& ordered, IdentityValues& identities, Ordered::Runnables& runnables,
              const exec::VirtualTables* outside);

    // A step that its client was shown another result of than it has, here or at the primary, is refused.
    struct Call {
        OrderedSteps steps;                      // one transaction
        std::optional<wire::DrawnValues> drawn;  // of a transaction block; none: drawn anew each time
        std::string on_refusal;                  // of one step
        RequestKey key;                          // 0: it gets one
    };
    // Rows of one step go to `sink`. Answered when the call is on disk; `ticket` is set.
    Execution submit(Call call, exec::RowSink* sink, std::string& ticket);
    // What a transaction block has written so far, and the values that it has drawn.
    struct Before {
        std::vector<std::pair<const Runnable*, const Values*>> writes;
        const RecordedOrigin* origin = nullptr;  // null: there is no block
    };
    // Sees what is before it, too, as if it came last in the queue.
    Execution read(const Runnable& runnable, std::span<const sql::Datum> values, exec::RowSink* sink,
                   const Before& before);

    Result<void> recover(BytesView body);  // a 'T' record
    void image(FunctionRef<void(RecordKind, BytesView)> put) const;
    void start();
    void work();                                         // whatever can go on does
    std::vector<Replica::TicketStatus> tickets() const;  // oldest first

  private:
    using Fate = Replica::TicketState;
    struct Item {
        std::uint64_t number = 0;
        RequestKey key;
        std::vector<wire::ForwardedStep> calls;
        std::optional<wire::DrawnValues> drawn;
        std::string on_refusal, refused;  // why it was, once the other procedure has its turn
        Instant at;
        std::uint64_t seed = 0;  // of its random values in the view
        Fate state = Fate::waiting;
        crdt::VersionVector seen;  // of the state when it was sent first: it was not executed up to there
        OrderedSteps steps;        // of the calls, or of the other procedure
        Ticket durable_at = 0;     // its newest record
        bool asked = false;        // the answer of a primary is awaited
        bool again = false;        // it may have been executed before
        Instant asked_at;
    };
    Bytes record(const Item& item) const;
    void keep(Item& item);
    std::string ticket_of(std::uint64_t number) const;
    Replica::TicketStatus status_of(const Item& item) const;
    Result<void> resolve(Item& item);
    Result<OrderedStep> resolve(const wire::ForwardedStep& call, const std::string& transaction);
    wire::ForwardedStep call_of(const OrderedStep& step) const;
    Result<RunnablePtr> alternative(const std::string& name, const Runnable& runnable) const;
    void rebuild();
    Result<std::string> run_steps(const Item& item, std::span<const OrderedStep> steps, exec::RowSink* sink);
    void run_again(const Item& item);
    void send(Item& item);
    void answered(std::uint64_t number, const wire::Forwarded* answer, bool certain);
    void settle(Item& item, const wire::Forwarded& answer);
    void end(Item& item, Fate state, std::uint64_t csn, std::string detail);

    State& state_;
    Ordered& ordered_;
    Ordered::Runnables& runnables_;
    RecordedOrigin origin_;
    SessionValues asked_;
    exec::TransactionRun run_;
    std::deque<Item> queue_;
    std::deque<Replica::TicketStatus> settled_;
    std::uint64_t newest_ = 0;
    std::uint64_t built_at_ = 0;  // State::changes
    bool built_ = false;
    struct Answer {
        std::uint64_t number;
        std::optional<wire::Forwarded> answer;
        bool certain;
    };
    std::deque<Answer> answers_;
};

}  // namespace anabranch::replica
