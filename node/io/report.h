// What a node tells people while it runs: one line each on standard error, as text or as JSON for machines.
// Internal to node/io.
#pragma once

#include <string>

#include "node/io/node.h"

namespace anabranch::io {

class Reporter {
  public:
    explicit Reporter(const NodeConfig& config)
        : name_(config.name), json_(config.log_json), least_(config.log_least) {}
    void report(replica::Notice::Level level, const std::string& text, Instant now);

  private:
    const std::string name_;
    const bool json_;
    const replica::Notice::Level least_;
    std::string last_;
    Instant last_at_;
};

// The line, without its end. JSON: {"time": ISO 8601, "level", "node", "message"}.
std::string report_line(bool json, const std::string& node, replica::Notice::Level level,
                        const std::string& text, Instant now);

}  // namespace anabranch::io
