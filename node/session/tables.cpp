#include "node/session/tables.h"

#include <array>

#include "lib/catalog/system_rows.h"
#include "lib/catalog/system_tables.h"
#include "lib/sql/datetime.h"
#include "lib/sql/evaluate.h"
#include "node/session/overwritten.h"

namespace anabranch::session {

namespace {

using sql::Datum;
using Visit = FunctionRef<bool(std::span<const Datum>)>;

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
                                  : Datum::integer(sql::timestamp_of(now) - peer.heard_micros),
            Datum::bytes(arena.copy(held)),
            Datum::integer(static_cast<std::int64_t>(peer.missing_deltas)),
            Datum::integer(static_cast<std::int64_t>(peer.missing_bytes)),
            Datum::floating(static_cast<double>(peer.behind_micros) / 1e6),
            Datum::integer(static_cast<std::int64_t>(replica.options().kept_bytes_max)),
            Datum::boolean(peer.needs_state),
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

// One row per ticket of a tentative call that was made at this node.
void tickets(const replica::Replica& replica, Arena& arena, Visit visit) {
    for (const auto& ticket : replica.tickets()) {
        const std::array row{
            ticket.csn == 0 ? Datum::null() : Datum::integer(static_cast<std::int64_t>(ticket.csn)),
            Datum::bytes(arena.copy(ticket.ticket)),
            Datum::bytes(arena.copy(ticket.transaction)),
            Datum::bytes(replica::describe(ticket.state)),
            Datum::bytes(arena.copy(ticket.detail)),
            Datum::integer(sql::timestamp_of(ticket.at))};
        if (!visit(row)) return;
    }
}

}  // namespace

// pg_settings: the columns that clients read; the rest is NULL.
void Tables::settings(const catalog::SystemTable& table, Visit visit) const {
    if (settings_ == nullptr) return;
    for (const auto& [name, value] : settings_->all()) {
        std::vector<Datum> row(table.columns.size());
        for (std::size_t i = 0; i < row.size(); ++i) {
            const auto column = table.columns[i].name;
            if (column == "name")
                row[i] = Datum::bytes(arena_.copy(name));
            else if (column == "setting" || column == "reset_val" || column == "boot_val")
                row[i] = Datum::bytes(arena_.copy(value));
            else if (column == "context")
                row[i] = Datum::bytes("user");
            else if (column == "vartype")
                row[i] = Datum::bytes("string");
            else if (column == "source")
                row[i] = Datum::bytes("default");
            else if (column == "pending_restart")
                row[i] = Datum::boolean(false);
        }
        if (!visit(row)) return;
    }
}

// Rows of the schema's catalogs. Their values live only as long as the visit: they are copied.
void Tables::schema_rows(std::uint32_t virtual_table, Visit visit) const {
    // The schema does not know what the client calls the database, and who the client is.
    const auto& table = catalog::system_tables()[virtual_table];
    const std::string name = setting("database").value_or(std::string());
    const std::string user = setting("user").value_or(std::string());
    std::vector<std::size_t> databases, users;
    for (std::size_t i = 0; i < table.columns.size(); ++i)
        for (const char* owner : {"rolname", "usename", "tableowner", "viewowner", "schema_owner"})
            if (table.columns[i].name == owner) users.push_back(i);
    for (std::size_t i = 0; i < table.columns.size(); ++i)
        if (table.schema == "information_schema"
                ? table.columns[i].name.ends_with("_catalog") || table.columns[i].name == "catalog_name"
                : table.columns[i].name == "datname")
            databases.push_back(i);
    std::vector<Datum> kept;
    catalog::catalog_rows(*schema_, virtual_table, [&](std::span<const Datum> row) {
        kept.assign(row.begin(), row.end());
        for (const std::size_t i : databases)
            if (kept[i].is_bytes() && !kept[i].as_bytes().empty()) kept[i] = Datum::bytes(name);
        for (const std::size_t i : users)
            if (kept[i].is_bytes()) kept[i] = Datum::bytes(user);
        for (auto& value : kept)
            if (value.is_bytes()) value = Datum::bytes(arena_.copy(value.as_bytes()));
        return visit(kept);
    });
}

void Tables::rows(std::uint32_t virtual_table, Visit visit) const {
    const auto& tables = catalog::system_tables();
    if (virtual_table >= tables.size() || replica_ == nullptr) return;
    const auto& table = tables[virtual_table];
    if (table.name == "pg_settings") return settings(table, visit);
    if (table.schema != "anabranch") return schema_rows(virtual_table, visit);
    if (table.name == "replicas")
        replicas(*replica_, now_, arena_, visit);
    else if (table.name == "lag")
        lag(*replica_, now_, arena_, visit);
    else if (table.name == "overwritten")
        overwritten_rows(*replica_, *schema_, now_, arena_, visit);
    else if (table.name == "order")
        tickets(*replica_, arena_, visit);
    else if (table.name == "plan")
        plan(*replica_, arena_, visit);
}

std::optional<std::string> Tables::setting(std::string_view name) const {
    if (name == "database") return database_ == nullptr ? std::string("anabranch") : *database_;
    if (name == sql::database_bytes)
        return replica_ == nullptr ? std::nullopt
                                   : std::optional(std::to_string(replica_->database().memory_bytes()));
    if (name == "backend_pid") return std::to_string(session_);
    if (name == "user" || name == "session_user" || name == "current_user")
        return user_ == nullptr ? std::string("app") : *user_;
    if (name.starts_with("anabranch."))
        return replica_ == nullptr ? std::nullopt : replica_->setting(session_, name);
    return settings_ == nullptr ? std::nullopt : settings_->get(name);
}

Result<std::string> Tables::configure(std::string_view name, std::string_view value, bool local) const {
    if (settings_ == nullptr) return std::string(value);
    if (name.starts_with("anabranch."))
        return fail(
            Error::make(sqlstate::feature_not_supported, "set_config() does not change " + std::string(name))
                .with_hint("Use SET."));
    TRY_VOID(local ? settings_->set_local(name, value) : settings_->set(name, value));
    return Settings::checked(name, value);
}

namespace {

// As setting() is asked for what no SET changes; the other names have no space.
constexpr std::array<std::string_view, 3> of_connection{"user", "database", "backend_pid"};

}  // namespace

// Names and values, one after the other.
std::string Tables::kept() const {
    if (settings_ == nullptr) return {};
    std::string out;
    ByteWriter writer(out);
    const auto put = [&](std::string_view name, std::string_view value) {
        writer.sized(name);
        writer.sized(value);
    };
    for (const auto name : of_connection) put(name, setting(name).value_or(std::string()));
    for (const auto& [name, value] : settings_->changed()) put(name, value);
    return out;
}

std::optional<std::string> Tables::kept(std::string_view then, std::string_view name) const {
    if (name == sql::database_bytes || name.starts_with("anabranch.")) return setting(name);
    const std::string key = Settings::key(name);
    ByteReader reader(then);
    while (!reader.failed() && !reader.complete()) {
        const auto known = reader.sized(), value = reader.sized();
        if (!reader.failed() && known == key) return std::string(value);
    }
    static const Settings fresh;
    return fresh.get(name);
}

}  // namespace anabranch::session
