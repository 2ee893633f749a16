// Calls for any schema: a declared transaction with arguments drawn from small domains, from the keys that
// exist at the replica, and from constants of the schema, so that calls meet each other.
#pragma once

#include <string>
#include <vector>

#include "crdt/database.h"
#include "lib/base/random.h"
#include "lib/catalog/schema.h"

namespace anabranch::sim {

class Workload {
  public:
    explicit Workload(const catalog::Schema& schema);
    // CALL name(...) or SELECT * FROM name(...); empty when the schema has nothing to call.
    std::string next(const crdt::Database& state, Random& random) const;

  private:
    std::string argument(const catalog::Parameter& parameter, const crdt::Database& state,
                         Random& random) const;
    std::string existing_key(const sql::Type& type, const crdt::Database& state, Random& random) const;
    const catalog::Schema& schema_;
    std::vector<std::uint32_t> callable_;
};

}  // namespace anabranch::sim
