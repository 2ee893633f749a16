// A seeded generator (xoshiro256**). The same seed gives the same numbers everywhere; only node/io and main
// make seeds from entropy.
#pragma once

#include <cstdint>
#include <string_view>

namespace anabranch {

class Random {
  public:
    explicit Random(std::uint64_t seed);
    std::uint64_t next();
    std::uint64_t below(std::uint64_t bound);                   // uniform in [0, bound); bound > 0
    std::int64_t between(std::int64_t low, std::int64_t high);  // uniform in [low, high]
    bool chance(double probability);
    Random fork(std::string_view
                    name);  // an independent stream; the same name from the same state gives the same stream

  private:
    std::uint64_t state_[4];
};

}  // namespace anabranch
