#include "node/replica/forgetting.h"

#include <algorithm>
#include <utility>

namespace anabranch::replica {

namespace {

constexpr std::size_t rows_max = 10'000;  // that one entry relieves of their past, about: it is one step
constexpr Duration answer_patience = seconds(1);  // for an answer, before it is asked again
constexpr Duration round_patience = seconds(5);   // for all answers of one round

}  // namespace

// ---- log ----

Result<void> Forgetting::recover(BytesView body) {
    ByteReader reader(body);
    const std::uint64_t until = reader.u64();
    if (reader.left() > 0) reader.u8();  // older versions told something more
    if (!reader.complete()) return fail(sqlstate::io_error, "log: bad record of what is forgotten");
    if (until > state_.database.forgotten()) state_.database.set_forgotten(until);
    return {};
}

// Only here, where all rows that follow are so already. In the log the entries themselves say it, each in its
// place: before an entry is read again its rows are as they were.
void Forgetting::image(FunctionRef<void(RecordKind, BytesView)> put) const {
    Bytes out;
    ByteWriter(out).u64(state_.database.forgotten());
    put(RecordKind::forgotten, out);
}

// ---- members ----

void Forgetting::request(const std::string& peer, const wire::StableRequest& message) {
    asked_[peer] = message;
    consider();
}

bool Forgetting::may_answer(const wire::StableRequest& message) const {
    if (state_.outdated) return false;
    // That it commits nothing more is to be known here for good, and nothing that it has committed be lost.
    if (message.farewell)
        return state_.belongs == State::Belongs::removed && !state_.settled && state_.pending.empty();
    return !state_.importing && gossip_.remembers_ids() && state_.held.covers(from_wire(message.wanted)) &&
           members().hash == message.members;
}

bool Forgetting::answer_now(const std::string& peer, const wire::StableRequest& message) const {
    if (!may_answer(message)) return false;
    const Ticket after = message.farewell ? state_.newest_ticket() : 0;
    state_.out->push_back(
        Send{peer, wire::StableAnswer{message.round, to_wire(state_.database.version()), message.farewell},
             after});
    return true;
}

// ---- the primary ----

Forgetting::Members Forgetting::members() const {
    Members out;
    out.all = true;
    std::map<std::string, ReplicaId> directories{{state_.options.name, state_.options.id}};
    for (const auto& contact : state_.contacts) {
        if (contact.former) {
            out.all = out.all && contact.past != Roster::Former::Past::open;
            continue;
        }
        out.others.push_back(contact.name);
        directories[contact.name] = gossip_.newest_id_of(contact.name);
    }
    Bytes all;
    ByteWriter writer(all);
    writer.u64(hash_of(state_.roster));
    for (const auto& [name, id] : directories) {
        writer.sized(name);
        writer.u64(id.value);
    }
    out.hash = hash64(all);
    return out;
}

bool Forgetting::valid() const {
    return ordered_.is_primary() && ordered_.epoch() == round_->epoch && !state_.forgetting.spoiled &&
           !state_.importing && state_.now < round_->deadline && members() == round_->members;
}

void Forgetting::start() {
    if (!state_.options.forget_deleted || !ordered_.may_forget() || state_.importing || !state_.settled ||
        !gossip_.remembers_ids())
        return;
    const std::uint64_t until = state_.database.forgettable(rows_max);
    if (until <= state_.database.forgotten()) return;
    Members asked = members();
    const auto reachable = [&](const std::string& name) { return gossip_.reachable(name); };
    if (!asked.all || !std::all_of(asked.others.begin(), asked.others.end(), reachable)) return;
    state_.forgetting = {until, ordered_.version_ahead(), false};
    if (state_.options.unsafe.forget_early) return ordered_.forget({until, {}}, [] { return true; });
    round_.emplace();
    round_->number = state_.random.next();
    round_->epoch = ordered_.epoch();
    round_->members = std::move(asked);
    round_->wanted = state_.forgetting.base;
    ask(true);
    consider();
}

void Forgetting::ask(bool all) {
    round_->asked_at = state_.now;
    if (all) round_->deadline = state_.now + round_patience;
    const wire::StableRequest request{round_->number, to_wire(round_->wanted), round_->members.hash, false};
    for (const auto& name : round_->members.others)
        if (!round_->answers.contains(name)) state_.out->push_back(Send{name, request, 0});
}

void Forgetting::answer(const std::string& peer, const wire::StableAnswer& message) {
    if (!round_ || message.round != round_->number) return;
    round_->answers[peer] = from_wire(message.version);
    consider();
}

void Forgetting::consider() {
    std::erase_if(asked_, [&](const auto& item) { return answer_now(item.first, item.second); });
    while (round_) {
        if (!valid()) return end(answer_patience);
        if (round_->answers.size() < round_->members.others.size() || !state_.held.covers(round_->wanted))
            return;
        advance();
    }
}

void Forgetting::advance() {
    Round& round = *round_;
    if (round.stage > rounds) {
        ordered_.forget({state_.forgetting.until, std::move(round.agreed)},
                        [this, asked = round.members] { return members() == asked; });
        return end(state_.options.gossip_interval);
    }
    crdt::VersionVector all = ordered_.version_ahead();
    for (const auto& [name, version] : round.answers) all.merge(version);
    // The last answers are waited for only here: the entry's past is to hold them.
    if (++round.stage > rounds) {
        round.agreed = std::exchange(round.wanted, std::move(all));
        return;
    }
    round.number = state_.random.next();
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
    if (round_ && state_.now - round_->asked_at >= answer_patience) return ask(false);
    if (round_ || state_.now < next_) return;
    next_ = state_.now + state_.options.gossip_interval;
    start();
}

}  // namespace anabranch::replica
