// What a node says of itself on its HTTP port, for `bench`.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "tools/cluster.h"

namespace anabranch::tools {

// By the name without "anabranch_", summed over labels; a histogram's bucket as "name_bucket BOUND".
using Metrics = std::map<std::string, double>;

double number(const std::string& text);
// Of anything that answers GET /metrics; `prefix` is taken off the names that have it.
Result<Metrics> metrics_at(std::uint16_t port, const std::string& prefix);
Result<std::vector<Metrics>> metrics_of(const Cluster& cluster);
double sum(const std::vector<Metrics>& all, const std::string& name);
double grown(const std::vector<Metrics>& before, const std::vector<Metrics>& after, const std::string& name);
// The primary of the order: its place in cluster.nodes(). Waits a while for one to be elected.
Result<std::size_t> primary_of(const Cluster& cluster);

}  // namespace anabranch::tools
