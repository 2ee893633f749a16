// The coordination plan: how each transaction of one schema runs. The checker makes it, a node obeys it;
// neither knows the other. A plan belongs to one schema hash and names the assumptions its proofs rely on; a
// node refuses a plan of another schema.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/error.h"

namespace anabranch::catalog {

enum class Route : std::uint8_t { free, escrow, ordered, read_only, skipped };
const char* name_of(Route route);

struct PlannedTransaction {
    std::string name;
    Route route = Route::ordered;
    std::vector<std::string> scope;  // parameters whose values key the order; empty = the whole transaction
    std::vector<std::string>
        reasons;  // one sentence each: "conflicts with withdraw on accounts_balance_check"
};

struct Plan {
    std::uint64_t schema_hash = 0;
    std::vector<PlannedTransaction> transactions;  // same order as Schema::transactions
    std::vector<std::string> assumptions;
};

std::string to_json(const Plan& plan);
Result<Plan> plan_from_json(const std::string& text);

}  // namespace anabranch::catalog
