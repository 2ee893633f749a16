#include "node/replica/audit.h"

#include <algorithm>
#include <utility>

#include "node/replica/key_text.h"

namespace anabranch::replica {

namespace {
constexpr std::size_t parts = 16;  // a range is split into
constexpr std::size_t ranges_per_message = 32;
constexpr std::uint64_t keys_at_once = 16;  // a range of so many is sent whole
constexpr Duration audit_patience = seconds(1);
constexpr std::size_t keys_named = 5;
}  // namespace

Audit::Digests Audit::own() const {
    Digests out;
    for (const auto& table : state_.schema->tables) {
        const auto digest = state_.database.digest(table.id);
        out.insert(out.end(), digest.begin(), digest.end());
    }
    return out;
}

// Nothing beyond this version shows in the tables.
bool Audit::steady(const crdt::VersionVector& version) const {
    return !state_.importing && state_.held == version && state_.database.version() == version;
}

// ---- comparing ----

void Audit::have(const std::string& peer, const wire::Have& message) {
    const auto version = from_wire(message.version);
    if (message.digests.empty() || !steady(version)) return;
    const Digests mine = own();
    if (mine.size() != message.digests.size()) return;
    auto& told = told_[peer];
    told.version = version;
    told.digests = message.digests;
    told.differed.resize(state_.schema->tables.size());
    for (std::size_t table = 0; table < told.differed.size(); ++table) {
        const bool differs = !std::equal(mine.begin() + static_cast<std::ptrdiff_t>(2 * table),
                                         mine.begin() + static_cast<std::ptrdiff_t>(2 * table + 2),
                                         message.digests.begin() + static_cast<std::ptrdiff_t>(2 * table));
        if (differs && !told.differed[table]) {
            ++alarms_;
            state_.notice(Notice::Level::alarm, "divergence: table " +
                                                    state_.schema->tables[table].display() +
                                                    " differs from peer " + peer +
                                                    " at equal version vectors " + version.describe());
        }
        told.differed[table] = differs;
        if (differs && !search_ && wrong_here(table, mine, told.digests)) begin(peer, table);
    }
}

// More than half of all members agree with that peer.
bool Audit::wrong_here(std::size_t table, const Digests& mine, const Digests& theirs) const {
    std::size_t agree = 0;
    const auto same = [&](const Digests& digests) {
        return digests.size() == mine.size() && digests[2 * table] == theirs[2 * table] &&
               digests[2 * table + 1] == theirs[2 * table + 1];
    };
    for (const auto& [name, told] : told_) agree += told.version == state_.held && same(told.digests) ? 1 : 0;
    return agree > gossip_.member_count() / 2;
}

// ---- the replica that is wrong ----

void Audit::begin(const std::string& peer, std::size_t table) {
    search_.emplace();
    search_->peer = peer;
    search_->table = {static_cast<std::uint32_t>(table)};
    search_->version = state_.held;
    search_->open.push_back({});
    ask();
}

void Audit::ask() {
    auto& search = *search_;
    search.asked = std::min(search.open.size(), ranges_per_message);
    search.asked_at = state_.now;
    ++search.messages;
    wire::AuditRequest request;
    request.version = to_wire(search.version);
    request.table = search.table.value;
    request.asked = search.messages;
    request.ranges.assign(search.open.begin(),
                          search.open.begin() + static_cast<std::ptrdiff_t>(search.asked));
    state_.out->push_back(Send{search.peer, std::move(request), 0});
}

Result<void> Audit::answer(const std::string& peer, const wire::AuditAnswer& message) {
    if (!search_ || search_->peer != peer || search_->table.value != message.table ||
        from_wire(message.version) != search_->version || message.asked != search_->messages)
        return {};
    if (!steady(search_->version) || !state_.log_space) return search_.reset(), Result<void>();
    for (const auto& chunk : message.chunks) {
        TRY(const auto changed, state_.database.replace(chunk));
        if (changed.empty()) continue;
        state_.append(RecordKind::healed, chunk);
        ++state_.changes;
        search_->changed.insert(search_->changed.end(), changed.begin(), changed.end());
    }
    search_->open.erase(search_->open.begin(),
                        search_->open.begin() + static_cast<std::ptrdiff_t>(search_->asked));
    for (const auto& range : message.ranges) {
        const auto here = state_.database.range(search_->table, range.from, range.to);
        if (here.keys != range.keys || here.digest[0] != range.digest_low ||
            here.digest[1] != range.digest_high)
            search_->open.push_back(range);
    }
    search_->open.empty() ? end() : ask();
    return {};
}

void Audit::end() {
    const auto search = std::move(*search_);
    search_.reset();
    std::string keys;
    for (std::size_t i = 0; i < std::min(search.changed.size(), keys_named); ++i)
        keys += (i > 0 ? ", " : "") + key_text(state_.database, search.table, search.changed[i]);
    if (search.changed.size() > keys_named) keys += " ...";
    const std::string what = std::to_string(search.changed.size()) + " rows of table " +
                             state_.schema->tables[search.table.value].display();
    state_.notice(Notice::Level::alarm, "divergence: " + what +
                                            " were not what a majority has, and have been taken from peer " +
                                            search.peer + ": " + keys);
}

void Audit::tick() {
    if (!search_ || state_.now - search_->asked_at < audit_patience) return;
    if (steady(search_->version) && gossip_.reachable(search_->peer)) return ask();
    search_.reset();
}

Result<void> Audit::recover(BytesView body) {
    TRY(const auto changed, state_.database.replace(body));
    return {};
}

// ---- the peer that is asked ----

void Audit::request(const std::string& peer, const wire::AuditRequest& message) {
    if (!steady(from_wire(message.version)) || message.table >= state_.schema->tables.size() ||
        message.ranges.size() > ranges_per_message)
        return;
    wire::AuditAnswer answer;
    answer.version = message.version;
    answer.table = message.table;
    answer.asked = message.asked;
    const TableId table{message.table};
    std::size_t bytes = 0;
    for (const auto& range : message.ranges) {
        const auto here = state_.database.range(table, range.from, range.to);
        if (here.keys <= keys_at_once && bytes < state_.options.slice_bytes) {
            auto chunk = state_.database.export_chunk(table, range.from, SIZE_MAX, range.to);
            bytes += chunk.bytes.size();
            answer.chunks.push_back(std::move(chunk.bytes));
        } else {
            for (auto& part : state_.database.split(table, range.from, range.to, parts))
                answer.ranges.push_back(
                    {std::move(part.from), std::move(part.to), part.keys, part.digest[0], part.digest[1]});
        }
    }
    const Ticket after = state_.pending.empty() ? 0 : state_.pending.back().ticket;
    state_.out->push_back(Send{peer, std::move(answer), after});
}

}  // namespace anabranch::replica
