// Client sessions at one replica: statements on their own, transaction blocks, settings, session guarantees.
//
// A block runs on the live state. When the state has moved since its last statement, its statements are run
// again from the start, with the values generated before; if every result is the same the block goes on (as
// if it had begun later), else it fails with 40001. When one of its writes is ordered, all of them are run
// here for their results only, and for good at the primary when the block commits, as one transaction: with
// another result there, 40001. ROLLBACK TO a savepoint forgets the statements after it and runs those before
// it again.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "node/replica/quorum_wait.h"
#include "node/replica/tentative.h"

namespace anabranch::replica {

class Sessions {
  public:
    Sessions(State& state, const Gossip& gossip, Ordered& ordered, Tentative& tentative,
             IdentityValues& identities, const exec::VirtualTables* outside);

    void open(std::uint64_t session) { (void)sessions_[session]; }
    void close(std::uint64_t session);
    void cancel(std::uint64_t session);
    void set_cancelled(const bool* flag) {
        cancelled_ = flag;
        run_.set_cancelled(flag);
    }

    Execution execute(std::uint64_t session, std::uint64_t number, const RunnablePtr& runnable,
                      std::span<const sql::Datum> parameters, exec::RowSink* sink);
    Result<void> begin(std::uint64_t session);
    Execution commit(std::uint64_t session, std::uint64_t number);
    void rollback(std::uint64_t session) { sessions_[session].block.reset(); }
    void fail_block(std::uint64_t session);
    Result<void> savepoint(std::uint64_t session, SavepointCommand command, const std::string& name);
    Block block(std::uint64_t session) const;
    Result<void> set(std::uint64_t session, std::string_view name, std::string_view value);
    std::optional<std::string> setting(std::uint64_t session, std::string_view name) const;

    void merged();     // the state has grown: statements that waited for a session token may go on
    void persisted();  // answers that waited for the disk
    void heard() { quorum_.heard(); }  // ... for other members: after each step
    void tick();
    Instant next_deadline() const;

  private:
    struct Step {  // one statement of a block
        RunnablePtr runnable;
        std::shared_ptr<Values> values;
        std::uint64_t number = 0;  // among the block's writes, which are what the primary gets, or of all
        std::uint64_t hash = 0;    // of its result: hash_of
    };
    struct Savepoint {
        std::string name;
        std::size_t steps = 0;  // of the block when it was set
    };
    struct OpenBlock {
        bool failed = false;
        std::unique_ptr<RecordedOrigin> origin;
        std::unique_ptr<exec::TransactionRun> run;
        std::vector<Step> steps;
        std::vector<Savepoint> savepoints;
        std::uint64_t moves = 0;   // State::moves() when the steps were last run
        std::uint64_t writes = 0;  // steps that do
        bool ordered = false;      // one of them is, so that all that it writes is to run at the primary
    };
    struct Session {
        std::optional<OpenBlock> block;
        std::optional<Duration> order_timeout;
        Instant ends;  // when its client gives up the call that runs, whatever that waits for on its way
        // SET anabranch.durability: what the answer to a write waits for
        enum class Durability : std::uint8_t { disk, quorum, memory } durability = Durability::disk;
        bool wait_for_disk() const { return durability != Durability::memory; }
        // SET anabranch.read: all that the order has committed when a read begins, or also what is tentative
        bool read_primary = false, read_tentative = false;
        bool tentative = false;    // SET anabranch.ordered: ordered calls do not wait for the order
        std::string on_refusal;    // the procedure that then takes the place of a refused one
        std::string ticket;        // of the last one
        crdt::VersionVector seen;  // SET anabranch.session: nothing runs before this is here
        // SET anabranch.request_id: a write by itself, or the ordered one of a block, that is asked for
        // again, here or at another node, is done once.
        std::string request_id;
    };
    struct Waiting {  // for what a session token or a read at the primary stands for
        std::uint64_t session = 0, number = 0;
        RunnablePtr runnable;  // null: COMMIT
        std::shared_ptr<Values> parameters;
        exec::RowSink* sink = nullptr;
        Instant deadline;
        std::uint64_t read = 0;  // Ordered::ask_read
    };
    struct Unanswered {
        Ticket ticket;
        Reply reply;
    };

    Duration timeout_of(const Session& session) const {
        return session.order_timeout.value_or(state_.options.order_timeout);
    }
    static bool goes_to_primary(const Session& session, const Runnable& runnable);
    // What the statement will ask its session for is kept with its parameters.
    void keep_session(const Runnable& runnable, Values& values) const;
    Execution wait(Session& session, Waiting item);
    Error waited_in_vain(const Waiting& item) const;
    bool may_go_on(const Session& session, Waiting& item);
    Execution commit_now(Session& session, std::uint64_t id, std::uint64_t number);
    static RequestKey key_of(const Session& session, std::span<const OrderedStep> steps,
                             const catalog::Schema& schema);
    static void begin_step(OpenBlock& block, const Step& step);
    static void note_kind(OpenBlock& block, const Runnable& runnable);
    Execution run_now(Session& session, std::uint64_t id, std::uint64_t number, const RunnablePtr& runnable,
                      std::span<const sql::Datum> parameters, exec::RowSink* sink);
    Execution run_alone(Session& session, std::uint64_t id, std::uint64_t number, const Runnable& runnable,
                        std::span<const sql::Datum> values, exec::RowSink* sink);
    Execution run_in_block(Session& session, const RunnablePtr& runnable, std::shared_ptr<Values> values,
                           exec::RowSink* sink);
    Execution read_in_block(OpenBlock& block, const Runnable& runnable, const Values& values,
                            exec::RowSink* sink);
    Result<void> refresh(OpenBlock& block);
    Result<void> run_again(OpenBlock& block);
    Result<void> roll_back_to(OpenBlock& block, std::size_t steps);
    std::shared_ptr<Values> spare_values();
    void forget_large(const std::shared_ptr<Values>& values);
    Result<std::shared_ptr<Values>> arguments(const Runnable& runnable,
                                              std::span<const sql::Datum> parameters);
    Execution submit(Session& session, Ordered::Request request);
    Execution queue(Session& session, Ordered::Request request);
    Execution commit_local(Session& session, std::uint64_t id, std::uint64_t number,
                           const exec::WriteSet& writes, std::string tag);
    Execution failed(OpenBlock& block, Error error);
    // What was read may not be on disk yet: the answer waits with it.
    Execution read_answer(const Session& session, std::string tag) const;

    State& state_;
    Ordered& ordered_;
    Tentative& tentative_;
    IdentityValues& identities_;
    SessionValues asked_;
    const bool* cancelled_ = nullptr;
    RecordedOrigin origin_;
    exec::TransactionRun run_;
    std::deque<std::shared_ptr<Values>> spare_values_;  // memory for the next calls', once nobody holds it
    std::map<std::uint64_t, Session> sessions_;
    std::vector<Waiting> waiting_;
    std::vector<Unanswered> unanswered_;
    QuorumWait quorum_;
};

}  // namespace anabranch::replica
