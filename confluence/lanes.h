// Work that falls into lanes: what is in one lane is done in order, one thing after another, and shares what
// a lane has; lanes share nothing that changes. So results depend on how the work is dealt out to lanes, and
// never on how many threads there are or which of them was faster.
#pragma once

#include <cstddef>
#include <functional>

namespace anabranch::confluence {

// Runs work(lane) once for each lane, in the order of their numbers when there is one thread. Rethrows what
// the first lane (by its number) threw.
void run_lanes(std::size_t lanes, std::size_t threads, const std::function<void(std::size_t lane)>& work);

}  // namespace anabranch::confluence
