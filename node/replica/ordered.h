// Ordered transactions: from a client's request to the primary, through the order, and back (design section
// 7).
//
// At the client's node a request is either on its way to the primary or waits for one; it ends with the
// primary's answer once the answer's CSN is applied here, with 57P03 when no primary could be reached in time
// (it was certainly not executed), or with 40003 when the answer is missing (it may have been executed). When
// the primary changes or a link breaks it is sent again, under the same key, and executed once (outcomes.h).
//
// At the primary requests queue (ordered_primary.cpp). All that wait run one after another, each on the state
// that holds all earlier ones, and become one entry of the order: what they did together is one delta. While
// it is not committed the next ones run on the state that it will lead to (crdt/pending_state.h), so that no
// call waits for the round trip of another. Nobody else sees that state: free calls and reads have the
// committed one. A call is answered for when the entry is committed whose effects it has seen last.
//
// Why free calls at the primary do no harm to what is pending: neither has seen the other, exactly as if the
// free call had been made at another replica while the entry was on its way there, and the checker has proved
// that these two never break an invariant. When the epoch is lost the pending state is thrown away, whatever
// becomes of the entries.
#pragma once

#include <boost/container/deque.hpp>
#include <boost/container/small_vector.hpp>
#include <boost/unordered/unordered_flat_map.hpp>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "crdt/pending_state.h"
#include "node/order/record.h"
#include "node/replica/early_answers.h"
#include "node/replica/gossip.h"
#include "node/replica/group_commit.h"
#include "node/replica/membership.h"
#include "node/replica/origin.h"
#include "node/replica/rows.h"
#include "node/replica/session_values.h"
#include "node/replica/state.h"

namespace anabranch::replica {

// Parameter values that outlive the call that brought them.
struct Values {
    Arena arena;
    std::vector<sql::Datum> values;
    std::string session;  // exec::VirtualTables::kept(), if the statement asks its session for anything
    static std::shared_ptr<Values> copy(std::span<const sql::Datum> from);
    void assign(std::span<const sql::Datum> from);
};

// What a Runnable is to whoever runs it: types of the values it wants and columns of its rows.
std::vector<sql::Type> value_types(const catalog::Schema& schema, const Runnable& runnable);
std::string tag_of(const exec::StatementResult& result, const Runnable& runnable);
// Values on their way to another node or a later time: (type oid, (null, text form)).
using TextParameters = std::vector<std::pair<std::uint32_t, std::pair<bool, Bytes>>>;
TextParameters text_of(const catalog::Schema& schema, const Runnable& runnable, const Values& values);
Result<std::shared_ptr<Values>> values_of(const catalog::Schema& schema, const Runnable& runnable,
                                          const wire::ForwardedStep& step);

// One statement of an ordered request. `expected`: hash of the result that its client was shown, 0: none.
struct OrderedStep {
    RunnablePtr runnable;
    std::shared_ptr<Values> values;
    std::uint64_t expected = 0;
};
using OrderedSteps = boost::container::small_vector<OrderedStep, 1>;
// Of a statement's tag and rows (HashingSink).
std::uint64_t hash_of(const std::string& tag, std::uint64_t rows);

class Ordered {
  public:
    class Runnables {  // finds what a forwarded request names
      public:
        virtual ~Runnables() = default;
        virtual Result<RunnablePtr> of_transaction(const std::string& name) = 0;
        virtual Result<RunnablePtr> of_statement(const std::string& text,
                                                 const std::vector<sql::Type>& types) = 0;
    };

    Ordered(State& state, Gossip& gossip, Membership& membership, IdentityValues& identities,
            Runnables& runnables, const exec::VirtualTables* outside);

    Result<void> recover(BytesView record) { return recovery_.add(record); }
    Result<void> recover_committed(Ticket ticket, std::uint64_t index);  // a 'C' record: merges the entry
    // A record before the checkpoint: only the deltas that some member may lack are wanted.
    void recover_old(Ticket ticket, RecordKind kind, BytesView body);
    void start();  // the first tick() sets it going
    // What recovery of all records so far would lead to, as fewer records, for a checkpoint that holds all
    // entries up to `index`,
    void image(order::Index index, FunctionRef<void(RecordKind, BytesView)> put) const;
    void compact(order::Index index);  // and then it is there

    struct Request {
        std::uint64_t session = 0, number = 0;
        OrderedSteps steps;                      // one transaction
        exec::RowSink* sink = nullptr;           // of the last; null: the rows were shown already
        std::optional<wire::DrawnValues> drawn;  // at this node; none: the primary draws
        std::string tag;  // to answer with instead of the statement's own ("COMMIT"), if not empty
        Duration timeout;
        RequestKey key;  // 0: it gets one
        // Of the queue of tentative calls, instead of a reply to a client: with what the primary said, or
        // nothing when the time was over; `certain`: it was then not executed.
        std::function<void(const wire::Forwarded* answer, bool certain)> done = {};
        crdt::VersionVector seen = {};  // with `done`: when it was sent first
        bool again = false;             // ... and it may have been executed since
        bool early = false;             // is answered once it is executed, committed or not
    };
    void submit(Request request);
    // Values that were drawn here are kept from being drawn again, once this is durable.
    Ticket reserve_identities();
    void forget(std::uint64_t session);  // the client is gone: its sink must not be used any more
    void cancel(std::uint64_t session);

    void message(const std::string& peer, const wire::OrderMessage& message);
    void forward(const std::string& peer, const wire::Forward& message);
    void forwarded(const std::string& peer, const wire::Forwarded& message);
    void forget_member(const std::string& peer);  // it has lost its disk
    // An entry that the primary makes after this is asked for; true once the order up to there is durable
    // here.
    void ask_fence();
    bool fenced() const;
    // Of the other voters, when this node has lost its directory; they come to State::promises.
    void ask_for_promises();
    void trust() { feed(order::Trusted{}); }  // it remembers, or nothing that it has forgotten matters
    bool caught_up() const { return core_->caught_up(); }
    void forget_fence();  // a later one is wanted
    // This replica is the primary, and has applied and made durable all that is in the order.
    bool holds_all() const;
    // A read that is to see all that the order had committed when it was asked for: the CSN to wait for, once
    // it is known. A failed one may be asked for again.
    std::uint64_t ask_read();
    std::optional<order::Index> read_index(std::uint64_t token) const;
    bool read_failed(std::uint64_t token) const;
    void end_read(std::uint64_t token) { reads_.erase(token); }
    bool take_reads_settled() { return std::exchange(reads_settled_, false); }
    // Of calls that were answered early; lost ones are told of once.
    const EarlyAnswers& early() const { return early_; }
    std::uint64_t take_lost(std::uint64_t session) { return early_.take_lost(session); }
    void peer_changed();  // a link came or went
    void persisted();     // state.durable has grown
    void held_changed();  // state.held has grown
    void merged();        // the state has grown: something may be able to go on
    void tick();
    Instant next_deadline() const;
    // Calls wait for others that come at the same time: gathered() says that all have come.
    bool due() const;
    void gathered();

    // An entry that forgets what was deleted, made as soon as nothing else is in flight, if it still may be
    // then (forgetting.h). What is in flight is part of `version_ahead`.
    void forget(crdt::Forget what, std::function<bool()> may_be);
    bool may_forget() const { return core_->may_execute() && is_primary() && !orphans_ && !forget_; }
    crdt::VersionVector version_ahead() const;
    order::Epoch epoch() const { return core_->epoch(); }

    order::Status status() const { return core_->status(); }
    const order::Entry* entry(order::Index index) const { return core_->entry(index); }
    const Replica::OrderWork& order_work() const { return order_work_; }
    bool is_primary() const { return core_->primary() == member_id(state_.options.name); }
    // A hand-over or a change of members, at the primary: why not, or nothing.
    std::optional<order::Refusal> ask(order::Input input);
    std::string primary_name() const;  // empty: unknown
    bool reaches_primary() const;

  private:
    enum class Phase : std::uint8_t { waiting, queued, forwarded, applying };
    struct Outstanding {
        Request request;
        RequestKey key;
        crdt::VersionVector seen;  // when it was made
        Phase phase = Phase::waiting;
        Instant deadline;
        std::string sent_to;
        unsigned unsure = 0;  // times that it was handed to somebody and nothing was heard of it
        bool fresh = false;   // nobody but this node knows of it, nor has ever
        wire::Forwarded answer;
    };
    struct Work {               // at the primary
        std::string requester;  // peer; empty: clients of this node
        RequestKey key;
        OrderedSteps steps;  // none: a fence
        std::optional<wire::DrawnValues> drawn;
        crdt::VersionVector seen;
        Instant deadline;
        RequestKey follows;  // the same client's request before it, if that may not be executed yet
        bool early = false;
        bool fresh = false;  // it cannot have been executed before
        Instant since{};     // in the queue
        bool is_fence() const { return steps.empty(); }
    };
    struct Call {
        Work work;
        wire::Forwarded answer;
        bool told = false;  // before it is committed
    };
    struct InFlight {
        order::Index index = 0;
        order::Epoch epoch = 0;
        Instant since;
        std::vector<Call> calls;
        std::shared_ptr<const crdt::Delta> delta;
        std::vector<Outcomes::Outcome> outcomes;  // of the calls, as the entry has them
        bool ahead = false;                       // pending_state_ has it
        bool told = false;                        // whoever wants to know before it is committed
        bool awaited = true;                      // by somebody who does not
    };
    using Key = std::pair<std::uint64_t, std::uint64_t>;
    using Keys = boost::container::small_vector<Key, 2>;
    using OutstandingMap = std::map<Key, Outstanding>;
    using Queue =
        boost::container::deque<Work, void,
                                boost::container::deque_options<boost::container::block_size<32U>>::type>;

    void feed(order::Input input);
    order::Index kept_from(order::Index index) const;
    void handle(order::Outputs outputs);
    void on(const order::Persist& output);
    bool awaited(const order::Persist& output) const;
    void on(const order::Send& output);
    Ticket own_past_of(const order::Message& message) const;
    void on(const order::Committed& output);
    void on(const order::LostPrimary& output);
    void time_out();
    void drain();
    bool apply(const order::Entry& entry);
    bool begin_large(const order::Entry& entry);
    void applied(const crdt::Delta& delta, std::vector<Outcomes::Outcome> outcomes, Bytes bytes);
    InFlight* own_of(const order::Entry& entry);
    void tell_group_commit(const InFlight& batch);
    void settle(const order::Entry& entry);
    void settle(std::vector<Call>& calls, bool committed);
    void not_taken();
    void give_back(Work item);
    void route();
    void route(const Key& key, Outstanding& item);
    RequestKey before(const Key& key) const;
    void redirect();
    void settle_read(std::uint64_t token, std::optional<order::Index> index);
    void queue(Work item);
    void work();
    bool may_propose() const;
    bool can_execute();
    bool hurried() const;
    std::size_t hurried_room() const;
    bool is_alone() const { return gossip_.member_count() == 1; }
    void arrived(bool early);
    Instant next_proposal() const;
    bool look_ahead();
    void forget_pending();
    void propose_forget();
    std::vector<Work> ready();
    void put_back(std::span<Work> items);
    void put_back(std::span<Call> calls);
    void expect(std::span<const Work> items);
    void execute(std::vector<Work> items);
    void propose(InFlight batch, const exec::WriteSet& writes, Ticket seen, crdt::Forget forget = {});
    void tell_early();
    void settle_early();
    bool refused_for_size(InFlight& batch, const exec::WriteSet& writes, std::size_t bytes, Ticket seen);
    void answer_after_pending(std::vector<Call> calls, Ticket seen);
    void turn_away(const Work& item);
    std::optional<wire::Forwarded> known_outcome(RequestKey key) const;
    std::optional<wire::Forwarded> told_before(const Work& item) const;
    wire::Forwarded execute(const Work& item);
    Result<std::string> run(const OrderedStep& step, wire::Forwarded& done);
    Result<OrderedStep> step_of(const wire::ForwardedStep& step);
    std::string name_of(ReplicaId member) const;
    void answer(const Work& item, wire::Forwarded&& answer, Ticket after = 0);
    Keys waiting_for(RequestKey key) const;
    bool is_waited_for(RequestKey key) const;
    Outstanding& place(const Key& key);
    OutstandingMap::node_type take(const Key& key);
    void erase(const Key& key) { recycle(take(key)); }
    void recycle(OutstandingMap::node_type node);
    void finish(const Key& key, Outstanding& item);
    void tell(std::uint64_t session, std::uint64_t number, const Outstanding& done);
    void reply(std::uint64_t session, std::uint64_t number, Result<std::string> tag);
    Error unreachable(const Outstanding& item) const;

    State& state_;
    Gossip& gossip_;
    Membership& membership_;
    Runnables& runnables_;
    order::Recovery recovery_;
    std::map<order::Index, order::Entry> old_entries_;  // of recover_old
    std::unique_ptr<order::Order> core_;
    IdentityValues& identities_;
    Ticket identities_recorded_ = 0;  // the newest record of those that were drawn for requests
    RecordedOrigin origin_;
    crdt::PendingState pending_state_;
    SessionValues asked_;
    exec::TransactionRun run_;
    std::deque<std::pair<order::Ticket, Ticket>> tickets_;  // of the core, of the log
    std::deque<order::Entry> committed_;                    // in order, waiting for their dependencies
    OutstandingMap outstanding_;
    std::vector<OutstandingMap::node_type> spare_;  // places of earlier ones, for the next
    bool some_apply_ = false;                       // of outstanding_, perhaps
    boost::unordered_flat_map<RequestKey, Keys, RequestKeyHash> by_request_;  // of outstanding_
    Instant first_deadline_{INT64_MAX};                                       // of outstanding_, or before it
    RequestKey newest_request_;
    Queue queue_;
    std::uint64_t fence_number_ = 0;  // of the newest request for a fence
    std::uint64_t fences_given_up_ = 0;
    order::Index fence_ = 0;          // 0: none yet
    std::deque<InFlight> in_flight_;  // of one epoch, in order, without gaps
    RequestKeys keys_in_flight_;
    // What this primary has queued lately for clients of peers, also if it has been answered since; in order
    // of arrival, too.
    RequestKeys taken_;
    std::deque<RequestKey> taken_in_order_;
    EarlyAnswers early_;
    order::Epoch applied_epoch_ = 0;  // of the newest entry that was applied here
    bool orphans_ = false;            // those in flight are of an epoch that is lost
    Duration commit_takes_;           // about
    GroupCommit group_commit_;
    bool gathers_ = false, hurries_ = false, hurried_ = false;
    Replica::OrderWork order_work_;
    std::size_t one_by_one_ = 0;  // so many of the queue, in front: together their delta was too large
    std::optional<crdt::Forget> forget_;
    std::function<bool()> forget_may_be_;
    bool not_taken_ = false;  // by the core, when it was asked last: it hands over
    struct PrimaryRead {
        std::optional<order::Index> index;
        bool failed = false;
    };
    std::map<std::uint64_t, PrimaryRead> reads_;
    std::uint64_t newest_read_ = 0;
    bool reads_settled_ = false;
    bool feeding_ = false;
    std::deque<order::Input> inputs_;
    std::optional<order::Refusal> refused_;  // by ask()
};

Error early_answers_lost(std::uint64_t calls);
wire::Forwarded refusal(const Error& error);
wire::Forwarded not_primary();  // nothing was executed: to be tried at the primary
bool is_not_primary(const wire::Forwarded& answer);
wire::Forwarded cannot_tell();  // it may have been executed before
bool is_cannot_tell(const wire::Forwarded& answer);

}  // namespace anabranch::replica
