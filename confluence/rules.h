// Why a pair is confluent, or why two transactions conflict, in words.
#pragma once

#include <string>

#include "confluence/classify.h"

namespace anabranch::confluence {

struct Rule {
    std::string name;    // "cannot touch", "diamond (z3)" ...
    std::string reason;  // one sentence
    bool solver = false;
};
// Of a pair without an edge.
Rule rule_of(const smt::Analysis& analysis, const Classifier& classifier, std::uint32_t transaction,
             std::uint32_t invariant);

// Whether the transaction changes anything that the invariant reads.
bool may_touch(const smt::Analysis& analysis, std::uint32_t transaction, std::uint32_t invariant);

// One sentence about an edge, from the side of `transaction`.
std::string why(const catalog::Schema& schema, const Edge& edge, std::uint32_t transaction, bool witnessed);

}  // namespace anabranch::confluence
