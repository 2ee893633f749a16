#include "node/replica/state_transfer.h"

#include <algorithm>
#include <utility>

namespace anabranch::replica {

namespace {
constexpr Duration patience = seconds(1);        // for the next chunk
constexpr Duration patience_first = seconds(3);  // for the first one
constexpr Duration patience_stuck = seconds(3);  // until what nobody has is given up
}  // namespace

StateTransfer::StateTransfer(State& state, Gossip& gossip, IdentityValues& identities)
    : state_(state), gossip_(gossip), identities_(identities) {}

// ---- source ----

// Also while a state is fetched here: replicas that ran apart for long lack each other's deltas and ask each
// other, in a circle perhaps. What a chunk may show includes what was shown here. But what nobody may have
// whole is not handed on, lest all replicas come to show parts of it.
void StateTransfer::request(const std::string& peer, const wire::StateRequest& message) {
    // The first chunk is as of now: what has been forgotten is part of that, and it leaves when that is
    // durable.
    const bool first = message.version.empty();
    const auto version = first ? state_.database.version() : from_wire(message.version);
    if ((!first && !state_.held.covers(version)) || message.table >= state_.schema->tables.size()) return;
    if (state_.database.crossing() == Crossing::behind || (state_.importing && is_lost(shown_))) return;
    auto exported = state_.database.export_chunk({message.table}, message.from, state_.options.slice_bytes);
    wire::StateChunk answer;
    answer.version = to_wire(version);
    auto shown = state_.database.version();
    shown.merge(shown_);
    answer.shown = to_wire(shown);
    answer.table = answer.next_table = message.table;
    answer.from = message.from;
    answer.chunk = std::move(exported.bytes);
    answer.next_from = std::move(exported.next_key);
    if (exported.last) {
        ++answer.next_table;
        answer.next_from.clear();
    }
    if (answer.next_table == state_.schema->tables.size()) {
        ByteWriter writer(answer.identities);
        identities_.encode(writer);
        state_.outcomes.encode(writer);
    }
    const Ticket after = state_.pending.empty() ? 0 : state_.pending.back().ticket;
    state_.out->push_back(Send{peer, std::move(answer), after});
}

void StateTransfer::give_up() {
    asking_ = false;
    // What an earlier transfer has shown is still to come.
    state_.importing = state_.import_complete = !shown_.empty();
    merged();
}

// ---- receiver ----

void StateTransfer::offered(const std::string& peer) {
    if ((state_.importing && !state_.import_complete) || !state_.log_space) return;
    state_.importing = true;
    state_.import_complete = false;
    state_.notice(Notice::Level::info,
                  "this node lacks deltas that its peers no longer keep: it fetches the state of " + peer);
    peer_ = peer;
    version_ = {};
    again_ = false;
    table_ = 0;
    from_.clear();
    stored_ = 0;
    bytes_ = 0;
    state_.starting_over = false;
    ask();
}

void StateTransfer::ask() {
    asking_ = true;
    asked_at_ = state_.now;
    auto request =
        awaits_first() ? wire::StateRequest() : wire::StateRequest{to_wire(version_), table_, from_};
    state_.out->push_back(Send{peer_, std::move(request), 0});
}

Result<void> StateTransfer::chunk(const std::string& peer, const wire::StateChunk& message) {
    const auto version = from_wire(message.version);
    const auto shown = from_wire(message.shown);
    const bool next = awaits_first() ? message.table == 0 && message.from.empty()
                                     : !state_.import_complete && message.table == table_ &&
                                           message.from == from_ && (version_.empty() || version == version_);
    if (!state_.importing || !asking_ || !state_.log_space || !next || version.empty()) return {};
    const std::uint64_t forgotten = crdt::Database::forgotten_of(message.chunk);
    if (state_.starting_over &&
        (!shown.covers(state_.database.version()) || forgotten < state_.database.forgotten()))
        return {};
    if (version.get(state_.options.id) > state_.own_seq)
        return fail(
            sqlstate::protocol_violation,
            "it knows deltas of this node that this node does not: the data directory is an old copy; "
            "start it anew with an empty one");
    if (!awaits_first() && !version_.empty() && forgotten != forgotten_) return begin_again(peer);
    if (state_.starting_over && awaits_first()) {
        shown_anew_.emplace();
        state_.import_complete = false;
        bytes_ = 0;
    }
    again_ = false;
    forgotten_ = forgotten;
    version_ = version;
    shown_.merge(shown);
    if (shown_anew_) shown_anew_->merge(shown);
    const bool last = !message.identities.empty();
    TRY_VOID(join(message.chunk, last, message.identities));
    peer_ = peer;
    asking_ = false;
    table_ = message.next_table;
    from_ = message.next_from;
    bytes_ += message.chunk.size();
    stored_ = state_.append(RecordKind::state, record(message));
    if (!last) return {};
    all_rows_replaced();
    state_.pending_versions.emplace_back(stored_, version_);
    state_.notice(Notice::Level::info,
                  "the state of " + peer + " is here, " + std::to_string(bytes_) + " bytes in all");
    merged();
    return {};
}

Result<void> StateTransfer::begin_again(const std::string& peer) {
    state_.notice(Notice::Level::info,
                  "rows were forgotten while the state of " + peer + " came in: it is fetched again");
    again_ = true;
    shown_anew_.reset();
    ask();
    return {};
}

// Also when a record is read back.
Result<void> StateTransfer::join(BytesView chunk, bool last, BytesView identities) {
    if (!chunk.empty())
        TRY_VOID(shown_anew_ ? state_.database.reimport_chunk(chunk, version_)
                             : state_.database.import_chunk(chunk, version_));
    state_.importing = state_.forgetting.spoiled = true;
    if (!last) return {};
    ByteReader reader(identities);
    if (!identities_.observe(reader) || !state_.outcomes.merge(reader) || !reader.complete())
        return fail(sqlstate::protocol_violation, "malformed identity values or outcomes behind a state");
    state_.database.set_version(version_);
    state_.clock.restore(std::max(state_.clock.last(), state_.database.greatest_hlc()));
    state_.import_complete = true;
    ++state_.changes;
    return {};
}

// What the former rows may have shown is gone.
void StateTransfer::all_rows_replaced() {
    if (!shown_anew_) return;
    shown_ = std::move(*shown_anew_);
    shown_anew_.reset();
    state_.starting_over = false;
    ++state_.changes;
}

void StateTransfer::merged() {
    if (!state_.import_complete || !state_.importing || !state_.database.version().covers(shown_)) return;
    state_.importing = false;
    shown_ = {};
    ++state_.changes;
    state_.notice(Notice::Level::info, "the state is complete: clients are served again");
}

void StateTransfer::persisted() {
    if (state_.importing && !state_.import_complete && !asking_ && stored_ != 0 && stored_ <= state_.durable)
        ask();
}

void StateTransfer::tick() {
    state_.import_lost = state_.importing && is_lost(shown_);
    if (!state_.importing || state_.now - asked_at_ < patience || stored_ > state_.durable) return;
    if (!state_.import_complete && version_.empty()) {
        // Nothing has been joined yet: on as before, until a peer offers its state again.
        if (state_.now - asked_at_ >= patience_first || !gossip_.reachable(peer_)) give_up();
        return;
    }
    if (stuck()) {
        if (!stuck_since_) stuck_since_ = state_.now;
        if (state_.now - *stuck_since_ >= patience_stuck) start_over();
        return;
    }
    stuck_since_.reset();
    if (has_replaced_none()) state_.starting_over = false, ++state_.changes;
    const auto* source = state_.import_complete ? nullptr : next_source(version_);
    if (source == nullptr) return;
    peer_ = source->name;  // the last one may be gone: others hold this version, too
    ask();
}

// Whether it is of no use to wait for the rest of this transfer.
bool StateTransfer::stuck() const {
    return is_lost(shown_anew_ ? *shown_anew_ : shown_) ||
           (!state_.import_complete && next_source({}) != nullptr && next_source(version_) == nullptr);
}

// Some of it is neither here nor at any of those who can be reached, if any can.
bool StateTransfer::is_lost(const crdt::VersionVector& shown) const {
    const auto& here = state_.database.version();
    const auto& entries = shown.entries();
    return next_source({}) != nullptr && std::any_of(entries.begin(), entries.end(), [&](const auto& entry) {
               const auto holds = [&](const Contact& peer) {
                   return gossip_.reachable(peer.name) && !gossip_.is_given_up(peer.name) &&
                          gossip_.holds(peer.name).get(entry.origin) >= entry.seq;
               };
               return here.get(entry.origin) < entry.seq &&
                      std::none_of(state_.contacts.begin(), state_.contacts.end(), holds);
           });
}

void StateTransfer::start_over() {
    const auto& here = state_.database.version();
    const auto* source = state_.held.covers(here) ? next_source(here) : nullptr;
    if (source == nullptr) return;
    state_.large.finish();
    peer_ = source->name;
    if (std::exchange(state_.starting_over, true))
        shown_anew_.reset();  // and over again
    else
        state_.notice(
            Notice::Level::info,
            "this node has parts of transactions that nobody has whole any more: it fetches all rows "
            "anew from " +
                peer_);
    ask();
}

const Contact* StateTransfer::next_source(const crdt::VersionVector& holding) const {
    const auto& peers = state_.contacts;
    const auto last =
        std::find_if(peers.begin(), peers.end(), [&](const Contact& peer) { return peer.name == peer_; });
    const auto offset = static_cast<std::size_t>(last - peers.begin());
    for (std::size_t i = 1; i <= peers.size(); ++i) {
        const auto& peer = peers[(offset + i) % peers.size()];
        if (gossip_.reachable(peer.name) && !gossip_.is_given_up(peer.name) &&
            gossip_.holds(peer.name).covers(holding))
            return &peer;
    }
    return nullptr;
}

std::string StateTransfer::describe() const {
    if (!state_.importing) return {};
    if (state_.import_complete)
        return "it fetches the state of a peer: all of it is here, and what is newer follows, up to " +
               shown_.describe();
    const std::size_t tables = state_.schema->tables.size();
    return "it fetches the state of " + (peer_.empty() ? "a peer" : peer_) + ": " + std::to_string(bytes_) +
           " bytes, table " + std::to_string(std::min<std::size_t>(table_ + 1, tables)) + " of " +
           std::to_string(tables);
}

// ---- log ----

// version | shown so far | next table | next key | chunk | identities | forgotten | crossing | shown since it
// started over, if it has
Bytes StateTransfer::record(const wire::StateChunk& message) const {
    Bytes out;
    ByteWriter writer(out);
    version_.encode(writer);
    shown_.encode(writer);
    writer.varint(table_);
    writer.sized(from_);
    writer.sized(message.chunk);
    writer.sized(message.identities);
    writer.u64(forgotten_);
    writer.u8(static_cast<std::uint8_t>(state_.database.crossing()));
    if (shown_anew_) shown_anew_->encode(writer);
    return out;
}

Result<void> StateTransfer::recover(BytesView body) {
    ByteReader reader(body);
    const auto version = crdt::VersionVector::decode(reader);
    const auto shown = crdt::VersionVector::decode(reader);
    const std::uint64_t table = reader.varint();
    const BytesView from = reader.sized();
    const BytesView chunk = reader.sized();
    const BytesView identities = reader.sized();
    const bool forgets = !reader.done();  // records of older versions do not
    const std::uint64_t forgotten = forgets ? reader.u64() : 0;
    const std::uint8_t crossing = forgets ? reader.u8() : 0;
    shown_anew_.reset();
    state_.starting_over = !reader.done();
    if (state_.starting_over) shown_anew_ = crdt::VersionVector::decode(reader);
    if (!version || !shown || state_.starting_over != shown_anew_.has_value() || !reader.complete() ||
        table > state_.schema->tables.size() || crossing > static_cast<std::uint8_t>(Crossing::behind))
        return fail(sqlstate::io_error, "log: bad record of a state transfer");
    version_ = *version;
    shown_ = *shown;
    forgotten_ = forgotten;
    state_.database.resume_import(version_, crossing_);  // as it was before this chunk
    state_.import_complete = false;
    TRY_VOID(join(chunk, !identities.empty(), identities));
    crossing_ = Crossing{crossing};
    table_ = static_cast<std::uint32_t>(table);
    from_ = from;
    state_.import_complete = table_ == state_.schema->tables.size();
    if (!identities.empty()) {
        all_rows_replaced();
        state_.held.merge(version_);
        state_.deltas.note_known(version_);
    }
    return {};
}

void StateTransfer::start() {
    if (state_.importing && !state_.import_complete) state_.database.resume_import(version_, crossing_);
    merged();
}

void StateTransfer::image(FunctionRef<void(RecordKind, BytesView)> put) const {
    if (state_.importing && !(version_.empty() && shown_.empty())) put(RecordKind::state, record({}));
}

}  // namespace anabranch::replica
