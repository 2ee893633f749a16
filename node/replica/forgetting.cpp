#include "node/replica/forgetting.h"

#include <utility>

#include "node/replica/refusal.h"

namespace anabranch::replica {

namespace {

constexpr std::size_t rows_max = 10'000;       // that one entry relieves of their past, about: it is one step
constexpr Duration patience = seconds(1);      // for an answer, before it is asked again
constexpr Duration patience_max = seconds(5);  // for all answers of one round

Bytes record(const State& state) {
    Bytes out;
    ByteWriter writer(out);
    writer.u64(state.database.forgotten());
    writer.u8(state.suspect ? 1 : 0);
    return out;
}

// The dependencies of a delta that is here, as far as it is still known.
std::optional<crdt::VersionVector> dependencies_of(const State& state, Dot dot) {
    const auto of = [](BytesView bytes) -> std::optional<crdt::VersionVector> {
        auto decoded = decode_delta(bytes);
        if (!decoded) return {};
        return std::move(decoded->delta.dependencies);
    };
    for (const auto& item : state.pending)
        if (item.dot == dot) return of(item.bytes);
    for (auto at = state.deltas.first(); at < state.deltas.end(); ++at)
        if (state.deltas.at(at).dot == dot) return of(*state.deltas.at(at).bytes);
    return {};
}

// Of one origin the first one tells for all that follow it.
bool knows_stragglers(const State& state, const crdt::Delta& delta) {
    for (const auto& entry : state.database.version().entries()) {
        const std::uint64_t known = delta.dependencies.get(entry.origin);
        if (entry.origin == ORDER_ORIGIN || entry.seq <= known) continue;
        const auto past = dependencies_of(state, {entry.origin, known + 1});
        if (!past || !past->covers(delta.forget.agreed)) return true;
    }
    return false;
}

}  // namespace

void set_suspect(State& state, bool suspect) {
    state.suspect_since = state.now;
    if (std::exchange(state.suspect, suspect) == suspect) return;
    state.append(RecordKind::forgotten, record(state), true);
}

void note_forgotten(State& state, const crdt::Delta& delta) {
    if (delta.forget.until == 0 || state.options.unsafe.forget_early || !knows_stragglers(state, delta))
        return;
    state.notice(Notice::Level::info,
                 "deleted rows were forgotten at CSN " + std::to_string(delta.dot.seq) +
                     " by an entry that did not know all that this node knows: it compares its rows");
    set_suspect(state, true);
}

// ---- log ----

Result<void> Forgetting::recover(BytesView body) {
    ByteReader reader(body);
    const std::uint64_t until = reader.u64();
    const std::uint8_t suspect = reader.u8();
    if (!reader.complete() || suspect > 1)
        return fail(sqlstate::io_error, "log: bad record of what is forgotten");
    if (until > state_.database.forgotten()) state_.database.set_forgotten(until);
    state_.suspect = suspect == 1;
    return {};
}

void Forgetting::image(FunctionRef<void(RecordKind, BytesView)> put) const {
    put(RecordKind::forgotten, record(state_));
}

// ---- members ----

void Forgetting::request(const std::string& peer, const wire::StableRequest& message) {
    asked_[peer] = message;
    consider();
}

// ---- the primary ----

std::vector<std::pair<std::string, ReplicaId>> Forgetting::others() const {
    std::vector<std::pair<std::string, ReplicaId>> out;
    for (const auto& contact : state_.contacts)
        if (!contact.former) out.emplace_back(contact.name, gossip_.id_of(contact.name));
    return out;
}

bool Forgetting::valid() const {
    return ordered_.is_primary() && ordered_.epoch() == round_->epoch && !state_.forgetting.spoiled &&
           !state_.importing && state_.now < round_->deadline && others() == round_->members;
}

void Forgetting::start() {
    if (!state_.options.forget_deleted || !ordered_.may_forget() || state_.importing || state_.suspect)
        return;
    const std::uint64_t until = state_.database.forgettable(rows_max);
    if (until <= state_.database.forgotten()) return;
    for (const auto& [name, id] : others())
        if (!gossip_.reachable(name)) return;
    state_.forgetting = {until, ordered_.version_ahead(), false};
    if (state_.options.unsafe.forget_early) return ordered_.forget({until, {}});
    round_.emplace();
    round_->number = state_.random.next();
    round_->epoch = ordered_.epoch();
    round_->members = others();
    round_->wanted = state_.forgetting.base;
    ask(true);
    consider();
}

void Forgetting::ask(bool all) {
    round_->asked_at = state_.now;
    if (all) round_->deadline = state_.now + patience_max;
    wire::StableRequest request{round_->number, to_wire(round_->wanted)};
    for (const auto& [name, id] : round_->members)
        if (!round_->answers.contains(name)) state_.out->push_back(Send{name, request, 0});
}

void Forgetting::answer(const std::string& peer, const wire::StableAnswer& message) {
    if (!round_ || message.round != round_->number) return;
    round_->answers[peer] = from_wire(message.version);
    consider();
}

void Forgetting::consider() {
    for (auto at = asked_.begin(); at != asked_.end();) {
        const bool holds = state_.held.covers(from_wire(at->second.wanted));
        if (!holds || state_.importing || state_.outdated) {
            ++at;
            continue;
        }
        state_.out->push_back(
            Send{at->first, wire::StableAnswer{at->second.round, to_wire(state_.database.version())}, 0});
        at = asked_.erase(at);
    }
    while (round_) {
        if (!valid()) return end(patience);
        if (round_->answers.size() < round_->members.size() || !state_.held.covers(round_->wanted)) return;
        advance();
    }
}

void Forgetting::advance() {
    Round& round = *round_;
    if (round.stage > rounds) {
        ordered_.forget({state_.forgetting.until, std::move(round.agreed)});
        return end(state_.options.gossip_interval);
    }
    crdt::VersionVector all = ordered_.version_ahead();
    for (const auto& [name, version] : round.answers) all.merge(version);
    // The last answers are waited for only here: the entry's past is to hold them.
    if (++round.stage > rounds) {
        round.agreed = std::exchange(round.wanted, std::move(all));
        return;
    }
    ++round.number;
    round.wanted = std::move(all);
    round.answers.clear();
    ask(true);
}

void Forgetting::end(Duration pause) {
    round_.reset();
    next_ = state_.now + pause;
}

void Forgetting::tick() {
    consider();
    if (round_ && state_.now - round_->asked_at >= patience) return ask(false);
    if (round_ || state_.now < next_) return;
    next_ = state_.now + state_.options.gossip_interval;
    start();
}

}  // namespace anabranch::replica
