#include "node/replica/intake.h"

#include <utility>

namespace anabranch::replica {

namespace {
std::string name_of(Dot dot) {
    return "delta " + std::to_string(dot.seq) + " of origin " + hex(dot.origin.value);
}
}  // namespace

Result<void> Intake::receive(const std::string& peer, const wire::Deltas& message) {
    if (!state_.takes_deltas()) return {};  // the peer will offer them again
    if (gossip_.is_given_up(peer)) return {};
    for (const auto& bytes : message.deltas) {
        ++traffic_.deltas_received;
        const auto known = dot_of(bytes);
        if (known && (state_.database.version().contains(*known) || waiting_.contains(*known) ||
                      state_.large.has(*known))) {
            gossip_.delivered(peer, *known, false);
            continue;
        }
        if (bytes.size() > state_.log_free) break;  // it would have to be kept in memory until there is room
        if (state_.is_large(bytes)) {
            TRY_VOID(receive_large(peer, bytes));
            continue;
        }
        auto decoded = decode_delta(bytes);
        if (!decoded) return fail(sqlstate::protocol_violation, "bad delta: " + decoded.error().message);
        const Dot dot = decoded->delta.dot;
        TRY_VOID(check_origin(*decoded));
        const auto merged = merge(*decoded, bytes);
        // Only then is it looked at twice whether it fits the schema.
        if (merged != crdt::Database::Merged::applied)
            if (auto fits = state_.database.check(decoded->delta); !fits)
                return fail(sqlstate::protocol_violation,
                            "bad " + name_of(dot) + ": " + fits.error().message);
        gossip_.delivered(peer, dot, true);
        if (merged != crdt::Database::Merged::applied) wait(peer, std::move(*decoded), bytes);
    }
    gossip_.hurry();
    return {};
}

Result<void> Intake::receive_large(const std::string& peer, const Bytes& bytes) {
    auto job = LargeMerge::open(bytes);
    if (!job) return fail(sqlstate::protocol_violation, "bad delta: " + job.error().message);
    TRY_VOID(check_origin(job->decoded));
    const crdt::Delta& head = job->decoded.delta;
    if (auto fits = state_.database.check(head); !fits)
        return fail(sqlstate::protocol_violation, "bad " + name_of(head.dot) + ": " + fits.error().message);
    gossip_.delivered(peer, head.dot, true);
    if (state_.large.busy() || !state_.database.follows(head))
        wait(peer, std::move(job->decoded), bytes);
    else
        begin_large(source_of(peer), std::move(*job));
    return {};
}

void Intake::begin_large(const Source& source, LargeMerge::Job job) {
    job.row = [this](const crdt::RowDelta& row) { identities_.observe(row); };
    job.wanted = [this, source] { return state_.takes_deltas() && still_wanted(source); };
    job.merged = [this](LargeMerge::Job& done) {
        state_.forgetting.note_rows(done.decoded.delta);
        merged(done.decoded.delta, std::move(done.decoded.outcomes), *done.bytes);
    };
    job.refused = [this, source](const Error& error) {
        state_.notice(Notice::Level::alarm, "peer " + source.peer + ": bad delta: " + error.message);
        state_.out->push_back(Disconnect{source.peer, "bad delta: " + error.message});
    };
    state_.large.begin(std::move(job), state_.now);
}

Result<void> Intake::check_origin(const DecodedDelta& decoded) {
    const crdt::Delta& delta = decoded.delta;
    const auto refuse = [](const std::string& why) { return fail(sqlstate::protocol_violation, why); };
    if (delta.dot.origin != ORDER_ORIGIN && !decoded.outcomes.empty())
        return refuse("bad delta: only the order has outcomes");
    if (delta.schema_hash != state_.schema->hash)
        return refuse(name_of(delta.dot) + " belongs to another schema");
    if (delta.dot.origin == state_.options.id)
        return refuse(
            "it knows deltas of this node that this node does not: the data directory is an old copy; start "
            "it anew with an empty one");
    if (!state_.clock.observe(delta.stamp.hlc, state_.now, state_.options.clock_ahead_max))
        return refuse(name_of(delta.dot) + " is stamped too far in the future: set the clocks right");
    return {};
}

crdt::Database::Merged Intake::merge(DecodedDelta& decoded, BytesView bytes) {
    crdt::Delta& delta = decoded.delta;
    if (state_.options.unsafe.arrival_order) delta.stamp.hlc = state_.clock.tick(state_.now);
    if (state_.options.unsafe.ignore_causality) pretend_complete(delta);
    const auto merged = state_.merge(delta);
    if (merged != crdt::Database::Merged::applied) return merged;
    identities_.observe(delta);
    state_.forgetting.note(delta);
    this->merged(delta, std::move(decoded.outcomes), bytes);
    return merged;
}

// Now it belongs to the log.
void Intake::merged(const crdt::Delta& delta, std::vector<Outcomes::Outcome> outcomes, BytesView bytes) {
    state_.outcomes.note(delta.dot.seq, std::move(outcomes));
    const Ticket ticket = state_.append(RecordKind::delta, bytes);
    state_.wait_for_disk(ticket, delta.dot, Bytes(bytes));
    ++state_.changes;
    ++traffic_.deltas_merged;
    traffic_.age.add(state_.now - crdt::HybridClock::to_instant(delta.stamp.hlc));
}

void Intake::wait(const std::string& peer, DecodedDelta decoded, BytesView bytes) {
    // What a state that is being fetched will bring has nothing to wait for; another large one has.
    if (waiting_bytes_ + bytes.size() > state_.options.waiting_bytes_max ||
        (!state_.large.busy() && state_.database.version().covers(decoded.delta.dependencies))) {
        ++traffic_.deltas_dropped;
        return;
    }
    ++traffic_.deltas_waited;
    waiting_bytes_ += bytes.size();
    const Dot dot = decoded.delta.dot;
    waiting_.emplace(dot, Waiting{source_of(peer), std::move(decoded), Bytes(bytes)});
}

// It comes again from others that hold it. What only a directory had that was replaced or given up is not
// taken after it was: forgetting.h counts on that.
bool Intake::still_wanted(const Source& source) const {
    return gossip_.knows(source.peer) && !gossip_.is_given_up(source.peer) &&
           gossip_.newest_id_of(source.peer) == source.directory;
}

// Of one origin only the next one can be ready.
void Intake::merged() {
    if (!state_.takes_deltas()) return;
    for (bool more = !waiting_.empty(); std::exchange(more, false);) {
        for (auto at = waiting_.begin(); at != waiting_.end();) {
            const Dot dot = at->first;
            const auto& version = state_.database.version();
            const bool known = version.contains(dot), large = state_.is_large(at->second.bytes);
            if (!known &&
                (!version.covers(at->second.decoded.delta.dependencies) || (large && state_.large.busy()))) {
                at = waiting_.upper_bound({dot.origin, UINT64_MAX});
                continue;
            }
            Waiting ready = std::move(at->second);
            waiting_bytes_ -= ready.bytes.size();
            at = waiting_.erase(at);
            if (known || !still_wanted(ready.source)) continue;
            if (large)
                begin_large(ready.source, std::move(*LargeMerge::open(ready.bytes)));
            else if (merge(ready.decoded, ready.bytes) == crdt::Database::Merged::applied)
                more = true;
        }
    }
}

// For Options::unsafe only.
void Intake::pretend_complete(crdt::Delta& delta) const {
    crdt::VersionVector here;
    for (const auto& entry : delta.dependencies.entries())
        if (entry.origin == delta.dot.origin || state_.database.version().get(entry.origin) >= entry.seq)
            here.set(entry.origin, entry.seq);
    delta.dependencies = here;
}

}  // namespace anabranch::replica
