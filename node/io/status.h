// What a node says of itself to people and monitors.
#pragma once

#include <string>

#include "node/replica/replica.h"

namespace anabranch::io {

struct Counters {
    std::uint64_t clients = 0, clients_accepted = 0;
    std::uint64_t gossip_bytes_sent = 0, gossip_bytes_received = 0;
    std::uint64_t log_bytes = 0, log_disk_bytes = 0, log_syncs = 0;
    std::uint64_t turns = 0;
    std::int64_t started_micros = 0;
};
std::string status_json(const replica::Replica& replica, const catalog::Schema& schema,
                        const std::string& name, const Counters& counters, Instant now);
// Digests of the parts of a range of a table's keys (in hexadecimal), or of each row where they are few;
// empty: no such table, or no such range. By it `anabranch verify` finds where two nodes differ.
std::string ranges_json(const replica::Replica& replica, const catalog::Schema& schema,
                        const std::string& table, const std::string& from, const std::string& to);
std::string metrics_text(const replica::Replica& replica, const catalog::Schema& schema,
                         const std::string& name, const Counters& counters, Instant now);

}  // namespace anabranch::io
