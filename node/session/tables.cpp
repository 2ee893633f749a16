#include "node/session/tables.h"

#include <array>

#include "lib/catalog/system_tables.h"

namespace anabranch::session {

namespace {

using sql::Datum;
using Visit = FunctionRef<bool(std::span<const Datum>)>;

// PostgreSQL's timestamps count from 2000-01-01.
constexpr std::int64_t postgres_epoch_micros = 946'684'800'000'000;

std::string join(const std::vector<std::string>& parts, const char* between) {
    std::string out;
    for (const auto& part : parts) out += (out.empty() ? "" : between) + part;
    return out;
}

void replicas(const replica::Replica& replica, Instant now, Arena& arena, Visit visit) {
    for (const auto& peer : replica.peers(now)) {
        const std::string id = peer.id.value == 0 ? std::string() : hex(peer.id.value);
        const std::string held = peer.version.describe();
        const std::string role = peer.primary ? "primary" : peer.voter ? "voter" : "learner";
        const bool connected = peer.connected && !peer.cut;
        const std::array row{
            Datum::bytes(arena.copy(peer.name)),
            id.empty() ? Datum::null() : Datum::bytes(arena.copy(id)),
            Datum::boolean(peer.self),
            Datum::boolean(connected),
            Datum::null(),
            Datum::bytes(arena.copy(role)),
            peer.heard_micros < 0 ? Datum::null()
                                  : Datum::integer(now.micros - peer.heard_micros - postgres_epoch_micros),
            Datum::bytes(arena.copy(held)),
            Datum::integer(static_cast<std::int64_t>(peer.missing_deltas)),
        };
        if (!visit(row)) return;
    }
}

// One row per (origin, replica): how much of the origin's deltas that replica is known to hold.
void lag(const replica::Replica& replica, Instant now, Arena& arena, Visit visit) {
    const auto peers = replica.peers(now);
    const auto& known = replica.database().version();
    for (const auto& entry : known.entries()) {
        std::string origin = entry.origin == ORDER_ORIGIN ? "order" : hex(entry.origin.value);
        for (const auto& peer : peers)
            if (peer.id == entry.origin) origin = peer.name;
        for (const auto& peer : peers) {
            const auto held = peer.self ? entry.seq : peer.version.get(entry.origin);
            const std::array row{
                Datum::bytes(arena.copy(origin)), Datum::bytes(arena.copy(peer.name)),
                Datum::integer(static_cast<std::int64_t>(held)),
                Datum::integer(static_cast<std::int64_t>(entry.seq)),
                Datum::integer(static_cast<std::int64_t>(entry.seq > held ? entry.seq - held : 0))};
            if (!visit(row)) return;
        }
    }
}

void plan(const replica::Replica& replica, Arena& arena, Visit visit) {
    for (const auto& transaction : replica.plan().transactions) {
        const std::string scope = join(transaction.scope, ", ");
        const std::string reasons = join(transaction.reasons, "; ");
        const std::array row{Datum::bytes(arena.copy(transaction.name)),
                             Datum::bytes(catalog::name_of(transaction.route)),
                             Datum::bytes(arena.copy(scope)), Datum::bytes(arena.copy(reasons))};
        if (!visit(row)) return;
    }
}

}  // namespace

void Tables::rows(std::uint32_t virtual_table, Visit visit) const {
    const auto& tables = catalog::system_tables();
    if (virtual_table >= tables.size() || replica_ == nullptr) return;
    const auto& table = tables[virtual_table];
    if (table.schema != "anabranch") return;
    if (table.name == "replicas")
        replicas(*replica_, now_, arena_, visit);
    else if (table.name == "lag")
        lag(*replica_, now_, arena_, visit);
    else if (table.name == "plan")
        plan(*replica_, arena_, visit);
}

std::optional<std::string> Tables::setting(std::string_view name) const {
    if (name == "session_user" || name == "current_user")
        return user_ == nullptr ? std::string("app") : *user_;
    if (name.starts_with("anabranch."))
        return replica_ == nullptr ? std::nullopt : replica_->setting(session_, name);
    return settings_ == nullptr ? std::nullopt : settings_->get(name);
}

}  // namespace anabranch::session
