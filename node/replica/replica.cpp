#include "node/replica/replica.h"

#include <algorithm>

#include "lib/base/check.h"
#include "node/replica/audit.h"
#include "node/replica/checkpoint.h"
#include "node/replica/forgetting.h"
#include "node/replica/gossip.h"
#include "node/replica/intake.h"
#include "node/replica/member_changes.h"
#include "node/replica/ordered.h"
#include "node/replica/prepare.h"
#include "node/replica/sessions.h"
#include "node/replica/standing.h"
#include "node/replica/state_transfer.h"
#include "node/replica/tentative.h"

namespace anabranch::replica {

namespace {

// The schema's own INSERTs are one delta that every node makes alike.
constexpr ReplicaId initial_origin{1};
constexpr std::int64_t initial_slot = IdentityValues::stride - 1;

class InitialOrigin final : public exec::Origin {
  public:
    explicit InitialOrigin(const catalog::Schema& schema)
        : identities_(schema, initial_slot), random_(schema.hash) {}
    Instant now() const override { return {}; }
    Random& random() override { return random_; }
    std::int64_t next_identity(TableId table, ColumnId column) override {
        return identities_.next(table, column);
    }

  private:
    IdentityValues identities_;
    Random random_;
};

}  // namespace

class Replica::Impl {
  public:
    Impl(catalog::SchemaPtr schema, catalog::Plan plan, const Options& options, Random random,
         StatementAnalyst* analyst, const exec::VirtualTables* outside)
        : state_(std::move(schema), std::move(plan), options, random),
          identities_(*state_.schema),
          preparer_(state_, analyst),
          gossip_(state_),
          membership_(state_, gossip_, identities_),
          ordered_(state_, gossip_, membership_, identities_, preparer_, outside),
          changes_(state_, gossip_, ordered_),
          tentative_(state_, ordered_, identities_, preparer_, outside),
          sessions_(state_, gossip_, ordered_, tentative_, identities_, outside),
          transfer_(state_, gossip_, identities_),
          intake_(state_, gossip_, identities_),
          audit_(state_, gossip_),
          standing_(state_, gossip_, ordered_),
          forgetting_(state_, gossip_, ordered_),
          checkpoint_(state_, gossip_, ordered_, identities_, [this](Checkpoint::Put put) {
              transfer_.image(put);
              standing_.image(put);
              membership_.image(put);
              tentative_.image(put);
              forgetting_.image(put);
          }) {
        CHECK_NOTE(state_.plan.schema_hash == state_.schema->hash, "the plan belongs to another schema");
    }

    // ---- recovery ----

    Result<void> recover_checkpoint(BytesView part) {
        recovered_ = true;
        return checkpoint_.recover(part, [this](BytesView record) { return recover_record(0, record); });
    }

    Result<void> recover(Ticket ticket, BytesView record) {
        state_.next_ticket = ticket + 1;
        state_.durable = ticket;
        if (ticket < checkpoint_.begin()) return recover_old(ticket, record);
        checkpoint_.rows_recovered();
        state_.log_bytes += record.size();
        state_.database.replay_at(ticket);
        return recover_record(ticket, record);
    }

    // The checkpoint holds what it did; what remains is that some member may lack a delta.
    Result<void> recover_old(Ticket ticket, BytesView record) {
        if (record.empty()) return {};
        const auto kind = static_cast<RecordKind>(record[0]);
        const BytesView body = record.substr(1);
        if (kind == RecordKind::delta) {
            TRY(const auto decoded, decode_delta(body));
            state_.deltas.add(decoded.delta.dot, Bytes(body), ticket, state_.now);
        } else if (kind == RecordKind::order || kind == RecordKind::committed) {
            ordered_.recover_old(ticket, kind, body);
        }
        return {};
    }

    Result<void> recover_record(Ticket ticket, BytesView record) {
        const auto corrupt = [](const std::string& what) { return fail(sqlstate::io_error, "log: " + what); };
        if (record.empty()) return corrupt("empty record");
        const BytesView body = record.substr(1);
        switch (static_cast<RecordKind>(record[0])) {
            case RecordKind::delta:
                return recover_delta(ticket, body);
            case RecordKind::order:
                return ordered_.recover(body);
            case RecordKind::committed: {
                ByteReader reader(body);
                const auto index = reader.varint();
                if (!reader.complete()) return corrupt("bad commit record");
                recovered_ = true;
                return ordered_.recover_committed(ticket, index);
            }
            case RecordKind::peer:
                return gossip_.recover_peer(body) ? Result<void>() : corrupt("bad peer record");
            case RecordKind::version:
                return checkpoint_.recover_version(body);
            case RecordKind::standing:
                return standing_.recover(body);
            case RecordKind::tentative:
                return tentative_.recover(body);
            case RecordKind::members:
                return membership_.recover(body);
            case RecordKind::state:
                recovered_ = true;
                return transfer_.recover(body);
            case RecordKind::healed:
                return audit_.recover(body);
            case RecordKind::forgotten:
                return ticket == 0 ? forgetting_.recover(body) : Result<void>();  // of a checkpoint's head
            case RecordKind::outcomes: {
                ByteReader reader(body);
                return state_.outcomes.merge(reader) && reader.complete() ? Result<void>()
                                                                          : corrupt("bad record of outcomes");
            }
            case RecordKind::identity: {
                ByteReader reader(body);
                return identities_.observe(reader) && reader.complete() ? Result<void>()
                                                                        : corrupt("bad identity record");
            }
        }
        return corrupt("record of unknown kind " + std::to_string(static_cast<unsigned char>(record[0])));
    }

    Result<void> recover_delta(Ticket ticket, BytesView body) {
        TRY(auto decoded, decode_delta(body));
        const crdt::Delta& delta = decoded.delta;
        TRY_VOID(state_.database.check(delta));
        if (state_.database.merge(delta) != crdt::Database::Merged::applied)
            return fail(sqlstate::io_error, "log: delta " + std::to_string(delta.dot.seq) + " of " +
                                                hex(delta.dot.origin.value) +
                                                " does not follow what is before it");
        identities_.observe(delta);
        state_.outcomes.note(delta.dot.seq, std::move(decoded.outcomes));
        state_.held.set(delta.dot.origin, delta.dot.seq);
        state_.deltas.add(delta.dot, Bytes(body), ticket, state_.now);
        recovered_ = true;
        return {};
    }

    Result<void> start(Instant now, Outputs& out) {
        enter(now, out);
        checkpoint_.recovered();
        transfer_.start();
        ordered_.start();
        standing_.start();
        if (!recovered_) TRY_VOID(make_initial());
        tentative_.start();
        state_.own_seq = state_.database.version().get(state_.options.id);
        state_.clock.restore(std::max(state_.clock.last(), state_.database.greatest_hlc()));
        ordered_.tick();
        state_.database.set_overwrite_sink(&overwritten_);
        started_ = state_.started = true;
        leave();
        return {};
    }

    Result<void> make_initial() {
        if (state_.schema->initial.empty()) return {};
        InitialOrigin origin(*state_.schema);
        exec::TransactionRun run(state_.schema, state_.database, origin);
        for (const auto& statement : state_.schema->initial)
            TRY_VOID(run.run(*exec::compile(state_.schema, statement), {}, nullptr));
        TRY(const auto* writes, run.finish());
        if (writes->empty()) return {};
        const auto delta = state_.database.make_delta(writes->known_to_all(*state_.schema),
                                                      {initial_origin, 1}, {1, initial_origin});
        CHECK(state_.database.merge(delta) == crdt::Database::Merged::applied);
        Bytes bytes = delta.encode();
        const Ticket ticket = state_.append(RecordKind::delta, bytes);
        state_.wait_for_disk(ticket, delta.dot, std::move(bytes));
        identities_.observe(delta);
        ++state_.changes;
        return {};
    }

    // ---- events ----

    void step(const Input& input, Instant now, Outputs& out) {
        enter(now, out);
        std::visit([&](const auto& event) { on(event); }, input);
        leave();
    }

    Instant next_deadline() const { return deadline() - lead_; }  // by the clock of whoever waits for it

    Execution execute(std::uint64_t session, std::uint64_t number, const RunnablePtr& runnable,
                      std::span<const sql::Datum> parameters, exec::RowSink* sink, Instant now,
                      Outputs& out) {
        enter(now, out);
        auto done = sessions_.execute(session, number, runnable, parameters, sink);
        leave();
        return done;
    }
    Execution commit(std::uint64_t session, std::uint64_t number, Instant now, Outputs& out) {
        enter(now, out);
        auto done = sessions_.commit(session, number);
        leave();
        return done;
    }

    std::vector<PeerStatus> peers(Instant now) const {
        std::vector<PeerStatus> out;
        PeerStatus self;
        self.name = state_.options.name;
        self.id = state_.options.id;
        self.connected = self.self = self.voter = true;
        self.heard_micros = 0;
        self.version = state_.held;
        out.push_back(std::move(self));
        gossip_.fill(out, now);
        const auto primary = ordered_.primary_name();
        for (auto& peer : out) peer.primary = peer.name == primary;
        return out;
    }

    std::string describe() const {
        return state_.options.name + " holds " + state_.held.describe() + " primary " +
               ordered_.primary_name();
    }

    Overwritten overwritten_;
    State state_;
    IdentityValues identities_;
    Preparer preparer_;
    Gossip gossip_;
    Membership membership_;
    Ordered ordered_;
    MemberChanges changes_;
    Tentative tentative_;
    Sessions sessions_;
    StateTransfer transfer_;
    Intake intake_;
    Audit audit_;
    Standing standing_;
    Forgetting forgetting_;
    Checkpoint checkpoint_;

  private:
    void enter(Instant now, Outputs& out) {
        // Time does not go back inside a replica: when the clock is set back it goes on from where it was, at
        // three quarters of the pace until the clock has caught up.
        const Duration passed = now - read_at_;
        if (passed < Duration{})
            lead_.micros -= passed.micros;
        else if (passed > seconds(10))  // a jump: ticks come more often
            lead_.micros -= std::min(lead_.micros, passed.micros);
        else
            lead_.micros -= std::min(lead_.micros, passed.micros / 4);
        read_at_ = now;
        state_.now = now + lead_;
        state_.out = &out;
    }
    // Whatever has been merged during the step may let something else go on.
    void leave() {
        if (!started_) return;
        while (changes_told_ != state_.changes || ordered_.take_reads_settled()) {
            changes_told_ = state_.changes;
            intake_.merged();
            transfer_.merged();
            ordered_.merged();
            sessions_.merged();
        }
        if (!state_.state_wanted.empty()) {
            const std::string from = std::exchange(state_.state_wanted, {});
            if (gossip_.reachable(from)) transfer_.offered(from);
        }
        standing_.consider();
        forgetting_.consider();
        tentative_.work();
        sessions_.heard();
    }

    // What waited for its past goes on as if that had come now: it may have come while nothing was taken.
    void have_room() {
        ++state_.changes;
        gossip_.exchange_soon();
    }

    void on(const Tick&) {
        const bool busy = state_.large.busy();
        if (state_.large.work(state_.now)) {
            if (busy && !state_.large.busy()) ++state_.changes;  // the next one waits
            if (small_deadline() > state_.now) return;
        }
        if (ordered_.due()) {
            ordered_.gathered();
            if (deadline() > state_.now) return;
        }
        gossip_.tick();
        ordered_.tick();
        if (state_.belongs != State::Belongs::joined) membership_.update(ordered_.status());
        changes_.tick();
        sessions_.tick();
        transfer_.tick();
        audit_.tick();
        standing_.tick();
        forgetting_.tick();
        checkpoint_.consider();
        measure_memory();
    }
    Instant deadline() const { return std::min(small_deadline(), state_.large.next_deadline()); }
    Instant small_deadline() const {  // but for a delta that is merged in slices
        return std::min({ordered_.next_deadline(), gossip_.next_deadline(), sessions_.next_deadline()});
    }
    void measure_memory() {
        if (state_.options.memory_bytes_max == 0) return;
        state_.memory_bytes = state_.database.memory_bytes();
        // Some room is asked for before writes are taken again, so that it does not go to and fro.
        const std::uint64_t bound =
            state_.memory_full ? state_.options.memory_bytes_max / 100 * 98 : state_.options.memory_bytes_max;
        const bool full = state_.memory_bytes >= bound;
        if (full == std::exchange(state_.memory_full, full)) return;
        state_.notice(full ? Notice::Level::alarm : Notice::Level::info,
                      full ? "rows take all the memory they may use (--memory-bytes): writes are refused, "
                             "reads and DELETE go on"
                           : "there is memory for rows again");
        if (!full) have_room();
    }
    void on(const CheckpointReady& event) { checkpoint_.ready(event); }
    void on(const PeerUp& event) { gossip_.up(event.peer); }
    void on(const PeerDown& event) {
        gossip_.down(event.peer);
        ordered_.peer_changed();
    }
    void on(const CutLink& event) {
        gossip_.cut(event.peer, event.cut);
        ordered_.peer_changed();
    }
    void on(const LogSpace& event) {
        state_.log_free = event.free_bytes;
        if (std::exchange(state_.log_space, event.available) == event.available) return;
        state_.notice(event.available ? Notice::Level::info : Notice::Level::alarm,
                      event.available ? "the log's disk has room again"
                                      : "the log's disk is full: writes are refused, reads go on");
        if (event.available) have_room();
    }
    void on(const OpenSession& event) { sessions_.open(event.session); }
    void on(const CloseSession& event) { sessions_.close(event.session); }
    void on(const CancelRequest& event) { sessions_.cancel(event.session); }
    void on(const ChangeRequest& event) { changes_.ask(event.request); }

    void on(const Persisted& event) {
        state_.durable = std::max(state_.durable, event.ticket);
        bool grown = false;
        while (!state_.pending.empty() && state_.pending.front().ticket <= state_.durable) {
            auto& item = state_.pending.front();
            state_.held.set(item.dot.origin, item.dot.seq);
            state_.deltas.add(item.dot, std::move(item.bytes), item.ticket, state_.now);
            state_.pending.pop_front();
            grown = true;
        }
        while (!state_.pending_versions.empty() && state_.pending_versions.front().first <= state_.durable) {
            state_.held.merge(state_.pending_versions.front().second);
            state_.deltas.note_known(state_.pending_versions.front().second);
            state_.pending_versions.pop_front();
            grown = true;
        }
        transfer_.persisted();
        ordered_.persisted();
        if (grown) {
            ordered_.held_changed();
            gossip_.push();
            state_.deltas.bound(state_.options.kept_bytes_max);
        }
        sessions_.persisted();
        checkpoint_.consider();
    }

    void on(const FromPeer& event) {
        if (gossip_.is_cut(event.peer)) return;
        if (wants_whole(event.message)) state_.large.finish();
        if (const auto* hello = std::get_if<wire::Hello>(&event.message))
            membership_.greeted(event.peer, *hello);
        if (!gossip_.knows(event.peer)) {
            state_.out->push_back(Disconnect{event.peer, "it is no member"});
            return;
        }
        if (const auto* hello = std::get_if<wire::Hello>(&event.message)) {
            const auto greeted = gossip_.hello(event.peer, *hello);
            if (greeted == Gossip::Greeted::refused) return;
            if (greeted == Gossip::Greeted::replaced) ordered_.forget_member(event.peer);
            standing_.heard(event.peer, hello->known);
            return ordered_.peer_changed();
        }
        if (!gossip_.reachable(event.peer)) return;  // nothing counts before the greeting
        gossip_.heard(event.peer);
        if (const auto* have = std::get_if<wire::Have>(&event.message))
            have_from(event.peer, *have);
        else if (const auto* deltas = std::get_if<wire::Deltas>(&event.message))
            refuse_if(event.peer, intake_.receive(event.peer, *deltas));
        else if (const auto* order = std::get_if<wire::OrderMessage>(&event.message))
            ordered_.message(event.peer, *order);
        else if (const auto* forward = std::get_if<wire::Forward>(&event.message))
            ordered_.forward(event.peer, *forward);
        else if (const auto* forwarded = std::get_if<wire::Forwarded>(&event.message))
            ordered_.forwarded(event.peer, *forwarded);
        else if (const auto* change = std::get_if<wire::MemberRequest>(&event.message))
            changes_.request(event.peer, *change);
        else if (const auto* changed = std::get_if<wire::MemberAnswer>(&event.message))
            changes_.answer(event.peer, *changed);
        else if (const auto* request = std::get_if<wire::StateRequest>(&event.message))
            transfer_.request(event.peer, *request);
        else if (const auto* chunk = std::get_if<wire::StateChunk>(&event.message))
            refuse_if(event.peer,
                      gossip_.is_given_up(event.peer) ? Result<void>() : transfer_.chunk(event.peer, *chunk));
        else if (const auto* asked = std::get_if<wire::AuditRequest>(&event.message))
            audit_.request(event.peer, *asked);
        else if (const auto* wanted = std::get_if<wire::StableRequest>(&event.message))
            forgetting_.request(event.peer, *wanted);
        else if (const auto* known = std::get_if<wire::StableAnswer>(&event.message))
            known->farewell ? changes_.farewell(event.peer, *known) : forgetting_.answer(event.peer, *known);
        else if (const auto* answer = std::get_if<wire::AuditAnswer>(&event.message))
            refuse_if(event.peer, audit_.answer(event.peer, *answer));
    }

    // It may change who is listened to, or rows by another way than a delta, or say what is to come.
    static bool wants_whole(const wire::Message& message) {
        return std::holds_alternative<wire::Hello>(message) ||
               std::holds_alternative<wire::StateChunk>(message) ||
               std::holds_alternative<wire::AuditAnswer>(message) ||
               std::holds_alternative<wire::StableRequest>(message) ||
               std::holds_alternative<wire::StableAnswer>(message);
    }

    void have_from(const std::string& peer, const wire::Have& message) {
        gossip_.have(peer, message);
        audit_.have(peer, message);
        find_out(from_wire(message.version), peer);
        if (message.state_offered && !gossip_.is_given_up(peer) &&
            !state_.database.version().covers(from_wire(message.version)))
            transfer_.offered(peer);
    }

    // A peer knows more of this replica's past than it does itself. It must not give the same dots again, and
    // has forgotten promises that it made in the order.
    void find_out(const crdt::VersionVector& version, const std::string& peer) {
        if (version.get(state_.options.id) <= state_.own_seq || std::exchange(state_.outdated, true)) return;
        state_.passive = true;
        state_.notice(Notice::Level::alarm,
                      "peer " + peer +
                          " knows deltas of this node that this node does not know: the data "
                          "directory is an old copy; writes are refused");
    }

    void refuse_if(const std::string& peer, const Result<void>& done) {
        if (done) return;
        state_.notice(Notice::Level::alarm, "peer " + peer + ": " + done.error().message);
        state_.out->push_back(Disconnect{peer, done.error().message});
    }

    bool recovered_ = false;
    bool started_ = false;
    Instant read_at_;  // the clock, the last time
    Duration lead_;    // of the replica's time over the clock, after that was set back
    std::uint64_t changes_told_ = 0;
};

Replica::Replica(catalog::SchemaPtr schema, catalog::Plan plan, const Options& options, Random random,
                 StatementAnalyst* analyst, const exec::VirtualTables* outside)
    : impl_(std::make_unique<Impl>(std::move(schema), std::move(plan), options, random, analyst, outside)) {}
Replica::~Replica() = default;
Result<void> Replica::recover_checkpoint(BytesView part) {
    return impl_->recover_checkpoint(part);
}
Result<void> Replica::recover(Ticket ticket, BytesView record) {
    return impl_->recover(ticket, record);
}
Result<void> Replica::start(Instant now, Outputs& out) {
    return impl_->start(now, out);
}
void Replica::step(const Input& input, Instant now, Outputs& out) {
    impl_->step(input, now, out);
}
Instant Replica::next_deadline() const {
    return impl_->next_deadline();
}
Result<RunnablePtr> Replica::prepare(std::string_view text, std::span<const sql::Type> types) {
    return impl_->preparer_.prepare(text, types);
}
Execution Replica::execute(std::uint64_t session, std::uint64_t number, const RunnablePtr& runnable,
                           std::span<const sql::Datum> parameters, exec::RowSink* sink, Instant now,
                           Outputs& out) {
    return impl_->execute(session, number, runnable, parameters, sink, now, out);
}
Result<void> Replica::begin(std::uint64_t session) {
    return impl_->sessions_.begin(session);
}
Execution Replica::commit(std::uint64_t session, std::uint64_t number, Instant now, Outputs& out) {
    return impl_->commit(session, number, now, out);
}
void Replica::rollback(std::uint64_t session) {
    impl_->sessions_.rollback(session);
}
void Replica::fail_block(std::uint64_t session) {
    impl_->sessions_.fail_block(session);
}
Result<void> Replica::savepoint(std::uint64_t session, SavepointCommand command, const std::string& name) {
    return impl_->sessions_.savepoint(session, command, name);
}
Block Replica::block(std::uint64_t session) const {
    return impl_->sessions_.block(session);
}
Result<void> Replica::set(std::uint64_t session, std::string_view name, std::string_view value) {
    return impl_->sessions_.set(session, name, value);
}
void Replica::set_cancelled(const bool* flag) {
    impl_->sessions_.set_cancelled(flag);
}
std::optional<std::string> Replica::setting(std::uint64_t session, std::string_view name) const {
    return impl_->sessions_.setting(session, name);
}
const crdt::Database& Replica::database() const {
    return impl_->state_.database;
}
std::vector<Replica::PeerStatus> Replica::peers(Instant now) const {
    return impl_->peers(now);
}
std::vector<Replica::MemberStatus> Replica::members() const {
    return impl_->changes_.members();
}
std::vector<Replica::TicketStatus> Replica::tickets() const {
    return impl_->tentative_.tickets();
}
std::string Replica::survives() const {
    return impl_->changes_.survives();
}
std::optional<Result<std::string>> Replica::change_outcome(std::uint64_t number) const {
    return impl_->changes_.outcome(number);
}
order::Status Replica::order_status() const {
    return impl_->ordered_.status();
}
const order::Entry* Replica::order_entry(order::Index index) const {
    return impl_->ordered_.entry(index);
}
const Replica::OrderWork& Replica::order_work() const {
    return impl_->ordered_.order_work();
}
Replica::CheckpointStatus Replica::checkpoint_status() const {
    return impl_->checkpoint_.status();
}
const Traffic& Replica::traffic() const {
    return impl_->intake_.traffic();
}
const Overwritten& Replica::overwritten() const {
    return impl_->overwritten_;
}
const Options& Replica::options() const {
    return impl_->state_.options;
}
const catalog::Plan& Replica::plan() const {
    return impl_->state_.plan;
}
std::string Replica::under_way() const {
    const std::string transfer = impl_->transfer_.describe();
    if (!transfer.empty()) return transfer;
    switch (impl_->state_.belongs) {
        case State::Belongs::waiting:
            return "it waits to be let in: anabranch admin add at a member";
        case State::Belongs::removed:
            return "it has been removed from the cluster";
        case State::Belongs::joined:
            break;
    }
    if (impl_->state_.joined_at > impl_->state_.database.version().get(ORDER_ORIGIN))
        return "it fetches what was committed before it joined";
    return impl_->standing_.describe();
}
bool Replica::is_settled() const {
    return impl_->state_.settled;
}
bool Replica::is_member() const {
    const auto& state = impl_->state_;
    return state.belongs == State::Belongs::joined &&
           state.joined_at <= state.database.version().get(ORDER_ORIGIN);
}
std::string Replica::not_ready() const {
    const auto& state = impl_->state_;
    if (state.importing) return impl_->transfer_.describe();
    if (!is_member()) return under_way();
    if (state.outdated) return "the data directory is an old copy: writes are refused";
    if (!state.settled) return under_way();
    if (!state.log_space) return "the log's disk is full: writes are refused";
    if (state.memory_full) return "rows take all the memory they may: writes are refused";
    return {};
}
std::string Replica::describe() const {
    return impl_->describe();
}

}  // namespace anabranch::replica
