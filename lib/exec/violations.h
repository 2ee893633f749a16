// Some invariants on a whole state: find_violations() of engine.h for who does not ask about all of them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lib/exec/engine.h"

namespace anabranch::exec {

// Those of the invariants (indexes into Schema::invariants) that the state violates, in the order given.
std::vector<std::uint32_t> violated(const catalog::Schema& schema, const Store& store,
                                    std::span<const std::uint32_t> invariants);

}  // namespace anabranch::exec
