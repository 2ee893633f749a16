#include "node/io/status.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "lib/base/hex.h"
#include "node/replica/key_text.h"

namespace anabranch::io {

namespace {
std::string digest_text(const crdt::Database::Digest& digest) {
    return hex(digest[0]) + hex(digest[1]);
}
}  // namespace

std::string status_json(const replica::Replica& replica, const catalog::Schema& schema,
                        const std::string& name, const Counters& counters, Instant now) {
    nlohmann::ordered_json json;
    json["name"] = name;
    json["schema"] = {{"file", schema.file}, {"hash", hex(schema.hash)}};
    json["uptime_seconds"] = (now.micros - counters.started_micros) / 1'000'000;
    const auto order = replica.order_status();
    json["order"] = {{"epoch", order.epoch},
                     {"may_execute", order.may_execute},
                     {"commit", order.commit},
                     {"applied", order.applied},
                     {"survives", replica.survives()}};
    auto& members = json["members"] = nlohmann::ordered_json::array();
    for (const auto& member : replica.members())
        members.push_back({{"name", member.name},
                           {"address", member.address},
                           {"role", member.role},
                           {"primary", member.primary},
                           {"reachable", member.reachable}});
    auto& peers = json["replicas"] = nlohmann::ordered_json::array();
    for (const auto& peer : replica.peers(now)) {
        nlohmann::ordered_json entry;
        entry["name"] = peer.name;
        entry["id"] = hex(peer.id.value);
        entry["self"] = peer.self;
        entry["primary"] = peer.primary;
        entry["connected"] = peer.connected;
        entry["cut"] = peer.cut;
        entry["missing_deltas"] = peer.missing_deltas;
        entry["missing_bytes"] = peer.missing_bytes;
        entry["behind_seconds"] = static_cast<double>(peer.behind_micros) / 1e6;
        entry["needs_state"] = peer.needs_state;
        entry["heard_seconds_ago"] =
            peer.heard_micros < 0 ? nlohmann::ordered_json()
                                  : nlohmann::ordered_json(static_cast<double>(peer.heard_micros) / 1e6);
        peers.push_back(std::move(entry));
    }
    if (const auto busy = replica.under_way(); !busy.empty()) json["under_way"] = busy;
    json["version"] = replica.database().version().describe();
    auto& tables = json["tables"] = nlohmann::ordered_json::array();
    for (const auto& table : schema.tables)
        tables.push_back({{"name", table.display()},
                          {"rows", replica.database().row_count(table.id)},
                          {"digest", digest_text(replica.database().digest(table.id))}});
    json["clients"] = counters.clients;
    json["memory_bytes"] = replica.database().memory_bytes();
    json["memory_bytes_max"] = replica.options().memory_bytes_max;
    json["log_bytes"] = counters.log_bytes;
    json["log_disk_bytes"] = counters.log_disk_bytes;
    const auto checkpoint = replica.checkpoint_status();
    json["checkpoint"] = {{"running", checkpoint.running},
                          {"passes", checkpoint.passes},
                          {"bytes", checkpoint.bytes},
                          {"log_bytes_since", checkpoint.log_bytes}};
    return json.dump(2) + "\n";
}

std::string ranges_json(const replica::Replica& replica, const catalog::Schema& schema,
                        const std::string& name, const std::string& from, const std::string& to) {
    constexpr std::size_t parts = 16;
    const auto low = bytes_from_hex(from), high = bytes_from_hex(to);
    const auto table = std::find_if(schema.tables.begin(), schema.tables.end(),
                                    [&](const auto& candidate) { return candidate.display() == name; });
    if (table == schema.tables.end() || !low || !high) return {};
    nlohmann::ordered_json json;
    const auto whole = replica.database().range(table->id, *low, *high);
    json["version"] = replica.database().version().describe();
    json["keys"] = whole.keys;
    json["digest"] = digest_text(whole.digest);
    auto& ranges = json["ranges"] = nlohmann::ordered_json::array();
    for (const auto& range : replica.database().split(table->id, *low, *high, parts))
        ranges.push_back(
            {{"from", hex(BytesView(range.from))},
             {"to", hex(BytesView(range.to))},
             {"keys", range.keys},
             {"digest", digest_text(range.digest)},
             {"row", range.keys == 1 ? replica::key_text(replica.database(), table->id, range.first)
                                     : std::string()}});
    return json.dump() + "\n";
}

namespace {

std::string seconds_text(std::int64_t micros) {
    char text[32];
    std::snprintf(text, sizeof text, "%.6g", static_cast<double>(micros) / 1e6);
    return text;
}

// Prometheus' text form, of one node.
class Metrics {
  public:
    explicit Metrics(const std::string& node) : node_(node) {}
    void metric(const std::string& name, const char* type, const std::string& help) {
        text += "# HELP anabranch_" + name + " " + help + "\n# TYPE anabranch_" + name + " " + type + "\n";
    }
    void line(const std::string& name, const std::string& labels, const std::string& value) {
        text += "anabranch_" + name + "{node=\"" + node_ + "\"" + labels + "} " + value + "\n";
    }
    void value(const std::string& name, const std::string& labels, std::uint64_t n) {
        line(name, labels, std::to_string(n));
    }
    void counter(const std::string& name, const std::string& help, std::uint64_t n) {
        metric(name, "counter", help);
        value(name, "", n);
    }
    void gauge(const std::string& name, const std::string& help, std::uint64_t n) {
        metric(name, "gauge", help);
        value(name, "", n);
    }
    std::string text;

  private:
    const std::string& node_;
};

// What gossip has brought. Prometheus counts a histogram's buckets from the least on.
void add_traffic(Metrics& out, const replica::Traffic& traffic) {
    out.counter("deltas_received_total", "Deltas that peers sent.", traffic.deltas_received);
    out.counter("deltas_merged_total", "Of those, new here.", traffic.deltas_merged);
    out.counter("deltas_waited_total", "Of those, came before what they depend on.", traffic.deltas_waited);
    out.counter("deltas_dropped_total", "Came too early, and there was no room to wait.",
                traffic.deltas_dropped);
    out.metric("delta_age_seconds", "histogram",
               "Age of peers' deltas when they were merged here, by the clocks of both.");
    std::uint64_t sum = 0;
    const auto& age = traffic.age;
    for (std::size_t i = 0; i < age.counts.size(); ++i) {
        sum += age.counts[i];
        const bool last = i == replica::Durations::bounds_micros.size();
        out.line("delta_age_seconds_bucket",
                 ",le=\"" + (last ? "+Inf" : seconds_text(replica::Durations::bounds_micros[i])) + "\"",
                 std::to_string(sum));
    }
    out.line("delta_age_seconds_sum", "", seconds_text(static_cast<std::int64_t>(age.sum_micros)));
    out.line("delta_age_seconds_count", "", std::to_string(sum));
}

// What the tables hold.
void add_rows(Metrics& out, const replica::Replica& replica, const catalog::Schema& schema) {
    const auto& database = replica.database();
    out.gauge("memory_bytes", "Memory held by rows and indexes.", database.memory_bytes());
    out.metric("rows", "gauge", "Rows per table.");
    for (const auto& table : schema.tables)
        out.value("rows", ",table=\"" + table.display() + "\"", database.row_count(table.id));
    out.gauge("tombstones", "Deleted rows that are kept until every member knows of them.",
              database.tombstones());
    out.counter("tombstones_removed_total", "Deleted rows that were kept, and are forgotten now.",
                database.removed());
}

}  // namespace

std::string metrics_text(const replica::Replica& replica, const catalog::Schema& schema,
                         const std::string& name, const Counters& counters, Instant now) {
    Metrics out(name);
    out.gauge("clients", "Open client connections.", counters.clients);
    out.counter("clients_accepted_total", "Client connections accepted.", counters.clients_accepted);
    out.counter("gossip_bytes_sent_total", "Bytes sent to peers.", counters.gossip_bytes_sent);
    out.counter("gossip_bytes_received_total", "Bytes received from peers.", counters.gossip_bytes_received);
    add_traffic(out, replica.traffic());
    out.counter("log_bytes_total", "Bytes written to the log since the start.", counters.log_bytes);
    out.counter("log_syncs_total", "Times that the log was synced to the disk since the start.",
                counters.log_syncs);
    out.gauge("log_disk_bytes", "Bytes that the log takes on disk.", counters.log_disk_bytes);
    const auto checkpoint = replica.checkpoint_status();
    out.counter("checkpoints_total", "Checkpoints completed since the start.", checkpoint.passes);
    out.gauge("checkpoint_bytes", "Size of the last checkpoint.", checkpoint.bytes);
    out.counter("overwritten_total", "Last-writer losses since the start.", replica.overwritten().count());
    add_rows(out, replica, schema);
    const auto order = replica.order_status();
    out.gauge("order_committed_csn", "Position up to which the order is committed, as far as known here.",
              order.commit);
    out.gauge("order_epoch", "Epoch of the order.", order.epoch);
    const auto& work = replica.order_work();
    out.counter("order_entries_total", "Entries of the order that this node has proposed.", work.entries);
    out.counter("order_entries_ahead_total", "Of those, executed while earlier ones were not committed.",
                work.ahead);
    out.counter("order_calls_total", "Ordered calls in those entries.", work.calls);
    out.metric("peer_connected", "gauge", "1 while a peer is connected.");
    const auto peers = replica.peers(now);
    for (const auto& peer : peers)
        if (!peer.self)
            out.value("peer_connected", ",peer=\"" + peer.name + "\"", peer.connected && !peer.cut ? 1 : 0);
    out.metric("peer_missing_deltas", "gauge", "Deltas that a peer is not known to hold.");
    for (const auto& peer : peers)
        if (!peer.self) out.value("peer_missing_deltas", ",peer=\"" + peer.name + "\"", peer.missing_deltas);
    out.metric("peer_missing_bytes", "gauge", "Bytes of deltas kept here that a peer is not known to hold.");
    for (const auto& peer : peers)
        if (!peer.self) out.value("peer_missing_bytes", ",peer=\"" + peer.name + "\"", peer.missing_bytes);
    out.metric("peer_behind_milliseconds", "gauge",
               "Age of the oldest delta that a peer is not known to hold.");
    for (const auto& peer : peers)
        if (!peer.self)
            out.value("peer_behind_milliseconds", ",peer=\"" + peer.name + "\"",
                      static_cast<std::uint64_t>(peer.behind_micros / 1000));
    return std::move(out.text);
}

}  // namespace anabranch::io
