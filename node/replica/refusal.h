// Why this replica takes no writes, or serves nobody, at the moment. Internal to node/replica.
#pragma once

#include <optional>

#include "node/replica/state.h"

namespace anabranch::replica {

inline constexpr std::string_view program_limit_exceeded = "54000";

// Full disk 53100, full memory 53200, an old copy of a directory 55000; `removes`: the write only makes room.
std::optional<Error> refusal_of_writes(const State& state, bool removes = false);
// Of a free one: nobody can tell yet what this data directory has missed, 57P03.
std::optional<Error> refusal_of_deltas(const State& state);
// A transaction that is ready to commit: too large for one message between nodes 54000, for what is free on
// the log's disk 53100. `bytes`: of its log record.
std::optional<Error> refusal_of_size(const State& state, const exec::WriteSet& writes, std::size_t bytes);
// Half a state is here, 57P03.
std::optional<Error> refusal_of_all(const State& state);

}  // namespace anabranch::replica
