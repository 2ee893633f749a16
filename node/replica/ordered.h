// Ordered transactions: from a client's request to the primary, through the order, and back (design section
// 7).
//
// At the client's node a request is either on its way to the primary or waits for one; it ends with the
// primary's answer once the answer's CSN is applied here, with 57P03 when no primary could be reached in time
// (it was certainly not executed), or with 40003 when the answer is missing (it may have been executed). At
// the primary requests queue; each runs on the state that holds all earlier ones, and its delta is proposed
// to the order. One transaction is in flight at a time.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>

#include "node/order/record.h"
#include "node/replica/gossip.h"
#include "node/replica/origin.h"
#include "node/replica/rows.h"
#include "node/replica/state.h"

namespace anabranch::replica {

// Parameter values that outlive the call that brought them.
struct Values {
    Arena arena;
    std::vector<sql::Datum> values;
    static std::shared_ptr<Values> copy(std::span<const sql::Datum> from);
};

// What a Runnable is to whoever runs it: types of the values it wants and columns of its rows.
std::vector<sql::Type> value_types(const catalog::Schema& schema, const Runnable& runnable);
std::string tag_of(const exec::StatementResult& result, const Runnable& runnable);

class Ordered {
  public:
    class Runnables {  // finds what a forwarded request names
      public:
        virtual ~Runnables() = default;
        virtual Result<RunnablePtr> of_transaction(const std::string& name) = 0;
        virtual Result<RunnablePtr> of_statement(const std::string& text,
                                                 const std::vector<sql::Type>& types) = 0;
    };

    Ordered(State& state, Gossip& gossip, IdentityValues& identities, Runnables& runnables,
            const exec::VirtualTables* outside);

    Result<void> recover(BytesView record) { return recovery_.add(record); }
    Result<void> recover_committed(std::uint64_t index);  // a 'C' record: merges the entry
    void start();

    struct Request {
        std::uint64_t session = 0, number = 0;
        RunnablePtr runnable;
        std::shared_ptr<Values> values;
        exec::RowSink* sink = nullptr;  // null: the rows were shown already
        std::uint64_t expected = 0;     // hash of the rows shown, 0: none
        std::string tag;  // to answer with instead of the statement's own ("COMMIT"), if not empty
        Duration timeout;
    };
    void submit(Request request);
    void forget(std::uint64_t session);  // the client is gone: its sink must not be used any more
    void cancel(std::uint64_t session);

    void message(const std::string& peer, const wire::OrderMessage& message);
    void forward(const std::string& peer, const wire::Forward& message);
    void forwarded(const std::string& peer, const wire::Forwarded& message);
    void peer_changed();  // a link came or went
    void persisted();     // state.durable has grown
    void held_changed();  // state.held has grown
    void merged();        // the state has grown: something may be able to go on
    void tick();
    Instant next_deadline() const;

    order::Status status() const { return core_->status(); }
    static ReplicaId member_id(const std::string& name);
    std::string primary_name() const;  // empty: unknown

  private:
    enum class Phase : std::uint8_t { waiting, queued, forwarded, applying };
    struct Outstanding {
        Request request;
        Phase phase = Phase::waiting;
        Instant deadline;
        std::string sent_to;
        wire::Forwarded answer;
    };
    struct Work {               // at the primary
        std::string requester;  // peer; empty: a client of this node
        std::uint64_t session = 0, number = 0;
        RunnablePtr runnable;
        std::shared_ptr<Values> values;
        crdt::VersionVector seen;
        std::uint64_t expected = 0;
        Instant deadline;
    };
    struct InFlight {
        order::Index index = 0;
        order::Epoch epoch = 0;
        Work work;
        wire::Forwarded answer;
    };
    using Key = std::pair<std::uint64_t, std::uint64_t>;

    void feed(order::Input input);
    void handle(order::Outputs outputs);
    void on(const order::Persist& output);
    void on(const order::Send& output);
    void on(const order::Committed& output);
    void on(const order::LostPrimary& output);
    void drain();
    bool apply(const order::Entry& entry);
    void settle_in_flight(const order::Entry& entry);
    void route();
    void route(Outstanding& item);
    void work();
    void execute(Work item);
    void answer(const Work& item, wire::Forwarded answer, Ticket after = 0);
    void finish(const Key& key, Outstanding& item);
    void reply(std::uint64_t session, std::uint64_t number, Result<std::string> tag);
    Error unreachable(const Outstanding& item) const;

    State& state_;
    Gossip& gossip_;
    Runnables& runnables_;
    order::Recovery recovery_;
    std::unique_ptr<order::Order> core_;
    RecordedOrigin origin_;
    exec::TransactionRun run_;
    std::deque<std::pair<order::Ticket, Ticket>> tickets_;  // of the core, of the log
    std::deque<order::Entry> committed_;                    // in order, waiting for their dependencies
    std::map<Key, Outstanding> outstanding_;
    std::deque<Work> queue_;
    std::optional<InFlight> in_flight_;
    bool feeding_ = false;
    std::deque<order::Input> inputs_;
};

}  // namespace anabranch::replica
