// Invariants over symbolic states: the condition "some rows in slots violate it". Its negation is what is
// assumed of a valid state (a weaker statement than the invariant, which also speaks of the rest: sound);
// itself is what a proof must refute of the merged state.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "confluence/smt/analysis.h"
#include "confluence/smt/eval.h"
#include "lib/catalog/schema.h"

namespace anabranch::confluence::smt {

struct Violated {
    z3::expr holds;
    bool opaque = false;  // contains something without an encoding
};

class InvariantEncoder {
  public:
    InvariantEncoder(Universe& universe, std::vector<RestKey>* rest_keys)
        : universe_(universe), evaluator_(universe, nullptr) {
        evaluator_.share_rest_keys(rest_keys);
    }
    // Nothing for a lost update, which is no condition on a state.
    std::optional<Violated> violated(const catalog::Invariant& invariant, const State& state);
    z3::expr violated(const Bound& bound, const State& state);

  private:
    z3::expr check(TableId table, const sql::ExprPtr& condition, const State& state);
    z3::expr not_null(TableId table, std::uint32_t column, const State& state);
    z3::expr key(TableId table, std::uint32_t index, const State& state);
    z3::expr foreign_key(TableId table, std::uint32_t index, const State& state);
    z3::expr exclusion(TableId table, std::uint32_t index, const State& state);
    z3::expr over_row(const sql::ExprPtr& e, TableId table, std::uint32_t slot);
    Val value_over_row(const sql::Expr& e, TableId table, std::uint32_t slot);

    Universe& universe_;
    Evaluator evaluator_;
    std::map<std::pair<std::uint32_t, std::uint32_t>, sql::QueryPtr> parents_;
};

// Rows that a violating instance consists of, per table.
std::map<TableId, std::uint32_t> rows_of_violation(const catalog::Schema& schema,
                                                   const catalog::Invariant& invariant);

}  // namespace anabranch::confluence::smt
