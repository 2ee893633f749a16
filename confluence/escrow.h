// Escrow (O'Neil 1986; Balegas 2015, bounded counters): a bound sum >= 0 over counters can be kept by handing
// out its slack as rights. Certified by the solver, one call at a time: at every state, stale ones and dead
// rows included, a call lowers the sum by at most its cost. The bound itself is not assumed after the call:
// that would be circular.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "confluence/smt/analysis.h"
#include "confluence/smt/single.h"

namespace anabranch::confluence {

struct EscrowCost {
    std::uint32_t transaction = 0;
    bool free = true;  // never lowers it
    std::string text;  // "amount", "1"
};
struct EscrowCertificate {
    std::vector<smt::LinearBound> bounds;  // the CHECK is their conjunction
    std::vector<EscrowCost> costs;         // of every transaction that may touch the CHECK
};
std::optional<EscrowCertificate> certify_escrow(const smt::Analysis& analysis, std::uint32_t invariant);

}  // namespace anabranch::confluence
