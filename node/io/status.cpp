#include "node/io/status.h"

#include <nlohmann/json.hpp>

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
                     {"applied", order.applied}};
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

std::string metrics_text(const replica::Replica& replica, const catalog::Schema& schema,
                         const std::string& name, const Counters& counters, Instant now) {
    std::string out;
    const auto metric = [&](const std::string& metric_name, const char* type, const std::string& help) {
        out += "# HELP anabranch_" + metric_name + " " + help + "\n# TYPE anabranch_" + metric_name + " " +
               type + "\n";
    };
    const auto value = [&](const std::string& metric_name, const std::string& labels, std::uint64_t n) {
        out +=
            "anabranch_" + metric_name + "{node=\"" + name + "\"" + labels + "} " + std::to_string(n) + "\n";
    };
    metric("clients", "gauge", "Open client connections.");
    value("clients", "", counters.clients);
    metric("clients_accepted_total", "counter", "Client connections accepted.");
    value("clients_accepted_total", "", counters.clients_accepted);
    metric("gossip_bytes_sent_total", "counter", "Bytes sent to peers.");
    value("gossip_bytes_sent_total", "", counters.gossip_bytes_sent);
    metric("gossip_bytes_received_total", "counter", "Bytes received from peers.");
    value("gossip_bytes_received_total", "", counters.gossip_bytes_received);
    metric("log_bytes_total", "counter", "Bytes written to the log since the start.");
    value("log_bytes_total", "", counters.log_bytes);
    metric("log_disk_bytes", "gauge", "Bytes that the log takes on disk.");
    value("log_disk_bytes", "", counters.log_disk_bytes);
    const auto checkpoint = replica.checkpoint_status();
    metric("checkpoints_total", "counter", "Checkpoints completed since the start.");
    value("checkpoints_total", "", checkpoint.passes);
    metric("checkpoint_bytes", "gauge", "Size of the last checkpoint.");
    value("checkpoint_bytes", "", checkpoint.bytes);
    metric("overwritten_total", "counter", "Last-writer losses since the start.");
    value("overwritten_total", "", replica.overwritten().count());
    metric("memory_bytes", "gauge", "Memory held by rows and indexes.");
    value("memory_bytes", "", replica.database().memory_bytes());
    const auto order = replica.order_status();
    metric("order_committed_csn", "gauge",
           "Position up to which the order is committed, as far as known here.");
    value("order_committed_csn", "", order.commit);
    metric("order_epoch", "gauge", "Epoch of the order.");
    value("order_epoch", "", order.epoch);
    metric("rows", "gauge", "Rows per table.");
    for (const auto& table : schema.tables)
        value("rows", ",table=\"" + table.display() + "\"", replica.database().row_count(table.id));
    metric("peer_connected", "gauge", "1 while a peer is connected.");
    const auto peers = replica.peers(now);
    for (const auto& peer : peers)
        if (!peer.self)
            value("peer_connected", ",peer=\"" + peer.name + "\"", peer.connected && !peer.cut ? 1 : 0);
    metric("peer_missing_deltas", "gauge", "Deltas that a peer is not known to hold.");
    for (const auto& peer : peers)
        if (!peer.self) value("peer_missing_deltas", ",peer=\"" + peer.name + "\"", peer.missing_deltas);
    metric("peer_missing_bytes", "gauge", "Bytes of deltas kept here that a peer is not known to hold.");
    for (const auto& peer : peers)
        if (!peer.self) value("peer_missing_bytes", ",peer=\"" + peer.name + "\"", peer.missing_bytes);
    metric("peer_behind_milliseconds", "gauge", "Age of the oldest delta that a peer is not known to hold.");
    for (const auto& peer : peers)
        if (!peer.self)
            value("peer_behind_milliseconds", ",peer=\"" + peer.name + "\"",
                  static_cast<std::uint64_t>(peer.behind_micros / 1000));
    return out;
}

}  // namespace anabranch::io
