#include "node/replica/standing.h"

#include <algorithm>

namespace anabranch::replica {

Bytes Standing::record() const {
    Bytes out;
    ByteWriter writer(out);
    writer.u64(state_.options.id.value);
    writer.u8(static_cast<std::uint8_t>(kind_));
    if (kind_ == Kind::returning)
        for (const auto n :
             {state_.promises->epoch, state_.promises->last_epoch, state_.promises->last_index})
            writer.varint(n);
    return out;
}

Result<void> Standing::recover(BytesView body) {
    ByteReader reader(body);
    const ReplicaId id{reader.u64()};
    // The cluster began here; what the log tells of peers before it is of another one.
    if (state_.options.founded && recorded_for_.value != 0 && recorded_for_ != id && id == state_.options.id)
        gossip_.forget_ids();
    recorded_for_ = id;
    const std::uint8_t kind = reader.u8();
    state_.promises.reset();
    if (kind == static_cast<std::uint8_t>(Kind::returning)) {
        order::Promises& promises = state_.promises.emplace();
        for (auto* n : {&promises.epoch, &promises.last_epoch, &promises.last_index}) *n = reader.varint();
    }
    if (!reader.complete() || kind == 0 || kind > static_cast<std::uint8_t>(Kind::settled))
        return fail(sqlstate::io_error, "log: bad record of the standing in the order");
    kind_ = static_cast<Kind>(kind);
    if (id != state_.options.id) state_.promises.reset();
    return {};
}

void Standing::start() {
    const bool other = kind_ != Kind::unknown && recorded_for_ != state_.options.id;
    if ((kind_ == Kind::unknown || (other && never_had_others())) && is_alone()) {
        kind_ = Kind::unknown;
        become(Kind::settled);
    } else if (kind_ == Kind::unknown) {
        become(Kind::unsure);
    } else if (other) {
        begin_again();
    }
    if (state_.options.unsafe.keep_promises) kind_ = Kind::settled;
    show();
    // By an old list it may be the only voter, which would need nobody's vote.
    if (state_.passive) ordered_.ask_for_promises();
}

void Standing::show() {
    state_.passive = !takes_part();
    state_.settled = kind_ == Kind::settled || !state_.database.forgets();
}

// With the directory of another replica id.
void Standing::begin_again() {
    if (!state_.options.founded) return become(Kind::reborn);
    gossip_.forget_ids();
    kind_ = Kind::unknown;
    become(Kind::unsure);
}

void Standing::image(FunctionRef<void(RecordKind, BytesView)> put) const {
    put(RecordKind::standing, record());
}

void Standing::become(Kind kind) {
    if (kind_ == kind) return;
    kind_ = kind;
    show();
    kept_ = state_.append(RecordKind::standing, record());
    if (kind == Kind::member) ordered_.trust();
    if (kind == Kind::reborn)
        state_.notice(
            Notice::Level::warning,
            "this node had another data directory before: until it has caught up it takes no part in "
            "the order");
}

void Standing::heard(const std::string& peer, ReplicaId known) {
    if (kind_ != Kind::unsure) return;
    if (known.value != 0 && known != state_.options.id) return become(Kind::reborn);
    strangers_.insert(peer);
}

bool Standing::is_alone() const {
    return state_.belongs == State::Belongs::joined &&
           std::none_of(state_.contacts.begin(), state_.contacts.end(),
                        [](const Contact& other) { return other.voter && !other.former; });
}

// What was cut off from the log of a salvaged directory may have let others in.
bool Standing::never_had_others() const {
    return state_.options.founded || (state_.roster.former.empty() && state_.options.peers.empty());
}

// One that joins is asked about once it knows who the voters are.
bool Standing::is_stranger() const {
    if (state_.belongs != State::Belongs::joined) return false;
    std::size_t voters = 1, heard = 0;
    for (const auto& other : state_.contacts) {
        if (!other.voter || other.former) continue;
        ++voters;
        heard += strangers_.contains(other.name) ? 1 : 0;
    }
    const std::size_t majority = voters / 2 + 1;
    return heard >= voters - majority + 1 || heard + 1 == voters;
}

void Standing::consider() {
    if (kind_ == Kind::unsure && is_stranger()) become(Kind::member);
    if (kind_ == Kind::reborn && state_.promises) become(Kind::returning);
    if ((kind_ == Kind::returning && ordered_.caught_up()) || (kind_ == Kind::reborn && ordered_.fenced())) {
        state_.promises.reset();
        begin_to_settle();
        state_.notice(Notice::Level::info, "this node has caught up and takes part in the order again");
    }
    if (kind_ == Kind::settled && state_.belongs == State::Belongs::removed) begin_to_settle();
    if (kind_ != Kind::member || state_.settled || state_.belongs != State::Belongs::joined) return;
    // A primary that may execute holds all that is in the order: it needs no entry of its own.
    if (ordered_.holds_all() || ordered_.fenced()) become(Kind::settled);
}

// By an entry that is made for it from now on.
void Standing::begin_to_settle() {
    ordered_.forget_fence();
    become(Kind::member);
}

void Standing::tick() {
    const bool reborn = kind_ == Kind::reborn;
    const bool settles = kind_ == Kind::member && !state_.settled && state_.belongs == State::Belongs::joined;
    const Duration pause = reborn ? seconds(1) : state_.options.gossip_interval;
    if (!(reborn || settles) || state_.now - asked_at_ < pause) return;
    asked_at_ = state_.now;
    ordered_.ask_fence();
    if (reborn) ordered_.ask_for_promises();
}

std::string Standing::describe() const {
    if (kind_ == Kind::unsure) return "it waits for its peers before it takes part in the order";
    if (kind_ == Kind::reborn)
        return "it lost its data directory and takes no part in the order yet: it waits for a majority of "
               "the voters without it, or for all others to answer";
    if (kind_ == Kind::returning) return "it lost its data directory and has not caught up yet";
    if (!state_.settled && state_.belongs == State::Belongs::joined)
        return "its data directory is new: it takes no writes before the order has been heard";
    if (kept_ > state_.durable)
        return "what it may do in the order is not on its disk yet: after a crash it begins anew to find out";
    return {};
}

}  // namespace anabranch::replica
