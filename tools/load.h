// What every subcommand that reads a schema does: files to a Schema, and if wanted a Report and its Plan.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "confluence/ad_hoc.h"
#include "confluence/check.h"
#include "lib/catalog/load.h"
#include "node/replica/replica.h"

namespace anabranch::tools {

// Prints errors on standard error; null then. `behind`: texts to be loaded behind the files.
catalog::SchemaPtr load_schema(const std::vector<std::string>& files, bool assume_transactions,
                               const std::vector<catalog::ScriptFile>& behind = {});
// An example's schema lies beside the program in a checkout, or where `meson install` put it.
std::string example_file(const std::string& program, const std::string& name);
// Explains an error on standard error as "anabranch: message", detail and hint; returns 1.
int explain(const Error& error);
std::int64_t monotonic_micros();
bool is_terminal(int descriptor);

// Answers the node's questions about ad-hoc statements from a report. Statements of one form, that differ in
// constants only, are proved once.
class Analyst final : public replica::StatementAnalyst {
  public:
    explicit Analyst(confluence::Report report) : router_(std::move(report)) {}
    Result<catalog::Route> route_of(const std::string& statement,
                                    std::span<const sql::Type> parameter_types) override;

  private:
    static constexpr std::size_t known_max = 4096;
    confluence::AdHocRouter router_;
    std::map<std::string, Result<catalog::Route>> known_;  // general forms with their types
};

}  // namespace anabranch::tools
