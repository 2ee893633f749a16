// What every subcommand that reads a schema does: files to a Schema, and if wanted a Report and its Plan.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "confluence/check.h"
#include "lib/catalog/load.h"
#include "node/replica/replica.h"

namespace anabranch::tools {

// Prints errors on standard error; null then.
catalog::SchemaPtr load_schema(const std::vector<std::string>& files, bool assume_transactions);
// Explains an error on standard error as "anabranch: message", detail and hint; returns 1.
int explain(const Error& error);
std::int64_t monotonic_micros();
bool is_terminal(int descriptor);

// Answers the node's questions about ad-hoc statements from a report.
class Analyst final : public replica::StatementAnalyst {
  public:
    explicit Analyst(confluence::Report report) : report_(std::move(report)) {}
    Result<catalog::Route> route_of(const std::string& statement,
                                    std::span<const sql::Type> parameter_types) override;

  private:
    confluence::Report report_;
};

}  // namespace anabranch::tools
