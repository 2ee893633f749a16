// Why this replica takes no writes, or serves nobody, at the moment. Internal to node/replica.
#pragma once

#include <optional>

#include "node/replica/state.h"

namespace anabranch::replica {

// Full disk 53100, full memory 53200, an old copy of a directory 55000; `removes`: the write only makes room.
std::optional<Error> refusal_of_writes(const State& state, bool removes = false);
// Half a state is here, 57P03.
std::optional<Error> refusal_of_all(const State& state);

}  // namespace anabranch::replica
